//! The edge to the wire: the only folder that names sockets, TLS and
//! WebSocket frames.
// The edge: it waits for sockets.
#![allow(clippy::disallowed_methods)]

pub mod certificate;
pub mod client;
mod connect;
mod conversation;
mod dial;
mod error;
mod late_pings;
pub mod metrics;
mod poll;
mod probe;
mod resolve;
pub mod serve;
mod socket;
mod stream;
mod tls;
mod waker;

pub use client::{LinkControl, LinkReport, Wiring};
pub use dial::Dialer;
pub use error::{DialError, DialStage};
pub use probe::{Probed, probe};
pub use waker::Waker;
