//! How the worker holds back and cuts the audio that the link sends it, and
//! who it says has the floor.
//!
//! Two counters instead of a published "free room": a room is stale when it is
//! read, a running total is not. The floor may be stale by one step of the
//! worker: whoever acts on it waits until it has stood for a while.
//!
//! Runs on: worker, link. Never allocates, locks, logs or fails.

use super::{
    atomic::{
        AtomicU8, AtomicU32, AtomicUsize,
        Ordering::{Acquire, Release},
    },
    note::FloorState,
    reply::ReplyId,
};

/// Frames at 24 kHz that the worker has room for: 1 s.
pub const PLAYOUT_FRAMES: usize = 24_000;

/// Shared by the worker, which writes, and the link, which reads.
#[derive(Debug)]
pub struct Flow {
    released_frames: AtomicUsize,
    cut: AtomicU32,
    /// The user speaks (1), the model is audible (2).
    floor: AtomicU8,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            released_frames: AtomicUsize::new(0),
            cut: AtomicU32::new(ReplyId(0).previous().0),
            floor: AtomicU8::new(0),
        }
    }
}

impl Flow {
    /// Worker: so many more frames have been played or thrown away.
    pub fn release(&self, frames: usize) {
        self.released_frames.fetch_add(frames, Release);
    }

    /// Link: how many frames may follow, having sent `sent_frames` in all
    /// (wrapping).
    pub fn room(&self, sent_frames: usize) -> usize {
        let held = sent_frames.wrapping_sub(self.released_frames.load(Acquire));
        PLAYOUT_FRAMES.saturating_sub(held)
    }

    /// Link: whether nothing that was sent waits to be played any more.
    pub fn is_drained(&self, sent_frames: usize) -> bool {
        self.room(sent_frames) == PLAYOUT_FRAMES
    }

    /// Worker: who has the floor from now on.
    pub fn set_floor(&self, state: FloorState) {
        let bits = match state {
            FloorState::Free => 0,
            FloorState::User => 1,
            FloorState::Model => 2,
            FloorState::Overlap => 3,
        };
        self.floor.store(bits, Release);
    }

    /// Who had the floor when the worker last said so.
    pub fn floor(&self) -> FloorState {
        match self.floor.load(Acquire) {
            0 => FloorState::Free,
            1 => FloorState::User,
            2 => FloorState::Model,
            _ => FloorState::Overlap,
        }
    }

    /// Worker: the replies up to this one must not be heard any more.
    pub fn cut(&self, reply: ReplyId) {
        self.cut.store(reply.0, Release);
    }

    /// The newest reply that was cut; the one before the first if none was.
    pub fn cut_reply(&self) -> ReplyId {
        ReplyId(self.cut.load(Acquire))
    }

    /// Whether this reply must not be heard.
    pub fn is_cut(&self, reply: ReplyId) -> bool {
        !reply.is_after(self.cut_reply())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_was_released_less_what_was_sent_across_the_wrap() {
        let flow = Flow::default();
        assert_eq!(flow.room(0), PLAYOUT_FRAMES);
        assert_eq!(flow.room(PLAYOUT_FRAMES), 0);
        assert!(flow.is_drained(0) && !flow.is_drained(1));
        flow.release(100);
        assert_eq!(flow.room(PLAYOUT_FRAMES), 100);
        flow.release(0usize.wrapping_sub(200));
        assert_eq!(flow.room(0usize.wrapping_sub(50)), PLAYOUT_FRAMES - 50);
    }

    #[test]
    fn a_cut_covers_the_reply_and_all_before_it() {
        let flow = Flow::default();
        assert!(!flow.is_cut(ReplyId(0)));
        flow.cut(ReplyId(1));
        assert!(flow.is_cut(ReplyId(0)) && flow.is_cut(ReplyId(1)));
        assert!(!flow.is_cut(ReplyId(2)));
    }

    #[test]
    fn the_floor_reads_as_it_was_set() {
        let flow = Flow::default();
        assert_eq!(flow.floor(), FloorState::Free);
        for state in [FloorState::User, FloorState::Model, FloorState::Overlap, FloorState::Free] {
            flow.set_floor(state);
            assert_eq!(flow.floor(), state);
        }
    }
}
