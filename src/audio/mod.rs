//! The vocabulary of sound: time, level, blocks, rings, packets, notes.
//!
//! Everything may import this layer; it imports nothing of the crate.

pub mod atomic;
pub mod biquad;
pub mod block;
pub mod convert;
pub mod doorbell;
pub mod flow;
pub mod histogram;
pub mod level;
pub mod live;
#[cfg(all(test, loom))]
mod loom_tests;
pub mod note;
pub mod packet;
pub mod reply;
pub mod resampler;
pub mod ring;
pub mod stopwatch;
pub mod time;
pub mod turn_mode;
pub mod wait;

pub use biquad::Biquad;
pub use block::Block;
pub use doorbell::{Doorbell, Wake};
pub use flow::Flow;
pub use level::{Dbfs, Gain};
pub use live::LiveValue;
pub use note::{EchoHealth, Note, NoteKind, Notes};
pub use packet::{Downlink, DownlinkPacket, Uplink, UplinkPacket};
pub use reply::ReplyId;
pub use resampler::Resampler;
pub use stopwatch::{NoStopwatch, Stopwatch};
pub use time::{FrameTime, Nanos, Rate};
pub use turn_mode::TurnMode;
pub use wait::{Reason, Wait};
