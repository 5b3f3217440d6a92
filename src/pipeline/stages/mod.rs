//! The stages that come with chinwag, one file each.

use super::registry::StageEntry;

mod gain;
mod resample;
mod vad;

/// All of them, in the order that `chinwag stages` shows.
pub const ENTRIES: &[&StageEntry] = &[&gain::ENTRY, &resample::ENTRY, &vad::ENTRY];
