//! What the link counts, over all its connections.

pub use super::{queue::QueueCounters, staging::StagingCounters};
use crate::{audio::Nanos, protocol::SessionCounters};

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
