//! Silero's weights: read from its file, judged, and laid out for speed.
//!
//! Runs on: set-up. Allocates, reads a file and fails.

use std::{
    fmt,
    fs::File,
    io::{self, Read as _},
};

use super::{
    BINS, CELL,
    dense::{Convolution, Dense},
    onnx::{self, Tensor},
    spectrum::{WINDOW, window},
};

/// Where the weights are, and the hash of those this was tested with.
pub(in super::super) const SOURCE: &str = "get version 6.2.1, MIT licence:\n\n\
curl -LO https://github.com/snakers4/silero-vad/raw/v6.2.1/src/silero_vad/data/silero_vad.onnx\n\
SHA-256 1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3";

/// Their files hold up to 3 MB.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Within these no sum of products leaves the range of an `f32`, whatever the
/// sound is; Silero's reach 55.
const WEIGHT_MAX: f32 = 1_000.0;
/// The name that tells where a 16 kHz model is: beside one for 8 kHz in most files.
const BASIS: &str = "stft.forward_basis_buffer";

/// All that the model has learnt.
pub(in super::super) struct Weights {
    pub(super) convolutions: [Convolution; 4],
    /// Inputs: the features, then what the cell said last.
    pub(super) cell: Dense,
    pub(super) verdict: [f32; CELL],
    pub(super) verdict_bias: f32,
}

/// Reads the weights from a file.
///
/// # Errors
/// Where it cannot be read or holds something else; a text that names the file,
/// what was expected and where to get it.
pub(in super::super) fn load(path: &str) -> Result<Weights, String> {
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    let wrong = |what: &dyn fmt::Display| {
        format!("weights \"{path}\" {what}, expected Silero VAD's, version 5 or 6; {SOURCE}")
    };
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(wrong(&"is not there")),
        Err(error) => Err(wrong(&format_args!("cannot be read: {error}"))),
        Ok(bytes) if bytes as u64 > FILE_BYTES_MAX => Err(wrong(&"is larger than 16 MiB")),
        Ok(_) => Weights::parse(&bytes).map_err(|what| wrong(&what)),
    }
}

impl Weights {
    /// The weights in a file's bytes, whatever the rest of it says.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn parse(file: &[u8]) -> Result<Self, String> {
        let tensors =
            onnx::tensors(file).map_err(|_| "is no ONNX file, or only a part of one".to_owned())?;
        let model = Model::find(&tensors)?;
        model.judge_basis()?;
        let convolution = |n: usize, channels: usize, stride, outputs: usize| {
            let part = |name| format!("encoder.{n}.reparam_conv.{name}");
            let weights = model.floats(&part("weight"), &[outputs, channels, 3])?;
            let bias = model.floats(&part("bias"), &[outputs])?;
            Ok::<_, String>(Convolution::new(channels, stride, &weights, &bias))
        };
        let convolutions = [
            convolution(0, BINS, 1, 128)?,
            convolution(1, 128, 2, 64)?,
            convolution(2, 64, 2, 64)?,
            convolution(3, 64, 1, CELL)?,
        ];
        let cell =
            |part: &str, shape: &[usize]| model.floats(&format!("decoder.rnn.{part}"), shape);
        let features = cell("weight_ih", &[4 * CELL, CELL])?;
        let said = cell("weight_hh", &[4 * CELL, CELL])?;
        let bias = cell("bias_ih", &[4 * CELL])?.into_iter().zip(cell("bias_hh", &[4 * CELL])?);
        let bias: Vec<f32> = bias.map(|(a, b)| a + b).collect();
        let cell = Dense::new(2 * CELL, &bias, |output, input| match input.checked_sub(CELL) {
            None => features[output * CELL + input],
            Some(input) => said[output * CELL + input],
        });
        let verdict = model.floats("decoder.decoder.2.weight", &[1, CELL, 1])?;
        let verdict_bias = model.floats("decoder.decoder.2.bias", &[1])?[0];
        let verdict = std::array::from_fn(|i| verdict[i]);
        Ok(Self { convolutions, cell, verdict, verdict_bias })
    }
}

/// The tensors of one model among those of a file.
struct Model<'a> {
    tensors: &'a [Tensor<'a>],
    graph: usize,
    /// What stands before each name.
    prefix: &'a [u8],
}

impl<'a> Model<'a> {
    /// The one whose spectrum is that of 16 kHz.
    fn find(tensors: &'a [Tensor<'a>]) -> Result<Self, String> {
        let shape = [2 * BINS as u64, 1, WINDOW as u64];
        tensors
            .iter()
            .filter(|tensor| tensor.shape == shape)
            .find_map(|tensor| {
                let prefix = tensor.name.strip_suffix(BASIS.as_bytes())?;
                Some(Self { tensors, graph: tensor.graph, prefix })
            })
            .ok_or_else(|| format!("holds no tensor {BASIS} of {}", times(&[2 * BINS, 1, WINDOW])))
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let is_it = |tensor: &&Tensor<'_>| {
            tensor.graph == self.graph
                && tensor.name.strip_prefix(self.prefix) == Some(name.as_bytes())
        };
        let tensor = self.tensors.iter().find(is_it);
        let tensor = tensor.ok_or_else(|| format!("holds no tensor {name}"))?;
        let count: usize = shape.iter().product();
        let (floats, rest) = tensor.data.as_chunks();
        let is_shaped = tensor.shape.iter().copied().eq(shape.iter().map(|n| *n as u64));
        if !is_shaped || tensor.data_type != onnx::FLOAT {
            return Err(format!("has another {name} than {} floats of 32 bits", times(shape)));
        }
        if floats.len() != count || !rest.is_empty() {
            return Err(format!("has only a part of {name}"));
        }
        let floats: Vec<_> = floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        match floats.iter().find(|float| !(-WEIGHT_MAX..=WEIGHT_MAX).contains(*float)) {
            Some(float) => Err(format!("has {float} in {name}, where no weight is over 1000")),
            None => Ok(floats),
        }
    }

    /// The spectrum is not computed from the file's cosines and sines, so they
    /// must be those of Hann's window.
    fn judge_basis(&self) -> Result<(), String> {
        let basis = self.floats(BASIS, &[2 * BINS, 1, WINDOW])?;
        let is_ours = basis.iter().enumerate().all(|(at, weight)| {
            let (bin, i) = (at / WINDOW, at % WINDOW);
            let angle = std::f64::consts::TAU * ((bin % BINS * i) % WINDOW) as f64 / WINDOW as f64;
            let wave = if bin < BINS { angle.cos() } else { -angle.sin() };
            (f64::from(*weight) - wave * window(i)).abs() < 1e-5
        });
        if is_ours { Ok(()) } else { Err("makes spectra by another window".to_owned()) }
    }
}

/// `258 × 1 × 256`.
fn times(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}
