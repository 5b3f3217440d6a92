//! The spectra of a hop: four windows of 256 samples, one in each lane of the
//! same real Fourier transform. The file has them as a convolution with cosines
//! and sines, at seven times the cost.
//!
//! Source: Press et al., "Numerical Recipes", 2007, 12.2 (radix 2) and 12.3.2
//! (a real transform by a complex one of half the length).
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use std::{
    f64::consts::TAU,
    ops::{Add, Mul, Sub},
};

/// 16 ms at 16 kHz.
pub(super) const WINDOW: usize = 256;
/// From one window to the next.
const STEP: usize = 128;
pub(super) const FRAMES: usize = 4;
pub(super) const BINS: usize = WINDOW / 2 + 1;
/// All windows, overlapping.
const SAMPLES: usize = WINDOW + (FRAMES - 1) * STEP;
/// The length of the complex transform.
const HALF: usize = WINDOW / 2;

/// The same number of each window.
#[derive(Clone, Copy)]
struct Lanes([f32; FRAMES]);

impl Lanes {
    fn with(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Add for Lanes {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
}

impl Sub for Lanes {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
}

impl Mul<f32> for Lanes {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Self(self.0.map(|a| a * factor))
    }
}

/// Real and imaginary part.
type Complex = (Lanes, Lanes);

pub(super) struct Spectrum {
    window: [f32; WINDOW],
    /// The cosine and minus the sine of each 256th of a turn, up to a half.
    turns: [(f32, f32); HALF + 1],
    values: [Complex; HALF],
}

/// Hann's window, periodic.
pub(super) fn window(i: usize) -> f64 {
    0.5 - 0.5 * (TAU * i as f64 / WINDOW as f64).cos()
}

impl Spectrum {
    pub(super) fn new() -> Self {
        let turn = |i| (TAU * i as f64 / WINDOW as f64).sin_cos();
        Self {
            window: std::array::from_fn(|i| window(i) as f32),
            turns: std::array::from_fn(|i| (turn(i).1 as f32, -turn(i).0 as f32)),
            values: [(Lanes([0.0; FRAMES]), Lanes([0.0; FRAMES])); HALF],
        }
    }

    /// The magnitudes of each window's spectrum, window by window.
    pub(super) fn magnitudes(&mut self, samples: &[f32; SAMPLES], bins: &mut [f32; FRAMES * BINS]) {
        for i in 0..HALF {
            // Even samples are the real parts and odd ones the imaginary parts.
            let at = |i: usize| {
                Lanes(std::array::from_fn(|frame| samples[frame * STEP + i])) * self.window[i]
            };
            let place = (i as u8).reverse_bits() >> 1;
            self.values[usize::from(place)] = (at(2 * i), at(2 * i + 1));
        }
        self.transform();
        for bin in 0..BINS {
            let (re, im) = self.bin(bin);
            for frame in 0..FRAMES {
                bins[frame * BINS + bin] =
                    (re.0[frame] * re.0[frame] + im.0[frame] * im.0[frame]).sqrt();
            }
        }
    }

    /// In place, from bit-reversed order.
    fn transform(&mut self) {
        let mut half = 1;
        while half < HALF {
            let step = HALF / half;
            for group in self.values.chunks_exact_mut(2 * half) {
                let (low, high) = group.split_at_mut(half);
                for (i, (low, high)) in low.iter_mut().zip(high).enumerate() {
                    let turned = turn(*high, self.turns[i * step]);
                    *high = (low.0 - turned.0, low.1 - turned.1);
                    *low = (low.0 + turned.0, low.1 + turned.1);
                }
            }
            half *= 2;
        }
    }

    /// One bin of the real transform.
    fn bin(&self, bin: usize) -> Complex {
        let (a, b) = (self.values[bin % HALF], self.values[(HALF - bin) % HALF]);
        let even = (a.0 + b.0, a.1 - b.1);
        let odd = turn((a.1 + b.1, b.0 - a.0), self.turns[bin]);
        ((even.0 + odd.0) * 0.5, (even.1 + odd.1) * 0.5)
    }
}

fn turn((re, im): Complex, (cos, sin): (f32, f32)) -> Complex {
    (re * cos - im * sin, re * sin + im * cos)
}
