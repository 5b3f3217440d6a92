//! What people do in a conversation, and what a polite listener makes of it.
//! The endpoint is the shipped one, adaptive.

use std::f32::consts::TAU;

use serde_json::json;

use super::*;
use chinwag::audio::{Reason, Wait};

const REPLY_MS: u32 = 3_000;

/// A talker in client mode with this script, and a model that answers with a
/// tone.
fn talk(script: Vec<Utterance>, values: &[&str]) -> WorldSettings {
    let values = [&["turn.endpoint=adaptive"], values].concat();
    let mut settings = WorldSettings::new(plan("client", "full", &values));
    settings.service.voice = Voice::Tone { hz: 440.0, ms: REPLY_MS };
    settings.script = script;
    settings
}

fn first(sound: Vec<f32>) -> Utterance {
    Utterance::new(Cue::At(Nanos::from_secs(1)), sound)
}

fn after_pause(ms: u64, sound: Vec<f32>) -> Utterance {
    Utterance::new(Cue::AfterPause(Nanos::from_ms(ms)), sound)
}

fn into_reply(ms: u64, sound: Vec<f32>) -> Utterance {
    Utterance::new(Cue::IntoReply(Nanos::from_ms(ms)), sound)
}

/// A voice that holds one sound at 48 kHz: an open vowel, or through the nose
/// a hum.
fn held(ms: u64, through_nose: bool) -> Vec<f32> {
    let frames = 48 * ms as usize;
    let exponent = if through_nose { 3 } else { 1 };
    (0..frames)
        .map(|i| {
            let phase = TAU * 130.0 * i as f32 / 48_000.0;
            let edge = (i.min(frames - i) as f32 / 480.0).min(1.0);
            let harmonic = |k: i32| (phase * k as f32).sin() / k.pow(exponent) as f32;
            0.1 * edge * (1..30).map(harmonic).sum::<f32>()
        })
        .collect()
}

/// Two hums and a breath between them, 400 ms in all.
fn mm_hm() -> Vec<f32> {
    let breath = hiss(60, 5e-3);
    [held(150, true), breath, held(190, true)].concat()
}

fn hiss(ms: u64, peak: f32) -> Vec<f32> {
    let mut seed = Seed::new(ms);
    (0..48 * ms).map(|_| peak * (2.0 * seed.unit() as f32 - 1.0)).collect()
}

/// A burst of breath that dies away within 100 ms.
fn cough() -> Vec<f32> {
    let burst = hiss(100, 0.1);
    burst.iter().enumerate().map(|(i, sample)| sample * (-(i as f32) / 1_200.0).exp()).collect()
}

fn heard_turns(world: &World) -> usize {
    world.service().unwrap().heard().turns.len()
}

fn finished(world: &World) -> usize {
    count(world, |kind| matches!(kind, NoteKind::ReplyFinished(_)))
}

/// When replies began to be heard.
fn started(world: &World) -> Vec<Nanos> {
    let notes = world.transcript().notes.iter();
    let began = notes.filter(|note| matches!(note.note.kind, NoteKind::ReplyStarted(_)));
    began.map(|note| note.seen_at).collect()
}

fn waits(world: &World) -> Vec<Wait> {
    let wait = |kind: NoteKind| match kind {
        NoteKind::SpeechOff(wait) => Some(wait),
        _ => None,
    };
    world.transcript().decisions().into_iter().filter_map(wait).collect()
}

#[test]
fn a_pause_inside_a_sentence_is_waited_for() {
    let world =
        run(talk(vec![first(speech(1_500, 1)), after_pause(600, speech(1_200, 2))], &[]), 10);
    let what = world.transcript().to_string();
    assert_eq!((heard_turns(&world), finished(&world)), (1, 1), "{what}");
    assert!(count(&world, |kind| *kind == NoteKind::SpeechOn) >= 1, "{what}");
    let windows = world.transcript().windows();
    let [(first, _, Some(end))] = windows[..] else { panic!("{what}") };
    assert!(first < 16_000 && end > 16 * 4_300, "all of both halves: {first} to {end}");
}

#[test]
fn a_hesitation_is_waited_for_because_the_vowel_was_held() {
    let hesitant = [speech(1_200, 1), held(500, false)].concat();
    let world = run(talk(vec![first(hesitant), after_pause(1_100, speech(1_200, 2))], &[]), 11);
    let what = world.transcript().to_string();
    assert_eq!((heard_turns(&world), finished(&world)), (1, 1), "{what}");
    let wait = waits(&world)[0];
    assert!(wait.reasons().any(|(why, ms)| why == Reason::Held && ms > 0), "{what}");
}

#[test]
fn two_sentences_are_one_turn_or_two_as_an_answer_came_between_or_not() {
    let second = || speech(1_200, 2);
    let together = run(talk(vec![first(speech(1_500, 1)), after_pause(500, second())], &[]), 10);
    assert_eq!(heard_turns(&together), 1, "{}", together.transcript());
    let cue = Cue::AfterReply(Nanos::from_ms(500));
    let apart = talk(vec![first(speech(1_500, 1)), Utterance::new(cue, second())], &[]);
    let apart = run(apart, 16);
    assert_eq!((heard_turns(&apart), finished(&apart)), (2, 2), "{}", apart.transcript());
}

#[test]
fn one_word_is_a_turn_and_is_not_waited_for_like_a_long_thought() {
    for engine in ["earshot", "energy"] {
        for seed in 0..4 {
            let engine = format!("capture.vad.engine={engine}");
            let world = run(talk(vec![first(speech(380, seed))], &[&engine]), 8);
            let what = format!("{engine} {seed}\n{}", world.transcript());
            assert_eq!((heard_turns(&world), finished(&world)), (1, 1), "{what}");
            assert_eq!(count(&world, |kind| *kind == NoteKind::EndOfTurn), 1, "{what}");
            let wait = waits(&world)[0];
            let is_short = wait.reasons().any(|(why, ms)| why == Reason::Short && ms < 0);
            assert!(is_short && wait.ms < 1_000, "{what}");
        }
    }
}

#[test]
fn a_fit_of_coughing_over_the_model_turns_it_down_once_and_does_not_cut_it() {
    let alarms = |values: &[&str]| {
        let fit = [cough(), vec![0.0; 9_600]].concat().repeat(4);
        let world = run(talk(vec![first(speech(1_200, 1)), into_reply(800, fit)], values), 10);
        let what = world.transcript().to_string();
        assert_eq!((heard_turns(&world), finished(&world)), (1, 1), "{what}");
        assert!(world.transcript().cuts.is_empty(), "{what}");
        let alarms = count(&world, |kind| *kind == NoteKind::FalseAlarm);
        (alarms, count(&world, |kind| *kind == NoteKind::Ducked(true)))
    };
    assert_eq!(alarms(&[]), (4, 1));
    assert_eq!(alarms(&["turn.cooldown_ms=0"]), (4, 4));
}

#[test]
fn mm_hm_over_the_model_does_not_cut_it_and_as_an_answer_is_a_turn() {
    let over = |values: &[&str]| {
        run(talk(vec![first(speech(1_200, 1)), into_reply(1_000, mm_hm())], values), 12)
    };
    let world = over(&[]);
    let what = world.transcript().to_string();
    assert_eq!((heard_turns(&world), finished(&world)), (1, 1), "{what}");
    assert_eq!(count(&world, |kind| *kind == NoteKind::Ducked(true)), 1, "{what}");
    let world = over(&["turn.backchannel_ms=0"]);
    assert_eq!(world.transcript().cuts.len(), 1, "{}", world.transcript());
    let answer = run(talk(vec![first(mm_hm())], &[]), 8);
    assert_eq!((heard_turns(&answer), finished(&answer)), (1, 1), "{}", answer.transcript());
}

/// The user's second words were heard from their first sample to their last,
/// and answered, and nothing of the first reply was heard after them.
fn assert_taken_over(world: &World, said: std::ops::Range<i64>, what: &str) {
    let what = format!("{what}\n{}", world.transcript());
    let windows = world.transcript().windows();
    let [_, (from, _, Some(to))] = windows[..] else { panic!("{what}") };
    assert!(from <= said.start && to >= said.end, "{said:?} of {from} to {to} {what}");
    let heard = world.service().unwrap().heard();
    assert_eq!((heard.turns.len(), heard.turns_completed), (2, 2), "{what}");
    let started = count(world, |kind| matches!(kind, NoteKind::ReplyStarted(_)));
    let cut = world.transcript().cuts.len();
    assert_eq!(started, cut + finished(world), "{what}");
    let last = world.transcript().notes.iter().rev().find_map(|note| match note.note.kind {
        NoteKind::ReplyStarted(_) => Some(note.seen_at.as_secs()),
        _ => None,
    });
    let from = (last.unwrap() * 48_000.0) as usize;
    let loud = |played: &[f32]| played.iter().filter(|sample| sample.abs() > 1e-4).count();
    let whole = loud(&world.transcript().played[from..]) as f64 / 48.0;
    assert!((f64::from(REPLY_MS) - whole).abs() < 15.0, "{whole} ms of the second reply {what}");
}

/// When something was said over the first reply, in frames at 16 kHz.
fn said_over_reply(world: &World, after_ms: i64, for_ms: i64) -> std::ops::Range<i64> {
    let began = world.transcript().notes.iter().find_map(|note| match note.note.kind {
        NoteKind::ReplyStarted(_) => Some(note.seen_at.as_ms() as i64),
        _ => None,
    });
    let from = began.unwrap() + after_ms;
    16 * from..16 * (from + for_ms)
}

#[test]
fn an_interruption_is_heard_whole_at_the_replys_first_syllable_and_at_its_last() {
    for (into_ms, cuts) in [(0, 1), (60, 1), (1_000, 1), (2_700, 1), (2_960, 0)] {
        let script = vec![first(speech(1_200, 1)), into_reply(into_ms, speech(1_000, 3))];
        let world = run(talk(script, &[]), 14);
        let said = said_over_reply(&world, into_ms as i64, 1_000);
        assert_taken_over(&world, said, &format!("{into_ms} ms into it"));
        assert_eq!(world.transcript().cuts.len(), cuts, "{into_ms} ms into it");
    }
}

#[test]
fn words_from_the_end_of_a_turn_to_the_replys_start_take_the_floor_whoever_is_first() {
    let alone = run(talk(vec![first(speech(1_200, 1))], &[]), 9);
    let began = said_over_reply(&alone, 0, 0).start / 16;
    // The end was decided 340 ms before the reply was heard.
    for after_ms in (-320..=200).step_by(20) {
        let from = began + after_ms;
        let cue = Cue::At(Nanos::from_ms(from as u64));
        let script = vec![first(speech(1_200, 1)), Utterance::new(cue, speech(1_000, 3))];
        let world = run(talk(script, &[]), 14);
        let said = 16 * from..16 * (from + 1_000);
        assert_taken_over(&world, said, &format!("{after_ms} ms after the reply's start"));
        // An onset takes 60 ms: before that the reply is heard, and cut.
        let cut = !world.transcript().cuts.is_empty();
        assert_eq!(cut, after_ms > -60, "{after_ms}\n{}", world.transcript());
    }
}

// The service's reply of before crosses our `activityStart` on the wire. It
// used to sound until `interrupted` came, into words that had begun before it.
#[test]
fn a_reply_that_comes_while_the_user_has_the_floor_is_never_heard() {
    for mode in ["client", "push-to-talk"] {
        for ms_before in [20, 60, 120] {
            let settings = || {
                let mut settings = one_turn(mode, "full", REPLY_MS);
                settings.uplink = Delay::exact(Nanos::from_ms(150));
                settings.downlink = Delay::exact(Nanos::from_ms(150));
                settings
            };
            let talk = |settings: WorldSettings, again: Option<Nanos>| {
                let mut world = World::new(settings).unwrap();
                world.at(Nanos::from_ms(900), |world| world.talk(true));
                world.at(Nanos::from_ms(2_600), |world| world.talk(false));
                if let Some(at) = again {
                    world.at(at, |world| world.talk(true));
                    world.at(at + Nanos::from_ms(1_200), |world| world.talk(false));
                }
                world.run_until(Nanos::from_secs(12));
                world.finish();
                world
            };
            let began = started(&talk(settings(), None))[0];
            // The window opens so long before the reply's first frame.
            let opens = Nanos(began.0 - Nanos::from_ms(ms_before).0);
            let onset_takes = Nanos::from_ms(70);
            let mut settings = settings();
            let cue = Cue::At(Nanos(opens.0 - onset_takes.0));
            settings.script.push(Utterance::new(cue, speech(1_000, 3)));
            let world = talk(settings, Some(opens));
            let what = format!("{mode}, {ms_before} ms before\n{}", world.transcript());
            let heard = world.service().unwrap().heard();
            assert_eq!((heard.turns.len(), heard.interruptions), (2, 1), "{what}");
            let [began] = started(&world)[..] else { panic!("one reply is heard: {what}") };
            let frames = began.as_ms() as usize * 48;
            let played = &world.transcript().played;
            assert!(played[..frames].iter().all(|sample| *sample == 0.0), "{what}");
            assert_eq!(finished(&world), 1, "{what}");
            assert_eq!(count(&world, |kind| *kind == NoteKind::PhantomInterrupted), 0, "{what}");
        }
    }
}

#[test]
fn interrupted_with_detection_disabled_cuts_that_reply_and_no_other() {
    let cue = Cue::AfterReply(Nanos::from_ms(500));
    let script = vec![first(speech(1_200, 1)), Utterance::new(cue, speech(1_000, 3))];
    let mut settings = talk(script, &["turn.barge_in=off"]);
    let when = When::Age(Nanos::from_ms(4_500));
    settings.service.faults = vec![Fault::new(when, Mishap::Interrupted)];
    let world = run(settings, 14);
    let what = world.transcript().to_string();
    assert_eq!(world.transcript().cuts.len(), 1, "{what}");
    assert_eq!((heard_turns(&world), finished(&world)), (2, 1), "{what}");
    assert_eq!(count(&world, |kind| *kind == NoteKind::PhantomInterrupted), 0, "{what}");
}

#[test]
fn a_turn_complete_before_the_audio_was_heard_takes_nothing_of_it() {
    for duplex in ["full", "half"] {
        let mut settings = talk(Vec::new(), &[]);
        settings.plan = plan("client", duplex, &["turn.endpoint=adaptive"]);
        settings.script = vec![first(speech(1_200, 1))];
        // All is sent within a second, and heard within three.
        settings.service.faults = vec![Fault::new(
            When::Age(Nanos::from_ms(5_000)),
            Mishap::Say(json!({"serverContent": {"turnComplete": true}})),
        )];
        let world = run(settings, 10);
        let what = format!("{duplex}\n{}", world.transcript());
        let told = |what: &Entry| {
            let mut entries = world.transcript().entries.iter();
            entries.find_map(|(at, entry)| (entry == what).then(|| at.as_secs())).unwrap()
        };
        assert_eq!(finished(&world), 1, "{what}");
        let played = &world.transcript().played;
        let loud = played.iter().filter(|sample| sample.abs() > 1e-4).count() as f64 / 48.0;
        assert!((f64::from(REPLY_MS) - loud).abs() < 15.0, "{loud} ms {what}");
        let last = played.iter().rposition(|sample| sample.abs() > 1e-4).unwrap() as f64 / 48e3;
        assert!(told(&Entry::Down("generationComplete")) < 5.06, "{what}");
        assert!(told(&Entry::Down("turnComplete")) + 1.0 < last, "{what}");
        // The floor is the model's for as long as it is heard.
        let silent = world.transcript().notes.iter().find_map(|note| match note.note.kind {
            NoteKind::ReplyFinished(_) => Some(note.seen_at.as_secs()),
            _ => None,
        });
        assert!(silent.unwrap() >= last, "{what}");
    }
}

#[test]
fn in_server_mode_our_own_onsets_and_ends_are_told_and_change_nothing() {
    let mut settings = talk(vec![first(speech(1_200, 1))], &[]);
    settings.plan = plan("server", "full", &["turn.endpoint=adaptive"]);
    let world = run(settings, 9);
    let what = world.transcript().to_string();
    let told = [NoteKind::Onset, NoteKind::EndOfTurn].map(|kind| count(&world, |k| *k == kind));
    assert_eq!(told, [1, 1], "{what}");
    let sent = ["activityStart", "activityEnd"].map(|kind| world.transcript().count_up(kind));
    assert_eq!(sent, [0, 0], "{what}");
    assert_eq!((heard_turns(&world), finished(&world)), (1, 1), "{what}");
}

#[test]
fn in_hybrid_mode_the_service_ends_the_turn_when_we_do() {
    let mut settings = talk(vec![first(speech(1_200, 1))], &[]);
    settings.plan = plan("hybrid", "full", &["turn.hangover_ms=300"]);
    let world = run(settings, 8);
    let what = world.transcript().to_string();
    let decided = world.transcript().notes.iter().find(|n| n.note.kind == NoteKind::EndOfTurn);
    let decided = decided.expect("an end of our own").seen_at;
    let turns = &world.service().unwrap().heard().turns;
    assert_eq!(turns.len(), 1, "{what}");
    // 20 ms of wire; by itself the service waits for 800 ms of silence.
    assert!(turns[0].ended.since(decided) <= Nanos::from_ms(25), "{what}");
}
