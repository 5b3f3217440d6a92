//! Profiles that extend others.

use super::*;

const BASE: &str = r#"
[profile.base]
link.chunk_ms = 40
turn = { mode = "server", hangover_ms = 500 }
capture = [{ stage = "resample" }, { stage = "vad", engine = "energy" }]
"#;

fn plan(more: &str, profile: &str) -> Plan {
    let plan = config(&format!("{BASE}{more}")).plan(Some(profile), &[]);
    plan.unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn a_profile_has_what_its_bases_say_unless_it_says_otherwise() {
    let more = "[profile.b]\nextends = 'base'\nturn.hangover_ms = 900\n[profile.c]\nextends = 'b'";
    let c = plan(more, "c");
    assert_eq!((c.turn.hangover_ms, c.link.chunk_ms), (900, 40));
    assert_eq!(c.turn.mode, plan(more, "base").turn.mode);
    assert_eq!(c.capture, plan(more, "base").capture);
}

#[test]
fn a_list_of_stages_replaces_the_inherited_one_whole() {
    let more =
        "[profile.b]\nextends = 'base'\ncapture = [{ stage = 'resample', quality = 'fine' }]";
    let b = plan(more, "b");
    assert_eq!(b.capture.len(), 1);
    let none = plan("[profile.b]\nextends = 'base'\nplayback = []", "b");
    assert_eq!((none.capture.len(), none.playback.len()), (2, 0));
}

#[test]
fn an_empty_text_unsets_what_was_inherited() {
    let more = "[profile.b]\nextends = 'base'\nsession.voice = 'Puck'\nsession.transcription_languages = ['de']\n\
                [profile.c]\nextends = 'b'\nsession.voice = ''\nsession.transcription_languages = []";
    assert_eq!(plan(more, "b").session.voice.as_deref(), Some("Puck"));
    assert_eq!(plan(more, "c").session, plan("", "base").session);
}

#[test]
fn the_only_profile_needs_no_default() {
    let plan = config(BASE).plan(None, &[]);
    assert_eq!(plan.map(|plan| plan.profile).ok().as_deref(), Some("base"));
}

#[test]
fn a_mere_base_may_be_incomplete_until_somebody_runs_it() {
    let text = "default_profile = 'b'\n[profile.common]\nlink.chunk_ms = 30\n\
                [profile.b]\nextends = 'common'\ncapture = [{ stage = 'resample' }, { stage = 'vad' }]";
    assert_eq!(config(text).plans(None, &[]).unwrap().len(), 1);
    assert!(config(text).plan(Some("common"), &[]).is_err());
}

#[test]
fn a_profile_that_is_wrong_is_told_even_where_another_one_runs() {
    let problems = config(&format!("{BASE}[profile.b.turn]\nmode = 'x'")).plan(Some("base"), &[]);
    assert_eq!(message(&problems.unwrap_err()), "turn.mode knows no \"x\"");
}

#[test]
fn lines_to_add_go_to_the_profile_that_owns_the_list() {
    let text = "[profile.a]\ncapture = [{ stage = 'resample' }]\nturn.mode = 'server'\n\
                [profile.b]\nextends = 'a'\nturn.mode = 'client'";
    let problems = config(text).plan(Some("b"), &[]).unwrap_err();
    let next = problems.iter().next().unwrap().problem.next.clone();
    assert!(next.contains("[[profile.a.capture]]\nstage = \"vad\""), "{next}");
    let lines = next.split_once("\n\n").unwrap().1;
    assert!(
        config(&text.replace("[profile.b]", "[profile.c]").replace("'b'", "'c'"))
            .plan(Some("c"), &[])
            .is_err()
    );
    let mended = text.replace("capture = [{ stage = 'resample' }]\n", "")
        + "\n[[profile.a.capture]]\nstage = 'resample'\n"
        + lines;
    assert!(config(&mended).plan(Some("b"), &[]).is_ok());
}
