//! A turn model beside the worker, which answers when the test says so.

use std::sync::Arc;

use super::*;
use chinwag::{
    audio::{Doorbell, Reason},
    duplex::opinion,
};

/// One turn, and then one that the service answers; a model says `over` so
/// long after each question.
fn talk(answer: Option<(Nanos, f32)>) -> World {
    let mut settings = one_turn("client", "full", 500);
    let values = [
        "turn.endpoint=adaptive",
        "turn.patience=0.1",
        "turn.hangover_min_ms=300",
        "turn.hangover_max_ms=1500",
    ];
    settings.plan = plan("client", "full", &values);
    settings.script.push(Utterance::new(Cue::At(Nanos::from_secs(6)), speech(1_500, 2)));
    let mut world = World::new(settings).unwrap();
    if let Some((late, over)) = answer {
        let (opinion, mut questions) = opinion(Arc::new(Doorbell::unanswered()));
        world.consult(opinion);
        let mut pending = None;
        world.always(move |world| {
            if let Some((pause, _)) = pending.take_if(|(_, due)| *due <= world.now()) {
                questions.answer(pause, over);
            }
            if pending.is_none() {
                pending = questions.next_pause().map(|pause| (pause, world.now() + late));
            }
            Ok(())
        });
    }
    world.run_until(Nanos::from_secs(10));
    world
}

/// From the last speech of each turn to its end, in milliseconds.
fn waits_ms(world: &World) -> Vec<i64> {
    let ends = world.transcript().notes.iter().map(|told| told.note);
    let ends = ends.filter(|note| note.kind == NoteKind::EndOfTurn);
    ends.map(|end| (end.decided_at.frames - end.at.frames) / 16).collect()
}

#[test]
fn a_model_ends_a_turn_sooner_or_later_within_the_bounds() {
    let alone = waits_ms(&talk(None));
    let [over, not_over] = [1.0, 0.0].map(|over| waits_ms(&talk(Some((Nanos::from_ms(60), over)))));
    assert_eq!([alone.len(), over.len(), not_over.len()], [2; 3]);
    for ((alone, over), not_over) in alone.iter().zip(&over).zip(&not_over) {
        assert!((300..=320).contains(over), "{over} ms");
        assert!((1_500..=1_520).contains(not_over), "{not_over} ms");
        assert!((400..1_450).contains(alone), "{alone} ms: the test shows nothing");
    }
}

#[test]
fn the_reason_is_told() {
    let world = talk(Some((Nanos::from_ms(60), 1.0)));
    let told = world.transcript().decisions();
    let wait = told.iter().find_map(|kind| match kind {
        NoteKind::WaitChanged(wait) => Some(*wait),
        _ => None,
    });
    let model = wait.unwrap().reasons().find(|(reason, _)| *reason == Reason::Model);
    assert!(model.unwrap().1 < -50, "{wait:?}");
}

#[test]
fn a_late_answer_changes_nothing() {
    let late = talk(Some((Nanos::from_secs(3), 1.0)));
    assert_eq!(late.transcript().to_string(), talk(None).transcript().to_string());
}
