//! What the sound system complains of: counters, and nothing else, because a
//! slow error callback was seen to provoke thousands of further errors.

use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use cpal::{Error, ErrorKind};

use crate::device::priority::{self, Priority};

/// What one stream's callbacks share with the rest.
#[derive(Debug, Default)]
pub(super) struct Health {
    xruns: AtomicU64,
    errors: AtomicU64,
    last: AtomicU8,
    ordinary: AtomicBool,
    broken: AtomicBool,
    closed: AtomicBool,
}

/// The kinds in the order of their numbers; 0 is none.
const KINDS: [(ErrorKind, &str); 13] = [
    (ErrorKind::DeviceBusy, "the device is busy"),
    (ErrorKind::DeviceChanged, "the default device changed"),
    (ErrorKind::DeviceNotAvailable, "the device is gone"),
    (ErrorKind::HostUnavailable, "the sound system is gone"),
    (ErrorKind::InvalidInput, "it refused an argument"),
    (ErrorKind::PermissionDenied, "permission was refused"),
    (ErrorKind::RealtimeDenied, "real-time priority was refused"),
    (ErrorKind::ResourceExhausted, "the system has no resources left"),
    (ErrorKind::StreamInvalidated, "the stream broke"),
    (ErrorKind::UnsupportedConfig, "rate, channels or format are not supported"),
    (ErrorKind::UnsupportedOperation, "an operation is not supported"),
    (ErrorKind::BackendError, "an error without a name"),
    (ErrorKind::Other, "an error without a name"),
];

/// After these no callback comes any more.
const ENDS: [ErrorKind; 3] =
    [ErrorKind::DeviceNotAvailable, ErrorKind::HostUnavailable, ErrorKind::StreamInvalidated];

impl Health {
    /// The error callback.
    ///
    /// # Realtime safety
    /// Atomics only.
    pub(super) fn note(&self, error: &Error) {
        if error.kind() == ErrorKind::Xrun {
            self.xruns.fetch_add(1, Relaxed);
            return;
        }
        let place = KINDS.iter().position(|(kind, _)| *kind == error.kind());
        self.last.store(place.map_or(KINDS.len(), |i| i + 1) as u8, Relaxed);
        self.errors.fetch_add(1, Relaxed);
        if ENDS.contains(&error.kind()) {
            self.end();
        }
    }

    /// The stream is over.
    pub(super) fn end(&self) {
        self.broken.store(true, Relaxed);
    }

    /// Whether the stream is over.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Relaxed)
    }

    /// Over- or underruns so far.
    pub(super) fn xruns(&self) -> u64 {
        self.xruns.load(Relaxed)
    }

    /// Other errors so far.
    pub(super) fn errors(&self) -> u64 {
        self.errors.load(Relaxed)
    }

    /// The last of them, in words.
    pub(super) fn last(&self) -> Option<&'static str> {
        let last = usize::from(self.last.load(Relaxed));
        KINDS.get(last.checked_sub(1)?).map(|(_, words)| *words)
    }

    /// The callback's thread, at its first call, asks for real-time priority.
    pub(super) fn ask_for_priority(&self) {
        self.ordinary.store(priority::ask() == Priority::Ordinary, Relaxed);
    }

    /// Whether it was refused.
    pub(super) fn is_ordinary(&self) -> bool {
        self.ordinary.load(Relaxed)
    }

    /// From now on the callbacks do nothing.
    pub(super) fn close(&self) {
        self.closed.store(true, Release);
    }

    /// Whether the callbacks are to do nothing.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xruns_and_errors_are_counted_apart_and_the_last_is_kept() {
        let health = Health::default();
        assert_eq!(health.last(), None);
        health.note(&Error::new(ErrorKind::Xrun));
        health.note(&Error::new(ErrorKind::BackendError));
        health.note(&Error::new(ErrorKind::StreamInvalidated));
        assert_eq!((health.xruns(), health.errors()), (1, 2));
        assert_eq!(health.last(), Some("the stream broke"));
    }

    #[test]
    fn an_error_that_ends_the_stream_is_told_from_one_that_does_not() {
        let health = Health::default();
        health.note(&Error::new(ErrorKind::BackendError));
        health.note(&Error::new(ErrorKind::Xrun));
        assert!(!health.is_broken());
        health.note(&Error::new(ErrorKind::DeviceNotAvailable));
        assert!(health.is_broken());
    }
}
