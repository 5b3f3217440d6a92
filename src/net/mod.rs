//! The edge to the wire: the only folder that names sockets, TLS and
//! WebSocket frames.
// The edge: it waits for sockets.
#![allow(clippy::disallowed_methods)]

pub mod certificate;
mod conversation;
pub mod serve;
mod transport;
