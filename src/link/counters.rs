//! What the link counts, over all its connections.

pub use super::{queue::QueueCounters, staging::StagingCounters};
use std::sync::{Mutex, PoisonError, atomic::AtomicU64};

use crate::{
    audio::{Nanos, histogram::Histogram},
    protocol::SessionCounters,
};

/// What the link lets others see while it runs.
#[derive(Debug, Default)]
pub struct LinkGauges {
    /// The device handing over the last sample of a chunk → the socket has it.
    pub capture_to_wire: Histogram,
    /// The device handing over the block in which a turn's end was decided → the
    /// socket has our end of turn.
    pub end_to_wire: Histogram,
    /// The socket has our end of turn → the first byte of the reply was read.
    pub end_to_reply: Histogram,
    /// Events that the supervisor did not take in time.
    pub events_untaken: AtomicU64,
    /// Resolver threads that have not come back.
    pub resolvers_busy: AtomicU64,
    counters: Mutex<LinkCounters>,
}

impl LinkGauges {
    /// The counters as the link last showed them.
    pub fn counters(&self) -> LinkCounters {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Never waits: who reads just now keeps what was shown before.
    pub(super) fn show(&self, counters: impl FnOnce() -> LinkCounters) {
        if let Ok(mut shown) = self.counters.try_lock() {
            *shown = counters();
        }
    }
}

/// Everything counted; nothing is dropped without one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// The uplink queue.
    pub queue: QueueCounters,
    /// Frames at 16 kHz that wait in it.
    pub queued_frames: u64,
    /// The staged replies.
    pub staging: StagingCounters,
    /// Frames at 24 kHz that wait there.
    pub held_frames: u64,
    /// The session, with the reasons of what it refused.
    pub session: SessionCounters,
    /// Packets that the worker could not put into the uplink ring.
    pub uplink_packets_refused: u64,
    /// Items that the session refused to send.
    pub refused_items: u64,
    /// Audio frames in those, at 16 kHz.
    pub refused_frames: u64,
    /// Frames that arrived for a reply that the worker had already cut, at the
    /// rate of the service.
    pub late_frames: u64,
    /// Connections left because of a watchdog.
    pub rescues: u64,
    /// Times that the model was asked to go on.
    pub nudges: u64,
    /// Windows closed here because the worker left them.
    pub windows_left: u64,
    /// Connections left by plan.
    pub switches: u64,
    /// Times that the service accepted audio again.
    pub returns: u64,
    /// The longest time without that, after the first.
    pub gap_max: Nanos,
    /// Messages given to a socket.
    pub messages_sent: u64,
    /// Packets put into the downlink ring.
    pub packets_delivered: u64,
    /// Events that did not fit because nobody polled them.
    pub events_refused: u64,
}
