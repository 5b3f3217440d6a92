//! The service's messages (protocol reference 3), as JSON values.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::audio::Nanos;

/// The answer to a setup; Vertex names the session.
pub(super) fn setup_complete(session_id: Option<String>) -> Value {
    match session_id {
        Some(id) => json!({"setupComplete": {"sessionId": id}}),
        None => json!({"setupComplete": {}}),
    }
}

/// One part of the reply's bytes.
pub(super) fn audio(bytes: &[u8], vertex: bool) -> Value {
    let data = STANDARD.encode(bytes);
    let turn = if vertex {
        json!({"role": "model", "parts": [{"inlineData": {"mimeType": "audio/pcm", "data": data}}]})
    } else {
        json!({"parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}]})
    };
    json!({"serverContent": {"modelTurn": turn}})
}

/// A reply in writing.
pub(super) fn written(text: &str) -> Value {
    json!({"serverContent": {"modelTurn": {"parts": [{"text": text}]}}})
}

/// A piece of what the user said.
pub(super) fn user_caption(text: &str) -> Value {
    json!({"serverContent": {"inputTranscription": {"text": text}}})
}

/// A piece of what the model says.
pub(super) fn model_caption(text: &str) -> Value {
    json!({"serverContent": {"outputTranscription": {"text": text}}})
}

/// The user cut the reply.
pub(super) fn interrupted() -> Value {
    json!({"serverContent": {"interrupted": true}})
}

/// Nothing more will be generated.
pub(super) fn generation_complete() -> Value {
    json!({"serverContent": {"generationComplete": true}})
}

/// What a turn took, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub heard: u64,
    pub read: u64,
    pub spoken: u64,
    pub written: u64,
}

/// The turn is over.
pub(super) fn turn_complete(
    reason: Option<&str>,
    status: Option<&str>,
    usage: Usage,
    vertex: bool,
) -> Value {
    let mut content = json!({"turnComplete": true});
    if let Some(reason) = reason {
        content["turnCompleteReason"] = json!(reason);
    }
    if let Some(status) = status {
        content["interactionStatus"] = json!(status);
    }
    json!({"serverContent": content, "usageMetadata": usage_metadata(usage, vertex)})
}

fn usage_metadata(usage: Usage, vertex: bool) -> Value {
    let details = |audio: u64, text: u64| {
        [("AUDIO", audio), ("TEXT", text)]
            .into_iter()
            .filter(|&(_, count)| count > 0)
            .map(|(modality, count)| json!({"modality": modality, "tokenCount": count}))
            .collect::<Vec<_>>()
    };
    let prompt = usage.heard + usage.read;
    let response = usage.spoken + usage.written;
    let (count, list) = if vertex {
        ("candidatesTokenCount", "candidatesTokensDetails")
    } else {
        ("responseTokenCount", "responseTokensDetails")
    };
    let mut metadata = json!({
        "promptTokenCount": prompt,
        "totalTokenCount": prompt + response,
        "promptTokensDetails": details(usage.heard, usage.read),
    });
    metadata[count] = json!(response);
    metadata[list] = json!(details(usage.spoken, usage.written));
    metadata
}

/// A function call.
pub(super) fn tool_call(id: &str, name: &str, args: &Value) -> Value {
    json!({"toolCall": {"functionCalls": [{"id": id, "name": name, "args": args}]}})
}

/// The call is not wanted any more.
pub(super) fn tool_call_cancellation(id: &str) -> Value {
    json!({"toolCallCancellation": {"ids": [id]}})
}

/// From now on `handle` resumes the session, or nothing does for a while.
pub(super) fn resumption(handle: Option<&str>, consumed: Option<u64>) -> Value {
    let mut update = match handle {
        Some(handle) => json!({"newHandle": handle, "resumable": true}),
        None => json!({"resumable": false}),
    };
    if let Some(consumed) = consumed {
        update["lastConsumedClientMessageIndex"] = json!(consumed.to_string());
    }
    json!({"sessionResumptionUpdate": update})
}

/// The connection will end.
pub(super) fn go_away(left: Option<Nanos>) -> Value {
    let said = left.map_or(json!({}), |left| json!({"timeLeft": duration(left)}));
    json!({ "goAway": said })
}

/// The user began (`true`) or stopped speaking, `offset` into the stream.
pub(super) fn voice_activity(began: bool, offset: Nanos) -> Value {
    let kind = if began { "ACTIVITY_START" } else { "ACTIVITY_END" };
    json!({"voiceActivity": {"type": kind, "audioOffset": duration(offset)}})
}

/// A length of time as proto JSON writes it, to the millisecond.
fn duration(time: Nanos) -> String {
    let ms = time.0 / 1_000_000;
    if ms.is_multiple_of(1_000) {
        format!("{}s", ms / 1_000)
    } else {
        format!("{}.{:03}s", ms / 1_000, ms % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_three_decimals_or_none() {
        assert_eq!(duration(Nanos::from_secs(50)), "50s");
        assert_eq!(duration(Nanos::from_ms(9_250)), "9.250s");
    }

    #[test]
    fn the_smallest_message_is_26_bytes_as_recorded() {
        let text = serde_json::to_string_pretty(&setup_complete(None)).unwrap() + "\n";
        assert_eq!(text, "{\n  \"setupComplete\": {}\n}\n");
    }

    #[test]
    fn usage_adds_up_in_both_dialects() {
        let usage = Usage { heard: 50, read: 2, spoken: 100, written: 0 };
        let plain = usage_metadata(usage, false);
        assert_eq!(plain["totalTokenCount"], json!(152));
        assert_eq!(plain["responseTokenCount"], json!(100));
        assert_eq!(usage_metadata(usage, true)["candidatesTokenCount"], json!(100));
    }
}
