//! Every core loaded: as many spinning threads as run at once, of ordinary
//! priority.

use std::{
    hint::{black_box, spin_loop},
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

/// Threads that only compute, until this is dropped.
pub(super) struct Load {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// One for each core.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub(super) fn start() -> io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let mut load = Self { over: over.clone(), threads: Vec::new() };
        for number in 0..cores {
            let over = over.clone();
            let spin = move || {
                while !over.load(Relaxed) {
                    (0..1_000).for_each(|n| _ = black_box(n * n));
                    spin_loop();
                }
            };
            let name = format!("chinwag-load-{number}");
            load.threads.push(thread::Builder::new().name(name).spawn(spin)?);
        }
        Ok(load)
    }
}

impl Load {
    /// How many there are.
    pub(super) fn threads(&self) -> usize {
        self.threads.len()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
