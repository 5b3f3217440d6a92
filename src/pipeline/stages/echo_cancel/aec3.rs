//! WebRTC's third echo canceller in its Rust port, driven block by block: the
//! crate's frames of 10 ms would add 10 ms, its high-pass a change of phase.
//!
//! Runs on: worker. Never allocates, locks, logs or fails but for the crate,
//! which allocates in every hop.

use sonora_aec3::{block::Block, block_processor::BlockProcessor, config::EchoCanceller3Config};

use super::{Canceller, Engine, HOP_FRAMES, Hop};
use crate::audio::{EchoHealth, Rate};

/// The crate's samples are those of 16 bits.
const FULL_SCALE: f32 = 32_768.0;
/// A far end that may be heard: −70 dBFS.
const AUDIBLE: f32 = 3e-4;
/// What its linear part takes away where it knows the path.
const TRUSTED_DB: f32 = 6.0;
/// From here on the microphone is taken to be overdriven.
const CLIPPED: f32 = 32_700.0 / FULL_SCALE;

pub(super) const ENGINE: Engine =
    Engine { make: || Box::new(Aec3::new()), latency_frames: HOP_FRAMES, allocates: 33 };

struct Aec3 {
    processor: BlockProcessor,
    near: Block,
    far: Block,
    /// Whether the near-end of the hop before was nothing but zeros: it stays
    /// so, without comfort noise.
    was_silent: bool,
    is_far_silent: bool,
}

impl Aec3 {
    /// Allocates.
    fn new() -> Self {
        let config = EchoCanceller3Config::default();
        let mut processor = BlockProcessor::new(&config, Rate::UPLINK.hz() as usize, 1, 1);
        // Where it begins to look: without it an echo without delay is never found.
        processor.set_audio_buffer_delay(0);
        let (near, far) = (Block::new(1, 1), Block::new(1, 1));
        Self { processor, near, far, was_silent: true, is_far_silent: true }
    }
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
        let is_silent = near.iter().all(|sample| *sample == 0.0);
        self.is_far_silent = far.iter().all(|sample| sample.abs() < AUDIBLE);
        self.processor.buffer_render(&self.far);
        self.processor.process_capture(false, clipped, None, &mut self.near);
        for (to, from) in near.iter_mut().zip(self.near.view(0, 0)) {
            *to = if self.was_silent { 0.0 } else { from / FULL_SCALE };
        }
        self.was_silent = is_silent;
    }

    fn health(&self) -> Option<EchoHealth> {
        let metrics = self.processor.get_metrics();
        let enhancement_db = metrics.echo_return_loss_enhancement as f32;
        (!self.is_far_silent).then(|| EchoHealth {
            return_loss_db: metrics.echo_return_loss as f32,
            enhancement_db,
            trust: (enhancement_db / TRUSTED_DB).clamp(0.0, 1.0),
            delay_ms: metrics.delay_ms as f32,
        })
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}
