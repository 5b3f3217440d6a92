//! What must hold at every step of every world.

mod ledger;

use std::sync::Arc;

use self::ledger::Ledger;
use super::transcript::{Sent, SentKind};
use crate::{
    audio::{DownlinkPacket, Nanos, NoteKind, Rate, ReplyId, note::FloorState},
    duplex::WorkerNote,
    link::LinkCounters,
    sim::service::{Heard, Service},
};

/// −60 dB under full scale counts as silence.
const SILENCE: f32 = 1e-3;
/// After a cut the fade and what it leaves may sound for so long.
const FADE: Nanos = Nanos::from_ms(8);
/// Whoever has more to do at one moment spins.
const STEPS_AT_ONCE_MAX: u32 = 20_000;

/// Watches a world and names what is broken.
#[derive(Debug)]
pub(super) struct Invariants {
    /// What was noted last of the mode; what is sent follows.
    manual: bool,
    sends_windows: bool,
    window_open: bool,
    /// The position after the newest sample that went up.
    sent_to: Option<(u32, i64)>,
    /// Samples that found no room towards the link, when it last sent.
    lost: u64,
    user: bool,
    model: Option<ReplyId>,
    floor: FloorState,
    /// The speaker is silent from this frame on.
    silent_from: Option<u64>,
    steps_at_once: u32,
    ledger: Ledger,
    pub(super) broken: Vec<String>,
}

impl Invariants {
    /// `manual`: the user's speech goes up in windows. `replies`: what the
    /// model says, where no two of them have the same sound.
    pub(super) fn new(manual: bool, replies: Option<Arc<[Vec<i16>]>>) -> Self {
        Self {
            manual,
            sends_windows: manual,
            window_open: false,
            sent_to: None,
            lost: 0,
            user: false,
            model: None,
            floor: FloorState::Free,
            silent_from: None,
            steps_at_once: 0,
            ledger: Ledger::new(replies),
            broken: Vec::new(),
        }
    }

    pub(super) fn require(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(what());
        }
    }

    fn keep(&mut self, kept: Result<(), String>) {
        self.broken.extend(kept.err());
    }

    /// Time goes on.
    pub(super) fn stepped(&mut self, later: bool, event: impl std::fmt::Debug) {
        self.steps_at_once = if later { 0 } else { self.steps_at_once + 1 };
        let rests = self.steps_at_once <= STEPS_AT_ONCE_MAX;
        self.require(rests, || format!("time stands still for {event:?}"));
    }

    /// Who has the floor, as far as was told.
    pub(super) fn floor(&self) -> FloorState {
        self.floor
    }

    /// The service does not send its replies as they are any more.
    pub(super) fn forget_replies(&mut self) {
        self.ledger.forget_replies();
    }

    /// A connection is open.
    pub(super) fn connected(&mut self) {
        let kept = self.ledger.connected();
        self.keep(kept);
    }

    /// It is over for the client.
    pub(super) fn disconnected(&mut self) {
        self.ledger.disconnected();
    }

    /// The link put so many frames on the wire.
    pub(super) fn wired(&mut self, frames: usize) {
        self.ledger.sent(frames);
    }

    /// The link gave the worker this.
    pub(super) fn delivered(&mut self, packet: &DownlinkPacket) {
        let kept = self.ledger.delivered(packet);
        self.keep(kept);
    }

    /// The link has emptied the uplink ring and the downlink ring was emptied.
    pub(super) fn counted(&mut self, counters: &LinkCounters) {
        let kept = self.ledger.counted(counters);
        self.keep(kept);
    }

    /// A message with so many frames of audio reached the service. `collisions`
    /// and `lingers` as in [`Ledger::collided`].
    pub(super) fn arrived(
        &mut self,
        frames: usize,
        service: &Service,
        (collisions, lingers): (u64, bool),
    ) {
        let kept = self.ledger.arrived(frames, service.heard(), service.is_closed());
        self.keep(kept);
        let kept = self.ledger.collided(collisions, lingers);
        self.keep(kept);
    }

    /// Positions increase, from one microphone to the next too; windows open
    /// and close in turn, and in the modes that have windows nothing goes up
    /// outside of one, and within one everything but the `lost` samples that
    /// were counted.
    pub(super) fn sent(&mut self, sent: &Sent, lost: u64) {
        self.ledger.given(sent.samples.len());
        let (epoch, first) = (sent.at.epoch, sent.first());
        let follows = self.sent_to.is_none_or(|(before, to)| before <= epoch && first >= to);
        self.require(follows, || format!("{:?} at {first} was sent before", sent.kind));
        let lost_now = (lost - std::mem::replace(&mut self.lost, lost)) as i64;
        let same = self.sent_to.filter(|(before, _)| *before == epoch);
        if let Some((_, to)) = same.filter(|_| self.window_open && lost_now == 0) {
            let kind = sent.kind;
            self.require(first == to, || format!("{kind:?} at {first} follows {to} in a window"));
        }
        // Where the first sample will be is not known before the first block.
        if self.sent_to.is_some() || !matches!(sent.kind, SentKind::ModeChanged(_)) {
            self.sent_to = Some((epoch, sent.at.frames));
        }
        let open = self.window_open;
        let (fits, open) = match sent.kind {
            SentKind::ActivityStart => (self.sends_windows && !open, true),
            SentKind::ActivityEnd => (self.sends_windows && open, false),
            SentKind::Audio => (open == self.sends_windows && !sent.samples.is_empty(), open),
            SentKind::StreamEnd => (!self.sends_windows, open),
            SentKind::ModeChanged(mode) => {
                self.sends_windows = mode.is_manual();
                (!open, open)
            }
        };
        self.window_open = open;
        self.require(fits, || format!("{:?} while a window is open: {open}", sent.kind));
    }

    /// Who has the floor follows from what was noted. `played`: the frames
    /// that the speaker has been given.
    pub(super) fn noted(&mut self, notes: &[WorkerNote], played: u64, speaker: Rate) {
        for WorkerNote { note, .. } in notes.iter().filter(|note| !note.playback) {
            match note.kind {
                NoteKind::WindowOpened => {
                    let was = std::mem::replace(&mut self.user, true);
                    self.require(!was, || format!("two onsets without an end, at {:?}", note.at));
                }
                NoteKind::Onset if !self.manual => self.user = true,
                NoteKind::WindowClosed => self.user = false,
                NoteKind::EndOfTurn if !self.manual => self.user = false,
                NoteKind::ReplyStarted(reply) => {
                    self.model = Some(reply);
                    self.silent_from = None;
                }
                NoteKind::ReplyFinished(reply) if self.model == Some(reply) => self.model = None,
                NoteKind::ReplyCut { .. } => {
                    self.model = None;
                    self.silent_from = Some(played + speaker.frames_in(FADE));
                }
                NoteKind::Floor(floor) => {
                    let was = std::mem::replace(&mut self.floor, floor);
                    self.require(was != floor, || format!("the floor becomes {floor:?} twice"));
                }
                NoteKind::ModeChanged(mode) => self.manual = mode.is_manual(),
                _ => {}
            }
            self.require(note.at <= note.decided_at, || format!("decided too early: {note:?}"));
        }
        let derived = match (self.user, self.model.is_some()) {
            (false, false) => FloorState::Free,
            (true, false) => FloorState::User,
            (false, true) => FloorState::Model,
            (true, true) => FloorState::Overlap,
        };
        let floor = self.floor;
        self.require(floor == derived, || format!("the floor is {floor:?}, should be {derived:?}"));
    }

    /// Nothing of a cut reply is heard after its fade. `first`: the frame
    /// number of the first sample.
    pub(super) fn played(&mut self, first: u64, sound: &[f32]) {
        let Some(from) = self.silent_from else { return };
        let skipped = from.saturating_sub(first) as usize;
        let heard = sound.iter().skip(skipped).find(|sample| sample.abs() > SILENCE).copied();
        self.require(heard.is_none(), || format!("{heard:?} of a cut reply is heard"));
    }

    /// What the service had to complain about; on each connection the windows
    /// open and close in turn.
    pub(super) fn heard(&mut self, heard: &Heard) {
        let (starts, ends) = (heard.messages.activity_start, heard.messages.activity_end);
        self.require((ends..=ends + 1).contains(&starts), || {
            format!("{starts} windows began on a connection, {ends} ended")
        });
        let violations = heard.violations;
        let fine = violations == crate::sim::service::Violations::default();
        self.require(fine, || format!("the service complains: {violations:?}"));
    }
}

#[cfg(test)]
mod tests;
