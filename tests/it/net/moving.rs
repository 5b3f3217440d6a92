//! From one connection to the next over real sockets, while the user talks.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use chinwag::{
    audio::{Nanos, Uplink},
    link::LinkEvent,
    protocol::{LinkSettings, Recall, base64},
};
use serde_json::Value;
use tungstenite::{Message, WebSocket, protocol::frame::coding::CloseCode};

use super::bench::{Authority, Client, accept, quick, read_out, secure, server};

/// The samples of all audio messages, one after another.
fn audio(messages: &[Message]) -> Vec<i16> {
    let (mut samples, mut bytes) = (Vec::new(), Vec::new());
    for message in messages.iter().filter(|message| message.is_text()) {
        let value: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        if let Some(data) = value["realtimeInput"]["audio"]["data"].as_str() {
            assert!(base64::decode(data, &mut bytes));
            let pairs = bytes.chunks_exact(2);
            samples.extend(pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
        }
    }
    samples
}

fn count(messages: &[Message], kind: &str) -> usize {
    messages.iter().filter(|message| message.to_text().is_ok_and(|m| m.contains(kind))).count()
}

/// The handle in the setup, which is accepted.
fn accept_setup<S: Read + Write>(socket: &mut WebSocket<S>) -> Option<String> {
    let setup: Value = serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap();
    socket.send(Message::binary(r#"{"setupComplete":{}}"#)).unwrap();
    setup["setup"]["sessionResumption"]["handle"].as_str().map(str::to_owned)
}

/// A server that gives a handle and tells to go, and then takes the session up
/// again; what each connection got.
fn two_connections<S: Read + Write>(
    mut next: impl FnMut() -> WebSocket<S>,
) -> (Vec<Message>, Option<String>, Vec<Message>) {
    let mut first = next();
    assert_eq!(accept_setup(&mut first), None);
    let handle = r#"{"sessionResumptionUpdate":{"newHandle":"the-handle","resumable":true}}"#;
    first.send(Message::text(handle)).unwrap();
    first.send(Message::text(r#"{"goAway":{"timeLeft":"1s"}}"#)).unwrap();
    // Up to its very end: a client that dials while it stands waits for us.
    let sent_first = read_out(&mut first);
    let mut second = next();
    let handle = accept_setup(&mut second);
    (sent_first, handle, read_out(&mut second))
}

/// Talks in real time, a chunk each 20 ms, right through a switch.
fn talk_through_a_switch(url: &str, settings: &LinkSettings) -> (Vec<i16>, Nanos) {
    let mut client = Client::start(url, settings).unwrap();
    client.until_ready();
    client.push(Uplink::ActivityStart);
    let (mut chunks, mut gap) = (0, None);
    let mut after = 10;
    while after > 0 {
        client.talk(1);
        chunks += 1;
        // The microphone's own pace.
        thread::sleep(Duration::from_millis(20));
        for event in client.events.try_iter() {
            if let LinkEvent::Back { gap: told, planned, recall } = event {
                assert_eq!((planned, recall), (true, Recall::Whole));
                gap = Some(told);
            }
        }
        after -= usize::from(gap.is_some());
        assert!(chunks < 1_500, "no switch within 30 s");
    }
    client.push(Uplink::ActivityEnd);
    let report = client.close_and_report();
    assert_eq!((report.gave_up, report.counters.switches), (None, 1));
    let queue = report.counters.queue;
    assert_eq!(queue.overflow_frames + queue.stale_frames + queue.forgotten_frames, 0);
    let said = (0..chunks).flat_map(|number| [number as i16; super::bench::CHUNK]).collect();
    (said, gap.unwrap())
}

fn assert_every_sample_arrived(
    (said, gap): (Vec<i16>, Nanos),
    (first, handle, second): (Vec<Message>, Option<String>, Vec<Message>),
) {
    assert_eq!(handle.as_deref(), Some("the-handle"));
    let Some(Message::Close(Some(frame))) = first.last() else { panic!("{:?}", first.last()) };
    assert_eq!(frame.code, CloseCode::Normal);
    let before = audio(&first);
    assert!(!before.is_empty() && before.len() < said.len() && said.starts_with(&before));
    assert_eq!(count(&first, "activityEnd"), 0);
    // The new connection has the whole window, from its first sample on.
    assert!(audio(&second) == said, "{} of {} samples", audio(&second).len(), said.len());
    assert_eq!((count(&second, "activityStart"), count(&second, "activityEnd")), (1, 1));
    println!("{} samples said through a gap of {:.1} ms", said.len(), gap.as_ms());
}

#[test]
fn every_sample_said_through_a_planned_switch_arrives() {
    let (addr, thread) =
        server(|listener| two_connections(|| tungstenite::accept(accept(&listener)).unwrap()));
    let talked = talk_through_a_switch(&format!("ws://{addr}"), &quick());
    assert_every_sample_arrived(talked, thread.join().unwrap());
}

#[test]
fn every_sample_said_through_a_planned_switch_arrives_through_tls() {
    let authority = Authority::new("moving");
    let config = authority.server_config("localhost", |_| {});
    let (addr, thread): (SocketAddr, _) = server(move |listener| {
        let next = || secure(config.clone(), accept(&listener) as TcpStream);
        two_connections(|| tungstenite::accept(next()).unwrap())
    });
    let url = format!("wss://localhost:{}", addr.port());
    let talked = talk_through_a_switch(&url, &authority.trusted());
    assert_every_sample_arrived(talked, thread.join().unwrap());
}
