//! How one thread wakes another without a lock: a flag that says whether the
//! other side is asleep, and a bell that is rung only then.
//!
//! Runs on: any thread. Never allocates, locks, logs or fails; ringing an
//! armed bell is one system call of the waker's.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst, fence};

/// Ends the wait of one thread. The engine's wakers are one `unpark` or one
/// eventfd write.
pub trait Wake: Send + Sync {
    /// Makes the thread's current or next wait return.
    ///
    /// # Realtime safety
    /// At most one system call; never blocks, allocates or fails.
    fn wake(&self);
}

/// A [`Wake`] that is used only while its thread says it is asleep.
///
/// The sleeper calls [`arm`](Self::arm), *then* looks once more at its queues,
/// and only then waits. The ringer changes a queue, then calls
/// [`ring`](Self::ring). The two sequentially consistent fences make one of
/// them see the other, so that no wake is lost.
pub struct Doorbell {
    armed: AtomicBool,
    wake: Box<dyn Wake>,
}

impl Doorbell {
    /// A bell for the thread that `wake` wakes. Allocates.
    pub fn new(wake: impl Wake + 'static) -> Self {
        Self { armed: AtomicBool::new(false), wake: Box::new(wake) }
    }

    /// Sleeper: from now on a ring must wake me.
    pub fn arm(&self) {
        self.armed.store(true, SeqCst);
        fence(SeqCst);
    }

    /// Sleeper: I am awake; rings need not wake me.
    pub fn disarm(&self) {
        self.armed.store(false, SeqCst);
    }

    /// Ringer: a queue has changed. Returns whether the thread was woken.
    pub fn ring(&self) -> bool {
        fence(SeqCst);
        let asleep = self.armed.load(SeqCst) && self.armed.swap(false, SeqCst);
        if asleep {
            self.wake.wake();
        }
        asleep
    }
}

impl std::fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doorbell").field("armed", &self.armed).finish_non_exhaustive()
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
}
