//! SIGINT and SIGTERM: the first asks to end, the second ends at once.
//! SIGUSR1 toggles talking. Whatever ends or stops the program, the terminal
//! is put back before.

use std::{
    io,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU32,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    thread::{self, JoinHandle},
};

use signal_hook::{
    consts::{SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1},
    iterator::{Handle, Signals as Incoming},
    low_level,
};

use super::{exit::Exit, talk::terminal::Restorer};

/// What signals asked for.
pub(super) struct Signals {
    asked: Arc<Asked>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Asked {
    stop: AtomicBool,
    toggles: AtomicU32,
}

impl Signals {
    /// From now on signals are caught.
    ///
    /// # Errors
    /// Where the system refuses.
    pub(super) fn new(terminal: Option<Restorer>) -> io::Result<Self> {
        let mut incoming = Incoming::new([SIGINT, SIGTERM, SIGUSR1])?;
        if terminal.is_some() {
            incoming.add_signal(SIGTSTP)?;
            incoming.add_signal(SIGQUIT)?;
        }
        let asked = Arc::new(Asked::default());
        let (told, handle) = (asked.clone(), incoming.handle());
        let thread =
            thread::Builder::new().name("chinwag-signals".to_owned()).spawn(move || {
                for signal in &mut incoming {
                    take(signal, &told, terminal.as_ref());
                }
            })?;
        Ok(Self { asked, handle, thread: Some(thread) })
    }

    /// Whether the program is asked to end.
    pub(super) fn stop_asked(&self) -> bool {
        self.asked.stop.load(Acquire)
    }

    /// Whether talking is to be toggled since the last call: an odd number of
    /// times.
    pub(super) fn take_toggle(&self) -> bool {
        self.asked.toggles.swap(0, Relaxed) % 2 == 1
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn take(signal: i32, asked: &Asked, terminal: Option<&Restorer>) {
    match signal {
        SIGUSR1 => _ = asked.toggles.fetch_add(1, Relaxed),
        SIGINT | SIGTERM => {
            if asked.stop.swap(true, AcqRel) {
                terminal.inspect(|terminal| terminal.restore());
                low_level::exit(Exit::Interrupted.code().into());
            }
        }
        _ => {
            // Suspended or killed as if nobody had caught it.
            terminal.inspect(|terminal| terminal.suspend());
            let _ = low_level::emulate_default_handler(signal);
        }
    }
}
