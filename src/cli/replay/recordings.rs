//! Which files are replayed, and what they are called.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::live;
use crate::{
    audio::Rate,
    cli::{
        exit::{Exit, Failure},
        find::text_of,
    },
    device::{
        flac_file,
        wave_file::{self, Wave},
    },
    sim::replay::far,
};

/// What `run --record` writes to a folder.
const RECORDED: [&str; 3] = ["mic.wav", "events.jsonl", "far.wav"];
/// What a set of pairs calls the microphone's.
const MIC: &str = "_mic";

/// A file to be replayed.
#[derive(Debug)]
pub(in crate::cli) struct Recording {
    pub(in crate::cli) path: PathBuf,
    /// Of a talk that was recorded: all that was told of it.
    pub(in crate::cli) live: Option<Vec<Value>>,
    /// What the loudspeaker was given meanwhile, where it was recorded.
    pub(in crate::cli) far: Option<PathBuf>,
}

impl Recording {
    fn file(path: PathBuf) -> Self {
        Self { path, live: None, far: None }
    }

    /// What it is called among the decisions: the name of the file, a WAV's
    /// without its ending, so that a set in either form has the same keys; of
    /// a recorded talk the folder's.
    pub(in crate::cli) fn key(&self) -> String {
        let name = match &self.live {
            Some(_) => self.path.parent().and_then(Path::file_name),
            None if is(&self.path, "wav") => self.path.file_stem(),
            None => self.path.file_name(),
        };
        name.unwrap_or_default().to_string_lossy().into_owned()
    }

    /// What the pair is called that it is the microphone of.
    pub(in crate::cli) fn scene(&self) -> String {
        let stem = self.stem();
        stem.strip_suffix(MIC).map(str::to_owned).unwrap_or(stem)
    }

    /// A file of this recording's name in `folder`, which is made where it is
    /// not there.
    ///
    /// # Errors
    /// A folder that cannot be made, or the recording itself.
    pub(in crate::cli) fn beside(&self, folder: &Path, ending: &str) -> Result<PathBuf, Failure> {
        fs::create_dir_all(folder).map_err(|e| Failure::file(folder, &e))?;
        let path = folder.join(format!("{}.{ending}", self.stem()));
        if path.exists() && path.canonicalize().ok() == self.path.canonicalize().ok() {
            let path = path.display();
            return Err(Failure::usage(format!("{path} is the recording; name another folder")));
        }
        Ok(path)
    }

    /// The key without an ending.
    fn stem(&self) -> String {
        let key = self.key();
        if is(Path::new(&key), "flac") { key[..key.len() - ".flac".len()].to_owned() } else { key }
    }

    pub(in crate::cli) fn read(&self) -> Result<Wave, Failure> {
        read(&self.path)
    }

    /// What the loudspeaker was given, frame beside frame of the recording,
    /// which is at `rate`.
    pub(in crate::cli) fn read_far(&self, rate: Rate) -> Result<Option<Vec<f32>>, Failure> {
        let Some(path) = &self.far else { return Ok(None) };
        let wave = read(path)?;
        let failed = |e| Failure::usage(format!("{}: {e}", path.display()));
        far::at_rate(wave.samples, wave.rate, rate).map(Some).map_err(failed)
    }
}

fn read(path: &Path) -> Result<Wave, Failure> {
    if is(path, "flac") { flac_file::read(path) } else { wave_file::read(path) }
        .map_err(|e| Failure::new(Exit::Usage, e.to_string()))
}

fn is(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// The one recording that is named, beside what `far` holds.
///
/// # Errors
/// Another number of them.
pub(in crate::cli) fn pair(operands: &[String], far: PathBuf) -> Result<Vec<Recording>, Failure> {
    match <[Recording; 1]>::try_from(find(operands)?) {
        Ok([mic]) => Ok(vec![Recording { far: Some(far), ..mic }]),
        Err(found) => Err(Failure::usage(format!(
            "--far goes with one recording, and there are {}; replay each pair by itself",
            found.len()
        ))),
    }
}

/// The files that are named, and those in the folders that are named.
///
/// # Errors
/// Nothing named, nothing found, or two files of one name.
pub(in crate::cli) fn find(operands: &[String]) -> Result<Vec<Recording>, Failure> {
    if operands.is_empty() {
        return Err(Failure::usage(
            "replay wants recordings; name WAV or FLAC files, or folders of them",
        ));
    }
    let mut found = Vec::new();
    for operand in operands {
        let path = PathBuf::from(operand);
        if path.is_dir() {
            found.extend(of_folder(&path)?);
        } else {
            found.push(Recording::file(path));
        }
    }
    let mut seen: HashMap<String, &Path> = HashMap::new();
    for recording in &found {
        if let Some(other) = seen.insert(recording.stem(), &recording.path) {
            return Err(Failure::usage(format!(
                "{} and {} have one name; decisions are told by name: replay them apart",
                other.display(),
                recording.path.display()
            )));
        }
    }
    Ok(found)
}

/// The recorded talk that the folder is, or its sound files by name; of two
/// that differ by their ending only, the FLAC.
fn of_folder(folder: &Path) -> Result<Vec<Recording>, Failure> {
    let cannot =
        |e: std::io::Error| Failure::usage(format!("{}: cannot be read: {e}", folder.display()));
    let [mic, events, far] = RECORDED.map(|name| folder.join(name));
    if mic.exists() && events.exists() {
        let text = text_of(&events).map_err(cannot)?;
        let far = far.exists().then_some(far);
        return Ok(vec![Recording { path: mic, live: Some(live::lines(&text)), far }]);
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        paths.push(entry.map_err(cannot)?.path());
    }
    paths.retain(|path| {
        is(path, "flac") || (is(path, "wav") && !path.with_extension("flac").exists())
    });
    paths.sort();
    if paths.is_empty() {
        let folder = folder.display();
        return Err(Failure::usage(format!(
            "{folder} holds no sound; expected .wav or .flac files"
        )));
    }
    Ok(paths.into_iter().map(Recording::file).collect())
}
