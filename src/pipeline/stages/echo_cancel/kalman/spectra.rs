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

#[cfg(test)]
mod tests {
    use super::{
        super::super::tests::{dbfs, noise},
        *,
    };

    /// Through spectra and back.
    fn pass(signal: &[f32]) -> Vec<f32> {
        let (mut analysis, mut spectrum) = (Analysis::new(), Spectrum::new());
        let hop = |hop: &[f32]| {
            analysis.take(hop.try_into().unwrap(), &mut spectrum);
            analysis.give(&spectrum.re, &spectrum.im)
        };
        signal.chunks_exact(HOP_FRAMES).flat_map(hop).collect()
    }

    #[test]
    fn what_passes_unchanged_comes_out_as_it_was_three_hops_late() {
        let signal = noise(160 * HOP_FRAMES, 3);
        let out = pass(&signal);
        let late = WINDOW - HOP_FRAMES;
        assert_eq!(late, 192);
        let off: Vec<f32> = out[late..].iter().zip(&signal).map(|(out, was)| out - was).collect();
        let error_db = dbfs(&off) - dbfs(&signal);
        assert!(error_db < -100.0, "{error_db} dB");
        assert!(dbfs(&out[..late]) < -100.0);
    }

    #[test]
    fn every_bin_is_in_one_band() {
        let bins: Vec<usize> = bands().flatten().collect();
        assert_eq!(bins, (0..BINS).collect::<Vec<_>>());
        let powers = std::array::from_fn(|k| k as f32);
        assert_eq!(banded(&powers).iter().sum::<f32>(), (BINS * (BINS - 1) / 2) as f32);
    }

    #[test]
    fn a_tone_is_in_its_band_and_has_its_power() {
        let tone = |i: usize| (std::f32::consts::TAU * 1_000.0 / 16_000.0 * i as f32).sin();
        let signal: Vec<f32> = (0..8 * HOP_FRAMES).map(tone).collect();
        let (mut analysis, mut spectrum) = (Analysis::new(), Spectrum::new());
        for hop in signal.chunks_exact(HOP_FRAMES) {
            analysis.take(hop.try_into().unwrap(), &mut spectrum);
        }
        let bands = banded(&spectrum.power);
        let all: f32 = bands.iter().sum();
        // 1 kHz is bin 16, in the seventh band.
        assert!(bands[6] > 0.9 * all, "{bands:?}");
    }
}
