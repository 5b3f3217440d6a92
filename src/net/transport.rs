//! The simulator's side of a TCP connection, with TLS or without, and the wait
//! for it.

use std::{
    io::{self, PipeReader, Read, Write},
    net::TcpStream,
    os::fd::AsFd,
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::{ServerConnection, StreamOwned};

/// A non-blocking stream: what cannot be done now is `WouldBlock`.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Transport {
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Waits until `socket` can be read, or written where `writes`, or `stop`'s
/// other end is dropped, or `timeout` has passed (`None`: for ever). True when
/// it was dropped.
pub(super) fn wait(
    socket: &impl AsFd,
    writes: bool,
    stop: Option<&PipeReader>,
    timeout: Option<Duration>,
) -> io::Result<bool> {
    let interest = if writes { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
    let socket = PollFd::new(socket, interest);
    let mut alone = [socket.clone()];
    let mut both;
    let fds: &mut [PollFd<'_>] = match stop {
        None => &mut alone,
        Some(stop) => {
            both = [socket, PollFd::new(stop, PollFlags::IN)];
            &mut both
        }
    };
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    match poll(fds, timeout.as_ref()) {
        Ok(_) => Ok(fds.get(1).is_some_and(|stop| !stop.revents().is_empty())),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
