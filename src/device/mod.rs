//! The edge to sound: files, cards, and what stands in for them.
// The edge: it runs on the sound system's clock and threads.
#![allow(clippy::disallowed_methods)]

pub mod wave_file;
