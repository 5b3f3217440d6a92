//! WebRTC's third echo canceller in its Rust port, driven block by block: the
//! crate's frames of 10 ms would add 10 ms, its high-pass a change of phase.
//!
//! Runs on: worker. Never allocates, locks, logs or fails but for the crate,
//! which allocates in every hop.

use sonora_aec3::{block::Block, block_processor::BlockProcessor, config::EchoCanceller3Config};

use super::{Canceller, Hop};
use crate::audio::Rate;

/// The crate's samples are those of 16 bits.
const FULL_SCALE: f32 = 32_768.0;
/// From here on the microphone is taken to be overdriven.
const CLIPPED: f32 = 32_700.0 / FULL_SCALE;

struct Aec3 {
    processor: BlockProcessor,
    near: Block,
    far: Block,
}

/// A canceller that has heard nothing. Allocates.
pub(super) fn canceller() -> Box<dyn Canceller> {
    let config = EchoCanceller3Config::default();
    let mut processor = BlockProcessor::new(&config, Rate::UPLINK.hz() as usize, 1, 1);
    // Where it begins to look: without it an echo without delay is never found.
    processor.set_audio_buffer_delay(0);
    Box::new(Aec3 { processor, near: Block::new(1, 1), far: Block::new(1, 1) })
}

impl Canceller for Aec3 {
    fn cancel(&mut self, near: &mut Hop, far: &Hop) {
        for (to, from) in self.far.view_mut(0, 0).iter_mut().zip(far) {
            *to = from * FULL_SCALE;
        }
        for (to, from) in self.near.view_mut(0, 0).iter_mut().zip(near.iter()) {
            *to = from * FULL_SCALE;
        }
        let clipped = near.iter().any(|sample| sample.abs() >= CLIPPED);
        self.processor.buffer_render(&self.far);
        self.processor.process_capture(false, clipped, None, &mut self.near);
        for (to, from) in near.iter_mut().zip(self.near.view(0, 0)) {
            *to = from / FULL_SCALE;
        }
    }
}
