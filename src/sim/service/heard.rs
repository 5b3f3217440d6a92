//! What a connection's service heard, saw and did: for tests and reports.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use crate::audio::{Nanos, Rate};

const EVENTS_MAX: usize = 256;
/// Thirty minutes at 16 kHz.
const UPLINK_MAX: usize = 30 * 60 * 16_000;

/// Everything that came over one connection.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Messages of the client, by kind.
    pub messages: Messages,
    /// What a client should not do and the service passes over.
    pub violations: Violations,
    /// Samples of audio that came, discarded or not.
    pub samples: u64,
    /// Every sample that came, where the settings ask for it.
    pub uplink: Vec<i16>,
    /// The last turns of the user, as many as the settings keep.
    pub turns: VecDeque<HeardTurn>,
    /// What the history was filled with before the first turn: whether the
    /// model said it, and the text.
    pub seeded: Vec<(bool, String)>,
    /// All turns of the user that ended.
    pub turns_total: u64,
    /// turnComplete messages that ended an interaction.
    pub turns_completed: u64,
    /// Replies that the user cut.
    pub interruptions: u64,
}

/// Messages of the client, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// All of them.
    pub total: u64,
    /// With audio.
    pub audio: u64,
    /// activityStart.
    pub activity_start: u64,
    /// activityEnd.
    pub activity_end: u64,
    /// audioStreamEnd.
    pub stream_end: u64,
    /// `realtimeInput.text`.
    pub text: u64,
    /// With pictures.
    pub video: u64,
    /// clientContent.
    pub content: u64,
    /// toolResponse.
    pub tool_response: u64,
    /// contextUpdate.
    pub context_update: u64,
}

/// What a client should not do and the service passes over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    /// Samples outside of manual windows, or beyond the longest turn.
    pub discarded_samples: u64,
    /// activityStart while a window is open.
    pub double_starts: u64,
    /// activityEnd without a window.
    pub stray_ends: u64,
    /// audioStreamEnd with manual activity.
    pub stream_ends_in_manual: u64,
    /// Text outside of manual windows.
    pub discarded_texts: u64,
    /// Realtime input before the history was complete.
    pub during_seeding: u64,
    /// Audio messages with half a sample.
    pub odd_bytes: u64,
    /// Turns that ended while too many waited already.
    pub refused_turns: u64,
}

/// One turn of the user.
#[derive(Clone, Debug)]
pub struct HeardTurn {
    /// When it began.
    pub began: Nanos,
    /// When it ended.
    pub ended: Nanos,
    /// Which samples of the connection it is, counted from the first received.
    pub samples: Range<u64>,
    /// Those samples.
    pub pcm: Arc<[i16]>,
    /// Their rate.
    pub rate: Rate,
    /// How long the sound in them is, in seconds.
    pub speech_secs: f64,
    /// What was written in it.
    pub text: String,
}

impl Heard {
    pub(super) fn keep(&mut self, samples: &[i16]) {
        let room = UPLINK_MAX.saturating_sub(self.uplink.len());
        self.uplink.extend(&samples[..samples.len().min(room)]);
    }

    pub(super) fn turn(&mut self, turn: HeardTurn, kept: usize) {
        self.turns.push_back(turn);
        while self.turns.len() > kept {
            self.turns.pop_front();
        }
        self.turns_total += 1;
    }
}

/// Something that a person who watches a server wants to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The setup was accepted.
    Ready {
        /// The model's bare name.
        model: String,
        /// A session was resumed.
        resumed: bool,
    },
    /// The user began to speak.
    TurnBegan,
    /// The user's turn ended.
    TurnEnded {
        /// How long its sound is, in seconds.
        speech_secs: f64,
        /// What was written in it.
        text: String,
    },
    /// The first part of a reply went out.
    ReplyBegan,
    /// The user cut the reply.
    Interrupted,
    /// A turnComplete went out.
    TurnCompleted {
        /// How much audio the reply had, in seconds.
        reply_secs: f64,
        /// In how many parts.
        parts: u64,
    },
    /// A goAway went out.
    GoingAway {
        /// What it leaves the client, where it says so.
        left: Option<Nanos>,
    },
    /// The connection ended.
    Closed {
        /// The close code; 1006 for none.
        code: u16,
        /// Its reason.
        reason: String,
        /// The client closed it.
        by_client: bool,
    },
}

/// Events that wait to be read; the oldest go when nobody does.
#[derive(Debug, Default)]
pub(super) struct Events(VecDeque<(Nanos, Event)>);

impl Events {
    pub(super) fn push(&mut self, at: Nanos, event: Event) {
        if self.0.len() == EVENTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((at, event));
    }

    pub(super) fn pop(&mut self) -> Option<(Nanos, Event)> {
        self.0.pop_front()
    }
}
