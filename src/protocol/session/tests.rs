//! Tests of the session.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    audio::Rate,
    protocol::settings::{AutomaticDetection, Compression},
};

mod resuming;

const NOW: Nanos = Nanos::ZERO;
const AUDIO: Uplink<'_> = Uplink::Audio { samples: &[1, 2], rate: Rate::UPLINK };
const REPLY: &[u8] = br#"{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"AQA="}}]}}}"#;
const TURN: &[u8] = br#"{"serverContent":{"turnComplete":true}}"#;
const HANDLE: &[u8] = br#"{"sessionResumptionUpdate":{"newHandle":"H","resumable":true}}"#;

fn connect(session: &mut Session) -> Value {
    session.connected(NOW);
    transmitted(session).expect("a setup")
}

fn ready(settings: SessionSettings) -> Session {
    let mut session = Session::new(settings);
    connect(&mut session);
    session.receive(NOW, br#"{"setupComplete":{}}"#);
    assert!(matches!(session.poll_event(), Some(Event::Ready { .. })));
    session
}

fn automatic() -> Session {
    ready(SessionSettings::automatic(AutomaticDetection::default()))
}

fn manual() -> Session {
    ready(SessionSettings::default())
}

fn transmitted(session: &mut Session) -> Option<Value> {
    let mut out = String::new();
    session.poll_transmit(&mut out).then(|| serde_json::from_str(&out).unwrap())
}

fn sent(session: &mut Session, item: Uplink<'_>) -> bool {
    let mut out = "before".to_owned();
    let written = session.write_uplink(NOW, item, &mut out);
    assert_eq!(written, out != "before");
    written
}

fn close(session: &mut Session, code: u16, reason: &str) -> Reaction {
    session.disconnected(NOW, Close::new(code, reason)).reaction
}

#[test]
fn a_stop_is_an_empty_window_or_content_without_an_end() {
    let mut session = manual();
    session.interrupt();
    assert!(session.wants_transmit());
    let start = json!({"realtimeInput": {"activityStart": {}}});
    assert_eq!(transmitted(&mut session), Some(start));
    let end = json!({"realtimeInput": {"activityEnd": {}}});
    assert_eq!(transmitted(&mut session), Some(end));
    assert!(transmitted(&mut session).is_none() && !session.window_open());
    let activity_handling = Some(ActivityHandling::NoInterruption);
    let deaf = ready(SessionSettings { activity_handling, ..SessionSettings::default() });
    for mut session in [automatic(), deaf] {
        session.interrupt();
        let content = json!({"clientContent": {"turnComplete": false}});
        assert_eq!(transmitted(&mut session), Some(content));
        assert_eq!(transmitted(&mut session), None);
    }
}

#[test]
fn a_stop_sends_nothing_while_the_user_speaks_or_nobody_listens() {
    let mut session = manual();
    assert!(sent(&mut session, Uplink::ActivityStart));
    session.interrupt();
    assert_eq!(transmitted(&mut session), None);
    let mut session = Session::new(SessionSettings::default());
    session.interrupt();
    connect(&mut session);
    assert_eq!(transmitted(&mut session), None);
}

#[test]
fn the_setup_is_the_first_message_and_goes_once_per_connection() {
    let mut session = Session::new(SessionSettings::default());
    assert_eq!(transmitted(&mut session), None);
    session.send_text(NOW, "early");
    assert!(connect(&mut session)["setup"].is_object());
    assert_eq!(transmitted(&mut session), None);
    session.receive(NOW, br#"{"setupComplete":{}}"#);
    assert!(transmitted(&mut session).unwrap()["clientContent"].is_object());
    close(&mut session, 1006, "");
    assert!(connect(&mut session)["setup"].is_object());
}

#[test]
fn nothing_goes_up_before_the_setup_is_accepted() {
    let mut session = Session::new(SessionSettings::default());
    assert!(!sent(&mut session, Uplink::ActivityStart));
    connect(&mut session);
    assert!(!sent(&mut session, Uplink::ActivityStart));
    session.receive(NOW, br#"{"setupComplete":{}}"#);
    assert!(session.is_ready());
    assert!(sent(&mut session, Uplink::ActivityStart));
    assert_eq!(session.counters().refused.not_ready, 2);
}

#[test]
fn a_setup_that_is_not_accepted_in_time_is_said_so_once() {
    let mut session = Session::new(SessionSettings::default());
    assert_eq!(session.next_deadline(), None);
    session.connected(Nanos::from_secs(1));
    assert_eq!(session.next_deadline(), Some(Nanos::from_secs(11)));
    session.handle_deadline(Nanos::from_secs(10));
    assert_eq!(session.poll_event(), None);
    session.handle_deadline(Nanos::from_secs(11));
    session.handle_deadline(Nanos::from_secs(12));
    assert_eq!(session.poll_event(), Some(Event::SetupTimedOut));
    assert_eq!((session.poll_event(), session.next_deadline()), (None, None));
    session.receive(Nanos::from_secs(13), br#"{"setupComplete":{}}"#);
    assert!(!session.is_ready());
}

#[test]
fn a_session_that_is_ready_has_no_deadline_and_a_setting_changes_it() {
    assert_eq!(manual().next_deadline(), None);
    let session = Session::new(SessionSettings::default());
    let mut session = session.with_setup_timeout(Nanos::from_ms(5));
    session.connected(NOW);
    assert_eq!(session.next_deadline(), Some(Nanos::from_ms(5)));
}

#[test]
fn a_window_has_one_start_and_one_end_and_audio_only_within() {
    let mut session = manual();
    assert!(!sent(&mut session, AUDIO));
    assert!(!sent(&mut session, Uplink::ActivityEnd));
    assert!(sent(&mut session, Uplink::ActivityStart));
    assert!(session.window_open());
    assert!(!sent(&mut session, Uplink::ActivityStart));
    assert!(sent(&mut session, AUDIO));
    assert!(!sent(&mut session, Uplink::StreamEnd));
    assert!(sent(&mut session, Uplink::ActivityEnd));
    assert!(!sent(&mut session, Uplink::Audio { samples: &[], rate: Rate::UPLINK }));
    let refused = session.counters().refused;
    assert_eq!((refused.audio_outside_window, refused.stray_end, refused.stray_start), (1, 1, 1));
    assert_eq!((refused.stream_end_in_manual, refused.empty_audio), (1, 1));
}

#[test]
fn automatic_detection_takes_audio_and_stream_ends_but_no_marks() {
    let mut session = automatic();
    assert!(!sent(&mut session, Uplink::StreamEnd));
    assert!(sent(&mut session, AUDIO));
    assert!(!sent(&mut session, Uplink::ActivityStart));
    assert!(!sent(&mut session, Uplink::ActivityEnd));
    assert!(sent(&mut session, Uplink::StreamEnd));
    assert!(!sent(&mut session, Uplink::StreamEnd));
    assert!(sent(&mut session, AUDIO));
    let refused = session.counters().refused;
    assert_eq!((refused.activity_in_automatic, refused.stray_stream_end), (2, 2));
}

#[test]
fn a_window_does_not_outlive_its_connection() {
    let mut session = manual();
    assert!(sent(&mut session, Uplink::ActivityStart));
    close(&mut session, 1006, "");
    assert!(!session.window_open());
    connect(&mut session);
    session.receive(NOW, br#"{"setupComplete":{}}"#);
    assert!(!sent(&mut session, Uplink::ActivityEnd));
    assert!(sent(&mut session, Uplink::ActivityStart));
}

#[test]
fn text_is_realtime_where_the_server_listens_and_a_turn_where_it_does_not() {
    let realtime = json!({"realtimeInput": {"text": "hi"}});
    let mut session = automatic();
    session.send_text(NOW, "hi");
    assert_eq!(transmitted(&mut session), Some(realtime.clone()));
    let mut session = manual();
    session.send_text(NOW, "hi");
    let turn = transmitted(&mut session).unwrap();
    assert_eq!(turn["clientContent"]["turns"][0]["parts"][0]["text"], "hi");
    assert_eq!(turn["clientContent"]["turnComplete"], true);
    sent(&mut session, Uplink::ActivityStart);
    session.send_text(NOW, "hi");
    assert_eq!(transmitted(&mut session), Some(realtime));
}

#[test]
fn texts_beyond_the_queue_are_refused_and_counted() {
    let mut session = Session::new(SessionSettings::default());
    let fitted = (0..TEXTS_MAX + 3).filter(|_| session.send_text(NOW, "x")).count();
    assert_eq!((fitted, session.counters().texts_refused), (TEXTS_MAX, 3));
}

#[test]
fn nothing_is_sent_for_a_call_that_was_taken_back() {
    let mut session = manual();
    session.receive(
        NOW,
        br#"{"toolCall":{"functionCalls":[{"id":"a","name":"f"},{"id":"b","name":"g"}]}}"#,
    );
    session.receive(NOW, br#"{"toolCallCancellation":{"ids":["a"]}}"#);
    let answer = transmitted(&mut session).unwrap();
    let responses = answer["toolResponse"]["functionResponses"].as_array().unwrap();
    assert_eq!(responses.len(), 1);
    assert_eq!(responses[0]["id"], "b");
    assert!(responses[0]["response"]["error"].is_string());
}

#[test]
fn a_call_of_the_old_connection_is_not_answered_on_the_new_one() {
    let mut session = manual();
    session.receive(NOW, br#"{"toolCall":{"functionCalls":[{"id":"a","name":"f"}]}}"#);
    close(&mut session, 1006, "");
    connect(&mut session);
    session.receive(NOW, br#"{"setupComplete":{}}"#);
    assert_eq!(transmitted(&mut session), None);
}

#[test]
fn more_calls_than_fit_are_counted_and_said() {
    let mut session = manual();
    let calls: Vec<_> = (0..70).map(|i| json!({"id": i.to_string(), "name": "f"})).collect();
    let message = json!({"toolCall": {"functionCalls": calls}}).to_string();
    session.receive(NOW, message.as_bytes());
    assert_eq!(session.counters().tool_responses_refused, 6);
    assert_eq!(std::iter::from_fn(|| session.poll_event()).count(), 70);
}

#[test]
fn events_that_nobody_polls_are_bounded_and_counted() {
    let mut session = manual();
    for _ in 0..EVENTS_MAX + 5 {
        session.receive(NOW, TURN);
    }
    assert_eq!(session.counters().events_refused, 5);
}

#[test]
fn a_handle_is_used_only_where_resumption_is_on() {
    let handle = Some(Handle::new("OLD"));
    let on = SessionSettings { resumption_handle: handle, ..SessionSettings::default() };
    let off = SessionSettings { resumption: false, ..on.clone() };
    let setup = connect(&mut Session::new(on));
    assert_eq!(setup["setup"]["sessionResumption"]["handle"], "OLD");
    let mut session = Session::new(off);
    assert!(connect(&mut session)["setup"]["sessionResumption"].is_null());
    session.receive(NOW, br#"{"setupComplete":{}}"#);
    assert!(!session.can_resume());
    assert_eq!(close(&mut session, 1006, ""), Reaction::Fresh);
}

#[test]
fn a_handle_is_tried_once_more_and_then_the_setup_goes_without() {
    let mut session = manual();
    session.receive(NOW, HANDLE);
    assert_eq!(close(&mut session, 1011, "Internal error encountered."), Reaction::Retry);
    assert!(connect(&mut session)["setup"]["sessionResumption"]["handle"].is_string());
    let reason = "Request contains an invalid argument.";
    assert_eq!(close(&mut session, 1007, reason), Reaction::Retry);
    assert!(connect(&mut session)["setup"]["sessionResumption"]["handle"].is_string());
    assert_eq!(close(&mut session, 1007, reason), Reaction::Fresh);
    assert_eq!(connect(&mut session)["setup"]["sessionResumption"], json!({}));
    assert_eq!(close(&mut session, 1007, reason), Reaction::Fatal);
}

#[test]
fn a_resume_that_fails_twice_for_the_servers_reasons_starts_afresh() {
    let mut session = manual();
    session.receive(NOW, HANDLE);
    close(&mut session, 1006, "");
    connect(&mut session);
    assert_eq!(close(&mut session, 1006, ""), Reaction::Retry);
    connect(&mut session);
    assert_eq!(close(&mut session, 1011, "Internal error encountered."), Reaction::Retry);
    connect(&mut session);
    assert_eq!(close(&mut session, 1011, "Internal error encountered."), Reaction::Fresh);
    assert!(!session.can_resume());
}

#[test]
fn a_close_that_we_asked_for_is_the_end() {
    let mut session = manual();
    session.receive(NOW, HANDLE);
    session.closing();
    assert_eq!(close(&mut session, 1000, ""), Reaction::Normal);
    connect(&mut session);
    session.receive(NOW, br#"{"setupComplete":{}}"#);
    assert_eq!(close(&mut session, 1000, ""), Reaction::Resume);
}

#[test]
fn a_reply_cut_off_by_the_connection_is_said_to_be_lost() {
    let mut session = manual();
    session.receive(NOW, REPLY);
    session.poll_event();
    close(&mut session, 1006, "");
    assert_eq!(session.poll_event(), Some(Event::ReplyLost { reply: ReplyId(0) }));
    session.receive(NOW, REPLY);
    assert_eq!(session.poll_event(), None);
    assert_eq!(session.counters().unexpected_messages, 1);
    connect(&mut session);
    session.receive(NOW, br#"{"setupComplete":{}}"#);
    session.poll_event();
    session.receive(NOW, REPLY);
    assert!(matches!(session.poll_event(), Some(Event::Audio { reply: ReplyId(1), .. })));
}

/// A part that ends between two samples: two of these are three samples.
const ODD: &[u8] = br#"{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"AQAB"}}]}}}"#;

fn odd_samples(session: &mut Session, now: Nanos) -> Vec<i16> {
    session.receive(now, ODD);
    match session.poll_event() {
        Some(Event::Audio { samples, .. }) => samples,
        _ => Vec::new(),
    }
}

/// What is left of a cut reply after three seconds is played after all. Where
/// its odd byte had been forgotten that was noise at full level.
#[test]
fn a_cut_reply_that_goes_on_for_too_long_goes_on_between_two_samples() {
    for by_service in [false, true] {
        let mut session = manual();
        assert_eq!(odd_samples(&mut session, NOW), [1]);
        if by_service {
            session.receive(NOW, br#"{"serverContent":{"interrupted":true}}"#);
            session.poll_event();
        } else {
            session.cut(NOW, ReplyId(0));
        }
        assert!(odd_samples(&mut session, Nanos::from_secs(1)).is_empty());
        assert!(odd_samples(&mut session, Nanos::from_secs(2)).is_empty());
        let rest = odd_samples(&mut session, Nanos::from_secs(4));
        assert_eq!(rest, [0x101, 0x100], "by the service: {by_service}");
    }
}

/// A campaign found it: the rest of a reply that was called complete in the
/// middle of its sound was noise at full level.
#[test]
fn a_reply_that_is_called_complete_too_early_goes_on_between_two_samples() {
    let mut session = manual();
    assert_eq!(odd_samples(&mut session, NOW), [1]);
    session.receive(NOW, TURN);
    session.poll_event();
    assert_eq!(odd_samples(&mut session, NOW), [0x101, 0x100]);
}

#[test]
fn a_reply_after_one_that_is_all_there_or_was_cut_is_a_new_stream() {
    for is_cut in [false, true] {
        let mut session = manual();
        assert_eq!(odd_samples(&mut session, NOW), [1]);
        if is_cut {
            session.cut(NOW, ReplyId(0));
        } else {
            session.receive(NOW, br#"{"serverContent":{"generationComplete":true}}"#);
        }
        session.receive(NOW, TURN);
        while session.poll_event().is_some() {}
        assert_eq!(odd_samples(&mut session, NOW), [1], "cut: {is_cut}");
    }
}

#[test]
fn the_setup_shown_to_people_hides_the_handle() {
    let mut session = manual();
    session.receive(NOW, HANDLE);
    close(&mut session, 1006, "");
    connect(&mut session);
    let shown = session.setup_for_display();
    assert!(shown.contains("sessionResumption") && !shown.contains("\"H\""), "{shown}");
}

#[test]
fn usage_adds_up_over_turns() {
    let mut session = manual();
    for _ in 0..2 {
        session.receive(
            NOW,
            br#"{"usageMetadata":{"promptTokenCount":"2","candidatesTokenCount":3,"totalTokenCount":-1}}"#,
        );
    }
    let usage = session.counters().usage;
    assert_eq!((usage.prompt_tokens, usage.response_tokens, usage.total_tokens), (4, 6, 0));
}

#[test]
fn the_default_asks_for_what_a_voice_client_wants_and_no_thinking() {
    let setup = connect(&mut Session::new(SessionSettings::default()));
    let setup = &setup["setup"];
    assert_eq!(setup["model"], "models/gemini-3.8-live");
    assert_eq!(setup["realtimeInputConfig"]["turnCoverage"], "TURN_INCLUDES_ALL_INPUT");
    assert_eq!(setup["contextWindowCompression"], json!({"slidingWindow": {}}));
    assert_eq!(setup["sessionResumption"], json!({}));
    assert_eq!(setup["inputAudioTranscription"], setup["outputAudioTranscription"]);
    assert!(setup["generationConfig"]["thinkingConfig"].is_null());
    assert_eq!(Compression::default().trigger_tokens, None);
}

/// Anything that may happen to a session.
#[derive(Clone, Debug)]
enum Step {
    Item(u8),
    Message(u8),
    Cut(u8),
    Reconnect,
    Wait(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..4).prop_map(Step::Item),
        6 => (0u8..5).prop_map(Step::Message),
        2 => (0u8..3).prop_map(Step::Cut),
        1 => Just(Step::Reconnect),
        1 => (0u16..4_000).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn whatever_happens_windows_alternate_and_nothing_of_a_cut_reply_is_passed_on(steps in steps()) {
        let mut session = manual();
        let (mut now, mut open) = (NOW, false);
        let (mut newest, mut cut): (Option<ReplyId>, Option<ReplyId>) = (None, None);
        for step in steps {
            match step {
                Step::Item(kind) => {
                    let kinds =
                        [Uplink::ActivityStart, AUDIO, Uplink::ActivityEnd, Uplink::StreamEnd];
                    let item = kinds[usize::from(kind)];
                    let written = sent(&mut session, item);
                    prop_assert_eq!(written, match item {
                        Uplink::ActivityStart => !open,
                        Uplink::Audio { .. } | Uplink::ActivityEnd => open,
                        Uplink::StreamEnd => false,
                    });
                    open = session.window_open();
                }
                Step::Message(kind) => {
                    let messages: [&[u8]; 5] = [
                        REPLY,
                        REPLY,
                        TURN,
                        br#"{"serverContent":{"interrupted":true}}"#,
                        br#"{"serverContent":{"generationComplete":true}}"#,
                    ];
                    session.receive(now, messages[usize::from(kind)]);
                }
                Step::Cut(back) => {
                    if let Some(newest) = newest {
                        let reply = ReplyId(newest.0.wrapping_sub(u32::from(back)));
                        session.cut(now, reply);
                        if cut.is_none_or(|cut| reply.is_after(cut)) && reply == newest {
                            cut = Some(reply);
                        }
                    }
                }
                Step::Reconnect => {
                    close(&mut session, 1006, "");
                    connect(&mut session);
                    session.receive(now, br#"{"setupComplete":{}}"#);
                    open = false;
                }
                Step::Wait(ms) => now += Nanos::from_ms(u64::from(ms)),
            }
            while let Some(event) = session.poll_event() {
                match event {
                    Event::Audio { reply, .. } => {
                        prop_assert!(newest.is_none_or(|newest| !newest.is_after(reply)));
                        prop_assert!(cut.is_none_or(|cut| reply.is_after(cut)));
                        newest = Some(reply);
                    }
                    Event::Interrupted { reply } => {
                        prop_assert_eq!(Some(reply), newest);
                        cut = Some(reply);
                    }
                    _ => {}
                }
            }
        }
    }
}
