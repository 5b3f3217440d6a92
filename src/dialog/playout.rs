//! The reply that waits to be heard: fill, start, drain, cut.
//!
//! ```text
//!         first audio            staged ≥ start, or all is there
//!  Idle ───────────────▶ Buffering ─────────────────────────────▶ Playing
//!    ▲                      ▲  └──────── ran dry: Starved ───────────┤
//!    └──────────────────────┴──────── last frame taken: Ended ───────┘
//! ```
//!
//! Positions count frames at 24 kHz since the beginning; what is cut counts as
//! taken. Replies are played one after another, never mixed in one pull.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

use std::collections::VecDeque;

use super::settings::PlayoutSettings;
use crate::audio::{Rate, ReplyId, convert::from_wire, flow::PLAYOUT_FRAMES};

/// Replies that may wait behind each other: more than a second can hold.
const REPLIES_MAX: usize = 32;
/// Played without running dry for so long, the start threshold halves its
/// distance to the configured one.
const DECAY_SECS: u64 = 10;

#[derive(Clone, Copy, Debug)]
struct Segment {
    reply: ReplyId,
    /// The position after its last frame, once that is known.
    end: Option<u64>,
    started: bool,
}

/// What a pull found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// This reply has no more frames.
    Ended(ReplyId),
    /// This reply ran dry before its end.
    Starved(ReplyId),
}

/// Frames pulled, and what was found out after them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// How many.
    pub frames: usize,
    /// At the first of them.
    pub started: Option<ReplyId>,
    /// After the last of them.
    pub then: Option<Moment>,
}

/// The model's audio between the downlink ring and the playback chain.
#[derive(Debug)]
pub struct Playout {
    samples: Box<[i16]>,
    filled: u64,
    taken: u64,
    segments: VecDeque<Segment>,
    playing: bool,
    start_frames_min: u64,
    start_frames_max: u64,
    start_frames: u64,
    calm_frames: u64,
    refused_frames: u64,
}

impl Playout {
    /// An idle playout. Allocates.
    pub fn new(settings: &PlayoutSettings) -> Self {
        let frames = |ms| (Rate::DOWNLINK.frames_in_ms(ms) as u64).min(PLAYOUT_FRAMES as u64 / 2);
        Self {
            samples: vec![0; PLAYOUT_FRAMES].into(),
            filled: 0,
            taken: 0,
            segments: VecDeque::with_capacity(REPLIES_MAX),
            playing: false,
            start_frames_min: frames(settings.start_ms),
            start_frames_max: frames(settings.start_ms_max.max(settings.start_ms)),
            start_frames: frames(settings.start_ms),
            calm_frames: 0,
            refused_frames: 0,
        }
    }

    /// Frames that wait.
    pub fn staged_frames(&self) -> usize {
        (self.filled - self.taken) as usize
    }

    /// How many frames must wait before a reply starts.
    pub fn start_frames(&self) -> usize {
        self.start_frames as usize
    }

    /// Frames that found no room; the flow's counters make it stay 0.
    pub fn refused_frames(&self) -> u64 {
        self.refused_frames
    }

    /// Whether there is nothing to play and nothing being waited for.
    pub fn is_idle(&self) -> bool {
        self.segments.is_empty()
    }

    /// The reply that was pushed last, unless all of it was taken.
    pub fn newest(&self) -> Option<ReplyId> {
        self.segments.back().map(|last| last.reply)
    }

    /// Takes the next frames of `reply`; what finds no room is counted, and
    /// the number returned.
    pub fn push(&mut self, reply: ReplyId, samples: &[i16]) -> usize {
        self.begin(reply);
        let room = PLAYOUT_FRAMES - self.staged_frames();
        let fit = samples.len().min(room);
        for sample in &samples[..fit] {
            let slot = (self.filled % PLAYOUT_FRAMES as u64) as usize;
            self.samples[slot] = *sample;
            self.filled += 1;
        }
        let refused = samples.len() - fit;
        self.refused_frames += refused as u64;
        refused
    }

    /// No more frames of `reply` will come.
    pub fn complete(&mut self, reply: ReplyId) {
        let filled = self.filled;
        if let Some(last) = self.segments.back_mut()
            && last.reply == reply
        {
            last.end.get_or_insert(filled);
        }
    }

    fn begin(&mut self, reply: ReplyId) {
        let full = self.segments.len() == REPLIES_MAX;
        match self.segments.back_mut() {
            Some(last) if last.reply == reply && last.end.is_none() => return,
            Some(last) if full => {
                last.reply = reply;
                last.end = None;
                return;
            }
            Some(last) => {
                last.end.get_or_insert(self.filled);
            }
            None => {}
        }
        self.segments.push_back(Segment { reply, end: None, started: false });
    }

    /// Fills the front of `out` with what is to be played now: frames of one
    /// reply only, none while too little waits.
    pub fn pull(&mut self, out: &mut [f32]) -> Pulled {
        let Some(front) = self.segments.front_mut() else { return Pulled::default() };
        let end = front.end.unwrap_or(self.filled);
        let ready = (end - self.taken) as usize;
        if !self.playing {
            if front.end.is_none() && (ready as u64) < self.start_frames {
                return Pulled::default();
            }
            self.playing = true;
        }
        let reply = front.reply;
        let frames = ready.min(out.len());
        let started = (!front.started && frames > 0).then_some(reply);
        front.started |= frames > 0;
        let over = front.end.is_some() && frames == ready;
        for (slot, position) in out[..frames].iter_mut().zip(self.taken..) {
            *slot = from_wire(self.samples[(position % PLAYOUT_FRAMES as u64) as usize]);
        }
        self.taken += frames as u64;
        let then = if over {
            self.segments.pop_front();
            self.playing = false;
            Some(Moment::Ended(reply))
        } else if frames < out.len() {
            self.starve();
            Some(Moment::Starved(reply))
        } else {
            self.stay_calm(frames as u64);
            None
        };
        Pulled { frames, started, then }
    }

    fn starve(&mut self) {
        self.playing = false;
        self.calm_frames = 0;
        self.start_frames = (self.start_frames * 2).min(self.start_frames_max);
    }

    fn stay_calm(&mut self, frames: u64) {
        self.calm_frames += frames;
        if self.calm_frames >= DECAY_SECS * u64::from(Rate::DOWNLINK.hz()) {
            self.calm_frames = 0;
            self.start_frames -= (self.start_frames - self.start_frames_min).div_ceil(2);
        }
    }

    /// Throws away the replies up to and including `reply`, and returns how
    /// many frames of them had been waiting.
    pub fn cut(&mut self, reply: ReplyId) -> usize {
        let before = self.taken;
        while let Some(front) = self.segments.front()
            && !front.reply.is_after(reply)
        {
            self.taken = front.end.unwrap_or(self.filled);
            self.segments.pop_front();
            self.playing = false;
        }
        (self.taken - before) as usize
    }
}

#[cfg(test)]
#[path = "playout_tests.rs"]
mod tests;
