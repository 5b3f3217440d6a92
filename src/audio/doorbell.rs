//! How one thread wakes another without a lock: a flag that says whether the
//! other side is asleep, and a bell that is rung only then.
//!
//! Runs on: any thread. Never allocates, locks, logs or fails; ringing an
//! armed bell is one system call of the waker's.

use super::{
    atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, SeqCst},
        fence,
    },
    time::Nanos,
};

/// Ends the wait of one thread. The engine's wakers are one `unpark` or one
/// eventfd write.
pub trait Wake: Send + Sync {
    /// Makes the thread's current or next wait return.
    ///
    /// # Realtime safety
    /// At most one system call; never blocks, allocates or fails.
    fn wake(&self);
}

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

/// A [`Wake`] that is used only while its thread says it is asleep.
///
/// The sleeper calls [`arm`](Self::arm), *then* looks once more at its queues,
/// and only then waits. The ringer changes a queue, then calls
/// [`ring`](Self::ring). The two sequentially consistent fences make one of
/// them see the other, so that no wake is lost.
pub struct Doorbell {
    /// [`ARMED`], or when the ring came that ended the last sleep; [`UNKNOWN`]
    /// where nobody told. One value, so that a ring's time belongs to its sleep.
    state: AtomicU64,
    wake: Box<dyn Wake>,
}

/// The other side sleeps. No clock ever shows it.
const ARMED: u64 = u64::MAX;
const UNKNOWN: u64 = 0;

impl Doorbell {
    /// A bell for the thread that `wake` wakes. Allocates.
    pub fn new(wake: impl Wake + 'static) -> Self {
        Self { state: AtomicU64::new(UNKNOWN), wake: Box::new(wake) }
    }

    /// A bell that nobody answers: whoever rings it makes no system call. Allocates.
    pub fn unanswered() -> Self {
        Self::new(Nobody)
    }

    /// Sleeper: from now on a ring must wake me.
    pub fn arm(&self) {
        self.state.store(ARMED, SeqCst);
        fence(SeqCst);
    }

    /// Sleeper: I am awake; rings need not wake me.
    pub fn disarm(&self) {
        let _ = self.state.compare_exchange(ARMED, UNKNOWN, SeqCst, Relaxed);
    }

    /// Sleeper: when the ring that woke me came, if it told; once.
    pub fn take_rung_at(&self) -> Option<Nanos> {
        let rung_at = self.state.load(Acquire);
        if matches!(rung_at, ARMED | UNKNOWN) {
            return None;
        }
        // Awake: nobody but the sleeper changes it.
        self.state.store(UNKNOWN, Relaxed);
        Some(Nanos(rung_at))
    }

    /// Ringer: a queue has changed. Returns whether the thread was woken.
    pub fn ring(&self) -> bool {
        self.ring_at(Nanos::ZERO)
    }

    /// Ringer: the same, telling the sleeper that it is `now`.
    pub fn ring_at(&self, now: Nanos) -> bool {
        fence(SeqCst);
        let asleep = self.state.load(SeqCst) == ARMED
            && self.state.compare_exchange(ARMED, now.0, SeqCst, Relaxed).is_ok();
        if asleep {
            self.wake.wake();
        }
        asleep
    }
}

impl std::fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doorbell").field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, atomic::AtomicUsize};

    struct Count(Arc<AtomicUsize>);
    impl Wake for Count {
        fn wake(&self) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    #[test]
    fn a_bell_rings_once_per_arming() {
        let count = Arc::new(AtomicUsize::new(0));
        let bell = Doorbell::new(Count(count.clone()));
        assert!(!bell.ring());
        bell.arm();
        assert!(bell.ring());
        assert!(!bell.ring());
        bell.arm();
        bell.disarm();
        assert!(!bell.ring());
        assert_eq!(count.load(SeqCst), 1);
    }

    #[test]
    fn the_sleeper_learns_once_when_the_ring_came_that_woke_it() {
        let bell = Doorbell::new(Count(Arc::default()));
        bell.arm();
        bell.ring_at(Nanos(7));
        bell.ring_at(Nanos(8));
        assert_eq!([bell.take_rung_at(), bell.take_rung_at()], [Some(Nanos(7)), None]);
        bell.arm();
        bell.ring();
        assert_eq!(bell.take_rung_at(), None, "whoever rang did not tell the time");
        bell.arm();
        bell.ring_at(Nanos(9));
        bell.arm();
        assert_eq!(bell.take_rung_at(), None, "that was before this sleep");
    }
}
