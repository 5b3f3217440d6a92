//! TCP to the first of several addresses that answers: an attempt every 250 ms,
//! or as soon as the one before has failed (RFC 8305, section 5).

use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, TcpStream},
};

use rustix::{
    fd::{AsFd, BorrowedFd},
    io::Errno,
};
use socket2::{Domain, Protocol, Socket, Type};

use super::{error::DialError, poll::Interest};
use crate::audio::Nanos;

/// The pause before the next address is tried as well.
const STAGGER: Nanos = Nanos::from_ms(250);
/// Bytes that the kernel may hold unsent. Without this bound a peer that does
/// not read is sent a minute of speech before anyone notices.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NOTSENT_LOWAT_BYTES: u32 = 4_096;

/// Attempts under way.
#[derive(Debug)]
pub(super) struct Connecting {
    waiting: VecDeque<SocketAddr>,
    attempts: Vec<(SocketAddr, Socket)>,
    next_at: Nanos,
    failure: Option<DialError>,
}

impl Connecting {
    pub(super) fn new(now: Nanos, addresses: Vec<SocketAddr>) -> Self {
        let waiting = addresses.into();
        Self { waiting, attempts: Vec::new(), next_at: now, failure: None }
    }

    /// Goes on; the connection, or the last failure once none is left.
    pub(super) fn advance(&mut self, now: Nanos) -> Option<Result<TcpStream, DialError>> {
        let mut i = 0;
        while i < self.attempts.len() {
            match outcome(&self.attempts[i].1) {
                None => i += 1,
                Some(Ok(())) => return Some(Ok(self.attempts.swap_remove(i).1.into())),
                Some(Err(error)) => {
                    let (address, _) = self.attempts.remove(i);
                    self.failed(now, address, &error);
                }
            }
        }
        while now >= self.next_at
            && let Some(address) = self.waiting.pop_front()
        {
            self.next_at = now + STAGGER;
            match start(address) {
                Ok(socket) => self.attempts.push((address, socket)),
                Err(error) => self.failed(now, address, &error),
            }
        }
        let over = self.attempts.is_empty() && self.waiting.is_empty();
        over.then(|| Err(self.failure.take().unwrap_or(DialError::NoNetwork(String::new()))))
    }

    /// When [`advance`](Self::advance) has something to do by itself.
    pub(super) fn next_deadline(&self) -> Option<Nanos> {
        (!self.waiting.is_empty()).then_some(self.next_at)
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = (BorrowedFd<'_>, Interest)> {
        self.attempts.iter().map(|(_, socket)| (socket.as_fd(), Interest::WRITE))
    }

    fn failed(&mut self, now: Nanos, address: SocketAddr, error: &io::Error) {
        self.failure = Some(DialError::from_connect(error, &address.to_string()));
        self.next_at = now;
    }
}

/// A non-blocking attempt. Small messages leave at once (no Nagle).
fn start(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_notsent_lowat(NOTSENT_LOWAT_BYTES)?;
    match socket.connect(&address.into()) {
        Err(error) if !is_under_way(&error) => Err(error),
        _ => Ok(socket),
    }
}

/// Windows says that it would block.
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error())
}

/// Whether an attempt has come to an end, and which.
fn outcome(socket: &Socket) -> Option<io::Result<()>> {
    match socket.take_error() {
        Ok(Some(error)) | Err(error) => Some(Err(error)),
        Ok(None) => match socket.peer_addr() {
            Ok(_) => Some(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
            Err(error) => Some(Err(error)),
        },
    }
}
