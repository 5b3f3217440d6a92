//! An open WebSocket, never blocking: what a failure of it means, and when it
//! may be written to.

use std::io::ErrorKind::WouldBlock;

use rustix::fd::BorrowedFd;
use tungstenite::{
    Error, Message, WebSocket,
    error::{CapacityError, ProtocolError},
    protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
};

use super::{poll::Interest, stream::Stream};
use crate::protocol::Close;

/// The longest message that is read.
const INCOMING_BYTES_MAX: usize = 16 << 20;
/// The longest message that is written, pongs included.
const OUTGOING_BYTES_MAX: usize = 1 << 20;

/// Messages leave at once, and buffers have bounds.
pub(super) fn web_socket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(32 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(OUTGOING_BYTES_MAX)
        .max_message_size(Some(INCOMING_BYTES_MAX))
        .max_frame_size(Some(INCOMING_BYTES_MAX))
}

/// What a read found.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Text or binary: the service sends JSON in either.
    Message(Message),
    /// Nothing more for now.
    Nothing,
    /// The connection has ended.
    Ended(Close),
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Socket {
    web_socket: WebSocket<Stream>,
    /// What was written last is not all in the kernel: write nothing more.
    unflushed: bool,
}

impl Socket {
    pub(super) fn new(web_socket: WebSocket<Stream>) -> Self {
        Self { web_socket, unflushed: false }
    }

    /// Whether bytes wait inside for the socket to take them.
    pub(super) fn is_unflushed(&self) -> bool {
        self.unflushed || self.web_socket.get_ref().wants_write()
    }

    /// Reads one message. To be called until there is nothing after every
    /// wake and after every write: poll sees neither what TLS nor what the
    /// WebSocket has read ahead. Answers pings.
    pub(super) fn read(&mut self) -> Incoming {
        loop {
            match self.web_socket.read() {
                Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                    return Incoming::Message(message);
                }
                Ok(Message::Close(frame)) => return Incoming::Ended(close_of(frame)),
                Ok(Message::Ping(_)) => self.unflushed = true,
                Ok(Message::Pong(_) | Message::Frame(_)) => {}
                Err(Error::Io(error)) if error.kind() == WouldBlock => return Incoming::Nothing,
                Err(error) => return Incoming::Ended(broken(&error)),
            }
        }
    }

    /// Sends a text message. Only to be called when the socket is writable and
    /// nothing is unflushed. It then belongs to the socket, whether or not all
    /// of it left: it must never be sent again.
    pub(super) fn send(&mut self, text: &str) -> Result<(), Close> {
        self.write(Message::text(text))
    }

    /// Sends a ping, under the same conditions.
    pub(super) fn ping(&mut self) -> Result<(), Close> {
        self.write(Message::Ping(Vec::new().into()))
    }

    /// Sends what waits inside.
    pub(super) fn flush(&mut self) -> Result<(), Close> {
        let result = self.web_socket.flush();
        self.written(result)
    }

    /// Sends a close frame; the other side's is then to be waited for.
    pub(super) fn close(&mut self, code: u16) -> Result<(), Close> {
        let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
        let result = self.web_socket.close(Some(frame));
        self.written(result)
    }

    /// Gives the close frame that answers the peer's its chance, and ends.
    pub(super) fn finish(mut self) {
        let _ = self.web_socket.flush();
        self.web_socket.get_mut().shut_down();
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.web_socket.get_ref().as_fd()
    }

    /// What it waits for; to write too where something is to be sent.
    pub(super) fn interest(&self, wants_send: bool) -> Interest {
        Interest { read: true, write: wants_send || self.is_unflushed() }
    }

    fn write(&mut self, message: Message) -> Result<(), Close> {
        let result = self.web_socket.write(message).and_then(|()| self.web_socket.flush());
        self.written(result)
    }

    /// `WouldBlock` means queued.
    fn written(&mut self, result: tungstenite::Result<()>) -> Result<(), Close> {
        self.unflushed = match result {
            Ok(()) => false,
            Err(Error::Io(error)) if error.kind() == WouldBlock => true,
            Err(error) => return Err(broken(&error)),
        };
        Ok(())
    }
}

/// A close frame without a code reads as 1005, the code for its absence.
fn close_of(frame: Option<CloseFrame>) -> Close {
    match frame {
        Some(frame) => Close::new(frame.code.into(), frame.reason.as_str()),
        None => Close::new(1_005, ""),
    }
}

/// An end without a close frame, with what happened for a reason.
fn broken(error: &Error) -> Close {
    let reason = match error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            "it ended without a close frame".to_owned()
        }
        Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "it ended without a close frame".to_owned()
        }
        Error::ConnectionClosed | Error::AlreadyClosed => "it was closed already".to_owned(),
        Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            format!("a message of the server was longer than {} MiB", INCOMING_BYTES_MAX >> 20)
        }
        Error::WriteBufferFull(_) => "a message of ours was too long".to_owned(),
        Error::Protocol(problem) => format!("the server broke the websocket protocol: {problem}"),
        other => other.to_string(),
    };
    Close::new(Close::NO_FRAME, reason)
}
