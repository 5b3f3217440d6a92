//! What the worker does about an echo that is not under control.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::Worker;
use crate::{
    audio::{
        FrameTime, Gain, Note, NoteKind,
        note::{EchoStep, FloorState},
    },
    dialog::{EchoGuard, TurnMode, floor::Input},
};

/// So much quieter is the loudspeaker while the echo is not under control.
const QUIETER_DB: f32 = -10.0;

impl Worker {
    /// A talk key says for itself when its user speaks: no echo can.
    fn guard(&mut self) -> Option<&mut EchoGuard> {
        self.guard.as_mut().filter(|_| self.turn.mode != TurnMode::PushToTalk)
    }

    /// In another mode it is judged anew.
    pub(super) fn restart_guard(&mut self) {
        if let Some(guard) = &mut self.guard
            && std::mem::take(guard).step() > EchoStep::Free
        {
            self.go_to(Some(EchoStep::Free));
        }
    }

    /// Takes what the capture chain noted of the echo, up to frame `at`.
    pub(super) fn follow_echo(&mut self, kind: NoteKind, at: FrameTime) {
        let is_audible = self.is_audible();
        let Some(guard) = self.guard() else { return };
        let step = match kind {
            NoteKind::Echo(health) if is_audible => guard.hear(at, health),
            NoteKind::CancellerRebuilt { .. } => guard.rebuilt(),
            _ => None,
        };
        self.go_to(step);
    }

    /// In this block nobody knew what the audible model was saying.
    pub(super) fn miss_echo(&mut self, start: FrameTime, end: FrameTime) {
        if self.is_audible() && !self.far.is_known() {
            let step = self.guard().and_then(|g| g.miss(end.frames - start.frames));
            self.go_to(step);
        }
    }

    /// A voice cut the reply.
    pub(super) fn suspect_cut(&mut self, at: FrameTime) {
        let step = self.guard().and_then(|guard| guard.cut(at));
        self.go_to(step);
    }

    /// The voice spoke up to frame `last`.
    pub(super) fn follow_end(&mut self, last: FrameTime) {
        let step = self.guard().and_then(|guard| guard.spoken(last));
        self.go_to(step);
    }

    fn is_audible(&self) -> bool {
        matches!(self.floor.state(), FloorState::Model | FloorState::Overlap)
    }

    fn go_to(&mut self, step: Option<EchoStep>) {
        let Some(step) = step else { return };
        let at = self.uplink.newest();
        self.tell(Note::now(NoteKind::EchoGuard(step), at));
        self.endpoint.set_strict(step >= EchoStep::Strict);
        self.set_gain();
        let actions = self.ask_floor(Input::Guarded(step == EchoStep::Half));
        if !self.floor.hears_user() {
            self.close_endpoint();
        }
        self.act(actions, at);
        self.stream(at);
    }

    /// How loud the reply is to be. In half duplex nobody minds its echo.
    pub(super) fn set_gain(&mut self) {
        let step = self.guard.as_ref().map_or(EchoStep::Free, EchoGuard::step);
        let usual = match step {
            EchoStep::Quieter | EchoStep::Strict => QUIETER_DB,
            EchoStep::Free | EchoStep::Half => 0.0,
        };
        let db = if self.ducked { self.turn.duck_db.min(usual) } else { usual };
        self.speaker.render.set_gain(Gain::from_db(db).0);
    }
}
