//! Ends a wait in `poll` from another thread: an eventfd on Linux, elsewhere a
//! socket that sends to itself.

use std::io;

#[cfg(any(target_os = "linux", target_os = "android"))]
use eventfd as imp;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use loopback as imp;
use rustix::fd::BorrowedFd;

use crate::audio::Wake;

/// A counter or a byte that makes a poll on [`Waker::as_fd`] return.
#[derive(Debug)]
pub struct Waker(imp::Waker);

impl Waker {
    /// A waker that has not been rung.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub fn new() -> io::Result<Self> {
        imp::Waker::new().map(Self)
    }

    /// Forgets the wakes until now. The sleeper calls it after its wait and
    /// before it looks at its queues.
    pub fn clear(&self) {
        self.0.clear();
    }

    /// What is readable while it is rung.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Wake for Waker {
    // A failure means that wakes are pending already.
    fn wake(&self) {
        self.0.wake();
    }
}

/// A waker that is shared rings as itself.
impl Wake for std::sync::Arc<Waker> {
    fn wake(&self) {
        Waker::wake(self);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod eventfd {
    use std::io;

    use rustix::{
        event::{EventfdFlags, eventfd},
        fd::{AsFd, BorrowedFd, OwnedFd},
    };

    #[derive(Debug)]
    pub(super) struct Waker(OwnedFd);

    impl Waker {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?))
        }

        pub(super) fn wake(&self) {
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }

        pub(super) fn clear(&self) {
            let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
        }

        pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
mod loopback {
    use std::{
        io,
        net::{Ipv4Addr, UdpSocket},
    };

    use rustix::fd::{AsFd, BorrowedFd};

    #[derive(Debug)]
    pub(super) struct Waker(UdpSocket);

    impl Waker {
        pub(super) fn new() -> io::Result<Self> {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            // From nobody else does it receive.
            socket.connect(socket.local_addr()?)?;
            socket.set_nonblocking(true)?;
            Ok(Self(socket))
        }

        pub(super) fn wake(&self) {
            let _ = self.0.send(&[1]);
        }

        pub(super) fn clear(&self) {
            while self.0.recv(&mut [0]).is_ok() {}
        }

        pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audio::Nanos,
        net::poll::{Interest, wait},
    };

    fn is_rung(waker: &Waker) -> bool {
        wait(&[(waker.as_fd(), Interest::READ)], Some(Nanos::ZERO)).unwrap()[0].read
    }

    #[test]
    fn a_wake_before_the_wait_ends_it_and_is_forgotten_once_cleared() {
        let waker = Waker::new().unwrap();
        assert!(!is_rung(&waker));
        waker.wake();
        waker.wake();
        assert!(is_rung(&waker));
        waker.clear();
        assert!(!is_rung(&waker));
    }

    #[test]
    fn a_wake_from_another_thread_ends_a_wait_without_end() {
        let waker = std::sync::Arc::new(Waker::new().unwrap());
        let theirs = waker.clone();
        let thread = std::thread::spawn(move || theirs.wake());
        let ready = wait(&[(waker.as_fd(), Interest::READ)], None).unwrap();
        assert!(ready[0].read);
        thread.join().unwrap();
    }

    #[test]
    fn what_other_systems_use_wakes_and_forgets_alike() {
        let waker = loopback::Waker::new().unwrap();
        let is_rung = |timeout| wait(&[(waker.as_fd(), Interest::READ)], timeout).unwrap()[0].read;
        assert!(!is_rung(Some(Nanos::ZERO)));
        (0..10_000).for_each(|_| waker.wake());
        assert!(is_rung(None), "for ever");
        waker.clear();
        assert!(!is_rung(Some(Nanos::ZERO)));
        waker.wake();
        assert!(is_rung(None));
    }
}
