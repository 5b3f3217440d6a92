//! The command line: arguments in, one file per verb.
//!
//! [`args`] is the table of flags, [`find`] and [`key`] find the configuration
//! and the secret, [`exit`] says what the program ends with.
// The edge: it waits for people.
#![allow(clippy::disallowed_methods)]

use std::{ffi::OsString, process::ExitCode};

use lexopt::{Arg, Parser};

pub mod args;
pub mod bench;
pub mod check;
pub mod demo;
pub mod devices;
pub mod doctor;
pub mod exit;
pub mod find;
pub mod help;
pub mod key;
pub mod metrics;
pub mod output;
pub mod replay;
pub mod run;
mod signals;
pub mod sim;
mod sound;
pub mod stages;
mod talk;
mod test_signal;
mod waiting;

use crate::config::nearest;
use exit::{Exit, Failure};

/// A verb by its name, what it does in one line, and the function that does it.
type Entry = (&'static str, &'static str, fn(&mut Parser) -> Result<Exit, Failure>);

/// All verbs, in the order that the help shows.
const VERBS: [Entry; 9] = [
    (run::VERB.name, run::VERB.summary, run::run),
    (demo::VERB.name, demo::VERB.summary, demo::run),
    ("sim", "serve the Live API on this machine, to try clients without a key", run_sim),
    (replay::VERB.name, replay::VERB.summary, replay::run),
    (devices::VERB.name, devices::VERB.summary, devices::run),
    (check::VERB.name, check::VERB.summary, check::run),
    (doctor::VERB.name, doctor::VERB.summary, doctor::run),
    (bench::VERB.name, bench::VERB.summary, bench::run),
    (stages::VERB.name, stages::VERB.summary, stages::run),
];

/// Runs the program on `args`, the first of which is its own name.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match dispatch(&mut Parser::from_iter(args)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.message.is_empty() {
                output::complain(&format!("chinwag: {failure}"));
            }
            failure.exit.into()
        }
    }
}

fn dispatch(parser: &mut Parser) -> Result<Exit, Failure> {
    match parser.next().map_err(|error| Failure::usage(error.to_string()))? {
        None => Err(Failure::usage(format!("expected a verb\n\n{}", help()))),
        Some(Arg::Long("help") | Arg::Short('h')) => output::print(&help()).map(|()| Exit::Ok),
        Some(Arg::Long("version") | Arg::Short('V')) => {
            output::print(&format!("chinwag {}\n", env!("CARGO_PKG_VERSION"))).map(|()| Exit::Ok)
        }
        Some(Arg::Value(verb)) => {
            let verb = verb.to_string_lossy();
            match VERBS.iter().find(|(name, ..)| *name == verb) {
                Some((_, _, run)) => run(parser),
                None => Err(unknown_verb(&verb)),
            }
        }
        Some(Arg::Long(flag)) => Err(early_flag(&format!("--{flag}"))),
        Some(Arg::Short(flag)) => Err(early_flag(&format!("-{flag}"))),
    }
}

fn help() -> String {
    help::program(VERBS.iter().map(|(name, summary, _)| (*name, *summary)))
}

fn unknown_verb(verb: &str) -> Failure {
    let next = match nearest(verb, VERBS.iter().map(|(name, ..)| *name)) {
        Some(near) => format!("did you mean {near}?"),
        None => "chinwag --help lists them".to_owned(),
    };
    Failure::usage(format!("there is no verb \"{verb}\"; {next}"))
}

fn early_flag(flag: &str) -> Failure {
    Failure::usage(format!("expected a verb before {flag}; chinwag --help lists them"))
}

/// `sim` has flags of its own.
fn run_sim(parser: &mut Parser) -> Result<Exit, Failure> {
    match sim::run(parser) {
        Ok(_) => Ok(Exit::Ok),
        Err(error) => Err(match error.downcast_ref::<lexopt::Error>() {
            Some(lexopt::Error::UnexpectedOption(flag)) => {
                let words = sim::HELP.split_whitespace();
                let known = words.filter_map(|word| word.strip_prefix("--"));
                args::unknown_flag(flag.trim_start_matches('-'), "sim", known)
            }
            _ => Failure::usage(error.to_string()),
        }),
    }
}
