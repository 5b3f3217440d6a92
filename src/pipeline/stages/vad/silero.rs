//! Silero VAD, versions 5 and 6, from the weights file that its authors give
//! away: the most accurate engine, at twice the cost of `earshot`. 32 ms at
//! 16 kHz make four spectra; four convolutions, a cell of long short-term memory
//! and a sigmoid make one probability of them. 131,000 instructions per 10 ms.
//!
//! Source: <https://github.com/snakers4/silero-vad> (MIT), the graph of
//! `silero_vad.onnx`; this inference is our own.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::Engine;
use spectrum::{BINS, FRAMES, Spectrum};
use weights::Weights;

mod dense;
mod onnx;
mod spectrum;
#[cfg(test)]
mod tests;
mod weights;

pub(super) use weights::{SOURCE, load};

/// 32 ms at 16 kHz.
const HOP_FRAMES: usize = 512;
/// The end of the last hop is heard again before the next.
const CONTEXT_FRAMES: usize = 64;
/// The end of the hop, mirrored, fills the last window.
const MIRRORED_FRAMES: usize = 64;
const HOP_END: usize = CONTEXT_FRAMES + HOP_FRAMES;
/// The numbers that the cell remembers, and as many that it says.
const CELL: usize = 128;

pub(super) struct Silero {
    weights: Weights,
    spectrum: Spectrum,
    samples: [f32; HOP_END + MIRRORED_FRAMES],
    bins: [f32; FRAMES * BINS],
    wide: [f32; 4 * 128],
    narrow: [f32; 2 * 64],
    narrowest: [f32; 64],
    /// What the cell hears: the convolutions' features, and what it said last.
    heard: [f32; 2 * CELL],
    gates: [f32; 4 * CELL],
    memory: [f32; CELL],
}

impl Silero {
    pub(super) fn new(weights: Weights) -> Self {
        Self {
            weights,
            spectrum: Spectrum::new(),
            samples: [0.0; HOP_END + MIRRORED_FRAMES],
            bins: [0.0; FRAMES * BINS],
            wide: [0.0; 4 * 128],
            narrow: [0.0; 2 * 64],
            narrowest: [0.0; 64],
            heard: [0.0; 2 * CELL],
            gates: [0.0; 4 * CELL],
            memory: [0.0; CELL],
        }
    }

    /// Input, forget, candidate and output gate, in this order.
    fn remember(&mut self) {
        self.weights.cell.run(&self.heard, 0, &mut self.gates);
        let said = &mut self.heard[CELL..];
        for (i, (memory, said)) in self.memory.iter_mut().zip(said).enumerate() {
            let [input, forget, candidate, output] = [0, 1, 2, 3].map(|n| self.gates[n * CELL + i]);
            *memory = sigmoid(forget) * *memory + sigmoid(input) * tanh(candidate);
            *said = sigmoid(output) * tanh(*memory);
        }
    }
}

impl Engine for Silero {
    fn hop_frames(&self) -> usize {
        HOP_FRAMES
    }

    fn probability(&mut self, hop: &[f32]) -> f32 {
        self.samples[CONTEXT_FRAMES..HOP_END].copy_from_slice(hop);
        for i in 0..MIRRORED_FRAMES {
            self.samples[HOP_END + i] = self.samples[HOP_END - 2 - i];
        }
        self.spectrum.magnitudes(&self.samples, &mut self.bins);
        self.samples.copy_within(HOP_FRAMES..HOP_END, 0);
        let [first, second, third, fourth] = &self.weights.convolutions;
        first.run(&self.bins, &mut self.wide);
        second.run(&self.wide, &mut self.narrow);
        third.run(&self.narrow, &mut self.narrowest);
        fourth.run(&self.narrowest, &mut self.heard[..CELL]);
        self.remember();
        let said = self.heard[CELL..].iter().zip(&self.weights.verdict);
        let sum: f32 = said.map(|(said, weight)| said.max(0.0) * weight).sum();
        sigmoid(sum + self.weights.verdict_bias)
    }

    fn reset(&mut self) {
        self.samples.fill(0.0);
        self.heard.fill(0.0);
        self.memory.fill(0.0);
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// To the seventh decimal, in a quarter of the instructions of `f32::tanh`.
fn tanh(x: f32) -> f32 {
    2.0 * sigmoid(2.0 * x) - 1.0
}
