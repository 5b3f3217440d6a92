//! The worker's thread: steps when its bell rings, when a timer says so, and
//! once more before it sleeps.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::channel,
    },
    thread::{self, JoinHandle, Thread},
    time::Duration,
};

use crate::{
    audio::{Doorbell, Wake},
    device::{
        Clock,
        priority::{self, Priority},
    },
    duplex::Worker,
};

/// The longest sleep: a lost microphone must not silence the speaker, and the
/// end of a reply has to be noticed.
const TIMER: Duration = Duration::from_millis(10);
/// The sleep of a worker that no callback wakes.
const POLL: Duration = Duration::from_millis(2);

/// The worker thread's name. A panic there may be one of the echo canceller's,
/// which the talk survives.
pub const NAME: &str = "chinwag-worker";

/// Unparks a thread, once it runs.
#[derive(Clone, Default)]
pub struct ThreadWaker(Arc<OnceLock<Thread>>);

impl ThreadWaker {
    /// From now on it unparks the calling thread.
    pub(super) fn wakes_me(&self) {
        let _ = self.0.set(thread::current());
    }
}

impl Wake for ThreadWaker {
    fn wake(&self) {
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }
}

/// A running worker.
pub struct WorkerThread {
    stop: Arc<AtomicBool>,
    priority: Priority,
    thread: JoinHandle<Worker>,
}

impl WorkerThread {
    /// Starts the worker on a thread of its own.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn spawn(
        mut worker: Worker,
        bell: Arc<Doorbell>,
        waker: &ThreadWaker,
        by_timer: bool,
        clock: Clock,
    ) -> std::io::Result<WorkerThread> {
        let stop = Arc::new(AtomicBool::new(false));
        let (grant, granted) = channel();
        let (stopped, waker) = (stop.clone(), waker.clone());
        let thread = thread::Builder::new().name(NAME.to_owned()).spawn(move || {
            waker.wakes_me();
            chinwag_ffi::flush_subnormals();
            let _ = grant.send(priority::ask());
            let sleep = if by_timer { POLL } else { TIMER };
            let gauges = worker.gauges();
            while !stopped.load(Relaxed) {
                worker.step(clock.now(), &clock);
                bell.arm();
                worker.step(clock.now(), &clock);
                thread::park_timeout(sleep);
                if let Some(rung_at) = bell.take_rung_at() {
                    gauges.wake_up.record(clock.now().since(rung_at));
                }
                bell.disarm();
            }
            worker.finish(clock.now(), &clock);
            worker
        })?;
        // The thread says it before anything else, so that it can be told at once.
        let priority = granted.recv().unwrap_or_default();
        Ok(WorkerThread { stop, priority, thread })
    }

    /// Whether real-time priority was granted.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Lets the worker finish what was captured and ends its thread.
    pub fn stop(self) -> Option<Worker> {
        self.stop.store(true, Relaxed);
        self.thread.thread().unpark();
        self.thread.join().ok()
    }
}
