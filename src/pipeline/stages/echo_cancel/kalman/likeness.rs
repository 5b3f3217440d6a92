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

#[cfg(test)]
mod tests {
    use super::{
        super::super::tests::{HZ, noise, voice},
        super::{
            HOP_FRAMES,
            spectra::{Analysis, Spectrum},
        },
        *,
    };

    /// The likeness of a residual to an echo, hop by hop, once there was sound.
    fn alike(residual: &[f32], echo: &[f32]) -> Vec<f32> {
        let mut analysis = Analysis::new();
        let (mut of_residual, mut of_echo) = (Spectrum::new(), Spectrum::new());
        let mut likeness = Likeness::new();
        let hop = |(residual, echo): (&[f32], &[f32])| {
            analysis.take(residual.try_into().unwrap(), &mut of_residual);
            analysis.take(echo.try_into().unwrap(), &mut of_echo);
            likeness.hear(&of_residual.power, &of_echo.power)
        };
        let pairs = residual.chunks_exact(HOP_FRAMES).zip(echo.chunks_exact(HOP_FRAMES));
        pairs.map(hop).skip(HOPS).collect()
    }

    fn share(values: &[f32], is: impl Fn(f32) -> bool) -> f32 {
        values.iter().filter(|value| is(**value)).count() as f32 / values.len() as f32
    }

    /// Later by so many frames, and in a quiet room.
    fn moved(voice: &[f32], frames: usize) -> Vec<f32> {
        let late = std::iter::repeat_n(&0.0, frames).chain(voice);
        late.zip(noise(voice.len(), 3)).map(|(voice, room)| 0.3 * voice + 1e-4 * room).collect()
    }

    #[test]
    fn an_echo_that_comes_another_way_has_the_ripple_of_the_echo() {
        let echo = voice(4 * HZ, 130.0);
        for frames in [0, 40, 160] {
            let alike = alike(&moved(&echo, frames), &echo);
            let found = share(&alike, |value| value > 0.25);
            assert!(found > 0.9, "{frames} frames later: {found} of the time");
        }
    }

    #[test]
    fn another_voice_has_a_ripple_of_its_own() {
        let echo = voice(4 * HZ, 130.0);
        for pitch_hz in [95.0, 170.0, 210.0] {
            let alike = alike(&moved(&voice(4 * HZ, pitch_hz), 0), &echo);
            let found = share(&alike, |value| value < 0.18);
            assert!(found > 0.9, "{pitch_hz} Hz: {found} of the time");
        }
    }

    #[test]
    fn noise_and_silence_are_like_nothing() {
        let echo = voice(2 * HZ, 130.0);
        for residual in [noise(2 * HZ, 5), vec![0.0; 2 * HZ]] {
            assert!(alike(&residual, &echo).iter().all(|value| *value < 0.18));
        }
    }
}
