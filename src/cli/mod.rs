//! The command line: arguments in, one file per verb.
// The edge: it waits for people.
#![allow(clippy::disallowed_methods)]

pub mod sim;

use std::{ffi::OsString, process::ExitCode};

/// Runs the program on `args`, the first of which is its own name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = lexopt::Parser::from_iter(args);
    let done = match args.next() {
        Ok(Some(lexopt::Arg::Value(verb))) if verb == "sim" => sim::run(&mut args),
        _ => Err("expected a verb: sim".into()),
    };
    done.unwrap_or_else(|error| {
        eprintln!("chinwag: {error}");
        ExitCode::from(2)
    })
}
