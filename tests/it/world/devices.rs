//! A microphone, a speaker or both are lost and come back: the conversation
//! goes on, and nothing stays wedged.

use chinwag::sim::world::{DeviceLoss, HowLost, LostSides};

use super::*;

const SECOND: Nanos = Nanos::from_secs(1);

fn loss(sides: LostSides, how: HowLost, lasts: Nanos) -> DeviceLoss {
    DeviceLoss { sides, how, lasts, rate: None }
}

/// The user says one thing at 1 s, hears the answer of `reply_ms`, and says
/// another at `again`.
fn two_turns(mode: &str, duplex: &str, reply_ms: u32, again: Nanos) -> WorldSettings {
    let mut settings = one_turn(mode, duplex, reply_ms);
    settings.script.push(Utterance::new(Cue::At(again), speech(1_500, 2)));
    settings
}

/// Runs so long with this loss at `at`.
fn with_loss(settings: WorldSettings, at: Nanos, loss: DeviceLoss, secs: u64) -> World {
    let mut world = World::new(settings).unwrap();
    world.at(at, move |world| world.lose_device(loss));
    world.run_until(Nanos::from_secs(secs));
    world.finish();
    world
}

/// How many seconds of sound the speaker gave between these moments.
fn sounded(world: &World, from_s: f64, to_s: f64) -> f64 {
    let hz = f64::from(world.rates()[1].hz());
    let played = &world.transcript().played;
    let part = &played[(from_s * hz) as usize..((to_s * hz) as usize).min(played.len())];
    let blocks = part.chunks(480).filter(|block| block.iter().any(|sample| sample.abs() > 0.01));
    blocks.count() as f64 * 480.0 / hz
}

fn finished(world: &World) -> usize {
    count(world, |kind| matches!(kind, NoteKind::ReplyFinished(_)))
}

fn turns(world: &World) -> usize {
    count(world, |kind| matches!(kind, NoteKind::EndOfTurn))
}

#[test]
fn a_device_that_dies_in_any_way_and_comes_back_with_any_rate_answers_the_next_turn() {
    let ways = [HowLost::Silent, HowLost::Broken, HowLost::Storm, HowLost::Moved];
    let sides = [LostSides::Microphone, LostSides::Speaker, LostSides::Both];
    for (n, how) in ways.into_iter().enumerate() {
        for (m, sides) in sides.into_iter().enumerate() {
            let hz = [48_000, 44_100, 16_000][(n + m) % 3];
            let loss = DeviceLoss { rate: Rate::new(hz), ..loss(sides, how, Nanos::from_secs(2)) };
            let settings = two_turns("client", "full", 1_000, Nanos::from_secs(8));
            let world = with_loss(settings, Nanos::from_secs(5), loss, 13);
            let what = format!("{loss:?}\n{}", world.transcript());
            assert_eq!((turns(&world), finished(&world)), (2, 2), "{what}");
            assert!(world.has_sound(), "{what}");
            let heard = sounded(&world, 9.0, 13.0);
            assert!((0.98..1.03).contains(&heard), "heard {heard} s of the answer: {what}");
            let backs = world.outages().map(|(times, _)| times);
            assert!(backs.iter().all(|times| *times < 2) && backs != [0, 0], "{what}");
        }
    }
}

#[test]
fn a_device_that_dies_within_a_turn_ends_it_and_hears_the_next() {
    for mode in ["client", "hybrid", "server"] {
        for lasts in [Nanos::ZERO, SECOND] {
            let settings = two_turns(mode, "full", 1_000, Nanos::from_secs(8));
            let lost = loss(LostSides::Both, HowLost::Silent, lasts);
            let world = with_loss(settings, Nanos::from_ms(1_800), lost, 13);
            let what = format!("{mode}: {}", world.transcript());
            assert_eq!(finished(&world), 2, "{what}");
            assert!((0.98..1.03).contains(&sounded(&world, 9.0, 13.0)), "{what}");
        }
    }
}

#[test]
fn a_reply_goes_on_from_where_the_speaker_stopped() {
    for hz in [48_000, 44_100, 16_000] {
        for lasts in [Nanos::from_ms(500), Nanos::from_secs(5)] {
            let lost = loss(LostSides::Speaker, HowLost::Silent, lasts);
            let lost = DeviceLoss { rate: Rate::new(hz), ..lost };
            let world = with_loss(one_turn("client", "full", 4_000), Nanos::from_secs(5), lost, 15);
            let what = format!("{hz} Hz, {lasts:?}: {}", world.transcript());
            assert_eq!(finished(&world), 1, "{what}");
            let gone = &world.gauges().swap_lost_render_frames;
            let gone = gone.load(std::sync::atomic::Ordering::Relaxed);
            assert!((1..=1_920).contains(&gone), "{gone} frames lost: {what}");
            let heard = sounded(&world, 0.0, 15.0);
            let whole = 4.0 - gone as f64 / 48_000.0;
            assert!((heard - whole).abs() < 0.05, "heard {heard} of {whole} s: {what}");
            let silent = sounded(&world, 5.1, 5.0 + lasts.as_secs());
            assert_eq!(silent, 0.0, "{what}");
        }
    }
}

#[test]
fn a_reply_that_waits_for_a_speaker_can_be_cut_and_the_next_one_is_heard() {
    let mut settings = one_turn("client", "full", 6_000);
    settings.script.push(Utterance::new(Cue::At(Nanos::from_secs(7)), speech(1_500, 2)));
    let lost = loss(LostSides::Speaker, HowLost::Broken, Nanos::from_secs(8));
    let world = with_loss(settings, Nanos::from_secs(5), lost, 24);
    let cuts = count(&world, |kind| matches!(kind, NoteKind::ReplyCut { .. }));
    assert_eq!((cuts, finished(&world)), (1, 1), "{}", world.transcript());
    let heard = sounded(&world, 12.0, 24.0);
    assert!((5.95..6.05).contains(&heard), "heard {heard} s of the second reply");
}

#[test]
fn a_lost_microphone_never_silences_the_speaker() {
    let lost = loss(LostSides::Microphone, HowLost::Silent, Nanos::from_secs(30));
    let world = with_loss(one_turn("client", "full", 6_000), Nanos::from_secs(4), lost, 12);
    assert_eq!(finished(&world), 1, "{}", world.transcript());
    assert!(sounded(&world, 0.0, 12.0) > 5.95);
    assert!(!world.has_sound());
}

#[test]
fn outages_of_any_length_end_and_positions_go_on_with_the_clock() {
    for secs in [2, 30, 300] {
        let lasts = Nanos::from_secs(secs);
        let again = lasts + Nanos::from_secs(12);
        let settings = two_turns("client", "full", 1_000, again);
        let lost = loss(LostSides::Both, HowLost::Broken, lasts);
        let world = with_loss(settings, Nanos::from_secs(5), lost, secs + 18);
        let what = world.transcript().to_string();
        assert_eq!((turns(&world), finished(&world)), (2, 2), "{secs} s: {what}");
        let [mic, speaker] = world.outages();
        for (times, without) in [mic, speaker] {
            assert_eq!(times, 1, "{what}");
            let late = without.since(lasts);
            assert!(late < Nanos::from_ms(5_200), "{secs} s: back {late:?} late");
        }
        // The second onset is where it was said, on one axis with the first.
        let onsets = world.transcript().notes.iter().filter(|n| n.note.kind == NoteKind::Onset);
        let onsets: Vec<_> = onsets.map(|n| n.note.at).collect();
        let apart = onsets[1].as_secs() - onsets[0].as_secs();
        let said = again.as_secs() - 1.0;
        assert!((apart - said).abs() < 0.15, "{secs} s: {apart} s apart, said {said}");
        assert!(onsets[1].epoch > onsets[0].epoch);
    }
}

#[test]
fn a_device_that_dies_again_and_again_is_opened_again_and_again() {
    let mut world = World::new(two_turns("client", "full", 1_000, Nanos::from_secs(40))).unwrap();
    for n in 0..12 {
        let sides = [LostSides::Both, LostSides::Microphone, LostSides::Speaker][n as usize % 3];
        let how = [HowLost::Silent, HowLost::Broken, HowLost::Storm][n as usize % 3];
        let lost = loss(sides, how, Nanos::from_ms(100 * n));
        world.at(Nanos::from_ms(1_500 + 2_500 * n), move |world| world.lose_device(lost));
    }
    world.run_until(Nanos::from_secs(46));
    world.finish();
    assert_eq!(finished(&world), 2, "{}", world.transcript());
    assert!(sounded(&world, 41.0, 46.0) > 0.98, "{}", world.transcript());
}

#[test]
fn a_talk_key_held_over_a_loss_opens_a_window_again() {
    let mut settings = one_turn("push-to-talk", "full", 1_000);
    settings.script = vec![
        Utterance::new(Cue::At(SECOND), speech(3_000, 1)),
        Utterance::new(Cue::At(Nanos::from_secs(7)), speech(1_500, 2)),
    ];
    let mut world = World::new(settings).unwrap();
    let presses = [(900, true), (3_600, false), (4_000, true), (4_500, false), (6_900, true)];
    for (at, down) in presses.into_iter().chain([(8_600, false)]) {
        world.at(Nanos::from_ms(at), move |world| world.talk(down));
    }
    let lost = loss(LostSides::Microphone, HowLost::Silent, Nanos::from_secs(3));
    world.at(Nanos::from_secs(2), move |world| world.lose_device(lost));
    world.run_until(Nanos::from_secs(13));
    world.finish();
    let windows = world.transcript().windows();
    let last = windows.last().unwrap();
    assert!(last.2.is_some() && last.1.len() > 24_000, "{}", world.transcript());
    assert!(sounded(&world, 8.7, 13.0) > 0.98, "{}", world.transcript());
}

#[test]
fn half_duplex_listens_again_after_any_loss() {
    for sides in [LostSides::Microphone, LostSides::Speaker, LostSides::Both] {
        for at_ms in [1_800, 4_500, 6_500] {
            let settings = two_turns("client", "half", 2_000, Nanos::from_secs(14));
            let lost = loss(sides, HowLost::Silent, Nanos::from_secs(3));
            let world = with_loss(settings, Nanos::from_ms(at_ms), lost, 20);
            assert_eq!(finished(&world), 2, "{sides:?} {at_ms}: {}", world.transcript());
        }
    }
}
