//! The Fourier transform of real frames, by the `realfft` crate.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex32};

/// A transform of one length and its memory.
pub(super) struct Transform {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    time: Box<[f32]>,
    spectrum: Box<[Complex32]>,
    scratch: Box<[Complex32]>,
}

impl Transform {
    /// For frames of this length. Allocates.
    pub(super) fn new(frames: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(frames);
        let inverse = planner.plan_fft_inverse(frames);
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        Self {
            time: vec![0.0; frames].into(),
            spectrum: vec![Complex32::ZERO; frames / 2 + 1].into(),
            scratch: vec![Complex32::ZERO; scratch].into(),
            forward,
            inverse,
        }
    }

    /// The spectrum of `frame`, its parts apart, as many bins as they hold.
    pub(super) fn forward(&mut self, frame: &[f32], re: &mut [f32], im: &mut [f32]) {
        self.time.copy_from_slice(frame);
        // Fails only where a length is wrong, and all are of `new`.
        let _ = self.forward.process_with_scratch(
            &mut self.time,
            &mut self.spectrum,
            &mut self.scratch,
        );
        for ((re, im), bin) in re.iter_mut().zip(im).zip(&self.spectrum) {
            (*re, *im) = (bin.re, bin.im);
        }
    }

    /// The frame of a spectrum; bins that are not given are nothing.
    pub(super) fn inverse(&mut self, re: &[f32], im: &[f32]) -> &mut [f32] {
        let parts = re.iter().zip(im).map(|(re, im)| Complex32::new(*re, *im));
        let parts = parts.chain(std::iter::repeat(Complex32::ZERO));
        for (bin, part) in self.spectrum.iter_mut().zip(parts) {
            *bin = part;
        }
        // No real frame has anything else there.
        let last = self.spectrum.len() - 1;
        self.spectrum[0].im = 0.0;
        self.spectrum[last].im = 0.0;
        let _ = self.inverse.process_with_scratch(
            &mut self.spectrum,
            &mut self.time,
            &mut self.scratch,
        );
        let scale = 1.0 / self.time.len() as f32;
        for sample in &mut self.time {
            *sample *= scale;
        }
        &mut self.time
    }
}
