//! How the program ends.

use std::{fmt, path::Path, process::ExitCode};

use crate::{
    engine::EngineError,
    protocol::{Reaction, Verdict},
};

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Ok = 0,
    /// The conversation failed.
    Conversation = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// A sound device is missing or failed.
    Device = 3,
    /// No connection.
    Link = 4,
    /// The service refused: key, model or settings.
    Refused = 5,
    /// A measurement is over the profile's budget.
    Budget = 6,
    /// A fault of this program.
    Internal = 70,
    /// A second interrupt ended it at once.
    Interrupted = 130,
}

impl Exit {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::Conversation,
        Self::Usage,
        Self::Device,
        Self::Link,
        Self::Refused,
        Self::Budget,
        Self::Internal,
        Self::Interrupted,
    ];

    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// For `--help`.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "all went well",
            Self::Conversation => "the conversation failed",
            Self::Usage => "the command line or the configuration is wrong",
            Self::Device => "a sound device is missing or failed",
            Self::Link => "no connection",
            Self::Refused => "the service refused: key, model or settings",
            Self::Budget => "a measurement is over the profile's budget",
            Self::Internal => "a fault of chinwag itself",
            Self::Interrupted => "a second interrupt ended it at once",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a verb ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code to end with.
    pub exit: Exit,
    /// For stderr; nothing is printed where it is empty.
    pub message: String,
}

impl Failure {
    /// A failure with this code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// The command line or the configuration is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }
}

impl Failure {
    /// A fault of this program, or of a system that refuses what every
    /// program needs.
    pub fn internal(error: impl fmt::Display) -> Self {
        Self::new(Exit::Internal, error.to_string())
    }

    /// A sound device, or a file in its place.
    pub fn device(error: impl fmt::Display) -> Self {
        Self::new(Exit::Device, error.to_string())
    }

    /// A file or folder that cannot be written.
    pub fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::usage(format!("{}: cannot be written: {error}", path.display()))
    }

    /// Why the link gave up: refused by the server, or no connection.
    pub fn of_verdict(verdict: &Verdict) -> Self {
        let refused = verdict.by_service && verdict.reaction == Reaction::Fatal;
        let exit = if refused { Exit::Refused } else { Exit::Link };
        let Verdict { explanation, next_step, .. } = verdict;
        let next = if next_step.is_empty() { String::new() } else { format!("; {next_step}") };
        Self::new(exit, format!("{explanation}{next}"))
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Device(error) => Self::device(error),
            EngineError::Pipeline(error) => Self::usage(error.to_string()),
            EngineError::Record(problem) => Self::usage(problem),
            EngineError::System(error) => Self::internal(error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
