//! Which files are replayed, and what they are called.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    cli::exit::{Exit, Failure},
    device::{
        flac_file,
        wave_file::{self, Wave},
    },
};

/// A file to be replayed.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) path: PathBuf,
}

impl Recording {
    /// What it is called among the decisions: the name of the file, a WAV's
    /// without its ending, so that a set in either form has the same keys.
    pub(super) fn key(&self) -> String {
        let name =
            if is(&self.path, "wav") { self.path.file_stem() } else { self.path.file_name() };
        name.unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(super) fn read(&self) -> Result<Wave, Failure> {
        let path = &self.path;
        if is(path, "flac") { flac_file::read(path) } else { wave_file::read(path) }
            .map_err(|e| Failure::new(Exit::Usage, e.to_string()))
    }
}

fn is(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// The files that are named, and those in the folders that are named.
///
/// # Errors
/// Nothing named, nothing found, or two files of one name.
pub(super) fn find(operands: &[String]) -> Result<Vec<Recording>, Failure> {
    if operands.is_empty() {
        return Err(Failure::usage(
            "replay wants recordings; name WAV or FLAC files, or folders of them",
        ));
    }
    let mut found = Vec::new();
    for operand in operands {
        let path = PathBuf::from(operand);
        if path.is_dir() { found.extend(of_folder(&path)?) } else { found.push(Recording { path }) }
    }
    let mut seen: HashMap<String, &Path> = HashMap::new();
    for recording in &found {
        if let Some(other) = seen.insert(recording.key(), &recording.path) {
            return Err(Failure::usage(format!(
                "{} and {} have one name; decisions are told by name: replay them apart",
                other.display(),
                recording.path.display()
            )));
        }
    }
    Ok(found)
}

/// The sound files of a folder by name; of two that differ by their ending
/// only, the FLAC.
fn of_folder(folder: &Path) -> Result<Vec<Recording>, Failure> {
    let cannot =
        |e: std::io::Error| Failure::usage(format!("{}: cannot be read: {e}", folder.display()));
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
    Ok(paths.into_iter().map(|path| Recording { path }).collect())
}
