//! From an endpoint to an open WebSocket: resolve, connect, TLS, upgrade, as a
//! machine that never waits, so that playback and the uplink queue go on and
//! a dial can be abandoned at any moment by dropping it.

use std::{
    net::{IpAddr, SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
};

use rustix::fd::BorrowedFd;
use rustls::{ClientConfig, pki_types::ServerName};
use tungstenite::{
    HandshakeError,
    client::IntoClientRequest,
    handshake::{
        MidHandshake,
        client::{ClientHandshake, Request},
    },
    http::{
        HeaderName, HeaderValue,
        header::{DATE, USER_AGENT},
    },
};

use super::{
    connect::Connecting,
    error::{DialError, DialStage},
    poll::Interest,
    resolve::{Resolver, Resolving},
    socket::{Socket, web_socket_config},
    stream::{Stream, TlsStream},
    tls,
    waker::Waker,
};
use crate::{
    audio::Nanos,
    protocol::{Credential, Endpoint, LinkSettings},
};

/// Where to dial, as whom, and whom to trust.
#[derive(Clone, Debug)]
pub struct Dialer {
    endpoint: Endpoint,
    credential: Credential,
    tls: Option<Arc<ClientConfig>>,
    timeout: Nanos,
    resolver: Resolver,
}

impl Dialer {
    /// Reads the certificates where the endpoint needs them.
    ///
    /// # Errors
    /// Certificates that cannot be read.
    pub fn new(
        endpoint: Endpoint,
        credential: Credential,
        settings: &LinkSettings,
    ) -> Result<Self, DialError> {
        let ca_file = settings.ca_file.as_deref().map(Path::new);
        let tls = endpoint.secure.then(|| tls::client_config(ca_file)).transpose()?;
        let timeout = Nanos::from_ms(settings.connect_timeout_ms.into());
        Ok(Self { endpoint, credential, tls, timeout, resolver: Resolver::default() })
    }

    /// Where it dials.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Resolver threads that have not come back yet.
    pub fn resolvers_busy(&self) -> usize {
        self.resolver.busy()
    }

    /// Begins to dial. `waker` is rung when the name is resolved.
    pub(super) fn dial(&self, now: Nanos, waker: &Arc<Waker>) -> Dial {
        let Endpoint { host, port, .. } = &self.endpoint;
        let stage = match self.resolver.start(host, *port, waker) {
            Ok(resolving) => Stage::Resolving(resolving),
            Err(error) => Stage::Over(Some(error)),
        };
        let deadline = now + self.timeout;
        Dial { dialer: self.clone(), deadline, stage, passed: Vec::new(), date: None }
    }

    /// The upgrade request, with the secret in a header.
    fn request(&self) -> Result<Request, DialError> {
        let bad = |problem: String| DialError::BadRequest(self.credential.redact(&problem));
        let url = self.endpoint.url();
        let mut request = url.into_client_request().map_err(|error| bad(error.to_string()))?;
        let headers = request.headers_mut();
        let agent = concat!("chinwag/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Some((name, value)) = self.credential.header() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|e| bad(e.to_string()))?;
            let mut value = HeaderValue::from_str(&value).map_err(|e| bad(e.to_string()))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(request)
    }
}

type Handshake = MidHandshake<ClientHandshake<Stream>>;

#[derive(Debug)]
enum Stage {
    Resolving(Resolving),
    Connecting(Connecting),
    Securing(Box<TlsStream>),
    Upgrading(Box<Handshake>),
    Over(Option<DialError>),
}

/// One dial under way.
#[derive(Debug)]
pub(super) struct Dial {
    dialer: Dialer,
    deadline: Nanos,
    stage: Stage,
    /// What is behind it, and when it was done.
    passed: Vec<(DialStage, Nanos)>,
    /// The server's clock, where its answer had it.
    date: Option<String>,
}

/// Where a dial stands.
#[derive(Debug)]
pub(super) enum Progress {
    Pending,
    Done(Box<Socket>),
    Failed(DialError),
}

impl Dial {
    /// Goes as far as it can without waiting.
    pub(super) fn advance(&mut self, now: Nanos) -> Progress {
        loop {
            let stage = std::mem::replace(&mut self.stage, Stage::Over(None));
            let name = stage_name(&stage);
            self.stage = match self.go_on(now, stage) {
                Ok(Step::Next(stage)) => {
                    self.passed.push((name, now));
                    stage
                }
                Ok(Step::Stay(stage)) => {
                    let at = stage_name(&stage);
                    self.stage = stage;
                    let late = now >= self.deadline;
                    return if late {
                        Progress::Failed(DialError::Timeout(at))
                    } else {
                        Progress::Pending
                    };
                }
                Ok(Step::Done(socket, date)) => {
                    self.passed.push((name, now));
                    self.date = date;
                    return Progress::Done(socket);
                }
                Err(error) => return Progress::Failed(error.redacted(&self.dialer.credential)),
            }
        }
    }

    /// The stages that are behind it, and when each was done.
    pub(super) fn passed(&self) -> &[(DialStage, Nanos)] {
        &self.passed
    }

    /// The `Date` of the answer to the upgrade.
    pub(super) fn date(&self) -> Option<&str> {
        self.date.as_deref()
    }

    /// When [`advance`](Self::advance) has something to do by itself.
    pub(super) fn next_deadline(&self) -> Nanos {
        match &self.stage {
            Stage::Connecting(connecting) => {
                connecting.next_deadline().map_or(self.deadline, |next| next.min(self.deadline))
            }
            _ => self.deadline,
        }
    }

    /// What it waits for. The resolver rings the waker.
    pub(super) fn sources(&self) -> Vec<(BorrowedFd<'_>, Interest)> {
        match &self.stage {
            Stage::Resolving(_) | Stage::Over(_) => Vec::new(),
            Stage::Connecting(connecting) => connecting.sources().collect(),
            Stage::Securing(tls) => {
                vec![(tls.as_fd(), Interest { read: true, write: tls.wants_write() })]
            }
            Stage::Upgrading(handshake) => {
                let stream = handshake.get_ref().get_ref();
                vec![(stream.as_fd(), Interest { read: true, write: stream.wants_write() })]
            }
        }
    }

    fn go_on(&self, now: Nanos, stage: Stage) -> Result<Step, DialError> {
        match stage {
            Stage::Resolving(resolving) => match resolving.poll() {
                None => Ok(Step::Stay(Stage::Resolving(resolving))),
                Some(addresses) => {
                    let addresses = admitted(addresses?, &self.dialer.endpoint)?;
                    Ok(Step::Next(Stage::Connecting(Connecting::new(now, addresses))))
                }
            },
            Stage::Connecting(mut connecting) => match connecting.advance(now) {
                None => Ok(Step::Stay(Stage::Connecting(connecting))),
                Some(tcp) => self.connected(tcp?),
            },
            Stage::Securing(mut tls) => match tls.handshake() {
                Ok(false) => Ok(Step::Stay(Stage::Securing(tls))),
                Ok(true) => self.upgrade(tls.into()),
                Err(error) => Err(DialError::from_tls(&error, &self.dialer.endpoint.host)),
            },
            Stage::Upgrading(handshake) => self.upgraded(handshake.handshake()),
            Stage::Over(error) => {
                Err(error.unwrap_or(DialError::Io(DialStage::Connect, "it is over".to_owned())))
            }
        }
    }

    fn connected(&self, tcp: TcpStream) -> Result<Step, DialError> {
        let Some(config) = &self.dialer.tls else { return self.upgrade(tcp.into()) };
        let host = self.dialer.endpoint.host.clone();
        let name =
            ServerName::try_from(host).map_err(|error| DialError::BadRequest(error.to_string()))?;
        let tls = TlsStream::new(config.clone(), name, tcp)
            .map_err(|error| DialError::Tls(error.to_string()))?;
        Ok(Step::Next(Stage::Securing(Box::new(tls))))
    }

    fn upgrade(&self, stream: Stream) -> Result<Step, DialError> {
        let request = self.dialer.request()?;
        let handshake = ClientHandshake::start(stream, request, Some(web_socket_config()))
            .map_err(DialError::from_upgrade)?;
        Ok(Step::Next(Stage::Upgrading(Box::new(handshake))))
    }

    fn upgraded(&self, result: Upgraded) -> Result<Step, DialError> {
        match result {
            Ok((web_socket, response)) => {
                let credential = &self.dialer.credential;
                let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
                let date = date.map(|date| credential.redact(date));
                Ok(Step::Done(Box::new(Socket::new(web_socket, credential.clone())), date))
            }
            Err(HandshakeError::Interrupted(handshake)) => {
                Ok(Step::Stay(Stage::Upgrading(Box::new(handshake))))
            }
            Err(HandshakeError::Failure(error)) => Err(DialError::from_upgrade(error)),
        }
    }
}

enum Step {
    Next(Stage),
    Stay(Stage),
    Done(Box<Socket>, Option<String>),
}

type Upgraded =
    Result<(tungstenite::WebSocket<Stream>, Response), HandshakeError<ClientHandshake<Stream>>>;
type Response = tungstenite::handshake::client::Response;

fn stage_name(stage: &Stage) -> DialStage {
    match stage {
        Stage::Resolving(_) => DialStage::Resolve,
        Stage::Connecting(_) | Stage::Over(_) => DialStage::Connect,
        Stage::Securing(_) => DialStage::Tls,
        Stage::Upgrading(_) => DialStage::Upgrade,
    }
}

/// What a name resolved to, where the scheme lets us go to all of it.
fn admitted(
    mut addresses: Vec<SocketAddr>,
    endpoint: &Endpoint,
) -> Result<Vec<SocketAddr>, DialError> {
    if !endpoint.secure {
        addresses.retain(|address| is_this_machine(address.ip()));
        if addresses.is_empty() {
            return Err(DialError::PlainText(endpoint.host.clone()));
        }
    }
    Ok(addresses)
}

fn is_this_machine(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ApiVersion;

    #[test]
    fn a_localhost_that_resolves_elsewhere_is_not_dialled_unencrypted() {
        let of = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<_>>();
        let at =
            |url| Endpoint::new(Some(url), ApiVersion::default(), &Credential::none()).unwrap();
        let everywhere =
            of(&["10.0.0.1:9", "[::ffff:10.0.0.1]:9", "[::1]:9", "0.0.0.0:9", "127.0.0.2:9"]);
        let here = of(&["[::1]:9", "127.0.0.2:9"]);
        let plain = at("ws://localhost:9");
        assert_eq!(admitted(everywhere.clone(), &plain), Ok(here));
        let refused = Err(DialError::PlainText("localhost".to_owned()));
        assert_eq!(admitted(of(&["10.0.0.1:9"]), &plain), refused);
        assert_eq!(admitted(everywhere.clone(), &at("wss://localhost:9")), Ok(everywhere));
    }
}
