//! A talk's microphone, replayed with its replies where they were, has the
//! talk's decisions.

use super::*;
use chinwag::{
    audio::Note,
    sim::replay::{Event, replay},
};

/// What was decided, in order; how much of a reply was heard is not, as a
/// replay has none of its sound.
fn decided<'a>(notes: impl Iterator<Item = &'a Note>) -> Vec<String> {
    let decided = notes.filter_map(|note| match note.kind {
        NoteKind::Voice { .. } | NoteKind::Level { .. } | NoteKind::Starved(_) => None,
        NoteKind::ReplyCut { reply, .. } => Some(format!("{reply:?} cut at {:?}", note.at)),
        _ => Some(format!("{note:?}")),
    });
    decided.collect()
}

fn assert_replays(mut settings: WorldSettings, deed: impl FnOnce(&mut World)) -> Vec<String> {
    settings.record_sound = true;
    settings.speaker.ppm = 137.0;
    for (secs, seed) in [(4, 2), (9, 3)] {
        let cue = Cue::At(Nanos::from_secs(secs));
        settings.script.push(Utterance::new(cue, speech(1_300, seed)));
    }
    let plan = settings.plan.clone();
    let mut world = World::new(settings).unwrap();
    deed(&mut world);
    world.run_until(Nanos::from_secs(15));
    let transcript = world.transcript();
    let live: Vec<Note> = transcript.notes.iter().filter(|n| !n.playback).map(|n| n.note).collect();
    let events: Vec<Event> = live.iter().filter_map(Event::of).collect();
    let rate = world.rates()[0];
    let again = replay(&plan, &transcript.captured, rate, &events).unwrap();
    let (live, again) = (decided(live.iter()), decided(again.told.iter().map(|told| &told.note)));
    assert_eq!(live, again);
    live
}

fn count_of(decided: &[String], what: &str) -> usize {
    decided.iter().filter(|line| line.contains(what)).count()
}

#[test]
fn an_interruption_and_a_mute_are_replayed_as_they_were() {
    let decided = assert_replays(one_turn("client", "full", 4_000), |world| {
        world.at(Nanos::from_ms(9_700), |world| world.mute(true));
        world.at(Nanos::from_ms(10_050), |world| world.mute(false));
    });
    assert_eq!(count_of(&decided, "Onset"), 4, "{decided:#?}");
    assert!(count_of(&decided, "cut at") >= 1 && count_of(&decided, "Ducked(true)") >= 1);
    assert_eq!(count_of(&decided, "Muted"), 2);
}

#[test]
fn what_half_duplex_did_not_hear_is_not_heard_again() {
    let decided = assert_replays(one_turn("client", "half", 4_000), |_| {});
    // The second utterance fell into the reply to the first.
    assert_eq!(count_of(&decided, "Onset"), 2, "{decided:#?}");
    assert_eq!(count_of(&decided, "cut at"), 0);
}

#[test]
fn an_interruption_by_the_server_is_replayed_where_it_came() {
    let mut settings = one_turn("server", "full", 4_000);
    settings.plan.turn.barge_in = chinwag::dialog::BargeIn::Server;
    let decided = assert_replays(settings, |_| {});
    assert!(count_of(&decided, "cut at") >= 1, "{decided:#?}");
}
