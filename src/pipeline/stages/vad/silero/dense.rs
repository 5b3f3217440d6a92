//! Sums of inputs times weights, laid out so that a compiler makes vector
//! instructions of them: one input is spread over many outputs.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

/// Outputs that are summed up together: eight registers of four.
const PANEL: usize = 32;
/// Inputs that are summed up before they are added to the rest.
const PART: usize = 32;

/// A layer whose every output hears every input.
pub(super) struct Dense {
    inputs: usize,
    /// For each panel of outputs, for each input: a weight for each output.
    weights: Box<[[f32; PANEL]]>,
    bias: Box<[[f32; PANEL]]>,
}

impl Dense {
    /// `weight(output, input)`; `bias` is as long as there are outputs, a
    /// multiple of 32. Allocates: for set-up only.
    pub(super) fn new(inputs: usize, bias: &[f32], weight: impl Fn(usize, usize) -> f32) -> Self {
        debug_assert!(bias.len().is_multiple_of(PANEL));
        let panels = bias.len() / PANEL;
        let row = |panel: usize, input| std::array::from_fn(|i| weight(panel * PANEL + i, input));
        let weights = (0..panels * inputs).map(|at| row(at / inputs, at % inputs));
        let (bias, _) = bias.as_chunks();
        Self { inputs, weights: weights.collect(), bias: bias.into() }
    }

    /// Sums up `input`, which is zero before its first number, the layer's
    /// input `from`, and after its last.
    pub(super) fn run(&self, input: &[f32], from: usize, output: &mut [f32]) {
        let (output, _) = output.as_chunks_mut::<PANEL>();
        let panels = self.weights.chunks_exact(self.inputs).zip(&self.bias);
        for (output, (weights, bias)) in output.iter_mut().zip(panels) {
            *output = *bias;
            // In parts, so that rounding errors stay small.
            for (input, weights) in input.chunks(PART).zip(weights[from..].chunks(PART)) {
                let mut sums = [0.0; PANEL];
                for (input, weights) in input.iter().zip(weights) {
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum += input * weight;
                    }
                }
                for (output, sum) in output.iter_mut().zip(sums) {
                    *output += sum;
                }
            }
        }
    }
}

/// A convolution over time of three taps, with a zero on either side, that
/// keeps what is above zero.
pub(super) struct Convolution {
    channels: usize,
    outputs: usize,
    stride: usize,
    taps: Dense,
}

impl Convolution {
    /// `weights` are by output, channel and tap. Allocates: for set-up only.
    pub(super) fn new(channels: usize, stride: usize, weights: &[f32], bias: &[f32]) -> Self {
        let weight = |output, input: usize| {
            let (tap, channel) = (input / channels, input % channels);
            weights[(output * channels + channel) * 3 + tap]
        };
        let taps = Dense::new(3 * channels, bias, weight);
        Self { channels, outputs: bias.len(), stride, taps }
    }

    /// Both sides hold one row of channels after the other.
    pub(super) fn run(&self, input: &[f32], output: &mut [f32]) {
        for (row, output) in output.chunks_exact_mut(self.outputs).enumerate() {
            let centre = row * self.stride;
            let (first, skipped) = if centre == 0 { (0, self.channels) } else { (centre - 1, 0) };
            let end = input.len().min((centre + 2) * self.channels);
            self.taps.run(&input[first * self.channels..end], skipped, output);
            for sum in output {
                *sum = sum.max(0.0);
            }
        }
    }
}
