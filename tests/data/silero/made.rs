//! An ONNX file of the shape of Silero's, its weights made up: what a clone has
//! without the real one. `reference.py` makes the same numbers.

/// Name, shape and size of the weights of each tensor of the 16 kHz model.
const TENSORS: [(&str, &[u64], f32); 14] = [
    ("encoder.0.reparam_conv.weight", &[128, 129, 3], 1.0 / 16.0),
    ("encoder.0.reparam_conv.bias", &[128], 0.25),
    ("encoder.1.reparam_conv.weight", &[64, 128, 3], 0.125),
    ("encoder.1.reparam_conv.bias", &[64], 0.25),
    ("encoder.2.reparam_conv.weight", &[64, 64, 3], 0.25),
    ("encoder.2.reparam_conv.bias", &[64], 0.25),
    ("encoder.3.reparam_conv.weight", &[128, 64, 3], 0.25),
    ("encoder.3.reparam_conv.bias", &[128], 0.25),
    ("decoder.rnn.weight_ih", &[512, 128], 0.125),
    ("decoder.rnn.weight_hh", &[512, 128], 0.125),
    ("decoder.rnn.bias_ih", &[512], 0.25),
    ("decoder.rnn.bias_hh", &[512], 0.25),
    ("decoder.decoder.2.weight", &[1, 128, 1], 1.0),
    ("decoder.decoder.2.bias", &[1], 0.25),
];

/// Numbers in -1 to 1 that an `f32` holds exactly.
pub(crate) fn numbers(seed: u32) -> impl Iterator<Item = f32> {
    let mut state = seed;
    std::iter::from_fn(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((state >> 8) as f32 / (1 << 23) as f32 - 1.0)
    })
}

/// The tensors of one model, whose windows are `2 * half` long.
pub(crate) fn tensors(
    half: u64,
    seed: u32,
) -> impl Iterator<Item = (&'static str, Vec<u64>, Vec<f32>)> {
    let (shape, floats) = basis(half);
    std::iter::once(("stft.forward_basis_buffer", shape, floats)).chain((1u32..).zip(TENSORS).map(
        move |(i, (name, shape, size))| {
            let of_half = |n: &u64| if *n == 129 { half + 1 } else { *n };
            let shape: Vec<_> = shape.iter().map(of_half).collect();
            let count = shape.iter().product::<u64>() as usize;
            (name, shape, numbers(seed + i).take(count).map(|n| n * size).collect())
        },
    ))
}

/// The whole file: one model for 8 kHz and one for 16 kHz, each in a branch.
pub(crate) fn file() -> Vec<u8> {
    let branches = [(64, 500), (128, 1_000)].map(|(half, seed)| {
        let constant = |(name, shape, floats): (_, Vec<_>, Vec<_>)| {
            bytes(1, &bytes(5, &bytes(5, &tensor(name, &shape, &floats))))
        };
        let graph: Vec<_> = tensors(half, seed).flat_map(constant).collect();
        bytes(5, &bytes(6, &graph))
    });
    [vec![8, 8], bytes(7, &bytes(1, &branches.concat()))].concat()
}

/// Cosines and minus sines under Hann's window, `2 * half` long.
fn basis(half: u64) -> (Vec<u64>, Vec<f32>) {
    let length = 2 * half;
    let turn = |n: u64| std::f64::consts::TAU * n as f64 / length as f64;
    let weight = |bin: u64, i: u64| {
        let angle = turn(bin % (half + 1) * i % length);
        let wave = if bin <= half { angle.cos() } else { -angle.sin() };
        (wave * (0.5 - 0.5 * turn(i).cos())) as f32
    };
    let bins = 2 * (half + 1);
    let floats = (0..bins * length).map(|at| weight(at / length, at % length)).collect();
    (vec![bins, 1, length], floats)
}

/// A tensor with its name.
pub(crate) fn tensor(name: &str, shape: &[u64], floats: &[f32]) -> Vec<u8> {
    let mut tensor = Vec::new();
    for length in shape {
        tensor.push(1 << 3);
        tensor.extend(varint(*length));
    }
    tensor.extend([2 << 3, 1]);
    tensor.extend(bytes(8, name.as_bytes()));
    let data: Vec<_> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
    tensor.extend(bytes(9, &data));
    tensor
}

/// A field that holds bytes.
pub(crate) fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    [vec![field << 3 | 2], varint(content.len() as u64), content.to_vec()].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
