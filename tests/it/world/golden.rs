//! Timelines as they should be, to be read by people. With `CHINWAG_BLESS` set
//! they are written anew.

use super::*;

fn compare(name: &str, world: &World) {
    let path = format!("{}/tests/data/world/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = world.transcript().to_string();
    if std::env::var_os("CHINWAG_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (got, want)) in text.lines().zip(expected.lines()).enumerate() {
        assert_eq!(got, want, "line {} of {name}.txt", line + 1);
    }
    assert_eq!(text.lines().count(), expected.lines().count(), "{name}.txt\n{text}");
}

#[test]
fn a_client_turn() {
    compare("client_turn", &run(one_turn("client", "full", 1_000), 6));
}

#[test]
fn an_interruption_by_the_users_own_onset() {
    let mut settings = one_turn("client", "full", 4_000);
    let cue = Cue::IntoReply(Nanos::from_secs(1));
    settings.script.push(Utterance::new(cue, speech(1_000, 3)));
    compare("interruption", &run(settings, 8));
}

#[test]
fn a_false_alarm_over_a_reply() {
    let mut settings = one_turn("client", "full", 3_000);
    let cue = Cue::IntoReply(Nanos::from_secs(1));
    let click: Vec<f32> = speech(60, 4).iter().map(|sample| 0.1 * sample).collect();
    settings.script.push(Utterance::new(cue, click));
    compare("false_alarm", &run(settings, 8));
}

#[test]
fn a_half_duplex_turn_with_the_services_own_detector() {
    compare("half_duplex", &run(one_turn("server", "half", 1_000), 6));
}

#[test]
fn a_connection_that_breaks_in_the_middle_of_a_turn() {
    let mut world = World::new(one_turn("client", "full", 1_000)).unwrap();
    world.at(Nanos::from_ms(1_600), World::break_connection);
    world.run_until(Nanos::from_secs(7));
    world.finish();
    compare("broken_connection", &world);
}

/// A turn at 1 s, its reply of 1.5 s at 3.8 s, and a service that says at `at`
/// that it will close the connection.
fn going_away(at_ms: u64, left: Option<Nanos>) -> World {
    let mut world = World::new(one_turn("client", "full", 1_500)).unwrap();
    world.at(Nanos::from_ms(at_ms), move |world| world.go_away(left));
    world
}

fn finish(mut world: World, secs: u64) -> World {
    world.run_until(Nanos::from_secs(secs));
    world.finish();
    world
}

#[test]
fn a_go_away_while_nobody_speaks() {
    compare("go_away_quiet", &finish(going_away(6_000, Some(Nanos::from_secs(50))), 8));
}

#[test]
fn a_go_away_during_a_reply() {
    compare("go_away_reply", &finish(going_away(4_500, Some(Nanos::from_secs(50))), 7));
}

#[test]
fn a_go_away_during_the_users_speech() {
    compare("go_away_speech", &finish(going_away(900, Some(Nanos::from_secs(6))), 6));
}

#[test]
fn a_go_away_without_a_time_that_is_followed_by_silence() {
    let mut settings = one_turn("client", "full", 1_500);
    settings.script = vec![Utterance::new(Cue::At(Nanos::from_secs(1)), speech(7_000, 1))];
    let mut world = World::new(settings).unwrap();
    world.at(Nanos::from_secs(2), |world| world.go_away(None));
    compare("go_away_silence", &finish(world, 13));
}

#[test]
fn no_go_away_and_a_connection_that_breaks_after_nine_minutes() {
    let mut settings = one_turn("client", "full", 1_500);
    settings.plan = plan("client", "full", &["link.connection_age_s=0"]);
    let mut world = World::new(settings).unwrap();
    world.at(Nanos::from_secs(533), World::break_connection);
    compare("nine_minutes", &finish(world, 540));
}

/// Two turns, and a connection that breaks after the first; then resuming goes
/// wrong as `close` has it, so many times.
fn refused(code: u16, reason: &str, times: u64) -> World {
    let mut settings = one_turn("client", "full", 700);
    settings.script.push(Utterance::new(Cue::At(Nanos::from_ms(7_500)), speech(900, 2)));
    let close = || Mishap::Close { code, reason: reason.to_owned() };
    let refusal = |connection| Fault::new(When::Resumption, close()).on(connection);
    settings.service.faults = (2..2 + times).map(refusal).collect();
    let mut world = World::new(settings).unwrap();
    world.at(Nanos::from_secs(6), World::break_connection);
    finish(world, 12)
}

#[test]
fn a_resume_refused_once_as_invalid() {
    compare("resume_1007", &refused(1007, "Request contains an invalid argument.", 1));
}

#[test]
fn a_resume_refused_once_as_not_found() {
    compare("resume_1008", &refused(1008, "Requested entity was not found", 1));
}

#[test]
fn a_resume_refused_while_the_old_connection_stands() {
    compare("resume_1011", &refused(1011, "Internal error encountered.", 1));
}

#[test]
fn a_resume_refused_twice_begins_anew_with_the_text_of_what_was_said() {
    let world = refused(1007, "Request contains an invalid argument.", 2);
    let seeded = &world.service().unwrap().heard().seeded;
    let [(false, user), (true, model)] = &seeded[..] else { panic!("{seeded:?}") };
    assert!(user.contains("s of speech") && model.contains("s of reply"), "{seeded:?}");
    compare("resume_seeded", &world);
}

#[test]
fn a_reply_whose_connection_breaks_in_its_middle() {
    let mut settings = one_turn("client", "full", 6_000);
    settings.script.push(Utterance::new(Cue::At(Nanos::from_secs(8)), speech(900, 2)));
    let mut world = World::new(settings).unwrap();
    world.at(Nanos::from_ms(4_400), World::break_connection);
    compare("reply_lost", &finish(world, 17));
}
