//! The stages that come with chinwag, one file each.

use super::registry::StageEntry;

mod agc;
mod denoise;
mod echo_cancel;
mod follower;
mod gain;
mod gate;
mod highpass;
mod hopwise;
mod limiter;
mod meter;
mod resample;
mod vad;

/// All of them, in the order that `chinwag stages` shows.
pub const ENTRIES: &[&StageEntry] = &[
    &gain::ENTRY,
    &highpass::ENTRY,
    &resample::ENTRY,
    &echo_cancel::ENTRY,
    &denoise::ENTRY,
    &agc::ENTRY,
    &limiter::ENTRY,
    &gate::ENTRY,
    &meter::ENTRY,
    &vad::ENTRY,
];
