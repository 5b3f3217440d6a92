//! The stages that come with chinwag, one file each.

use super::registry::StageEntry;

mod gain;
mod resample;
mod vad;

/// All of them, in the order that `chinwag stages` shows.
pub const ENTRIES: &[&StageEntry] = &[&gain::ENTRY, &resample::ENTRY, &vad::ENTRY];

/// 60 dB over full scale: no microphone says so.
const SAMPLE_MAX: f32 = 1_000.0;

/// The sample, or silence for what no sound is: NaN, infinities, magnitudes
/// over 1,000 and subnormals.
pub(super) fn tame(sample: f32) -> f32 {
    if (f32::MIN_POSITIVE..=SAMPLE_MAX).contains(&sample.abs()) { sample } else { 0.0 }
}

/// [`tame`] for a whole signal.
pub(super) fn tame_all(signal: &mut [f32]) {
    for sample in signal {
        *sample = tame(*sample);
    }
}
