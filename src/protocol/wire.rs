//! The server's messages as they are on the wire, read leniently.
//!
//! Any number of fields may come at once; unknown ones are skipped, names may
//! be `lowerCamelCase` or `snake_case`, integers may be strings, durations are
//! strings such as `9.250s`, enums stay text. A field of the wrong type costs
//! that field and not the message. Audio is borrowed from the message.
//! Source: reference §1.5 and §3 (protobuf JSON).

mod bounded;
mod number;
mod salvage;

use std::{borrow::Cow, fmt};

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use self::{
    bounded::items,
    number::{duration, integer},
};
use crate::audio::Nanos;

/// What one message from the server turned out to be.
#[derive(Debug)]
pub enum Reading<'a> {
    /// Understood.
    Message(ServerMessage<'a>),
    /// Understood but for fields of a wrong type, which are left out.
    Salvaged(ServerMessage<'a>),
    /// An empty frame, `{}`, `[]` or `null`: nothing to do.
    Empty,
    /// An object in which we know nothing.
    Unknown,
    /// Not a JSON object.
    Garbage,
}

/// A longer message is not salvaged: as a tree it would take thirty times its
/// length, and what is worth salvaging is short.
pub const SALVAGE_BYTES_MAX: usize = 1 << 20;

/// Reads one message, of a text or a binary frame alike. `spare` holds what a
/// salvaged message borrows from. Never panics, whatever the bytes.
pub fn read<'a>(bytes: &'a [u8], spare: &'a mut Value) -> Reading<'a> {
    let text = bytes.trim_ascii();
    if matches!(text, b"" | b"[]" | b"null" | b"{}") {
        return Reading::Empty;
    }
    if text.first() != Some(&b'{') {
        return Reading::Garbage;
    }
    if let Ok(message) = serde_json::from_slice::<ServerMessage<'a>>(text) {
        if !message.is_empty() {
            return Reading::Message(message);
        }
        let blank = text[1..text.len() - 1].trim_ascii().is_empty();
        return if blank { Reading::Empty } else { Reading::Unknown };
    }
    if text.len() > SALVAGE_BYTES_MAX {
        return Reading::Garbage;
    }
    let Ok(value) = serde_json::from_slice::<Value>(text) else { return Reading::Garbage };
    *spare = value;
    salvage::prune(spare);
    match ServerMessage::deserialize(&*spare) {
        Ok(message) if message.is_empty() => Reading::Unknown,
        Ok(message) => Reading::Salvaged(message),
        Err(_) => Reading::Garbage,
    }
}

/// One message. Nominally one of its fields is set; several happen.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerMessage<'a> {
    /// Answer to `setup`.
    #[serde(alias = "setup_complete")]
    pub setup_complete: Option<SetupComplete>,
    /// What the model says and does.
    #[serde(borrow, alias = "server_content")]
    pub server_content: Option<ServerContent<'a>>,
    /// Tools to call.
    #[serde(alias = "tool_call")]
    pub tool_call: Option<ToolCall>,
    /// Calls taken back.
    #[serde(alias = "tool_call_cancellation")]
    pub tool_call_cancellation: Option<ToolCallCancellation>,
    /// The connection will end.
    #[serde(alias = "go_away")]
    pub go_away: Option<GoAway>,
    /// A handle to resume with.
    #[serde(alias = "session_resumption_update")]
    pub session_resumption_update: Option<SessionResumptionUpdate>,
    /// The server's voice detection.
    #[serde(alias = "voice_activity")]
    pub voice_activity: Option<VoiceActivity>,
    /// The same, older.
    #[serde(alias = "voice_activity_detection_signal")]
    pub voice_activity_detection_signal: Option<VoiceActivityDetectionSignal>,
    /// Tokens of the turn.
    #[serde(alias = "usage_metadata")]
    pub usage_metadata: Option<UsageMetadata>,
    /// An error, nested.
    pub error: Option<RpcError>,
    /// An error, flat: its number.
    #[serde(deserialize_with = "integer")]
    pub code: Option<i64>,
    /// An error, flat: its words.
    pub message: Option<String>,
    /// An error, flat: its name.
    pub status: Option<String>,
}

impl ServerMessage<'_> {
    fn is_empty(&self) -> bool {
        self.setup_complete.is_none()
            && self.server_content.is_none()
            && self.tool_call.is_none()
            && self.tool_call_cancellation.is_none()
            && self.go_away.is_none()
            && self.session_resumption_update.is_none()
            && self.voice_activity.is_none()
            && self.voice_activity_detection_signal.is_none()
            && self.usage_metadata.is_none()
            && self.error.is_none()
            && self.code.is_none()
    }
}

/// `setupComplete`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SetupComplete {
    /// The session's name (Vertex AI).
    #[serde(alias = "session_id")]
    pub session_id: Option<String>,
}

/// `serverContent`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerContent<'a> {
    /// A piece of the reply.
    #[serde(borrow, alias = "model_turn")]
    pub model_turn: Option<Content<'a>>,
    /// Nothing more will be generated in this turn.
    #[serde(alias = "generation_complete")]
    pub generation_complete: Option<bool>,
    /// The turn is over, by the server's estimate of playback.
    #[serde(alias = "turn_complete")]
    pub turn_complete: Option<bool>,
    /// Why, where it is unusual.
    #[serde(alias = "turn_complete_reason")]
    pub turn_complete_reason: Option<String>,
    /// The user cut the reply.
    pub interrupted: Option<bool>,
    /// The model expects the user to go on.
    #[serde(alias = "waiting_for_input")]
    pub waiting_for_input: Option<bool>,
    /// Whether the interaction goes on after `turnComplete`.
    #[serde(alias = "interaction_status")]
    pub interaction_status: Option<String>,
    /// Caption of the user.
    #[serde(alias = "input_transcription")]
    pub input_transcription: Option<Transcript>,
    /// Caption of the model.
    #[serde(alias = "output_transcription")]
    pub output_transcription: Option<Transcript>,
    /// A guess at the user's caption, which replaces the last one.
    #[serde(alias = "interim_input_transcription")]
    pub interim_input_transcription: Option<Transcript>,
}

impl ServerContent<'_> {
    /// Whether the interaction is over: by `interactionStatus` where it says
    /// something, else by `turnComplete` (the rule of the official SDK).
    pub fn is_idle(&self) -> bool {
        match self.interaction_status.as_deref() {
            None | Some("" | "INTERACTION_STATUS_UNSPECIFIED") => self.turn_complete == Some(true),
            Some(status) => status == "IDLE",
        }
    }
}

/// `modelTurn`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Content<'a> {
    /// Its pieces, in order.
    #[serde(borrow, deserialize_with = "items")]
    pub parts: Vec<Part<'a>>,
    /// `model` on Vertex AI, else absent.
    pub role: Option<String>,
}

/// One piece; a kind that we do not know has no field set.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Part<'a> {
    /// Text.
    pub text: Option<String>,
    /// Whether the text is a thought.
    pub thought: Option<bool>,
    /// Audio.
    #[serde(borrow, alias = "inline_data")]
    pub inline_data: Option<Blob<'a>>,
}

/// `inlineData`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Blob<'a> {
    /// Such as `audio/pcm;rate=24000`.
    #[serde(borrow, alias = "mime_type")]
    pub mime_type: Cow<'a, str>,
    /// Base64.
    #[serde(borrow)]
    pub data: Cow<'a, str>,
}

/// A caption.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Transcript {
    /// A piece to append, spaces included.
    pub text: Option<String>,
    /// Usually never sent.
    pub finished: Option<bool>,
    /// BCP-47.
    #[serde(alias = "language_code")]
    pub language_code: Option<String>,
    /// Which of several speakers.
    #[serde(alias = "speaker_label")]
    pub speaker_label: Option<String>,
    /// Where it starts in the audio.
    #[serde(alias = "start_offset", deserialize_with = "duration")]
    pub start_offset: Option<Nanos>,
    /// Where it ends.
    #[serde(alias = "end_offset", deserialize_with = "duration")]
    pub end_offset: Option<Nanos>,
    /// Its words, where asked for.
    #[serde(deserialize_with = "items")]
    pub words: Vec<Word>,
}

/// A word of a caption.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Word {
    /// The word.
    pub word: Option<String>,
    /// Where it starts in the audio.
    #[serde(alias = "start_offset", deserialize_with = "duration")]
    pub start_offset: Option<Nanos>,
    /// Where it ends.
    #[serde(alias = "end_offset", deserialize_with = "duration")]
    pub end_offset: Option<Nanos>,
}

/// `toolCall`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ToolCall {
    /// The calls.
    #[serde(alias = "function_calls", deserialize_with = "items")]
    pub function_calls: Vec<FunctionCall>,
}

/// One call.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FunctionCall {
    /// The server's name for the call.
    pub id: Option<String>,
    /// The tool.
    pub name: Option<String>,
    /// Its arguments, as the server wrote them.
    pub args: Option<Box<RawValue>>,
}

/// `toolCallCancellation`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ToolCallCancellation {
    /// The calls taken back.
    #[serde(deserialize_with = "items")]
    pub ids: Vec<String>,
}

/// `goAway`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GoAway {
    /// What is left of the connection.
    #[serde(alias = "time_left", deserialize_with = "duration")]
    pub time_left: Option<Nanos>,
}

/// `sessionResumptionUpdate`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionResumptionUpdate {
    /// A handle to resume with, which `Debug` does not show.
    #[serde(alias = "new_handle")]
    pub new_handle: Option<String>,
    /// Whether this moment can be resumed from.
    pub resumable: Option<bool>,
    /// With transparent resumption: our last message that counts.
    #[serde(alias = "last_consumed_client_message_index", deserialize_with = "integer")]
    pub last_consumed_client_message_index: Option<i64>,
}

impl fmt::Debug for SessionResumptionUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionResumptionUpdate")
            .field("resumable", &self.resumable)
            .finish_non_exhaustive()
    }
}

/// `voiceActivity`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VoiceActivity {
    /// `ACTIVITY_START` or `ACTIVITY_END`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Where in the audio.
    #[serde(alias = "audio_offset", deserialize_with = "duration")]
    pub audio_offset: Option<Nanos>,
}

/// `voiceActivityDetectionSignal`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VoiceActivityDetectionSignal {
    /// `VAD_SIGNAL_TYPE_SOS` or `VAD_SIGNAL_TYPE_EOS`.
    #[serde(alias = "vad_signal_type")]
    pub vad_signal_type: Option<String>,
}

/// `usageMetadata`; Vertex AI says `candidates` for `response`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UsageMetadata {
    /// What went in.
    #[serde(alias = "prompt_token_count", deserialize_with = "integer")]
    pub prompt_token_count: Option<i64>,
    /// Of these, from the cache.
    #[serde(alias = "cached_content_token_count", deserialize_with = "integer")]
    pub cached_content_token_count: Option<i64>,
    /// What came out.
    #[serde(
        alias = "response_token_count",
        alias = "candidatesTokenCount",
        alias = "candidates_token_count",
        deserialize_with = "integer"
    )]
    pub response_token_count: Option<i64>,
    /// What tools put in.
    #[serde(alias = "tool_use_prompt_token_count", deserialize_with = "integer")]
    pub tool_use_prompt_token_count: Option<i64>,
    /// What was thought.
    #[serde(alias = "thoughts_token_count", deserialize_with = "integer")]
    pub thoughts_token_count: Option<i64>,
    /// All together.
    #[serde(alias = "total_token_count", deserialize_with = "integer")]
    pub total_token_count: Option<i64>,
    /// What went in, by modality.
    #[serde(alias = "prompt_tokens_details", deserialize_with = "items")]
    pub prompt_tokens_details: Vec<ModalityTokens>,
    /// What came out, by modality.
    #[serde(
        alias = "response_tokens_details",
        alias = "candidatesTokensDetails",
        alias = "candidates_tokens_details",
        deserialize_with = "items"
    )]
    pub response_tokens_details: Vec<ModalityTokens>,
}

/// Tokens of one modality.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ModalityTokens {
    /// `AUDIO`, `TEXT` …
    pub modality: Option<String>,
    /// How many.
    #[serde(alias = "token_count", deserialize_with = "integer")]
    pub token_count: Option<i64>,
}

/// An error as a message, the form of `google.rpc.Status`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RpcError {
    /// Its number.
    #[serde(deserialize_with = "integer")]
    pub code: Option<i64>,
    /// Its words.
    pub message: Option<String>,
    /// Its name.
    pub status: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &str) -> String {
        let mut spare = Value::Null;
        format!("{:?}", read(text.as_bytes(), &mut spare))
            .chars()
            .take_while(char::is_ascii_alphabetic)
            .collect()
    }

    #[test]
    fn a_message_is_told_from_nothing_the_unknown_and_garbage() {
        for (text, kind) in [
            (r#"{"serverContent":{}}"#, "Message"),
            (r#"{"serverContent":[7],"goAway":{}}"#, "Salvaged"),
            (" \n", "Empty"),
            ("{ }", "Empty"),
            (" [] ", "Empty"),
            ("null", "Empty"),
            (r#"{"new":1}"#, "Unknown"),
            (r#"{"goAway":7}"#, "Unknown"),
            ("[{}]", "Garbage"),
            ("7", "Garbage"),
            (r#"{"goAway":{}"#, "Garbage"),
            (r#"{"goAway":{}} trailing"#, "Garbage"),
        ] {
            assert_eq!(reading(text), kind, "{text}");
        }
    }

    #[test]
    fn audio_is_borrowed_from_the_message() {
        let text = br#"{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"AQA="}}]}}}"#;
        let mut spare = Value::Null;
        let Reading::Message(message) = read(text, &mut spare) else { panic!("not understood") };
        let turn = message.server_content.unwrap().model_turn.unwrap();
        let blob = turn.parts[0].inline_data.as_ref().unwrap();
        assert!(matches!((&blob.data, &blob.mime_type), (Cow::Borrowed(_), Cow::Borrowed(_))));
    }

    #[test]
    fn escaped_base64_is_understood() {
        let text =
            br#"{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"AQA\u003d"}}]}}}"#;
        let mut spare = Value::Null;
        let Reading::Message(message) = read(text, &mut spare) else { panic!("not understood") };
        let turn = message.server_content.unwrap().model_turn.unwrap();
        assert_eq!(turn.parts[0].inline_data.as_ref().unwrap().data, "AQA=");
    }
}
