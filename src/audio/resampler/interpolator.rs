//! Reads a signal between its frames, for a ratio of rates that is no fraction
//! and may change from frame to frame.
//!
//! A windowed sinc as the resampler's. Between two of its rows the coefficients
//! are on a straight line, which with 256 rows is 94 dB from the truth at the
//! Nyquist frequency, and more below.
//!
//! Runs on: worker, but for `new`. Never allocates, locks, logs or fails.

use super::{
    dot,
    filter::{self, LANES},
};
use crate::audio::Rate;

/// Places between two frames that have a row of their own.
const PHASES: usize = 256;
const ATTENUATION_DB: f64 = 90.0;
/// The pass band ends, and the stop band begins, so far from the lower rate's
/// Nyquist frequency, as a part of it: aliases stay in the top tenth.
const EDGE: f64 = 0.1;

/// The coefficients for reading a signal at any place.
#[derive(Debug)]
pub struct Interpolator {
    /// `PHASES + 1` rows of `2 * reach`, oldest frame first.
    rows: Box<[f32]>,
    reach: usize,
}

impl Interpolator {
    /// For a signal at `from` that is read about `to` times a second.
    /// Allocates: 66 kB where `from` is not above `to`, in proportion where it
    /// is.
    pub fn new(from: Rate, to: Rate) -> Self {
        let nyquist = 0.5 * (f64::from(to.hz()) / f64::from(from.hz())).min(1.0);
        let half = filter::length(ATTENUATION_DB, 2.0 * EDGE * nyquist) / 2.0;
        let reach = (half.ceil() as usize).next_multiple_of(LANES / 2);
        let mut rows = vec![0.0; (PHASES + 1) * 2 * reach];
        for (phase, row) in rows.chunks_exact_mut(2 * reach).enumerate() {
            let after = reach as f64 - 1.0 + phase as f64 / PHASES as f64;
            filter::fill(row, ATTENUATION_DB, nyquist, reach as f64, |i| i as f64 - after);
        }
        Self { rows: rows.into(), reach }
    }

    /// How many frames before and how many after a place are looked at.
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// The signal `part` of a frame, 0 to 1, after the frame `reach - 1` of
    /// `window`, which has `2 * reach` frames.
    pub fn read(&self, window: &[f32], part: f64) -> f32 {
        let place = part.clamp(0.0, 1.0) * PHASES as f64;
        let phase = (place as usize).min(PHASES - 1);
        let beyond = (place - phase as f64) as f32;
        let taps = 2 * self.reach;
        let (row, next) = self.rows[phase * taps..(phase + 2) * taps].split_at(taps);
        let (here, there) = (dot(window, row), dot(window, next));
        here + beyond * (there - here)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// The RMS of what is wrong with a sine of `hz` read `ratio` times as
    /// slowly, in dB under the sine.
    fn error_db(from: Rate, to: Rate, hz: f64, ratio: f64) -> f64 {
        let interpolator = Interpolator::new(from, to);
        let turns = hz / f64::from(from.hz());
        let signal: Vec<f32> =
            (0..from.hz()).map(|i| (TAU * turns * i as f64).sin() as f32).collect();
        let step = f64::from(from.hz()) / f64::from(to.hz()) * ratio;
        let reach = interpolator.reach();
        let (mut power, mut count, mut at) = (0.0, 0, reach as f64);
        while (at as usize) + reach < signal.len() {
            let window = &signal[at as usize + 1 - reach..=at as usize + reach];
            let got = f64::from(interpolator.read(window, at.fract()));
            power += (got - (TAU * turns * at).sin()).powi(2);
            count += 1;
            at += step;
        }
        10.0 * (2.0 * power / f64::from(count)).log10()
    }

    fn rate(hz: u32) -> Rate {
        Rate::new(hz).unwrap()
    }

    #[test]
    fn a_sine_of_the_voice_band_comes_out_as_itself_within_80_db() {
        for (from, to) in [(48_000, 48_000), (44_100, 48_000), (48_000, 16_000), (8_000, 192_000)] {
            let nyquist_hz = f64::from(from.min(to)) / 2.0;
            for part in [0.01, 0.2, 0.5, 0.7, 0.88] {
                for ratio in [1.0, 1.0005, 0.9995] {
                    let db = error_db(rate(from), rate(to), part * nyquist_hz, ratio);
                    assert!(db < -80.0, "{from} to {to}, {part} of Nyquist: {db:.1} dB");
                }
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        let interpolator = Interpolator::new(rate(48_000), rate(16_000));
        let reach = interpolator.reach();
        for hz in [8_850.0, 12_000.0, 20_000.0] {
            let turns = hz / 48_000.0;
            let window: Vec<f32> =
                (0..2 * reach).map(|i| (TAU * turns * i as f64).sin() as f32).collect();
            for part in [0.0, 0.3, 0.7, 1.0] {
                assert!(interpolator.read(&window, part).abs() < 1e-4, "{hz} Hz");
            }
        }
    }

    #[test]
    fn every_pair_of_rates_has_a_table_of_at_most_2_mb() {
        for from in [8_000, 11_025, 44_100, 48_000, 96_000, 192_000] {
            for to in [8_000, 16_000, 44_100, 192_000] {
                let bytes = Interpolator::new(rate(from), rate(to)).rows.len() * 4;
                assert!(bytes <= 2_000_000, "{from} to {to}: {bytes} bytes");
            }
        }
    }
}
