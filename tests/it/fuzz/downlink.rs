//! Any server of the link: what it says, in time, with a worker that listens
//! and a user who talks meanwhile.
//!
//! Records end with 0x1e. `c` opens a connection, `d` closes it (code, space,
//! reason), `t` and digits let milliseconds pass, `w` is a worker that takes
//! what waits, `u` a user who says something, `x` one who interrupts;
//! everything else is a message.

use std::sync::Arc;

use chinwag::{
    audio::{
        Doorbell, Downlink, DownlinkPacket, Flow, FrameTime, Nanos, Rate, ReplyId, Uplink,
        UplinkPacket,
        packet::{DOWNLINK_PACKETS, Samples, UPLINK_PACKETS},
        ring::{Reader, Writer, ring},
    },
    link::{Control, Link, LinkEnds, LinkEvent, REPLY_MINUTES_MAX},
    protocol::{Close, Event, LinkSettings, Session, SessionSettings, TEXT_BYTES_MAX},
};

struct Bench {
    link: Link,
    now: Nanos,
    connected: bool,
    uplink: Writer<UplinkPacket>,
    downlink: Reader<DownlinkPacket>,
    flow: Arc<Flow>,
    /// The newest reply that was heard, and the newest that was interrupted.
    heard: ReplyId,
    interrupted: Option<ReplyId>,
    text: String,
}

/// Lets the server talk, and judges all that comes of it.
pub fn run(bytes: &[u8]) {
    let mut bench = Bench::new();
    bench.connect();
    for record in bytes.split(|byte| *byte == 0x1e) {
        let number = || std::str::from_utf8(&record[1..]).ok()?.parse::<u32>().ok();
        match record.first() {
            None => continue,
            Some(b'c') => bench.connect(),
            Some(b'd') => bench.disconnect(&record[1..]),
            Some(b'w') => bench.listen(),
            Some(b'u') => bench.talk(),
            Some(b'x') => bench.flow.cut(bench.heard),
            Some(b't') if number().is_some() => {
                bench.pass(Nanos::from_ms(number().unwrap_or(0).min(600_000).into()));
            }
            Some(_) if bench.connected => bench.link.receive(bench.now, record),
            Some(_) => {}
        }
        bench.step();
    }
    bench.link.control(bench.now, Control::Close);
    bench.step();
    bench.listen();
}

impl Bench {
    fn new() -> Self {
        let (uplink, uplink_reader) = ring(UPLINK_PACKETS);
        let (downlink_writer, downlink) = ring(DOWNLINK_PACKETS);
        let flow = Arc::new(Flow::default());
        let ends = LinkEnds {
            uplink: uplink_reader,
            downlink: downlink_writer,
            flow: flow.clone(),
            worker_bell: Arc::new(Doorbell::unanswered()),
        };
        let session = Session::new(SessionSettings::default());
        Self {
            link: Link::new(session, &LinkSettings::default(), ends, 1),
            now: Nanos::from_secs(1),
            connected: false,
            uplink,
            downlink,
            flow,
            heard: ReplyId::default(),
            interrupted: None,
            text: String::new(),
        }
    }

    fn connect(&mut self) {
        if !self.connected {
            self.connected = true;
            self.link.connected(self.now);
        }
    }

    fn disconnect(&mut self, close: &[u8]) {
        if std::mem::take(&mut self.connected) {
            let close = String::from_utf8_lossy(close);
            let (code, reason) = close.split_once(' ').unwrap_or((&close, ""));
            let close = Close::new(code.parse().unwrap_or(Close::NO_FRAME), reason);
            let _ = self.link.disconnected(self.now, close);
        }
    }

    fn pass(&mut self, time: Nanos) {
        let end = self.now + time;
        while let Some(due) = self.link.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.link.handle_deadline(self.now);
            self.step();
            let again = self.link.next_deadline();
            assert!(again.is_none_or(|again| again > due), "due again at once: {again:?}");
        }
        self.now = end;
    }

    fn talk(&mut self) {
        let audio = Uplink::Audio(Samples::from_iter_max([7; 320]));
        for payload in [Uplink::ActivityStart, audio, Uplink::ActivityEnd] {
            let at = FrameTime::start(Rate::UPLINK, 0);
            let _ = self.uplink.push(UplinkPacket { payload, at, captured_at: self.now });
        }
    }

    /// The worker takes what waits, and nothing of a reply after its end.
    fn listen(&mut self) {
        while let Some(packet) = self.downlink.pop() {
            match packet.payload {
                Downlink::Audio(samples) => {
                    let stale = self.interrupted.is_some_and(|cut| !packet.reply.is_after(cut));
                    assert!(!stale, "sound of a reply that was interrupted");
                    self.heard = packet.reply;
                    self.flow.release(samples.as_slice().len());
                }
                Downlink::Interrupted => self.interrupted = Some(packet.reply),
                Downlink::GenerationComplete | Downlink::TurnComplete => {}
            }
        }
    }

    fn step(&mut self) {
        self.link.step(self.now);
        while self.connected && self.link.poll_transmit(self.now, &mut self.text) {
            let message: serde_json::Value = serde_json::from_str(&self.text).expect("JSON");
            assert_eq!(message.as_object().map(serde_json::Map::len), Some(1), "{message}");
            self.link.transmitted(self.now);
        }
        while let Some(event) = self.link.poll_event() {
            judge(&event);
        }
        if self.link.hangs_up() {
            assert!(self.connected);
            self.disconnect(b"1006");
        }
        let held_max = u64::from(REPLY_MINUTES_MAX) * 60 * u64::from(Rate::DOWNLINK.hz());
        assert!(self.link.counters().held_frames <= held_max);
    }
}

/// No text is longer than is kept.
fn judge(event: &LinkEvent) {
    let LinkEvent::Session(event) = event else { return };
    let longest = match event {
        Event::Text { text, .. } | Event::Caption { text, .. } => text.len(),
        Event::ServerError { status, message, .. } => {
            message.len().max(status.as_ref().map_or(0, String::len))
        }
        Event::ToolCall { name, id } => name.len().max(id.as_ref().map_or(0, String::len)),
        Event::ToolCancelled { ids } => ids.iter().map(String::len).sum(),
        Event::TurnComplete { reason, .. } => reason.as_ref().map_or(0, String::len),
        Event::Ready { session_id, .. } => session_id.as_ref().map_or(0, String::len),
        _ => 0,
    };
    assert!(longest <= TEXT_BYTES_MAX, "{longest} bytes");
}
