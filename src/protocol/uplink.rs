//! The client's messages as JSON text, written into one reused buffer.
//!
//! Source: reference §2.2 to §2.4. Each function replaces what `out` held.
//! The audio and marker messages allocate only until `out` has grown to the
//! longest message.

use std::fmt::Write;

use serde_json::{Value, json};

use super::base64;
use crate::audio::Rate;

/// What goes up while talking, in the order of the microphone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Uplink<'a> {
    /// Speech starts: opens a window (manual detection).
    ActivityStart,
    /// Audio, mono.
    Audio {
        /// Samples.
        samples: &'a [i16],
        /// Their rate; 16 kHz is what the service takes as it is.
        rate: Rate,
    },
    /// Speech ended: closes the window (manual detection).
    ActivityEnd,
    /// The microphone pauses, or our own end of turn in hybrid mode
    /// (automatic detection).
    StreamEnd,
}

/// `realtimeInput` with `item`.
pub fn write(item: Uplink<'_>, out: &mut String) {
    out.clear();
    match item {
        Uplink::ActivityStart => out.push_str(r#"{"realtimeInput":{"activityStart":{}}}"#),
        Uplink::ActivityEnd => out.push_str(r#"{"realtimeInput":{"activityEnd":{}}}"#),
        Uplink::StreamEnd => out.push_str(r#"{"realtimeInput":{"audioStreamEnd":true}}"#),
        Uplink::Audio { samples, rate } => {
            out.push_str(r#"{"realtimeInput":{"audio":{"data":""#);
            base64::append_pcm(samples, out);
            let hz = rate.hz();
            // Writing to a `String` cannot fail.
            let _ = write!(out, r#"","mimeType":"audio/pcm;rate={hz}"}}}}}}"#);
        }
    }
}

/// `realtimeInput.text`: text as if spoken.
pub fn write_text(text: &str, out: &mut String) {
    put(&json!({"realtimeInput": {"text": text}}), out);
}

/// One turn of a history, or a whole new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn<'a> {
    /// Whether the model said it; otherwise the user.
    pub by_model: bool,
    /// What was said.
    pub text: &'a str,
}

/// `clientContent`: appends `turns` to the history, interrupts what is being
/// generated and, with `turn_complete`, asks for an answer. `turns` may be
/// empty.
pub fn write_client_content(turns: &[Turn<'_>], turn_complete: bool, out: &mut String) {
    let mut content = json!({"turnComplete": turn_complete});
    if !turns.is_empty() {
        let role = |by_model| if by_model { "model" } else { "user" };
        content["turns"] = turns
            .iter()
            .map(|turn| json!({"role": role(turn.by_model), "parts": [{"text": turn.text}]}))
            .collect();
    }
    put(&json!({"clientContent": content}), out);
}

/// An answer to one call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionResponse {
    /// The server's name for the call; required on the Developer API.
    pub id: Option<String>,
    /// The tool.
    pub name: String,
    /// An object; its keys `output` and `error` are special.
    pub response: Value,
}

impl FunctionResponse {
    /// The answer where nobody handles the tool.
    pub fn no_handler(name: String, id: Option<String>) -> Self {
        let error = format!("this client has no tool called \"{name}\"");
        Self { id, name, response: json!({"error": error}) }
    }
}

/// `toolResponse` with all of `responses`.
pub fn write_tool_response(responses: &[FunctionResponse], out: &mut String) {
    let all: Value = responses
        .iter()
        .map(|one| {
            let mut response = json!({"name": one.name, "response": one.response});
            if let Some(id) = &one.id {
                response["id"] = json!(id);
            }
            response
        })
        .collect();
    put(&json!({"toolResponse": {"functionResponses": all}}), out);
}

pub(super) fn put(message: &Value, out: &mut String) {
    out.clear();
    let _ = write!(out, "{message}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(item: Uplink<'_>) -> Value {
        let mut out = "left over".to_owned();
        write(item, &mut out);
        serde_json::from_str(&out).unwrap()
    }

    proptest! {
        #[test]
        fn audio_reads_back_as_the_same_samples(samples: Vec<i16>, hz in 8_000u32..192_000) {
            let rate = Rate::new(hz).unwrap();
            let message = written(Uplink::Audio { samples: &samples, rate });
            let audio = &message["realtimeInput"]["audio"];
            prop_assert_eq!(&audio["mimeType"], &format!("audio/pcm;rate={hz}"));
            let mut bytes = Vec::new();
            prop_assert!(base64::decode(audio["data"].as_str().unwrap(), &mut bytes));
            let read: Vec<i16> =
                bytes.as_chunks::<2>().0.iter().map(|b| i16::from_le_bytes(*b)).collect();
            prop_assert_eq!(read, samples);
        }

        #[test]
        fn any_text_reads_back_as_itself(text: String) {
            let mut out = String::new();
            write_text(&text, &mut out);
            let message: Value = serde_json::from_str(&out).unwrap();
            prop_assert_eq!(&message["realtimeInput"]["text"], &json!(text));
        }
    }

    #[test]
    fn a_20_ms_chunk_is_929_bytes() {
        let mut out = String::new();
        write(Uplink::Audio { samples: &[0; 320], rate: Rate::UPLINK }, &mut out);
        assert_eq!(out.len(), 929);
    }

    #[test]
    fn a_warm_buffer_never_grows_again() {
        let mut out = String::new();
        let chunk = Uplink::Audio { samples: &[-1; 1_600], rate: Rate::UPLINK };
        write(chunk, &mut out);
        let (place, capacity) = (out.as_ptr(), out.capacity());
        for _ in 0..100 {
            for item in [Uplink::ActivityStart, chunk, Uplink::ActivityEnd, Uplink::StreamEnd] {
                write(item, &mut out);
            }
        }
        assert_eq!((out.as_ptr(), out.capacity()), (place, capacity));
    }
}
