//! SIGINT and SIGTERM: the first asks to end, the second ends at once.
//! SIGUSR1 toggles talking. Whatever ends or stops the program, the terminal
//! is put back before.

use std::{
    io,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU32,
            Ordering::{Acquire, Relaxed},
        },
    },
};

use super::talk::terminal::Restorer;

/// What signals asked for.
pub(super) struct Signals {
    asked: Asked,
    _caught: Caught,
}

#[derive(Clone, Debug, Default)]
struct Asked {
    stop: Arc<AtomicBool>,
    toggles: Arc<AtomicU32>,
}

impl Signals {
    /// From now on signals are caught.
    ///
    /// # Errors
    /// Where the system refuses.
    pub(super) fn new(terminal: Option<Restorer>) -> io::Result<Self> {
        let asked = Asked::default();
        Ok(Self { _caught: Caught::new(asked.clone(), terminal)?, asked })
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

#[cfg(unix)]
use by_thread::Caught;

#[cfg(unix)]
mod by_thread {
    use std::{
        io,
        sync::atomic::Ordering::{AcqRel, Relaxed},
        thread::{self, JoinHandle},
    };

    use signal_hook::{
        consts::{SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1},
        iterator::{Handle, Signals as Incoming},
        low_level,
    };

    use super::{Asked, Restorer};
    use crate::cli::exit::Exit;

    /// Catches signals for as long as it lives.
    pub(super) struct Caught {
        handle: Handle,
        thread: Option<JoinHandle<()>>,
    }

    impl Caught {
        pub(super) fn new(asked: Asked, terminal: Option<Restorer>) -> io::Result<Self> {
            let mut incoming = Incoming::new([SIGINT, SIGTERM, SIGUSR1])?;
            if terminal.is_some() {
                incoming.add_signal(SIGTSTP)?;
                incoming.add_signal(SIGQUIT)?;
            }
            let handle = incoming.handle();
            let thread =
                thread::Builder::new().name("chinwag-signals".to_owned()).spawn(move || {
                    for signal in &mut incoming {
                        take(signal, &asked, terminal.as_ref());
                    }
                })?;
            Ok(Self { handle, thread: Some(thread) })
        }
    }

    impl Drop for Caught {
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
}

/// Without a thread, where there is no terminal to put back.
#[cfg(not(unix))]
struct Caught;

#[cfg(not(unix))]
impl Caught {
    #[allow(clippy::needless_pass_by_value)] // As the other one.
    fn new(asked: Asked, _terminal: Option<Restorer>) -> io::Result<Self> {
        use signal_hook::{
            consts::{SIGINT, SIGTERM},
            flag,
        };
        let interrupted = super::exit::Exit::Interrupted.code().into();
        for signal in [SIGINT, SIGTERM] {
            // Before the flag is raised, or the first would do.
            flag::register_conditional_shutdown(signal, interrupted, asked.stop.clone())?;
            flag::register(signal, asked.stop.clone())?;
        }
        Ok(Self)
    }
}
