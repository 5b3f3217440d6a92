//! Connections that stood and then go wrong.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::mpsc,
};

use chinwag::{
    audio::Uplink,
    link::LinkEvent,
    protocol::{Event, base64},
};
use serde_json::Value;
use tungstenite::{
    Message, WebSocket,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::bench::{
    CHUNK, Client, DEADLINE, accept, accept_session, accept_setup, read_out, server,
};

#[test]
fn garbage_costs_only_itself() {
    let (addr, thread) = server(|listener| {
        let mut socket = accept_session(&listener);
        socket.send(Message::binary(vec![0xff, 0x00, 0xfe])).unwrap();
        socket.send(Message::text("not json {{{")).unwrap();
        socket.send(Message::text(r#"{"serverContent":{"modelTurn":7}}"#)).unwrap();
        socket.send(Message::text(r#"{"goAway":{"timeLeft":"50s"}}"#)).unwrap();
        read_out(&mut socket);
    });
    let client = Client::ready(addr);
    client
        .until(|event| matches!(event, LinkEvent::Session(Event::GoingAway { .. })).then_some(()));
    let session = client.close_and_report().counters.session;
    assert_eq!(session.garbage_messages, 2);
    thread.join().unwrap();
}

/// A server that accepts a session, does `mischief` with its socket, and then
/// accepts another session.
fn survives(mischief: impl FnOnce(WebSocket<TcpStream>) + Send + 'static) -> String {
    let (addr, thread) = server(move |listener| {
        mischief(accept_session(&listener));
        let mut socket = accept_session(&listener);
        read_out(&mut socket);
    });
    let client = Client::ready(addr);
    let (words, again) = client.until_down();
    assert!(again, "{words}");
    client.until_ready();
    assert_eq!(client.close_and_report().gave_up, None);
    thread.join().unwrap();
    words
}

#[test]
fn an_end_without_a_close_frame_is_survived() {
    let words = survives(drop);
    assert!(words.contains("1006"), "{words}");
}

#[test]
fn a_frame_that_ends_in_its_middle_is_survived() {
    let words = survives(|mut socket| {
        // A binary frame of 1,000 bytes, of which 3 come.
        socket.get_mut().write_all(&[0x82, 126, 0x03, 0xe8, 1, 2, 3]).unwrap();
    });
    assert!(words.contains("without a close frame"), "{words}");
}

#[test]
fn bytes_that_are_no_frames_are_survived() {
    let words = survives(|mut socket| socket.get_mut().write_all(&[0xff; 64]).unwrap());
    assert!(words.contains("broke the websocket protocol"), "{words}");
}

#[test]
fn a_message_without_end_is_not_kept() {
    let words = survives(|mut socket| {
        // A binary frame that claims 2^40 bytes.
        let _ = socket.get_mut().write_all(&[0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0]);
        read_out(&mut socket);
    });
    assert!(words.contains("longer than 16 MiB"), "{words}");
}

#[test]
fn a_frame_that_stalls_does_not_keep_us_from_talking_or_leaving() {
    let (addr, thread) = server(|listener| {
        let mut socket = accept_session(&listener);
        socket.get_mut().write_all(&[0x82, 126, 0x03, 0xe8, 1, 2, 3]).unwrap();
        read_out(&mut socket)
    });
    let mut client = Client::ready(addr);
    client.push(Uplink::ActivityStart);
    client.talk(3);
    let report = client.close_and_report();
    assert_eq!((report.gave_up, report.counters.queue.taken_frames), (None, 3 * CHUNK as u64));
    let heard = thread.join().unwrap();
    assert_eq!(heard.iter().filter(|message| message.is_text()).count(), 5);
}

#[test]
fn the_old_socket_is_closed_before_the_next_is_opened() {
    let (addr, thread) = server(|listener| {
        let mut first = accept_session(&listener);
        first.close(Some(close(1_011, "Internal error encountered."))).unwrap();
        let second = accept(&listener);
        // By now the end of the first has arrived: nothing is waited for.
        let stream = first.get_mut();
        stream.set_nonblocking(true).unwrap();
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        let mut second = tungstenite::accept(second).unwrap();
        accept_setup(&mut second);
        read_out(&mut second);
        ended
    });
    let client = Client::ready(addr);
    client.until_down();
    client.until_ready();
    client.close_and_report();
    assert!(thread.join().unwrap().is_ok(), "the first connection was still open");
}

fn close(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame { code: CloseCode::from(code), reason: reason.into() }
}

/// What is said of a close during the talk, and whether another attempt follows.
fn closed_with(code: u16, reason: &'static str) -> (String, bool) {
    let (addr, _thread) = server(move |listener| {
        let mut socket = accept_session(&listener);
        let _ = socket.close(Some(close(code, reason)));
        read_out(&mut socket);
        drop(listener.accept());
    });
    let client = Client::ready(addr);
    let down = client.until_down();
    client.close_and_report();
    down
}

#[test]
fn each_close_code_reaches_its_verdict() {
    let cases = [
        (1_000, "", true),
        (1_001, "going away", true),
        (1_008, "The operation was aborted.", true),
        (1_008, "Your API key was reported as leaked.", false),
        (1_011, "Internal error encountered.", true),
        (1_011, "You exceeded your current quota.", false),
        (3_000, "whatever", true),
    ];
    for (code, reason, again) in cases {
        let (words, redials) = closed_with(code, reason);
        assert!(words.contains(&format!("({code}")), "{words}");
        assert!(words.contains(reason), "{words}");
        assert_eq!(redials, again, "{words}");
    }
}

#[test]
fn a_refused_setup_is_given_up_with_the_words_of_the_server() {
    let (addr, thread) = server(|listener| {
        let mut socket = tungstenite::accept(accept(&listener)).unwrap();
        socket.read().unwrap();
        let reason = "models/x is not found for API version v1beta";
        let _ = socket.close(Some(close(1_008, reason)));
        read_out(&mut socket);
    });
    let url = format!("ws://{addr}");
    let client = Client::start(&url, &super::bench::quick()).unwrap();
    let (words, again) = client.until_down();
    assert!(words.contains("models/x is not found") && !again, "{words}");
    assert!(client.report().gave_up.is_some());
    thread.join().unwrap();
}

/// The number in a chunk, if it is audio.
fn number_of(message: &Message) -> Option<i16> {
    let value: Value = serde_json::from_str(message.to_text().ok()?).ok()?;
    let data = value["realtimeInput"]["audio"]["data"].as_str()?;
    let mut bytes = Vec::new();
    assert!(base64::decode(data, &mut bytes));
    Some(i16::from_le_bytes([bytes[0], bytes[1]]))
}

#[test]
fn a_peer_that_does_not_read_loses_the_oldest_and_gets_nothing_twice() {
    const CHUNKS: usize = 2_000;
    let (resume, paused) = mpsc::channel::<()>();
    let (addr, thread) = server(move |listener| {
        // Small, so that the pause fills it: the accepted socket inherits it.
        socket2::SockRef::from(&listener).set_recv_buffer_size(4_096).unwrap();
        let mut socket = accept_session(&listener);
        paused.recv_timeout(DEADLINE).unwrap();
        read_out(&mut socket)
    });
    let mut client = Client::ready(addr);
    client.push(Uplink::ActivityStart);
    for _ in 0..CHUNKS / 100 {
        client.talk(100);
        while client.uplink.room() < 200 {
            std::thread::yield_now();
        }
    }
    client.push(Uplink::ActivityEnd);
    while client.uplink.room() < 256 {
        std::thread::yield_now();
    }
    resume.send(()).unwrap();
    let report = client.close_and_report();
    let queue = report.counters.queue;
    let messages = thread.join().unwrap();
    let numbers: Vec<i16> = messages.iter().filter_map(number_of).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "in order, none twice");
    assert_eq!(numbers.len() * CHUNK, queue.taken_frames as usize);
    let dropped = queue.overflow_frames + queue.stale_frames;
    assert!(dropped > 0, "some had to go");
    let waits = report.counters.queued_frames;
    assert_eq!(queue.taken_frames + dropped + waits, queue.pushed_frames);
    assert_eq!(queue.pushed_frames, (CHUNKS * CHUNK) as u64);
}

#[test]
fn a_peer_that_stops_reading_and_answering_does_not_hold_us_up() {
    let (done, end) = mpsc::channel::<()>();
    let (addr, thread) = server(move |listener| {
        let socket = accept_session(&listener);
        let _ = end.recv_timeout(DEADLINE);
        drop(socket);
    });
    let mut client = Client::ready(addr);
    client.push(Uplink::ActivityStart);
    client.talk(100);
    assert_eq!(client.close_and_report().gave_up, None);
    done.send(()).unwrap();
    thread.join().unwrap();
}

#[test]
fn a_supervisor_that_is_gone_ends_the_link() {
    let (addr, thread) = server(|listener| read_out(&mut accept_session(&listener)));
    let client = Client::ready(addr);
    let report = client.abandon();
    assert_eq!(report.gave_up, None);
    assert!(matches!(thread.join().unwrap()[..], [Message::Close(_)]));
}

#[test]
fn a_server_that_says_everything_byte_by_byte_is_understood() {
    let (addr, thread) = server(|listener| {
        let mut socket = accept_session(&listener);
        let text = br#"{"goAway":{"timeLeft":"50s"}}"#;
        let stream = socket.get_mut();
        stream.set_nodelay(true).unwrap();
        let header = [0x81, text.len() as u8];
        for byte in header.iter().chain(text) {
            stream.write_all(&[*byte]).unwrap();
        }
        read_out(&mut socket);
        let _ = socket.get_mut().read(&mut [0]);
    });
    let client = Client::ready(addr);
    client
        .until(|event| matches!(event, LinkEvent::Session(Event::GoingAway { .. })).then_some(()));
    client.close_and_report();
    thread.join().unwrap();
}
