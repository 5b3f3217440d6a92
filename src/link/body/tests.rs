//! Timelines of the whole link: messages and packets in, messages, packets
//! and decisions out.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::{Value, json};

use super::*;
use crate::{
    audio::{
        FrameTime, Uplink as Up, Wake,
        flow::PLAYOUT_FRAMES,
        packet::{DOWNLINK_PACKETS, Samples, UPLINK_PACKETS},
        ring::ring,
    },
    protocol::{ActivityDetection, SessionSettings, base64},
};

#[derive(Clone, Default)]
struct Bell(Arc<AtomicUsize>);

impl Wake for Bell {
    fn wake(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A link, and the worker's ends of its rings.
struct Bench {
    link: Link,
    uplink: Writer<UplinkPacket>,
    downlink: Reader<DownlinkPacket>,
    flow: Arc<Flow>,
    bell: Arc<Doorbell>,
    rung: Bell,
    now: Nanos,
    out: String,
}

impl Bench {
    fn new() -> Self {
        let settings = SessionSettings {
            activity_detection: Some(ActivityDetection::Manual),
            ..SessionSettings::default()
        };
        let (uplink, uplink_reader) = ring(UPLINK_PACKETS);
        let (downlink_writer, downlink) = ring(DOWNLINK_PACKETS);
        let (flow, rung) = (Arc::new(Flow::default()), Bell::default());
        let bell = Arc::new(Doorbell::new(rung.clone()));
        let ends = LinkEnds {
            uplink: uplink_reader,
            downlink: downlink_writer,
            flow: flow.clone(),
            worker_bell: bell.clone(),
        };
        let link = Link::new(Session::new(settings), &LinkSettings::default(), ends, 1);
        let now = Nanos::from_secs(1);
        Self { link, uplink, downlink, flow, bell, rung, now, out: String::new() }
    }

    /// Connected, and the setup accepted.
    fn ready() -> Self {
        let mut bench = Self::new();
        bench.connect();
        bench
    }

    fn connect(&mut self) {
        self.link.connected(self.now);
        assert!(self.sent().pop().unwrap()["setup"].is_object());
        self.say(&json!({"setupComplete": {}}));
    }

    fn say(&mut self, message: &Value) {
        self.link.receive(self.now, message.to_string().as_bytes());
    }

    fn content(&mut self, content: &Value) {
        self.say(&json!({"serverContent": content}));
    }

    fn speak(&mut self, samples: &[i16]) {
        let mut data = String::new();
        base64::append_pcm(samples, &mut data);
        let blob = json!({"mimeType": "audio/pcm;rate=24000", "data": data});
        self.content(&json!({"modelTurn": {"parts": [{"inlineData": blob}]}}));
    }

    fn push(&mut self, payload: Up) {
        let at = FrameTime::start(Rate::UPLINK, 0);
        self.uplink.push(UplinkPacket { payload, at, captured_at: self.now }).unwrap();
    }

    fn talk(&mut self, chunks: usize) {
        for _ in 0..chunks {
            self.push(Up::Audio(Samples::from_iter_max([1; 320])));
            self.link.step(self.now);
            self.now += Nanos::from_ms(20);
        }
    }

    /// Everything that the link has for a socket that takes it.
    fn sent(&mut self) -> Vec<Value> {
        let mut sent = Vec::new();
        while self.link.wants_transmit() && self.link.poll_transmit(self.now, &mut self.out) {
            self.link.transmitted(self.now);
            sent.push(serde_json::from_str(&self.out).unwrap());
        }
        sent
    }

    /// The first key below `realtimeInput` of each message sent.
    fn kinds(&mut self) -> Vec<String> {
        let kind = |message: Value| {
            let input = message["realtimeInput"].as_object().unwrap();
            input.keys().next().unwrap().clone()
        };
        self.sent().into_iter().map(kind).collect()
    }

    fn heard(&mut self) -> Vec<Downlink> {
        std::iter::from_fn(|| self.downlink.pop()).map(|packet| packet.payload).collect()
    }

    fn events(&mut self) -> Vec<LinkEvent> {
        std::iter::from_fn(|| self.link.poll_event()).collect()
    }
}

fn frames_of(packets: &[Downlink]) -> usize {
    let frames = |packet: &Downlink| match packet {
        Downlink::Audio(samples) => samples.as_slice().len(),
        _ => 0,
    };
    packets.iter().map(frames).sum()
}

#[test]
fn before_setup_is_complete_two_seconds_are_kept_and_nothing_is_sent() {
    let mut bench = Bench::new();
    bench.link.connected(bench.now);
    assert!(bench.sent()[0]["setup"].is_object());
    bench.push(Up::ActivityStart);
    bench.talk(150);
    assert!(!bench.link.wants_transmit());
    bench.say(&json!({"setupComplete": {}}));
    let kinds = bench.kinds();
    assert_eq!(
        (kinds.len(), kinds[0].as_str(), kinds[1].as_str()),
        (101, "activityStart", "audio")
    );
    assert_eq!(bench.link.counters().queue.overflow_frames, 50 * 320);
}

#[test]
fn a_window_goes_up_exactly_as_the_worker_said_it() {
    let mut bench = Bench::ready();
    bench.push(Up::ActivityStart);
    bench.talk(3);
    bench.push(Up::ActivityEnd);
    bench.link.step(bench.now);
    assert_eq!(bench.kinds(), ["activityStart", "audio", "audio", "audio", "activityEnd"]);
    assert_eq!(bench.link.counters().refused_items, 0);
}

#[test]
fn an_open_window_goes_up_whole_on_the_next_connection() {
    let mut bench = Bench::ready();
    bench.push(Up::ActivityStart);
    bench.talk(2);
    assert_eq!(bench.kinds(), ["activityStart", "audio", "audio"]);
    let decision = bench.link.disconnected(bench.now, Close::new(Close::NO_FRAME, ""));
    let Decision::Redial { at, .. } = decision else { panic!("{decision:?}") };
    bench.talk(2);
    bench.now = bench.now.max(at);
    bench.connect();
    bench.push(Up::ActivityEnd);
    bench.link.step(bench.now);
    let again = ["activityStart", "audio", "audio", "audio", "audio", "activityEnd"];
    assert_eq!(bench.kinds(), again);
    assert_eq!(bench.link.counters().queue.resent_frames, 2 * 320);
}

#[test]
fn the_time_from_capture_to_the_wire_is_taken_when_the_socket_has_it() {
    let mut bench = Bench::ready();
    bench.push(Up::ActivityStart);
    bench.push(Up::Audio(Samples::from_iter_max([1; 320])));
    bench.link.step(bench.now);
    let captured = bench.now;
    assert!(bench.link.poll_transmit(captured, &mut bench.out));
    bench.link.transmitted(captured);
    assert!(bench.link.poll_transmit(captured, &mut bench.out));
    bench.link.transmitted(captured + Nanos::from_ms(7));
    let snapshot = bench.link.gauges().capture_to_wire.snapshot();
    assert_eq!((snapshot.count(), snapshot.max()), (1, Nanos::from_ms(7)));
}

#[test]
fn audio_comes_down_only_into_the_room_of_the_worker_and_rings_its_bell() {
    let mut bench = Bench::ready();
    bench.bell.arm();
    bench.speak(&vec![1; 3 * PLAYOUT_FRAMES]);
    assert_eq!(bench.rung.0.load(SeqCst), 1);
    let mut got = 0;
    for _ in 0..10 {
        got += frames_of(&bench.heard());
        bench.link.step(bench.now);
    }
    assert_eq!(got, PLAYOUT_FRAMES);
    bench.flow.release(1_000);
    bench.link.step(bench.now);
    assert_eq!(frames_of(&bench.heard()), 960, "whole packets only");
}

#[test]
fn control_packets_get_through_a_ring_that_audio_has_filled() {
    let mut bench = Bench::ready();
    bench.speak(&vec![1; PLAYOUT_FRAMES]);
    assert_eq!(bench.downlink.len(), DOWNLINK_PACKETS - RESERVED_PACKETS);
    bench.content(&json!({"interrupted": true}));
    let packets = bench.heard();
    assert_eq!(packets.len(), DOWNLINK_PACKETS - RESERVED_PACKETS + 1);
    assert_eq!(packets.last(), Some(&Downlink::Interrupted));
    bench.content(&json!({"turnComplete": true}));
    assert_eq!(bench.heard(), [Downlink::TurnComplete]);
}

#[test]
fn control_packets_wait_for_a_ring_that_is_full_to_the_last_slot() {
    let mut bench = Bench::ready();
    for _ in 0..DOWNLINK_PACKETS + 5 {
        bench.content(&json!({"turnComplete": true}));
    }
    assert!(bench.link.is_holding());
    assert_eq!(bench.heard().len(), DOWNLINK_PACKETS);
    bench.link.step(bench.now);
    assert_eq!(bench.heard().len(), 5);
    assert!(!bench.link.is_holding());
}

#[test]
fn a_cut_drops_what_is_staged_and_what_still_comes_of_that_reply() {
    let mut bench = Bench::ready();
    bench.speak(&vec![1; 4 * PLAYOUT_FRAMES]);
    let reply = bench.downlink.peek().unwrap().reply;
    let heard = frames_of(&bench.heard());
    bench.flow.cut(reply);
    assert!(bench.link.has_input());
    bench.link.step(bench.now);
    bench.speak(&vec![2; 480]);
    bench.flow.release(heard);
    bench.link.step(bench.now);
    assert_eq!(frames_of(&bench.heard()), 0);
    let counters = bench.link.counters();
    let delivered = counters.staging.delivered_frames;
    assert_eq!(counters.staging.cut_frames, 4 * PLAYOUT_FRAMES as u64 - delivered);
    bench.content(&json!({"turnComplete": true}));
    bench.speak(&vec![3; 480]);
    assert_eq!(frames_of(&bench.heard()), 480, "the next reply is heard");
}

#[test]
fn an_interruption_overtakes_the_staged_reply() {
    let mut bench = Bench::ready();
    bench.speak(&vec![1; 4 * PLAYOUT_FRAMES]);
    bench.content(&json!({"generationComplete": true}));
    bench.heard();
    bench.content(&json!({"interrupted": true}));
    bench.content(&json!({"turnComplete": true}));
    let expected = [Downlink::Interrupted, Downlink::GenerationComplete, Downlink::TurnComplete];
    assert_eq!(bench.heard(), expected);
    assert!(!bench.link.is_holding());
}

#[test]
fn two_minutes_sent_in_three_seconds_come_down_whole() {
    let mut bench = Bench::ready();
    let total = 120 * 24_000;
    let samples: Vec<i16> = (0..total).map(|i| i as i16).collect();
    let mut parts = samples.chunks(24_000 * 4);
    let mut got: Vec<i16> = Vec::new();
    for tick in 0..6_100 {
        bench.now += Nanos::from_ms(20);
        if tick % 5 == 0
            && let Some(part) = parts.next()
        {
            bench.speak(part);
        }
        bench.link.step(bench.now);
        for packet in bench.heard() {
            let Downlink::Audio(samples) = packet else { continue };
            got.extend(samples.as_slice());
        }
        bench.flow.release(480.min(got.len().saturating_sub(tick * 480)));
    }
    assert_eq!((got.len(), got == samples), (total, true));
    assert_eq!(bench.link.counters().staging.overflow_frames, 0);
}

#[test]
fn a_reply_beyond_ten_minutes_is_cut_off_counted_and_reported_once() {
    let mut bench = Bench::ready();
    let minute = vec![0; 60 * 24_000];
    (0..12).for_each(|_| bench.speak(&minute));
    let reports = bench.events();
    let too_long = |event: &&LinkEvent| matches!(event, LinkEvent::ReplyTooLong { .. });
    assert_eq!(reports.iter().filter(too_long).count(), 1);
    let staging = bench.link.counters().staging;
    assert_eq!(staging.staged_frames_max, 600 * 24_000);
    assert_eq!(staging.overflow_frames, 120 * 24_000 - staging.delivered_frames);
}

#[test]
fn a_reply_whose_connection_ends_is_played_to_its_end() {
    let mut bench = Bench::ready();
    bench.speak(&vec![1; 600]);
    bench.heard();
    bench.speak(&vec![2; 600]);
    bench.link.disconnected(bench.now, Close::new(1_011, "Internal error encountered."));
    let packets = bench.heard();
    assert_eq!(frames_of(&packets), 600);
    assert_eq!(packets.last(), Some(&Downlink::TurnComplete));
}

#[test]
fn the_latency_of_a_turn_runs_from_our_end_to_the_first_byte() {
    let mut bench = Bench::ready();
    bench.push(Up::ActivityStart);
    bench.talk(1);
    bench.push(Up::ActivityEnd);
    bench.link.step(bench.now);
    bench.kinds();
    bench.events();
    bench.now += Nanos::from_ms(345);
    bench.speak(&vec![1; 480]);
    bench.speak(&vec![1; 480]);
    let started = bench.events();
    let [LinkEvent::ReplyStarted { since_turn_end, first_byte_at, .. }] = started[..] else {
        panic!("{started:?}")
    };
    assert_eq!((since_turn_end, first_byte_at), (Some(Nanos::from_ms(345)), bench.now));
}

#[test]
fn a_setup_that_is_not_answered_hangs_up_and_is_tried_again() {
    let mut bench = Bench::new();
    bench.link.connected(bench.now);
    bench.sent();
    bench.now = bench.link.next_deadline().unwrap();
    bench.link.handle_deadline(bench.now);
    assert!(bench.link.hangs_up() && !bench.link.must_drop(bench.now));
    bench.now = bench.link.next_deadline().unwrap();
    assert!(bench.link.must_drop(bench.now));
    let decision = bench.link.disconnected(bench.now, Close::new(1_000, ""));
    let Decision::Redial { verdict, .. } = decision else { panic!("{decision:?}") };
    assert!(verdict.explanation.contains("no setupComplete in time"), "{verdict:?}");
}

#[test]
fn closing_sends_what_waits_and_closes_the_window() {
    let mut bench = Bench::ready();
    bench.push(Up::ActivityStart);
    bench.talk(1);
    bench.link.control(bench.now, Control::Close);
    assert_eq!(bench.kinds(), ["activityStart", "audio", "activityEnd"]);
    assert!(!bench.link.wants_transmit());
    let decision = bench.link.disconnected(bench.now, Close::new(1_000, ""));
    assert_eq!(decision, Decision::Done);
}

#[test]
fn a_text_goes_up_before_the_queue() {
    let mut bench = Bench::ready();
    bench.push(Up::ActivityStart);
    bench.talk(1);
    bench.link.control(bench.now, Control::Text("hello".to_owned()));
    let sent = bench.sent();
    assert!(sent[0].to_string().contains("hello"), "{}", sent[0]);
    assert_eq!(sent.len(), 3);
}

#[test]
fn a_fatal_close_is_given_up_with_words() {
    let mut bench = Bench::new();
    bench.link.connected(bench.now);
    let close = Close::new(1_008, "models/x is not found for API version v1beta");
    let Decision::GiveUp { verdict } = bench.link.disconnected(bench.now, close) else {
        panic!("given up")
    };
    assert!(!verdict.next_step.is_empty());
    let down = bench.events().into_iter().any(|event| {
        matches!(event, LinkEvent::Down { redial_at: None, explanation } if explanation.contains("1008"))
    });
    assert!(down);
}

#[test]
fn events_that_nobody_polls_are_counted() {
    let mut bench = Bench::ready();
    for _ in 0..EVENTS_MAX + 10 {
        bench.content(&json!({"outputTranscription": {"text": "a"}}));
    }
    assert!(bench.link.counters().events_refused >= 10);
    assert_eq!(bench.events().len(), EVENTS_MAX);
}
