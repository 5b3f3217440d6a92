//! What a session tells its owner.

use crate::audio::{Nanos, Rate, ReplyId};

/// One thing that happened. Events come in the order of their causes; within
/// one server message: resumption, interruption, the user's captions, audio,
/// the model's captions, completion, tool calls, usage.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The server accepted the setup: audio may be sent.
    Ready {
        /// Its name for the session (Vertex AI only).
        session_id: Option<String>,
        /// Whether the setup carried a handle.
        resumed: bool,
    },
    /// No `setupComplete` within [`super::SETUP_TIMEOUT`]: close and redial.
    SetupTimedOut,
    /// Audio of a reply, mono. Never empty; of any length.
    Audio {
        /// The reply it belongs to.
        reply: ReplyId,
        /// Samples.
        samples: Vec<i16>,
        /// Their rate.
        rate: Rate,
    },
    /// Text of a reply (text modality); thoughts are left out.
    Text {
        /// The reply it belongs to.
        reply: ReplyId,
        /// A piece to append.
        text: String,
    },
    /// The server stopped this reply: flush it and all before it.
    Interrupted {
        /// The newest reply that had content.
        reply: ReplyId,
    },
    /// All of the reply has been sent; it may still be playing for long.
    GenerationComplete {
        /// The reply.
        reply: ReplyId,
    },
    /// The turn is over. No more content carries this id.
    TurnComplete {
        /// The reply, or an id without content where the turn was empty.
        reply: ReplyId,
        /// Whether the interaction is over too: false where the model goes on
        /// by itself (`interactionStatus: IN_PROGRESS`).
        idle: bool,
        /// `turnCompleteReason` as the server wrote it.
        reason: Option<String>,
    },
    /// The connection ended in the middle of this reply: the rest and its
    /// `TurnComplete` will never come.
    ReplyLost {
        /// The reply.
        reply: ReplyId,
    },
    /// The interaction is over, said without a `turnComplete`.
    Idle,
    /// A caption. Pieces append as they are; an interim one replaces the last
    /// interim one.
    Caption {
        /// Who spoke.
        speaker: Speaker,
        /// The text; empty only where it just says that the caption is finished.
        text: String,
        /// Whether it is a guess.
        interim: bool,
        /// Whether the server said that this caption is finished; rarely.
        finished: bool,
    },
    /// The model called a tool. An error response is already queued.
    ToolCall {
        /// The tool.
        name: String,
        /// The server's name for the call.
        id: Option<String>,
    },
    /// The server takes calls back.
    ToolCancelled {
        /// Their names.
        ids: Vec<String>,
    },
    /// The connection will end: reconnect at a quiet moment.
    GoingAway {
        /// How long it has left, where the server said.
        time_left: Option<Nanos>,
    },
    /// The server said whether the session can be resumed from here.
    Resumable {
        /// Whether a handle is known, perhaps an older one.
        handle_known: bool,
    },
    /// Tokens of one turn; [`super::SessionCounters::usage`] adds them up.
    Usage(Usage),
    /// The server's own voice detection (only where it was asked for).
    VoiceActivity {
        /// Speech started; otherwise it ended.
        start: bool,
        /// Where in the audio.
        offset: Option<Nanos>,
    },
    /// The model is silent because it expects the user to go on.
    WaitingForInput,
    /// The server sent an error as a message; a close usually follows.
    ServerError {
        /// Its number.
        code: Option<i64>,
        /// Its name, such as `INVALID_ARGUMENT`.
        status: Option<String>,
        /// Its words.
        message: String,
    },
}

/// Whose words a caption holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    /// The person at the microphone.
    User,
    /// The model.
    Model,
}

/// Tokens used. Per turn in an event, summed in the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// What went in.
    pub prompt_tokens: u64,
    /// Of these, from the cache.
    pub cached_tokens: u64,
    /// What came out.
    pub response_tokens: u64,
    /// What tools put in.
    pub tool_prompt_tokens: u64,
    /// What was thought.
    pub thought_tokens: u64,
    /// All together.
    pub total_tokens: u64,
}

impl Usage {
    pub(super) fn add(&mut self, other: &Self) {
        let sum = |a: &mut u64, b: u64| *a = a.saturating_add(b);
        sum(&mut self.prompt_tokens, other.prompt_tokens);
        sum(&mut self.cached_tokens, other.cached_tokens);
        sum(&mut self.response_tokens, other.response_tokens);
        sum(&mut self.tool_prompt_tokens, other.tool_prompt_tokens);
        sum(&mut self.thought_tokens, other.thought_tokens);
        sum(&mut self.total_tokens, other.total_tokens);
    }
}
