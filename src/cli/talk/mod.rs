//! A conversation on the command line: what `run` and `demo` share.

pub(super) mod conversation;
pub(super) mod echo;
pub(super) mod facts;
pub(super) mod orders;
pub(super) mod phase;
pub(super) mod pulse;
mod screen;
pub(super) mod silence;
mod sound;
pub(super) mod story;
pub(super) mod tell;
pub(super) mod teller;
#[cfg_attr(not(unix), path = "no_terminal.rs")]
pub(super) mod terminal;
pub(super) mod turn;
