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
