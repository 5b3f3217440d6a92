//! The machine's monotonic clock.

use std::time::Instant;

use crate::audio::{Nanos, Stopwatch};

/// Tells the time since it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that stands at zero now.
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// The time since its start.
    ///
    /// # Realtime safety
    /// No system call where the kernel offers the clock without one.
    pub fn now(&self) -> Nanos {
        self.origin.elapsed().into()
    }
}

impl Stopwatch for Clock {
    fn now(&self) -> Nanos {
        Self::now(self)
    }
}
