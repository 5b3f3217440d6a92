//! The integration tests: one binary, a file per area.
// Tests run the edge too: they spawn, and their threads wait.
#![allow(clippy::disallowed_methods)]

mod bench;
mod cli;
mod config;
mod devices;
mod doctor;
mod echo;
mod errors;
mod faults;
mod fuzz;
mod hostile;
mod metrics;
mod net;
mod program;
mod protocol;
mod replay;
mod run;
mod secrets;
mod serve;
#[cfg(target_os = "linux")]
mod stalls;
#[cfg(target_os = "linux")]
mod syscalls;
mod talk;
mod threads;
mod tidy;
mod turn_model;
mod world;
