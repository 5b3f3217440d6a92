//! What the worker does about a decision: it asks the floor, and opens or
//! closes the window, cuts the reply, turns it down.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::Worker;
use crate::{
    audio::{
        FrameTime, Nanos, Note, NoteKind, Rate, TurnMode, Uplink, histogram::Histogram,
        note::FloorState,
    },
    dialog::floor::{Actions, Input, Window},
};

/// No captured frame for so long closes what is open.
const MICROPHONE_LOST: Nanos = Nanos::from_secs(1);

impl Worker {
    /// The endpoint heard something.
    pub(super) fn decide(&mut self, note: Note) {
        let ends_here = matches!(self.turn.mode, TurnMode::Client | TurnMode::Hybrid);
        if note.kind == NoteKind::EndOfTurn && ends_here {
            count_frames(&self.gauges.end_to_decided, note);
        }
        self.follow(note);
    }

    fn follow(&mut self, note: Note) {
        self.tell(note);
        if let Some(opinion) = &mut self.opinion {
            opinion.follow(note.kind);
        }
        let (input, at) = match note.kind {
            NoteKind::Likely => (Input::Likely(note.decided_at), note.at),
            NoteKind::FalseAlarm => (Input::FalseAlarm(note.decided_at), note.at),
            NoteKind::Onset => {
                count_frames(&self.gauges.onset_to_decided, note);
                self.speaker.answers = None;
                let pre_roll = Rate::UPLINK.frames_in_ms(self.turn.pre_roll_ms) as i64;
                (Input::Onset, note.at.plus(-pre_roll))
            }
            NoteKind::EndOfTurn => {
                self.await_answer(note.at.plus(1));
                (Input::EndOfTurn, note.decided_at.plus(1))
            }
            _ => return,
        };
        let was_model = self.floor.state() == FloorState::Model;
        let actions = self.ask_floor(input);
        self.act(actions, at);
        match note.kind {
            NoteKind::Onset if was_model && (actions.flush || actions.window.is_some()) => {
                self.suspect_cut(note.decided_at);
            }
            NoteKind::EndOfTurn => self.follow_end(note.at),
            _ => {}
        }
    }

    /// The user's speech ended before position `end`: the next reply answers it.
    /// The device handed its last frame over as much before the newest as they are
    /// apart, and as the chain is late.
    pub(super) fn await_answer(&mut self, end: FrameTime) {
        let since = self.uplink.newest().frames_since(end).unwrap_or_default().max(0) as u64;
        let ago = Rate::UPLINK.duration_of(since) + self.listener.chain().latency();
        self.speaker.answers = Some(self.uplink.captured_at() - ago);
    }

    /// Does what the floor decided about position `at`.
    pub(super) fn act(&mut self, actions: Actions, at: FrameTime) {
        if actions.flush
            && let Some(reply) = self.speaker.current()
        {
            self.speaker.cut(reply, self.uplink.newest(), &mut self.spoken);
            self.tell_spoken();
        }
        if let Some(down) = actions.duck {
            self.ducked = down;
            self.set_gain();
            self.tell(Note::now(NoteKind::Ducked(down), self.uplink.newest()));
        }
        match actions.window {
            Some(Window::Open) => {
                let from = FrameTime { frames: at.frames.max(self.counts_from.frames), ..at };
                let start = self.uplink.open(from, Some(Uplink::ActivityStart));
                self.window_start = Some(start);
                self.tell(Note::now(NoteKind::WindowOpened, start));
            }
            Some(Window::Close) => {
                let end = self.uplink.close(at, Some(Uplink::ActivityEnd));
                self.window_start = None;
                self.tell(Note::now(NoteKind::WindowClosed, end));
            }
            None => {}
        }
        if actions.stream_end {
            self.uplink.close(at, Some(Uplink::StreamEnd));
        }
        self.note_floor();
    }

    /// Asks the floor. What was captured while the microphone did not count
    /// never does: not as a pre-roll, nor when the stream goes on.
    pub(super) fn ask_floor(&mut self, input: Input) -> Actions {
        let (heard, echo) = (self.floor.hears_user(), self.floor.hears_echo());
        let actions = self.floor.on(input);
        if self.floor.hears_echo() != echo {
            let tail = Rate::UPLINK.frames_in_ms(self.turn.echo_tail_ms) as i64;
            self.echo_ends = (!echo).then(|| self.uplink.newest().plus(tail));
        }
        if !heard && self.floor.hears_user() {
            self.counts_from = self.uplink.newest();
        }
        actions
    }

    fn note_floor(&mut self) {
        let state = self.floor.state();
        if std::mem::replace(&mut self.state, state) != state {
            self.speaker.flow.set_floor(state);
            self.tell(Note::now(NoteKind::Floor(state), self.uplink.newest()));
        }
    }

    pub(super) fn model_audible(&mut self) {
        let at = self.uplink.newest();
        let actions = self.ask_floor(Input::ModelAudible);
        if !self.floor.hears_user() {
            self.close_endpoint();
        }
        self.act(actions, at);
        self.stream(at);
    }

    pub(super) fn model_silent(&mut self) {
        let at = self.uplink.newest();
        let actions = self.ask_floor(Input::ModelSilent);
        self.act(actions, at);
    }

    /// A window open for too long, or a microphone that stopped.
    pub(super) fn guard_window(&mut self) {
        let newest = self.uplink.newest();
        let length_max = Rate::UPLINK.frames_in_ms(self.turn.window_ms_max) as i64;
        let too_long = self
            .window_start
            .and_then(|start| newest.frames_since(start))
            .is_some_and(|frames| frames > length_max);
        let silent_for = self.now.since(self.heard_at);
        if too_long || (self.uplink.is_open() && silent_for > MICROPHONE_LOST) {
            self.lose_microphone();
        }
    }

    pub(super) fn lose_microphone(&mut self) {
        let at = self.uplink.newest();
        self.close_endpoint();
        let actions = self.ask_floor(Input::Lost);
        self.act(actions, at);
        if self.uplink.is_open() {
            self.uplink.close(at, Some(Uplink::StreamEnd));
        }
        self.counts_from = at;
    }

    /// What was said in the old mode is closed in it; nothing of it counts in
    /// the new one. The reply goes on.
    pub(super) fn change_mode(&mut self, mode: TurnMode) {
        self.lose_microphone();
        let at = self.uplink.newest();
        self.turn.mode = mode;
        self.floor.set_mode(mode);
        self.talk_ends = None;
        self.restart_guard();
        self.uplink.change_mode(mode);
        self.tell(Note::now(NoteKind::ModeChanged(mode), at));
    }

    /// Ends an open turn here: nothing was heard that ended it, so it says nothing of
    /// how soon ends are decided.
    pub(super) fn close_endpoint(&mut self) {
        let at = self.uplink.newest();
        if let Some(note) = self.endpoint.close(at.plus(-1)) {
            self.follow(note);
        }
    }
}

/// From the frame that something is about to the one that decided it.
fn count_frames(times: &Histogram, note: Note) {
    if let Some(frames) = note.decided_at.frames_since(note.at) {
        times.record(Rate::UPLINK.duration_of(frames.max(0) as u64));
    }
}
