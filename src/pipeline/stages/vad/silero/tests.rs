//! The numbers are right, and any other file is refused for what it is.

use super::{super::ENTRY, onnx::Malformed, *};
use crate::{
    audio::Rate,
    pipeline::{
        Format, StageConfig, Value, Values,
        conformance::{PROMISES, Subject},
    },
};

#[path = "../../../../../tests/data/silero/made.rs"]
mod made;

const GOLDEN: &str = include_str!("../../../../../tests/data/silero/golden.txt");
/// As in `reference.py`.
const LEVELS: [f32; 24] = [
    0.0, 0.0, 0.3, 0.3, 0.01, 0.01, 1.0, 1.0, 0.1, 0.2, 0.4, 0.8, 0.05, 0.0, 0.0, 0.0, 0.5, 0.25,
    0.12, 0.06, 0.03, 0.0, 0.6, 0.6,
];

fn probabilities(engine: &mut Silero) -> Vec<f32> {
    let numbers = made::numbers(1).take(HOP_FRAMES * LEVELS.len());
    let signal: Vec<_> = numbers.enumerate().map(|(i, n)| n * LEVELS[i / HOP_FRAMES]).collect();
    signal.chunks_exact(HOP_FRAMES).map(|hop| engine.probability(hop)).collect()
}

fn assert_golden(file: &[u8]) {
    let probabilities = probabilities(&mut Silero::new(Weights::parse(file).unwrap()));
    let expected: Vec<f32> = GOLDEN.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(probabilities.len(), expected.len());
    for (hop, (is, expected)) in probabilities.into_iter().zip(expected).enumerate() {
        assert!((is - expected).abs() < 1e-5, "hop {hop}: {is}, not {expected}");
    }
}

/// The 16 kHz model as initialisers of one graph beside one for 8 kHz, as some
/// of Silero's files have it; `change` makes the graph's tensors another model.
fn flat(mut change: impl FnMut(&'static str, &mut Vec<u64>, &mut Vec<f32>)) -> Vec<u8> {
    let mut graph = Vec::new();
    for (prefix, half, seed) in [("model_8k.", 64, 500), ("model.", 128, 1_000)] {
        for (name, mut shape, mut floats) in made::tensors(half, seed) {
            if half == 128 {
                change(name, &mut shape, &mut floats);
            }
            let name = format!("{prefix}{name}");
            graph.extend(made::bytes(5, &made::tensor(&name, &shape, &floats)));
        }
    }
    made::bytes(7, &graph)
}

#[test]
fn probabilities_are_those_of_an_independent_reference() {
    assert_golden(&made::file());
}

#[test]
fn weights_are_found_by_name_in_a_branch_or_among_initialisers() {
    assert_golden(&flat(|_, _, _| {}));
}

#[test]
fn a_reset_forgets_all_that_was_heard() {
    let mut engine = Silero::new(Weights::parse(&made::file()).unwrap());
    let fresh = probabilities(&mut engine);
    assert_ne!(probabilities(&mut engine), fresh, "nothing was remembered");
    engine.reset();
    assert_eq!(probabilities(&mut engine), fresh);
}

fn refusal(file: &[u8]) -> String {
    Weights::parse(file).err().expect("a file that should be refused")
}

#[test]
fn what_is_no_onnx_file_or_a_part_of_one_is_refused() {
    let no_file = "is no ONNX file, or only a part of one";
    assert_eq!(refusal(b""), no_file);
    assert_eq!(refusal(b"<!DOCTYPE html><html>"), no_file);
    assert_eq!(refusal(b"version https://git-lfs.github.com/spec/v1\n"), no_file);
    let whole = made::file();
    for part in [1, 2, 3, 100, whole.len() / 2, whole.len() - 1] {
        assert_eq!(refusal(&whole[..part]), no_file, "{part} bytes");
    }
}

#[test]
fn another_model_is_refused_by_the_tensor_that_differs() {
    let another = |what: &str, change: &dyn Fn(&mut Vec<u64>, &mut Vec<f32>)| {
        refusal(&flat(|name, shape, floats| {
            if name == what {
                change(shape, floats);
            }
        }))
    };
    assert_eq!(
        refusal(&made::bytes(7, b"")),
        "holds no tensor stft.forward_basis_buffer of 258 × 1 × 256"
    );
    let hidden = another("stft.forward_basis_buffer", &|shape, _| shape[0] = 130);
    assert_eq!(hidden, "holds no tensor stft.forward_basis_buffer of 258 × 1 × 256");
    let window = another("stft.forward_basis_buffer", &|_, floats| floats[256 + 100] += 1e-3);
    assert_eq!(window, "makes spectra by another window");
    let shape = another("decoder.rnn.weight_hh", &|shape, _| shape.reverse());
    assert_eq!(shape, "has another decoder.rnn.weight_hh than 512 × 128 floats of 32 bits");
    let part = another("encoder.3.reparam_conv.bias", &|_, floats| floats.truncate(127));
    assert_eq!(part, "has only a part of encoder.3.reparam_conv.bias");
    for wild in [f32::NAN, f32::INFINITY, -1_001.0] {
        let finding = another("decoder.decoder.2.weight", &|_, floats| floats[5] = wild);
        let expected =
            format!("has {wild} in decoder.decoder.2.weight, where no weight is over 1000");
        assert_eq!(finding, expected);
    }
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    let model = |floats: &[f32]| {
        let tensor = made::bytes(5, &made::tensor("t", &[2, 1], floats));
        let node = made::bytes(1, &made::bytes(5, &made::bytes(6, &tensor)));
        made::bytes(7, &[tensor.clone(), node].concat())
    };
    let sound = model(&[1.0, 2.0]);
    let tensors = onnx::tensors(&sound).unwrap();
    assert_eq!(tensors.iter().map(|t| t.graph).collect::<Vec<_>>(), [0, 1]);
    assert!(tensors.iter().all(|t| t.shape == [2, 1] && t.name == b"t" && t.data.len() == 8));
    let mut malformed = 0;
    for at in 0..sound.len() {
        for byte in 0..=255 {
            let mut changed = sound.clone();
            changed[at] = byte;
            malformed += usize::from(onnx::tensors(&changed).is_err());
        }
    }
    assert!(malformed > 1_000, "{malformed}");
}

#[test]
fn a_file_of_endless_graphs_shapes_or_tensors_is_refused() {
    let nested = (0..40)
        .fold(Vec::new(), |inner, _| made::bytes(1, &made::bytes(5, &made::bytes(6, &inner))));
    assert_eq!(onnx::tensors(&made::bytes(7, &nested)), Err(Malformed));
    let shape = made::bytes(5, &made::bytes(1, &[1; 100]));
    assert_eq!(onnx::tensors(&made::bytes(7, &shape)), Err(Malformed));
    let tensors = made::bytes(5, b"").repeat(5_000);
    assert_eq!(onnx::tensors(&made::bytes(7, &tensors)), Err(Malformed));
}

fn values(weights: &str) -> Values {
    let mut values = Values::defaults(ENTRY.params);
    values.set("engine", Value::Text("silero".to_owned()));
    values.set("weights", Value::Text(weights.to_owned()));
    values
}

fn not_prepared(path: &std::path::Path) -> String {
    let config: Box<dyn StageConfig> = (ENTRY.build)(&values(path.to_str().unwrap())).unwrap();
    config.prepare(Format::of(Rate::UPLINK)).err().unwrap().to_string()
}

#[test]
fn a_missing_or_wrong_file_says_what_was_expected_and_where_to_get_it() {
    let mut unset = values("");
    unset.unset("weights");
    let text = (ENTRY.build)(&unset).unwrap_err();
    assert!(text.starts_with("engine = \"silero\" needs its weights; get "), "{text}");
    let folder = std::env::temp_dir();
    let missing = folder.join("no such folder").join("silero_vad.onnx");
    let text = not_prepared(&missing);
    let start = format!("weights \"{}\" is not there, expected Silero VAD's", missing.display());
    assert!(text.starts_with(&start), "{text}");
    assert!(text.contains("github.com/snakers4/silero-vad/"), "{text}");
    assert!(text.contains("1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"));
    let text = not_prepared(&folder);
    assert!(text.contains("cannot be read"), "{text}");
}

fn keeps_every_promise(weights: &str) {
    let subject = Subject::new(&ENTRY, &values(weights), String::new()).unwrap();
    for (promise, check) in PROMISES {
        assert_eq!(check(&subject), Ok(()), "{promise}");
    }
}

#[test]
fn it_keeps_every_promise_of_a_stage() {
    let name = format!("chinwag-silero-{}.onnx", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, made::file()).unwrap();
    keeps_every_promise(path.to_str().unwrap());
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn it_keeps_every_promise_with_the_real_weights() {
    if let Some(weights) = super::super::tests::real_weights() {
        keeps_every_promise(&weights);
    }
}
