//! Every frame arrives once, at its position, or is known to be missing.

use super::*;
use proptest::prelude::*;

fn pair(rate: u32) -> (CaptureHalf, CaptureEnd) {
    let bell = Arc::new(Doorbell::unanswered());
    capture(Rate::new(rate).unwrap(), 0, InputChannel::Mix, bell)
}

fn numbers(from: usize, count: usize) -> Vec<f32> {
    (from..from + count).map(|i| i as f32).collect()
}

#[test]
fn frames_come_out_with_their_position_and_time() {
    let (mut half, mut end) = pair(8_000);
    half.process(&numbers(0, 80), 1, Nanos::from_ms(10));
    half.process(&numbers(80, 80), 1, Nanos::from_ms(20));
    let mut out = [0.0; 100];
    let start = FrameTime::start(end.rate(), 0);
    let at = Nanos::from_ms(20);
    assert_eq!(end.take(&mut out), Captured::Frames { frames: 100, start, at });
    assert_eq!(out[99], 99.0);
    assert_eq!(end.take(&mut out), Captured::Frames { frames: 60, start: start.plus(100), at });
    assert_eq!(end.take(&mut out), Captured::Nothing);
}

#[test]
fn channels_become_one() {
    let (mut half, mut end) = pair(8_000);
    half.process(&[8_192i16, 16_384, 0, 0], 2, Nanos::ZERO);
    let mut out = [9.0; 4];
    end.take(&mut out);
    assert_eq!(out[..2], [0.375, 0.0]);
}

#[test]
fn a_gap_stands_exactly_where_frames_are_missing() {
    let (mut half, mut end) = pair(8_000);
    half.process(&numbers(0, 4_100), 1, Nanos::ZERO);
    let mut out = vec![0.0; 4_000];
    let start = FrameTime::start(end.rate(), 0);
    assert!(matches!(end.take(&mut out), Captured::Frames { frames: 4_000, .. }));
    assert_eq!(end.take(&mut out), Captured::Nothing);
    half.process(&numbers(4_100, 5), 1, Nanos::ZERO);
    let gap = Captured::Gap { frames: 60, start: start.plus(4_000) };
    assert_eq!(end.take(&mut out[..60]), gap);
    let gap = Captured::Gap { frames: 40, start: start.plus(4_060) };
    assert_eq!(end.take(&mut out[..60]), gap);
    assert!(matches!(end.take(&mut out), Captured::Frames { frames: 5, .. }));
    assert_eq!(out[0], 4_100.0);
    assert_eq!(end.gauges().lost_frames.load(Relaxed), 100);
}

#[test]
fn what_the_server_dropped_is_told_apart_from_what_found_no_room() {
    let (mut half, mut end) = pair(8_000);
    for period in 1..=400 {
        // The worker sleeps for a second; later the server drops 50 ms.
        if !(100..200).contains(&period) {
            end.drain();
        }
        let dropped = if period > 300 { 50 } else { 0 };
        half.process(&numbers(0, 80), 1, Nanos::from_ms(10 * period + dropped));
    }
    assert!(end.gauges().lost_frames.load(Relaxed) > 0);
    assert_eq!(end.gauges().missing_frames.load(Relaxed), 0);
    for period in 401..=600 {
        half.process(&numbers(0, 80), 1, Nanos::from_ms(10 * period + 50));
        end.drain();
    }
    assert_eq!(end.gauges().missing_frames.load(Relaxed), 400);
}

#[test]
fn a_gap_over_a_second_restarts_the_stream() {
    let (mut half, mut end) = pair(8_000);
    half.process(&numbers(0, 20_000), 1, Nanos::ZERO);
    end.drain();
    half.process(&[1.0f32], 1, Nanos::ZERO);
    let start = FrameTime::start(end.rate(), 0).plus(4_000);
    let restart = Captured::Restart { frames: 16_000, start };
    assert_eq!(end.take(&mut [0.0; 10]), restart);
    assert!(matches!(end.take(&mut [0.0; 10]), Captured::Frames { frames: 1, .. }));
}

proptest! {
    #[test]
    fn each_frame_is_delivered_once_or_counted_for_any_callback_size(
        steps in prop::collection::vec((1usize..9_000, 0usize..9_000), 1..30)
    ) {
        let (mut half, mut end) = pair(16_000);
        let (mut sent, mut silent, mut heard) = (0usize, 0u64, 0u64);
        for (size, take) in steps {
            half.process(&numbers(sent, size), 1, Nanos::ZERO);
            sent += size;
            let mut out = vec![0.0; take];
            match end.take(&mut out) {
                Captured::Frames { frames, start, .. } => {
                    for (i, sample) in out[..frames].iter().enumerate() {
                        prop_assert_eq!(*sample, start.frames as f32 + i as f32);
                    }
                    heard += frames as u64;
                }
                Captured::Gap { frames, .. } => silent += frames as u64,
                Captured::Restart { frames, .. } => silent += frames,
                Captured::Nothing => {}
            }
        }
        prop_assert!(heard + silent <= sent as u64);
        let waiting = end.waiting() as u64;
        let lost = end.gauges().lost_frames.load(Relaxed);
        prop_assert_eq!(heard + waiting + lost, sent as u64);
    }
}

#[test]
fn a_stream_that_follows_another_goes_on_where_the_clock_is_at_a_new_epoch() {
    for (rate, before) in [(44_100, 48_000), (22_050, 16_000), (48_000, 48_000)] {
        let bell = Arc::new(Doorbell::unanswered());
        let (mut half, mut end) = capture(Rate::new(rate).unwrap(), 1, InputChannel::Mix, bell);
        // The stream before ended at 1.003 s, handed over at 5 s of the clock.
        let ended = FrameTime::start(Rate::new(before).unwrap(), 0);
        let ended = ended.plus(i64::from(before) * 1_003 / 1_000);
        end.follow(ended, Nanos::from_secs(5));
        let mut out = [0.0; 4];
        assert_eq!(end.take(&mut out), Captured::Nothing);
        let waits_at = end.position();
        assert!((waits_at.epoch, waits_at.as_secs()) <= (1, ended.as_secs()));
        // Its first frame was captured at 7 s: 2 s later, and at the next block.
        let period = rate as usize / 50;
        half.process(&numbers(0, period), 1, Nanos::from_ms(7_020));
        let Captured::Frames { start, .. } = end.take(&mut out) else { panic!("no frames") };
        assert_eq!((start.epoch, out[1]), (1, 1.0));
        assert!((3.003..3.03).contains(&start.as_secs()), "{start:?}");
        let mut blocks = (0..400).map(|block| block * i64::from(rate) / 100);
        assert!(blocks.any(|begins| begins == start.frames), "{start:?} is within a block");
        assert_eq!(end.origin(), start.frames);
    }
}
