//! One connection of the simulator, from the upgrade to the end: bytes of the
//! socket in and out of a [`Service`].

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustix::fd::BorrowedFd;
use tungstenite::{
    Error, HandshakeError, Message, WebSocket,
    handshake::{
        MidHandshake,
        server::{Callback, ErrorResponse, Request, Response, ServerHandshake},
    },
    http::StatusCode,
    protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
};

use super::{
    late_pings::LatePings,
    poll::{Interest, wait},
    serve::{ServerNews, Shared},
    stream::{Stream, TlsStream},
    waker::Waker,
};
use crate::{
    audio::Nanos,
    sim::service::{Service, Transmit, UpgradeRequest},
};

/// What a client may send at once.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// What may wait for a client that does not read, pongs included.
const OUTGOING_BYTES_MAX: usize = 16 << 20;
/// Bytes that are read before anything else is done.
const RATION_BYTES: usize = 32 << 10;
const HANDSHAKE_MAX: Nanos = Nanos::from_secs(10);
/// How long the other side has to answer a close frame.
const CLOSE_MAX: Nanos = Nanos::from_secs(2);
/// As long, when the server stops.
const STOP_MAX: Nanos = Nanos::from_ms(500);
/// Messages that are read before anything is sent.
const READS_MAX: usize = 64;

/// Serves one client until either side ends it, or the server stops.
///
/// # Errors
/// Why there was no upgrade.
pub(super) fn hold(
    tcp: TcpStream,
    peer: SocketAddr,
    connection: u64,
    stopped: &Waker,
    shared: &Shared,
) -> Result<(), String> {
    let patience = Patience { ends_at: shared.now() + HANDSHAKE_MAX, stopped, shared };
    let stream = secure(tcp, &patience)?;
    let mut admitted = None;
    // The error is tungstenite's own type.
    #[allow(clippy::result_large_err)]
    let admit = |request: &Request, response: Response| {
        let path = request.uri().path().to_owned();
        match open(request, shared) {
            Ok(service) => {
                admitted = Some(Ok((service, path)));
                Ok(response)
            }
            Err((status, reason)) => {
                admitted = Some(Err(format!("HTTP {status} for {path}: {reason}")));
                let mut response = ErrorResponse::new(Some(reason));
                *response.status_mut() = status;
                Err(response)
            }
        }
    };
    let config = WebSocketConfig::default()
        .max_write_buffer_size(OUTGOING_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let socket = upgrade(ServerHandshake::start(stream, admit, Some(config)), &patience);
    // Our own reason, where there is one, says more than tungstenite's.
    let admitted = admitted.transpose()?;
    let socket = socket?;
    let (service, path) = admitted.ok_or("no request came")?;
    shared.tell(connection, shared.now(), ServerNews::Connected { peer, path });
    let late_pings = LatePings::new(socket.into_inner());
    let socket = WebSocket::from_raw_socket(late_pings, Role::Server, Some(config));
    let mut conversation =
        Conversation { socket, service, connection, shared, blocked: false, ends_at: None };
    if conversation.run(stopped) == Parting::Said {
        conversation.socket.get_mut().get_mut().shut_down();
    }
    Ok(())
}

/// A service for the request, or the HTTP status that refuses it.
fn open(request: &Request, shared: &Shared) -> Result<Service, (StatusCode, String)> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let request = UpgradeRequest { path, headers };
    Service::open(&shared.settings, &shared.memory, &request, shared.now()).map_err(|refusal| {
        let status = StatusCode::from_u16(refusal.http_status).unwrap_or(StatusCode::FORBIDDEN);
        (status, refusal.reason)
    })
}

/// TLS, where the server speaks it.
fn secure(tcp: TcpStream, patience: &Patience<'_>) -> Result<Stream, String> {
    let Some(tls) = &patience.shared.tls else { return Ok(tcp.into()) };
    let mut stream =
        TlsStream::accepted(Arc::clone(&tls.config), tcp).map_err(|error| error.to_string())?;
    while !stream.handshake().map_err(|error| format!("TLS: {error}"))? {
        patience.wait(stream.as_fd(), stream.wants_write())?;
    }
    Ok(Box::new(stream).into())
}

/// The WebSocket's upgrade.
fn upgrade<C: Callback>(
    mut handshake: MidHandshake<ServerHandshake<Stream, C>>,
    patience: &Patience<'_>,
) -> Result<WebSocket<Stream>, String> {
    loop {
        handshake = match handshake.handshake() {
            Ok(socket) => return Ok(socket),
            Err(HandshakeError::Failure(error)) => return Err(error.to_string()),
            Err(HandshakeError::Interrupted(handshake)) => handshake,
        };
        let stream = handshake.get_ref().get_ref();
        patience.wait(stream.as_fd(), stream.wants_write())?;
    }
}

/// How long a client may take to become a connection.
struct Patience<'a> {
    ends_at: Nanos,
    stopped: &'a Waker,
    shared: &'a Shared,
}

impl Patience<'_> {
    /// Waits for `socket`, but not longer than to the end of the patience.
    fn wait(&self, socket: BorrowedFd<'_>, write: bool) -> Result<(), String> {
        let left = self.ends_at.since(self.shared.now());
        let stop = (self.stopped.as_fd(), Interest::READ);
        let ready = wait(&[(socket, Interest { read: true, write }), stop], Some(left));
        let ready = ready.map_err(|error| error.to_string())?;
        if ready[1].read || left == Nanos::ZERO {
            return Err("the upgrade was not finished in time".to_owned());
        }
        Ok(())
    }
}

struct Conversation<'a> {
    socket: WebSocket<LatePings<Stream>>,
    service: Service,
    connection: u64,
    shared: &'a Shared,
    /// The socket takes nothing more for now.
    blocked: bool,
    /// A close frame was sent: when to stop waiting for the answer.
    ends_at: Option<Nanos>,
}

/// Whether the connection goes on.
#[derive(Clone, Copy, PartialEq)]
enum Flow {
    GoesOn,
    Ended(Parting),
}

/// How it ended.
#[derive(Clone, Copy, PartialEq)]
enum Parting {
    /// As connections end.
    Said,
    /// Without a word, as a fault had it.
    Abrupt,
}

impl Conversation<'_> {
    fn run(&mut self, stop: &Waker) -> Parting {
        let mut stop = Some(stop);
        loop {
            let (flow, more) = if self.is_deaf() { (Flow::GoesOn, false) } else { self.read() };
            self.service.handle_deadline(self.shared.now());
            let flow = if flow == Flow::GoesOn { self.write() } else { flow };
            self.tell();
            if let Flow::Ended(parting) = flow {
                return parting;
            }
            if self.ends_at.is_some_and(|at| at <= self.shared.now()) {
                return Parting::Said;
            }
            let now = self.shared.now();
            let deadlines = [
                self.service.next_deadline().filter(|_| !self.blocked),
                self.ends_at,
                self.service.deaf_until(now),
                self.socket.get_ref().next_at(),
            ];
            let next = deadlines.into_iter().flatten().min().map(|at| at.since(now));
            let timeout = if more { Some(Nanos::ZERO) } else { next };
            let socket = Interest { read: !self.is_deaf(), write: self.blocked };
            let mut sources = vec![(self.socket.get_ref().get_ref().as_fd(), socket)];
            sources.extend(stop.map(|stop| (stop.as_fd(), Interest::READ)));
            match wait(&sources, timeout) {
                Ok(ready) if ready.get(1).is_some_and(|stop| stop.read) => {
                    // The waker stays rung: only the answer counts now.
                    stop = None;
                    self.close(CloseCode::Away, "the simulator stops");
                    self.ends_at = Some(self.shared.now() + STOP_MAX);
                }
                Ok(_) => {}
                Err(_) => return Parting::Said,
            }
        }
    }

    /// Whether a fault keeps us from reading.
    fn is_deaf(&self) -> bool {
        self.service.deaf_until(self.shared.now()).is_some()
    }

    /// Reads what is there, up to a limit; says whether there may be more.
    fn read(&mut self) -> (Flow, bool) {
        self.socket.get_mut().get_mut().ration(RATION_BYTES);
        for _ in 0..READS_MAX {
            let now = self.shared.now();
            self.socket.get_mut().set(now, self.service.pong_delay());
            match self.socket.read() {
                Ok(Message::Text(text)) => self.service.receive(now, text.as_bytes()),
                Ok(Message::Binary(bytes)) => self.service.receive(now, &bytes),
                Ok(Message::Close(frame)) => {
                    self.service.client_closed(now, frame.map_or(1005, |f| f.code.into()));
                }
                Ok(_) => {}
                Err(error) if would_block(&error) => {
                    return (Flow::GoesOn, self.socket.get_ref().get_ref().is_spent());
                }
                Err(Error::Capacity(_)) => {
                    self.service.client_closed(now, 1009);
                    self.close(CloseCode::Size, "message over 16 MiB");
                }
                Err(_) => {
                    self.service.client_closed(now, 1006);
                    return (Flow::Ended(Parting::Said), false);
                }
            }
        }
        (Flow::GoesOn, true)
    }

    /// Sends what the service has, as long as the socket takes it.
    fn write(&mut self) -> Flow {
        loop {
            match self.socket.flush() {
                Ok(()) => self.blocked = false,
                Err(error) if would_block(&error) => {
                    self.blocked = true;
                    return Flow::GoesOn;
                }
                Err(_) => {
                    self.service.client_closed(self.shared.now(), 1006);
                    return Flow::Ended(Parting::Said);
                }
            }
            match self.service.poll_transmit(self.shared.now()) {
                None => return Flow::GoesOn,
                Some(Transmit::Message(bytes)) => {
                    // Blocked or broken, the flush above finds out.
                    let _ = self.socket.write(Message::Binary(bytes.into()));
                }
                Some(Transmit::Close { code, reason }) => self.close(code.into(), &reason),
                Some(Transmit::Abort) => return Flow::Ended(Parting::Abrupt),
            }
        }
    }

    fn close(&mut self, code: CloseCode, reason: &str) {
        let _ = self.socket.close(Some(CloseFrame { code, reason: reason.into() }));
        self.ends_at = Some(self.shared.now() + CLOSE_MAX);
    }

    fn tell(&mut self) {
        while let Some((at, event)) = self.service.poll_event() {
            self.shared.tell(self.connection, at, ServerNews::Service(event));
        }
    }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}
