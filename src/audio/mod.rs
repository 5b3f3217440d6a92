//! The vocabulary of sound: time, level, blocks, rings, packets, counters.
//!
//! Everything may import this layer; it imports nothing of the crate.

pub mod histogram;
pub mod time;

pub use time::{FrameTime, Nanos, Rate};
