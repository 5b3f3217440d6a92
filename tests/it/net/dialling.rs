//! Connections that cannot be made: each with words that say what to do.

use std::{
    io::{Read, Write},
    sync::mpsc,
};

use chinwag::{net::DialError, protocol::LinkSettings};
use tungstenite::Message;

use super::bench::{
    Authority, Client, DEADLINE, accept, accept_setup, quick, read_out, secure, server, try_accept,
};

/// What a client says whose attempts all fail; how many there were.
fn gives_up(url: &str, settings: &LinkSettings) -> (String, usize) {
    let client = Client::start(url, settings).unwrap();
    let mut attempts = 1;
    while client.until_down().1 {
        attempts += 1;
    }
    let verdict = client.report().gave_up.expect("it gave up");
    assert!(!verdict.next_step.is_empty(), "a next step after: {}", verdict.explanation);
    (verdict.explanation, attempts)
}

#[test]
fn nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let (words, attempts) = gives_up(&format!("ws://{addr}"), &quick());
    assert_eq!((words, attempts), (format!("nobody listens at {addr}"), 4));
}

#[test]
fn a_name_that_does_not_exist_is_not_found() {
    let (words, _) = gives_up("wss://no-such-host.invalid", &quick());
    assert!(words.contains("no-such-host.invalid"), "{words}");
}

/// What is said of a server that accepts and then stays silent.
fn silent(scheme: &str) -> (String, usize) {
    let (addr, _thread) = server(|listener| {
        let mut held = Vec::new();
        while let Some(stream) = try_accept(&listener) {
            held.push(stream);
        }
    });
    let settings = LinkSettings { connect_timeout_ms: 200, ..quick() };
    gives_up(&format!("{scheme}://{addr}"), &settings)
}

#[test]
fn an_upgrade_that_is_never_answered_times_out() {
    let (words, attempts) = silent("ws");
    assert_eq!((words.as_str(), attempts), ("the websocket upgrade took too long", 4));
}

#[test]
fn a_tls_handshake_that_is_never_answered_times_out() {
    let (words, attempts) = silent("wss");
    assert_eq!((words.as_str(), attempts), ("the tls handshake took too long", 4));
}

#[test]
fn a_dial_is_abandoned_at_once_when_the_end_is_asked_for() {
    let (sender, accepted) = mpsc::channel();
    let (addr, thread) = server(move |listener| {
        let mut stream = accept(&listener);
        sender.send(()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap()
    });
    let client = Client::start(&format!("ws://{addr}"), &quick()).unwrap();
    accepted.recv_timeout(DEADLINE).unwrap();
    assert_eq!(client.close_and_report().gave_up, None);
    thread.join().unwrap();
}

/// A server that answers each attempt with these bytes and hangs up.
fn answers(reply: &'static str) -> (String, usize) {
    let (addr, _thread) = server(move |listener| {
        while let Some(mut stream) = try_accept(&listener) {
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream.write_all(reply.as_bytes());
        }
    });
    gives_up(&format!("ws://{addr}"), &quick())
}

#[test]
fn each_http_status_is_explained() {
    for (status, attempts) in [(400, 1), (401, 1), (403, 1), (404, 1), (503, 4)] {
        let reply = format!("HTTP/1.1 {status} No\r\nContent-Length: 3\r\n\r\nno\n");
        let (words, tried) = answers(reply.leak());
        assert!(words.contains(&status.to_string()), "{words}");
        assert_eq!(tried, attempts, "{words}");
    }
}

#[test]
fn what_is_no_web_socket_server_is_said_to_be_none() {
    for reply in ["SSH-2.0-OpenSSH_9.9\r\n\r\n", "\0\0\0", "HTTP/1.1 101 Yes\r\n\r\n"] {
        let (words, _) = answers(reply);
        assert!(words.contains("does not speak websocket"), "{reply:?}: {words}");
    }
    let (words, _) = answers("");
    assert!(words.contains("hung up") || words.contains("reset"), "{words}");
}

#[test]
fn tls_to_a_server_without_it_is_explained() {
    let (addr, _thread) = server(|listener| {
        while let Some(mut stream) = try_accept(&listener) {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = stream.read(&mut [0; 4_096]);
        }
    });
    let (words, _) = gives_up(&format!("wss://{addr}"), &quick());
    assert!(words.contains("the tls handshake failed"), "{words}");
}

/// What is said of a TLS server with this certificate, and how often it was tried.
fn judged(
    authority: &Authority,
    name: &str,
    settings: &LinkSettings,
    change: impl FnOnce(&mut rcgen::CertificateParams),
) -> (String, usize) {
    let config = authority.server_config(name, change);
    let (addr, thread) = server(move |listener| {
        let mut tls = secure(config, accept(&listener));
        let _ = tls.read(&mut [0; 16]);
    });
    let judged = gives_up(&format!("wss://localhost:{}", addr.port()), settings);
    thread.join().unwrap();
    judged
}

#[test]
fn a_certificate_of_an_unknown_issuer_is_refused_once() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (words, attempts) = judged(&theirs, "localhost", &ours.trusted(), |_| {});
    assert!(words.contains("issued by nobody that this machine trusts"), "{words}");
    assert_eq!(attempts, 1);
}

#[test]
fn a_certificate_for_another_name_is_refused_once() {
    let authority = Authority::new("name");
    let (words, attempts) = judged(&authority, "example.com", &authority.trusted(), |_| {});
    assert_eq!(words, "the server's certificate is not for \"localhost\"");
    assert_eq!(attempts, 1);
}

#[test]
fn a_certificate_that_has_expired_is_refused_once() {
    let authority = Authority::new("expired");
    let (words, attempts) = judged(&authority, "localhost", &authority.trusted(), |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    assert_eq!(words, "the server's certificate is not valid at this time");
    assert_eq!(attempts, 1);
}

#[test]
fn a_ca_file_that_cannot_be_used_is_named() {
    let of = |path: &str| {
        let settings = LinkSettings { ca_file: Some(path.to_owned()), ..quick() };
        Client::start("wss://localhost", &settings).err().expect("an error")
    };
    let missing = of("/no/such/file.pem");
    assert!(
        matches!(missing, DialError::CaFile { .. }) && missing.to_string().contains("/no/such")
    );
    let file = std::env::temp_dir().join(format!("chinwag-test-{}-empty.pem", std::process::id()));
    std::fs::write(&file, "nothing here\n").unwrap();
    assert!(of(file.to_str().unwrap()).to_string().contains("it holds no certificate"));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn an_attempt_that_failed_does_not_keep_the_next_from_succeeding() {
    let (addr, thread) = server(|listener| {
        drop(accept(&listener));
        let mut socket = tungstenite::accept(accept(&listener)).unwrap();
        accept_setup(&mut socket);
        read_out(&mut socket)
    });
    let client = Client::start(&format!("ws://{addr}"), &quick()).unwrap();
    client.until_ready();
    assert_eq!(client.close_and_report().gave_up, None);
    assert!(matches!(thread.join().unwrap()[..], [Message::Close(_)]));
}
