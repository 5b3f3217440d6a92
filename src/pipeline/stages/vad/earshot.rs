//! The `earshot` crate: a small recurrent network over mel bands, its weights
//! inside the program. 68,000 instructions per 10 ms.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::Engine;

#[derive(Default)]
pub(super) struct Earshot(::earshot::Detector);

impl Engine for Earshot {
    fn hop_frames(&self) -> usize {
        256
    }

    fn probability(&mut self, hop: &[f32]) -> f32 {
        self.0.predict_f32(hop)
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}
