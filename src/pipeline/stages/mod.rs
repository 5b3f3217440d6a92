//! The stages that come with chinwag, one file each.

use super::registry::StageEntry;

mod gain;

/// All of them, in the order that `chinwag stages` shows.
pub const ENTRIES: &[&StageEntry] = &[&gain::ENTRY];
