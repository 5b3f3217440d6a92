//! What all engines promise, and that each hears a voice.

use super::*;
use crate::{
    audio::{FrameTime, Rate},
    pipeline::{Value, Values},
};

/// Silero's own file, from the environment or beside the repository.
pub(super) fn real_weights() -> Option<String> {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/models/silero_vad.onnx");
    let path = std::env::var("CHINWAG_SILERO_WEIGHTS").unwrap_or(shared.to_owned());
    let is_there = std::path::Path::new(&path).exists();
    if !is_there {
        println!("skipped: no silero_vad.onnx; name one in CHINWAG_SILERO_WEIGHTS");
    }
    is_there.then_some(path)
}

/// Those that can be run here.
fn engines() -> Vec<&'static str> {
    let silero = real_weights().map(|_| "silero");
    ["earshot", "webrtc", "energy"].into_iter().chain(silero).collect()
}

fn stage(engine: &str) -> Box<dyn Stage> {
    let mut values = Values::defaults(ENTRY.params);
    values.set("engine", Value::Text(engine.to_owned()));
    if engine == "silero" {
        values.set("weights", Value::Text(real_weights().unwrap()));
    }
    let config = (ENTRY.build)(&values).unwrap();
    config.prepare(Format::of(Rate::UPLINK)).unwrap().stage
}

/// The last frame of each hop and the chance that it holds a voice.
fn voices(engine: &str, signal: &[f32]) -> Vec<(i64, f32)> {
    let mut stage = stage(engine);
    let (mut block, mut notes, mut voices) = (Block::new(160), Notes::default(), Vec::new());
    for (i, piece) in signal.chunks(160).enumerate() {
        notes.clear();
        block.fill(piece, FrameTime::start(Rate::UPLINK, 0).plus(160 * i as i64));
        stage.process(&mut block, &mut notes);
        for note in notes.iter() {
            let NoteKind::Voice { probability } = note.kind else { panic!("{note:?}") };
            voices.push((note.at.frames, probability));
        }
    }
    voices
}

fn noise(level: f32, frames: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut sample = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        level * (state as f32 / (1u64 << 31) as f32 - 1.0)
    };
    (0..frames).map(|_| sample()).collect()
}

/// A sentence of the demo's user, brought to 16 kHz.
fn sentence() -> Vec<f32> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/speech/user-1.wav");
    let mut reader = hound::WavReader::open(path).unwrap();
    let rate = Rate::new(reader.spec().sample_rate).unwrap();
    let samples: Vec<f32> =
        reader.samples::<i16>().map(|s| crate::audio::convert::from_wire(s.unwrap())).collect();
    let quality = crate::audio::resampler::Quality::Fast;
    let mut resampler =
        crate::audio::Resampler::new(rate, Rate::UPLINK, quality, samples.len()).unwrap();
    let mut output = vec![0.0; resampler.push(&samples)];
    resampler.take(&mut output);
    output
}

fn share_of_voice(voices: &[(i64, f32)]) -> f64 {
    voices.iter().filter(|(_, p)| *p > 0.5).count() as f64 / voices.len() as f64
}

#[test]
fn each_whole_hop_leaves_one_note_stamped_with_its_last_frame() {
    for engine in engines() {
        let hop = match engine {
            "earshot" => 256,
            "silero" => 512,
            _ => 160,
        };
        let frames: Vec<_> = voices(engine, &noise(0.1, 1_000)).iter().map(|v| v.0).collect();
        let expected: Vec<_> = (1..=1_000 / hop).map(|n| n * hop - 1).collect();
        assert_eq!(frames, expected, "{engine}");
    }
}

#[test]
fn every_engine_hears_a_sentence_and_no_voice_in_silence_or_a_steady_hiss() {
    for engine in engines() {
        let heard = share_of_voice(&voices(engine, &sentence()));
        assert!(heard > 0.4, "{engine}: {heard}");
        assert_eq!(share_of_voice(&voices(engine, &vec![0.0; 32_000])), 0.0, "{engine}");
        let heard = share_of_voice(&voices(engine, &noise(0.01, 96_000)));
        assert!(heard < 0.1, "{engine}: {heard}");
    }
}

#[test]
fn the_noise_floor_follows_a_louder_room_in_three_seconds() {
    let room = [noise(0.001, 32_000), noise(0.05, 96_000)].concat();
    let voices = voices("energy", &room);
    let (step, settled) = (200, 200 + 310);
    assert!(share_of_voice(&voices[step + 2..step + 290]) > 0.9);
    assert_eq!(share_of_voice(&voices[settled..]), 0.0);
}

#[test]
fn a_rate_other_than_16_khz_is_refused_with_the_lines_to_add() {
    let config = (ENTRY.build)(&Values::defaults(ENTRY.params)).unwrap();
    let error = config.prepare(Format::of(Rate::new(48_000).unwrap())).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the input is at 48000 Hz, expected 16000 Hz; put a stage before it:\n\
         stage = \"resample\"\nrate_hz = 16000"
    );
}

#[test]
fn the_sound_goes_through_as_it_is() {
    let signal = noise(1.5, 480);
    let mut block = Block::new(480);
    block.fill(&signal, FrameTime::start(Rate::UPLINK, 0));
    stage("earshot").process(&mut block, &mut Notes::default());
    assert_eq!(block.near(), signal);
}
