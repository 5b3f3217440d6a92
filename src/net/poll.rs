//! One wait on several sockets: `poll(2)` through rustix, on Windows `WSAPoll`.

use std::io;

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::BorrowedFd,
    io::Errno,
};

use crate::audio::Nanos;

/// What is waited for, or what there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interest {
    /// Bytes can be read, or the other side is gone.
    pub read: bool,
    /// Bytes can be written, or the connection is made or refused.
    pub write: bool,
}

impl Interest {
    pub(super) const READ: Self = Self { read: true, write: false };
    pub(super) const WRITE: Self = Self { read: false, write: true };
}

/// Waits until one is ready or the time is over, without end where `None`; a
/// signal ends the wait too. An error on a descriptor reads as ready.
pub(super) fn wait(
    sources: &[(BorrowedFd<'_>, Interest)],
    timeout: Option<Nanos>,
) -> io::Result<Vec<Interest>> {
    let mut fds: Vec<PollFd<'_>> = sources
        .iter()
        .map(|&(fd, interest)| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, interest.read);
            flags.set(PollFlags::OUT, interest.write);
            PollFd::from_borrowed_fd(fd, flags)
        })
        .collect();
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: (timeout.0 / 1_000_000_000) as i64,
        tv_nsec: (timeout.0 % 1_000_000_000) as _,
    });
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let over = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    let ready = |fd: &PollFd<'_>, interest: Interest| {
        let got = fd.revents();
        Interest {
            read: interest.read && got.intersects(PollFlags::IN | over),
            write: interest.write && got.intersects(PollFlags::OUT | over),
        }
    };
    Ok(fds.iter().zip(sources).map(|(fd, &(_, interest))| ready(fd, interest)).collect())
}
