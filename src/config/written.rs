//! What was written, checked key by key, each value with its place. Nothing is
//! resolved yet: what is not written is not here.

use super::{problem::At, tables::TableId};
use crate::pipeline::{Param, StageEntry, Value};

/// A value of its parameter's kind and within its bounds.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub param: &'static Param,
    pub value: Value,
    pub at: At,
}

/// The written keys of a table or a stage.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub keys: Vec<Written>,
    /// Something in it was wrong: what follows from it is not judged.
    pub broken: bool,
}

impl Keys {
    /// Puts a key in, in place of an earlier one.
    pub(super) fn put(&mut self, written: Written) {
        match self.keys.iter_mut().find(|key| key.param.name == written.param.name) {
            Some(key) => *key = written,
            None => self.keys.push(written),
        }
    }

    /// Where a key was written.
    pub(super) fn at(&self, name: &str) -> Option<&At> {
        self.keys.iter().find(|key| key.param.name == name).map(|key| &key.at)
    }
}

/// One entry of a list of stages.
#[derive(Clone, Debug)]
pub(super) struct WrittenStage {
    pub entry: &'static StageEntry,
    /// Where its name stands.
    pub at: At,
    pub keys: Keys,
}

/// A list of stages.
#[derive(Clone, Debug, Default)]
pub(super) struct WrittenList {
    pub stages: Vec<WrittenStage>,
    /// A stage could not be read: what the list lacks is not judged.
    pub broken: bool,
}

/// Which of the two lists of stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListId {
    /// From the microphone to the service.
    Capture,
    /// From the service to the speaker.
    Playback,
}

impl ListId {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Capture, Self::Playback];

    /// `[[profile.NAME.this]]`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Playback => "playback",
        }
    }

    /// The list of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.name() == name)
    }
}

/// A profile as it was written.
#[derive(Clone, Debug)]
pub(super) struct WrittenProfile {
    pub name: String,
    /// Where its name first stands.
    pub at: At,
    pub extends: Option<(String, At)>,
    /// Its `extends` could not be read.
    pub is_lost: bool,
    pub tables: [Keys; TableId::ALL.len()],
    /// `None` where the list is inherited.
    pub lists: [Option<WrittenList>; ListId::ALL.len()],
}

/// A whole file.
#[derive(Clone, Debug, Default)]
pub(super) struct WrittenFile {
    pub default_profile: Option<(String, At)>,
    /// In the order of the file.
    pub profiles: Vec<WrittenProfile>,
    /// It could not be read at all.
    pub broken: bool,
}
