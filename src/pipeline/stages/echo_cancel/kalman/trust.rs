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
