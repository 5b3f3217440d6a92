//! What a loudspeaker makes of what it is given. Only sums, products and square
//! roots, so that every machine computes the same.

use std::f64::consts::FRAC_1_SQRT_2;

use crate::audio::Biquad;

/// A kind of loudspeaker. Distortion grows with the level; the figures are for
/// a sine of −12 dBFS peak, about where the peaks of a loud voice are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loudspeaker {
    /// It plays what it is given.
    Linear,
    /// It saturates: third harmonic at −31 dB.
    Soft,
    /// It is small: less and less under 300 Hz (12 dB per octave), second
    /// harmonic at −28.5 dB, third at −25 dB.
    Small,
}

const SMALL_HZ: f64 = 300.0;
/// Full scale over the level at which a soft loudspeaker saturates.
const SOFT_DRIVE: f32 = 2.0;
const SMALL_DRIVE: f32 = 3.0;
/// How much farther a small membrane goes out than in.
const SMALL_BIAS: f32 = 0.5;

impl Loudspeaker {
    /// All kinds and what they are called.
    pub const NAMES: [(&'static str, Self); 3] =
        [("linear", Self::Linear), ("soft", Self::Soft), ("small", Self::Small)];

    /// What it is called.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// A loudspeaker that plays.
#[derive(Debug)]
pub(super) struct Playing {
    kind: Loudspeaker,
    high: Biquad,
}

impl Playing {
    pub(super) fn new(kind: Loudspeaker, hz: f64) -> Self {
        Self { kind, high: Biquad::highpass(SMALL_HZ / hz, FRAC_1_SQRT_2) }
    }

    /// The next frame. The membrane is driven by all of it, the low part too,
    /// which is heard only by its harmonics.
    pub(super) fn next(&mut self, input: f32) -> f32 {
        match self.kind {
            Loudspeaker::Linear => input,
            Loudspeaker::Soft => saturate(input, SOFT_DRIVE),
            Loudspeaker::Small => {
                let moved = saturate(input + SMALL_BIAS * input * input, SMALL_DRIVE);
                self.high.next(f64::from(moved)) as f32
            }
        }
    }
}

fn saturate(input: f32, drive: f32) -> f32 {
    input / (1.0 + (drive * input) * (drive * input)).sqrt()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    const HZ: f64 = 16_000.0;

    /// Of a sine of −12 dBFS peak: the first harmonic over what went in, the
    /// second and the third over the first, in decibels.
    fn harmonics(kind: Loudspeaker, hz: f64) -> [f64; 3] {
        let mut playing = Playing::new(kind, HZ);
        let amplitude = 10f64.powf(-12.0 / 20.0);
        let sine = |i: usize| (amplitude * (TAU * hz * i as f64 / HZ).sin()) as f32;
        let out: Vec<f32> = (0..8_000).map(|i| playing.next(sine(i))).skip(1_600).collect();
        let [first, second, third] = [1.0, 2.0, 3.0].map(|harmonic| {
            let (mut a, mut b) = (0.0, 0.0);
            for (i, sample) in out.iter().enumerate() {
                let (sin, cos) = (TAU * harmonic * hz * i as f64 / HZ).sin_cos();
                (a, b) = (a + f64::from(*sample) * sin, b + f64::from(*sample) * cos);
            }
            20.0 * (2.0 * a.hypot(b) / out.len() as f64 / amplitude).max(1e-6).log10()
        });
        [first, second - first, third - first]
    }

    #[test]
    fn each_kind_adds_the_harmonics_it_claims_and_no_others() {
        let kinds = [Loudspeaker::Linear, Loudspeaker::Soft, Loudspeaker::Small];
        let [linear, soft, small] = kinds.map(|kind| harmonics(kind, 1_000.0));
        let near = |got: f64, want: f64| (got - want).abs() < 0.6;
        assert!(near(linear[0], 0.0) && linear[1] < -100.0 && linear[2] < -100.0, "{linear:?}");
        assert!(near(soft[0], -0.7) && soft[1] < -100.0 && near(soft[2], -31.0), "{soft:?}");
        assert!(near(small[0], -1.5) && near(small[1], -28.5), "{small:?}");
        assert!(near(small[2], -25.0), "{small:?}");
    }

    #[test]
    fn a_small_one_plays_no_bass_but_its_harmonics() {
        let [first, _, third] = harmonics(Loudspeaker::Small, 150.0);
        assert!(first < -12.0 && third > -16.0, "{first} {third}");
    }
}
