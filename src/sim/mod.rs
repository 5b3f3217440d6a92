//! The virtual world, always built: the Live API's other end, and everything
//! that lets a conversation run in virtual time.

pub mod babble;
pub mod clock;
pub mod machines;
pub mod replay;
pub mod room;
pub mod seed;
pub mod service;
pub mod talker;
pub mod world;

pub use world::{World, WorldSettings};
