//! Servers, and clients of the simulator, that mean harm.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

use chinwag::{
    audio::Uplink,
    link::LinkEvent,
    net::serve::{Server, ServerEvent, ServerNews},
    protocol::{Event, LinkSettings},
    sim::service::ServiceSettings,
};
use tungstenite::{
    Message, WebSocket,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::bench::{
    Client, DEADLINE, accept, accept_session, accept_setup, quick, read_out, server, try_accept,
};

/// What the clients here dial with.
const KEY: &str = "secret-key";
/// So many at once that a peer which is read slowly is never caught up with.
const STORM: usize = 32 << 10;

/// The chunks that a server gets to hear while it sends `frames` without end.
fn heard_through(first: &'static [u8], frames: &'static [u8]) -> usize {
    const CHUNKS: usize = 25;
    let (sender, heard) = mpsc::channel();
    let (addr, thread) = server(move |listener| {
        let mut socket = accept_session(&listener);
        let mut storm = socket.get_ref().try_clone().unwrap();
        let blowing = thread::spawn(move || {
            let _ = storm.write_all(first);
            let gust = frames.repeat(STORM);
            while storm.write_all(&gust).is_ok() {}
        });
        while let Ok(message) = socket.read() {
            if message.is_text() && message.to_text().unwrap().contains("audio") {
                sender.send(()).unwrap();
            }
        }
        drop(socket);
        blowing.join().unwrap();
    });
    let mut client = Client::ready(addr);
    client.push(Uplink::ActivityStart);
    client.talk(CHUNKS);
    let chunks = (0..CHUNKS).take_while(|_| heard.recv_timeout(DEADLINE).is_ok()).count();
    assert_eq!(client.close_and_report().gave_up, None);
    thread.join().unwrap();
    chunks
}

#[test]
fn a_storm_of_pings_does_not_keep_us_from_talking_or_leaving() {
    assert_eq!(heard_through(&[], &[0x89, 0]), 25);
}

#[test]
fn a_message_of_empty_fragments_without_end_does_not_either() {
    assert_eq!(heard_through(&[0x02, 0], &[0x00, 0]), 25);
}

#[test]
fn a_storm_of_empty_messages_does_not_either() {
    assert_eq!(heard_through(&[], &[0x82, 0]), 25);
}

#[test]
fn turns_without_end_that_nobody_hears_end_the_connection() {
    let (addr, thread) = server(|listener| {
        let mut socket = accept_session(&listener);
        let turn = Message::text(r#"{"serverContent":{"turnComplete":true}}"#);
        while socket.send(turn.clone()).is_ok() {}
        drop(listener.accept());
    });
    let client = Client::ready(addr);
    let (words, again) = client.until_down();
    assert!(words.contains("more turns than can be heard") && again, "{words}");
    client.close_and_report();
    drop(thread);
}

#[test]
fn nesting_without_end_is_garbage_and_the_talk_goes_on() {
    let (addr, thread) = server(|listener| {
        let mut socket = accept_session(&listener);
        for open in ["[", "{\"a\":", "{\"serverContent\":{\"modelTurn\":{\"parts\":["] {
            let deep = format!("{{\"serverContent\":{}", open.repeat(100_000));
            socket.send(Message::text(deep)).unwrap();
        }
        socket.send(Message::text(r#"{"goAway":{"timeLeft":"50s"}}"#)).unwrap();
        read_out(&mut socket);
    });
    let client = Client::ready(addr);
    client
        .until(|event| matches!(event, LinkEvent::Session(Event::GoingAway { .. })).then_some(()));
    assert_eq!(client.close_and_report().counters.session.garbage_messages, 3);
    thread.join().unwrap();
}

/// What a client says of a server that answers its upgrade with this, byte by
/// byte where it is `slow`.
fn answered(settings: &LinkSettings, slow: bool, reply: String) -> String {
    let (addr, _thread) = server(move |listener| {
        while let Some(mut stream) = try_accept(&listener) {
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream.set_nodelay(true);
            let step = if slow { 1 } else { reply.len() };
            for bytes in reply.as_bytes().chunks(step) {
                if stream.write_all(bytes).is_err() {
                    break;
                }
                // The client's deadline is what ends it.
                let pause = std::time::Duration::from_millis(u64::from(slow) * 20);
                thread::sleep(pause);
            }
        }
    });
    let client = Client::start(&format!("ws://{addr}"), settings).unwrap();
    let (words, _) = client.until_down();
    client.close_and_report();
    words
}

#[test]
fn an_answer_to_the_upgrade_has_a_size_a_number_of_headers_and_a_time() {
    let head = "HTTP/1.1 101 Switching Protocols\r\n";
    let long = answered(&quick(), false, format!("{head}X: {}", "x".repeat(80 << 10)));
    assert!(long.contains("does not speak websocket"), "{long}");
    let many = answered(&quick(), false, format!("{head}{}\r\n", "A: b\r\n".repeat(200)));
    assert!(many.contains("does not speak websocket"), "{many}");
    let impatient = LinkSettings { connect_timeout_ms: 300, ..quick() };
    let slow = answered(&impatient, true, format!("{head}X: {}", "x".repeat(4_096)));
    assert_eq!(slow, "the websocket upgrade took too long");
}

#[test]
fn a_redirect_is_followed_nowhere() {
    let elsewhere = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let to = elsewhere.local_addr().unwrap();
    for status in [301, 302, 303, 307, 308] {
        let reply = format!(
            "HTTP/1.1 {status} Elsewhere\r\nLocation: ws://{to}/\r\nContent-Length: 0\r\n\r\n"
        );
        let words = answered(&quick(), false, reply);
        assert!(words.contains(&format!("http {status}")), "{words}");
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn nothing_compressed_is_asked_for_or_taken() {
    let (sender, asked) = mpsc::channel();
    let (addr, thread) = server(move |listener| {
        // The error is tungstenite's own type.
        #[allow(clippy::result_large_err)]
        let look = |request: &tungstenite::handshake::server::Request, response| {
            let names: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
            sender.send(names).unwrap();
            Ok(response)
        };
        let mut socket = tungstenite::accept_hdr(accept(&listener), look).unwrap();
        accept_setup(&mut socket);
        // A text frame with the bit that says it is deflated.
        socket.get_mut().write_all(&[0xc1, 2, 0x4b, 0x04]).unwrap();
        read_out(&mut accept_session(&listener));
    });
    let client = Client::ready(addr);
    assert!(!asked.recv_timeout(DEADLINE).unwrap().iter().any(|n| n.contains("extensions")));
    let (words, _) = client.until_down();
    assert!(words.contains("broke the websocket protocol"), "{words}");
    client.until_ready();
    client.close_and_report();
    thread.join().unwrap();
}

/// What is said of a server that does this to a session.
fn said_of(mischief: impl FnOnce(&mut WebSocket<TcpStream>) + Send + 'static) -> String {
    let (addr, _thread) = server(move |listener| {
        mischief(&mut accept_session(&listener));
        drop(listener.accept());
    });
    let client = Client::ready(addr);
    let (words, _) = client.until_down();
    client.close_and_report();
    words
}

#[test]
fn a_close_reason_has_the_length_that_the_protocol_gives_it() {
    let words = said_of(|socket| {
        let mut frame = vec![0x88, 126, 1, 0, 0x03, 0xe8];
        frame.extend([b'x'; 254]);
        socket.get_mut().write_all(&frame).unwrap();
        read_out(socket);
    });
    assert!(words.contains("broke the websocket protocol") && words.len() < 300, "{words}");
}

#[test]
fn a_key_that_the_server_repeats_is_blacked_out() {
    let words = said_of(|socket| {
        let reason = format!("API key {KEY} not valid").into();
        let _ = socket.close(Some(CloseFrame { code: CloseCode::Policy, reason }));
        read_out(socket);
    });
    assert!(words.contains("API key … not valid") && !words.contains(KEY), "{words}");

    let refused = format!("HTTP/1.1 400 {KEY}\r\nX: {KEY}\r\nContent-Length: 10\r\n\r\n{KEY}");
    let words = answered(&quick(), false, refused);
    assert!(words.contains("http 400") && !words.contains(KEY), "{words}");

    let (addr, thread) = server(|listener| {
        let mut socket = accept_session(&listener);
        let error = format!(r#"{{"error":{{"code":3,"message":"bad {KEY}","status":"{KEY}"}}}}"#);
        socket.send(Message::text(error.clone())).unwrap();
        socket.send(Message::binary(error)).unwrap();
        read_out(&mut socket);
    });
    let client = Client::ready(addr);
    for _ in 0..2 {
        let (status, message) = client.until(|event| match event {
            LinkEvent::Session(Event::ServerError { status, message, .. }) => {
                Some((status, message))
            }
            _ => None,
        });
        assert_eq!((status.as_deref(), message.as_str()), (Some("…"), "bad …"));
    }
    client.close_and_report();
    thread.join().unwrap();
}

/// A simulator, and what it says of refused callers.
fn simulator() -> (Server, mpsc::Receiver<String>) {
    let (sender, refused) = mpsc::channel();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let tell = move |event: ServerEvent| {
        if let ServerNews::Refused { reason } = event.what {
            let _ = sender.send(reason);
        }
    };
    (Server::start(any, None, ServiceSettings::default(), tell).unwrap(), refused)
}

#[test]
fn a_caller_of_the_simulator_has_a_size_too() {
    let (server, refused) = simulator();
    for request in [
        format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(80 << 10)),
        format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(200)),
    ] {
        let mut stream = TcpStream::connect(server.addr()).unwrap();
        let _ = stream.write_all(request.as_bytes());
        refused.recv_timeout(DEADLINE).expect("it is refused");
    }
    assert_eq!(server.refused(), 2);
    server.stop();
}

#[test]
fn a_caller_who_storms_the_simulator_does_not_keep_it_from_ending() {
    let (server, _refused) = simulator();
    let url = format!(
        "ws://{}/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=k",
        server.addr()
    );
    let stream = TcpStream::connect(server.addr()).unwrap();
    let (mut socket, _) = tungstenite::client(url, stream).unwrap();
    let blown = Arc::new(AtomicBool::new(false));
    let blowing = thread::spawn({
        let blown = blown.clone();
        move || {
            // Masked with zeros: a binary message that begins, then empty parts of it.
            let stream = socket.get_mut();
            let _ = stream.write_all(&[0x02, 0x80, 0, 0, 0, 0]);
            let gust = [0x00, 0x80, 0, 0, 0, 0].repeat(STORM);
            while stream.write_all(&gust).is_ok() {
                blown.store(true, Relaxed);
            }
        }
    });
    while !blown.load(Relaxed) {
        thread::yield_now();
    }
    server.stop();
    blowing.join().unwrap();
}
