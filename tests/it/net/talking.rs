//! Conversations that go well.

use std::{io::Write, net::SocketAddr, sync::mpsc};

use chinwag::{
    audio::{Uplink, packet::Samples},
    link::LinkEvent,
    net::{
        certificate::ServerTls,
        serve::{Server, ServerEvent, ServerNews},
    },
    protocol::{Event, LinkSettings},
    sim::service::{Event as ServiceEvent, ServiceSettings, Voice},
};
use serde_json::{Value, json};
use tungstenite::Message;

use super::bench::{
    Authority, CHUNK, Client, DEADLINE, accept, accept_session, accept_setup, quick, read_out,
    secure, server,
};

fn whole_turn(
    url_of: impl Fn(SocketAddr) -> String,
    tls: Option<ServerTls>,
    settings: &LinkSettings,
) {
    let voice = Voice::Tone { hz: 440.0, ms: 1_500 };
    let service = ServiceSettings { voice, burst: 50.0, think_ms: 1, ..ServiceSettings::default() };
    let (sender, events) = mpsc::channel::<ServerEvent>();
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = Server::start(listen, tls, service, move |event| _ = sender.send(event)).unwrap();
    let mut client = Client::start(&url_of(server.addr()), settings).unwrap();
    client.until_ready();
    client.push(Uplink::ActivityStart);
    for _ in 0..25 {
        let voice = (0..CHUNK).map(|i| if i % 80 < 40 { 8_000 } else { -8_000 });
        client.push(Uplink::Audio(Samples::from_iter_max(voice)));
    }
    client.push(Uplink::ActivityEnd);
    let reply = client.hear_turn();
    assert_eq!(reply.len(), 36_000, "1.5 s at 24 kHz");
    assert!(reply.iter().any(|sample| sample.unsigned_abs() > 5_000), "it is a tone");
    let since_end = client.until(|event| match event {
        LinkEvent::ReplyStarted { since_turn_end, .. } => since_turn_end,
        _ => None,
    });
    assert!(since_end.as_ms() < DEADLINE.as_millis() as f64);
    let report = client.close_and_report();
    assert_eq!(report.gave_up, None);
    assert_eq!(report.capture_to_wire.count(), 25);
    assert_eq!(report.counters.queue.taken_frames, 25 * CHUNK as u64);
    assert_eq!((report.events_refused, report.counters.refused_items), (0, 0));
    let closed = std::iter::from_fn(|| events.recv_timeout(DEADLINE).ok()).find_map(|event| {
        match event.what {
            ServerNews::Service(ServiceEvent::Closed { code, by_client, .. }) => {
                Some((code, by_client))
            }
            _ => None,
        }
    });
    assert_eq!(closed, Some((1_000, true)));
}

#[test]
fn a_turn_goes_up_and_its_reply_comes_down() {
    whole_turn(|addr| format!("ws://{addr}"), None, &quick());
}

#[test]
fn a_turn_goes_up_and_its_reply_comes_down_through_tls() {
    let authority = Authority::new("turn");
    let (certificate, key) = authority.issue("localhost", |_| {});
    let tls = ServerTls::from_pem(&certificate, &key).unwrap();
    let url_of = |addr: SocketAddr| format!("wss://localhost:{}", addr.port());
    whole_turn(url_of, Some(tls), &authority.trusted());
}

#[test]
fn the_key_travels_in_a_header_and_not_in_the_url() {
    use tungstenite::handshake::server::{Request, Response};
    let (addr, thread) = server(|listener| {
        let mut asked = None;
        #[expect(clippy::result_large_err, reason = "the callback's own type")]
        let note = |request: &Request, response: Response| {
            asked = Some((request.uri().to_string(), request.headers().clone()));
            Ok(response)
        };
        let mut socket = tungstenite::accept_hdr(accept(&listener), note).unwrap();
        accept_setup(&mut socket);
        read_out(&mut socket);
        asked.unwrap()
    });
    assert_eq!(Client::ready(addr).close_and_report().gave_up, None);
    let (uri, headers) = thread.join().unwrap();
    assert!(uri.ends_with("GenerativeService.BidiGenerateContent"), "{uri}");
    assert_eq!(headers["x-goog-api-key"], "secret-key");
}

/// Captions that arrive in one burst and are followed by silence.
fn burst(count: usize) -> Vec<Message> {
    let caption = |i| json!({"serverContent": {"outputTranscription": {"text": format!("{i}")}}});
    (0..count).map(|i| Message::text(caption(i).to_string())).collect()
}

fn await_burst(client: &Client, count: usize) {
    let mut next = 0;
    client.until(|event| {
        if let LinkEvent::Session(Event::Caption { text, .. }) = event {
            assert_eq!(text, next.to_string());
            next += 1;
        }
        (next == count).then_some(())
    });
}

#[test]
fn nothing_of_a_burst_is_left_in_a_buffer() {
    let (addr, thread) = server(|listener| {
        let mut socket = accept_session(&listener);
        for message in burst(300) {
            socket.write(message).unwrap();
        }
        socket.flush().unwrap();
        read_out(&mut socket);
    });
    let client = Client::ready(addr);
    await_burst(&client, 300);
    client.close_and_report();
    thread.join().unwrap();
}

#[test]
fn nothing_of_a_burst_is_left_in_a_buffer_of_tls() {
    let authority = Authority::new("burst");
    let config = authority.server_config("localhost", |_| {});
    let (addr, thread) = server(move |listener| {
        let mut socket = tungstenite::accept(secure(config, accept(&listener))).unwrap();
        accept_setup(&mut socket);
        for message in burst(300) {
            socket.write(message).unwrap();
        }
        socket.flush().unwrap();
        read_out(&mut socket);
    });
    let url = format!("wss://localhost:{}", addr.port());
    let client = Client::start(&url, &authority.trusted()).unwrap();
    await_burst(&client, 300);
    client.close_and_report();
    thread.join().unwrap();
}

#[test]
fn an_idle_link_pings_and_a_ping_is_answered() {
    let (addr, thread) = server(|listener| {
        let mut socket = accept_session(&listener);
        socket.send(Message::Ping("are you there".into())).unwrap();
        let (mut pinged, mut answered) = (false, false);
        while !(pinged && answered) {
            match socket.read().unwrap() {
                Message::Ping(_) => pinged = true,
                Message::Pong(bytes) => answered |= bytes.as_ref() == b"are you there",
                other => panic!("unexpected {other}"),
            }
        }
        socket.send(Message::text(burst(1).remove(0).into_text().unwrap())).unwrap();
        read_out(&mut socket);
    });
    let settings = LinkSettings { ping_ms: 50, ..quick() };
    let client = Client::start(&format!("ws://{addr}"), &settings).unwrap();
    await_burst(&client, 1);
    client.close_and_report();
    thread.join().unwrap();
}

#[test]
fn a_text_is_sent_and_a_close_waits_for_what_is_queued() {
    let (addr, thread) = server(|listener| {
        let mut socket = accept_session(&listener);
        read_out(&mut socket)
    });
    let mut client = Client::ready(addr);
    client.push(Uplink::ActivityStart);
    client.talk(5);
    client.say("good bye");
    let report = client.close_and_report();
    assert_eq!(report.gave_up, None);
    let messages = thread.join().unwrap();
    let (close, texts) = messages.split_last().unwrap();
    let texts: Vec<Value> = texts
        .iter()
        .map(|message| serde_json::from_str(message.to_text().unwrap()).unwrap())
        .collect();
    assert_eq!(texts.len(), 8, "start, 5 chunks, text, end: {texts:?}");
    assert!(texts.iter().any(|text| text.to_string().contains("good bye")));
    assert!(texts[7]["realtimeInput"]["activityEnd"].is_object());
    let Message::Close(Some(frame)) = close else { panic!("{close:?}") };
    assert_eq!(u16::from(frame.code), 1_000);
}

#[test]
fn a_fragmented_message_is_read_whole() {
    let (addr, thread) = server(|listener| {
        let mut socket = accept_session(&listener);
        let text = burst(1).remove(0).into_text().unwrap();
        let (head, tail) = text.as_str().split_at(10);
        let stream = socket.get_mut();
        // RFC 6455, 5.4: a text frame without FIN, an empty one, the last one.
        for (bits, part) in [(0x01, head), (0x00, ""), (0x80, tail)] {
            stream.write_all(&[bits, part.len() as u8]).unwrap();
            stream.write_all(part.as_bytes()).unwrap();
        }
        read_out(&mut socket);
    });
    let client = Client::ready(addr);
    await_burst(&client, 1);
    client.close_and_report();
    thread.join().unwrap();
}
