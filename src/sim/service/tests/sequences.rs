//! The sequences of the protocol reference 3.8, to the millisecond.

use serde_json::{Value, json};

use super::{
    super::{Nanos, ServiceSettings, ToolScript, TurnScript},
    Call, audio, manual, realtime, scripted, setup, text_turn, vowel,
};

fn no_interruption(mut config: Value) -> Value {
    config["realtimeInputConfig"]["activityHandling"] = json!("NO_INTERRUPTION");
    config
}

/// One manual turn with 200 ms of sound in it.
fn utter(call: &mut Call) {
    call.say(realtime("activityStart"));
    call.say(audio(&vowel(200)));
    call.say(realtime("activityEnd"));
}

#[test]
fn normal_a_reply_in_bursts_then_a_turn_complete_when_it_is_played() {
    let script = vec![TurnScript {
        user: Some("Hello there, can you hear me?".to_owned()),
        model: Some("Loud and clear.".to_owned()),
        ..TurnScript::default()
    }];
    let config = json!({
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
        "realtimeInputConfig": {"automaticActivityDetection": {"disabled": true}},
    });
    let mut call = Call::set_up(&ServiceSettings { script, ..scripted() }, config);
    utter(&mut call);
    assert_eq!(call.take(), ["0 in:Hello there, can you", "0 in: hear me?"]);
    call.run_ms(5_000);
    assert_eq!(
        call.take(),
        [
            "300 audio 9600",
            "367 audio 11520",
            "367 out:Loud",
            "447 audio 11520",
            "527 audio 11520",
            "527 out: and",
            "607 audio 3840",
            "607 out: clear.",
            "607 generationComplete",
            "1300 turnComplete +usage",
        ]
    );
}

#[test]
fn barge_in_an_onset_cuts_the_reply_between_two_parts() {
    let mut call = Call::set_up(&scripted(), manual());
    utter(&mut call);
    call.run_ms(400);
    call.take();
    call.say(realtime("activityStart"));
    assert_eq!(call.take(), ["400 interrupted", "400 turnComplete +usage"]);
    call.run_ms(2_000);
    assert_eq!(call.take(), [""; 0], "nothing of the cut reply follows");
    call.say(audio(&vowel(200)));
    call.say(realtime("activityEnd"));
    call.run_ms(5_000);
    assert_eq!(call.take().last().unwrap(), "3700 turnComplete +usage");
}

#[test]
fn early_an_onset_before_the_first_part_cuts_too() {
    let mut call = Call::set_up(&scripted(), manual());
    utter(&mut call);
    call.run_ms(100);
    call.say(realtime("activityStart"));
    assert_eq!(call.take(), ["100 interrupted", "100 turnComplete +usage"]);
}

#[test]
fn late_an_onset_cuts_what_is_sent_and_not_yet_played() {
    let mut call = Call::set_up(&scripted(), manual());
    utter(&mut call);
    call.run_ms(1_000);
    assert_eq!(call.take().last().unwrap(), "607 generationComplete");
    call.say(realtime("activityStart"));
    assert_eq!(call.take(), ["1000 interrupted", "1000 turnComplete +usage"]);
}

#[test]
fn empty_a_turn_without_sound_is_answered_with_a_reason() {
    let mut call = Call::set_up(&scripted(), manual());
    call.say(realtime("activityStart"));
    call.say(audio(&[0; 3_200]));
    call.say(realtime("activityEnd"));
    call.run_ms(1_000);
    assert_eq!(call.take(), ["300 turnComplete NEED_MORE_INPUT +usage"]);
}

#[test]
fn tool_a_call_in_the_middle_waits_for_its_answer() {
    let tool = |blocking| {
        let name = "set_light".to_owned();
        let script = ToolScript { name, args: json!({"on": true}), blocking };
        vec![TurnScript { tool: Some(script), ..TurnScript::default() }]
    };
    let mut call = Call::set_up(&ServiceSettings { script: tool(false), ..scripted() }, json!({}));
    call.say(text_turn("light on"));
    call.run_ms(2_000);
    assert_eq!(
        call.take()[2..],
        ["447 audio 11520", "447 toolCall function-call-1", "527 audio 11520"]
    );
    call.say(json!({"toolResponse": {"functionResponses": [
        {"id": "function-call-1", "name": "set_light", "response": {"result": "ok"}}]}}));
    call.run_ms(3_000);
    assert_eq!(
        call.take(),
        ["2000 audio 3840", "2000 generationComplete", "2080 turnComplete +usage"]
    );

    let mut cut = Call::set_up(&ServiceSettings { script: tool(false), ..scripted() }, json!({}));
    cut.say(text_turn("light on"));
    cut.run_ms(1_000);
    cut.take();
    cut.say(text_turn("no, off"));
    let lines = cut.take();
    assert_eq!(lines[..2], ["1000 cancelled function-call-1", "1000 interrupted"]);

    let mut call = Call::set_up(&ServiceSettings { script: tool(true), ..scripted() }, json!({}));
    call.say(text_turn("light on"));
    call.run_ms(1_000);
    call.say(audio(&[0; 320]));
    assert_eq!(call.take().last().unwrap(), "1000 close 1008");
}

#[test]
fn thinking_a_first_turn_complete_is_still_in_progress() {
    let script = vec![TurnScript { in_two: true, ..TurnScript::default() }];
    let settings = ServiceSettings { script, ..scripted() };
    let mut call = Call::set_up(
        &settings,
        json!({
            "model": "models/gemini-3.8-live-extended-thinking",
            "generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}},
        }),
    );
    call.say(text_turn("think"));
    call.run_ms(5_000);
    assert_eq!(
        call.take()[2..],
        [
            "447 audio 2880",
            "800 turnComplete IN_PROGRESS +usage",
            "800 audio 9600",
            "867 audio 11520",
            "947 audio 2880",
            "947 generationComplete",
            "1300 turnComplete IDLE +usage",
        ]
    );
    assert_eq!(call.service.heard().turns_completed, 1);
}

#[test]
fn resume_a_handle_follows_each_turn_and_is_withdrawn_while_generating() {
    let mut call = Call::set_up(&scripted(), json!({"sessionResumption": {}}));
    call.say(text_turn("hi"));
    call.run_ms(5_000);
    let lines = call.take();
    assert_eq!(lines[0], "300 no handle");
    assert_eq!(lines[lines.len() - 2..], ["1300 turnComplete +usage", "1300 handle"]);
}

#[test]
fn goaway_is_said_at_its_age_and_kept_to() {
    let go_away_after = Some(Nanos::from_secs(540));
    let mut call = Call::set_up(&ServiceSettings { go_away_after, ..scripted() }, json!({}));
    call.run(Nanos::from_secs(600));
    assert_eq!(call.take(), ["540000 goAway 50s", "590000 close 1011"]);
}

#[test]
fn goaway_can_be_said_on_demand() {
    let mut call = Call::set_up(&scripted(), json!({}));
    call.service.go_away(call.now, Some(Nanos::from_ms(9_250)));
    call.run_ms(9_000);
    call.say(text_turn("one more"));
    call.run_ms(9_000);
    assert_eq!(call.take(), ["0 goAway 9.250s", "9250 close 1011"]);
}

#[test]
fn without_interruption_a_turn_waits_for_the_reply_before_it() {
    let mut call = Call::set_up(&scripted(), no_interruption(manual()));
    utter(&mut call);
    call.run_ms(500);
    utter(&mut call);
    utter(&mut call);
    call.run_ms(10_000);
    let completes: Vec<String> =
        call.take().into_iter().filter(|line| line.contains("Complete")).collect();
    assert_eq!(
        completes,
        [
            "607 generationComplete",
            "1300 turnComplete +usage",
            "1907 generationComplete",
            "2600 turnComplete +usage",
            "3207 generationComplete",
            "3900 turnComplete +usage",
        ]
    );
}

#[test]
fn turns_that_find_no_place_to_wait_are_refused_and_counted() {
    let mut call = Call::set_up(&scripted(), no_interruption(manual()));
    for _ in 0..12 {
        utter(&mut call);
    }
    assert_eq!(call.service.heard().violations.refused_turns, 3);
    call.run_ms(60_000);
    assert_eq!(call.service.heard().turns_completed, 12);
}

#[test]
fn client_content_interrupts_even_where_activity_does_not() {
    let mut call = Call::set_up(&scripted(), no_interruption(json!({})));
    call.say(text_turn("hi"));
    call.run_ms(400);
    call.take();
    call.say(json!({"clientContent": {"turnComplete": false}}));
    assert_eq!(call.take(), ["400 interrupted", "400 turnComplete +usage"]);
    call.run_ms(5_000);
    assert_eq!(call.take(), [""; 0], "and starts nothing where the turn is not complete");
}

#[test]
fn realtime_text_is_a_turn_of_its_own() {
    let mut call = Call::set_up(&scripted(), json!({}));
    call.say(json!({"realtime_input": {"text": "hello"}}));
    call.run_ms(5_000);
    assert_eq!(call.take().last().unwrap(), "1300 turnComplete +usage");
    assert_eq!(call.service.heard().turns[0].text, "hello");
}

#[test]
fn a_seeded_history_is_taken_without_a_reply() {
    let config = json!({"historyConfig": {"initialHistoryInClientContent": true}});
    let mut call = Call::set_up(&scripted(), config);
    call.say(audio(&vowel(500)));
    assert_eq!(call.service.heard().violations.during_seeding, 1);
    call.say(text_turn("what was said before"));
    call.run_ms(5_000);
    assert_eq!(call.take(), [""; 0]);
    call.say(text_turn("go on"));
    call.run_ms(5_000);
    assert!(!call.take().is_empty());
}

#[test]
fn what_is_written_into_a_window_belongs_to_its_turn_up_to_a_limit() {
    let mut call = Call::set_up(&scripted(), manual());
    call.say(realtime("activityStart"));
    for _ in 0..3 {
        call.say(json!({"realtimeInput": {"text": "ü".repeat(300_000)}}));
    }
    call.say(realtime("activityEnd"));
    assert_eq!(call.service.heard().turns[0].text.len(), 1 << 20);
}

#[test]
fn vertex_names_its_session_and_its_tokens() {
    let path = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent";
    let mut call = Call::open(&scripted(), &super::Memory::new(), Nanos::ZERO);
    call.service = super::door(&scripted(), path).unwrap();
    let model =
        "projects/p/locations/l/publishers/google/models/gemini-live-2.5-flash-native-audio";
    call.say(setup(json!({"model": model, "explicitVadSignal": true})));
    assert!(call.messages[0]["setupComplete"]["sessionId"].is_string());
    call.speak(&vowel(500));
    call.say(realtime("audioStreamEnd"));
    call.run_ms(5_000);
    let lines = call.take();
    assert!(lines[1].contains("ACTIVITY_START") && lines[2].contains("ACTIVITY_END"), "{lines:?}");
    let usage = &call.messages.last().unwrap()["usageMetadata"];
    assert_eq!(usage["candidatesTokenCount"], json!(25));
}

#[test]
fn turns_that_wait_are_answered_in_the_order_in_which_they_were_said() {
    let mut call = Call::set_up(&ServiceSettings::default(), no_interruption(manual()));
    for ms in [600, 200, 400] {
        call.say(realtime("activityStart"));
        call.say(audio(&vowel(ms)));
        call.say(realtime("activityEnd"));
    }
    call.run_ms(10_000);
    let ends = call.take().into_iter().filter(|line| line.contains("turnComplete"));
    assert_eq!(
        ends.collect::<Vec<_>>(),
        ["900 turnComplete +usage", "1400 turnComplete +usage", "2100 turnComplete +usage",]
    );
}
