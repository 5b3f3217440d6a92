//! What leaves the staging, in which order and within which room.

use proptest::prelude::*;

use super::*;

const ONE: ReplyId = ReplyId(1);
const TWO: ReplyId = ReplyId(2);

fn staging() -> Staging {
    Staging::new(Rate::DOWNLINK.frames_in_ms(10_000))
}

fn push(staging: &mut Staging, reply: ReplyId, samples: &[i16]) -> Staged {
    staging.push_audio(Nanos::from_ms(5), reply, samples, Rate::DOWNLINK)
}

/// What leaves, in short: a mark with its reply, or how many frames.
fn drain(staging: &mut Staging) -> Vec<String> {
    std::iter::from_fn(|| staging.next(usize::MAX))
        .map(|packet| match packet.payload {
            Downlink::Audio(samples) => samples.as_slice().len().to_string(),
            Downlink::Interrupted => format!("interrupted {}", packet.reply.0),
            Downlink::GenerationComplete => format!("generated {}", packet.reply.0),
            Downlink::TurnComplete => format!("complete {}", packet.reply.0),
        })
        .collect()
}

#[test]
fn small_parts_are_merged_into_full_packets() {
    let mut staging = staging();
    (0..100).for_each(|i| _ = push(&mut staging, ONE, &[i; 7]));
    assert_eq!(drain(&mut staging), ["480", "220"]);
}

#[test]
fn a_part_of_one_frame_leaves_at_once() {
    let mut staging = staging();
    assert!(push(&mut staging, ONE, &[1]).is_first);
    assert_eq!(drain(&mut staging), ["1"]);
    assert!(!push(&mut staging, ONE, &[2]).is_first);
    assert_eq!(drain(&mut staging), ["1"]);
}

#[test]
fn packets_keep_the_moment_of_the_first_byte_of_their_reply() {
    let mut staging = staging();
    push(&mut staging, ONE, &[1]);
    drain(&mut staging);
    staging.push_audio(Nanos::from_secs(9), ONE, &[2], Rate::DOWNLINK);
    assert_eq!(staging.next(usize::MAX).unwrap().first_byte_at, Nanos::from_ms(5));
}

#[test]
fn marks_leave_after_the_audio_before_them() {
    let mut staging = staging();
    push(&mut staging, ONE, &[1; 500]);
    staging.push_mark(Nanos::ZERO, ONE, Mark::GenerationComplete);
    staging.push_mark(Nanos::ZERO, ONE, Mark::TurnComplete);
    push(&mut staging, TWO, &[2; 3]);
    assert_eq!(drain(&mut staging), ["480", "20", "generated 1", "complete 1", "3"]);
}

#[test]
fn an_interruption_overtakes_and_empties_its_reply() {
    let mut staging = staging();
    push(&mut staging, ONE, &[1; 5_000]);
    staging.push_mark(Nanos::ZERO, ONE, Mark::GenerationComplete);
    staging.push_mark(Nanos::ZERO, ONE, Mark::TurnComplete);
    assert!(staging.next(usize::MAX).is_some());
    staging.interrupt(Nanos::ZERO, ONE);
    push(&mut staging, TWO, &[2; 3]);
    assert_eq!(drain(&mut staging), ["interrupted 1", "generated 1", "complete 1", "3"]);
    assert_eq!(staging.counters().interrupted_frames, 4_520);
}

#[test]
fn an_interruption_of_a_reply_that_has_left_is_passed_on() {
    let mut staging = staging();
    push(&mut staging, ONE, &[1]);
    staging.push_mark(Nanos::ZERO, ONE, Mark::TurnComplete);
    drain(&mut staging);
    staging.interrupt(Nanos::ZERO, ONE);
    assert_eq!(drain(&mut staging), ["interrupted 1"]);
    assert!(staging.is_empty());
}

#[test]
fn a_cut_drops_the_audio_but_not_the_marks() {
    let mut staging = staging();
    push(&mut staging, ONE, &[1; 100]);
    staging.push_mark(Nanos::ZERO, ONE, Mark::TurnComplete);
    push(&mut staging, TWO, &[2; 100]);
    staging.cut(ONE);
    assert_eq!(staging.counters().cut_frames, 100);
    assert_eq!(drain(&mut staging), ["complete 1", "100"]);
}

#[test]
fn without_room_audio_waits_and_is_not_cut_into_crumbs() {
    let mut staging = staging();
    push(&mut staging, ONE, &[1; 600]);
    assert_eq!(staging.next(479), None);
    assert!(staging.next(480).is_some());
    assert_eq!(staging.next(119), None);
    assert!(staging.next(120).is_some());
    assert!(staging.is_empty());
}

#[test]
fn what_is_longer_than_the_limit_is_counted() {
    let mut staging = Staging::new(100);
    assert_eq!(push(&mut staging, ONE, &[1; 80]).refused_frames, 0);
    assert_eq!(push(&mut staging, ONE, &[1; 80]).refused_frames, 60);
    assert_eq!((staging.frames(), staging.counters().overflow_frames), (100, 60));
}

#[test]
fn another_rate_is_converted_and_its_tail_comes_before_the_mark() {
    let mut staging = staging();
    let rate = Rate::new(48_000).unwrap();
    for _ in 0..10 {
        staging.push_audio(Nanos::ZERO, ONE, &[1_000; 4_800], rate);
    }
    staging.push_mark(Nanos::ZERO, ONE, Mark::GenerationComplete);
    let frames = staging.counters().staged_frames;
    assert!(frames.abs_diff(24_000) < 64, "{frames} frames of one second");
    assert_eq!(drain(&mut staging).pop().unwrap(), "generated 1");
}

proptest! {
    #[test]
    fn samples_leave_once_and_in_order_whatever_the_parts_and_the_room(
        parts in prop::collection::vec((1usize..2_000, 0usize..3_000), 1..40),
    ) {
        let mut staging = staging();
        let (mut next, mut expected) = (0_i16, 0_i16);
        for (part, mut room) in parts {
            let samples: Vec<i16> = (0..part).map(|i| next.wrapping_add(i as i16)).collect();
            next = next.wrapping_add(part as i16);
            push(&mut staging, ONE, &samples);
            while let Some(DownlinkPacket { payload: Downlink::Audio(out), .. }) = staging.next(room) {
                prop_assert!(out.as_slice().len() <= room);
                room -= out.as_slice().len();
                for &sample in out.as_slice() {
                    prop_assert_eq!(sample, expected);
                    expected = expected.wrapping_add(1);
                }
            }
            let counters = staging.counters();
            let waits = staging.frames() as u64;
            let gone = counters.delivered_frames + counters.overflow_frames;
            prop_assert_eq!(counters.staged_frames, gone + waits);
        }
    }
}
