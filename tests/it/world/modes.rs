//! The turn mode changes in the middle of a talk.

use chinwag::{dialog::TurnMode, sim::world::Trouble};

use super::*;

/// Three things said, 8 s apart, and a mode for each.
fn three_turns(modes: [TurnMode; 3]) -> World {
    let mut settings = WorldSettings::new(plan(modes[0].name(), "full", &[]));
    settings.service.voice = Voice::Tone { hz: 440.0, ms: 1_000 };
    for (secs, seed) in [(1, 1), (9, 2), (17, 3)] {
        let cue = Cue::At(Nanos::from_secs(secs));
        settings.script.push(Utterance::new(cue, speech(1_500, seed)));
    }
    let mut world = World::new(settings).unwrap();
    for (turn, mode) in modes.into_iter().enumerate() {
        let start = Nanos::from_secs(8 * turn as u64);
        world.at(start + Nanos::from_ms(1), move |world| world.change_mode(mode).unwrap());
        if mode == TurnMode::PushToTalk {
            world.at(start + Nanos::from_ms(900), |world| world.talk(true));
            world.at(start + Nanos::from_ms(2_600), |world| world.talk(false));
        }
    }
    world.run_until(Nanos::from_secs(25));
    world.finish();
    world
}

/// The seconds of speech in each turn that a service of this talk heard.
fn heard(world: &World) -> Vec<f64> {
    let turns = world.services().flat_map(|service| service.heard().turns.iter());
    turns.map(|turn| turn.speech_secs).collect()
}

fn connections(world: &World) -> usize {
    world.services().count()
}

#[test]
fn every_mode_follows_every_other_and_no_turn_is_lost() {
    for from in TurnMode::ALL {
        for to in TurnMode::ALL {
            let world = three_turns([from, to, from]);
            let what = format!("{} {}\n{}", from.name(), to.name(), world.transcript());
            let heard = heard(&world);
            assert_eq!(heard.len(), 3, "{heard:?} {what}");
            assert!(heard.iter().all(|secs| (1.3..1.8).contains(secs)), "{heard:?} {what}");
            let finished = count(&world, |kind| matches!(kind, NoteKind::ReplyFinished(_)));
            assert_eq!(finished, 3, "{what}");
            // The service has to be told only who finds the bounds of speech.
            let told = usize::from(from.is_manual() != to.is_manual());
            assert_eq!(connections(&world), 1 + 2 * told, "{what}");
        }
    }
}

#[test]
fn what_was_open_is_closed_in_the_old_mode_and_the_words_go_on_in_the_new_one() {
    let mut settings = one_turn("client", "full", 1_000);
    settings.script = vec![Utterance::new(Cue::At(Nanos::from_secs(1)), speech(4_000, 1))];
    let mut world = World::new(settings).unwrap();
    world.at(Nanos::from_secs(3), |world| world.change_mode(TurnMode::Server).unwrap());
    world.run_until(Nanos::from_secs(12));
    world.finish();
    let sent = &world.transcript().uplink;
    let changed = |kind| matches!(kind, SentKind::ModeChanged(_));
    let at = sent.iter().position(|sent| changed(sent.kind)).unwrap();
    assert_eq!(sent[at - 1].kind, SentKind::ActivityEnd);
    let after: Vec<_> = sent[at..].iter().filter(|sent| !sent.samples.is_empty()).collect();
    assert_eq!(after[0].first(), sent[at].at.frames, "nothing is left out");
    // What the old connection had not answered is said again on the new one.
    let turns = &world.service().unwrap().heard().turns;
    let secs: f64 = turns.iter().map(|turn| turn.speech_secs).sum();
    assert!((3.5..4.5).contains(&secs), "{secs} s\n{}", world.transcript());
}

#[test]
fn a_reply_goes_on_playing_while_the_mode_changes() {
    let mut world = World::new(one_turn("client", "full", 6_000)).unwrap();
    world.at(Nanos::from_secs(5), |world| world.change_mode(TurnMode::Server).unwrap());
    world.run_until(Nanos::from_secs(20));
    world.finish();
    let what = world.transcript().to_string();
    assert_eq!(count(&world, |kind| matches!(kind, NoteKind::ReplyFinished(_))), 1, "{what}");
    assert_eq!(count(&world, |kind| matches!(kind, NoteKind::Starved(_))), 0, "{what}");
    let sounding = world.transcript().played.iter().filter(|s| s.abs() > 1e-4).count();
    assert!((280_000..=289_000).contains(&sounding), "{sounding} {what}");
    assert_eq!(connections(&world), 2, "{what}");
}

#[test]
fn who_speaks_at_once_in_the_new_mode_is_heard_from_the_first_word() {
    // The change falls into a reply: it does not wait for its end then.
    let mut settings = one_turn("client", "full", 6_000);
    let cue = Cue::IntoReply(Nanos::from_ms(2_500));
    settings.script.push(Utterance::new(cue, speech(2_000, 2)));
    let mut world = World::new(settings).unwrap();
    world.at(Nanos::from_secs(6), |world| world.change_mode(TurnMode::PushToTalk).unwrap());
    world.at(Nanos::from_ms(6_100), |world| world.talk(true));
    world.at(Nanos::from_ms(9_000), |world| world.talk(false));
    world.run_until(Nanos::from_secs(20));
    world.finish();
    let windows = world.transcript().windows();
    let (_, samples, _) = windows.last().unwrap();
    let last = world.services().flat_map(|service| service.heard().turns.iter()).last().unwrap();
    assert_eq!(last.pcm.len(), samples.len(), "{}", world.transcript());
    assert_eq!(world.link_counters().queue.overflow_frames, 0);
}

/// What waits for a moment in the service's turn must not wake the link without
/// end once there is no service.
#[test]
fn a_connection_that_breaks_while_the_mode_waits_is_awaited_in_peace() {
    let mut world = World::new(one_turn("client", "full", 30_000)).unwrap();
    world.at(Nanos::from_secs(5), |world| world.change_mode(TurnMode::Server).unwrap());
    let weather = [
        (Nanos::from_secs(6), Trouble::Break),
        (Nanos::from_ms(6_001), Trouble::NoNetwork { attempts: 6 }),
    ];
    for (at, trouble) in weather {
        world.at(at, move |world| world.befall(trouble));
    }
    world.run_until(Nanos::from_secs(60));
    let changes = world.transcript().to_string().matches("ModeChanged(Server)").count();
    assert_eq!(changes, 1);
    assert!(world.link_counters().session.connections > 2, "{}", world.transcript());
}
