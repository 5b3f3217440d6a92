//! The terminal without line editing: keys come one by one and unseen. What
//! it was before is put back at every end: return, panic, signal, suspension.

use std::{
    io::{self, IsTerminal, stdin, stdout},
    os::fd::OwnedFd,
    panic,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::getpgrp,
    termios::{
        LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
    },
};

use crate::engine::worker_thread;

/// What is taken where the terminal does not say.
const COLUMNS: usize = 80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    AsFound,
    Keys,
    /// As found, and it stays so.
    Over,
}

#[derive(Debug)]
struct Shared {
    input: OwnedFd,
    output: OwnedFd,
    found: Termios,
    mode: Mutex<Mode>,
}

impl Shared {
    fn new(input: OwnedFd, output: OwnedFd) -> io::Result<Self> {
        let found = tcgetattr(&input)?;
        Ok(Self { input, output, found, mode: Mutex::new(Mode::AsFound) })
    }

    /// Goes to another mode; nothing leads out of the last one.
    fn go(&self, to: Mode) {
        let mut mode = self.mode.lock().unwrap_or_else(PoisonError::into_inner);
        if *mode == to || *mode == Mode::Over {
            return;
        }
        if to == Mode::Keys {
            let mut keys = self.found.clone();
            // Signals and the output's newlines stay as they are.
            keys.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            if !is_foreground() || tcsetattr(&self.input, OptionalActions::Now, &keys).is_err() {
                return;
            }
        } else if *mode == Mode::Keys {
            // The status line goes, and keys that nobody read with it. A terminal
            // that is held, as by Ctrl-S, must not hold up the end.
            let mut when = OptionalActions::Now;
            if takes_output(&self.output) {
                let _ = rustix::io::write(&self.output, b"\r\x1b[J");
                when = OptionalActions::Flush;
            }
            let _ = tcsetattr(&self.input, when, &self.found);
        }
        *mode = to;
    }
}

/// Whether a few bytes can be written without a wait.
fn takes_output(output: &OwnedFd) -> bool {
    let mut wanted = [PollFd::new(output, PollFlags::OUT)];
    poll(&mut wanted, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}

/// A terminal that gives keys, for as long as this lives.
#[derive(Debug)]
pub(in crate::cli) struct Terminal {
    shared: Arc<Shared>,
}

/// Puts a terminal back, from any thread.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Restorer(Arc<Shared>);

impl Terminal {
    /// Takes the terminal that standard input and output are, if they are one
    /// and it is ours.
    pub(in crate::cli) fn enter() -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
        if dumb || !stdin().is_terminal() || !stdout().is_terminal() || !is_foreground() {
            return None;
        }
        let (input, output) = (rustix::io::dup(stdin()).ok()?, rustix::io::dup(stdout()).ok()?);
        Some(Self::take(Shared::new(input, output).ok()?))
    }

    fn take(shared: Shared) -> Self {
        let shared = Arc::new(shared);
        shared.go(Mode::Keys);
        let (told, before) = (shared.clone(), panic::take_hook());
        panic::set_hook(Box::new(move |panic| {
            if !is_survived() {
                told.go(Mode::AsFound);
            }
            before(panic);
        }));
        Self { shared }
    }

    /// Takes keys again, after a suspension.
    pub(in crate::cli) fn resume(&self) {
        self.shared.go(Mode::Keys);
    }

    /// For the thread that takes signals.
    pub(in crate::cli) fn restorer(&self) -> Restorer {
        Restorer(self.shared.clone())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.shared.go(Mode::Over);
    }
}

impl Restorer {
    /// As it was found, until the program goes on.
    pub(in crate::cli) fn suspend(&self) {
        self.0.go(Mode::AsFound);
    }

    /// As it was found, for good.
    pub(in crate::cli) fn restore(&self) {
        self.0.go(Mode::Over);
    }
}

/// Whether this thread may go on after a panic; where the worker does not, the
/// terminal is put back when the program ends.
fn is_survived() -> bool {
    thread::current().name() == Some(worker_thread::NAME)
}

/// Whether standard input may be read and changed: no terminal, or one whose
/// foreground is ours. Otherwise the system would stop us.
pub(in crate::cli) fn is_foreground() -> bool {
    !stdin().is_terminal() || tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}

/// How wide it is now.
pub(in crate::cli) fn columns() -> usize {
    match tcgetwinsize(stdout()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => COLUMNS,
    }
}

#[cfg(test)]
mod tests {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    fn is_by_line(terminal: &OwnedFd) -> bool {
        let modes = tcgetattr(terminal).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Both ends of a new terminal.
    fn pseudo_terminal() -> (OwnedFd, OwnedFd) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let mut both = std::fs::File::options();
        let slave = both.read(true).write(true).open(name.to_str().unwrap()).unwrap();
        (master, slave.into())
    }

    #[test]
    fn a_terminal_is_put_back_at_every_end() {
        let (_master, slave) = pseudo_terminal();
        let copy = || rustix::io::dup(&slave).unwrap();
        let taken = || Terminal::take(Shared::new(copy(), copy()).unwrap());
        assert!(is_by_line(&slave));

        let terminal = taken();
        assert!(!is_by_line(&slave));
        terminal.restorer().suspend();
        assert!(is_by_line(&slave));
        terminal.resume();
        assert!(!is_by_line(&slave));
        drop(terminal);
        assert!(is_by_line(&slave), "at the end");

        let terminal = taken();
        terminal.restorer().restore();
        terminal.resume();
        assert!(is_by_line(&slave), "at a second signal, for good");

        let terminal = taken();
        let seen = std::thread::spawn(|| panic!("a test's panic")).join();
        assert!(seen.is_err() && is_by_line(&slave), "at a panic of any thread");
        terminal.resume();
        assert!(!is_by_line(&slave), "which the program may survive");
        let worker = std::thread::Builder::new().name(worker_thread::NAME.to_owned());
        let seen = worker.spawn(|| panic!("a test's panic")).unwrap().join();
        assert!(seen.is_err() && !is_by_line(&slave), "not where the talk goes on");
    }
}
