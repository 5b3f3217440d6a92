//! The decisions as `benches/score/score.md` wants them.

use serde_json::{Map, Value, json};

use crate::{
    audio::Rate,
    cli::talk::tell::rounded,
    sim::replay::{Replayed, Voice},
};

/// One JSON text for all recordings, each by its name.
pub(super) fn decisions<'a>(all: impl Iterator<Item = (String, &'a Replayed)>) -> String {
    let (mut vad, mut turns) = (Map::new(), Map::new());
    for (key, replayed) in all {
        let ends: Vec<f64> = replayed.ends().map(rounded).collect();
        turns.insert(key.clone(), json!({ "ends": ends }));
        vad.insert(key, heard(replayed));
    }
    format!("{}\n", json!({ "vad": vad, "turns": turns }))
}

/// `prob[i]` is of the sound from `first_s + i * hop_s` on, at the microphone;
/// `segments` are moments of decision.
fn heard(replayed: &Replayed) -> Value {
    let segments: Vec<[f64; 2]> = replayed.speech.iter().map(|s| s.map(rounded)).collect();
    let (Some(first), Some(hop)) = (replayed.voice.first(), hop_frames(&replayed.voice)) else {
        return json!({ "segments": segments });
    };
    let hz = f64::from(Rate::UPLINK.hz());
    let exact = |v: &Voice| (f64::from(v.probability) * 1e6).round() / 1e6;
    let prob: Vec<f64> = replayed.voice.iter().map(exact).collect();
    json!({
        "hop_s": hop as f64 / hz,
        "first_s": (first.at.frames + 1 - hop) as f64 / hz,
        "prob": prob,
        "segments": segments,
    })
}

fn hop_frames(voice: &[Voice]) -> Option<i64> {
    let [first, second, ..] = voice else { return None };
    second.at.frames_since(first.at).filter(|hop| *hop > 0)
}
