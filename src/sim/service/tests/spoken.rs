//! Turns that the service hears by itself.

use serde_json::{Value, json};

use super::{
    super::{Event, ServiceSettings},
    Call, realtime, vowel,
};
use crate::{audio::Nanos, sim::seed::Seed};

fn automatic(detection: Value) -> Value {
    json!({"realtimeInputConfig": {"automaticActivityDetection": detection}})
}

fn silence(ms: usize) -> Vec<i16> {
    vec![0; 16 * ms]
}

/// White noise at −50 dBFS.
fn noise(ms: usize) -> Vec<i16> {
    let mut seed = Seed::new(3);
    (0..16 * ms).map(|_| ((seed.unit() - 0.5) * 360.0) as i16).collect()
}

/// When turns began and ended, in the order of the events.
fn edges(call: &mut Call) -> Vec<(bool, f64)> {
    let events = std::iter::from_fn(|| call.service.poll_event());
    events
        .filter_map(|(at, event)| match event {
            Event::TurnBegan => Some((true, at.as_ms())),
            Event::TurnEnded { .. } => Some((false, at.as_ms())),
            _ => None,
        })
        .collect()
}

#[test]
fn a_turn_begins_soon_after_the_onset_and_ends_after_the_silence() {
    let mut call = Call::set_up(&ServiceSettings::default(), json!({}));
    call.speak(&[silence(1_000), vowel(1_000), silence(1_500)].concat());
    let edges = edges(&mut call);
    assert_eq!(edges.len(), 2, "{edges:?}");
    assert!((1_040.0..1_120.0).contains(&edges[0].1), "{edges:?}");
    assert!((2_780.0..2_860.0).contains(&edges[1].1), "{edges:?}");
    let turn = &call.service.heard().turns[0];
    assert!((0.95..1.15).contains(&turn.speech_secs), "{}", turn.speech_secs);
    assert!(turn.samples.start <= 16_000 && turn.samples.start >= 16_000 - 4_800);
    assert_eq!(turn.samples.end - turn.samples.start, turn.pcm.len() as u64);
}

#[test]
fn the_setup_says_how_long_a_silence_ends_a_turn() {
    for (ms, from, to) in [(200, 2_180.0, 2_260.0), (1_200, 3_180.0, 3_260.0)] {
        let config = automatic(json!({"silence_duration_ms": ms}));
        let mut call = Call::set_up(&ServiceSettings::default(), config.clone());
        call.speak(&[silence(1_000), vowel(1_000), silence(2_000)].concat());
        let ended = edges(&mut call)[1].1;
        assert!((from..to).contains(&ended), "{ms} ms of silence: ended at {ended} ms");
        let deaf = ServiceSettings { ignores_silence_duration: true, ..ServiceSettings::default() };
        let mut call = Call::set_up(&deaf, config);
        call.speak(&[silence(1_000), vowel(1_000), silence(2_000)].concat());
        assert!((2_780.0..2_860.0).contains(&edges(&mut call)[1].1));
    }
}

#[test]
fn noise_that_is_always_there_is_no_turn_and_hides_none() {
    let mut call = Call::set_up(&ServiceSettings::default(), json!({}));
    call.speak(&noise(5_000));
    assert_eq!(edges(&mut call), []);
    let voice: Vec<i16> = vowel(600).iter().zip(noise(600)).map(|(v, n)| v + n).collect();
    call.speak(&[voice, noise(1_500)].concat());
    assert_eq!(edges(&mut call).len(), 2);
}

#[test]
fn a_click_is_no_turn() {
    let mut call = Call::set_up(&ServiceSettings::default(), json!({}));
    call.speak(&[silence(500), vowel(20), silence(1_500)].concat());
    assert_eq!(edges(&mut call), []);
}

#[test]
fn a_stream_end_finishes_the_turn_at_once_and_audio_may_follow() {
    let mut call = Call::set_up(&ServiceSettings::default(), json!({}));
    call.speak(&[silence(500), vowel(500)].concat());
    call.say(realtime("audioStreamEnd"));
    assert_eq!(edges(&mut call).last(), Some(&(false, 1_000.0)));
    call.say(realtime("audioStreamEnd"));
    call.speak(&silence(300));
    assert_eq!(call.service.heard().turns_total, 1, "an end without a turn is none");
    call.run_ms(3_000);
    call.speak(&vowel(300));
    call.say(realtime("audioStreamEnd"));
    assert_eq!(call.service.heard().turns_total, 2);
}

#[test]
fn speech_interrupts_a_reply_that_is_under_way() {
    let mut call = Call::set_up(&ServiceSettings::default(), json!({}));
    call.speak(&[silence(300), vowel(3_000)].concat());
    call.say(realtime("audioStreamEnd"));
    call.speak(&silence(600));
    call.take();
    call.speak(&vowel(200));
    let lines = call.take();
    let cut = lines.iter().position(|line| line.ends_with("interrupted")).expect("interrupted");
    assert!(lines[cut + 1].ends_with("turnComplete +usage"), "{lines:?}");
    assert_eq!(lines.len(), cut + 2, "nothing of the cut reply follows");
}

#[test]
fn an_echo_is_what_was_said_in_that_turn() {
    let mut call = Call::set_up(&ServiceSettings::default(), json!({}));
    call.speak(&[silence(1_000), vowel(700), silence(1_000)].concat());
    call.run_ms(5_000);
    let secs = call.audio.len() as f64 / 48_000.0;
    assert!((0.65..0.85).contains(&secs), "{secs}");
}

#[test]
fn other_rates_are_heard_too() {
    let mut call = Call::set_up(&ServiceSettings::default(), json!({}));
    let samples: Vec<i16> = vowel(1_000).iter().flat_map(|&sample| [sample; 3]).collect();
    for chunk in samples.chunks(960).chain(vec![0; 48_000].chunks(960)) {
        call.run(call.now + Nanos::from_ms(20));
        let mut message = super::audio(chunk);
        message["realtimeInput"]["audio"]["mimeType"] = json!("audio/pcm;rate=48000");
        call.say(message);
    }
    let turn = &call.service.heard().turns[0];
    assert_eq!(turn.rate.hz(), 48_000);
    assert!((0.95..1.15).contains(&turn.speech_secs), "{}", turn.speech_secs);
}

#[test]
fn what_comes_up_can_be_recorded_whole() {
    let settings = ServiceSettings { record_uplink: true, ..ServiceSettings::default() };
    let mut call = Call::set_up(&settings, json!({}));
    let said = [silence(100), vowel(105)].concat();
    call.speak(&said);
    assert!(call.service.heard().uplink == said);
    assert_eq!(call.service.heard().samples, said.len() as u64);
}
