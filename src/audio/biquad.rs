//! One second-order filter, transposed direct form II. In `f64`: at 10 Hz of
//! 192 kHz the poles stand too near to 1 for `f32`.
//!
//! Source of the coefficients: R. Bristow-Johnson, "Cookbook formulae for
//! audio EQ biquad filter coefficients".
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use std::f64::consts::TAU;

/// State under -240 dB becomes zero, or it would linger as subnormals.
const SETTLED: f64 = 1e-12;

/// A filter and its state. Frequencies are per sample rate, 0 to 0.5.
///
/// # Realtime safety
/// Never allocates, locks, logs or fails.
#[derive(Clone, Debug)]
pub struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    state: [f64; 2],
}

impl Biquad {
    /// Passes what is higher than `cutoff`.
    pub fn highpass(cutoff: f64, q: f64) -> Self {
        Self::new(cutoff, q, |cos, _| {
            let edge = f64::midpoint(1.0, cos);
            [edge, -2.0 * edge, edge]
        })
    }

    /// Passes what is lower than `cutoff`.
    pub fn lowpass(cutoff: f64, q: f64) -> Self {
        Self::new(cutoff, q, |cos, _| {
            let edge = (1.0 - cos) / 2.0;
            [edge, 2.0 * edge, edge]
        })
    }

    /// Passes what is about `centre`, at 0 dB there; its width is `centre / q`.
    pub fn bandpass(centre: f64, q: f64) -> Self {
        Self::new(centre, q, |_, alpha| [alpha, 0.0, -alpha])
    }

    fn new(frequency: f64, q: f64, b: impl Fn(f64, f64) -> [f64; 3]) -> Self {
        let (sin, cos) = (TAU * frequency).sin_cos();
        let alpha = sin / (2.0 * q);
        let scale = 1.0 / (1.0 + alpha);
        Self {
            b: b(cos, alpha).map(|b| b * scale),
            a: [-2.0 * cos * scale, (1.0 - alpha) * scale],
            state: [0.0; 2],
        }
    }

    /// The next sample.
    pub fn next(&mut self, input: f64) -> f64 {
        let output = self.b[0] * input + self.state[0];
        self.state[0] = settle(self.b[1] * input - self.a[0] * output + self.state[1]);
        self.state[1] = settle(self.b[2] * input - self.a[1] * output);
        output
    }

    /// Back to silence.
    pub fn reset(&mut self) {
        self.state = [0.0; 2];
    }
}

fn settle(state: f64) -> f64 {
    if state.abs() < SETTLED { 0.0 } else { state }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gain in decibels at a frequency, after the filter has settled.
    fn gain_db(mut filter: Biquad, frequency: f64) -> f64 {
        let sine = |i: i32| (TAU * frequency * f64::from(i)).sin();
        let out: Vec<f64> = (0..8_000).map(|i| filter.next(sine(i))).skip(4_000).collect();
        10.0 * (out.iter().map(|s| s * s).sum::<f64>() / (out.len() as f64 / 2.0)).log10()
    }

    #[test]
    fn each_kind_passes_its_side_and_stops_the_other() {
        let q = std::f64::consts::FRAC_1_SQRT_2;
        assert!(gain_db(Biquad::lowpass(0.05, q), 0.005).abs() < 0.1);
        assert!(gain_db(Biquad::lowpass(0.05, q), 0.4) < -40.0);
        assert!(gain_db(Biquad::highpass(0.05, q), 0.4).abs() < 0.1);
        assert!(gain_db(Biquad::highpass(0.05, q), 0.005) < -35.0);
        assert!(gain_db(Biquad::bandpass(0.1, 1.2), 0.1).abs() < 0.1);
        assert!(gain_db(Biquad::bandpass(0.1, 1.2), 0.01) < -18.0);
    }

    #[test]
    fn it_settles_to_zero() {
        let mut filter = Biquad::bandpass(0.01, 1.2);
        filter.next(1.0);
        assert_eq!((0..200_000).map(|_| filter.next(0.0)).last(), Some(0.0));
        filter.next(1.0);
        filter.reset();
        assert_eq!(filter.next(0.0), 0.0);
    }
}
