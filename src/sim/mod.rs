//! The virtual world, always built: the Live API's other end, and everything
//! that lets a conversation run in virtual time.

pub mod seed;
pub mod service;
