//! The anti-alias filter: a sinc under a Kaiser window, cut into phases.
//!
//! Source: J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh
//! window function", 1974; the length and beta formulas are his.
//!
//! Runs on: set-up. Allocates; the sound has not begun.

use std::f64::consts::PI;

use super::{Quality, Rate, UnevenRates};

/// Rows are a multiple of this long.
pub(crate) const LANES: usize = 8;

/// Designed 10 dB under what is promised: the images of all phases add up.
const ATTENUATION_DB: f64 = 100.0;

/// 2 MiB of coefficients.
const COEFFICIENTS_MAX: usize = 1 << 19;

/// The coefficients of one conversion.
#[derive(Debug)]
pub(super) struct Filter {
    /// `phases` rows of `taps`, oldest frame first.
    rows: Box<[f32]>,
    /// How many input frames an output frame looks at.
    pub taps: usize,
    /// Places of an output frame between two input frames.
    pub phases: usize,
    /// How many such places lie from one output frame to the next.
    pub step: usize,
    /// The group delay in output frames, exact.
    pub latency_frames: usize,
}

impl Filter {
    /// # Errors
    /// Where the table would exceed `COEFFICIENTS_MAX`.
    pub(super) fn design(from: Rate, to: Rate, quality: Quality) -> Result<Self, UnevenRates> {
        let divisor = gcd(from.hz(), to.hz());
        let (phases, step) = ((to.hz() / divisor) as usize, (from.hz() / divisor) as usize);
        let nyquist_hz = f64::from(from.hz().min(to.hz())) / 2.0;
        let pass = match quality {
            Quality::Fast => 0.8,
            Quality::Fine => 0.9,
        };
        // In cycles per place, of which one second has `from * phases`.
        let places_hz = f64::from(from.hz()) * phases as f64;
        let transition = (1.0 - pass) * nyquist_hz / places_hz;
        let cutoff = f64::midpoint(1.0, pass) * nyquist_hz / places_hz;
        let length = length(ATTENUATION_DB, transition);
        // The middle of the filter stands on an output frame: exact latency.
        let latency_frames = (length / 2.0 / step as f64).round() as usize;
        let middle = latency_frames * step;
        let taps = (2 * middle + 1).div_ceil(phases).next_multiple_of(LANES);
        if phases * taps > COEFFICIENTS_MAX {
            return Err(UnevenRates { from, to });
        }
        let mut rows = vec![0.0; phases * taps];
        for (phase, row) in rows.chunks_exact_mut(taps).enumerate() {
            fill_row(row, phase, phases, middle, cutoff);
        }
        Ok(Self { rows: rows.into(), taps, phases, step, latency_frames })
    }

    /// The coefficients of one phase.
    pub(super) fn row(&self, phase: usize) -> &[f32] {
        &self.rows[phase * self.taps..(phase + 1) * self.taps]
    }
}

/// One phase of the prototype.
fn fill_row(row: &mut [f32], phase: usize, phases: usize, middle: usize, cutoff: f64) {
    let taps = row.len();
    let place = |i: usize| (phase + (taps - 1 - i) * phases) as f64 - middle as f64;
    fill(row, ATTENUATION_DB, cutoff, middle as f64, place);
}

/// A windowed sinc at the places of its coefficients, `half` wide on each side,
/// scaled to a gain of exactly 1 at 0 Hz so that a constant input has no ripple
/// from row to row. `cutoff` in cycles per place.
pub(super) fn fill(
    row: &mut [f32],
    attenuation_db: f64,
    cutoff: f64,
    half: f64,
    place: impl Fn(usize) -> f64,
) {
    let beta = 0.1102 * (attenuation_db - 8.7);
    let coefficient = |i: usize| {
        let place = place(i);
        let across = place / half;
        if across.abs() > 1.0 {
            return 0.0;
        }
        sinc(2.0 * cutoff * place) * bessel_i0(beta * (1.0 - across * across).sqrt())
    };
    let exact: Vec<f64> = (0..row.len()).map(coefficient).collect();
    let sum: f64 = exact.iter().sum();
    for (slot, value) in row.iter_mut().zip(&exact) {
        *slot = (value / sum) as f32;
    }
}

/// Coefficients for a transition so wide, in cycles per place.
pub(super) fn length(attenuation_db: f64, transition: f64) -> f64 {
    (attenuation_db - 8.0) / (2.285 * 2.0 * PI * transition)
}

pub(crate) fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// The modified Bessel function of the first kind and order 0, by its series.
pub(crate) fn bessel_i0(x: f64) -> f64 {
    let quarter_square = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-12 {
        term *= quarter_square / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
