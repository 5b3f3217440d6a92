//! How the echo of the loudspeaker does: now, and over the whole talk.

use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};

use super::tell::rounded;
use crate::{
    audio::{EchoHealth, Nanos, note::EchoStep},
    duplex::FarGauges,
};

/// Machines are told at most so often.
const TOLD_EACH: Nanos = Nanos::from_secs(1);
/// A canceller that trusts itself less knows no delay.
const TRUSTED: f32 = 0.5;

/// What the canceller said.
#[derive(Debug, Default)]
pub(in crate::cli) struct Echo {
    newest: Option<EchoHealth>,
    count: u32,
    trusted: u32,
    /// Sums of return loss and enhancement, in decibels.
    sums_db: [f64; 2],
    /// The delay while it was trusted last.
    delay_ms: Option<f32>,
    /// The newest was not told to machines yet.
    fresh: bool,
    told_at: Option<Nanos>,
    step: EchoStep,
    /// How often it got out of control, and as far as half duplex.
    rises: [u32; 2],
}

impl Echo {
    pub(in crate::cli) fn hear(&mut self, health: EchoHealth) {
        self.newest = Some(health);
        self.fresh = true;
        self.count = self.count.saturating_add(1);
        self.sums_db[0] += f64::from(health.return_loss_db);
        self.sums_db[1] += f64::from(health.enhancement_db);
        if health.trust >= TRUSTED {
            self.trusted = self.trusted.saturating_add(1);
            self.delay_ms = Some(health.delay_ms);
        }
    }

    /// We are so careful from now on; what to tell of it.
    pub(in crate::cli) fn go_to(&mut self, step: EchoStep) -> &'static str {
        let before = std::mem::replace(&mut self.step, step);
        let rose = step > before;
        self.rises[0] += u32::from(rose && before == EchoStep::Free);
        self.rises[1] += u32::from(rose && step == EchoStep::Half);
        match (step, rose) {
            (EchoStep::Free, _) => "the echo is under control again",
            (EchoStep::Quieter, true) => {
                "the echo is not under control: replies are quieter until it is"
            }
            (EchoStep::Strict, true) => {
                "the echo is still not under control: it takes more words to interrupt"
            }
            (EchoStep::Half, _) => {
                "the echo is not under control: wait until the model has finished, \
                 or wear a headset"
            }
            (EchoStep::Strict, false) => {
                "the echo is better: you can interrupt again, with more words"
            }
            (EchoStep::Quieter, false) => {
                "the echo is better: you can interrupt as usual, replies are still quieter"
            }
        }
    }

    /// What is left of the loudspeaker, in a few characters.
    pub(in crate::cli) fn badge(&self) -> Option<String> {
        self.newest.map(|health| format!("echo {:.0} dB", residual_db(&health)))
    }

    /// The newest for machines, at most once a second.
    pub(in crate::cli) fn take(&mut self, now: Nanos, at_s: f64, far: &FarGauges) -> Option<Value> {
        let soon = self.told_at.is_some_and(|told| now.since(told) < TOLD_EACH);
        let health = self.newest.filter(|_| self.fresh && !soon)?;
        self.fresh = false;
        self.told_at = Some(now);
        Some(json!({
            "event": "echo",
            "t": at_s,
            "return_loss_db": tenth(health.return_loss_db),
            "enhancement_db": tenth(health.enhancement_db),
            "residual_db": tenth(residual_db(&health)),
            "trust": tenth(health.trust * 10.0) / 10.0,
            "delay_ms": tenth(health.delay_ms),
            "drift_ppm": rounded(drift_ppm(far)),
        }))
    }

    /// The whole talk in one line; none where no loudspeaker was heard beside
    /// a canceller.
    pub(in crate::cli) fn fact(&self) -> Option<String> {
        let [lost, half] = self.rises;
        let guarded = match lost + half {
            0 => String::new(),
            _ => format!("; {lost} times out of control, {half} times half duplex for it"),
        };
        let Some(count) = Some(self.count).filter(|count| *count > 0) else {
            return (lost + half > 0).then(|| format!("no word of the canceller{guarded}"));
        };
        let [loss, enhancement] = self.sums_db.map(|sum| sum / f64::from(count));
        let delay = self.delay_ms.map_or_else(String::new, |ms| format!("{ms:.0} ms late, "));
        let trusted = 100 * u64::from(self.trusted) / u64::from(count);
        Some(format!(
            "{} dB at the microphone, {} dB after the canceller, of what was played; {delay}\
             trusted {trusted} % of the time{guarded}",
            whole(-loss),
            whole(-loss - enhancement)
        ))
    }
}

/// How much faster the loudspeaker's clock runs than the microphone's.
pub(super) fn drift_ppm(far: &FarGauges) -> f64 {
    f64::from(far.drift_ppb.load(Relaxed)) / 1e3
}

/// What leaves the canceller, over what was played.
fn residual_db(health: &EchoHealth) -> f32 {
    -(health.return_loss_db + health.enhancement_db)
}

fn tenth(value: f32) -> f64 {
    (f64::from(value) * 10.0).round() / 10.0
}

/// Without "-0".
fn whole(db: f64) -> i64 {
    db.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEALTH: EchoHealth =
        EchoHealth { return_loss_db: 11.26, enhancement_db: 30.0, trust: 0.9, delay_ms: 32.0 };

    #[test]
    fn machines_are_told_once_a_second_and_nothing_twice() {
        let (mut echo, far) = (Echo::default(), FarGauges::default());
        far.drift_ppb.store(-12_500, Relaxed);
        assert_eq!(echo.take(Nanos::ZERO, 0.0, &far), None);
        let told = (0..30u64).filter_map(|tenths| {
            echo.hear(HEALTH);
            echo.take(Nanos::from_ms(100 * tenths), tenths as f64 / 10.0, &far)
        });
        let told: Vec<Value> = told.collect();
        assert_eq!(told.len(), 3);
        let expected = json!({
            "event": "echo", "t": 1.0, "return_loss_db": 11.3, "enhancement_db": 30.0,
            "residual_db": -41.3, "trust": 0.9, "delay_ms": 32.0, "drift_ppm": -12.5,
        });
        assert_eq!(told[1], expected);
        assert!(echo.take(Nanos::from_ms(3_900), 3.9, &far).is_some());
        assert_eq!(echo.take(Nanos::from_secs(9), 9.0, &far), None, "nothing new");
    }

    #[test]
    fn a_talk_is_summed_up_in_one_line() {
        let mut echo = Echo::default();
        assert_eq!((echo.fact(), echo.badge()), (None, None));
        let untrusted = EchoHealth { trust: 0.1, delay_ms: 900.0, ..HEALTH };
        for health in [untrusted, HEALTH, HEALTH, HEALTH] {
            echo.hear(health);
        }
        let expected = "-11 dB at the microphone, -41 dB after the canceller, of what was played; \
                        32 ms late, trusted 75 % of the time";
        assert_eq!(echo.fact().unwrap(), expected);
        assert_eq!(echo.badge().unwrap(), "echo -41 dB");
    }

    #[test]
    fn each_step_is_told_and_the_rises_are_counted() {
        use EchoStep::{Free, Half, Quieter, Strict};
        let mut echo = Echo::default();
        let words: Vec<_> = [Quieter, Strict, Half, Strict, Quieter, Free, Half]
            .map(|step| echo.go_to(step))
            .into_iter()
            .collect();
        assert!(words[0].contains("quieter until it is") && words[2].contains("headset"));
        assert!((3..6).all(|i| !words[i].contains("not under control")), "{words:?}");
        let expected =
            "no word of the canceller; 2 times out of control, 2 times half duplex for it";
        assert_eq!(echo.fact().unwrap(), expected);
    }

    #[test]
    fn a_headset_that_lets_nothing_through_has_no_delay() {
        let mut echo = Echo::default();
        echo.hear(EchoHealth { return_loss_db: 0.0, enhancement_db: 0.0, trust: 0.0, ..HEALTH });
        assert!(echo.fact().unwrap().starts_with("0 dB at the microphone, 0 dB after"));
        assert!(echo.fact().unwrap().ends_with("played; trusted 0 % of the time"));
    }
}
