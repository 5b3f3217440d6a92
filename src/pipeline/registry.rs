//! The one list of stages.

use super::{
    StageConfig,
    param::{Param, Values},
    stages,
};

/// Builds a stage's setup half from its checked values.
///
/// # Errors
/// What no single parameter's bounds can say; a text for people.
pub type Build = fn(&Values) -> Result<Box<dyn StageConfig>, String>;

/// Everything there is to know about a kind of stage.
#[derive(Debug)]
pub struct StageEntry {
    /// What `stage = "…"` says.
    pub name: &'static str,
    /// One line: what it does.
    pub summary: &'static str,
    /// Its parameters, in the order they are shown.
    pub params: &'static [Param],
    /// Heap allocations per 10 ms block, for third-party cores that cannot do
    /// without; 0 is promised by every other stage and tested.
    pub allocates: u32,
    /// Lines for a `[[profile.NAME.capture]]` table that must parse.
    pub example: &'static str,
    /// From values to the setup half.
    pub build: Build,
}

/// The stages that a program knows.
#[derive(Clone, Debug)]
pub struct Registry {
    entries: Vec<&'static StageEntry>,
}

impl Registry {
    /// The stages that come with chinwag.
    pub fn shipped() -> Self {
        Self { entries: stages::ENTRIES.to_vec() }
    }

    /// The same list with one more stage. An entry of the same name is
    /// replaced: the caller's own comes first.
    #[must_use]
    pub fn with(mut self, entry: &'static StageEntry) -> Self {
        self.entries.retain(|e| e.name != entry.name);
        self.entries.push(entry);
        self
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'static StageEntry> + '_ {
        self.entries.iter().copied()
    }

    /// The stage of this name.
    pub fn get(&self, name: &str) -> Option<&'static StageEntry> {
        self.iter().find(|e| e.name == name)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::shipped()
    }
}
