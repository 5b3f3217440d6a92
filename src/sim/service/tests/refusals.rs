//! What closes a connection, and with which code.

use serde_json::{Value, json};

use super::{
    super::{Memory, Nanos, ServiceSettings, Transmit},
    Call, audio, door, manual, realtime, scripted, setup, text_turn,
};

/// The close of a new connection that says `messages`.
fn close(settings: &ServiceSettings, messages: &[Value]) -> Option<(u16, String)> {
    let mut call = Call::open(settings, &Memory::new(), Nanos::ZERO);
    for message in messages {
        call.say(message.clone());
    }
    match call.end? {
        Transmit::Close { code, reason } => Some((code, reason)),
        other => panic!("{other:?}"),
    }
}

fn code(messages: &[Value]) -> Option<u16> {
    close(&scripted(), messages).map(|(code, _)| code)
}

#[test]
fn the_first_message_is_the_setup_and_there_is_only_one() {
    assert_eq!(code(&[audio(&[0; 320])]), Some(1007));
    assert_eq!(code(&[text_turn("hi")]), Some(1007));
    assert_eq!(code(&[setup(json!({})), setup(json!({}))]), Some(1007));
    assert_eq!(code(&[setup(json!({}))]), None);
}

#[test]
fn what_is_not_one_of_the_five_messages_is_an_invalid_argument() {
    let invalid = Some((1007, "Request contains an invalid argument.".to_owned()));
    let ready = setup(json!({}));
    for wrong in [
        json!({}),
        json!([]),
        json!({"strange": {}}),
        json!({"clientContent": {}, "realtimeInput": {}}),
        json!({"realtimeInput": {"strange": 1}}),
        json!({"realtimeInput": {"audio": {"data": "!!", "mimeType": "audio/pcm"}}}),
        json!({"realtimeInput": {"audio": {"data": "AAA=", "mimeType": "audio/opus"}}}),
        json!({"realtimeInput": {"audio": {"data": "AAA=", "mimeType": "audio/pcm;rate=1"}}}),
        json!({"toolResponse": {}}),
        json!({"clientContent": {"turns": [{"parts": [{"functionCall": {}}]}]}}),
    ] {
        assert_eq!(close(&scripted(), &[ready.clone(), wrong.clone()]), invalid, "{wrong}");
    }
}

#[test]
fn what_is_no_json_is_an_invalid_argument() {
    let mut call = Call::open(&scripted(), &Memory::new(), Nanos::ZERO);
    call.service.receive(Nanos::ZERO, b"{\"setup\": {");
    assert!(call.service.is_closed());
    let end = call.service.poll_transmit(Nanos::ZERO);
    assert!(matches!(end, Some(Transmit::Close { code: 1007, .. })), "{end:?}");
}

#[test]
fn a_model_that_is_gone_or_unknown_is_named_with_the_version() {
    let reason = |model: &str| close(&scripted(), &[setup(json!({"model": model}))]).unwrap();
    assert_eq!(
        reason("models/gemini-2.0-flash-exp"),
        (1008, "models/gemini-2.0-flash-exp is not found for API version v1beta, or is not supported for bidiGenerateContent".to_owned())
    );
    let (code, reason) = reason(&format!("models/{}", "ü".repeat(80)));
    assert!(code == 1008 && reason.len() <= 123, "a close frame holds 123 bytes: {reason}");
    assert_eq!(code_of_model(""), Some(1007));
}

fn code_of_model(model: &str) -> Option<u16> {
    code(&[setup(json!({"model": model}))])
}

#[test]
fn what_a_model_does_not_take_is_an_invalid_argument() {
    for more in [
        json!({"generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW"}}}),
        json!({"generation_config": {"thinking_config": {}}}),
        json!({"generationConfig": {"enableAffectiveDialog": true}}),
        json!({"proactivity": {"proactiveAudio": false}}),
        json!({"generationConfig": {"responseModalities": ["AUDIO", "TEXT"]}}),
        json!({"generationConfig": {"speechConfig": {"multiSpeakerVoiceConfig": {}}}}),
        json!({"realtimeInputConfig": {"turnCoverage": "EVERYTHING"}}),
        json!({"realtimeInputConfig": {"activityHandling": "SHOUT"}}),
        json!({"realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": -1}}}),
        json!({"realtimeInputConfig": {"automaticActivityDetection":
            {"startOfSpeechSensitivity": "END_SENSITIVITY_LOW"}}}),
        json!({"voice": "Puck"}),
    ] {
        assert_eq!(code(&[setup(more.clone())]), Some(1007), "{more}");
    }
}

#[test]
fn a_wrong_key_closes_after_the_setup() {
    let settings = ServiceSettings { key: Some("secret".to_owned()), ..scripted() };
    let (code, reason) = close(&settings, &[setup(json!({}))]).unwrap();
    assert_eq!((code, reason.contains("API key")), (1007, true));
    let settings = ServiceSettings { key: Some("k".to_owned()), ..scripted() };
    assert_eq!(close(&settings, &[setup(json!({}))]), None);
    assert_eq!(door(&settings, "/").unwrap_err().http_status, 404);
}

#[test]
fn media_chunks_are_refused_unless_admitted() {
    let chunk = json!({"data": "AAA=", "mimeType": "audio/pcm"});
    let legacy = json!({"realtime_input": {"media_chunks": [chunk]}});
    assert_eq!(code(&[setup(json!({})), legacy.clone()]), Some(1007));
    let settings = ServiceSettings { accept_media_chunks: true, ..scripted() };
    assert_eq!(close(&settings, &[setup(json!({})), legacy]), None);
}

#[test]
fn activity_messages_need_manual_activity() {
    for edge in ["activityStart", "activityEnd"] {
        assert_eq!(code(&[setup(json!({})), realtime(edge)]), Some(1007));
        assert_eq!(code(&[setup(manual()), realtime(edge)]), None);
    }
}

#[test]
fn an_answer_to_no_call_is_not_found() {
    let answer = json!({"toolResponse": {"functionResponses": [{"id": "x", "response": {}}]}});
    assert_eq!(code(&[setup(json!({})), answer]), Some(1008));
}

#[test]
fn what_a_manual_client_should_not_do_is_passed_over_and_counted() {
    let mut call = Call::set_up(&scripted(), manual());
    call.say(audio(&[1; 320]));
    call.say(realtime("activityEnd"));
    call.say(realtime("activityStart"));
    call.say(realtime("activityStart"));
    call.say(realtime("audioStreamEnd"));
    call.say(realtime("activityEnd"));
    call.say(json!({"realtimeInput": {"text": "late"}}));
    let heard = call.service.heard();
    let violations = heard.violations;
    assert_eq!((violations.discarded_samples, violations.stray_ends), (320, 1));
    assert_eq!((violations.double_starts, violations.stream_ends_in_manual), (1, 1));
    assert_eq!((violations.discarded_texts, heard.turns_total), (1, 1));
    assert_eq!(call.end, None);
}
