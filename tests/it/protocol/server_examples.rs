//! Every server message that the official Python SDK was shown: what it
//! accepted we read the same, field by field; what it refused we tolerate.

use chinwag::{
    audio::Nanos,
    protocol::{
        Close, Reaction, Session, SessionSettings, base64,
        wire::{
            self, ModalityTokens, Reading, ServerContent, ServerMessage, Transcript, UsageMetadata,
        },
    },
};
use serde_json::{Map, Value, json};

use super::{
    brief::{events, ready},
    json_lines, text,
};

const EXAMPLES: &str = include_str!("../../data/protocol/server_examples.jsonl");

/// What the SDK shows and we do not keep, each with its reason.
const NOT_KEPT: [(&str, &str); 7] = [
    ("voice_consent_signature", "cloned voices are not offered"),
    ("thought_signature", "only of use for sending thoughts back"),
    ("executable_code", "the server runs it; not spoken"),
    ("code_execution_result", "the server runs it; not spoken"),
    ("grounding_metadata", "sources of a search; not spoken"),
    ("url_context_metadata", "sources of a search; not spoken"),
    ("service_tier", "billing"),
];

/// What each case makes a session say.
const EVENTS: [(&str, &[&str]); 68] = [
    ("setupComplete", &["ready -"]),
    ("setupComplete_sessionId", &["ready f162d11d-434a-4212-8a31-f1a4843cad11"]),
    ("setupComplete_voiceConsent", &["ready -"]),
    ("audio", &["audio 0 [0, 32767, -32768, 1] 24000"]),
    ("audio_role_norate", &["audio 0 [0, 32767, -32768, 1] 24000"]),
    (
        "audio_two_parts",
        &["audio 0 [0, 32767, -32768, 1] 24000", "audio 0 [0, 32767, -32768, 1] 24000"],
    ),
    ("audio_base64url", &["audio 0 [-5, -321] 24000"]),
    ("audio_base64std_plus_slash", &["audio 0 [-5, -321] 24000"]),
    ("audio_base64_nopad", &["audio 0 [-5, -321] 24000"]),
    ("text", &["text 0 Hello"]),
    ("thought", &[]),
    ("thoughtSignature", &["text 0 x"]),
    ("executableCode", &[]),
    ("codeExecutionResult", &[]),
    ("modelTurn_empty", &[]),
    (
        "multi_part_event_3x",
        &["user \"hi\"", "audio 0 [0, 32767, -32768, 1] 24000", "model \"Hel\""],
    ),
    ("generationComplete", &["generated 0"]),
    ("turnComplete", &["turn 0"]),
    ("turnComplete_false", &[]),
    ("turnComplete_reason", &["turn 0 RESPONSE_REJECTED"]),
    ("turnComplete_reason_need_more_input", &["waiting", "turn 0 NEED_MORE_INPUT"]),
    ("turnComplete_status_in_progress", &["turn 0 goes on"]),
    ("turnComplete_status_idle", &["turn 0"]),
    ("interaction_idle_alone", &["idle"]),
    ("waitingForInput", &["waiting"]),
    ("interrupted", &[]),
    ("interrupted_and_turnComplete", &["turn 0"]),
    ("inputTranscription", &["user \"hello there\""]),
    ("inputTranscription_full", &["user \"hello\"."]),
    ("interimInputTranscription", &["user? \"hel\""]),
    ("outputTranscription", &["model \"We\""]),
    ("outputTranscription_empty", &[]),
    ("outputTranscription_finished", &["model \"\"."]),
    ("groundingMetadata", &[]),
    ("urlContextMetadata", &[]),
    ("toolCall", &["call get_weather function-call-1"]),
    ("toolCall_two_noargs", &["call f a", "call g b"]),
    ("toolCallCancellation", &["cancelled function-call-1 b"]),
    ("goAway_50s", &["going away 50000"]),
    ("goAway_frac", &["going away 9250"]),
    ("goAway_empty", &["going away ?"]),
    ("sessionResumptionUpdate_yes", &["resumable true"]),
    ("sessionResumptionUpdate_no", &["resumable false"]),
    ("sessionResumptionUpdate_empty", &["resumable false"]),
    ("sessionResumptionUpdate_index_str", &["resumable true"]),
    ("usageMetadata_alone", &["usage 10+5+0+0=15"]),
    ("usageMetadata_thoughts_tool", &["usage 10+0+3+4=17"]),
    ("turnComplete_with_usage", &["turn 0", "usage 515+31+0+0=546"]),
    ("voiceActivity_start", &["voice start 1240"]),
    ("voiceActivity_end", &["voice end 2480"]),
    ("voiceActivity_long_field_name", &[]),
    ("voiceActivityDetectionSignal", &["voice start ?"]),
    ("several_top_level", &["resumable true", "turn 0", "usage 0+0+0+0=1", "going away 10000"]),
    ("empty_object", &[]),
    ("unknown_top_level", &[]),
    ("unknown_top_level_plus_known", &["turn 0"]),
    ("unknown_nested_field", &["turn 0"]),
    ("unknown_part_kind", &[]),
    ("unknown_enum", &["turn 0 SOMETHING_NEW_2027"]),
    ("snake_case_top", &["turn 0"]),
    ("snake_case_nested", &["audio 0 [0, 32767, -32768, 1] 24000", "turn 0"]),
    ("error_google_rpc", &["error 400 INVALID_ARGUMENT Invalid"]),
    ("error_flat", &["error 400 INVALID_ARGUMENT Invalid"]),
    ("raw_empty_frame", &[]),
    ("raw_not_json", &[]),
    ("raw_array", &[]),
    ("raw_null", &[]),
    ("raw_pretty_printed", &["turn 0"]),
];

fn message_cases() -> impl Iterator<Item = (String, Vec<u8>, Value)> {
    json_lines(EXAMPLES).into_iter().filter(|line| line["server_close"].is_null()).map(|line| {
        let bytes = match &line["wire_raw"] {
            Value::String(raw) => raw.as_bytes().to_vec(),
            _ => line["wire"].to_string().into_bytes(),
        };
        (text(&line, "case").to_owned(), bytes, line)
    })
}

#[test]
fn every_example_makes_the_events_it_should() {
    let mut left = EVENTS.to_vec();
    for (case, bytes, _) in message_cases() {
        let at = left.iter().position(|(name, _)| *name == case);
        let (_, expected) = left.swap_remove(at.unwrap_or_else(|| panic!("{case} is not listed")));
        let mut session = if case.starts_with("setupComplete") {
            let mut session = Session::new(SessionSettings::default());
            session.connected(Nanos::ZERO);
            session
        } else {
            ready(SessionSettings::default())
        };
        session.receive(Nanos::ZERO, &bytes);
        assert_eq!(events(&mut session), expected, "{case}");
    }
    assert!(left.is_empty(), "no such example: {left:?}");
}

#[test]
fn every_example_ends_the_turn_where_the_sdk_does() {
    for (case, bytes, line) in message_cases() {
        let Some(ends) = line["end_of_receive"].as_bool().filter(|_| line["accepted"] == true)
        else {
            continue;
        };
        let mut session = ready(SessionSettings::default());
        session.receive(Nanos::ZERO, &bytes);
        let ours = events(&mut session).iter().any(|event| {
            event == "idle" || event.starts_with("turn ") && !event.ends_with("goes on")
        });
        assert_eq!(ours, ends, "{case}");
    }
}

#[test]
fn every_example_that_the_sdk_accepts_is_read_the_same_field_by_field() {
    let mut unused: Vec<&str> = NOT_KEPT.iter().map(|(name, _)| *name).collect();
    for (case, bytes, line) in message_cases().filter(|(.., line)| line["accepted"] == true) {
        let mut expected = line["parsed"].clone();
        normalise(&mut expected, &mut unused);
        let mut spare = Value::Null;
        let ours = match wire::read(&bytes, &mut spare) {
            Reading::Message(message) => shown(&message),
            Reading::Empty => json!({}),
            other => panic!("{case}: {other:?}"),
        };
        assert_eq!(ours, expected, "{case}");
    }
    assert!(unused.is_empty(), "nothing shows {unused:?}");
}

#[test]
fn what_the_sdk_refuses_is_tolerated_and_counted() {
    for (case, bytes, _) in message_cases().filter(|(.., line)| line["accepted"] == false) {
        let mut session = ready(SessionSettings::default());
        session.receive(Nanos::ZERO, &bytes);
        let counters = session.counters();
        let counted = (counters.garbage_messages, counters.unknown_messages);
        let expected = match case.as_str() {
            "raw_not_json" => (1, 0),
            "unknown_top_level" => (0, 1),
            "snake_case_top" | "error_google_rpc" | "error_flat" => (0, 0),
            other => panic!("{other} is not listed"),
        };
        assert_eq!(counted, expected, "{case}");
        assert!(session.is_ready(), "{case}");
    }
}

#[test]
fn every_close_gets_a_verdict_that_names_its_code_and_reason() {
    let mut seen = 0;
    for line in json_lines(EXAMPLES).iter().filter(|line| !line["server_close"].is_null()) {
        let code = line["server_close"][0].as_u64().map_or(Close::NO_FRAME, |code| code as u16);
        let reason = line["server_close"][1].as_str().unwrap_or_default();
        let (talking, in_setup) = match code {
            1000 | 1001 | 1006 => (Reaction::Resume, Reaction::Retry),
            1007 | 1008 => (Reaction::Fatal, Reaction::Fatal),
            1011 | 1013 => (Reaction::Retry, Reaction::Retry),
            other => panic!("{other} is not listed"),
        };
        let mut session = ready(SessionSettings::default());
        session.receive(
            Nanos::ZERO,
            br#"{"sessionResumptionUpdate":{"newHandle":"H","resumable":true}}"#,
        );
        let verdict = session.disconnected(Nanos::ZERO, Close::new(code, reason));
        assert_eq!(verdict.reaction, talking, "{code} {reason}");
        assert!(verdict.explanation.contains(&code.to_string()), "{}", verdict.explanation);
        assert!(verdict.explanation.contains(reason), "{}", verdict.explanation);
        assert!(text(line, "sdk_raises").contains(&code.to_string()));
        let mut session = Session::new(SessionSettings::default());
        session.connected(Nanos::ZERO);
        let verdict = session.disconnected(Nanos::ZERO, Close::new(code, reason));
        assert_eq!(verdict.reaction, in_setup, "{code} {reason} before setupComplete");
        seen += 1;
    }
    assert_eq!(seen, 7);
}

/// The SDK's spelling to one that compares: bytes as numbers, durations in
/// milliseconds, without what we do not keep.
fn normalise(value: &mut Value, unused: &mut Vec<&str>) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| {
                let kept = NOT_KEPT.iter().all(|(not_kept, _)| not_kept != name);
                unused.retain(|unused| unused != name);
                kept
            });
            for (name, field) in fields {
                match (name.as_str(), field.as_str()) {
                    ("data", Some(data)) => *field = bytes_of(data),
                    ("time_left" | "audio_offset" | "start_offset" | "end_offset", Some(text)) => {
                        let seconds: f64 = text.trim_end_matches('s').parse().unwrap();
                        *field = json!(seconds * 1e3);
                    }
                    _ => normalise(field, unused),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| normalise(item, unused)),
        _ => {}
    }
}

fn bytes_of(data: &str) -> Value {
    let mut bytes = Vec::new();
    assert!(base64::decode(data, &mut bytes), "{data}");
    json!(bytes)
}

/// An object of what is set, as the SDK shows it.
fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let set = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(set.collect::<Map<_, _>>())
}

fn some<T: Clone + Into<Value>>(value: Option<&T>) -> Option<Value> {
    value.cloned().map(Into::into)
}

fn ms(time: Option<Nanos>) -> Option<Value> {
    time.map(|time| json!(time.as_ms()))
}

fn list<T>(items: &[T], show: impl Fn(&T) -> Value) -> Option<Value> {
    (!items.is_empty()).then(|| items.iter().map(show).collect())
}

fn shown(message: &ServerMessage<'_>) -> Value {
    object([
        (
            "setup_complete",
            message
                .setup_complete
                .as_ref()
                .map(|c| object([("session_id", some(c.session_id.as_ref()))])),
        ),
        ("server_content", message.server_content.as_ref().map(content)),
        (
            "tool_call",
            message.tool_call.as_ref().map(|call| {
                object([(
                    "function_calls",
                    list(&call.function_calls, |one| {
                        object([
                            ("id", some(one.id.as_ref())),
                            ("name", some(one.name.as_ref())),
                            ("args", one.args.as_ref().map(|args| args.get().parse().unwrap())),
                        ])
                    }),
                )])
            }),
        ),
        (
            "tool_call_cancellation",
            message.tool_call_cancellation.as_ref().map(|cancelled| json!({"ids": cancelled.ids})),
        ),
        ("go_away", message.go_away.as_ref().map(|go| object([("time_left", ms(go.time_left))]))),
        (
            "session_resumption_update",
            message.session_resumption_update.as_ref().map(|update| {
                object([
                    ("new_handle", some(update.new_handle.as_ref())),
                    ("resumable", some(update.resumable.as_ref())),
                    (
                        "last_consumed_client_message_index",
                        some(update.last_consumed_client_message_index.as_ref()),
                    ),
                ])
            }),
        ),
        (
            "voice_activity",
            message.voice_activity.as_ref().map(|activity| {
                object([
                    ("voice_activity_type", some(activity.kind.as_ref())),
                    ("audio_offset", ms(activity.audio_offset)),
                ])
            }),
        ),
        (
            "voice_activity_detection_signal",
            message
                .voice_activity_detection_signal
                .as_ref()
                .map(|signal| object([("vad_signal_type", some(signal.vad_signal_type.as_ref()))])),
        ),
        ("usage_metadata", message.usage_metadata.as_ref().map(usage)),
    ])
}

fn usage(usage: &UsageMetadata) -> Value {
    object([
        ("prompt_token_count", some(usage.prompt_token_count.as_ref())),
        ("cached_content_token_count", some(usage.cached_content_token_count.as_ref())),
        ("response_token_count", some(usage.response_token_count.as_ref())),
        ("tool_use_prompt_token_count", some(usage.tool_use_prompt_token_count.as_ref())),
        ("thoughts_token_count", some(usage.thoughts_token_count.as_ref())),
        ("total_token_count", some(usage.total_token_count.as_ref())),
        ("prompt_tokens_details", list(&usage.prompt_tokens_details, modality)),
        ("response_tokens_details", list(&usage.response_tokens_details, modality)),
    ])
}

fn modality(tokens: &ModalityTokens) -> Value {
    object([
        ("modality", some(tokens.modality.as_ref())),
        ("token_count", some(tokens.token_count.as_ref())),
    ])
}

fn content(content: &ServerContent<'_>) -> Value {
    let turn = content.model_turn.as_ref().map(|turn| {
        let parts = list(&turn.parts, |part| {
            let blob = part
                .inline_data
                .as_ref()
                .map(|blob| json!({"mime_type": &*blob.mime_type, "data": bytes_of(&blob.data)}));
            object([
                ("text", some(part.text.as_ref())),
                ("thought", some(part.thought.as_ref())),
                ("inline_data", blob),
            ])
        });
        object([("parts", parts), ("role", some(turn.role.as_ref()))])
    });
    object([
        ("model_turn", turn),
        ("generation_complete", some(content.generation_complete.as_ref())),
        ("turn_complete", some(content.turn_complete.as_ref())),
        ("turn_complete_reason", some(content.turn_complete_reason.as_ref())),
        ("interrupted", some(content.interrupted.as_ref())),
        ("waiting_for_input", some(content.waiting_for_input.as_ref())),
        ("interaction_status", some(content.interaction_status.as_ref())),
        ("input_transcription", content.input_transcription.as_ref().map(transcript)),
        ("output_transcription", content.output_transcription.as_ref().map(transcript)),
        (
            "interim_input_transcription",
            content.interim_input_transcription.as_ref().map(transcript),
        ),
    ])
}

fn transcript(transcript: &Transcript) -> Value {
    let words = list(&transcript.words, |word| {
        object([
            ("word", some(word.word.as_ref())),
            ("start_offset", ms(word.start_offset)),
            ("end_offset", ms(word.end_offset)),
        ])
    });
    object([
        ("text", some(transcript.text.as_ref())),
        ("finished", some(transcript.finished.as_ref())),
        ("language_code", some(transcript.language_code.as_ref())),
        ("speaker_label", some(transcript.speaker_label.as_ref())),
        ("start_offset", ms(transcript.start_offset)),
        ("end_offset", ms(transcript.end_offset)),
        ("words", words),
    ])
}
