//! Names to addresses, on a thread of its own: the system's resolver may
//! block for ever, and nothing can interrupt it.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::{Receiver, TryRecvError, sync_channel},
    },
};

use super::{error::DialError, waker::Waker};
use crate::audio::Wake;

/// Threads that may be stuck in the resolver before no other is started.
const STUCK_MAX: usize = 4;

/// Starts resolving, and knows how many threads are still at it.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolver {
    busy: Arc<AtomicUsize>,
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Resolving {
    host: String,
    answer: Receiver<io::Result<Vec<SocketAddr>>>,
}

impl Resolver {
    /// Asks for the addresses of `host`; rings `waker` when they are there.
    /// The thread is detached: it ends when the system's resolver does.
    pub(super) fn start(
        &self,
        host: &str,
        port: u16,
        waker: &Arc<Waker>,
    ) -> Result<Resolving, DialError> {
        let (sender, answer) = sync_channel(1);
        let resolving = Resolving { host: host.to_owned(), answer };
        if let Ok(address) = host.parse::<IpAddr>() {
            // The channel has room for one and its other end is here.
            let _ = sender.send(Ok(vec![SocketAddr::new(address, port)]));
            return Ok(resolving);
        }
        let fail = |problem: &str| DialError::Dns(host.to_owned(), problem.to_owned());
        if self.busy.fetch_add(1, SeqCst) >= STUCK_MAX {
            self.busy.fetch_sub(1, SeqCst);
            return Err(fail("the system's resolver does not answer"));
        }
        let (busy, waker, host) = (self.busy.clone(), waker.clone(), host.to_owned());
        let started = std::thread::Builder::new().name("chinwag-resolve".to_owned()).spawn({
            let host = host.clone();
            move || {
                let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
                // Nobody waits any more where the dial was abandoned.
                let _ = sender.send(addresses);
                busy.fetch_sub(1, SeqCst);
                waker.wake();
            }
        });
        match started {
            Ok(_detached) => Ok(resolving),
            Err(error) => {
                self.busy.fetch_sub(1, SeqCst);
                Err(DialError::Dns(host, error.to_string()))
            }
        }
    }

    /// Threads that have not come back yet.
    pub(super) fn busy(&self) -> usize {
        self.busy.load(SeqCst)
    }
}

impl Resolving {
    /// The addresses, the two families in turn; `None` while there is no
    /// answer yet.
    pub(super) fn poll(&self) -> Option<Result<Vec<SocketAddr>, DialError>> {
        let fail = |problem: String| DialError::Dns(self.host.clone(), problem);
        match self.answer.try_recv() {
            Ok(Ok(addresses)) if addresses.is_empty() => {
                Some(Err(DialError::UnknownHost(self.host.clone())))
            }
            Ok(Ok(addresses)) => Some(Ok(interleave(&addresses))),
            Ok(Err(error)) => Some(Err(fail(error.to_string()))),
            Err(TryRecvError::Disconnected) => {
                Some(Err(fail("the resolver's thread died".to_owned())))
            }
            Err(TryRecvError::Empty) => None,
        }
    }
}

/// The families in turn, beginning with the one that the system put first
/// (RFC 8305, section 4).
fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.iter().partition(|address| address.is_ipv6() == first_is_v6);
    let longest = first.len().max(second.len());
    let pair = |i: usize| first.get(i).into_iter().chain(second.get(i)).copied();
    (0..longest).flat_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns() {
        let of = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<_>>();
        let mixed = of(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let turns = of(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(interleave(&mixed), turns);
        assert_eq!(interleave(&mixed[3..]), mixed[3..]);
    }

    #[test]
    fn an_address_needs_no_thread() {
        let resolver = Resolver::default();
        let waker = Arc::new(Waker::new().unwrap());
        let answer = resolver.start("::1", 7, &waker).unwrap().poll();
        assert_eq!(answer, Some(Ok(vec!["[::1]:7".parse().unwrap()])));
        assert_eq!(resolver.busy(), 0);
    }

    #[test]
    fn a_resolver_that_is_stuck_is_not_given_more_threads() {
        let resolver = Resolver::default();
        resolver.busy.store(STUCK_MAX, SeqCst);
        let waker = Arc::new(Waker::new().unwrap());
        assert!(matches!(resolver.start("localhost", 7, &waker), Err(DialError::Dns(..))));
        assert_eq!(resolver.busy(), STUCK_MAX);
    }
}
