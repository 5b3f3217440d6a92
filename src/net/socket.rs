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
use crate::protocol::{Close, Credential};

/// The longest message that is read.
const INCOMING_BYTES_MAX: usize = 16 << 20;
/// The longest message that is written, pongs included.
const OUTGOING_BYTES_MAX: usize = 1 << 20;

/// What is read before others get their turn: half a second of a reply, or ten
/// thousand frames that say nothing.
const RATION_BYTES: usize = 32 << 10;

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
    /// Something between the two ends; there may be more.
    Control,
    /// Nothing more for now.
    Nothing,
    /// The connection has ended.
    Ended(Close),
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Socket {
    /// Blacked out wherever a server repeats it.
    credential: Credential,
    inner: WebSocket<Stream>,
    /// What was written last is not all in the kernel: write nothing more.
    unflushed: bool,
}

impl Socket {
    pub(super) fn new(web_socket: WebSocket<Stream>, credential: Credential) -> Self {
        Self { credential, inner: web_socket, unflushed: false }
    }

    /// Allows another ration to be read.
    pub(super) fn ration(&mut self) {
        self.inner.get_mut().ration(RATION_BYTES);
    }

    /// Whether there was nothing more only because the ration is spent.
    pub(super) fn is_spent(&self) -> bool {
        self.inner.get_ref().is_spent()
    }

    /// Whether bytes wait inside for the socket to take them.
    pub(super) fn is_unflushed(&self) -> bool {
        self.unflushed || self.inner.get_ref().wants_write()
    }

    /// Reads one message. To be called until there is nothing after every
    /// wake and after every write: poll sees neither what TLS nor what the
    /// WebSocket has read ahead. Answers pings.
    pub(super) fn read(&mut self) -> Incoming {
        match self.inner.read() {
            Ok(message @ (Message::Text(_) | Message::Binary(_))) => {
                Incoming::Message(self.without_secret(message))
            }
            Ok(Message::Close(frame)) => Incoming::Ended(self.close_of(frame)),
            Ok(Message::Ping(_)) => {
                self.unflushed = true;
                Incoming::Control
            }
            Ok(Message::Pong(_) | Message::Frame(_)) => Incoming::Control,
            Err(Error::Io(error)) if error.kind() == WouldBlock => Incoming::Nothing,
            Err(error) => Incoming::Ended(broken(&error)),
        }
    }

    fn without_secret(&self, message: Message) -> Message {
        let bytes: &[u8] = match &message {
            Message::Text(text) => text.as_ref(),
            Message::Binary(bytes) => bytes,
            _ => &[],
        };
        self.credential.redacted(bytes).map_or(message, Message::binary)
    }

    /// A close frame without a code reads as 1005, the code for its absence.
    fn close_of(&self, frame: Option<CloseFrame>) -> Close {
        match frame {
            Some(frame) => Close::new(frame.code.into(), self.credential.redact(&frame.reason)),
            None => Close::new(1_005, ""),
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
        let result = self.inner.flush();
        self.written(result)
    }

    /// Sends a close frame; the other side's is then to be waited for.
    pub(super) fn close(&mut self, code: u16) -> Result<(), Close> {
        let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
        let result = self.inner.close(Some(frame));
        self.written(result)
    }

    /// Gives the close frame that answers the peer's its chance, and ends.
    pub(super) fn finish(mut self) {
        let _ = self.inner.flush();
        self.inner.get_mut().shut_down();
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.get_ref().as_fd()
    }

    /// What it waits for; to write too where something is to be sent.
    pub(super) fn interest(&self, wants_send: bool) -> Interest {
        Interest { read: true, write: wants_send || self.is_unflushed() }
    }

    fn write(&mut self, message: Message) -> Result<(), Close> {
        let result = self.inner.write(message).and_then(|()| self.inner.flush());
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
