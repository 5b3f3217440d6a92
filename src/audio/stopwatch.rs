//! How real-time code may learn what time it is: only from what it was given.
//!
//! Runs on: any thread. Never allocates, locks, logs or fails.

use super::time::Nanos;

/// Reads the clock for a chain that wants to know where its time goes. The
/// edge passes a real one, virtual time passes [`NoStopwatch`].
pub trait Stopwatch {
    /// Whether its time goes by; where it stands still, nothing is measured.
    const RUNS: bool = true;

    /// The time since any fixed moment.
    fn now(&self) -> Nanos;
}

/// Time stands still.
pub struct NoStopwatch;

impl Stopwatch for NoStopwatch {
    const RUNS: bool = false;

    fn now(&self) -> Nanos {
        Nanos::ZERO
    }
}
