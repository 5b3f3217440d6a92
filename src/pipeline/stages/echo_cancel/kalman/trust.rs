//! How far the filter can be believed: whether the echo that it expects is in
//! the microphone, neither more nor less.
//!
//! The regression of the microphone on the expected echo is 1 where the filter
//! is right and less where the path has moved; the user's voice, which has
//! nothing to do with the echo, leaves it alone. Bands in which the echo stands
//! out count most.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::spectra::{BANDS, Bands, Bins, Spectrum, VOICE, banded};

/// Smoothed over 40 ms: a path that moved must not pass for a voice.
const MEMORY: f32 = 0.9;
/// So far from 1 the regression may be…
const ERROR_USUAL: f32 = 0.25;
/// …and so much further there is no trust left.
const ERROR_SPAN: f32 = 0.35;
/// Slowly won, quickly lost: over 200 ms and 27 ms.
const WON: f32 = 0.02;
const LOST: f32 = 0.15;
/// Where the echo is a quarter of what there is, one hop counts whole.
const WEIGHT_FULL: f32 = 0.25;
/// Bands in which the loudspeaker must be heard for an opinion.
const BANDS_MIN: usize = 6;
const TINY: f32 = 1e-12;

/// The trust in the filter.
pub(super) struct Trust {
    shared: Bands,
    echo: Bands,
    residual: Bands,
    /// 0 to 1.
    pub(super) value: f32,
}

impl Trust {
    pub(super) fn new() -> Self {
        let none = [0.0; BANDS];
        Self { shared: none, echo: none, residual: none, value: 0.0 }
    }

    /// Takes a hop: the residual, the expected echo, and in which bands the
    /// loudspeaker is active.
    pub(super) fn hear(
        &mut self,
        residual: &Spectrum,
        echo: &Spectrum,
        is_active: impl Fn(usize) -> bool,
    ) {
        // The microphone is the residual and the echo; times the echo.
        let shared: Bins = std::array::from_fn(|k| {
            echo.power[k] + residual.re[k] * echo.re[k] + residual.im[k] * echo.im[k]
        });
        let follow = |memory: &mut Bands, now: Bands| {
            for (memory, now) in memory.iter_mut().zip(now) {
                *memory += (1.0 - MEMORY) * (now - *memory);
            }
        };
        follow(&mut self.shared, banded(&shared));
        follow(&mut self.echo, banded(&echo.power));
        follow(&mut self.residual, banded(&residual.power));
        let (mut sum, mut weights, mut count) = (0.0, 0.0, 0);
        for band in VOICE.filter(|band| is_active(*band)) {
            let echo = self.echo[band];
            let slope = (self.shared[band] / (echo + TINY)).clamp(-1.0, 3.0);
            let weight = echo / (echo + self.residual[band] + TINY);
            sum += weight * slope;
            weights += weight;
            count += 1;
        }
        if count < BANDS_MIN {
            return;
        }
        let error = (sum / (weights + 1e-9) - 1.0).abs();
        let target = (1.0 - (error - ERROR_USUAL) / ERROR_SPAN).clamp(0.0, 1.0);
        let speed = if target > self.value { WON } else { LOST };
        let certainty = (weights / count as f32 / WEIGHT_FULL).min(1.0);
        self.value += speed * certainty * (target - self.value);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::tests::{HZ, dbfs, noise, voice},
        super::{HOP_FRAMES, spectra::Analysis},
        *,
    };

    /// The trust after each hop of a residual beside the echo that is expected,
    /// in bands from the one of this number on.
    fn trust(residual: &[f32], echo: &[f32], first_band: usize) -> Vec<f32> {
        let (mut analysis, mut trust) = (Analysis::new(), Trust::new());
        let (mut of_residual, mut of_echo) = (Spectrum::new(), Spectrum::new());
        let hop = |(residual, echo): (&[f32], &[f32])| {
            analysis.take(residual.try_into().unwrap(), &mut of_residual);
            analysis.take(echo.try_into().unwrap(), &mut of_echo);
            trust.hear(&of_residual, &of_echo, |band| band >= first_band);
            trust.value
        };
        let pairs = residual.chunks_exact(HOP_FRAMES).zip(echo.chunks_exact(HOP_FRAMES));
        pairs.map(hop).collect()
    }

    /// The hops from this second to that.
    fn within(trust: &[f32], from_s: f32, to_s: f32) -> &[f32] {
        let hop = |secs: f32| (secs * HZ as f32) as usize / HOP_FRAMES;
        &trust[hop(from_s)..hop(to_s)]
    }

    #[test]
    fn a_filter_that_is_right_is_trusted_also_while_the_user_is_loud() {
        let echo = voice(4 * HZ, 130.0);
        let user = voice(4 * HZ, 185.0);
        let room = noise(4 * HZ, 3);
        for (user_db, least) in [(-40.0, 0.99), (0.0, 0.9), (6.0, 0.7)] {
            let gain = 10f32.powf((dbfs(&echo) + user_db - dbfs(&user)) / 20.0);
            let residual: Vec<f32> =
                user.iter().zip(&room).map(|(user, room)| gain * user + 1e-4 * room).collect();
            let trust = trust(&residual, &echo, 0);
            let worst = within(&trust, 1.5, 4.0).iter().fold(1.0f32, |a, b| a.min(*b));
            assert!(worst > least, "{worst} with a user of {user_db} dB");
        }
    }

    #[test]
    fn it_is_lost_within_100_ms_when_the_path_moves() {
        let echo = voice(4 * HZ, 130.0);
        // The residual is what comes, a little later, less what is expected.
        let residual = |i: usize| match i.checked_sub(160) {
            Some(late) if i >= 2 * HZ => echo[late] - echo[i],
            _ => 0.0,
        };
        let residual: Vec<f32> = (0..echo.len()).map(residual).collect();
        let trust = trust(&residual, &echo, 0);
        assert!(within(&trust, 1.5, 2.0).iter().all(|trust| *trust > 0.95));
        assert!(within(&trust, 2.0, 2.1).iter().any(|trust| *trust < 0.5));
    }

    #[test]
    fn where_the_loudspeaker_is_not_heard_the_opinion_stays() {
        let (echo, residual) = (vec![0.0; HZ], voice(HZ, 150.0));
        assert!(trust(&residual, &echo, BANDS).iter().all(|trust| *trust == 0.0));
    }
}
