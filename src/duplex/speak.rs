//! The worker's speaker side: downlink packets into the playout, the playout
//! through the playback chain into the render ring.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

use std::{collections::VecDeque, sync::Arc};

use super::{exchange::SpeakerEnds, gauges::WorkerGauges, render::RenderEnd};
use crate::{
    audio::{
        Block, Doorbell, Downlink, DownlinkPacket, Flow, FrameTime, Nanos, Note, NoteKind, Notes,
        Rate, ReplyId, Stopwatch, ring::Reader,
    },
    dialog::{Playout, PlayoutSettings, playout::Moment},
    pipeline::Chain,
};

/// Replies whose last frames are in the render ring at the same time.
const FINISHING_MAX: usize = 32;

/// A reply of which nothing more comes, nor a word of its end, is over after so
/// long: nobody may have to wait for it to be heard again.
const DRY_MAX: Nanos = Nanos::from_secs(5);

/// The reply that went to the render ring last.
#[derive(Clone, Copy, Debug)]
struct Current {
    reply: ReplyId,
    /// The ring position of its first frame, of those in this ring.
    first: usize,
    /// Frames at 24 kHz that were heard of it over streams before this one.
    heard_before: i64,
}

/// The model's voice on its way to the device.
pub(super) struct Speaker {
    downlink: Reader<DownlinkPacket>,
    pub(super) flow: Arc<Flow>,
    link: Arc<Doorbell>,
    playout: Playout,
    chain: Chain,
    pub(super) render: RenderEnd,
    block: Block,
    position: FrameTime,
    /// Silent frames at 24 kHz that push a reply's end out of the chain.
    tail_frames: usize,
    tail: Option<(ReplyId, usize)>,
    finishing: VecDeque<(ReplyId, usize)>,
    current: Option<Current>,
    first_byte: Option<(ReplyId, Nanos)>,
    /// When speech ended that the next reply answers.
    pub(super) answers: Option<Nanos>,
    /// Since when a reply waits for more than it has.
    dry_since: Option<Nanos>,
    period_frames: usize,
    device_latency_ms: u32,
    gauges: Arc<WorkerGauges>,
    /// What the playback chain noted.
    pub(super) chain_notes: Notes,
}

/// A filter rings for twice its delay.
fn tail_frames(chain: &Chain) -> usize {
    match chain.latency() {
        Nanos::ZERO => 0,
        latency => 2 * Rate::DOWNLINK.frames_in(latency) as usize + 1,
    }
}

/// What [`Speaker::new`] takes.
pub(super) struct SpeakerParts {
    pub(super) downlink: Reader<DownlinkPacket>,
    pub(super) flow: Arc<Flow>,
    pub(super) link: Arc<Doorbell>,
    pub(super) chain: Chain,
    pub(super) render: RenderEnd,
    pub(super) period_frames: usize,
    pub(super) gauges: Arc<WorkerGauges>,
}

impl Speaker {
    pub(super) fn new(parts: SpeakerParts, settings: &PlayoutSettings) -> Self {
        Self {
            playout: Playout::new(settings),
            block: Block::new(parts.chain.block_capacity()),
            position: FrameTime::start(Rate::DOWNLINK, 0),
            tail_frames: tail_frames(&parts.chain),
            tail: None,
            finishing: VecDeque::with_capacity(FINISHING_MAX),
            current: None,
            first_byte: None,
            answers: None,
            dry_since: None,
            device_latency_ms: settings.device_latency_ms,
            downlink: parts.downlink,
            flow: parts.flow,
            link: parts.link,
            chain: parts.chain,
            render: parts.render,
            period_frames: parts.period_frames,
            gauges: parts.gauges,
            chain_notes: Notes::default(),
        }
    }

    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Takes the packets that wait, up to an interruption, which is the
    /// worker's to judge.
    pub(super) fn take_packets(&mut self) -> Option<ReplyId> {
        while let Some(packet) = self.downlink.pop() {
            let reply = packet.reply;
            match packet.payload {
                Downlink::Audio(samples) => {
                    let samples = samples.as_slice();
                    let unheard = if self.flow.is_cut(reply) {
                        samples.len()
                    } else {
                        self.first_byte = Some((reply, packet.first_byte_at));
                        self.playout.push(reply, samples)
                    };
                    self.release(unheard);
                }
                Downlink::GenerationComplete | Downlink::TurnComplete => {
                    self.playout.complete(reply);
                }
                Downlink::Interrupted => return Some(reply),
            }
        }
        None
    }

    fn release(&self, frames: usize) {
        if frames > 0 {
            self.flow.release(frames);
            self.link.ring();
        }
    }

    /// The reply that is audible, or about to be.
    pub(super) fn current(&self) -> Option<ReplyId> {
        self.current.map(|c| c.reply)
    }

    /// The last reply that is audible or waits to be.
    pub(super) fn newest(&self) -> Option<ReplyId> {
        self.playout.newest().or(self.current())
    }

    /// Tops the render ring up to a period and a block.
    pub(super) fn fill(
        &mut self,
        now: Nanos,
        at: FrameTime,
        notes: &mut Notes,
        clock: &impl Stopwatch,
    ) {
        let block_frames = self.chain.output().block_frames_max;
        let cushion = self.render.period_frames().max(self.period_frames) + block_frames;
        while self.render.pending_frames() < cushion && self.render.room() >= block_frames {
            if !self.next_block(now, at, notes) {
                break;
            }
            self.block.set_start(self.position);
            self.position = self.position.plus(self.block.len() as i64);
            self.chain.process(&mut self.block, &mut self.chain_notes, clock);
            let pushed = self.render.push(self.block.near());
            if let Some((reply, 0)) = self.tail {
                self.tail = None;
                if self.finishing.len() < FINISHING_MAX {
                    self.finishing.push_back((reply, pushed));
                }
            }
        }
        self.notice_ends(at, notes);
    }

    /// Puts the next 10 ms of a reply or of its tail into the block.
    fn next_block(&mut self, now: Nanos, at: FrameTime, notes: &mut Notes) -> bool {
        let frames_max = self.chain.input().block_frames_max;
        self.block.resize(0);
        if let Some((_, left)) = &mut self.tail {
            let frames = frames_max.min(*left);
            *left -= frames;
            self.block.resize(frames);
            return true;
        }
        self.block.resize(frames_max);
        self.give_up_waiting(now);
        let pulled = self.playout.pull(self.block.near_mut());
        let is_dry = pulled.frames == 0 && !self.playout.is_idle();
        self.dry_since = is_dry.then(|| self.dry_since.unwrap_or(now));
        self.block.resize(pulled.frames);
        self.release(pulled.frames);
        if let Some(reply) = pulled.started {
            let first = self.render.pushed();
            self.current = Some(Current { reply, first, heard_before: 0 });
            self.render.begin(now, self.answers.take());
            notes.push(Note::now(NoteKind::ReplyStarted(reply), at));
            if let Some((_, since)) = self.first_byte.filter(|(r, _)| *r == reply) {
                self.gauges.wire_to_ring.record(now.since(since));
            }
        }
        match pulled.then {
            Some(Moment::Ended(reply)) => self.tail = Some((reply, self.tail_frames)),
            Some(Moment::Starved(reply)) => {
                notes.push(Note::now(NoteKind::Starved(reply), at));
            }
            None => {}
        }
        pulled.frames > 0 || self.tail.is_some()
    }

    /// Takes what came of a reply for all of it, where it has waited for too
    /// long. Should more come, that begins it again.
    fn give_up_waiting(&mut self, now: Nanos) {
        if self.dry_since.is_some_and(|since| now.since(since) >= DRY_MAX)
            && let Some(reply) = self.playout.newest()
        {
            self.playout.complete(reply);
        }
    }

    fn notice_ends(&mut self, at: FrameTime, notes: &mut Notes) {
        let latency_min = self.render.rate().frames_in_ms(self.device_latency_ms);
        let latency = self.render.latency_frames().max(latency_min);
        while let Some((reply, end)) = self.finishing.front().copied()
            && self.render.is_heard(end, latency)
        {
            self.finishing.pop_front();
            if self.current() == Some(reply) {
                self.current = None;
            }
            notes.push(Note::now(NoteKind::ReplyFinished(reply), at));
        }
    }

    /// Nothing of the replies up to `reply` is heard any more but the fade.
    /// Returns whether there was anything to be heard.
    pub(super) fn cut(&mut self, reply: ReplyId, at: FrameTime, notes: &mut Notes) -> bool {
        self.flow.cut(reply);
        let unheard = self.playout.cut(reply);
        self.release(unheard);
        self.link.ring();
        let Some(current) = self.current.filter(|c| !c.reply.is_after(reply)) else {
            return unheard > 0;
        };
        let heard_frames = self.heard_frames(current) as u32;
        let kind = NoteKind::ReplyCut { reply: current.reply, heard_frames };
        notes.push(Note::now(kind, at));
        self.render.cut();
        self.chain.reset();
        self.tail = None;
        self.finishing.clear();
        self.current = None;
        true
    }

    /// How much was heard of it, in frames at 24 kHz.
    fn heard_frames(&self, current: Current) -> i64 {
        let played = (self.render.played().wrapping_sub(current.first) as isize).max(0);
        let rate = self.render.rate();
        let heard = FrameTime { epoch: 0, frames: played as i64, rate }.at_rate(Rate::DOWNLINK);
        current.heard_before + heard.frames
    }

    /// The loudspeaker was opened anew: `new` are its ring and its chain, and
    /// become what was before. A reply goes on from where it stopped. Returns how
    /// many frames were in the ring and will not be heard.
    pub(super) fn change(&mut self, new: &mut SpeakerEnds) -> usize {
        let lost = self.render.pending_frames();
        if let Some(current) = self.current {
            let heard_before = self.heard_frames(current);
            self.current = Some(Current { first: 0, heard_before, ..current });
        }
        for (_, end) in &mut self.finishing {
            *end = 0;
        }
        std::mem::swap(&mut self.render, &mut new.render);
        std::mem::swap(&mut self.chain, &mut new.chain);
        std::mem::swap(&mut self.block, &mut new.block);
        self.tail_frames = tail_frames(&self.chain);
        if let Some((_, left)) = &mut self.tail {
            *left = (*left).min(self.tail_frames);
        }
        lost
    }

    /// Whether nothing is left to be played.
    pub(super) fn is_idle(&self) -> bool {
        self.playout.is_idle() && self.current.is_none() && self.downlink.is_empty()
    }

    /// Frames that the playout had no room for.
    pub(super) fn refused_frames(&self) -> u64 {
        self.playout.refused_frames()
    }

    /// Frames of replies that wait in the playout.
    pub(super) fn staged_frames(&self) -> usize {
        self.playout.staged_frames()
    }
}
