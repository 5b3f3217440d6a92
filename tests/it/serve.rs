//! The simulator on a socket: frames, TLS, refusals, the end.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use chinwag::{
    audio::Nanos,
    net::{
        certificate::ServerTls,
        serve::{Server, ServerEvent, ServerNews},
    },
    sim::service::{Event, Fault, Mishap, ServiceSettings, Voice, When},
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Value, json};
use tungstenite::{Bytes, Error, Message, WebSocket, client::IntoClientRequest};

const PATH: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
/// Far longer than anything here takes.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

/// Quick replies of 100 ms.
fn settings() -> ServiceSettings {
    let voice = Voice::script(vec![vec![7; 2_400]]);
    ServiceSettings { voice, think_ms: 0, ..ServiceSettings::default() }
}

fn server(settings: ServiceSettings, tls: Option<ServerTls>) -> Server {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Server::start(any, tls, settings, |_| ()).unwrap()
}

fn tcp(server: &Server) -> TcpStream {
    let tcp = TcpStream::connect(server.addr()).unwrap();
    tcp.set_read_timeout(PATIENCE).unwrap();
    tcp
}

/// Asks for `path` over any stream.
fn upgrade<S: Read + Write>(stream: S, path: &str) -> Result<WebSocket<S>, String> {
    let mut request = format!("ws://localhost{path}").into_client_request().unwrap();
    request.headers_mut().insert("x-goog-api-key", "k".parse().unwrap());
    let upgraded = tungstenite::client::client(request, stream);
    upgraded.map(|(socket, _)| socket).map_err(|error| error.to_string())
}

fn connect(server: &Server) -> WebSocket<TcpStream> {
    upgrade(tcp(server), PATH).unwrap()
}

fn say<S: Read + Write>(socket: &mut WebSocket<S>, message: &Value) {
    socket.send(Message::text(message.to_string())).unwrap();
}

/// The next message, which is JSON in a binary frame.
fn hear<S: Read + Write>(socket: &mut WebSocket<S>) -> Value {
    match socket.read().unwrap() {
        Message::Binary(bytes) => serde_json::from_slice(&bytes).unwrap(),
        other => panic!("expected a binary frame, got {other:?}"),
    }
}

/// Reads to the close frame and returns its code.
fn close_code<S: Read + Write>(socket: &mut WebSocket<S>) -> u16 {
    loop {
        if let Message::Close(frame) = socket.read().unwrap() {
            return frame.unwrap().code.into();
        }
    }
}

/// Setup, a turn in writing, and everything up to its turnComplete.
fn one_turn<S: Read + Write>(socket: &mut WebSocket<S>) {
    say(socket, &json!({"setup": {"model": "models/gemini-3.8-live"}}));
    assert!(hear(socket).get("setupComplete").is_some());
    say(
        socket,
        &json!({"clientContent": {"turnComplete": true, "turns": [
        {"role": "user", "parts": [{"text": "hi"}]}]}}),
    );
    let mut audio = 0;
    loop {
        let content = hear(socket)["serverContent"].take();
        let data = &content["modelTurn"]["parts"][0]["inlineData"]["data"];
        audio += data.as_str().map_or(0, str::len);
        if content["turnComplete"] == json!(true) {
            break;
        }
    }
    assert_eq!(audio, 6_400, "4,800 bytes as base64");
}

#[test]
fn a_turn_goes_over_a_plain_socket() {
    let server = server(settings(), None);
    let mut socket = connect(&server);
    one_turn(&mut socket);
    socket.close(None).unwrap();
    assert!(matches!(socket.read(), Ok(Message::Close(_))));
    assert!(matches!(socket.read(), Err(Error::ConnectionClosed)), "the server closes first");
}

#[test]
fn a_turn_goes_over_tls_for_a_client_that_trusts_the_certificate() {
    let tls = ServerTls::self_signed().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    let pem = CertificateDer::from_pem_slice(tls.trusted_pem().as_bytes()).unwrap();
    roots.add(pem).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = server(settings(), Some(tls));
    for name in ["localhost", "127.0.0.1"] {
        let name = name.to_owned().try_into().unwrap();
        let session = rustls::ClientConnection::new(Arc::new(config.clone()), name).unwrap();
        let stream = rustls::StreamOwned::new(session, tcp(&server));
        one_turn(&mut upgrade(stream, PATH).unwrap());
    }
}

#[test]
fn messages_may_come_in_binary_frames_and_pings_are_answered() {
    let server = server(settings(), None);
    let mut socket = connect(&server);
    socket.send(Message::Ping(Bytes::from_static(b"there?"))).unwrap();
    assert!(matches!(socket.read().unwrap(), Message::Pong(bytes) if bytes == "there?"));
    let setup = json!({"setup": {"model": "models/gemini-3.8-live"}}).to_string();
    socket.send(Message::binary(setup)).unwrap();
    assert!(hear(&mut socket).get("setupComplete").is_some());
}

#[test]
fn a_refused_upgrade_has_its_http_status() {
    let server = server(settings(), None);
    assert!(upgrade(tcp(&server), "/nothing/here").unwrap_err().contains("404"));
    let request = format!("ws://localhost{PATH}").into_client_request().unwrap();
    let error = tungstenite::client::client(request, tcp(&server)).unwrap_err().to_string();
    assert!(error.contains("403"), "without a key: {error}");
}

#[test]
fn what_the_service_refuses_is_a_close_frame() {
    let server = server(settings(), None);
    let mut socket = connect(&server);
    say(&mut socket, &json!({"setup": {"model": "models/none-such"}}));
    assert_eq!(close_code(&mut socket), 1008);
}

#[test]
fn a_message_over_16_mib_ends_the_connection_and_not_the_server() {
    let server = server(settings(), None);
    let mut socket = connect(&server);
    let big = Message::binary(vec![b' '; (16 << 20) + 1]);
    // The server may be gone before it is all written.
    let _ = socket.send(big);
    while socket.read().is_ok() {}
    one_turn(&mut connect(&server));
}

#[test]
fn an_abort_comes_without_a_close_frame() {
    let faults = vec![Fault::new(When::Sent(2), Mishap::Abort)];
    let server = server(ServiceSettings { faults, ..settings() }, None);
    let mut socket = connect(&server);
    say(&mut socket, &json!({"setup": {"model": "models/gemini-3.8-live"}}));
    hear(&mut socket);
    say(&mut socket, &json!({"realtimeInput": {"text": "hi"}}));
    hear(&mut socket);
    assert!(!matches!(socket.read(), Ok(Message::Close(_))));
}

#[test]
fn go_away_is_kept_to_while_nothing_else_happens() {
    let go_away_after = Some(Nanos::from_ms(50));
    let go_away_left = Nanos::from_ms(100);
    let server = server(ServiceSettings { go_away_after, go_away_left, ..settings() }, None);
    let mut socket = connect(&server);
    assert_eq!(hear(&mut socket)["goAway"]["timeLeft"], json!("0.100s"));
    assert_eq!(close_code(&mut socket), 1011);
}

#[test]
fn a_session_is_resumed_on_another_connection() {
    let server = server(settings(), None);
    let mut socket = connect(&server);
    say(
        &mut socket,
        &json!({"setup": {"model": "models/gemini-3.8-live", "sessionResumption": {}}}),
    );
    say(&mut socket, &json!({"realtimeInput": {"text": "hi"}}));
    let handle = loop {
        if let Value::String(handle) =
            hear(&mut socket)["sessionResumptionUpdate"]["newHandle"].take()
        {
            break handle;
        }
    };
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    let mut socket = connect(&server);
    let resumption = json!({"handle": handle});
    say(
        &mut socket,
        &json!({"setup":
        {"model": "models/gemini-3.8-live", "sessionResumption": resumption}}),
    );
    assert!(hear(&mut socket).get("setupComplete").is_some());
}

#[test]
fn connections_beyond_the_limit_are_refused_and_counted() {
    let server = server(settings(), None);
    let mut sockets: Vec<_> = (0..64).map(|_| connect(&server)).collect();
    assert!(upgrade(tcp(&server), PATH).is_err());
    assert_eq!(server.refused(), 1);
    one_turn(&mut sockets[0]);
}

#[test]
fn stopping_closes_every_connection_and_tells_of_it() {
    let events = Arc::new(Mutex::new(Vec::<ServerEvent>::new()));
    let seen = Arc::clone(&events);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::start(any, None, settings(), move |event| {
        seen.lock().unwrap().push(event);
    })
    .unwrap();
    let addr = server.addr();
    let mut socket = connect(&server);
    one_turn(&mut socket);
    let unfinished = tcp(&server);
    let stop = std::thread::spawn(move || server.stop());
    assert_eq!(close_code(&mut socket), 1001);
    while socket.read().is_ok() {}
    stop.join().unwrap();
    drop(unfinished);
    assert!(TcpStream::connect(addr).is_err(), "nobody listens any more");
    let events = events.lock().unwrap();
    let is_path =
        |what: &ServerNews| matches!(what, ServerNews::Connected { path, .. } if path == PATH);
    assert!(is_path(&events[0].what), "{:?}", events[0]);
    let told =
        |wanted: &Event| events.iter().any(|e| e.what == ServerNews::Service(wanted.clone()));
    assert!(told(&Event::TurnCompleted { reply_secs: 0.1, parts: 1 }), "{events:?}");
}

/// Sends a ping and waits for its pong; what else came before it.
fn ping<S: Read + Write>(socket: &mut WebSocket<S>) -> Vec<Value> {
    socket.send(Message::Ping(Bytes::from_static(b"!"))).unwrap();
    let mut before = Vec::new();
    loop {
        match socket.read().unwrap() {
            Message::Pong(payload) => {
                assert_eq!(payload, Bytes::from_static(b"!"));
                return before;
            }
            Message::Binary(bytes) => before.push(serde_json::from_slice(&bytes).unwrap()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_pong_can_come_late_while_the_conversation_goes_on() {
    let slow = Mishap::SlowPong(Nanos::from_ms(700));
    let faults = vec![Fault::new(When::Sent(1), slow)];
    let server = server(ServiceSettings { faults, ..settings() }, None);
    let mut socket = connect(&server);
    one_turn(&mut socket);
    say(&mut socket, &json!({"clientContent": {"turns": [{"parts": [{"text": "on"}]}]}}));
    say(&mut socket, &json!({"clientContent": {"turnComplete": true}}));
    let before = ping(&mut socket);
    let complete = |message: &Value| message["serverContent"]["turnComplete"] == json!(true);
    assert!(before.iter().any(complete), "the turn ends first: {before:?}");
}

#[test]
fn a_deaf_service_reads_what_was_said_when_it_hears_again() {
    let faults = vec![Fault::new(When::Sent(1), Mishap::Deaf(Nanos::from_ms(300)))];
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let settings = ServiceSettings { faults, ..settings() };
    let server =
        Server::start(any, None, settings, move |event| seen.lock().unwrap().push(event)).unwrap();
    let mut socket = connect(&server);
    one_turn(&mut socket);
    let at = |is: fn(&Event) -> bool| {
        let events = events.lock().unwrap();
        let mut told = events.iter().filter_map(|event: &ServerEvent| match &event.what {
            ServerNews::Service(what) if is(what) => Some(event.at),
            _ => None,
        });
        told.next().unwrap()
    };
    let ready = at(|event| matches!(event, Event::Ready { .. }));
    let heard = at(|event| matches!(event, Event::TurnEnded { .. }));
    assert!(heard.since(ready) >= Nanos::from_ms(300), "{ready:?} {heard:?}");
}
