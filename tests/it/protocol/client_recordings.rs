//! Every message that the official SDKs were recorded to send, against what
//! we write for the same wish: equal field by field, or listed with a reason.

use chinwag::{
    audio::Rate,
    protocol::{
        Uplink, base64,
        setup::{self, Origin},
        uplink::{self, FunctionResponse, Turn},
    },
};
use serde_json::Value;

use super::{json_lines, text, wishes::wish};

/// Messages that we never send: fixture, frame (or all frames but the setup),
/// reason.
const NOT_SENT: [(&str, Option<u64>, &str); 10] = [
    ("js_messages", Some(6), MEDIA_CHUNKS),
    ("msg_06_realtime_media_legacy", None, MEDIA_CHUNKS),
    ("msg_20_deprecated_send", Some(1), MEDIA_CHUNKS),
    ("msg_20_deprecated_send", Some(4), MEDIA_CHUNKS),
    ("old_0_3_0_send_end_of_turn", Some(1), MEDIA_CHUNKS),
    ("old_0_3_0_send_end_of_turn", Some(2), MEDIA_CHUNKS),
    ("old_1_0_0_send_end_of_turn", Some(1), MEDIA_CHUNKS),
    ("old_1_0_0_send_end_of_turn", Some(2), MEDIA_CHUNKS),
    ("msg_05_realtime_video", None, "no video"),
    ("msg_10_context_update", None, "unverified on the Developer API, and a session needs none"),
];
const MEDIA_CHUNKS: &str =
    "current models close with 1007 on mediaChunks; ours is realtimeInput.audio";

/// What one side has and the other does not: fixture, frame, place, reason.
const DIFFERENT: [(&str, u64, &str, &str); 17] = [
    ("js_messages", 0, "/setup/realtimeInputConfig/turnCoverage", COVERAGE),
    ("js_messages", 9, "/toolResponse/functionResponses/0/scheduling", SCHEDULING),
    ("js_setup_full", 0, "/setup/tools", TOOLS),
    ("msg_01_realtime_audio", 2, "/realtimeInput/audio/mimeType", "we always name the rate"),
    ("msg_02_manual_vad_turn", 0, "/setup/realtimeInputConfig/turnCoverage", COVERAGE),
    ("msg_09_tool_response", 2, "/toolResponse/functionResponses/0/scheduling", SCHEDULING),
    ("msg_09_tool_response", 2, "/toolResponse/functionResponses/1/scheduling", SCHEDULING),
    ("msg_09_tool_response", 2, "/toolResponse/functionResponses/1/willContinue", SCHEDULING),
    (
        "setup_06_system_instruction_content",
        0,
        "/setup/systemInstruction/role",
        "we name the role, as both SDKs do for an instruction given as text",
    ),
    ("setup_10_vad_disabled", 0, "/setup/realtimeInputConfig/turnCoverage", COVERAGE),
    (
        "setup_12_turn_coverage_audio_activity_all_video",
        0,
        "/setup/realtimeInputConfig/interimTranscriptTimestampEnabled",
        "unverified, and we show no times",
    ),
    ("setup_18_tools", 0, "/setup/tools", TOOLS),
    ("setup_19_tools_python_callable", 0, "/setup/tools", TOOLS),
    (
        "setup_25_translation",
        0,
        "/setup/generationConfig/translationConfig",
        "translation is not offered",
    ),
    (
        "setup_28_generation_config_passthrough",
        0,
        "/setup/generationConfig/stopSequences",
        "not supported for Live sessions",
    ),
    ("setup_31_everything_voice_client", 0, "/setup/realtimeInputConfig/turnCoverage", COVERAGE),
    ("setup_31_everything_voice_client", 0, "/setup/tools", TOOLS),
];
const COVERAGE: &str = "with manual detection we always send turnCoverage";
const TOOLS: &str = "tools are not offered yet";
const SCHEDULING: &str = "only for tools that do not block, which are not offered yet";

/// Setups that are about something else than a voice client.
const OTHER_SETUPS: [(&str, &str); 3] = [
    ("setup_26_safety_labels", "safety settings and labels are not offered"),
    ("setup_30_avatar", "no video"),
    ("setup_51_vertex_explicit_vad_transparent", "fields of Vertex AI alone"),
];
/// Messages with content that we never send.
const OTHER_CONTENT: [(&str, u64, &str); 1] =
    [("msg_08_client_content_inline_audio", 1, "audio goes up as realtimeInput")];

#[test]
fn every_recorded_message_is_written_the_same_or_listed_with_a_reason() {
    let mut unused: Vec<_> = DIFFERENT.to_vec();
    let (mut compared, mut listed) = (0, 0);
    for line in json_lines(include_str!("../../data/protocol/canonical.jsonl")) {
        let (fixture, frame) = (text(&line, "fixture"), line["frame"].as_u64().unwrap());
        if is_listed(fixture, frame) {
            listed += 1;
            continue;
        }
        let mut expected = line["message"].clone();
        let mut ours: Value = serde_json::from_str(&written(fixture, &expected)).unwrap();
        for (.., place, _) in DIFFERENT.iter().filter(|d| (d.0, d.1) == (fixture, frame)) {
            let sides = (remove(&mut expected, place), remove(&mut ours, place));
            assert_ne!(sides.0, sides.1, "{fixture} {frame}: no difference at {place}");
            unused.retain(|d| (d.0, d.1, d.2) != (fixture, frame, *place));
        }
        as_numbers(&mut expected);
        as_numbers(&mut ours);
        assert_eq!(ours, expected, "{fixture} {frame}");
        compared += 1;
    }
    assert!(unused.is_empty(), "no such recordings: {unused:?}");
    assert_eq!((compared, listed), (87, 16));
}

fn is_listed(fixture: &str, frame: u64) -> bool {
    let never = |(name, one, _): &(&str, Option<u64>, &str)| {
        *name == fixture && one.map_or(frame > 0, |one| one == frame)
    };
    NOT_SENT.iter().any(never)
        || OTHER_SETUPS.iter().any(|(name, _)| *name == fixture)
        || OTHER_CONTENT.iter().any(|(name, one, _)| (*name, *one) == (fixture, frame))
}

/// Takes out the value at a JSON pointer.
fn remove(value: &mut Value, place: &str) -> Option<Value> {
    let (parent, name) = place.rsplit_once('/').unwrap();
    value.pointer_mut(parent)?.as_object_mut()?.remove(name)
}

/// Numbers and int64 strings to one form, which JSON does not tell apart.
fn as_numbers(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let number = field.as_str().filter(|_| name.ends_with("Tokens"));
                if let Some(number) = number.and_then(|text| text.parse::<f64>().ok()) {
                    *field = number.into();
                }
                as_numbers(field);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(as_numbers),
        Value::Number(number) => *value = number.as_f64().unwrap().into(),
        _ => {}
    }
}

/// What we write for the wish behind a recorded message.
fn written(fixture: &str, message: &Value) -> String {
    let mut out = String::new();
    let (kind, body) = message.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "setup" => {
            let (settings, handle) = wish(fixture, body);
            let seeded = fixture == "setup_24_history_config";
            let origin = if seeded { Origin::Text } else { Origin::of(handle) };
            setup::write(&settings, origin, &mut out);
        }
        "realtimeInput" => write_realtime(body, &mut out),
        "clientContent" => {
            let none = Vec::new();
            let turns: Vec<_> =
                body["turns"].as_array().unwrap_or(&none).iter().map(turn).collect();
            uplink::write_client_content(&turns, body["turnComplete"] == true, &mut out);
        }
        "toolResponse" => {
            let responses: Vec<_> =
                body["functionResponses"].as_array().unwrap().iter().map(response).collect();
            uplink::write_tool_response(&responses, &mut out);
        }
        other => panic!("{fixture}: {other} is neither written nor listed"),
    }
    out
}

fn write_realtime(body: &Value, out: &mut String) {
    let (kind, value) = body.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "activityStart" => uplink::write(Uplink::ActivityStart, out),
        "activityEnd" => uplink::write(Uplink::ActivityEnd, out),
        "audioStreamEnd" => uplink::write(Uplink::StreamEnd, out),
        "text" => uplink::write_text(value.as_str().unwrap(), out),
        "audio" => {
            let mut bytes = Vec::new();
            assert!(base64::decode(text(value, "data"), &mut bytes));
            let samples: Vec<i16> =
                bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
            uplink::write(Uplink::Audio { samples: &samples, rate: Rate::UPLINK }, out);
        }
        other => panic!("{other} is neither written nor listed"),
    }
}

fn turn(turn: &Value) -> Turn<'_> {
    Turn { by_model: turn["role"] == "model", text: text(&turn["parts"][0], "text") }
}

fn response(response: &Value) -> FunctionResponse {
    FunctionResponse {
        id: response["id"].as_str().map(str::to_owned),
        name: text(response, "name").to_owned(),
        response: response["response"].clone(),
    }
}
