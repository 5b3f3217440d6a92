//! Sessions that outlive their connections.

use serde_json::json;

use super::{
    super::{Memory, Nanos, ServiceSettings, Transmit, Voice},
    Call, handle, setup, text_turn,
};

fn settings() -> ServiceSettings {
    let voice = Voice::script(vec![vec![1; 240], vec![2; 240], vec![3; 240]]);
    ServiceSettings { voice, ..ServiceSettings::default() }
}

/// A connection that asks for handles, or brings one.
fn connect(memory: &Memory, handle: Option<&str>, now: Nanos) -> Call {
    let mut call = Call::open(&settings(), memory, now);
    call.say(setup(
        json!({"sessionResumption": handle.map_or(json!({}), |h| json!({"handle": h}))}),
    ));
    call
}

fn code(call: &Call) -> Option<u16> {
    match call.end.as_ref()? {
        Transmit::Close { code, .. } => Some(*code),
        _ => None,
    }
}

#[test]
fn a_session_goes_on_where_it_was_left() {
    let memory = Memory::new();
    let mut first = connect(&memory, None, Nanos::ZERO);
    first.say(text_turn("one"));
    first.run_ms(1_000);
    assert_eq!(first.audio[..2], [1, 0]);
    first.service.client_closed(first.now, 1000);
    let mut second = connect(&memory, Some(&handle(&first)), first.now);
    second.say(text_turn("two"));
    second.run_ms(1_000);
    assert_eq!(second.audio[..2], [2, 0], "the second reply of the script");
}

#[test]
fn a_handle_that_nobody_gave_is_not_found() {
    assert_eq!(code(&connect(&Memory::new(), Some("made-up"), Nanos::ZERO)), Some(1008));
}

#[test]
fn the_old_connection_must_be_closed_first() {
    let memory = Memory::new();
    let mut first = connect(&memory, None, Nanos::ZERO);
    first.say(text_turn("one"));
    first.run_ms(1_000);
    let handle = handle(&first);
    assert_eq!(code(&connect(&memory, Some(&handle), first.now)), Some(1011));
    drop(first.service);
    assert_eq!(code(&connect(&memory, Some(&handle), first.now)), None);
}

#[test]
fn a_connection_that_the_service_ended_leaves_its_session_free() {
    let memory = Memory::new();
    let mut first = connect(&memory, None, Nanos::ZERO);
    first.say(text_turn("one"));
    first.run_ms(1_000);
    first.service.go_away(first.now, Some(Nanos::from_ms(10)));
    first.run_ms(10);
    assert_eq!(code(&first), Some(1011));
    assert_eq!(code(&connect(&memory, Some(&handle(&first)), first.now)), None);
}

#[test]
fn two_connections_never_get_the_same_handle() {
    let memory = Memory::new();
    let handles = [0, 1].map(|_| {
        let mut call = connect(&memory, None, Nanos::ZERO);
        call.say(text_turn("hi"));
        call.run_ms(1_000);
        handle(&call)
    });
    assert_ne!(handles[0], handles[1]);
}
