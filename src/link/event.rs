//! What the link tells the supervisor, and what it is told.

use super::life::SwitchCause;
use crate::{
    audio::{Nanos, ReplyId},
    protocol::{Event, Recall},
};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkEvent {
    /// The WebSocket stands; the setup is on its way.
    Connected,
    /// What the session said, all but the audio.
    Session(Event),
    /// The first audio of a reply was read from the socket.
    ReplyStarted {
        /// The reply.
        reply: ReplyId,
        /// When.
        first_byte_at: Nanos,
        /// Since our own end of turn was given to the socket, where we said
        /// one since the last reply.
        since_turn_end: Option<Nanos>,
    },
    /// More of this reply is staged than is kept; the rest is dropped.
    ReplyTooLong {
        /// The reply.
        reply: ReplyId,
    },
    /// The link leaves its connection for a new one, which it resumes on.
    Switching {
        /// Why.
        cause: SwitchCause,
        /// Nobody speaks; otherwise it could not wait any longer.
        quiet: bool,
    },
    /// The turn is not answered.
    Unanswered {
        /// How long it waited.
        waited: Nanos,
        /// The model was asked to go on; otherwise nothing more is done.
        nudged: bool,
    },
    /// The worker left a window open, and it was closed here.
    WindowLeft,
    /// The service accepts audio again.
    Back {
        /// How long it did not.
        gap: Nanos,
        /// The connection before was left by plan; otherwise it was lost.
        planned: bool,
        /// What the model knows of what was said before.
        recall: Recall,
    },
    /// A connection ended or could not be made, and not by plan.
    Down {
        /// Why, for people.
        explanation: String,
        /// When the next attempt is made; none where there will be no other.
        redial_at: Option<Nanos>,
    },
}

/// What the supervisor wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// Says this to the model in writing.
    Text(String),
    /// Asks the service to stop speaking.
    Interrupt,
    /// Ends the conversation: sends what waits, closes an open window, then
    /// the connection with 1000.
    Close,
}
