//! The running bodies of the conversation, still without threads: what the
//! two device callbacks do and what the worker between them and the link does.
//!
//! ```text
//!  capture ──frames, gaps──▶ worker ──uplink packets──▶ link
//!  render  ◀──frames──────── worker ◀─downlink packets─ link
//!     └─────what was played──▶
//! ```
//!
//! The engine runs them on threads, `sim::World` on one thread in virtual time.

mod arrears;
mod audible;
pub mod capture;
pub mod exchange;
mod far;
mod frames;
pub mod gauges;
mod listen;
#[cfg(all(test, loom))]
mod loom_tests;
pub mod opinion;
mod pace;
pub mod render;
mod sounding;
mod speak;
mod uplink;
pub mod watch;
pub mod worker;

pub use audible::AudibleTimes;
pub use capture::{CaptureEnd, CaptureHalf, capture};
pub use exchange::{Ends, Exchange, Swaps, exchange};
pub use gauges::{FarGauges, Meters, Taps, WorkerControls, WorkerGauges, WorkerNote};
pub use opinion::{Opinion, Questions, opinion};
pub use render::{RenderEnd, RenderHalf, render};
pub use sounding::Sounding;
pub use worker::{Worker, WorkerParts};
