//! Scripted mishaps happen when they are scripted, and nothing else changes.

use serde_json::json;

use super::{
    super::{
        Answer, Event, Fault, Memory, Mishap, Nanos, Service, ServiceSettings, Transmit,
        TurnScript, UpgradeRequest, When,
    },
    Call, scripted, setup, text_turn,
};

/// Everything that one turn brings when `faults` happen.
fn turn(faults: Vec<Fault>) -> Call {
    let mut call = Call::set_up(&ServiceSettings { faults, ..scripted() }, json!({}));
    call.say(text_turn("hi"));
    call.run_ms(5_000);
    call
}

fn fault(when: When, what: Mishap) -> Vec<Fault> {
    vec![Fault::new(when, what)]
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

#[test]
fn a_fault_of_one_connection_leaves_the_others_alone() {
    let faults = vec![Fault::new(When::Received(1), Mishap::Abort).on(2)];
    let settings = ServiceSettings { faults, ..scripted() };
    let memory = Memory::new();
    let end = |_| {
        let mut call = Call::open(&settings, &memory, Nanos::ZERO);
        call.say(setup(json!({})));
        call.end
    };
    assert_eq!([1, 2, 3].map(end), [None, Some(Transmit::Abort), None]);
}

#[test]
fn an_upgrade_can_be_refused_and_the_next_one_not() {
    let faults = vec![Fault::new(When::Upgrade, Mishap::Refuse(429)).on(1)];
    let settings = ServiceSettings { faults, ..scripted() };
    let memory = Memory::new();
    let request = UpgradeRequest::with_key("k");
    let open = || Service::open(&settings, &memory, &request, Nanos::ZERO);
    assert_eq!(open().unwrap_err().http_status, 429);
    assert!(open().is_ok());
}

#[test]
fn a_resumption_can_be_refused_while_a_new_session_is_welcome() {
    let close =
        Mishap::Close { code: 1007, reason: "Request contains an invalid argument.".into() };
    let faults = vec![Fault::new(When::Resumption, close)];
    let settings = ServiceSettings { faults, ..scripted() };
    let memory = Memory::new();
    let setup_with = |resumption: serde_json::Value| {
        let mut call = Call::open(&settings, &memory, Nanos::ZERO);
        call.say(setup(json!({"sessionResumption": resumption})));
        call.take()
    };
    assert_eq!(setup_with(json!({})), ["0 setupComplete"]);
    assert_eq!(setup_with(json!({"handle": "h"})), ["0 close 1007"]);
}

#[test]
fn a_message_can_come_twice_or_be_overtaken() {
    let twice = turn(fault(When::Sent(2), Mishap::Repeat)).take();
    assert_eq!(twice[..3], ["300 audio 9600", "367 audio 11520", "367 audio 11520"]);
    let late = turn(fault(When::Sent(2), Mishap::Late(Nanos::from_ms(100)))).take();
    assert_eq!(late[..3], ["300 audio 9600", "447 audio 11520", "467 audio 11520"]);
}

#[test]
fn an_interrupted_can_come_between_the_end_of_generation_and_of_the_turn() {
    let lines = turn(fault(When::GenerationComplete(1), Mishap::Interrupted)).take();
    let at = lines.iter().position(|line| line.ends_with(" interrupted")).unwrap();
    assert!(lines[at - 1].ends_with(" generationComplete"), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "1300 turnComplete +usage");
}

#[test]
fn an_interrupted_can_carry_audio_that_is_stale_already() {
    let mut faults = fault(When::Sent(1), Mishap::Bundle);
    faults.extend(fault(When::Sent(4), Mishap::Interrupted));
    let lines = turn(faults).take();
    assert_eq!(lines[3..5], ["447 audio 4800", "447 interrupted"]);
}

#[test]
fn a_go_away_can_be_scripted_and_is_kept() {
    let going = Mishap::GoAway(Nanos::from_ms(2_000));
    let mut call = turn(fault(When::TurnComplete(1), going));
    assert_eq!(call.take().last().unwrap(), "3300 close 1011");
    assert!(call.events().contains(&Event::GoingAway { left: Some(Nanos::from_ms(2_000)) }));
}

#[test]
fn a_service_can_be_deaf_for_a_while_and_slow_to_answer_pings() {
    let mut faults = fault(When::Age(Nanos::from_ms(1)), Mishap::Deaf(Nanos::from_ms(500)));
    let slow = Mishap::SlowPong(Nanos::from_secs(30));
    faults.extend(fault(When::Age(Nanos::from_ms(1)), slow));
    let mut call = Call::set_up(&ServiceSettings { faults, ..scripted() }, json!({}));
    assert_eq!(call.service.pong_delay(), Nanos::ZERO);
    call.run_ms(1);
    assert_eq!(call.service.deaf_until(call.now), Some(Nanos::from_ms(501)));
    assert_eq!(call.service.deaf_until(Nanos::from_ms(501)), None);
    assert_eq!(call.service.pong_delay(), Nanos::from_secs(30));
}

#[test]
fn a_turn_can_be_answered_with_nothing_or_not_at_all() {
    let turns = [(Answer::Empty, vec!["300 turnComplete +usage"]), (Answer::Nothing, Vec::new())];
    for (answer, expected) in turns {
        let script = vec![TurnScript { answer, ..TurnScript::default() }];
        let mut call = Call::set_up(&ServiceSettings { script, ..scripted() }, json!({}));
        call.say(text_turn("hi"));
        call.run_ms(5_000);
        assert_eq!(call.take(), expected);
        call.say(text_turn("hi again"));
        call.run_ms(5_000);
        assert_eq!(call.take()[0], "5300 audio 9600");
    }
}
