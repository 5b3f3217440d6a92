//! SIGINT and SIGTERM: the first asks to end, the second ends at once.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use super::exit::Exit;

/// Whether a signal came.
pub(super) struct Signals {
    stop: Arc<AtomicBool>,
}

impl Signals {
    /// From now on signals are caught.
    ///
    /// # Errors
    /// Where the system refuses.
    pub(super) fn new() -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            let code = Exit::Interrupted.code().into();
            flag::register_conditional_shutdown(signal, code, stop.clone())?;
            flag::register(signal, stop.clone())?;
        }
        Ok(Self { stop })
    }

    /// Whether the program is asked to end.
    pub(super) fn stop_asked(&self) -> bool {
        self.stop.load(Relaxed)
    }
}
