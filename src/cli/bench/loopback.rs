//! `loopback`: the round trip from the speaker to the microphone, through the
//! callback halves of a talk.

use super::{Asked, Bench, Device};
use crate::{
    cli::{
        exit::{Exit, Failure},
        sound,
        test_signal::{Recorded, TestSignal, record},
    },
    device::{
        Backend, Clock, Offer,
        card::{Card, Room},
    },
    engine::spec_of,
    measure::{
        loopback::{APART_S, Found, Trip, bursts, examine},
        results::{Measurement, Unit},
    },
    sim::{
        replay::far::at_rate,
        room::{self, RoomSettings},
        seed::Seed,
    },
};

/// The part's name in the results.
pub(super) const PART: &str = "loopback";
/// How long it sounds, in seconds.
const SECONDS: f64 = 10.0;
/// Before that, streams settle and the far end finds its place.
const WARM_S: f64 = 2.0;
/// After it, what is still on its way comes in.
const TAIL_S: f64 = 1.2;
/// The room around the virtual card: 20 ms of air and an echo of −26 dBFS.
const ROOM: &str = "laptop";

fn sounding_s(asked: &Asked) -> f64 {
    asked.seconds.unwrap_or(SECONDS)
}

/// About.
pub(super) fn expected_s(asked: &Asked) -> f64 {
    WARM_S + sounding_s(asked) + TAIL_S + 2.0
}

/// Plays bursts of noise and finds them.
pub(super) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let mut backend: Box<dyn Backend> = match bench.asked.device {
        Some(Device::Card) => Box::new(card()?),
        Some(Device::Real) | None => sound::backend(&bench.plan.device).map_err(Failure::device)?,
    };
    let offer = backend.offer(&spec_of(bench.plan)).map_err(Failure::device)?;
    bench.remark(format!(
        "loopback: {} at {}, {} at {}; the first {WARM_S:.0} s do not count",
        offer.capture_name, offer.capture_rate, offer.render_name, offer.render_rate
    ));
    let Some(recorded) = play(bench, backend.as_mut(), offer)? else { return Ok(()) };
    let offer = &recorded.offer;
    let Some(found) = found(&recorded)? else {
        return Err(Failure::new(
            Exit::Device,
            format!(
                "nothing of what \"{}\" played came back to \"{}\"; turn the speaker up, hold the \
                 microphone to it, or join them by a cable",
                offer.render_name, offer.capture_name
            ),
        ));
    };
    let case = format!("{} → {}", offer.render_name, offer.capture_name);
    bench.results.measurements.extend(measured(&case, &found, &recorded));
    Ok(())
}

/// A virtual card with a known way from the speaker to the microphone.
fn card() -> Result<Card, Failure> {
    let settings = RoomSettings::named(ROOM);
    let settings = settings.ok_or_else(|| Failure::internal("there is no such room"))?;
    Ok(Card::new("virtual card", Around(room::Room::new(&settings, 48e3, 48e3, Seed::new(1)))))
}

struct Around(room::Room);

impl Room for Around {
    fn pass(&mut self, heard: &[f32], microphone: &mut [f32]) -> bool {
        self.0.play(heard);
        self.0.hear(microphone);
        true
    }
}

/// Bursts of noise for so many seconds.
fn test_signal(offer: &Offer, seconds: f64) -> TestSignal {
    let many = ((seconds / APART_S).round() as usize).max(1);
    TestSignal { sound: bursts(offer.render_rate, many), before_s: WARM_S, after_s: TAIL_S }
}

/// None where the user wants no more.
fn play(
    bench: &mut Bench,
    backend: &mut dyn Backend,
    offer: Offer,
) -> Result<Option<Recorded>, Failure> {
    let (plan, signal) = (bench.plan, test_signal(&offer, sounding_s(&bench.asked)));
    let goes_on = |share| bench.goes_on(share, "loopback: it sounds");
    let recorded = record(plan, backend, Clock::start(), offer, signal, goes_on)?;
    if let Some(Recorded { timed_out: true, runs, offer, .. }) = &recorded {
        let all_run = *runs == [true; 2];
        let why = if all_run { "stands still" } else { "was opened, but no callback came" };
        return Err(Failure::device(format!(
            "\"{}\" or \"{}\" {why}; choose another device, or restart the sound server",
            offer.capture_name, offer.render_name
        )));
    }
    bench.goes_on(0.95, "loopback: looking for the bursts")?;
    Ok(recorded)
}

/// None where no burst was heard.
fn found(recorded: &Recorded) -> Result<Option<Found>, Failure> {
    let Recorded { offer, sound, far, microphone, margins, .. } = recorded;
    let rate = offer.capture_rate;
    let sound = at_rate(sound.clone(), offer.render_rate, rate).map_err(Failure::device)?;
    Ok(examine(Trip { rate, far, microphone, margins, sound: &sound }))
}

fn measured(case: &str, found: &Found, recorded: &Recorded) -> Vec<Measurement> {
    let names = |name, what| [PART, case, name, what];
    let number = Measurement::number;
    let missed = found.played as u64 - found.delay_ms.count;
    let mut measured = vec![
        Measurement::spread(
            names("round_trip", "speaker's callback → microphone"),
            Unit::Ms,
            found.delay_ms.clone(),
        ),
        number(names("jitter", "the farthest burst from the median"), Unit::Ms, found.jitter_ms),
    ];
    if let Some(ppm) = found.drift_ppm {
        let what = "the microphone's clock, faster than the speaker's";
        measured.push(number(names("drift", what), Unit::Ppm, ppm));
    }
    let counts = [
        ("missed", "bursts that were not heard", missed),
        ("lost_frames", "captured frames lost", recorded.lost_frames),
        ("underruns", "times that the speaker ran dry", recorded.underruns),
    ];
    let count = |(name, what, many): (&'static str, &'static str, u64)| {
        number(names(name, what), Unit::Count, many as f64)
    };
    measured.extend(counts.map(count));
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::test_signal::tests::record_in;

    /// In a room that is `late_ms` long.
    fn found_in(hz: [f64; 2], late_ms: f64) -> Found {
        let room = format!("laptop,delay_ms={late_ms},direct_db=30,rt60_ms=10");
        let recorded = record_in(&room, hz, 1.0, |offer| test_signal(offer, 6.0 * APART_S));
        found(&recorded).unwrap().unwrap()
    }

    #[test]
    fn a_known_way_is_measured_to_a_tenth_of_a_millisecond() {
        for (hz, late_ms) in [([48e3, 48e3], 20.0), ([48e3, 48e3], 137.3), ([16e3, 48e3], 61.7)] {
            let found = found_in(hz, late_ms);
            assert_eq!(found.delay_ms.count, 6, "{found:?}");
            assert!((found.delay_ms.p50 - late_ms).abs() < 0.1, "{late_ms}: {found:?}");
            assert!(found.jitter_ms < 0.1 && found.drift_ppm.unwrap().abs() < 5.0, "{found:?}");
        }
    }

    #[test]
    fn clocks_that_differ_are_seen() {
        let found = found_in([48_004.8, 48e3], 40.0);
        assert!((found.drift_ppm.unwrap() - 100.0).abs() < 10.0, "{found:?}");
        assert!((found.delay_ms.p50 - 40.0).abs() < 0.1, "{found:?}");
    }
}
