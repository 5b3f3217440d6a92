//! `vad`: how likely it is that somebody speaks, hop by hop.
//!
//! The sound goes through as it is, without latency. Each engine has a hop of
//! its own; one `Voice` note is left for each whole hop, stamped with the hop's
//! last frame.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::hopwise::expect_16_khz;
use crate::{
    audio::{Block, Note, NoteKind, Notes, convert::tame},
    pipeline::{
        Format, Param, PrepareError, Prepared, Stage, StageConfig, StageEntry,
        param::{ParamDefault, ParamKind},
    },
};

mod earshot;
mod energy;
mod silero;
mod webrtc;

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "vad",
    summary: "tells how likely it is that somebody speaks; leaves the sound as it is",
    params: &[
        Param {
            name: "engine",
            kind: ParamKind::Choice(&["earshot", "silero", "webrtc", "energy"]),
            default: ParamDefault::Text("earshot"),
            doc: "earshot: a small neural network, right in noise; silero: a larger one, right \
                  more often, from a file of weights; webrtc: five times cheaper than earshot, \
                  often on in noise; energy: louder than the noise floor, for quiet rooms",
        },
        Param {
            name: "weights",
            kind: ParamKind::Text,
            default: ParamDefault::Unset,
            doc: "silero only: the file silero_vad.onnx of github.com/snakers4/silero-vad, \
                  version 5 or 6; absolute, or relative to where chinwag is started",
        },
        Param {
            name: "aggressiveness",
            kind: ParamKind::Int { min: 0, max: 3 },
            default: ParamDefault::Int(3),
            doc: "webrtc only: 0 lets most through, 3 is the strictest",
        },
        Param {
            name: "margin_db",
            kind: ParamKind::Float { min: 3.0, max: 40.0 },
            default: ParamDefault::Float(6.0),
            doc: "energy only: how far over the noise floor a voice is one chance in two",
        },
    ],
    allocates: |_| 0,
    example: "engine = \"earshot\"",
    build: |values| {
        let engine = match values.text("engine") {
            Some("webrtc") => {
                Choice::Webrtc { aggressiveness: values.int("aggressiveness").clamp(0, 3) as u8 }
            }
            Some("energy") => Choice::Energy { margin_db: values.float("margin_db") },
            Some("silero") => match values.text("weights") {
                Some(path) => Choice::Silero { weights: path.to_owned() },
                None => {
                    return Err(format!(
                        "engine = \"silero\" needs its weights; {}\n\n\
                         and add:\n\nweights = \"silero_vad.onnx\"",
                        silero::SOURCE
                    ));
                }
            },
            _ => Choice::Earshot,
        };
        Ok(Box::new(Config { engine }))
    },
};

#[derive(Debug)]
enum Choice {
    Earshot,
    Webrtc { aggressiveness: u8 },
    Energy { margin_db: f32 },
    Silero { weights: String },
}

#[derive(Debug)]
struct Config {
    engine: Choice,
}

/// A voice detector at 16 kHz that looks at one hop after the other.
///
/// # Realtime safety
/// `probability` and `reset` never allocate, lock, log or fail.
trait Engine: Send {
    /// How many frames it looks at together.
    fn hop_frames(&self) -> usize;

    /// The chance, 0 to 1, that the hop holds a voice; samples are in -1 to 1.
    fn probability(&mut self, hop: &[f32]) -> f32;

    /// Back to an engine that has heard nothing.
    fn reset(&mut self);
}

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        expect_16_khz(input)?;
        let engine: Box<dyn Engine> = match &self.engine {
            Choice::Earshot => Box::new(earshot::Earshot::default()),
            Choice::Webrtc { aggressiveness } => Box::new(webrtc::Webrtc::new(*aggressiveness)),
            Choice::Energy { margin_db } => Box::new(energy::Energy::new(*margin_db)),
            Choice::Silero { weights } => {
                Box::new(silero::Silero::new(silero::load(weights).map_err(PrepareError)?))
            }
        };
        let hop = vec![0.0; engine.hop_frames()].into();
        Ok(Prepared::plain(Vad { engine, hop, collected: 0 }, input))
    }
}

struct Vad {
    engine: Box<dyn Engine>,
    hop: Box<[f32]>,
    collected: usize,
}

impl Stage for Vad {
    fn process(&mut self, block: &mut Block, notes: &mut Notes) {
        let start = block.start();
        for (i, sample) in block.near_mut().iter_mut().enumerate() {
            *sample = tame(*sample);
            self.hop[self.collected] = sample.clamp(-1.0, 1.0);
            self.collected += 1;
            if self.collected == self.hop.len() {
                self.collected = 0;
                let probability = self.engine.probability(&self.hop).clamp(0.0, 1.0);
                notes.push(Note::now(NoteKind::Voice { probability }, start.plus(i as i64)));
            }
        }
    }

    fn reset(&mut self) {
        self.collected = 0;
        self.engine.reset();
    }
}

#[cfg(test)]
mod tests;
