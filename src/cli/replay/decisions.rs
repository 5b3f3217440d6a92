//! The decisions as `benches/score/score.md` wants them.

use std::{
    fs,
    io::ErrorKind,
    path::{Component, Path, PathBuf},
};

use serde_json::{Map, Value, json};

use crate::{
    audio::{NoteKind, Rate},
    cli::{exit::Failure, find::text_of, talk::tell::rounded},
    sim::replay::{Replayed, Voice},
};

/// One file for all recordings: parts, and in each the recordings by name.
#[derive(Debug)]
pub(super) struct Decisions {
    path: PathBuf,
    parts: Map<String, Value>,
}

impl Decisions {
    /// A file that is written anew.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, parts: Map::new() }
    }

    /// A file that is added to, where it exists.
    ///
    /// # Errors
    /// One that cannot be read, or holds something else.
    pub(super) fn of(path: PathBuf) -> Result<Self, Failure> {
        let text = match text_of(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Self::new(path)),
            Err(e) => return Err(Failure::file(&path, &e)),
        };
        match serde_json::from_str(&text) {
            Ok(parts) => Ok(Self { path, parts }),
            Err(e) => {
                let path = path.display();
                Err(Failure::usage(format!("{path}: expected decisions to add to: {e}")))
            }
        }
    }

    /// A recording for the parts about detectors and about turns.
    pub(super) fn add(&mut self, key: String, replayed: &Replayed) {
        let ends: Vec<f64> = replayed.ends().map(rounded).collect();
        self.put("turns", key.clone(), json!({ "ends": ends }));
        self.put("vad", key, heard(replayed));
    }

    /// A pair for the part about echo, with the sound that was `saved`.
    /// `likely` is for whoever asks when a reply would have been turned down.
    pub(super) fn add_scene(&mut self, key: String, replayed: &Replayed, saved: Option<&Path>) {
        let mut scene =
            json!({ "segments": seconds(&replayed.speech), "likely": likely(replayed) });
        if let Some(saved) = saved {
            scene["out"] = self.path_to(saved).to_string_lossy().into();
            // What is saved is aligned with what came in, the plan's latency taken off.
            scene["out_delay_s"] = 0.0.into();
        }
        self.put("echo", key, scene);
    }

    fn put(&mut self, part: &str, key: String, entry: Value) {
        let part = self.parts.entry(part).or_insert_with(|| json!({}));
        if !part.is_object() {
            *part = json!({});
        }
        part[key] = entry;
    }

    /// Relative to the file's folder, as far as the two are known.
    fn path_to(&self, other: &Path) -> PathBuf {
        let folder = match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        match (folder.canonicalize(), other.canonicalize()) {
            (Ok(folder), Ok(other)) => relative(&folder, &other),
            _ => other.to_owned(),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(super) fn write(self) -> Result<(), Failure> {
        let text = format!("{}\n", Value::Object(self.parts));
        fs::write(&self.path, text).map_err(|e| Failure::file(&self.path, &e))
    }
}

/// From one absolute folder to an absolute path.
fn relative(folder: &Path, path: &Path) -> PathBuf {
    let shared = folder.components().zip(path.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(path.components().skip(shared)).collect()
}

fn seconds(stretches: &[[f64; 2]]) -> Vec<[f64; 2]> {
    stretches.iter().map(|stretch| stretch.map(rounded)).collect()
}

/// Stretches in which there was speech or seemed to be.
fn likely(replayed: &Replayed) -> Vec<[f64; 2]> {
    let (mut stretches, mut since) = (Vec::new(), None);
    for told in &replayed.told {
        let on = match told.note.kind {
            NoteKind::Likely | NoteKind::Onset | NoteKind::SpeechOn => true,
            NoteKind::FalseAlarm | NoteKind::SpeechOff(_) | NoteKind::EndOfTurn => false,
            _ => continue,
        };
        since = match (since, on) {
            (None, true) => Some(told.heard_s),
            (Some(from), false) => {
                stretches.push([from, told.heard_s]);
                None
            }
            (since, _) => since,
        };
    }
    stretches.extend(since.map(|from| [from, replayed.duration_s]));
    seconds(&stretches)
}

/// `prob[i]` is of the sound from `first_s + i * hop_s` on, at the microphone;
/// `segments` are moments of decision.
fn heard(replayed: &Replayed) -> Value {
    let segments = seconds(&replayed.speech);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_the_folder_of_the_decisions() {
        let to = |folder, path| relative(Path::new(folder), Path::new(path));
        assert_eq!(to("/a/b", "/a/b/out/s00.wav"), Path::new("out/s00.wav"));
        assert_eq!(to("/a/b", "/a/c/s00.wav"), Path::new("../c/s00.wav"));
        assert_eq!(to("/", "/s00.wav"), Path::new("s00.wav"));
    }
}
