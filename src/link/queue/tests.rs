//! What the uplink queue keeps, drops and counts.

use proptest::prelude::*;

use super::{super::resend::Resend, *};
use crate::audio::{ReplyId, packet::Samples};

const CHUNK: usize = 320;

fn bounds() -> Bounds {
    Bounds::from_ms(2_000, 1_000)
}

fn packet(payload: Uplink, at: i64) -> UplinkPacket {
    let at = FrameTime::start(Rate::UPLINK, 0).plus(at);
    UplinkPacket { payload, at, captured_at: Nanos::ZERO }
}

/// 20 ms whose samples all are `number`, ending at their place in the stream.
fn chunk(number: i16) -> UplinkPacket {
    let samples = Samples::from_iter_max([number; CHUNK]);
    packet(Uplink::Audio(samples), (i64::from(number) + 1) * CHUNK as i64)
}

fn event(payload: Uplink) -> UplinkPacket {
    packet(payload, 0)
}

fn push_chunks(queue: &mut UplinkQueue, now: Nanos, numbers: std::ops::Range<i16>) {
    numbers.for_each(|number| queue.push(now, &chunk(number)));
}

/// What was sent, in short: an event's first letters, or a chunk's number.
fn drain(queue: &mut UplinkQueue) -> Vec<String> {
    std::iter::from_fn(|| queue.pop())
        .map(|queued| match queued.item {
            Item::ActivityStart => "start".to_owned(),
            Item::ActivityEnd => "end".to_owned(),
            Item::StreamEnd => "pause".to_owned(),
            Item::ModeChanged(mode) => mode.name().to_owned(),
            Item::Audio(samples) => samples[0].to_string(),
        })
        .collect()
}

#[test]
fn nothing_goes_past_a_change_of_the_turn_mode() {
    let mut queue = UplinkQueue::new(bounds());
    queue.push(Nanos::ZERO, &event(Uplink::ActivityStart));
    push_chunks(&mut queue, Nanos::ZERO, 0..1);
    queue.push(Nanos::ZERO, &event(Uplink::ActivityEnd));
    queue.push(Nanos::ZERO, &event(Uplink::ModeChanged(TurnMode::Server)));
    push_chunks(&mut queue, Nanos::ZERO, 1..3);
    assert!(queue.has_next() && queue.next_mode().is_none());
    assert_eq!(drain(&mut queue), ["start", "0", "end"]);
    assert!(!queue.has_next());
    assert_eq!(queue.next_mode(), Some(TurnMode::Server));
    queue.pass_mode();
    assert!(queue.has_next());
    assert_eq!(drain(&mut queue), ["1", "2"]);
}

/// The connection ends, and nothing of what was sent was kept.
fn lose(queue: &mut UplinkQueue) {
    queue.disconnected(Nanos::ZERO, VecDeque::new(), 0);
}

/// So many chunks in an open window, sent and all to be sent again.
fn sent_window(queue: &mut UplinkQueue, chunks: i16) -> VecDeque<Queued> {
    queue.push(Nanos::ZERO, &event(Uplink::ActivityStart));
    push_chunks(queue, Nanos::ZERO, 0..chunks);
    std::iter::from_fn(|| queue.pop()).collect()
}

#[test]
fn what_is_sent_again_comes_first_and_does_not_count_as_kept_over_the_outage() {
    let mut queue = UplinkQueue::new(bounds());
    let again = sent_window(&mut queue, 200);
    queue.disconnected(Nanos::ZERO, again, 7);
    push_chunks(&mut queue, Nanos::ZERO, 200..310);
    queue.trim(Nanos::ZERO, None);
    let counters = queue.counters();
    assert_eq!((counters.resent_frames, counters.forgotten_frames), (200 * CHUNK as u64, 7));
    assert_eq!(counters.overflow_frames, 10 * CHUNK as u64);
    queue.push(Nanos::ZERO, &event(Uplink::ActivityEnd));
    let sent = drain(&mut queue);
    assert_eq!((sent[0].as_str(), sent[1].as_str(), sent[200].as_str()), ("start", "0", "199"));
    assert_eq!((sent[201].as_str(), sent.last().unwrap().as_str()), ("210", "end"));
    assert_eq!((sent.len(), queue.counters().windows_reopened), (302, 0));
}

#[test]
fn what_is_sent_again_has_to_leave_in_time_too() {
    let mut queue = UplinkQueue::new(bounds());
    let again = sent_window(&mut queue, 10);
    queue.disconnected(Nanos::ZERO, again, 0);
    queue.trim(Nanos::from_ms(1_001), Some(Nanos::ZERO));
    assert_eq!(queue.counters().stale_frames, 10 * CHUNK as u64);
    assert_eq!(drain(&mut queue), ["start"]);
}

#[test]
fn events_keep_their_place_among_the_audio() {
    let mut queue = UplinkQueue::new(bounds());
    queue.push(Nanos::ZERO, &event(Uplink::ActivityStart));
    push_chunks(&mut queue, Nanos::ZERO, 0..2);
    queue.push(Nanos::ZERO, &event(Uplink::ActivityEnd));
    assert_eq!(drain(&mut queue), ["start", "0", "1", "end"]);
}

#[test]
fn an_outage_keeps_the_newest_two_seconds_and_counts_the_rest() {
    let mut queue = UplinkQueue::new(bounds());
    push_chunks(&mut queue, Nanos::ZERO, 0..150);
    queue.trim(Nanos::from_secs(3), None);
    assert_eq!(queue.counters().overflow_frames, 50 * CHUNK as u64);
    let sent = drain(&mut queue);
    assert_eq!((sent.len(), sent[0].as_str(), sent[99].as_str()), (100, "50", "149"));
}

#[test]
fn a_window_that_lost_its_first_audio_still_starts_before_the_rest() {
    let mut queue = UplinkQueue::new(bounds());
    queue.push(Nanos::ZERO, &event(Uplink::ActivityStart));
    push_chunks(&mut queue, Nanos::ZERO, 0..101);
    queue.push(Nanos::ZERO, &event(Uplink::ActivityEnd));
    queue.trim(Nanos::ZERO, None);
    let sent = drain(&mut queue);
    assert_eq!((&sent[..2], sent.len()), (&["start".to_owned(), "1".to_owned()][..], 102));
    assert_eq!(sent.last().unwrap(), "end");
}

#[test]
fn a_window_that_lost_all_of_its_audio_goes_as_a_whole() {
    let mut queue = UplinkQueue::new(bounds());
    for turn in 0..3 {
        queue.push(Nanos::ZERO, &event(Uplink::ActivityStart));
        push_chunks(&mut queue, Nanos::ZERO, turn * 60..(turn + 1) * 60);
        queue.push(Nanos::ZERO, &event(Uplink::ActivityEnd));
    }
    queue.trim(Nanos::ZERO, None);
    assert_eq!(queue.counters().windows_dropped, 1);
    let sent = drain(&mut queue);
    assert_eq!((sent[0].as_str(), sent[1].as_str()), ("start", "80"));
    assert_eq!(sent.iter().filter(|s| *s == "start").count(), 2);
    assert_eq!(sent.iter().filter(|s| *s == "end").count(), 2);
}

#[test]
fn a_window_cut_by_the_end_of_a_connection_is_opened_once_more() {
    let mut queue = UplinkQueue::new(bounds());
    queue.push(Nanos::ZERO, &event(Uplink::ActivityStart));
    push_chunks(&mut queue, Nanos::ZERO, 0..2);
    assert_eq!(drain(&mut queue), ["start", "0", "1"]);
    lose(&mut queue);
    push_chunks(&mut queue, Nanos::ZERO, 2..4);
    queue.push(Nanos::ZERO, &event(Uplink::ActivityEnd));
    let reopened = queue.pop().unwrap();
    assert_eq!(reopened.item, Item::ActivityStart);
    assert_eq!(reopened.at.frames, 2 * CHUNK as i64, "where the kept audio begins");
    assert_eq!(drain(&mut queue), ["2", "3", "end"]);
    assert_eq!(queue.counters().windows_reopened, 1);
}

#[test]
fn a_window_whose_audio_was_all_sent_on_a_dead_connection_is_not_opened_again() {
    let mut queue = UplinkQueue::new(bounds());
    queue.push(Nanos::ZERO, &event(Uplink::ActivityStart));
    push_chunks(&mut queue, Nanos::ZERO, 0..1);
    drain(&mut queue);
    lose(&mut queue);
    queue.push(Nanos::ZERO, &event(Uplink::ActivityEnd));
    queue.push(Nanos::ZERO, &event(Uplink::ActivityStart));
    push_chunks(&mut queue, Nanos::ZERO, 1..2);
    assert_eq!(drain(&mut queue), ["start", "1"]);
    assert_eq!((queue.counters().windows_cut, queue.counters().windows_reopened), (1, 0));
}

#[test]
fn nothing_that_waited_a_second_on_a_live_link_is_sent() {
    let mut queue = UplinkQueue::new(bounds());
    let live = Some(Nanos::ZERO);
    queue.push(Nanos::ZERO, &event(Uplink::ActivityStart));
    for number in 0..60 {
        queue.push(Nanos::from_ms(20 * number as u64), &chunk(number));
    }
    queue.trim(Nanos::from_ms(1_200), live);
    assert_eq!(queue.counters().stale_frames, 10 * CHUNK as u64);
    let sent = drain(&mut queue);
    assert_eq!((sent[0].as_str(), sent[1].as_str(), sent.len()), ("start", "10", 51));
}

#[test]
fn what_an_outage_kept_has_a_second_to_leave_once_the_link_is_live() {
    let mut queue = UplinkQueue::new(bounds());
    push_chunks(&mut queue, Nanos::ZERO, 0..100);
    let live = Some(Nanos::from_secs(30));
    queue.trim(Nanos::from_secs(31), live);
    assert_eq!(queue.frames(), 100 * CHUNK);
    queue.trim(Nanos::from_ms(31_001), live);
    assert_eq!((queue.frames(), queue.counters().stale_frames), (0, 100 * CHUNK as u64));
}

#[test]
fn pauses_said_twice_over_lost_audio_are_said_once() {
    let mut queue = UplinkQueue::new(bounds());
    queue.push(Nanos::ZERO, &event(Uplink::StreamEnd));
    push_chunks(&mut queue, Nanos::ZERO, 0..1);
    queue.push(Nanos::ZERO, &event(Uplink::StreamEnd));
    push_chunks(&mut queue, Nanos::ZERO, 1..101);
    queue.trim(Nanos::ZERO, None);
    assert_eq!(queue.counters().pauses_merged, 1);
    assert_eq!(drain(&mut queue)[..2], ["pause", "1"]);
}

#[test]
fn windows_without_audio_do_not_pile_up() {
    let mut queue = UplinkQueue::new(bounds());
    for _ in 0..1_000 {
        queue.push(Nanos::ZERO, &event(Uplink::ActivityStart));
        queue.push(Nanos::ZERO, &event(Uplink::ActivityEnd));
    }
    assert!(queue.items.len() <= EVENTS_MAX + 1);
}

#[derive(Clone, Debug)]
enum Step {
    Talk(u8),
    Window,
    Wait(u16),
    Send(u8),
    Break,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..40).prop_map(Step::Talk),
        2 => Just(Step::Window),
        2 => (0u16..1_500).prop_map(Step::Wait),
        4 => (1u8..60).prop_map(Step::Send),
        1 => Just(Step::Break),
    ]
}

proptest! {
    #[test]
    fn every_frame_is_sent_dropped_and_counted_or_waits_and_order_holds(
        steps in prop::collection::vec(step(), 1..80),
        live: bool,
        kept_ms in prop_oneof![Just(0), 100_u32..3_000],
    ) {
        let mut queue = UplinkQueue::new(bounds());
        let mut resend = Resend::new(kept_ms, true);
        let live_since = live.then_some(Nanos::ZERO);
        let (mut now, mut number, mut open) = (Nanos::ZERO, 0_i16, false);
        let (mut last, mut at_server) = (-1_i16, false);
        for step in steps {
            match step {
                Step::Window => {
                    open = !open;
                    let edge = if open { Uplink::ActivityStart } else { Uplink::ActivityEnd };
                    queue.push(now, &event(edge));
                }
                Step::Talk(chunks) if open => {
                    push_chunks(&mut queue, now, number..number + i16::from(chunks));
                    number += i16::from(chunks);
                }
                Step::Talk(_) => {}
                Step::Wait(ms) => now += Nanos::from_ms(ms.into()),
                Step::Break => {
                    let (again, forgotten) = resend.take(now);
                    let first = again.iter().find_map(|queued| match &queued.item {
                        Item::Audio(samples) => Some(samples[0]),
                        _ => None,
                    });
                    last = first.map_or(last, |first| first - 1);
                    queue.disconnected(now, again, forgotten);
                    at_server = false;
                }
                Step::Send(items) => {
                    queue.trim(now, live_since);
                    for sent in std::iter::from_fn(|| queue.pop()).take(items.into()) {
                        resend.sent(now, sent.clone(), ReplyId(0));
                        match sent.item {
                            Item::ActivityStart => {
                                prop_assert!(!at_server);
                                at_server = true;
                            }
                            Item::ActivityEnd => {
                                prop_assert!(at_server);
                                at_server = false;
                            }
                            Item::Audio(samples) => {
                                prop_assert!(at_server, "audio outside a window");
                                prop_assert!(samples[0] > last);
                                last = samples[0];
                            }
                            Item::StreamEnd | Item::ModeChanged(_) => {}
                        }
                    }
                }
            }
            queue.trim(now, live_since);
            let again_max = Rate::UPLINK.frames_in_ms(kept_ms) + CHUNK;
            prop_assert!(queue.again_frames <= again_max);
            prop_assert!(queue.frames() - queue.again_frames <= bounds().kept_frames_max);
            let again: usize = queue.items.iter().take(queue.again_items).map(Queued::frames).sum();
            prop_assert_eq!(queue.again_frames, again);
            let c = queue.counters();
            let gone = c.taken_frames + c.overflow_frames + c.stale_frames;
            prop_assert_eq!(c.pushed_frames + c.resent_frames, gone + queue.frames() as u64);
        }
    }
}
