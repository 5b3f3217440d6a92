//! What the microphone has beside the expected echo, that echo, and the far
//! end, as spectra of 16 ms every 4 ms; and back to sound.
//!
//! Windows are square roots of a Hann window, so that what passes unchanged
//! comes out as it was.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

use super::{HOP_FRAMES, Hop, transform::Transform};

/// 16 ms: long enough to tell the harmonics of most voices apart.
pub(super) const WINDOW: usize = 4 * HOP_FRAMES;
pub(super) const BINS: usize = WINDOW / 2 + 1;
/// The bands in which levels are compared, by their first bins of 62.5 Hz.
const EDGES: [usize; BANDS + 1] =
    [0, 4, 6, 8, 10, 12, 14, 17, 20, 23, 26, 30, 35, 40, 46, 52, 60, 70, 84, 101, BINS];
pub(super) const BANDS: usize = 20;
/// Those of a voice: 250 to 4,375 Hz.
pub(super) const VOICE: std::ops::Range<usize> = 1..17;

pub(super) type Bins = [f32; BINS];
pub(super) type Bands = [f32; BANDS];

/// The bins of each band.
pub(super) fn bands() -> impl Iterator<Item = std::ops::Range<usize>> {
    EDGES.windows(2).map(|edge| edge[0]..edge[1])
}

/// The sum over the bins of each band.
pub(super) fn banded(bins: &Bins) -> Bands {
    let mut sums = [0.0; BANDS];
    for (sum, band) in sums.iter_mut().zip(bands()) {
        *sum = bins[band].iter().sum();
    }
    sums
}

/// One signal's newest window and its spectrum.
pub(super) struct Spectrum {
    samples: [f32; WINDOW],
    pub(super) re: Bins,
    pub(super) im: Bins,
    pub(super) power: Bins,
}

impl Spectrum {
    pub(super) fn new() -> Self {
        let none = [0.0; BINS];
        Self { samples: [0.0; WINDOW], re: none, im: none, power: none }
    }
}

/// From sound to spectra and back.
pub(super) struct Analysis {
    transform: Transform,
    window: [f32; WINDOW],
    overlap: [f32; WINDOW],
}

impl Analysis {
    /// Allocates.
    pub(super) fn new() -> Self {
        let phase = |j: usize| std::f64::consts::PI * (j as f64 + 0.5) / WINDOW as f64;
        // Four windows overlap, and each sample is weighed twice.
        let scale = (2.0 * HOP_FRAMES as f64 / WINDOW as f64).sqrt();
        Self {
            transform: Transform::new(WINDOW),
            window: std::array::from_fn(|j| (scale * phase(j).sin()) as f32),
            overlap: [0.0; WINDOW],
        }
    }

    /// Forgets the sound that is not complete.
    pub(super) fn reset(&mut self) {
        self.overlap.fill(0.0);
    }

    /// Takes the next hop of a signal.
    pub(super) fn take(&mut self, hop: &Hop, spectrum: &mut Spectrum) {
        let Spectrum { samples, re, im, power } = spectrum;
        samples.copy_within(HOP_FRAMES.., 0);
        samples[WINDOW - HOP_FRAMES..].copy_from_slice(hop);
        let mut frame = *samples;
        for (sample, weight) in frame.iter_mut().zip(&self.window) {
            *sample *= weight;
        }
        self.transform.forward(&frame, re, im);
        for k in 0..BINS {
            power[k] = re[k] * re[k] + im[k] * im[k];
        }
    }

    /// The sound that is complete with this spectrum: `WINDOW - HOP_FRAMES`
    /// frames late.
    pub(super) fn give(&mut self, re: &Bins, im: &Bins) -> Hop {
        let frame = self.transform.inverse(re, im);
        for ((sum, sample), weight) in self.overlap.iter_mut().zip(frame).zip(&self.window) {
            *sum += *sample * weight;
        }
        let mut hop = [0.0; HOP_FRAMES];
        hop.copy_from_slice(&self.overlap[..HOP_FRAMES]);
        self.overlap.copy_within(HOP_FRAMES.., 0);
        self.overlap[WINDOW - HOP_FRAMES..].fill(0.0);
        hop
    }
}
