//! A conversation on the command line: what `run` and `demo` share.

pub(super) mod facts;
pub(super) mod orders;
pub(super) mod story;
pub(super) mod tell;
