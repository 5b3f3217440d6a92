//! From one connection to the next while people talk: what is heard, what is
//! lost, and when it happens.

use chinwag::{
    audio::note::FloorState,
    link::{LinkEvent, SwitchCause},
    sim::service::HeardTurn,
};

use super::*;

/// When the link left its connection: why, and whether it was quiet.
fn switches(world: &World) -> Vec<(Nanos, SwitchCause, bool)> {
    let entries = world.transcript().entries.iter();
    let told = entries.filter_map(|(at, entry)| match entry {
        Entry::Link(LinkEvent::Switching { cause, quiet }) => Some((*at, *cause, *quiet)),
        _ => None,
    });
    told.collect()
}

/// How long nothing could be sent, each time.
fn gaps(world: &World) -> Vec<Nanos> {
    let entries = world.transcript().entries.iter();
    let told = entries.filter_map(|(_, entry)| match entry {
        Entry::Link(LinkEvent::Back { gap, .. }) => Some(*gap),
        _ => None,
    });
    told.collect()
}

/// Turns as the services of all connections heard them.
fn turns(world: &World) -> Vec<HeardTurn> {
    world.services().flat_map(|service| service.heard().turns.iter().cloned()).collect()
}

/// Who had the floor at `at`.
fn floor(world: &World, at: Nanos) -> FloorState {
    let notes = world.transcript().notes.iter().rev().filter(|note| note.seen_at <= at);
    let floors = notes.filter_map(|note| match note.note.kind {
        NoteKind::Floor(state) => Some(state),
        _ => None,
    });
    floors.into_iter().next().unwrap_or_default()
}

/// A talker who answers each reply, and a goAway at `at` that leaves `left`.
fn going_away(mode: &str, at: Nanos, left: Option<Nanos>) -> World {
    let mut settings = one_turn(mode, "full", 2_000);
    let cue = Cue::AfterReply(Nanos::from_ms(900));
    settings.script.push(Utterance::new(cue, speech(1_500, 2)));
    let mut world = World::new(settings).unwrap();
    world.at(at, move |world| world.go_away(left));
    world.run_until(Nanos::from_secs(16));
    world.finish();
    world
}

fn assert_nothing_lost(world: &World) {
    let what = world.transcript().to_string();
    let heard = turns(world);
    let said = world.transcript().windows();
    assert_eq!(heard.len(), said.len(), "{what}");
    for (turn, (_, samples, _)) in heard.iter().zip(&said) {
        assert!(turn.pcm[..] == samples[..], "{} of {}\n{what}", turn.pcm.len(), samples.len());
    }
    let queue = world.link_counters().queue;
    assert_eq!(queue.overflow_frames + queue.stale_frames + queue.forgotten_frames, 0, "{what}");
}

#[test]
fn a_go_away_is_obeyed_at_the_first_quiet_moment() {
    let left = Some(Nanos::from_secs(50));
    for mode in ["client", "server"] {
        // In the middle of the first reply.
        let world = going_away(mode, Nanos::from_ms(5_000), left);
        let what = format!("{mode}\n{}", world.transcript());
        let [(at, SwitchCause::GoAway, true)] = switches(&world)[..] else { panic!("{what}") };
        let ended = world.transcript().notes.iter().find_map(|note| match note.note.kind {
            NoteKind::ReplyFinished(_) => Some(note.seen_at),
            _ => None,
        });
        let after = at.since(ended.unwrap());
        assert!((300.0..600.0).contains(&after.as_ms()), "{after:?} {what}");
        assert_eq!(floor(&world, at), FloorState::Free, "{what}");
        // Close and its answer, the dial, setup and its answer; and a step or two.
        let [gap] = gaps(&world)[..] else { panic!("{what}") };
        assert!((140.0..145.0).contains(&gap.as_ms()), "{gap:?} {what}");
        assert_eq!(count(&world, |kind| matches!(kind, NoteKind::ReplyFinished(_))), 2, "{what}");
    }
}

#[test]
fn a_switch_in_the_middle_of_the_users_speech_loses_no_sample_of_the_turn() {
    // 5 s before its end the connection is left: 1 s after the goAway.
    for at_ms in [600, 900, 1_400] {
        let world = going_away("client", Nanos::from_ms(at_ms), Some(Nanos::from_secs(6)));
        let what = world.transcript().to_string();
        let [(at, SwitchCause::GoAway, false)] = switches(&world)[..] else { panic!("{what}") };
        assert_eq!(floor(&world, at), FloorState::User, "{what}");
        assert_nothing_lost(&world);
        assert!(world.link_counters().queue.resent_frames > 0, "{what}");
        assert_eq!(count(&world, |kind| matches!(kind, NoteKind::ReplyFinished(_))), 2, "{what}");
    }
}

#[test]
fn a_switch_in_the_middle_of_speech_that_is_streamed_keeps_all_of_the_words() {
    for mode in ["server", "hybrid"] {
        let world = going_away(mode, Nanos::from_ms(900), Some(Nanos::from_secs(6)));
        let what = format!("{mode}\n{}", world.transcript());
        let [(_, SwitchCause::GoAway, false)] = switches(&world)[..] else { panic!("{what}") };
        let second = world.services().nth(1).unwrap().heard();
        let said = world.transcript().uplink_samples();
        // What the second service heard is one piece of what was captured, from
        // before the first word on.
        let mut pieces = said.windows(second.uplink.len());
        let from = pieces.position(|piece| piece == second.uplink).expect("one piece");
        assert!(second.uplink.len() > 14 * 16_000, "{what}");
        assert!(from < 16_000, "the first word is there: from {from}\n{what}");
        assert_eq!(second.turns.len(), 2, "{what}");
        assert_eq!(count(&world, |kind| matches!(kind, NoteKind::ReplyFinished(_))), 2, "{what}");
    }
}

#[test]
fn a_go_away_without_a_time_that_is_followed_by_silence_is_obeyed_by_the_clock() {
    let mut settings = one_turn("client", "full", 1_000);
    settings.script = vec![Utterance::new(Cue::At(Nanos::from_secs(1)), speech(12_000, 1))];
    let mut world = World::new(settings).unwrap();
    world.at(Nanos::from_secs(2), |world| world.go_away(None));
    world.run_until(Nanos::from_secs(20));
    world.finish();
    let what = world.transcript().to_string();
    let [(at, SwitchCause::GoAway, false)] = switches(&world)[..] else { panic!("{what}") };
    assert!((7.0..7.3).contains(&at.as_secs()), "5 s after it was said: {at:?}\n{what}");
    assert_nothing_lost(&world);
}

#[test]
fn a_connection_that_grows_old_is_left_at_a_quiet_moment() {
    let mut settings = one_turn("client", "full", 1_000);
    settings.plan = plan("client", "full", &["link.connection_age_s=10"]);
    settings.record_sound = false;
    let cue = Cue::At(Nanos::from_secs(24));
    settings.script.push(Utterance::new(cue, speech(1_500, 2)));
    let world = run(settings, 35);
    let what = world.transcript().to_string();
    let switches = switches(&world);
    assert_eq!(switches.len(), 3, "{what}");
    assert!(
        switches.iter().all(|(_, cause, quiet)| *cause == SwitchCause::Age && *quiet),
        "{what}"
    );
    assert!((10.0..10.6).contains(&switches[0].0.as_secs()), "{what}");
    assert_nothing_lost(&world);
}

#[test]
fn a_turn_whose_connection_ends_before_the_answer_is_sent_again_and_answered() {
    let mut settings = one_turn("client", "full", 1_000);
    settings.service.think_ms = 1_000;
    let mut world = World::new(settings).unwrap();
    // The end of the turn is sent at 3.46 s.
    world.at(Nanos::from_ms(3_800), World::break_connection);
    world.run_until(Nanos::from_secs(9));
    world.finish();
    let what = world.transcript().to_string();
    let [first, second] = &turns(&world)[..] else { panic!("{what}") };
    assert!(first.pcm == second.pcm, "{what}");
    assert_eq!(count(&world, |kind| matches!(kind, NoteKind::ReplyFinished(_))), 1, "{what}");
}

/// What the link did by its watchdogs: connections left, nudges, windows closed.
fn rescued(world: &World) -> (u64, u64, u64) {
    let counters = world.link_counters();
    (counters.rescues, counters.nudges, counters.windows_left)
}

/// A turn at 1 s whose answer the service holds back for `stall_s`.
fn held_back(mode: &str, stall_s: u64) -> World {
    let mut settings = one_turn(mode, "full", 1_000);
    let stall = Mishap::Stall(Nanos::from_secs(stall_s));
    settings.service.faults = vec![Fault::new(When::Age(Nanos::from_ms(3_300)), stall).on(1)];
    settings.record_sound = false;
    run(settings, 50)
}

#[test]
fn a_turn_that_is_not_answered_is_nudged_and_then_answered_on_a_new_connection() {
    let world = held_back("client", 45);
    let what = world.transcript().to_string();
    assert_eq!(rescued(&world), (1, 1, 0), "{what}");
    let [(at, SwitchCause::Unanswered, _)] = switches(&world)[..] else { panic!("{what}") };
    assert!((33.4..33.6).contains(&at.as_secs()), "30 s after the end of the turn: {at:?}\n{what}");
    // The nudge is a turn without a word.
    let turns = turns(&world);
    let [first, second] = turns.iter().filter(|turn| !turn.pcm.is_empty()).collect::<Vec<_>>()[..]
    else {
        panic!("{what}")
    };
    assert!(first.pcm == second.pcm, "{what}");
    assert_eq!(count(&world, |kind| matches!(kind, NoteKind::ReplyFinished(_))), 1, "{what}");
}

#[test]
fn an_answer_that_is_late_but_comes_is_heard_and_in_a_stream_nobody_waits_for_one() {
    let late = held_back("client", 10);
    assert_eq!(rescued(&late), (0, 0, 0), "{}", late.transcript());
    let heard = |world: &World| count(world, |kind| matches!(kind, NoteKind::ReplyFinished(_)));
    assert_eq!(heard(&late), 1, "{}", late.transcript());
    let stream = held_back("server", 45);
    assert_eq!(rescued(&stream), (0, 0, 0), "{}", stream.transcript());
}

#[test]
fn a_silent_peer_is_left_after_75_s_and_one_with_slow_pongs_is_not() {
    let mut settings = one_turn("client", "full", 1_000);
    settings.record_sound = false;
    let slow = Mishap::SlowPong(Nanos::from_secs(30));
    settings.service.faults = vec![Fault::new(When::Age(Nanos::ZERO), slow)];
    let world = run(settings.clone(), 200);
    assert_eq!(rescued(&world), (0, 0, 0), "{}", world.transcript());
    let mut world = World::new(settings).unwrap();
    world.at(Nanos::from_secs(6), |world| world.hold_downlink(Nanos::from_secs(82)));
    world.run_until(Nanos::from_secs(100));
    world.finish();
    let what = world.transcript().to_string();
    let [(at, SwitchCause::Silent, _)] = switches(&world)[..] else { panic!("{what}") };
    assert!((78.0..81.0).contains(&at.as_secs()), "{at:?}\n{what}");
    assert_eq!(rescued(&world), (1, 0, 0), "{what}");
}
