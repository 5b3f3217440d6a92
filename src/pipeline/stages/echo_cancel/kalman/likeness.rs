//! Whether what is left sounds like the echo: whether its harmonics are those
//! of the echo that was expected.
//!
//! Two spectra's ripples, their levels in decibels without the envelope, are
//! correlated over 80 ms. A voice of its own has other harmonics: 95 of 100
//! values lie below 0.16 while the user speaks over the echo; after the path
//! moved, half lie above 0.36.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::spectra::Bins;

/// 190 Hz to 4 kHz.
const FIRST: usize = 3;
const LAST: usize = 64;
const COUNT: usize = LAST - FIRST;
/// An envelope is the mean over nine bins.
const REACH: usize = 4;
/// What stands out further is cut: 13 dB.
const RIPPLE_MAX: f32 = 3.0;
/// 80 ms.
const HOPS: usize = 20;
/// Below the least sound of a 16-bit device.
const FLOOR: f32 = 1e-10;

type Ripple = [f32; COUNT];

/// Correlates ripples over the last hops.
pub(super) struct Likeness {
    /// Of the residual with the echo, and of each with itself.
    products: [[f32; 3]; HOPS],
    oldest: usize,
}

impl Likeness {
    pub(super) fn new() -> Self {
        Self { products: [[0.0; 3]; HOPS], oldest: 0 }
    }

    /// Takes a hop's powers and returns the correlation, −1 to 1.
    pub(super) fn hear(&mut self, residual: &Bins, echo: &Bins) -> f32 {
        let (residual, echo) = (ripple(residual), ripple(echo));
        let product = |a: &Ripple, b: &Ripple| a.iter().zip(b).map(|(a, b)| a * b).sum();
        self.products[self.oldest] =
            [product(&residual, &echo), product(&residual, &residual), product(&echo, &echo)];
        self.oldest = (self.oldest + 1) % HOPS;
        let [shared, own, other] = self
            .products
            .iter()
            .fold([0.0; 3], |sum: [f32; 3], hop| std::array::from_fn(|i| sum[i] + hop[i]));
        shared / (own * other + 1e-9).sqrt()
    }
}

fn ripple(powers: &Bins) -> Ripple {
    let level: Ripple = std::array::from_fn(|i| (powers[FIRST + i] + FLOOR).ln());
    std::array::from_fn(|i| {
        let around = &level[i.saturating_sub(REACH)..(i + REACH + 1).min(COUNT)];
        let envelope = around.iter().sum::<f32>() / around.len() as f32;
        (level[i] - envelope).clamp(-RIPPLE_MAX, RIPPLE_MAX)
    })
}
