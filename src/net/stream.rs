//! A connection's bytes, plain or through TLS, that never block.
//!
//! TLS is driven here and not by `rustls::StreamOwned`, whose read writes
//! first and fails where that would block: a peer that does not read would
//! then keep us from hearing what it says.

use std::{
    io::{self, ErrorKind::WouldBlock, Read, Write},
    net::TcpStream,
    sync::Arc,
};

use rustix::fd::{AsFd, BorrowedFd};
use rustls::{
    ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection,
    pki_types::ServerName,
};

/// Bytes over TCP, non-blocking.
///
/// Reads may be rationed: neither tungstenite nor TLS comes back from a peer that
/// sends faster than it is read and never ends a message (empty fragments,
/// pings, empty records). Where the ration is spent, a read would block.
#[derive(Debug)]
pub(super) struct Stream {
    bytes: Bytes,
    /// Bytes that may still be taken from the socket.
    ration: usize,
}

#[derive(Debug)]
enum Bytes {
    /// As they are: to this machine only.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream>),
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Self {
        Self { bytes: Bytes::Plain(tcp), ration: usize::MAX }
    }
}

impl From<Box<TlsStream>> for Stream {
    fn from(tls: Box<TlsStream>) -> Self {
        Self { bytes: Bytes::Tls(tls), ration: usize::MAX }
    }
}

impl Stream {
    /// From now on at most so many bytes are read.
    pub(super) fn ration(&mut self, bytes: usize) {
        self.ration = bytes;
    }

    /// Whether the socket may hold more, which only another ration lets through.
    pub(super) fn is_spent(&self) -> bool {
        self.ration == 0
    }

    /// Whether bytes wait inside for the socket to take them.
    pub(super) fn wants_write(&self) -> bool {
        match &self.bytes {
            Bytes::Plain(_) => false,
            Bytes::Tls(tls) => tls.connection.wants_write(),
        }
    }

    /// Says that nothing will follow, as far as that is possible at once.
    pub(super) fn shut_down(&mut self) {
        if let Bytes::Tls(tls) = &mut self.bytes {
            tls.connection.send_close_notify();
            let _ = tls.push_out();
        }
        let _ = self.tcp().shutdown(std::net::Shutdown::Write);
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp().as_fd()
    }

    fn tcp(&self) -> &TcpStream {
        match &self.bytes {
            Bytes::Plain(tcp) => tcp,
            Bytes::Tls(tls) => &tls.tcp,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.bytes {
            Bytes::Plain(tcp) => {
                let whole = buffer.len().min(self.ration);
                if whole == 0 && !buffer.is_empty() {
                    return Err(WouldBlock.into());
                }
                let read = tcp.read(&mut buffer[..whole])?;
                self.ration -= read;
                Ok(read)
            }
            Bytes::Tls(tls) => tls.read(buffer, &mut self.ration),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.bytes {
            Bytes::Plain(tcp) => tcp.write(bytes),
            Bytes::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.bytes {
            Bytes::Plain(_) => Ok(()),
            Bytes::Tls(tls) => tls.push_out(),
        }
    }
}

/// One end of TLS over a non-blocking socket.
#[derive(Debug)]
pub(super) struct TlsStream {
    connection: Connection,
    tcp: TcpStream,
}

impl TlsStream {
    /// The client's end; the handshake is still to be made.
    pub(super) fn new(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        tcp: TcpStream,
    ) -> Result<Self, rustls::Error> {
        Ok(Self { connection: ClientConnection::new(config, name)?.into(), tcp })
    }

    /// The server's end; the handshake is still to be made.
    pub(super) fn accepted(
        config: Arc<ServerConfig>,
        tcp: TcpStream,
    ) -> Result<Self, rustls::Error> {
        Ok(Self { connection: ServerConnection::new(config)?.into(), tcp })
    }

    /// Goes on with the handshake; true once it is done.
    pub(super) fn handshake(&mut self) -> io::Result<bool> {
        loop {
            match self.push_out() {
                Err(error) if error.kind() != WouldBlock => return Err(error),
                _ => {}
            }
            if !self.connection.is_handshaking() {
                return Ok(true);
            }
            match self.pull_in() {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether bytes wait inside for the socket to take them.
    pub(super) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }

    /// One read from the socket, decrypted. An alert for a bad peer goes out.
    fn pull_in(&mut self) -> io::Result<usize> {
        let read = self.connection.read_tls(&mut self.tcp)?;
        if let Err(error) = self.connection.process_new_packets() {
            let _ = self.push_out();
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(read)
    }

    /// All that waits inside into the socket, or `WouldBlock`.
    fn push_out(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            if self.connection.write_tls(&mut self.tcp)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

impl TlsStream {
    fn read(&mut self, buffer: &mut [u8], ration: &mut usize) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == WouldBlock && *ration > 0 => {}
                other => return other,
            }
            // The end of the stream shows in the next look at the reader.
            *ration = ration.saturating_sub(self.pull_in()?);
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push_out()?;
        let taken = self.connection.writer().write(bytes)?;
        match self.push_out() {
            Err(error) if error.kind() != WouldBlock => Err(error),
            _ if taken == 0 && !bytes.is_empty() => Err(WouldBlock.into()),
            _ => Ok(taken),
        }
    }
}
