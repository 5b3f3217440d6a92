//! The pitch of a voice, every 10 ms, by autocorrelation at 4 kHz.
//!
//! The first peak that nearly reaches the highest one is taken, so that a
//! period is not mistaken for two. Source: A. de Cheveigné and H. Kawahara,
//! "YIN", J. Acoust. Soc. Am. 111 (2002), for the idea of the first good one.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use std::f64::consts::FRAC_1_SQRT_2;

use crate::audio::Biquad;

/// Every fourth sample of 16 kHz is kept.
const KEPT: usize = 4;
const RATE_HZ: f32 = 4_000.0;
/// 50 to 444 Hz.
const LAG_MIN: usize = 9;
const LAG_MAX: usize = 80;
/// 40 ms: two periods of the deepest voice.
const WINDOW: usize = 160;
const HISTORY: usize = WINDOW + LAG_MAX;
/// What a peak must have of the highest one.
const NEARLY: f32 = 0.85;

/// The pitch of a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pitch {
    /// In octaves over 1 Hz.
    pub(super) octave: f32,
    /// How periodic it is: 1 is exactly.
    pub(super) clarity: f32,
}

/// Finds the pitch in a signal at 16 kHz.
#[derive(Debug)]
pub(super) struct PitchTracker {
    lowpass: [Biquad; 2],
    skipped: usize,
    history: [f32; HISTORY],
}

impl PitchTracker {
    pub(super) fn new() -> Self {
        let lowpass = Biquad::lowpass(900.0 / 16_000.0, FRAC_1_SQRT_2);
        Self { lowpass: [lowpass.clone(), lowpass], skipped: 0, history: [0.0; HISTORY] }
    }

    /// Takes samples in -1 to 1.
    pub(super) fn hear(&mut self, samples: &[f32]) {
        for some in samples.chunks(HISTORY) {
            let (mut kept, mut len) = ([0.0; HISTORY.div_ceil(KEPT)], 0);
            for sample in some {
                let mut low = f64::from(*sample);
                for filter in &mut self.lowpass {
                    low = filter.next(low);
                }
                self.skipped += 1;
                if self.skipped == KEPT {
                    self.skipped = 0;
                    kept[len] = low as f32;
                    len += 1;
                }
            }
            self.history.copy_within(len.., 0);
            self.history[HISTORY - len..].copy_from_slice(&kept[..len]);
        }
    }

    /// The pitch of the last 40 ms; `None` for what is nearly silent.
    pub(super) fn pitch(&self) -> Option<Pitch> {
        let now = &self.history[LAG_MAX..];
        let energy = dot(now, now);
        if energy < 1e-8 {
            return None;
        }
        let mut likeness = [0.0; LAG_MAX + 1];
        let (mut highest, mut past_energy) = (0.0f32, self.energy_at(LAG_MIN - 1));
        for (lag, likeness) in likeness.iter_mut().enumerate().skip(LAG_MIN) {
            let past = &self.history[LAG_MAX - lag..HISTORY - lag];
            // The window slides by one: one sample more, one less.
            let [first, left] = [past[0], self.history[HISTORY - lag]].map(f64::from);
            past_energy += first * first - left * left;
            *likeness = dot(now, past) / (energy * past_energy.max(0.0) as f32 + 1e-12).sqrt();
            highest = highest.max(*likeness);
        }
        let is_peak = |lag: &usize| {
            let [before, here, after] = [lag - 1, *lag, lag + 1].map(|lag| likeness[lag]);
            here >= before && here >= after && here > NEARLY * highest
        };
        let lag = (LAG_MIN + 1..LAG_MAX).find(is_peak)?;
        Some(Pitch { octave: (RATE_HZ / lag as f32).log2(), clarity: likeness[lag] })
    }

    /// The energy of the window so long ago.
    fn energy_at(&self, lag: usize) -> f64 {
        let past = &self.history[LAG_MAX - lag..HISTORY - lag];
        past.iter().map(|sample| f64::from(*sample).powi(2)).sum()
    }
}

/// In eight lanes: a sum in one would not be vectorised.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    /// A voice-like tone: the first harmonics, the higher the weaker.
    fn tone(hz: f32, seconds: f32) -> Vec<f32> {
        let frames = (seconds * 16_000.0) as usize;
        let at = |i: usize, k: f32| (TAU * hz * k * i as f32 / 16_000.0).sin() / k;
        (0..frames).map(|i| 0.1 * (1..=8).map(|k| at(i, k as f32)).sum::<f32>()).collect()
    }

    #[test]
    fn a_voice_has_its_pitch_within_half_a_semitone_or_a_sample() {
        for hz in [80.0f32, 110.0, 160.0, 220.0, 300.0] {
            let mut tracker = PitchTracker::new();
            tracker.hear(&tone(hz, 0.2));
            let pitch = tracker.pitch().unwrap();
            let found = pitch.octave.exp2();
            let sample = hz * hz / RATE_HZ;
            assert!((found - hz).abs() < sample.max(0.03 * hz), "{hz}: {found}");
            assert!(pitch.clarity > 0.9, "{hz}: {pitch:?}");
        }
    }

    #[test]
    fn noise_has_no_clear_pitch_and_silence_none() {
        let mut tracker = PitchTracker::new();
        tracker.hear(&[0.0; 4_000]);
        assert_eq!(tracker.pitch(), None);
        let mut state = 1u32;
        let noise: Vec<f32> = (0..4_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 8_388_608.0 - 1.0
            })
            .collect();
        tracker.hear(&noise);
        assert!(tracker.pitch().is_none_or(|pitch| pitch.clarity < 0.6), "{:?}", tracker.pitch());
    }
}
