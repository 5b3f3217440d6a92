//! Real-time priority for the worker, where the system allows it.

use std::fmt;

/// What was granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// The thread runs before all ordinary ones.
    Realtime,
    /// It shares the processor like any other.
    #[default]
    Ordinary,
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Realtime => "real-time",
            Self::Ordinary => "ordinary",
        })
    }
}

/// Above ordinary work, below what the kernel and sound servers use (50 and
/// more).
#[cfg(unix)]
const LEVEL: u8 = 10;

/// Asks for real-time priority for the calling thread.
#[cfg(unix)]
pub(super) fn ask() -> Priority {
    use thread_priority::{
        RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let Ok(level) = ThreadPriorityValue::try_from(LEVEL) else { return Priority::Ordinary };
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let priority = ThreadPriority::Crossplatform(level);
    match set_thread_priority_and_policy(thread_native_id(), priority, policy) {
        Ok(()) => Priority::Realtime,
        Err(_) => Priority::Ordinary,
    }
}

/// Asks for real-time priority for the calling thread.
#[cfg(not(unix))]
pub(super) fn ask() -> Priority {
    Priority::Ordinary
}
