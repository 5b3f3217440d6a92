//! What hostile input may take of memory: counted, with bounds.

use std::sync::Arc;

use chinwag::{
    audio::{
        Doorbell, Downlink, DownlinkPacket, Flow, Nanos,
        packet::{DOWNLINK_PACKETS, UPLINK_PACKETS},
        ring::{Reader, ring},
    },
    device::{flac_file, wave_file},
    link::{Link, LinkEnds},
    protocol::{Close, LinkSettings, Session, SessionSettings},
    sim::service::{Memory, Service, ServiceSettings, UpgradeRequest},
};

use super::counting::peak_bytes;

/// The longest message that the socket lets through.
const MESSAGE: usize = 16 << 20;
const MIB: usize = 1 << 20;

/// A link whose setup was accepted, and the ring of a worker that may not listen.
fn ready() -> (Link, Reader<DownlinkPacket>) {
    let (_, uplink) = ring(UPLINK_PACKETS);
    let (downlink, worker) = ring(DOWNLINK_PACKETS);
    let worker_bell = Arc::new(Doorbell::unanswered());
    let ends = LinkEnds { uplink, downlink, flow: Arc::new(Flow::default()), worker_bell };
    let session = Session::new(SessionSettings::default());
    let mut link = Link::new(session, &LinkSettings::default(), ends, 1);
    link.connected(Nanos::ZERO);
    link.receive(Nanos::ZERO, br#"{"setupComplete":{}}"#);
    while link.poll_event().is_some() {}
    (link, worker)
}

/// `before`, `item` as often as a message holds it, `after`.
fn filled(before: &str, item: &str, after: &str) -> Vec<u8> {
    let count = (MESSAGE - before.len() - after.len()) / item.len();
    [before, &item.repeat(count), after].concat().into_bytes()
}

#[test]
fn no_message_takes_many_times_its_length() {
    let part = "{\"serverContent\":{\"modelTurn\":{\"parts\":[";
    let audio = |rate: u32| {
        format!("{part}{{\"inlineData\":{{\"mimeType\":\"audio/pcm;rate={rate}\",\"data\":\"")
    };
    let messages = [
        ("parts", filled(part, "{},", "{}]}}}")),
        ("calls", filled("{\"toolCall\":{\"functionCalls\":[", "{},", "{}]}}")),
        ("arguments", filled("{\"toolCall\":{\"functionCalls\":[{\"args\":[", "[],", "0]}]}}")),
        ("ids", filled("{\"toolCallCancellation\":{\"ids\":[", "\"\",", "\"\"]}}")),
        ("something unknown", filled("{\"x\":[", "[],", "0]}")),
        ("something unknown and an error", filled("{\"goAway\":7,\"x\":[", "[],", "0]}")),
        ("fields without end", filled("{", "\"a\":0,", "\"goAway\":7}")),
        ("spaces", filled("{", " ", "}")),
        ("depth", filled("{\"serverContent\":", "[", "")),
        ("a text", filled(&format!("{part}{{\"text\":\""), "é", "\"}]}}}")),
        ("escapes", filled(&format!("{part}{{\"text\":\""), "\\u0041", "\"}]}}}")),
        (
            "a caption",
            filled("{\"serverContent\":{\"outputTranscription\":{\"text\":\"", "x", "\"}}}"),
        ),
        (
            "words",
            filled("{\"serverContent\":{\"inputTranscription\":{\"words\":[", "{},", "{}]}}}"),
        ),
        ("tokens", filled("{\"usageMetadata\":{\"promptTokensDetails\":[", "{},", "{}]}}")),
        ("a handle", filled("{\"sessionResumptionUpdate\":{\"newHandle\":\"", "x", "\"}}")),
        ("sound", filled(&audio(24_000), "AAEC", "\"}}]}}}")),
        ("sound at 8 kHz", filled(&audio(8_000), "AAEC", "\"}}]}}}")),
        ("sound at 192 kHz", filled(&audio(192_000), "AAEC", "\"}}]}}}")),
        ("what is no base64", filled(&audio(24_000), "A?-_", "\"}}]}}}")),
    ];
    for (what, message) in messages {
        let (mut link, _worker) = ready();
        let ((), peak) = peak_bytes(|| link.receive(Nanos::ZERO, &message));
        // Sound is there as bytes, as samples and as what is staged of it.
        assert!(peak <= 7 * MESSAGE, "{what}: {} MiB of {}", peak / MIB, message.len() / MIB);
        let ((), peak) = peak_bytes(|| while link.poll_event().is_some() {});
        assert!(peak <= MIB, "{what}: {peak} bytes to read the events");
    }
}

/// What a link holds at most, from when it hears `messages` in turn a hundred
/// thousand times, while nobody listens.
fn flooded(messages: &[&str]) -> usize {
    let (mut link, _worker) = ready();
    let ((), peak) = peak_bytes(|| {
        for message in messages.iter().cycle().take(100_000) {
            link.receive(Nanos::ZERO, message.as_bytes());
            link.step(Nanos::ZERO);
            while link.poll_event().is_some() {}
            if link.hangs_up() {
                let _ = link.disconnected(Nanos::ZERO, Close::new(Close::NO_FRAME, ""));
                link.connected(Nanos::ZERO);
                link.receive(Nanos::ZERO, br#"{"setupComplete":{}}"#);
            }
        }
    });
    peak
}

#[test]
fn no_flood_of_messages_is_kept_while_the_worker_does_not_listen() {
    let text = r#"{"serverContent":{"modelTurn":{"parts":[{"text":"x"}]}}}"#;
    let sound = r#"{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"AAEC"}}]}}}"#;
    let [turn, cut, done] = ["turnComplete", "interrupted", "generationComplete"]
        .map(|field| format!("{{\"serverContent\":{{\"{field}\":true}}}}"));
    let call = r#"{"toolCall":{"functionCalls":[{"id":"a","name":"f"}]}}"#;
    let floods: [&[&str]; 7] = [
        &[&turn],
        &[&cut],
        &[&done],
        &[text, &turn],
        &[text, &cut, &turn],
        &[sound, &done, &turn],
        &[call],
    ];
    for flood in floods {
        let peak = flooded(flood);
        assert!(peak <= 2 * MIB, "{flood:?}: {peak} bytes");
    }
}

#[test]
fn a_worker_that_comes_back_after_a_flood_of_interruptions_hears_of_the_last() {
    let (mut link, mut worker) = ready();
    // Fewer than end the connection.
    for _ in 0..500 {
        for field in ["\"modelTurn\":{\"parts\":[{\"text\":\"x\"}]}", "\"interrupted\":true"] {
            let message = format!("{{\"serverContent\":{{{field}}}}}");
            link.receive(Nanos::ZERO, message.as_bytes());
        }
        link.receive(Nanos::ZERO, br#"{"serverContent":{"turnComplete":true}}"#);
    }
    let mut last = None;
    for _ in 0..200 {
        link.step(Nanos::ZERO);
        while let Some(packet) = worker.pop() {
            if packet.payload == Downlink::Interrupted {
                last = Some(packet.reply.0);
            }
        }
    }
    assert_eq!(last, Some(499));
}

/// A RIFF header of so much 16 bit sound, and 96 bytes of it.
fn wave(claimed_bytes: u32, channels: u16) -> Vec<u8> {
    let (rate, frame_bytes) = (48_000_u32, channels * 2);
    let mut bytes = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0".to_vec();
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(frame_bytes)).to_le_bytes());
    bytes.extend(frame_bytes.to_le_bytes());
    bytes.extend(b"\x10\0data");
    bytes.extend(claimed_bytes.to_le_bytes());
    bytes.extend([1; 96]);
    bytes
}

#[test]
fn a_sound_file_takes_what_it_holds_and_not_what_it_claims() {
    let (read, peak) = peak_bytes(|| wave_file::read_bytes("f", &wave(0xffff_fffe, 1)));
    assert_eq!(read.unwrap().samples.len(), 48);
    assert!(peak < 4_096, "{peak} bytes");
    // A stream of 2^36 - 1 samples of 8 channels at 655 kHz, and tags of 10 MB.
    let flac = b"fLaC\0\0\0\x22\xff\xff\xff\xff\0\0\0\xff\xff\xff\x0b\xb8\x0f\xff\xff\xff\xff\xff\
                 0123456789abcdef\x84\x98\x96\x80\x70\x96\x98\0";
    let (read, peak) = peak_bytes(|| flac_file::read_bytes("f", flac));
    // What claxon admits of tags.
    assert!(read.is_err() && peak < 11 * MIB, "{read:?}, {peak} bytes");
}

#[test]
fn no_message_of_a_client_takes_many_times_its_length_of_the_simulator() {
    for (before, item, after) in [
        ("{\"setup\":{\"x\":[", "[],", "0]}}"),
        ("{\"setup\":[", "0,", "0]}"),
        ("[", "{},", "{}]"),
        ("{\"setup\":{", "\"a\":0,", "\"b\":0}}"),
        ("{\"clientContent\":{\"turns\":[", "{},", "{}]}}"),
        ("{\"setup\":{\"model\":\"", "x", "\"}}"),
    ] {
        let settings = ServiceSettings::default();
        let request = UpgradeRequest::with_key("k");
        let mut service = Service::open(&settings, &Memory::new(), &request, Nanos::ZERO).unwrap();
        let message = filled(before, item, after);
        let ((), peak) = peak_bytes(|| service.receive(Nanos::ZERO, &message));
        // A name is copied a few times before it is refused.
        assert!(peak <= 5 * MESSAGE, "{before}: {} MiB", peak / MIB);
        assert!(service.is_closed(), "{before}");
    }
}
