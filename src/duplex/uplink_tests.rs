//! Windows begin and end on exact samples, and chunks hold all in between.

use super::*;
use crate::audio::{
    convert::from_wire,
    packet::UPLINK_PACKETS,
    ring::{Reader, ring},
};
use proptest::prelude::*;

fn pair(chunk_ms: u32, packets: usize) -> (UplinkWriter, Reader<UplinkPacket>) {
    let (writer, reader) = ring(packets);
    (UplinkWriter::new(writer, Arc::new(Doorbell::unanswered()), chunk_ms), reader)
}

fn at(frames: i64) -> FrameTime {
    FrameTime::start(Rate::UPLINK, 0).plus(frames)
}

fn append(uplink: &mut UplinkWriter, from: i64, count: i64) {
    hear(uplink, from, count);
    uplink.send_chunks();
}

fn hear(uplink: &mut UplinkWriter, from: i64, count: i64) {
    let samples: Vec<f32> = (from..from + count).map(|i| from_wire(i as i16)).collect();
    uplink.append(&samples, at(from), Nanos::ZERO);
}

fn sent(reader: &mut Reader<UplinkPacket>) -> Vec<(String, i64)> {
    std::iter::from_fn(|| reader.pop())
        .map(|p| match p.payload {
            Uplink::Audio(s) => {
                let s = s.as_slice();
                (format!("{}..={}", s[0], s[s.len() - 1]), p.at.frames)
            }
            event => (format!("{event:?}"), p.at.frames),
        })
        .collect()
}

#[test]
fn a_window_reaches_back_and_ends_on_the_sample() {
    let (mut uplink, mut reader) = pair(20, UPLINK_PACKETS);
    append(&mut uplink, 0, 1_000);
    assert_eq!(uplink.open(at(500), Some(Uplink::ActivityStart)), at(500));
    hear(&mut uplink, 1_000, 200);
    assert_eq!(uplink.close(at(1_150), Some(Uplink::ActivityEnd)), at(1_150));
    append(&mut uplink, 1_200, 400);
    assert_eq!(
        sent(&mut reader),
        [
            ("ActivityStart".into(), 500),
            ("500..=819".into(), 820),
            ("820..=1139".into(), 1_140),
            ("1140..=1149".into(), 1_150),
            ("ActivityEnd".into(), 1_150),
        ]
    );
}

#[test]
fn a_chunk_is_sent_with_the_block_that_ends_it() {
    let (mut uplink, mut reader) = pair(20, UPLINK_PACKETS);
    uplink.open(at(0), None);
    for (from, count) in [(0, 128), (128, 160), (288, 160), (448, 160), (608, 160)] {
        append(&mut uplink, from, count);
    }
    let ends: Vec<i64> = sent(&mut reader).into_iter().map(|(_, end)| end).collect();
    assert_eq!(ends, [128, 448, 768]);
}

#[test]
fn a_window_never_sends_what_the_one_before_it_sent() {
    let (mut uplink, mut reader) = pair(10, UPLINK_PACKETS);
    append(&mut uplink, 0, 800);
    uplink.open(at(0), None);
    uplink.close(at(600), None);
    assert_eq!(uplink.open(at(100), None), at(600));
    uplink.close(at(700), None);
    assert_eq!(sent(&mut reader).last(), Some(&("600..=699".into(), 700)));
}

#[test]
fn a_window_reaches_no_further_back_than_the_history() {
    let (mut uplink, _reader) = pair(100, UPLINK_PACKETS);
    for i in 0..50 {
        append(&mut uplink, i * 1_000, 1_000);
    }
    assert_eq!(uplink.open(at(0), None), at(50_000 - HISTORY_FRAMES as i64));
}

#[test]
fn what_does_not_follow_on_is_a_new_stream() {
    let (mut uplink, mut reader) = pair(10, UPLINK_PACKETS);
    append(&mut uplink, 0, 800);
    let later = FrameTime { epoch: 1, ..at(40) };
    uplink.append(&[0.0; 160], later, Nanos::ZERO);
    assert_eq!(uplink.open(at(0), None), later);
    uplink.send_chunks();
    assert_eq!(sent(&mut reader), [("0..=0".into(), 200)]);
}

#[test]
fn a_full_ring_loses_audio_and_counts_it_but_takes_events() {
    let (mut uplink, mut reader) = pair(10, RESERVED_PACKETS + 2);
    uplink.open(at(0), Some(Uplink::ActivityStart));
    append(&mut uplink, 0, 800);
    uplink.close(at(800), Some(Uplink::ActivityEnd));
    assert_eq!(uplink.lost_frames(), 640);
    let sent = sent(&mut reader);
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[2], ("ActivityEnd".into(), 800));
}

proptest! {
    #[test]
    fn sent_chunks_are_the_stream_between_open_and_close(
        sizes in prop::collection::vec(1i64..700, 1..60), chunk_ms in 10u32..=100,
        open_at in 0i64..4_000, back in 0i64..2_000, length in 0i64..9_000,
    ) {
        let (mut uplink, mut reader) = pair(chunk_ms, 4_096);
        let (mut position, mut window) = (0, None);
        let mut closed = None;
        for size in sizes {
            hear(&mut uplink, position, size);
            position += size;
            match window {
                None if position > open_at => window = Some(uplink.open(at(position - back), None)),
                Some(first) if closed.is_none() && position > first.frames + length => {
                    closed = Some(uplink.close(first.plus(length.max(position - size - first.frames)), None));
                }
                _ => {}
            }
            uplink.send_chunks();
        }
        let mut expected = window.map_or(0, |w| w.frames);
        while let Some(packet) = reader.pop() {
            let Uplink::Audio(samples) = packet.payload else { panic!("only audio was sent") };
            for sample in samples.as_slice() {
                prop_assert_eq!(*sample, expected as i16);
                expected += 1;
            }
            prop_assert_eq!(packet.at.frames, expected);
        }
        if let (Some(first), Some(end)) = (window, closed) {
            prop_assert_eq!(end, at(expected));
            prop_assert!(end.frames - first.frames >= length);
        }
    }
}
