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
    /// The most heap allocations per 10 ms block with these values, for
    /// third-party cores that cannot do without; 1 where only a reset makes
    /// some. 0 is promised by every other stage and tested.
    pub allocates: fn(&Values) -> u32,
    /// Lines for a `[[profile.NAME.capture]]` table that must parse.
    pub example: &'static str,
    /// From values to the setup half.
    pub build: Build,
}

impl StageEntry {
    /// Heap allocations per 10 ms block as it comes.
    pub fn allocates_by_default(&self) -> u32 {
        (self.allocates)(&Values::defaults(self.params))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    static LOUDER: StageEntry = StageEntry {
        name: "gain",
        summary: "another gain",
        params: &[],
        allocates: |_| 0,
        example: "",
        build: |_| Err("never built".to_owned()),
    };

    #[test]
    fn every_shipped_stage_has_a_name_of_its_own() {
        let registry = Registry::default();
        let mut names: Vec<_> = registry.iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), registry.iter().count());
        assert!(names.iter().all(|name| registry.get(name).is_some()));
    }

    #[test]
    fn an_own_stage_takes_the_place_of_a_shipped_one_of_its_name() {
        let registry = Registry::shipped().with(&LOUDER);
        assert_eq!(registry.get("gain").unwrap().summary, "another gain");
        assert_eq!(registry.iter().count(), Registry::shipped().iter().count());
        assert!(registry.get("no such stage").is_none());
    }
}
