//! A thread of the engine as the virtual world has it: it sleeps until its
//! bell rings or its timer runs out, and wakes a little later.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use super::settings::Delay;
use crate::{
    audio::{Doorbell, Nanos, Wake},
    sim::seed::Seed,
};

#[derive(Clone)]
struct Rung(Arc<AtomicBool>);

impl Wake for Rung {
    fn wake(&self) {
        self.0.store(true, Relaxed);
    }
}

/// When one of the two bodies runs next.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) bell: Arc<Doorbell>,
    rung: Arc<AtomicBool>,
    delay: Delay,
    seed: Seed,
    wakes_at: Option<Nanos>,
    timer: Option<Nanos>,
    stalled_until: Nanos,
}

impl Task {
    pub(super) fn new(delay: Delay, seed: Seed) -> Self {
        let rung = Arc::new(AtomicBool::new(false));
        let bell = Arc::new(Doorbell::new(Rung(rung.clone())));
        bell.arm();
        let timer = Some(Nanos::ZERO);
        Self { bell, rung, delay, seed, wakes_at: None, timer, stalled_until: Nanos::ZERO }
    }

    /// Sees whether the bell was rung by what happened at `now`.
    pub(super) fn listen(&mut self, now: Nanos) {
        if self.rung.swap(false, Relaxed) {
            let late = self.delay.least + Nanos(self.seed.below(self.delay.jitter.0 + 1));
            self.wakes_at = Some(now + late);
        }
    }

    pub(super) fn next_at(&self) -> Option<Nanos> {
        let next = self.wakes_at.into_iter().chain(self.timer).min();
        next.map(|at| at.max(self.stalled_until))
    }

    /// The body runs: rings need not wake it.
    pub(super) fn wake(&mut self) {
        self.bell.disarm();
        (self.wakes_at, self.timer) = (None, None);
    }

    /// The body has run: the next ring wakes it, or at the latest this time.
    pub(super) fn sleep(&mut self, until: Option<Nanos>) {
        self.timer = until;
        self.bell.arm();
    }

    /// The body does not run before `until`, as when its thread gets no time.
    pub(super) fn stall(&mut self, until: Nanos) {
        self.stalled_until = until;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_wakes_once_and_late_and_the_timer_without_one() {
        let mut task = Task::new(Delay::exact(Nanos(5)), Seed::new(1));
        task.wake();
        task.sleep(Some(Nanos(100)));
        assert_eq!(task.next_at(), Some(Nanos(100)));
        assert!(task.bell.ring() && !task.bell.ring());
        task.listen(Nanos(20));
        task.listen(Nanos(22));
        assert_eq!(task.next_at(), Some(Nanos(25)));
        task.stall(Nanos(60));
        assert_eq!(task.next_at(), Some(Nanos(60)));
        task.wake();
        assert!(!task.bell.ring());
        assert_eq!(task.next_at(), None);
    }
}
