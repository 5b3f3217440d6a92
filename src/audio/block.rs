//! The unit that a pipeline works on: frames of one channel, processed
//! together, near-end and far-end of the same moment.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

use super::time::{FrameTime, Rate};

/// At most 10 ms of mono audio with its place in the stream.
///
/// The capacity is fixed at `new`; writing more than it holds is cut, which
/// the bounds of `pipeline::Format` make impossible.
#[derive(Debug)]
pub struct Block {
    near: Box<[f32]>,
    far: Box<[f32]>,
    len: usize,
    has_far: bool,
    start: FrameTime,
}

impl Block {
    /// An empty block for up to `frames_max` frames. Allocates.
    pub fn new(frames_max: usize) -> Self {
        Self {
            near: vec![0.0; frames_max].into(),
            far: vec![0.0; frames_max].into(),
            len: 0,
            has_far: false,
            start: FrameTime::start(Rate::UPLINK, 0),
        }
    }

    /// The most frames it can hold.
    pub fn capacity(&self) -> usize {
        self.near.len()
    }

    /// How many frames it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The time at the microphone of the first frame.
    pub fn start(&self) -> FrameTime {
        self.start
    }

    /// The time just after the last frame.
    pub fn end(&self) -> FrameTime {
        self.start.plus(self.len as i64)
    }

    /// The rate of the frames.
    pub fn rate(&self) -> Rate {
        self.start.rate
    }

    /// Moves the block in time: a stage with latency sets an earlier start, a
    /// stage that changes the rate one at the new rate.
    pub fn set_start(&mut self, start: FrameTime) {
        self.start = start;
    }

    /// Makes it hold `len` frames, silent where there were none before.
    pub fn resize(&mut self, len: usize) {
        let len = len.min(self.capacity());
        if len > self.len {
            self.near[self.len..len].fill(0.0);
            self.far[self.len..len].fill(0.0);
        }
        self.len = len;
    }

    /// Makes it hold exactly `near`, without a far end, from `start`.
    pub fn fill(&mut self, near: &[f32], start: FrameTime) {
        self.len = near.len().min(self.capacity());
        self.near[..self.len].copy_from_slice(&near[..self.len]);
        self.has_far = false;
        self.start = start;
    }

    /// Our talker's signal.
    pub fn near(&self) -> &[f32] {
        &self.near[..self.len]
    }

    /// Our talker's signal.
    pub fn near_mut(&mut self) -> &mut [f32] {
        &mut self.near[..self.len]
    }

    /// What the loudspeaker was given at the same time, where it is known.
    pub fn far(&self) -> Option<&[f32]> {
        self.has_far.then(|| &self.far[..self.len])
    }

    /// Both signals, the second where there is one.
    pub fn near_and_far_mut(&mut self) -> (&mut [f32], Option<&mut [f32]>) {
        let far = self.has_far.then_some(&mut self.far[..self.len]);
        (&mut self.near[..self.len], far)
    }

    /// Gives the block a far end, silent until written.
    pub fn add_far(&mut self) -> &mut [f32] {
        self.has_far = true;
        let far = &mut self.far[..self.len];
        far.fill(0.0);
        far
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_what_it_was_given_and_silence_beyond() {
        let mut block = Block::new(4);
        block.fill(&[1.0, 2.0], FrameTime::start(Rate::UPLINK, 3));
        assert_eq!(block.near(), [1.0, 2.0]);
        assert_eq!(block.far(), None);
        assert_eq!(block.end().frames, 2);
        block.resize(3);
        assert_eq!(block.near(), [1.0, 2.0, 0.0]);
        block.resize(9);
        assert_eq!(block.len(), 4);
    }

    #[test]
    fn a_far_end_is_silent_until_written_and_gone_with_the_next_fill() {
        let mut block = Block::new(2);
        block.fill(&[1.0, 2.0], FrameTime::start(Rate::UPLINK, 0));
        block.add_far()[1] = 5.0;
        assert_eq!(block.far(), Some(&[0.0, 5.0][..]));
        block.fill(&[0.0], FrameTime::start(Rate::UPLINK, 0));
        assert_eq!(block.far(), None);
    }
}
