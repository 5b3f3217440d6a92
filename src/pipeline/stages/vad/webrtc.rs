//! The voice detector of WebRTC (libfvad): Gaussian mixtures over six bands.
//! It says yes or no. 14,000 instructions per 10 ms.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use chinwag_ffi::WebrtcVad;

use super::Engine;
use crate::audio::convert::to_wire;

/// 10 ms at 16 kHz.
const HOP_FRAMES: usize = 160;

pub(super) struct Webrtc {
    detector: WebrtcVad,
    aggressiveness: u8,
}

impl Webrtc {
    /// `aggressiveness` 0 to 3.
    pub(super) fn new(aggressiveness: u8) -> Self {
        Self { detector: WebrtcVad::new(aggressiveness), aggressiveness }
    }
}

impl Engine for Webrtc {
    fn hop_frames(&self) -> usize {
        HOP_FRAMES
    }

    fn probability(&mut self, hop: &[f32]) -> f32 {
        let mut wire = [0i16; HOP_FRAMES];
        for (slot, sample) in wire.iter_mut().zip(hop) {
            *slot = to_wire(*sample);
        }
        if self.detector.is_voice(&wire) == Some(true) { 1.0 } else { 0.0 }
    }

    fn reset(&mut self) {
        self.detector.reset(self.aggressiveness);
    }
}
