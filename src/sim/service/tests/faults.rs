//! Scripted mishaps happen when they are scripted, and nothing else changes.

use serde_json::json;

use super::{
    super::{Event, Fault, Mishap, Nanos, ServiceSettings, Transmit, When},
    Call, scripted, text_turn,
};

/// Everything that one turn brings when `faults` happen.
fn turn(faults: Vec<Fault>) -> Call {
    let mut call = Call::set_up(&ServiceSettings { faults, ..scripted() }, json!({}));
    call.say(text_turn("hi"));
    call.run_ms(5_000);
    call
}

fn fault(when: When, what: Mishap) -> Vec<Fault> {
    vec![Fault { when, what }]
}

#[test]
fn a_close_comes_after_the_message_it_is_scripted_for() {
    let close = Mishap::Close { code: 1011, reason: "Internal error encountered.".to_owned() };
    let mut call = turn(fault(When::Sent(3), close));
    assert_eq!(call.take(), ["300 audio 9600", "367 audio 11520", "367 close 1011"]);
    assert!(matches!(call.events().last(), Some(Event::Closed { code: 1011, .. })));
    assert_eq!(call.service.next_deadline(), None);
}

#[test]
fn nothing_follows_a_close_that_comes_in_the_middle_of_an_answer() {
    let what = Mishap::Close { code: 1001, reason: String::new() };
    let faults = fault(When::TurnComplete(1), what);
    let settings = ServiceSettings { faults, ..scripted() };
    let mut call = Call::set_up(&settings, json!({"sessionResumption": {}}));
    call.say(text_turn("hi"));
    call.run_ms(5_000);
    let lines = call.take();
    assert_eq!(lines[lines.len() - 2..], ["1300 turnComplete +usage", "1300 close 1001"]);
}

#[test]
fn a_connection_can_be_cut_without_a_frame() {
    let mut call = turn(fault(When::Age(Nanos::from_ms(400)), Mishap::Abort));
    assert_eq!(call.take().last().unwrap(), "400 abort");
    assert_eq!(call.end, Some(Transmit::Abort));
}

#[test]
fn a_client_message_can_be_the_last() {
    let call = turn(fault(When::Received(2), Mishap::Abort));
    assert_eq!((call.end, call.audio.len()), (Some(Transmit::Abort), 0));
}

#[test]
fn garbage_and_truncation_spoil_one_message_each() {
    let mut faults = fault(When::Sent(2), Mishap::Garbage(b"\xff\x00{".to_vec()));
    faults.extend(fault(When::Sent(3), Mishap::Truncate));
    let lines = turn(faults).take();
    assert_eq!(lines[..4], ["300 audio 9600", "300 garbage", "367 garbage", "447 audio 11520"]);
}

#[test]
fn a_stall_holds_everything_and_lets_it_go_at_once() {
    let lines = turn(fault(When::Sent(2), Mishap::Stall(Nanos::from_ms(500)))).take();
    assert_eq!(lines[0], "800 audio 9600");
    assert!(lines[..6].iter().all(|line| line.starts_with("800 ")), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "1300 turnComplete +usage");
}

#[test]
fn an_interrupted_can_come_after_its_turn_or_from_nowhere() {
    let lines = turn(fault(When::TurnComplete(1), Mishap::Interrupted)).take();
    assert_eq!(lines[lines.len() - 2..], ["1300 turnComplete +usage", "1300 interrupted"]);
    let phantom = turn(fault(When::Age(Nanos::from_ms(3_000)), Mishap::Interrupted)).take();
    assert_eq!(phantom.last().unwrap(), "3000 interrupted");
}

#[test]
fn a_bundled_message_can_be_said() {
    let bundled = json!({"serverContent": {"interrupted": true, "modelTurn": {"parts": [
        {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AAAAAA=="}}]}}});
    let lines = turn(fault(When::Sent(4), Mishap::Say(bundled))).take();
    assert_eq!(lines[3..5], ["447 audio 4", "447 interrupted"]);
}

#[test]
fn strangers_change_nothing_that_is_known() {
    let mut strange = turn(fault(When::Sent(1), Mishap::Strangers));
    let mut plain = turn(Vec::new());
    assert!(strange.audio == plain.audio);
    let known = |lines: Vec<String>| -> Vec<String> {
        let bare = |line: &String| {
            line.replace(" STATUS_OF_THE_FUTURE", "").replace(" REASON_OF_THE_FUTURE", "")
        };
        lines.iter().map(bare).collect()
    };
    assert_eq!(known(strange.take()), plain.take());
    assert!(strange.messages.iter().any(|message| message.get("strangeNews").is_some()));
}

#[test]
fn a_client_that_never_reads_holds_no_more_than_a_little() {
    let mut call = Call::set_up(&ServiceSettings { burst: 1_000.0, ..scripted() }, json!({}));
    for _ in 0..10_000 {
        call.service.receive(call.now, text_turn("hi").to_string().as_bytes());
    }
    let waiting = std::iter::from_fn(|| call.service.poll_transmit(call.now)).count();
    assert!(waiting < 5_000, "{waiting}");
    assert!(call.service.is_closed());
}
