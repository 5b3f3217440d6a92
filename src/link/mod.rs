//! The link's body, without a socket: what the worker says on its way to the
//! session, what the session says on its way to the worker, and what to do
//! when a connection ends.
//!
//! [`Link`] is a plain machine: messages and the time go in; messages, packets
//! and decisions come out. It may allocate; it never waits. `net` runs it on
//! the link thread, `sim` in virtual time.

mod body;
mod counters;
mod event;
mod life;
mod queue;
mod rate;
mod reconnect;
mod resend;
mod staging;
mod watch;

pub use body::{Link, LinkEnds, ModeSettings, REPLY_MINUTES_MAX};
pub use counters::{LinkCounters, LinkGauges, QueueCounters, StagingCounters};
pub use event::{Control, LinkEvent};
pub use life::SwitchCause;
pub use reconnect::Decision;
