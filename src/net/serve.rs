//! The simulator's socket shell: listens on loopback and runs one
//! [`Service`](crate::sim::service::Service) per connection.
//!
//! One thread accepts, one more per connection; each waits in one `poll` on
//! its socket, the server's end and the service's next deadline. All are
//! joined by [`Server::stop`].

use std::{
    io::{self, ErrorKind::WouldBlock},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use rustix::fd::AsFd;

use super::{
    certificate::ServerTls,
    conversation,
    poll::{Interest, wait},
    waker::Waker,
};
use crate::{
    audio::{Nanos, Wake},
    sim::service::{Event, Memory, ServiceSettings},
};

/// Connections at a time; more are refused and counted.
const CONNECTIONS_MAX: usize = 64;

/// A simulated Live API on a socket.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    refused: Arc<AtomicU64>,
    /// Rung and never cleared, it ends every thread of the server.
    stop: Arc<Waker>,
    accept: Option<JoinHandle<()>>,
}

/// Something that happened on a server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerEvent {
    /// Since the server started.
    pub at: Nanos,
    /// Which connection, counted from 1.
    pub connection: u64,
    /// What happened on it.
    pub what: ServerNews,
}

/// What happened on a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerNews {
    /// A client was admitted.
    Connected {
        /// From where.
        peer: SocketAddr,
        /// The path that it asked for, without the query (keys travel there).
        path: String,
    },
    /// No connection came of it.
    Refused {
        /// Why.
        reason: String,
    },
    /// What the service tells.
    Service(Event),
}

/// What all connections of a server share.
pub(super) struct Shared {
    pub settings: ServiceSettings,
    pub memory: Memory,
    pub started: Instant,
    pub on_event: Box<dyn Fn(ServerEvent) + Send + Sync>,
    pub tls: Option<ServerTls>,
    refused: Arc<AtomicU64>,
}

impl Shared {
    /// The time since the server started.
    pub(super) fn now(&self) -> Nanos {
        self.started.elapsed().into()
    }

    pub(super) fn tell(&self, connection: u64, at: Nanos, what: ServerNews) {
        (self.on_event)(ServerEvent { at, connection, what });
    }
}

impl Server {
    /// Listens on `listen` (port 0: any) and serves until it is stopped or
    /// dropped. `on_event` is called on the connections' threads.
    ///
    /// # Errors
    /// Where the address cannot be listened on, or no thread be started.
    pub fn start(
        listen: SocketAddr,
        tls: Option<ServerTls>,
        settings: ServiceSettings,
        on_event: impl Fn(ServerEvent) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let stop = Arc::new(Waker::new()?);
        let stopped = Arc::clone(&stop);
        let refused = Arc::new(AtomicU64::new(0));
        let shared = Shared {
            settings,
            memory: Memory::new(),
            started: Instant::now(),
            on_event: Box::new(on_event),
            tls,
            refused: Arc::clone(&refused),
        };
        let accept = thread::Builder::new()
            .name("sim-accept".to_owned())
            .spawn(move || accept(&listener, &stopped, &Arc::new(shared)))?;
        Ok(Self { addr, refused, stop, accept: Some(accept) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Connections that were refused, for whatever reason.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Closes every connection (1001) and joins every thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.wake();
        if let Some(accept) = self.accept.take() {
            // A panic over there was reported there.
            let _ = accept.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Accepts until the server stops, then joins the connections.
fn accept(listener: &TcpListener, stopped: &Arc<Waker>, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    let mut connection = 0;
    let stop = (stopped.as_fd(), Interest::READ);
    let sources = [stop, (listener.as_fd(), Interest::READ)];
    let mut is_out = false;
    // Without a file handle left for it, a caller would wake us for ever.
    loop {
        let (sources, pause) =
            if is_out { (&sources[..1], Some(Nanos::from_ms(100))) } else { (&sources[..], None) };
        match wait(sources, pause) {
            Ok(ready) if !ready[0].read => {}
            _ => break,
        }
        let accepted = listener.accept();
        is_out = accepted.as_ref().is_err_and(|error| error.kind() != WouldBlock);
        let Ok((stream, peer)) = accepted else { continue };
        connection += 1;
        threads.retain(|thread| !thread.is_finished());
        let started = if threads.len() < CONNECTIONS_MAX {
            converse(stream, peer, connection, stopped, shared)
        } else {
            Err(io::Error::other(format!("more than {CONNECTIONS_MAX} connections")))
        };
        match started {
            Ok(thread) => threads.push(thread),
            Err(error) => refuse(shared, connection, error.to_string()),
        }
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// Starts the thread of one connection.
fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    connection: u64,
    stopped: &Arc<Waker>,
    shared: &Arc<Shared>,
) -> io::Result<JoinHandle<()>> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let (stopped, shared) = (Arc::clone(stopped), Arc::clone(shared));
    thread::Builder::new().name(format!("sim-{connection}")).spawn(move || {
        if let Err(reason) = conversation::hold(stream, peer, connection, &stopped, &shared) {
            refuse(&shared, connection, reason);
        }
    })
}

fn refuse(shared: &Shared, connection: u64, reason: String) {
    shared.refused.fetch_add(1, Ordering::Relaxed);
    shared.tell(connection, shared.now(), ServerNews::Refused { reason });
}
