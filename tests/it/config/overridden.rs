//! What the command line says over the file.

use super::*;

use chinwag::{audio::convert::InputChannel, dialog::TurnMode};

fn problem(over: &str) -> String {
    shipped_plan("headset", &[over]).unwrap_err().to_string()
}

#[test]
fn values_are_read_as_their_keys_want_them() {
    let sets = [
        "turn.mode=server",
        "turn.threshold=1",
        "link.chunk_ms=40",
        "session.system_instruction=a = b",
        "session.transcription_vocabulary=chinwag, Gemini",
        "session.resumption=false",
        "device.input_channel=2",
        "capture.vad.engine=energy",
        "capture.1.quality=fine",
    ];
    let plan = shipped_plan("headset", &sets).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((plan.turn.mode, plan.turn.threshold), (TurnMode::Server, 1.0));
    assert_eq!(plan.link.chunk_ms, 40);
    assert_eq!(plan.session.system_instruction.as_deref(), Some("a = b"));
    assert_eq!(plan.session.transcribe_user.unwrap().vocabulary, ["chinwag", "Gemini"]);
    assert!(!plan.session.resumption);
    assert_eq!(plan.device.input_channel, InputChannel::One(1));
    assert_eq!(plan.capture[1].values().text("engine"), Some("energy"));
    assert_eq!(plan.capture[0].values().text("quality"), Some("fine"));
}

#[test]
fn the_last_word_counts() {
    let plan = shipped_plan("headset", &["link.chunk_ms=40", "link.chunk_ms=60"]).unwrap();
    assert_eq!(plan.link.chunk_ms, 60);
}

#[test]
fn a_wrong_value_is_marked_in_the_argument() {
    assert_eq!(
        problem("turn.mode=sever"),
        "command line: turn.mode knows no \"sever\"\n |\n | --set turn.mode=sever\n \
         |                 ^^^^^ expected \"server\", \"hybrid\", \"client\" or \"push-to-talk\"\n \
         = did you mean \"server\"?\n"
    );
}

#[test]
fn a_wrong_path_says_what_there_is() {
    for (over, told) in [
        ("turn.mode", "has no value"),
        ("turn=x", "names a table and no key"),
        ("turm.mode=x", "did you mean \"turn\"?"),
        ("turn.mod=x", "did you mean \"mode\"?"),
        ("profile.headset.turn.mode=x", "leave profile.NAME. away"),
        ("capture.vad=x", "names no key of a stage"),
        ("capture.vat.engine=x", "did you mean \"vad\"?"),
        ("capture.3.engine=x", "has no stage \"3\""),
        ("capture.vad.engin=x", "did you mean \"engine\"?"),
        ("playback.gain.gain_db=3", "it has no stages"),
        ("turn.chunk_ms=20", "chunk_ms belongs to the table link"),
        ("=", "a profile has no \"\""),
    ] {
        let problem = problem(over);
        assert!(problem.contains(told), "{problem}");
    }
}

#[test]
fn a_key_on_the_command_line_is_refused_and_not_repeated() {
    let problem = problem("session.voice=AIzaNotARealKey-NotARealKey");
    assert!(problem.contains("--key-file") && !problem.contains("NotAReal"), "{problem}");
}

#[test]
fn the_file_and_the_command_line_are_judged_together() {
    let file = config("[profile.a]\nturn.mode = 'x'\ncapture = [{ stage = 'resample' }]");
    let overrides =
        [Override::flag("--chunk-ms", "link.chunk_ms", "7"), Override::set("link.url=x")];
    let problems = file.plan(None, &overrides).unwrap_err();
    let places: Vec<_> = problems.iter().map(|p| p.source.to_owned()).collect();
    assert_eq!(places[0], "pipeline.toml");
    assert!(places.len() == 3 && places[1..].iter().all(|p| p == "command line"), "{places:?}");
}

#[test]
fn a_stage_that_occurs_twice_is_named_by_its_place() {
    let text = "[profile.a]\nturn.mode = 'server'\ncapture = [{ stage = 'gain' }, { stage = 'gain' }, { stage = 'resample' }]";
    let problems = config(text).plan(None, &[Override::set("capture.gain.gain_db=3")]).unwrap_err();
    assert!(problems.to_string().contains("say which by its place: capture.1"), "{problems}");
    let plan = config(text).plan(None, &[Override::set("capture.2.gain_db=3")]).unwrap();
    assert_eq!(plan.capture[1].values().float("gain_db"), 3.0);
}

#[test]
fn a_plan_in_another_mode_is_the_plan_that_the_file_gives_with_that_mode() {
    for (profile, over) in [("speakers", "turn.confirm_ms=99"), ("server-vad", "link.chunk_ms=40")]
    {
        let start = shipped_plan(profile, &[over]).unwrap();
        for mode in TurnMode::ALL {
            let set = format!("turn.mode={}", mode.name());
            let expected = shipped_plan(profile, &[over, &set]).unwrap();
            let plan = start.in_mode(mode).unwrap();
            assert_eq!(plan.turn, expected.turn);
            assert_eq!(plan.session, expected.session);
            assert_eq!(plan, expected, "{profile}, {}", mode.name());
        }
    }
}

#[test]
fn a_mode_that_a_profile_does_not_go_with_is_refused_with_the_next_step() {
    let text = "[profile.p.turn]\nmode = \"push-to-talk\"\n\n\
                [[profile.p.capture]]\nstage = \"resample\"\nrate_hz = 16000\n";
    let file = ConfigFile::parse(Origin::Shipped, text, &Registry::shipped());
    let deaf = file.plan(Some("p"), &[]).unwrap_or_else(|problems| panic!("{problems}"));
    let why = deaf.in_mode(TurnMode::Client).unwrap_err();
    assert!(why.contains("no vad stage; add one"), "{why}");
    assert!(deaf.in_mode(TurnMode::Server).is_ok());
    let sets = ["turn.mode=push-to-talk", "turn.duplex=half"];
    let half = shipped_plan("headset", &sets).unwrap_or_else(|problems| panic!("{problems}"));
    let why = half.in_mode(TurnMode::Hybrid).unwrap_err();
    assert!(why.contains("turn.barge_in = \"off\""), "{why}");
}
