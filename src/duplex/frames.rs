//! Frames from a callback to the worker, none lost in silence: what finds no
//! room leaves a gap of its length, told before the next frame that does.
//!
//! Runs on: callbacks ([`FramesIn`]), worker ([`FramesOut`]). Never allocates,
//! locks, logs or fails, but for `frames`.

use crate::audio::ring::{Reader, Writer, ring};

const GAPS: usize = 64;

/// Frames missing before the frame that is number `before` in the ring.
#[derive(Clone, Copy, Debug)]
struct Gap {
    before: u64,
    frames: u64,
}

/// A ring for so many frames. Allocates.
pub(super) fn frames(capacity: usize) -> (FramesIn, FramesOut) {
    let (frames_in, frames_out) = ring(capacity);
    let (gaps_in, gaps_out) = ring(GAPS);
    (
        FramesIn { frames: frames_in, gaps: gaps_in, pushed: 0, missing: 0 },
        FramesOut { frames: frames_out, gaps: gaps_out, popped: 0, gap: None },
    )
}

/// The callback's end.
#[derive(Debug)]
pub(super) struct FramesIn {
    frames: Writer<f32>,
    gaps: Writer<Gap>,
    pushed: u64,
    missing: u64,
}

impl FramesIn {
    /// How many of the next `frames` may be pushed; the others are missing.
    pub(super) fn admit(&mut self, frames: usize) -> usize {
        let room = if self.tell_gap() { self.frames.room().min(frames) } else { 0 };
        self.missing += (frames - room) as u64;
        room
    }

    /// Tells the worker of frames that were lost; `false` while it cannot,
    /// and then no frame may follow.
    fn tell_gap(&mut self) -> bool {
        if self.missing == 0 {
            return true;
        }
        let told = self.gaps.push(Gap { before: self.pushed, frames: self.missing }).is_ok();
        if told {
            self.missing = 0;
        }
        told
    }

    /// Pushes frames that were admitted.
    pub(super) fn push(&mut self, frames: &[f32]) {
        self.pushed += self.frames.push_slice(frames) as u64;
    }

    /// Frames pushed so far.
    pub(super) fn pushed(&self) -> u64 {
        self.pushed
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// So many frames.
    Frames(usize),
    /// So many frames are missing here; see [`FramesOut::pass`].
    Gap(u64),
    /// Nothing is there yet.
    Nothing,
}

/// The worker's end.
#[derive(Debug)]
pub(super) struct FramesOut {
    frames: Reader<f32>,
    gaps: Reader<Gap>,
    popped: u64,
    gap: Option<Gap>,
}

impl FramesOut {
    /// Frames that wait; more may be missing in between.
    pub(super) fn waiting(&self) -> usize {
        self.frames.len()
    }

    /// Frames taken so far.
    pub(super) fn popped(&self) -> u64 {
        self.popped
    }

    /// Takes what comes next, up to a gap and up to the length of `out`.
    pub(super) fn take(&mut self, out: &mut [f32]) -> Taken {
        // Before the gaps: a gap is told before the frames that follow it.
        let waiting = self.frames.len();
        if self.gap.is_none() {
            self.gap = self.gaps.pop();
        }
        let to_gap = match self.gap {
            Some(gap) if gap.before == self.popped => return Taken::Gap(gap.frames),
            Some(gap) => (gap.before - self.popped) as usize,
            None => usize::MAX,
        };
        let wanted = waiting.min(to_gap).min(out.len());
        if wanted == 0 {
            return Taken::Nothing;
        }
        let frames = self.frames.pop_slice(&mut out[..wanted]);
        self.popped += frames as u64;
        Taken::Frames(frames)
    }

    /// So many frames of the gap that comes next are dealt with.
    pub(super) fn pass(&mut self, frames: u64) {
        self.gap = match self.gap {
            Some(gap) if gap.frames > frames => Some(Gap { frames: gap.frames - frames, ..gap }),
            _ => None,
        };
    }
}
