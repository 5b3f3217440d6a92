//! What the end of a connection means: close code, reason text and phase to a
//! verdict. Source: reference §3.9.

mod cause;

use self::cause::Cause;
use super::settings::SessionSettings;

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The close frame's code; 1006 where there was none.
    pub code: u16,
    /// The close frame's text.
    pub reason: String,
}

impl Close {
    /// A connection that ended without a close frame.
    pub const NO_FRAME: u16 = 1006;
    /// What the service says to nearly everything that it does not take.
    pub const INVALID: u16 = 1007;
    /// The reason where we hung up because the setup was not answered.
    pub const UNANSWERED: &str = "no setupComplete in time";

    /// A close with this code and reason.
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }
}

/// When the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before `setupComplete`.
    Setup {
        /// The setup carried a handle.
        resuming: bool,
        /// How many attempts with this handle the server has refused, this
        /// one included.
        refusals: u32,
    },
    /// After it.
    Talking {
        /// The setup carried a handle.
        resumed: bool,
        /// Turns that ended on this connection.
        turns: u64,
    },
    /// After we decided to move to another connection.
    Leaving,
    /// After we decided to close.
    Closing,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reaction {
    /// Nothing: the conversation has ended as it should.
    Normal,
    /// Connect again at once, with the handle.
    Resume,
    /// Connect again after a pause that grows, with the handle.
    Retry,
    /// Connect again without the handle: the model has forgotten what was said.
    Fresh,
    /// Stop: connecting again would end the same way.
    Fatal,
}

/// A reaction, and words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What to do.
    pub reaction: Reaction,
    /// The service answered and said so; otherwise it was not reached.
    pub by_service: bool,
    /// What happened: code, reason and what they mean.
    pub explanation: String,
    /// What a person can do, where there is something.
    pub next_step: String,
}

/// Judges the end of a connection that asked for `settings`. `handle_known`
/// says whether there is a handle to resume with.
pub fn judge(
    close: &Close,
    phase: Phase,
    settings: &SessionSettings,
    handle_known: bool,
) -> Verdict {
    if phase == Phase::Closing {
        let explanation = "the connection was closed as asked".to_owned();
        let (reaction, next_step) = (Reaction::Normal, String::new());
        return Verdict { reaction, by_service: false, explanation, next_step };
    }
    if phase == Phase::Leaving {
        let explanation = "the connection was left for a new one".to_owned();
        let reaction = if handle_known { Reaction::Resume } else { Reaction::Fresh };
        let next_step = cause::step_of(reaction).to_owned();
        return Verdict { reaction, by_service: false, explanation, next_step };
    }
    let cause = Cause::of(close, phase);
    let mut reaction = cause.reaction(phase);
    if reaction == Reaction::Resume && !handle_known {
        reaction = Reaction::Fresh;
    }
    let reason = match close.reason.trim() {
        "" => String::new(),
        reason => format!(" \"{reason}\""),
    };
    let who =
        if close.code == Close::NO_FRAME { "the connection broke" } else { "the server closed" };
    let explanation = format!("{who} ({}{reason}): {}", close.code, cause.meaning());
    let by_service = close.code != Close::NO_FRAME;
    Verdict { reaction, by_service, explanation, next_step: cause.next_step(settings, reaction) }
}

/// What a fresh session means to the conversation, as its next step.
pub fn fresh_step(has_text: bool) -> &'static str {
    if has_text {
        "starting a new session; the model has only the text of what was said"
    } else {
        cause::step_of(Reaction::Fresh)
    }
}

/// Judges a handshake that the server refused with an HTTP `status`; `body`
/// is what it said.
pub fn judge_http(status: u16, body: &str, settings: &SessionSettings) -> Verdict {
    let cause = Cause::of_http(status, body);
    let fresh = Phase::Setup { resuming: false, refusals: 0 };
    let reaction = cause.reaction(fresh);
    let explanation = format!("the server refused to connect (http {status}): {}", cause.meaning());
    let next_step = cause.next_step(settings, reaction);
    Verdict { reaction, by_service: true, explanation, next_step }
}

#[cfg(test)]
mod tests;
