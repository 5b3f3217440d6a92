//! Real-time priority for the threads of sound, where the system allows it.

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

/// Where Linux is told who may ask, and with what line.
const LIMITS: &str = "/etc/security/limits.d/chinwag.conf";
const LIMITS_LINE: &str = "@audio - rtprio 20";

impl Priority {
    /// What to do where real-time priority was refused.
    pub fn next_step(self) -> Option<String> {
        (self == Self::Ordinary && cfg!(target_os = "linux")).then(|| {
            format!(
                "add the line \"{LIMITS_LINE}\" to {LIMITS}, be in the group audio, \
                 and log in anew"
            )
        })
    }

    /// What a thread would be granted: asked for on one of its own.
    pub fn try_out() -> Self {
        let thread = std::thread::Builder::new().name("chinwag-priority".to_owned());
        thread.spawn(ask).ok().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
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
pub fn ask() -> Priority {
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
pub fn ask() -> Priority {
    Priority::Ordinary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_has_a_next_step() {
        assert_eq!(Priority::Realtime.next_step(), None);
        let step = Priority::Ordinary.next_step();
        assert_eq!(step.is_some_and(|s| s.contains("rtprio 20")), cfg!(target_os = "linux"));
    }
}
