//! What is pushed is heard once, in order, unless it was cut.

use super::*;
use proptest::prelude::*;

const A: ReplyId = ReplyId(7);
const B: ReplyId = ReplyId(8);

fn playout() -> Playout {
    Playout::new(&PlayoutSettings { start_ms: 10, start_ms_max: 40, ..PlayoutSettings::default() })
}

fn pull(playout: &mut Playout, frames: usize) -> Pulled {
    playout.pull(&mut vec![0.0; frames])
}

#[test]
fn a_reply_starts_when_enough_of_it_waits() {
    let mut playout = playout();
    assert_eq!(playout.push(A, &[1; 239]), 0);
    assert_eq!(pull(&mut playout, 100), Pulled::default());
    playout.push(A, &[1]);
    assert_eq!(pull(&mut playout, 100), Pulled { frames: 100, started: Some(A), then: None });
    assert_eq!(pull(&mut playout, 100), Pulled { frames: 100, started: None, then: None });
}

#[test]
fn a_reply_shorter_than_the_threshold_starts_when_it_is_complete() {
    let mut playout = playout();
    playout.push(A, &[5; 3]);
    playout.complete(A);
    let ended = Some(Moment::Ended(A));
    assert_eq!(pull(&mut playout, 100), Pulled { frames: 3, started: Some(A), then: ended });
    assert!(playout.is_idle());
}

#[test]
fn running_dry_is_not_the_end_and_raises_the_threshold_to_its_limit() {
    let mut playout = playout();
    for start_frames in [480, 960, 960] {
        playout.push(A, &[1; 960]);
        assert_eq!(pull(&mut playout, 1_000).then, Some(Moment::Starved(A)));
        assert_eq!(playout.start_frames(), start_frames);
        assert!(!playout.is_idle());
    }
}

#[test]
fn ten_calm_seconds_lower_the_threshold_again() {
    let mut playout = playout();
    playout.push(A, &[1; 240]);
    pull(&mut playout, 1_000);
    assert_eq!(playout.start_frames(), 480);
    playout.push(A, &[1; 480]);
    for _ in 0..2 * 1_000 {
        playout.push(A, &[1; 240]);
        pull(&mut playout, 240);
    }
    assert_eq!(playout.start_frames(), 300);
}

#[test]
fn a_completion_found_late_ends_the_reply() {
    let mut playout = playout();
    playout.push(A, &[1; 240]);
    assert_eq!(pull(&mut playout, 480).then, Some(Moment::Starved(A)));
    playout.complete(A);
    assert_eq!(pull(&mut playout, 480).then, Some(Moment::Ended(A)));
    assert_eq!(pull(&mut playout, 480), Pulled::default());
}

#[test]
fn two_replies_are_never_mixed_in_one_pull() {
    let mut playout = playout();
    playout.push(A, &[1; 300]);
    playout.push(B, &[2; 300]);
    let mut out = [0.0; 480];
    assert_eq!(playout.pull(&mut out).then, Some(Moment::Ended(A)));
    assert_eq!(out[..300], [from_wire(1); 300]);
    assert_eq!(playout.pull(&mut out).started, Some(B));
}

#[test]
fn a_cut_takes_the_reply_and_those_before_it_only() {
    let mut playout = playout();
    playout.push(A, &[1; 300]);
    playout.push(B, &[2; 300]);
    assert_eq!(playout.cut(A), 300);
    assert_eq!(playout.cut(A), 0);
    let mut out = [0.0; 10];
    assert_eq!(playout.pull(&mut out).started, Some(B));
    assert_eq!(out, [from_wire(2); 10]);
    assert_eq!(playout.cut(B), 290);
    assert!(playout.is_idle());
}

#[test]
fn what_finds_no_room_is_counted() {
    let mut playout = playout();
    assert_eq!(playout.push(A, &vec![1; PLAYOUT_FRAMES + 5]), 5);
    assert_eq!(playout.refused_frames(), 5);
}

proptest! {
    #[test]
    fn every_frame_is_heard_once_and_in_order(
        steps in prop::collection::vec((0usize..600, 1usize..600, prop::bool::weighted(0.1)), 1..200)
    ) {
        let mut playout = playout();
        let (mut reply, mut next, mut expected) = (ReplyId(u32::MAX - 1), 0i16, 0i16);
        for (push, pull, complete) in steps {
            let push = push.min(PLAYOUT_FRAMES - playout.staged_frames());
            let samples: Vec<i16> = (0..push).map(|i| next.wrapping_add(i as i16)).collect();
            next = next.wrapping_add(push as i16);
            prop_assert_eq!(playout.push(reply, &samples), 0);
            if complete {
                playout.complete(reply);
                reply = reply.next();
            }
            let mut out = vec![0.0; pull];
            let pulled = playout.pull(&mut out);
            for sample in &out[..pulled.frames] {
                prop_assert_eq!(*sample, from_wire(expected));
                expected = expected.wrapping_add(1);
            }
        }
    }
}
