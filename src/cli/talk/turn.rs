//! One exchange of a conversation, and how long each step of it took.

use crate::audio::ReplyId;

/// One exchange: what the user said, and what came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::cli) struct Turn {
    /// Where the user's speech began.
    pub(in crate::cli) start_s: f64,
    /// Its last frame of speech.
    pub(in crate::cli) speech_end_s: Option<f64>,
    /// When the end was decided.
    pub(in crate::cli) decided_s: Option<f64>,
    /// What the user said.
    pub(in crate::cli) user: String,
    /// What the model said.
    pub(in crate::cli) model: String,
    pub(in crate::cli) reply: Option<ReplyId>,
    /// When our end of turn was given to the socket.
    pub(in crate::cli) sent_s: Option<f64>,
    /// When the reply's first byte was read.
    pub(in crate::cli) first_byte_s: Option<f64>,
    /// When its first frame went to the render ring.
    pub(in crate::cli) audible_s: Option<f64>,
    /// When the last byte of the reply had come.
    pub(in crate::cli) received_s: Option<f64>,
    /// When it was silent again.
    pub(in crate::cli) silent_s: Option<f64>,
    /// When it was cut, and how much had been heard, in seconds.
    pub(in crate::cli) cut: Option<(f64, f64)>,
}

impl Turn {
    /// From the last frame of speech to the decision.
    pub(in crate::cli) fn deciding(&self) -> Option<f64> {
        Some(self.decided_s? - self.speech_end_s?)
    }

    /// From the decision to our end of turn being given to the socket.
    pub(in crate::cli) fn sending(&self) -> Option<f64> {
        Some(self.sent_s? - self.decided_s?)
    }

    /// From there to the first byte of the reply.
    pub(in crate::cli) fn answering(&self) -> Option<f64> {
        Some(self.first_byte_s? - self.sent_s?)
    }

    /// From the last frame of speech to the first audible frame.
    pub(in crate::cli) fn response(&self) -> Option<f64> {
        Some(self.audible_s? - self.speech_end_s?)
    }

    /// From the first byte of the reply to its first audible frame.
    pub(in crate::cli) fn starting(&self) -> Option<f64> {
        Some(self.audible_s? - self.first_byte_s?)
    }
}
