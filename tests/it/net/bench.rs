//! A link on its thread, the worker's ends of it, and servers made by hand.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use chinwag::{
    audio::{
        Doorbell, Downlink, DownlinkPacket, Flow, FrameTime, Nanos, Rate, Uplink, UplinkPacket,
        Wake,
        packet::{DOWNLINK_PACKETS, Samples, UPLINK_PACKETS},
        ring::{Reader, Writer, ring},
    },
    link::{Control, Link, LinkEnds, LinkEvent},
    net::{DialError, Dialer, LinkControl, LinkReport, Wiring, client},
    protocol::{
        ActivityDetection, ApiVersion, Credential, Endpoint, Event, LinkSettings, Session,
        SessionSettings,
    },
};
use crossbeam_channel::{Receiver, Sender, bounded};
use rustls::{
    ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tungstenite::{Message, WebSocket};

/// The longest that anything may take before its test fails.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);
/// The frames of one chunk of 20 ms.
pub(super) const CHUNK: usize = 320;

/// Retries without pauses to speak of.
pub(super) fn quick() -> LinkSettings {
    LinkSettings { retry_ms_min: 1, retry_ms_max: 1, ..LinkSettings::default() }
}

struct Woken(Sender<()>);

impl Wake for Woken {
    fn wake(&self) {
        let _ = self.0.try_send(());
    }
}

/// A link that runs, seen from the worker and from the supervisor.
pub(super) struct Client {
    pub(super) uplink: Writer<UplinkPacket>,
    pub(super) events: Receiver<LinkEvent>,
    control: LinkControl,
    downlink: Reader<DownlinkPacket>,
    flow: Arc<Flow>,
    link_bell: Arc<Doorbell>,
    my_bell: Arc<Doorbell>,
    woken: Receiver<()>,
    report: Receiver<LinkReport>,
    started: Instant,
    chunks: i16,
}

impl Client {
    /// Dials `url` with a key.
    pub(super) fn start(url: &str, settings: &LinkSettings) -> Result<Self, DialError> {
        let credential = Credential::from_secret("secret-key").unwrap();
        let endpoint = Endpoint::new(Some(url), ApiVersion::default(), &credential).unwrap();
        let dialer = Dialer::new(endpoint, credential, settings)?;
        let (wiring, control, events) = Wiring::new(8_192).unwrap();
        let (uplink, uplink_reader) = ring(UPLINK_PACKETS);
        let (downlink_writer, downlink) = ring(DOWNLINK_PACKETS);
        let (flow, link_bell) = (Arc::new(Flow::default()), wiring.bell.clone());
        let (wake, woken) = bounded(1);
        let my_bell = Arc::new(Doorbell::new(Woken(wake)));
        let ends = LinkEnds {
            uplink: uplink_reader,
            downlink: downlink_writer,
            flow: flow.clone(),
            worker_bell: my_bell.clone(),
        };
        let session = SessionSettings {
            activity_detection: Some(ActivityDetection::Manual),
            ..SessionSettings::default()
        };
        let link = Link::new(Session::new(session), settings, ends, 1);
        let (sender, report) = bounded(1);
        let started = Instant::now();
        std::thread::spawn(move || {
            let clock = || Nanos::from(started.elapsed());
            let _ = sender.send(client::run(link, &dialer, &wiring, clock));
        });
        let chunks = 0;
        Ok(Self {
            uplink,
            events,
            control,
            downlink,
            flow,
            link_bell,
            my_bell,
            woken,
            report,
            started,
            chunks,
        })
    }

    /// A client of a server at `addr`, which has accepted its setup.
    pub(super) fn ready(addr: SocketAddr) -> Self {
        let client = Self::start(&format!("ws://{addr}"), &quick()).unwrap();
        client.until_ready();
        client
    }

    /// The first event that `pick` makes something of.
    pub(super) fn until<T>(&self, mut pick: impl FnMut(LinkEvent) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.events.recv_deadline(end) {
                Ok(event) => {
                    if let Some(picked) = pick(event) {
                        return picked;
                    }
                }
                Err(error) => panic!("the event did not come: {error}"),
            }
        }
    }

    pub(super) fn until_ready(&self) {
        self.until(|event| matches!(event, LinkEvent::Session(Event::Ready { .. })).then_some(()));
    }

    /// Why the connection ended, and whether another attempt follows.
    pub(super) fn until_down(&self) -> (String, bool) {
        self.until(|event| match event {
            LinkEvent::Down { explanation, redial_at } => Some((explanation, redial_at.is_some())),
            _ => None,
        })
    }

    pub(super) fn push(&mut self, payload: Uplink) {
        let at = FrameTime::start(Rate::UPLINK, 0);
        let captured_at = Nanos::from(self.started.elapsed());
        let _ = self.uplink.push(UplinkPacket { payload, at, captured_at });
        self.link_bell.ring();
    }

    /// Chunks numbered on, each number in all of its samples.
    pub(super) fn talk(&mut self, chunks: usize) {
        for _ in 0..chunks {
            self.push(Uplink::Audio(Samples::from_iter_max([self.chunks; CHUNK])));
            self.chunks += 1;
        }
    }

    /// What the worker is told, at once played, up to the end of the turn.
    pub(super) fn hear_turn(&mut self) -> Vec<i16> {
        let (end, mut heard) = (Instant::now() + DEADLINE, Vec::new());
        loop {
            self.my_bell.arm();
            while let Some(packet) = self.downlink.pop() {
                match packet.payload {
                    Downlink::Audio(samples) => {
                        heard.extend(samples.as_slice());
                        self.flow.release(samples.as_slice().len());
                    }
                    Downlink::TurnComplete => return heard,
                    _ => {}
                }
            }
            self.woken.recv_deadline(end).expect("the worker is woken in time");
        }
    }

    pub(super) fn close(&self) {
        self.control.send(Control::Close);
    }

    pub(super) fn say(&self, text: &str) {
        self.control.send(Control::Text(text.to_owned()));
    }

    /// How the thread ended, which it does by itself.
    pub(super) fn report(self) -> LinkReport {
        self.report.recv_timeout(DEADLINE).expect("the link thread ends in time")
    }

    /// The supervisor goes without a word.
    pub(super) fn abandon(self) -> LinkReport {
        let Self { control, report, .. } = self;
        drop(control);
        report.recv_timeout(DEADLINE).expect("the link thread ends in time")
    }

    pub(super) fn close_and_report(self) -> LinkReport {
        self.close();
        self.report()
    }
}

/// A listener on loopback and a thread that runs `script` with it.
pub(super) fn server<T: Send + 'static>(
    script: impl FnOnce(TcpListener) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    socket2::SockRef::from(&listener).set_read_timeout(Some(DEADLINE)).unwrap();
    (addr, std::thread::spawn(move || script(listener)))
}

/// The next connection, none of whose reads waits for ever; `None` where none
/// comes in time.
pub(super) fn try_accept(listener: &TcpListener) -> Option<TcpStream> {
    let (stream, _) = listener.accept().ok()?;
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    Some(stream)
}

/// The next connection.
pub(super) fn accept(listener: &TcpListener) -> TcpStream {
    try_accept(listener).expect("a connection in time")
}

/// The next connection after a setup that was accepted.
pub(super) fn accept_session(listener: &TcpListener) -> WebSocket<TcpStream> {
    let mut socket = tungstenite::accept(accept(listener)).unwrap();
    accept_setup(&mut socket);
    socket
}

pub(super) fn accept_setup<S: std::io::Read + std::io::Write>(socket: &mut WebSocket<S>) {
    assert!(socket.read().unwrap().into_text().unwrap().contains("setup"));
    socket.send(Message::binary("{\n  \"setupComplete\": {}\n}\n")).unwrap();
}

/// Reads to the end of a connection.
pub(super) fn read_out<S: std::io::Read + std::io::Write>(
    socket: &mut WebSocket<S>,
) -> Vec<Message> {
    std::iter::from_fn(|| socket.read().ok()).collect()
}

/// An authority of our own, and certificates from it.
pub(super) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    file: std::path::PathBuf,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = params.self_signed(&key).unwrap();
        let id = std::process::id();
        let file = std::env::temp_dir().join(format!("chinwag-test-{id}-{name}.pem"));
        std::fs::write(&file, certificate.pem()).unwrap();
        Self { issuer: rcgen::Issuer::new(params, key), file }
    }

    /// Settings that trust it.
    pub(super) fn trusted(&self) -> LinkSettings {
        LinkSettings { ca_file: Some(self.file.to_str().unwrap().to_owned()), ..quick() }
    }

    /// A certificate for `name` after `change`, and its key, as PEM.
    pub(super) fn issue(
        &self,
        name: &str,
        change: impl FnOnce(&mut rcgen::CertificateParams),
    ) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// What a server at `name` needs, after `change`.
    pub(super) fn server_config(
        &self,
        name: &str,
        change: impl FnOnce(&mut rcgen::CertificateParams),
    ) -> Arc<rustls::ServerConfig> {
        let (certificate, key) = self.issue(name, change);
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Arc::new(config)
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// The server's end of TLS, blocking.
pub(super) fn secure(
    config: Arc<rustls::ServerConfig>,
    stream: TcpStream,
) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(config).unwrap(), stream)
}
