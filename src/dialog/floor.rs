//! Who may speak: a pure state table.
//!
//! | | client | server, hybrid | push-to-talk |
//! |---|---|---|---|
//! | onset | window opens; local barge-in cuts | local barge-in cuts | – |
//! | end of turn | window closes | hybrid: stream ends | – |
//! | key down, up | – | – | window opens and cuts, closes |
//! | a reply while they speak | local barge-in refuses it | heard | refused |
//! | `interrupted` | cuts what is audible | same | same |
//! | stop | cuts what is audible, or about to be | same | same |
//! | muted | window closes | stream ends | window closes |
//!
//! In half duplex nothing of the microphone counts while the model is audible,
//! nor while the room still sounds of it. The same where the echo is guarded
//! against.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::settings::{BargeIn, Duplex, TurnMode, TurnSettings};
use crate::audio::{FrameTime, Rate, note::FloorState};

/// What the floor is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Speech may have begun; this is known since then.
    Likely(FrameTime),
    /// It had not; this is known since then.
    FalseAlarm(FrameTime),
    /// Speech has begun.
    Onset,
    /// The user's turn is over.
    EndOfTurn,
    /// The talk key went down.
    TalkPressed,
    /// The talk key went up.
    TalkReleased,
    /// The microphone was muted.
    Muted,
    /// It is live again.
    Unmuted,
    /// The first frame of a reply is about to be heard.
    ModelAudible,
    /// The last one has been heard.
    ModelSilent,
    /// The server says that it was interrupted.
    Interrupted,
    /// The user wants the model to be silent.
    Stop,
    /// The room has stopped sounding of the reply.
    EchoOver,
    /// The echo asks for half duplex, or not any more.
    Guarded(bool),
    /// The microphone is gone, or a window was open for too long.
    Lost,
}

/// What is to be done about the window for the user's speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Open it: activity starts.
    Open,
    /// Close it: activity ends.
    Close,
}

/// What is to be done, at most one of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// The window of the modes that have one.
    pub window: Option<Window>,
    /// Tell the server that the stream ends here.
    pub stream_end: bool,
    /// Cut the reply that is audible.
    pub flush: bool,
    /// Turn the reply down, or up again.
    pub duck: Option<bool>,
    /// An interruption without anything to interrupt.
    pub phantom: bool,
}

/// The table and where it stands.
#[derive(Debug)]
pub struct Floor {
    mode: TurnMode,
    duplex: Duplex,
    barge_in: BargeIn,
    cooldown_frames: i64,
    guarded: bool,
    /// The room still sounds of a reply that is over.
    echo: bool,
    user: bool,
    model: bool,
    muted: bool,
    ducked: bool,
    /// The last false alarm over a reply.
    alarmed: Option<FrameTime>,
}

impl Floor {
    /// A free floor.
    pub fn new(settings: &TurnSettings) -> Self {
        Self {
            mode: settings.mode,
            duplex: settings.duplex,
            barge_in: settings.barge_in,
            cooldown_frames: Rate::UPLINK.frames_in_ms(settings.cooldown_ms) as i64,
            guarded: false,
            echo: false,
            user: false,
            model: false,
            muted: false,
            ducked: false,
            alarmed: None,
        }
    }

    /// From now on turns are taken in this way. What was open has to be closed
    /// before, by [`Input::Lost`].
    pub fn set_mode(&mut self, mode: TurnMode) {
        self.mode = mode;
    }

    /// Who holds the floor.
    pub fn state(&self) -> FloorState {
        match (self.user, self.model) {
            (false, false) => FloorState::Free,
            (true, false) => FloorState::User,
            (false, true) => FloorState::Model,
            (true, true) => FloorState::Overlap,
        }
    }

    /// Whether what the microphone hears may be acted on and sent.
    pub fn hears_user(&self) -> bool {
        !self.muted && !(self.is_half() && (self.model || self.echo))
    }

    /// Whether the room may still sound of a reply that is over: until
    /// [`Input::EchoOver`].
    pub fn hears_echo(&self) -> bool {
        self.echo
    }

    fn is_half(&self) -> bool {
        self.duplex == Duplex::Half || self.guarded
    }

    /// Whether the microphone's audio is sent all the time that it counts,
    /// instead of in windows.
    pub fn streams(&self) -> bool {
        matches!(self.mode, TurnMode::Server | TurnMode::Hybrid)
    }

    /// Whether speech over the model has to be confirmed before it counts.
    pub fn must_confirm(&self) -> bool {
        self.model && self.barge_in == BargeIn::Local && self.mode != TurnMode::PushToTalk
    }

    /// Whether a reply that comes now is one that the user's window has
    /// interrupted, and was on its way. Where the service finds the bounds of
    /// speech it may be the answer to words whose end we have yet to see.
    pub fn refuses_replies(&self) -> bool {
        let is_cut = match self.mode {
            TurnMode::Server | TurnMode::Hybrid => false,
            TurnMode::Client => self.barge_in == BargeIn::Local,
            TurnMode::PushToTalk => true,
        };
        self.user && is_cut
    }

    /// Goes on by one input.
    pub fn on(&mut self, input: Input) -> Actions {
        match input {
            Input::Likely(at) => self.duck(!self.is_cooling(at)),
            Input::FalseAlarm(at) => {
                self.alarmed = if self.model { Some(at) } else { self.alarmed };
                self.duck(false)
            }
            Input::Onset => self.onset(),
            Input::EndOfTurn => self.end_of_turn(),
            Input::TalkPressed => self.talk_pressed(),
            Input::TalkReleased if self.mode == TurnMode::PushToTalk => self.close(),
            Input::Interrupted | Input::Stop if self.model => self.cut(),
            Input::TalkReleased | Input::Stop => Actions::default(),
            Input::Muted => self.mute(),
            Input::Unmuted => {
                self.muted = false;
                Actions::default()
            }
            Input::ModelAudible => {
                (self.model, self.echo) = (true, false);
                if self.is_half() { self.close() } else { Actions::default() }
            }
            Input::ModelSilent => {
                self.fall_silent();
                self.duck(false)
            }
            Input::EchoOver => {
                self.echo = false;
                Actions::default()
            }
            Input::Guarded(guarded) => self.guard(guarded),
            Input::Interrupted => Actions { phantom: !self.user, ..Actions::default() },
            Input::Lost => self.close(),
        }
    }

    /// Whether there was a false alarm just before: a fit of coughing must not
    /// pump the volume.
    fn is_cooling(&self, at: FrameTime) -> bool {
        let since = self.alarmed.and_then(|alarmed| at.frames_since(alarmed));
        since.is_some_and(|frames| frames < self.cooldown_frames)
    }

    fn duck(&mut self, down: bool) -> Actions {
        let down = down && self.must_confirm() && self.hears_user() && !self.user;
        let duck = (down != self.ducked).then_some(down);
        self.ducked = down;
        Actions { duck, ..Actions::default() }
    }

    fn onset(&mut self) -> Actions {
        if self.mode == TurnMode::PushToTalk || self.user || !self.hears_user() {
            return Actions::default();
        }
        self.user = true;
        let cuts = self.model && self.barge_in == BargeIn::Local;
        let mut actions = if cuts { self.cut() } else { Actions::default() };
        actions.window = (!self.streams()).then_some(Window::Open);
        actions
    }

    fn end_of_turn(&mut self) -> Actions {
        if self.mode == TurnMode::PushToTalk { Actions::default() } else { self.close() }
    }

    fn talk_pressed(&mut self) -> Actions {
        if self.mode != TurnMode::PushToTalk || self.user || self.muted {
            return Actions::default();
        }
        self.user = true;
        let cuts = self.model;
        let mut actions = if cuts { self.cut() } else { Actions::default() };
        actions.window = Some(Window::Open);
        actions
    }

    fn mute(&mut self) -> Actions {
        if std::mem::replace(&mut self.muted, true) {
            return Actions::default();
        }
        let mut actions = self.close();
        actions.stream_end = self.streams();
        actions.duck = actions.duck.or(self.duck(false).duck);
        actions
    }

    /// The user's turn is over, if there was one.
    fn close(&mut self) -> Actions {
        if !std::mem::replace(&mut self.user, false) {
            return Actions::default();
        }
        Actions {
            window: (!self.streams()).then_some(Window::Close),
            stream_end: self.mode == TurnMode::Hybrid,
            ..Actions::default()
        }
    }

    /// A talk key says for itself when its user speaks.
    fn fall_silent(&mut self) {
        self.echo = self.model && self.is_half() && self.mode != TurnMode::PushToTalk;
        self.model = false;
    }

    fn guard(&mut self, guarded: bool) -> Actions {
        self.guarded = guarded;
        if self.hears_user() {
            return Actions::default();
        }
        let actions = self.close();
        Actions { duck: self.duck(false).duck, ..actions }
    }

    fn cut(&mut self) -> Actions {
        self.fall_silent();
        let duck = std::mem::replace(&mut self.ducked, false).then_some(false);
        Actions { flush: true, duck, ..Actions::default() }
    }
}

#[cfg(test)]
#[path = "floor_tests.rs"]
mod tests;
