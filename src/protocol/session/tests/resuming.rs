//! What becomes of a session that cannot be resumed.

use super::*;

const SAID: &[u8] = br#"{"serverContent":{"inputTranscription":{"text":"hi"},"outputTranscription":{"text":"hello"}}}"#;

/// A session that was told "hi", said "hello", and whose handle was refused.
fn refused(reason: &str) -> Session {
    let mut session = manual();
    session.receive(NOW, HANDLE);
    session.receive(NOW, SAID);
    session.receive(NOW, TURN);
    close(&mut session, 1006, "");
    connect(&mut session);
    assert_eq!(close(&mut session, 1007, reason), Reaction::Retry);
    connect(&mut session);
    let verdict = session.disconnected(NOW, Close::new(1007, reason));
    assert_eq!(verdict.reaction, Reaction::Fresh);
    assert!(verdict.next_step.contains("only the text"), "{}", verdict.next_step);
    session
}

#[test]
fn a_session_that_cannot_be_resumed_begins_with_the_text_of_what_was_said() {
    let mut session = refused("Request contains an invalid argument.");
    let setup = connect(&mut session);
    assert_eq!(setup["setup"]["historyConfig"], json!({"initialHistoryInClientContent": true}));
    assert_eq!(transmitted(&mut session), None, "not before the setup is accepted");
    session.send_text(NOW, "and now?");
    session.receive(NOW, br#"{"setupComplete":{}}"#);
    let seed = &transmitted(&mut session).unwrap()["clientContent"];
    let turn = |role: &str, text: &str| json!({"role": role, "parts": [{"text": text}]});
    assert_eq!(seed["turns"], json!([turn("user", "hi"), turn("model", "hello")]));
    assert_eq!((&seed["turnComplete"], session.recall()), (&json!(true), Recall::Text));
    assert!(transmitted(&mut session).unwrap().to_string().contains("and now?"));
}

#[test]
fn where_the_text_is_not_taken_the_session_begins_without() {
    let reason = "Request contains an invalid argument.";
    let mut session = refused(reason);
    connect(&mut session);
    assert_eq!(close(&mut session, 1007, reason), Reaction::Fresh);
    assert!(connect(&mut session)["setup"]["historyConfig"].is_null());
    session.receive(NOW, br#"{"setupComplete":{}}"#);
    assert_eq!((session.recall(), transmitted(&mut session)), (Recall::Nothing, None));
    close(&mut session, 1006, "");
    connect(&mut session);
    assert_eq!(close(&mut session, 1007, reason), Reaction::Fatal);
}

#[test]
fn a_setup_with_a_handle_that_is_never_answered_is_tried_twice() {
    let mut session = manual();
    session.receive(NOW, HANDLE);
    close(&mut session, 1006, "");
    for expected in [Reaction::Retry, Reaction::Fresh] {
        connect(&mut session);
        session.handle_deadline(session.next_deadline().unwrap());
        assert_eq!(close(&mut session, Close::NO_FRAME, Close::UNANSWERED), expected);
    }
}

#[test]
fn nothing_that_is_printed_holds_the_handle() {
    let handle = Some(Handle::new("SECRET-1"));
    let settings = SessionSettings { resumption_handle: handle, ..SessionSettings::default() };
    let mut session = Session::new(settings);
    connect(&mut session);
    session.receive(NOW, br#"{"setupComplete":{}}"#);
    session
        .receive(NOW, br#"{"sessionResumptionUpdate":{"newHandle":"SECRET-2","resumable":true}}"#);
    let events: Vec<_> = std::iter::from_fn(|| session.poll_event()).collect();
    let printed =
        format!("{session:?} {events:?} {} {:?}", session.setup_for_display(), session.settings());
    assert!(!printed.contains("SECRET"), "{printed}");
    assert_eq!(session.resumption_handle(), Some("SECRET-2"));
}
