//! What a session asks of the service, as plain data. `config` fills it,
//! [`super::setup`] writes it.

use super::endpoint::ApiVersion;

/// Everything in the `setup` message, and the version it is for. An `Option`
/// that is `None` is left out and so left to the service.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionSettings {
    /// A bare name (`gemini-3.8-live`) or a full resource name (`models/…`,
    /// `projects/…/models/…`), which is sent as it stands.
    pub model: String,
    /// The version of the service to dial.
    pub api_version: ApiVersion,
    /// A prebuilt voice by name, such as `Puck` or `Kore`.
    pub voice: Option<String>,
    /// BCP-47, such as `en-US`; native-audio models choose for themselves.
    pub language: Option<String>,
    /// What the model is told to be: one paragraph of text.
    pub system_instruction: Option<String>,
    /// In what form the model answers; `None` leaves the field out.
    pub modality: Option<Modality>,
    /// How answers are drawn.
    pub sampling: Sampling,
    /// Resolution of images, in tokens.
    pub media_resolution: Option<MediaResolution>,
    /// How much the model thinks first; not for `gemini-3.8-live`.
    pub thinking: Option<Thinking>,
    /// Answers in the tone of the user (2.5 native audio, `v1alpha`).
    pub affective_dialog: Option<bool>,
    /// The model may stay silent when it is not addressed (2.5 native audio).
    pub proactive_audio: Option<bool>,
    /// Who finds the bounds of the user's speech; `None` leaves it out.
    pub activity_detection: Option<ActivityDetection>,
    /// Whether the user's speech interrupts the model.
    pub activity_handling: Option<ActivityHandling>,
    /// Which input belongs to a turn. With manual detection it is always sent,
    /// [`TurnCoverage::AllInput`] where `None`: the 3.x default was seen to
    /// give the model an empty turn.
    pub turn_coverage: Option<TurnCoverage>,
    /// Captions of the user.
    pub transcribe_user: Option<Transcription>,
    /// Captions of the model.
    pub transcribe_model: Option<Transcription>,
    /// Whether to ask for handles that a later connection resumes with.
    pub resumption: bool,
    /// A handle from an earlier session, to start with.
    pub resumption_handle: Option<Handle>,
    /// A sliding window over the context, without which a conversation ends
    /// after about 15 minutes.
    pub compression: Option<Compression>,
}

/// What a session is resumed with: whoever has it has the conversation, so that
/// it is shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Handle(String);

impl Handle {
    /// The handle as the service wrote it.
    pub fn new(handle: impl Into<String>) -> Self {
        Self(handle.into())
    }

    /// The secret itself.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle(…)")
    }
}

impl Default for SessionSettings {
    /// What a voice client with its own voice detection wants.
    fn default() -> Self {
        Self {
            model: "gemini-3.8-live".to_owned(),
            api_version: ApiVersion::default(),
            voice: None,
            language: None,
            system_instruction: None,
            modality: Some(Modality::Audio),
            sampling: Sampling::default(),
            media_resolution: None,
            thinking: None,
            affective_dialog: None,
            proactive_audio: None,
            activity_detection: Some(ActivityDetection::Manual),
            activity_handling: Some(ActivityHandling::Interrupts),
            turn_coverage: Some(TurnCoverage::AllInput),
            transcribe_user: Some(Transcription::default()),
            transcribe_model: Some(Transcription::default()),
            resumption: true,
            resumption_handle: None,
            compression: Some(Compression::default()),
        }
    }
}

impl SessionSettings {
    /// The defaults with the server finding the bounds of speech.
    pub fn automatic(detection: AutomaticDetection) -> Self {
        Self {
            activity_detection: Some(ActivityDetection::Automatic(detection)),
            turn_coverage: Some(TurnCoverage::OnlyActivity),
            ..Self::default()
        }
    }

    /// Whether we mark the bounds of speech ourselves.
    pub fn is_manual(&self) -> bool {
        self.activity_detection == Some(ActivityDetection::Manual)
    }
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modality {
    /// PCM, 24 kHz.
    Audio,
    /// Text; refused by native-audio models.
    Text,
}

/// How answers are drawn; each `None` is the server's default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 (always the likeliest) to 2.
    pub temperature: Option<f64>,
    /// Probability mass drawn from, 0 to 1.
    pub top_p: Option<f64>,
    /// Number of tokens drawn from.
    pub top_k: Option<u32>,
    /// Longest answer, in tokens.
    pub max_output_tokens: Option<u32>,
    /// The same seed gives, mostly, the same answer.
    pub seed: Option<i32>,
    /// Penalty for tokens that occurred, −2 to 2.
    pub presence_penalty: Option<f64>,
    /// Penalty for tokens that occurred often, −2 to 2.
    pub frequency_penalty: Option<f64>,
}

/// Resolution of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaResolution {
    /// 64 tokens.
    Low,
    /// 256 tokens.
    Medium,
    /// More.
    High,
}

/// How much the model thinks before it speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thinking {
    /// For 3.x models.
    pub level: Option<ThinkingLevel>,
    /// In tokens, for 2.5 models: 0 is off, −1 leaves it to the model.
    pub budget: Option<i32>,
    /// Whether thoughts are sent too; they are never captions.
    pub include_thoughts: Option<bool>,
}

/// Levels of thinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThinkingLevel {
    /// As little as the model can.
    Minimal,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// As much as the model can.
    XHigh,
}

/// Who finds where the user's speech starts and ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivityDetection {
    /// The server, with these parameters.
    Automatic(AutomaticDetection),
    /// We do, with `activityStart` and `activityEnd`.
    Manual,
}

/// Parameters of the server's detection; each `None` is its default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutomaticDetection {
    /// How readily speech starts.
    pub start_sensitivity: Option<Sensitivity>,
    /// How readily speech ends.
    pub end_sensitivity: Option<Sensitivity>,
    /// Speech needed before its start is believed, in milliseconds.
    pub prefix_padding_ms: Option<u32>,
    /// Silence needed before its end is believed, in milliseconds; reported
    /// to be ignored by 3.1.
    pub silence_duration_ms: Option<u32>,
}

/// Readiness of a detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sensitivity {
    /// Ready.
    High,
    /// Reluctant.
    Low,
}

/// What the user's speech does to a reply that is being spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityHandling {
    /// It ends the reply.
    Interrupts,
    /// The reply is spoken to its end.
    NoInterruption,
}

/// Which input belongs to a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnCoverage {
    /// Only what lies within activity.
    OnlyActivity,
    /// Everything since the last turn.
    AllInput,
    /// Audio within activity, and all video.
    AudioActivityAndAllVideo,
}

/// Captions; the default asks for them without further wishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcription {
    /// Languages expected; empty lets the service find out.
    pub languages: Vec<String>,
    /// Words that are likely, such as names.
    pub vocabulary: Vec<String>,
    /// Whether each word carries its time.
    pub word_timestamps: Option<bool>,
    /// Whether speakers are told apart.
    pub diarization: Option<bool>,
    /// Word for word, or tidied.
    pub mode: Option<TranscriptionMode>,
}

/// How literal captions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TranscriptionMode {
    /// Every word.
    Verbatim,
    /// Tidied.
    Smart,
}

/// The sliding window over the context; each `None` is the server's default
/// (80 % of the window, and half of that).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compression {
    /// Tokens at which the oldest turns are cut off.
    pub trigger_tokens: Option<u64>,
    /// Tokens that remain.
    pub target_tokens: Option<u64>,
}
