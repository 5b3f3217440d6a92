//! Replies waiting for the worker: the service sends faster than real time, so
//! whole replies wait here, as 16-bit samples at 24 kHz, and leave in packets
//! as the worker makes room.
//!
//! Control packets keep their place among the audio of their reply; an
//! interruption empties its reply and overtakes everything.

use std::collections::VecDeque;

use super::rate::ToDownlinkRate;
use crate::audio::{
    Downlink, DownlinkPacket, Nanos, Rate, ReplyId,
    packet::{DOWNLINK_FRAMES_MAX, Samples},
};

/// Marks that may wait. The worker takes thousands a second, and a conversation
/// has a few in a minute: more are a server that wants to fill our memory.
const MARKS_MAX: usize = 1_024;
/// What is converted at once, so that a part of many megabytes that will not fit
/// is not made three times as long first.
const CONVERTED_AT_ONCE: usize = 1 << 16;

/// A packet without audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Interrupted,
    GenerationComplete,
    TurnComplete,
}

impl Mark {
    fn payload(self) -> Downlink {
        match self {
            Self::Interrupted => Downlink::Interrupted,
            Self::GenerationComplete => Downlink::GenerationComplete,
            Self::TurnComplete => Downlink::TurnComplete,
        }
    }
}

/// What became of the replies, in frames at 24 kHz.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StagingCounters {
    /// Frames that the session handed over, converted.
    pub staged_frames: u64,
    /// Frames given to the worker.
    pub delivered_frames: u64,
    /// Frames dropped because the server interrupted their reply.
    pub interrupted_frames: u64,
    /// Frames dropped because the worker cut their reply.
    pub cut_frames: u64,
    /// Frames dropped because the staged replies were too long.
    pub overflow_frames: u64,
    /// Most frames staged at once.
    pub staged_frames_max: u64,
}

#[derive(Debug)]
struct StagedReply {
    reply: ReplyId,
    first_byte_at: Nanos,
    samples: VecDeque<i16>,
    /// Frames ever staged and ever taken out: their difference is what waits.
    staged: u64,
    /// Marks with the number of frames staged before them.
    marks: VecDeque<(u64, Mark)>,
    over: bool,
}

impl StagedReply {
    fn taken(&self) -> u64 {
        self.staged - self.samples.len() as u64
    }
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Staging {
    replies: VecDeque<StagedReply>,
    /// Overtakes all that is staged. Only the newest: it is about all before it.
    overtaking: Option<DownlinkPacket>,
    frames: usize,
    /// Marks that wait, of all replies.
    marks: usize,
    frames_max: usize,
    converter: Option<(ReplyId, ToDownlinkRate)>,
    counters: StagingCounters,
}

/// What became of a part of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Staged {
    /// The part was the first of its reply.
    pub is_first: bool,
    /// Frames that did not fit.
    pub refused_frames: usize,
}

impl Staging {
    /// A staging for `frames_max` frames at 24 kHz; it grows as it must.
    pub(super) fn new(frames_max: usize) -> Self {
        Self {
            replies: VecDeque::new(),
            overtaking: None,
            frames: 0,
            marks: 0,
            frames_max,
            converter: None,
            counters: StagingCounters::default(),
        }
    }

    /// Takes a part of a reply, read from the socket at `now`.
    pub(super) fn push_audio(
        &mut self,
        now: Nanos,
        reply: ReplyId,
        samples: &[i16],
        rate: Rate,
    ) -> Staged {
        let is_first = self.entry(now, reply).staged == 0;
        if !self.prepare_converter(reply, rate) {
            return Staged { is_first, refused_frames: self.append(now, reply, samples) };
        }
        let (mut converted, mut refused_frames) = (Vec::new(), 0);
        for step in samples.chunks(CONVERTED_AT_ONCE) {
            converted.clear();
            if let Some((_, converter)) = &mut self.converter {
                converter.convert(step, &mut converted);
            }
            refused_frames += self.append(now, reply, &converted);
        }
        Staged { is_first, refused_frames }
    }

    /// Takes a mark, which leaves after the audio that was staged before it.
    pub(super) fn push_mark(&mut self, now: Nanos, reply: ReplyId, mark: Mark) {
        if self.converter.as_ref().is_some_and(|(of, _)| *of == reply) {
            let mut tail = Vec::new();
            if let Some((_, mut converter)) = self.converter.take() {
                converter.finish(&mut tail);
            }
            self.append(now, reply, &tail);
        }
        self.marks += 1;
        let entry = self.entry(now, reply);
        entry.marks.push_back((entry.staged, mark));
        entry.over |= mark == Mark::TurnComplete;
    }

    /// The server stopped this reply: its audio and all before it are gone,
    /// and the mark of it leaves next, before any that was staged.
    pub(super) fn interrupt(&mut self, now: Nanos, reply: ReplyId) {
        self.counters.interrupted_frames += self.drop_audio(reply);
        let staged = self.replies.iter().find(|staged| staged.reply == reply);
        let first_byte_at = staged.map_or(now, |staged| staged.first_byte_at);
        let payload = Mark::Interrupted.payload();
        self.overtaking = Some(DownlinkPacket { payload, reply, first_byte_at });
    }

    /// The worker cut this reply and all before it.
    pub(super) fn cut(&mut self, reply: ReplyId) {
        self.counters.cut_frames += self.drop_audio(reply);
    }

    /// The next packet, its audio at most `room_frames` long. A packet is not
    /// made smaller than its audio allows just to use up a little room.
    pub(super) fn next(&mut self, room_frames: usize) -> Option<DownlinkPacket> {
        if let Some(packet) = self.overtaking.take() {
            return Some(packet);
        }
        loop {
            let front = self.replies.front_mut()?;
            let (reply, first_byte_at) = (front.reply, front.first_byte_at);
            let taken = front.taken();
            let until_mark = front.marks.front().map_or(u64::MAX, |&(after, _)| after - taken);
            if until_mark == 0 {
                let payload = front.marks.pop_front()?.1.payload();
                self.marks -= 1;
                return Some(DownlinkPacket { payload, reply, first_byte_at });
            }
            if front.samples.is_empty() {
                if !front.over && self.replies.len() == 1 {
                    return None;
                }
                self.replies.pop_front();
                continue;
            }
            let frames = (until_mark as usize).min(front.samples.len()).min(DOWNLINK_FRAMES_MAX);
            if frames > room_frames {
                return None;
            }
            let payload = Downlink::Audio(Samples::from_iter_max(front.samples.drain(..frames)));
            self.frames -= frames;
            self.counters.delivered_frames += frames as u64;
            return Some(DownlinkPacket { payload, reply, first_byte_at });
        }
    }

    /// Whether more marks wait than a conversation has.
    pub(super) fn is_flooded(&self) -> bool {
        self.marks > MARKS_MAX
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.overtaking.is_none()
            && self.frames == 0
            && self.replies.iter().all(|reply| reply.marks.is_empty())
    }

    /// Audio that waits, in frames at 24 kHz.
    pub(super) fn frames(&self) -> usize {
        self.frames
    }

    pub(super) fn counters(&self) -> StagingCounters {
        self.counters
    }

    /// The place of a reply; ids arrive in order.
    fn entry(&mut self, now: Nanos, reply: ReplyId) -> &mut StagedReply {
        let known = self.replies.iter().rposition(|staged| staged.reply == reply);
        let index = known.unwrap_or_else(|| {
            self.replies.push_back(StagedReply {
                reply,
                first_byte_at: now,
                samples: VecDeque::new(),
                staged: 0,
                marks: VecDeque::new(),
                over: false,
            });
            self.replies.len() - 1
        });
        &mut self.replies[index]
    }

    fn append(&mut self, now: Nanos, reply: ReplyId, samples: &[i16]) -> usize {
        let fit = samples.len().min(self.frames_max.saturating_sub(self.frames));
        let entry = self.entry(now, reply);
        entry.samples.extend(&samples[..fit]);
        entry.staged += fit as u64;
        self.frames += fit;
        let counters = &mut self.counters;
        counters.staged_frames += samples.len() as u64;
        counters.overflow_frames += (samples.len() - fit) as u64;
        counters.staged_frames_max = counters.staged_frames_max.max(self.frames as u64);
        samples.len() - fit
    }

    /// Makes the converter fit; false where none is needed.
    fn prepare_converter(&mut self, reply: ReplyId, rate: Rate) -> bool {
        let fits = self.converter.as_ref().is_some_and(|(of, c)| *of == reply && c.rate() == rate);
        if !fits {
            self.converter = ToDownlinkRate::from(rate).map(|converter| (reply, converter));
        }
        self.converter.is_some()
    }

    /// Forgets the audio of the replies up to this one; their marks are due.
    fn drop_audio(&mut self, up_to: ReplyId) -> u64 {
        let mut dropped = 0;
        for staged in self.replies.iter_mut().filter(|staged| !staged.reply.is_after(up_to)) {
            dropped += staged.samples.len();
            staged.samples.clear();
            let taken = staged.taken();
            staged.marks.iter_mut().for_each(|(after, _)| *after = taken);
        }
        if self.converter.as_ref().is_some_and(|(of, _)| !of.is_after(up_to)) {
            self.converter = None;
        }
        self.frames -= dropped;
        dropped as u64
    }
}

#[cfg(test)]
mod tests;
