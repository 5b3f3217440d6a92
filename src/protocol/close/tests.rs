//! Tests of how closes are judged.

use super::*;

const SETUP: Phase = Phase::Setup { resuming: false, refusals: 0 };
const RESUMING: Phase = Phase::Setup { resuming: true, refusals: 1 };
const RESUMING_AGAIN: Phase = Phase::Setup { resuming: true, refusals: 2 };
const TALKING: Phase = Phase::Talking { resumed: false, turns: 3 };
const BEFORE_A_TURN: Phase = Phase::Talking { resumed: false, turns: 0 };
const JUST_RESUMED: Phase = Phase::Talking { resumed: true, turns: 0 };

fn verdict(code: u16, reason: &str, phase: Phase) -> Verdict {
    judge(&Close::new(code, reason), phase, &SessionSettings::default(), true)
}

fn reaction(code: u16, reason: &str, phase: Phase) -> Reaction {
    verdict(code, reason, phase).reaction
}

#[test]
fn closes_of_the_reference_get_its_reactions() {
    use Reaction::{Fatal, Fresh, Resume, Retry};
    let invalid = "Request contains an invalid argument.";
    let region = "User location is not supported for the API use.";
    let model =
        "models/X is not found for API version v1beta, or is not supported for bidiGenerateContent";
    let not_implemented = "Operation is not implemented, or supported, or enabled.";
    let entity = "Requested entity was not found";
    let aborted = "The operation was aborted.";
    let leaked = "Your API key was reported as leaked. Please use another API key.";
    let internal = "Internal error encountered.";
    let unavailable = "The service is currently unavailable.";
    let deadline = "Deadline expired before operation could complete.";
    let thread = "Thread was cancelled when writing StartStep status to channel";
    let quota = "You exceeded your current quota, please check your plan and billing details.";
    for (code, reason, phase, expected) in [
        (1000, "", TALKING, Resume),
        (1001, "going away", TALKING, Resume),
        (1006, "", TALKING, Resume),
        (1006, "", SETUP, Retry),
        (1006, "", RESUMING_AGAIN, Retry),
        (1007, invalid, SETUP, Fatal),
        (1007, invalid, RESUMING, Retry),
        (1007, invalid, RESUMING_AGAIN, Fresh),
        (1007, invalid, JUST_RESUMED, Fresh),
        (1007, invalid, BEFORE_A_TURN, Fatal),
        (1007, invalid, TALKING, Fresh),
        (1007, region, RESUMING, Fatal),
        (1008, model, SETUP, Fatal),
        (1008, not_implemented, SETUP, Fatal),
        (1008, not_implemented, TALKING, Retry),
        (1008, entity, RESUMING, Retry),
        (1008, entity, RESUMING_AGAIN, Fresh),
        (1006, Close::UNANSWERED, SETUP, Retry),
        (1006, Close::UNANSWERED, RESUMING, Retry),
        (1006, Close::UNANSWERED, RESUMING_AGAIN, Fresh),
        (1008, entity, TALKING, Fresh),
        (1008, aborted, TALKING, Resume),
        (1008, leaked, SETUP, Fatal),
        (1008, leaked, TALKING, Fatal),
        (1008, "", TALKING, Retry),
        (1011, internal, TALKING, Retry),
        (1011, unavailable, TALKING, Retry),
        (1011, internal, RESUMING, Retry),
        (1011, internal, RESUMING_AGAIN, Fresh),
        (1011, deadline, TALKING, Resume),
        (1011, thread, TALKING, Retry),
        (1011, "keepalive ping timeout", TALKING, Retry),
        (1011, quota, TALKING, Fatal),
        (1011, "context window exceeded", TALKING, Fresh),
        (1013, "try again", TALKING, Retry),
        (1012, "", TALKING, Resume),
        (4999, "who knows", TALKING, Retry),
    ] {
        assert_eq!(reaction(code, reason, phase), expected, "{code} {reason} {phase:?}");
    }
}

#[test]
fn a_close_that_we_asked_for_is_normal_whatever_the_code() {
    for code in [1000, 1006, 1008] {
        assert_eq!(reaction(code, "", Phase::Closing), Reaction::Normal);
    }
}

#[test]
fn without_a_handle_a_resume_is_a_new_session_and_says_so() {
    let close = Close::new(1001, "");
    let verdict = judge(&close, TALKING, &SessionSettings::default(), false);
    assert_eq!(verdict.reaction, Reaction::Fresh);
    assert!(verdict.next_step.contains("forgotten"), "{}", verdict.next_step);
}

#[test]
fn a_model_that_is_not_found_is_named_with_the_version_or_its_successor() {
    let reason = "models/x is not found for API version v1beta";
    let known = verdict(1008, reason, SETUP);
    assert!(known.next_step.contains("gemini-3.8-live"), "{}", known.next_step);
    assert!(known.next_step.contains("v1beta"), "{}", known.next_step);
    let model = "models/gemini-2.0-flash-exp".to_owned();
    let settings = SessionSettings { model, ..SessionSettings::default() };
    let dead = judge(&Close::new(1008, reason), SETUP, &settings, false);
    assert!(dead.next_step.contains("shut down; set session.model to gemini-3.8-live"));
}

#[test]
fn every_verdict_has_words_and_a_next_step() {
    for code in 1000..1016 {
        for phase in [SETUP, RESUMING, RESUMING_AGAIN, TALKING, BEFORE_A_TURN, JUST_RESUMED] {
            let verdict = verdict(code, "because", phase);
            assert!(verdict.explanation.contains(&format!("({code} \"because\")")));
            assert!(!verdict.next_step.is_empty(), "{code} {phase:?}");
            assert!(verdict.explanation.starts_with("the "), "{}", verdict.explanation);
        }
    }
}

#[test]
fn a_refused_handshake_is_judged_by_status_and_body() {
    let settings = SessionSettings::default();
    let judged = |status, body| judge_http(status, body, &settings).reaction;
    assert_eq!(judged(400, "API key not valid. Please pass a valid API key."), Reaction::Fatal);
    for fatal in [301, 400, 401, 403, 404] {
        assert_eq!(judged(fatal, ""), Reaction::Fatal, "{fatal}");
    }
    for passing in [409, 429, 500, 503] {
        assert_eq!(judged(passing, ""), Reaction::Retry, "{passing}");
    }
    assert_eq!(judged(429, "Quota exceeded for metric"), Reaction::Fatal);
    assert!(judge_http(403, "", &settings).explanation.contains("403"));
}
