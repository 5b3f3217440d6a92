//! What is pushed is played once, but for what a cut skips.

use super::*;
use crate::duplex::frames::Taken;
use proptest::prelude::*;

fn pair(fade_ms: f32) -> (RenderHalf, RenderEnd) {
    render(Rate::new(48_000).unwrap(), fade_ms, Arc::new(Doorbell::unanswered()))
}

fn play(half: &mut RenderHalf, frames: usize) -> Vec<f32> {
    let mut out = vec![9.0f32; frames];
    half.process(&mut out, 1, Nanos::ZERO, 0);
    out
}

#[test]
fn what_was_pushed_is_played_on_the_front_pair_and_handed_back_as_far_end() {
    let (mut half, mut end) = pair(6.0);
    end.push(&[0.25, -0.5]);
    let mut out = [9i16; 6];
    half.process(&mut out, 3, Nanos::ZERO, 480);
    assert_eq!(out, [8_192, 8_192, 0, -16_384, -16_384, 0]);
    let mut far = [0.0; 4];
    assert_eq!(end.far().take(&mut far), Taken::Frames(2));
    assert_eq!(far[..2], [0.25, -0.5]);
    assert_eq!((end.pending_frames(), end.period_frames(), end.latency_frames()), (0, 2, 480));
}

#[test]
fn a_cut_fades_what_comes_next_and_never_plays_the_rest() {
    let (mut half, mut end) = pair(6.0);
    end.push(&[0.5; 2_000]);
    assert_eq!(play(&mut half, 480), [0.5; 480]);
    end.cut();
    let out = play(&mut half, 480);
    assert!(out[..288].windows(2).all(|w| w[1] < w[0]), "the fade falls");
    assert!(out[0] < 0.5 && out[287] < 0.002);
    assert_eq!(out[288..], [0.0; 192]);
    assert_eq!(end.pending_frames(), 0);
    assert_eq!(play(&mut half, 480), [0.0; 480]);
}

#[test]
fn a_cut_with_less_than_a_fade_left_begins_at_full_level_too() {
    let (mut half, mut end) = pair(6.0);
    end.push(&[0.5; 480 + 100]);
    play(&mut half, 480);
    end.cut();
    let out = play(&mut half, 480);
    assert!(out[0] > 0.49 && out[99] < 0.01, "{} {}", out[0], out[99]);
}

#[test]
fn what_is_pushed_after_a_cut_is_played_from_its_first_sample() {
    let (mut half, mut end) = pair(1.0);
    end.push(&[0.5; 1_000]);
    play(&mut half, 100);
    end.cut();
    end.push(&[0.25, 0.125]);
    let out = play(&mut half, 100);
    assert_eq!(out[48..50], [0.25, 0.125]);
}

#[test]
fn a_fade_goes_on_over_callbacks_of_any_size() {
    let (mut whole, mut whole_end) = pair(6.0);
    let (mut parts, mut parts_end) = pair(6.0);
    for end in [&mut whole_end, &mut parts_end] {
        end.push(&[0.5; 1_000]);
        end.cut();
    }
    let parts: Vec<f32> = (0..60).flat_map(|_| play(&mut parts, 7)).collect();
    assert_eq!(play(&mut whole, 420), parts);
}

#[test]
fn running_dry_decays_without_a_click_and_comes_back_rising() {
    let (mut half, mut end) = pair(6.0);
    end.push(&[0.5; 100]);
    let out = play(&mut half, 1_000);
    assert!(out[99..].windows(2).all(|w| (w[1] - w[0]).abs() < 0.02));
    assert_eq!(out[999], 0.0);
    assert_eq!(end.gauges().underruns.load(Relaxed), 1);
    end.push(&[0.5; 200]);
    let out = play(&mut half, 200);
    assert!(out[0].abs() < 0.01 && out[150] == 0.5);
}

#[test]
fn a_duck_takes_twenty_milliseconds_and_eighteen_decibels() {
    let (mut half, mut end) = pair(6.0);
    end.push(&[0.5; 3_000]);
    end.set_gain(0.1);
    let out = play(&mut half, 1_500);
    assert!(out[900..].iter().all(|s| (s - 0.05).abs() < 1e-4));
    assert!(out.windows(2).all(|w| (w[1] - w[0]).abs() < 0.001));
}

#[test]
fn a_reply_is_heard_when_played_and_the_device_latency_is_over() {
    let (mut half, mut end) = pair(6.0);
    let position = end.push(&[0.5; 480]);
    assert!(!end.is_heard(position, 0));
    play(&mut half, 480);
    assert!(!end.is_heard(position, 0), "its frames were only just handed over");
    play(&mut half, 480);
    assert!(end.is_heard(position, 0));
    assert!(!end.is_heard(position, 960));
    play(&mut half, 960);
    assert!(!end.is_heard(position, 960));
    play(&mut half, 1);
    assert!(end.is_heard(position, 960));
}

proptest! {
    /// Frames before a cut are positive or negative in turn with those after.
    #[test]
    fn a_cut_ends_what_was_before_it_and_loses_nothing_after_it(
        steps in prop::collection::vec((0usize..900, 1usize..900, prop::bool::weighted(0.15)), 1..80)
    ) {
        let (mut half, mut end) = pair(2.0);
        let (mut sign, mut pushed, mut heard, mut stale) = (0.5f32, 0, 0, 0);
        let rest = std::iter::once((0, 20_000, false));
        for (push, play_frames, cut) in steps.into_iter().chain(rest) {
            if cut {
                end.cut();
                (sign, pushed, heard, stale) = (-sign, 0, 0, 0);
            }
            let push = push.min(end.room());
            pushed += push;
            end.push(&vec![sign; push]);
            for sample in play(&mut half, play_frames) {
                heard += usize::from(sample * sign > 0.0);
                stale += usize::from(sample * sign < -0.005);
            }
            // 2 ms of fade and 3.3 ms of decay from 0.5 to 0.005.
            prop_assert!(stale <= 96 + 160, "{} stale frames", stale);
        }
        prop_assert!(heard >= pushed, "{} of {} heard", heard, pushed);
        prop_assert_eq!(end.pending_frames(), 0);
    }
}
