//! Why a connection could not be made, in words for people.

use std::{fmt, io, path::PathBuf};

use rustls::CertificateError;
use tungstenite::error::{Error as WsError, ProtocolError};

use crate::protocol::{Credential, Reaction, SessionSettings, Verdict, close};

/// How far a dial got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialStage {
    /// Asking for the addresses of the name.
    Resolve,
    /// Connecting to one of them.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The WebSocket upgrade.
    Upgrade,
}

/// Why a connection could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialError {
    /// The name has no address that we may use.
    UnknownHost(String),
    /// The name could not be resolved.
    Dns(String, String),
    /// Nobody listens there.
    Refused(String),
    /// There is no way to there.
    NoNetwork(String),
    /// Any other failure of the socket.
    Io(DialStage, String),
    /// The deadline passed.
    Timeout(DialStage),
    /// `ws://` to a name that is not this machine.
    PlainText(String),
    /// The file given for `link.ca_file`.
    CaFile {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system's certificates.
    CaStore(String),
    /// Nobody that we trust vouches for the server.
    UnknownIssuer,
    /// The server's certificate is not valid at this time.
    Expired,
    /// The server's certificate is for another name.
    WrongName(String),
    /// The server's certificate does not hold for any other reason.
    BadCertificate(String),
    /// Any other failure of TLS.
    Tls(String),
    /// The server answered, but refused to upgrade.
    Http {
        /// Its status.
        status: u16,
        /// What it said, as far as it came with the headers.
        body: String,
    },
    /// What answered does not speak WebSocket.
    NotWebSocket(String),
    /// The address or a header cannot be written as a request.
    BadRequest(String),
}

impl DialError {
    /// Judges it: whether to try again, and the words.
    pub fn verdict(&self, settings: &SessionSettings) -> Verdict {
        if let Self::Http { status, body } = self {
            return close::judge_http(*status, body, settings);
        }
        let reaction = if self.is_fatal() { Reaction::Fatal } else { Reaction::Retry };
        let (explanation, next_step) = self.words();
        Verdict { reaction, by_service: false, explanation, next_step: next_step.to_owned() }
    }

    /// Whether another attempt would fail in the same way.
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::PlainText(_)
                | Self::CaFile { .. }
                | Self::CaStore(_)
                | Self::UnknownIssuer
                | Self::Expired
                | Self::WrongName(_)
                | Self::BadCertificate(_)
                | Self::BadRequest(_)
        )
    }

    /// The same without the secret, where the server repeated it.
    pub(super) fn redacted(self, credential: &Credential) -> Self {
        match self {
            Self::Http { status, body } => Self::Http { status, body: credential.redact(&body) },
            Self::NotWebSocket(problem) => Self::NotWebSocket(credential.redact(&problem)),
            other => other,
        }
    }

    fn words(&self) -> (String, &'static str) {
        match self {
            Self::UnknownHost(host) => {
                (format!("no address is known for \"{host}\""), "check the url and the network")
            }
            Self::Dns(host, problem) => (
                format!("\"{host}\" could not be resolved: {problem}"),
                "check that this machine is online",
            ),
            Self::Refused(at) => {
                (format!("nobody listens at {at}"), "check the url, or start the server")
            }
            Self::NoNetwork(at) => {
                (format!("there is no way to {at}"), "check that this machine is online")
            }
            Self::Io(stage, problem) => {
                (format!("{stage} failed: {problem}"), "check the network, a proxy or a firewall")
            }
            Self::Timeout(stage) => (
                format!("{stage} took too long"),
                "check the network, a proxy or a firewall, or raise link.connect_timeout_ms",
            ),
            Self::PlainText(host) => (
                format!(
                    "\"{host}\" is not this machine, and ws:// would send everything unencrypted"
                ),
                "write wss://",
            ),
            Self::CaFile { path, problem } => (
                format!("the certificates in {} cannot be used: {problem}", path.display()),
                "give a file of PEM certificates",
            ),
            Self::CaStore(problem) => (
                format!("this system's certificates cannot be used: {problem}"),
                "install the package ca-certificates, or give --ca-file FILE",
            ),
            Self::UnknownIssuer => (
                "the server's certificate was issued by nobody that this machine trusts".to_owned(),
                "give the issuer's certificate with --ca-file FILE if a proxy or the simulator stands between",
            ),
            Self::Expired => (
                "the server's certificate is not valid at this time".to_owned(),
                "check this machine's clock; otherwise the server must renew it",
            ),
            Self::WrongName(expected) => (
                format!("the server's certificate is not for \"{expected}\""),
                "check the host in the url",
            ),
            Self::BadCertificate(problem) => (
                format!("the server's certificate does not hold: {problem}"),
                "the server must replace it, unless somebody stands between",
            ),
            Self::Tls(problem) => (
                format!("the tls handshake failed: {problem}"),
                "check that the url names a wss server",
            ),
            Self::Http { status, .. } => (
                format!("the server refused the connection with http status {status}"),
                "check key, url and api version",
            ),
            Self::NotWebSocket(problem) => {
                (format!("what answers there does not speak websocket: {problem}"), "check the url")
            }
            Self::BadRequest(problem) => {
                (format!("the address cannot be dialled: {problem}"), "check the url and the key")
            }
        }
    }

    /// Of a failed socket on its way to `at`.
    pub(super) fn from_connect(error: &io::Error, at: &str) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused(at.to_owned()),
            io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable => Self::NoNetwork(at.to_owned()),
            _ => Self::Io(DialStage::Connect, error.to_string()),
        }
    }

    /// Of a failed TLS handshake with `host`.
    pub(super) fn from_tls(error: &io::Error, host: &str) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::InvalidCertificate(problem)) => match problem {
                CertificateError::UnknownIssuer => Self::UnknownIssuer,
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Self::Expired,
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => {
                    Self::WrongName(host.to_owned())
                }
                other => Self::BadCertificate(other.to_string()),
            },
            Some(other) => Self::Tls(other.to_string()),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::Tls("the server hung up".to_owned())
            }
            None => Self::Io(DialStage::Tls, error.to_string()),
        }
    }

    /// Of a failed upgrade.
    pub(super) fn from_upgrade(error: WsError) -> Self {
        match error {
            WsError::Http(response) => {
                let status = response.status().as_u16();
                let body = response.into_body().unwrap_or_default();
                let body = &body[..body.len().min(1_024)];
                Self::Http { status, body: String::from_utf8_lossy(body).into_owned() }
            }
            WsError::Io(error) => Self::Io(DialStage::Upgrade, error.to_string()),
            WsError::Protocol(ProtocolError::HandshakeIncomplete) => {
                Self::Io(DialStage::Upgrade, "the server hung up".to_owned())
            }
            WsError::Url(_) | WsError::HttpFormat(_) => Self::BadRequest(error.to_string()),
            other => Self::NotWebSocket(other.to_string()),
        }
    }
}

impl fmt::Display for DialStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolving the name",
            Self::Connect => "connecting",
            Self::Tls => "the tls handshake",
            Self::Upgrade => "the websocket upgrade",
        })
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (explanation, next_step) = self.words();
        write!(f, "{explanation}; {next_step}")
    }
}

impl std::error::Error for DialError {}
