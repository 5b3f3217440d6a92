//! What the loudspeaker was given, at the microphone's rate, beside the block
//! that was captured meanwhile.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

use super::render::RenderEnd;
use crate::{
    audio::{Block, FrameTime, NoStopwatch, Notes, ring::Writer},
    pipeline::Chain,
};

/// The far end between the render callback and the capture chain.
pub(super) struct FarEnd {
    chain: Chain,
    block: Block,
    notes: Notes,
    position: FrameTime,
    /// Converted frames that wait, oldest first.
    waiting: Box<[f32]>,
    len: usize,
    missing_frames: u64,
    /// Given what was played as it was.
    pub(super) tap: Option<Writer<f32>>,
}

impl FarEnd {
    /// `chain` converts from the render rate to the capture rate.
    pub(super) fn new(chain: Chain) -> Self {
        let block = Block::new(chain.block_capacity());
        let position = FrameTime::start(chain.input().rate, 0);
        let waiting = vec![0.0; chain.rate().hz() as usize / 2].into();
        Self {
            chain,
            block,
            notes: Notes::default(),
            position,
            waiting,
            len: 0,
            missing_frames: 0,
            tap: None,
        }
    }

    /// Takes what was played since the last time.
    pub(super) fn take(&mut self, render: &mut RenderEnd) {
        let frames_max = self.chain.input().block_frames_max;
        let room = self.waiting.len() - self.chain.output().block_frames_max;
        while render.far_waiting() > 0 && self.len < room {
            self.block.resize(0);
            self.block.resize(frames_max.min(render.far_waiting()));
            let frames = render.take_far(self.block.near_mut());
            self.block.resize(frames);
            if let Some(tap) = &mut self.tap {
                tap.push_slice(self.block.near());
            }
            self.block.set_start(self.position);
            self.position = self.position.plus(frames as i64);
            self.chain.process(&mut self.block, &mut self.notes, &NoStopwatch);
            self.notes.clear();
            let made = self.block.near();
            self.waiting[self.len..self.len + made.len()].copy_from_slice(made);
            self.len += made.len();
        }
    }

    /// Gives the block its far end: the oldest frames that wait, after silence
    /// for those that are missing.
    pub(super) fn give(&mut self, block: &mut Block) {
        let far = block.add_far();
        let frames = far.len().min(self.len);
        let silent = far.len() - frames;
        self.missing_frames += silent as u64;
        far[silent..].copy_from_slice(&self.waiting[..frames]);
        self.waiting.copy_within(frames..self.len, 0);
        self.len -= frames;
    }

    /// Frames for which nothing was known of the loudspeaker.
    pub(super) fn missing_frames(&self) -> u64 {
        self.missing_frames
    }
}
