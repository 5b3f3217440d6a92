//! Why a connection ended, as far as code and text tell.

use super::{Close, Phase, Reaction};
use crate::protocol::{models::successor_of, settings::SessionSettings};

/// Reasons we tell apart, because something different helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    KeyLeaked,
    KeyRefused,
    Quota,
    Region,
    Model,
    Lifetime,
    Aborted,
    HandleRefused,
    ContextFull,
    InvalidArgument,
    NotImplemented,
    Backend,
    Overloaded,
    OwnPing,
    Ended,
    Broken,
    Unanswered,
    NotLive,
    Other,
}

/// Text that tells more than its code, most telling first.
const WORDS: [(&[&str], Cause); 13] = [
    (&["reported as leaked", "key was leaked"], Cause::KeyLeaked),
    (
        &[
            "api key not valid",
            "api key expired",
            "invalid api key",
            "api_key_invalid",
            "unregistered callers",
            "authentication credential",
            "unauthenticated",
            "permission denied",
            "permission_denied",
        ],
        Cause::KeyRefused,
    ),
    (&["deadline expired", "deadline exceeded", "deadline_exceeded"], Cause::Lifetime),
    (&["quota", "billing", "resource_exhausted"], Cause::Quota),
    (&["rate limit", "too many requests"], Cause::Overloaded),
    (&["context window", "context length", "token count", "token limit"], Cause::ContextFull),
    (&["exceeded"], Cause::Quota),
    (&["location is not supported"], Cause::Region),
    (&["is not found for api version", "not supported for bidigeneratecontent"], Cause::Model),
    (&["keepalive ping timeout"], Cause::OwnPing),
    (&["no setupcomplete in time"], Cause::Unanswered),
    (&["operation was aborted"], Cause::Aborted),
    (&["thread was cancelled", "internal error", "currently unavailable"], Cause::Backend),
];

impl Cause {
    pub(super) fn of(close: &Close, phase: Phase) -> Self {
        let reason = close.reason.to_ascii_lowercase();
        if let Some(cause) = told_by(&reason) {
            return cause;
        }
        let resuming = matches!(phase, Phase::Setup { resuming: true, .. })
            || matches!(phase, Phase::Talking { resumed: true, turns: 0 });
        let in_setup = matches!(phase, Phase::Setup { .. });
        if reason.contains("requested entity was not found") {
            return if in_setup && !resuming { Self::Model } else { Self::HandleRefused };
        }
        if reason.contains("not implemented, or supported, or enabled") {
            return if in_setup && !resuming { Self::Model } else { Self::NotImplemented };
        }
        match close.code {
            1000 => Self::Ended,
            1001 | 1012 => Self::Lifetime,
            1006 | 1015 => Self::Broken,
            1007 | 1008 if resuming => Self::HandleRefused,
            1007 => Self::InvalidArgument,
            1008 if in_setup => Self::InvalidArgument,
            1011 => Self::Backend,
            1013 | 1014 => Self::Overloaded,
            _ => Self::Other,
        }
    }

    pub(super) fn of_http(status: u16, body: &str) -> Self {
        if let Some(cause) = told_by(&body.to_ascii_lowercase()) {
            return cause;
        }
        match status {
            401 | 403 => Self::KeyRefused,
            409 | 429 => Self::Overloaded,
            400 => Self::InvalidArgument,
            500..=599 => Self::Backend,
            _ => Self::NotLive,
        }
    }

    pub(super) fn reaction(self, phase: Phase) -> Reaction {
        let in_setup = matches!(phase, Phase::Setup { .. });
        match self {
            Self::KeyLeaked
            | Self::KeyRefused
            | Self::Quota
            | Self::Region
            | Self::Model
            | Self::NotLive => Reaction::Fatal,
            // It may be too early for the handle: the old connection ends late.
            Self::HandleRefused
                if matches!(phase, Phase::Setup { resuming: true, refusals: ..2 }) =>
            {
                Reaction::Retry
            }
            Self::HandleRefused | Self::ContextFull => Reaction::Fresh,
            // With turns behind it, only this context is lost: it may be full.
            Self::InvalidArgument => match phase {
                Phase::Talking { turns: 1.., .. } => Reaction::Fresh,
                _ => Reaction::Fatal,
            },
            // A second refusal of the same handle: it is the handle.
            Self::Backend
            | Self::Lifetime
            | Self::Aborted
            | Self::NotImplemented
            | Self::Unanswered
                if matches!(phase, Phase::Setup { resuming: true, refusals: 2.. }) =>
            {
                Reaction::Fresh
            }
            Self::Ended | Self::Lifetime | Self::Aborted | Self::Broken if !in_setup => {
                Reaction::Resume
            }
            _ => Reaction::Retry,
        }
    }

    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::KeyLeaked => "the api key was reported as leaked and is blocked",
            Self::KeyRefused => "the api key was not accepted",
            Self::Quota => "the quota or the budget of this key is used up",
            Self::Region => "the service is not offered where this machine is",
            Self::Model => "the model is unknown, or does not talk over this api version",
            Self::Lifetime => "the connection reached its age, or the server restarts",
            Self::Aborted => "the server gave up what it was doing",
            Self::HandleRefused => "the server cannot resume this session",
            Self::ContextFull => "the conversation is longer than the model can hold",
            Self::InvalidArgument => "the server did not accept what was sent",
            Self::NotImplemented => "the server would not do something, as it does now and then",
            Self::Backend => "the service has a problem of its own",
            Self::Overloaded => "the service is busy",
            Self::OwnPing => "a pong came late, and our side gave up",
            Self::Ended => "the server ended the session",
            Self::Broken => "no close frame came; the network, a proxy or a silent expiry",
            Self::Unanswered => "the service did not accept the session in time",
            Self::NotLive => "no live service answers at this address",
            Self::Other => "a reason we do not know",
        }
    }

    pub(super) fn next_step(self, settings: &SessionSettings, reaction: Reaction) -> String {
        let model = settings.model.as_str();
        match self {
            Self::KeyLeaked => "create a new key and keep it out of code and urls".to_owned(),
            Self::KeyRefused => "check the key, and that its project may use this api".to_owned(),
            Self::Quota => "wait, or raise the quota or the budget of the project".to_owned(),
            Self::Region => "run from a supported region, or use vertex ai there".to_owned(),
            Self::Model => successor_of(model).map_or_else(
                || {
                    let version = settings.api_version.name();
                    format!(
                        "check session.model (\"{model}\") and session.api_version (\"{version}\")"
                    )
                },
                |successor| format!("\"{model}\" was shut down; set session.model to {successor}"),
            ),
            Self::InvalidArgument if reaction == Reaction::Fatal => format!(
                "compare the setup message with what \"{model}\" takes; leave out what is not needed"
            ),
            Self::NotLive => "check link.url and session.api_version".to_owned(),
            _ => step_of(reaction).to_owned(),
        }
    }
}

/// What we do ourselves.
pub(super) fn step_of(reaction: Reaction) -> &'static str {
    match reaction {
        Reaction::Resume => "resuming the session",
        Reaction::Retry => "trying again after a pause",
        Reaction::Fresh => "starting a new session; the model has forgotten the old one",
        Reaction::Normal | Reaction::Fatal => "",
    }
}

fn told_by(reason: &str) -> Option<Cause> {
    WORDS
        .iter()
        .find(|(words, _)| words.iter().any(|word| reason.contains(word)))
        .map(|(_, cause)| *cause)
}
