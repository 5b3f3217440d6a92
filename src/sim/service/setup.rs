//! The first message: what the client asks for, and what is refused as the
//! real service refuses it (protocol reference 2.1 and 3.9).

use serde_json::Value;

use super::{
    lenient::{at, field, is_one_of, is_true, text, whole},
    settings::ServiceSettings,
    upgrade::Caller,
};

/// A close frame that the service decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    pub code: u16,
    pub reason: String,
}

impl Closing {
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    /// What the real service says to nearly everything that is wrong.
    pub(super) fn invalid() -> Self {
        Self::new(1007, "Request contains an invalid argument.")
    }

    pub(super) fn not_found() -> Self {
        Self::new(1008, "Requested entity was not found")
    }
}

/// Who finds out when the user speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detection {
    /// The client says so with activityStart and activityEnd.
    Manual,
    /// The service listens.
    Automatic {
        /// Speech that begins a turn.
        prefix_ms: u32,
        /// Silence that ends it.
        silence_ms: u32,
        /// Asks for a clearer onset.
        cautious: bool,
    },
}

/// What the setup asks for, as far as it changes what the service does.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// The model's bare name.
    pub model: String,
    /// Whether handles are wanted.
    pub resumable: bool,
    /// The handle to resume from.
    pub handle: Option<String>,
    pub detection: Detection,
    /// Whether the user's activity cuts a reply.
    pub interrupts: bool,
    pub input_transcription: bool,
    pub output_transcription: bool,
    /// The first clientContent only fills the history.
    pub seeding: bool,
    /// Tells of activity with `voiceActivity`.
    pub explicit_vad: bool,
    /// Replies in writing.
    pub text: bool,
    /// Puts `interactionStatus` next to turnComplete.
    pub interaction_status: bool,
}

const FIELDS: [&str; 15] = [
    "model",
    "generationConfig",
    "systemInstruction",
    "tools",
    "realtimeInputConfig",
    "sessionResumption",
    "contextWindowCompression",
    "inputAudioTranscription",
    "outputAudioTranscription",
    "proactivity",
    "historyConfig",
    "explicitVadSignal",
    "avatarConfig",
    "safetySettings",
    "labels",
];

const MODELS: [&str; 8] = [
    "gemini-3.8-live",
    "gemini-3.8-live-extended-thinking",
    "gemini-3.1-flash-live-preview",
    "gemini-2.5-flash-native-audio-preview-12-2025",
    "gemini-2.5-flash-native-audio-latest",
    "gemini-live-2.5-flash-native-audio",
    "gemini-3.5-live-translate-preview",
    "gemini-3.5-transcribe-live",
];

/// Reads the value of `setup`, or says how the connection is closed.
pub(super) fn read(
    settings: &ServiceSettings,
    caller: &Caller,
    setup: &Value,
) -> Result<Setup, Closing> {
    let object = setup.as_object().ok_or_else(Closing::invalid)?;
    if settings.key.is_some() && settings.key != caller.key {
        return Err(Closing::new(1007, "API key not valid. Please pass a valid API key."));
    }
    if object.keys().any(|key| !is_one_of(key, &FIELDS)) {
        return Err(Closing::invalid());
    }
    let model = model(settings, caller, text(setup, "model"))?;
    refuse_unsupported(setup, &model, caller)?;
    Ok(Setup {
        resumable: field(setup, "sessionResumption").is_some(),
        handle: Some(text(setup, "sessionResumption.handle").to_owned())
            .filter(|handle| !handle.is_empty()),
        detection: detection(settings, setup)?,
        interrupts: match text(setup, "realtimeInputConfig.activityHandling") {
            "" | "ACTIVITY_HANDLING_UNSPECIFIED" | "START_OF_ACTIVITY_INTERRUPTS" => true,
            "NO_INTERRUPTION" => false,
            _ => return Err(Closing::invalid()),
        },
        input_transcription: field(setup, "inputAudioTranscription").is_some(),
        output_transcription: field(setup, "outputAudioTranscription").is_some(),
        seeding: is_true(setup, "historyConfig.initialHistoryInClientContent"),
        explicit_vad: is_true(setup, "explicitVadSignal"),
        text: modality(setup)? == "TEXT",
        interaction_status: model == "gemini-3.8-live-extended-thinking",
        model,
    })
}

/// The bare name of the model that `name` means, where it is served.
fn model(settings: &ServiceSettings, caller: &Caller, name: &str) -> Result<String, Closing> {
    if name.is_empty() {
        return Err(Closing::invalid());
    }
    let bare = if caller.vertex || caller.gateway {
        name.rsplit('/').next().unwrap_or(name)
    } else {
        name.strip_prefix("models/").unwrap_or(name)
    };
    if settings.any_model || caller.gateway || MODELS.contains(&bare) {
        return Ok(bare.to_owned());
    }
    let version = &caller.version;
    Err(Closing::new(
        1008,
        format!(
            "models/{bare} is not found for API version {version}, or is not supported for bidiGenerateContent"
        ),
    ))
}

/// What a model does not take is an invalid argument.
fn refuse_unsupported(setup: &Value, model: &str, caller: &Caller) -> Result<(), Closing> {
    let has = |path: &str| at(setup, path).is_some();
    let off = |path: &str| at(setup, path).and_then(Value::as_bool) == Some(false);
    let of_3_8 = model.starts_with("gemini-3.8-live");
    let coverage = text(setup, "realtimeInputConfig.turnCoverage");
    let unsupported = (model == "gemini-3.8-live" && has("generationConfig.thinkingConfig"))
        || ((of_3_8 || model.starts_with("gemini-3.1"))
            && has("generationConfig.enableAffectiveDialog"))
        || (of_3_8 && off("proactivity.proactiveAudio"))
        || has("generationConfig.speechConfig.multiSpeakerVoiceConfig")
        || (caller.vertex && coverage == "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO")
        || !matches!(
            coverage,
            "" | "TURN_COVERAGE_UNSPECIFIED"
                | "TURN_INCLUDES_ONLY_ACTIVITY"
                | "TURN_INCLUDES_ALL_INPUT"
                | "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"
        );
    if unsupported { Err(Closing::invalid()) } else { Ok(()) }
}

/// The one modality of the session.
fn modality(setup: &Value) -> Result<&str, Closing> {
    let Some(list) = at(setup, "generationConfig.responseModalities") else { return Ok("AUDIO") };
    match list.as_array().map(Vec::as_slice) {
        Some([]) => Ok("AUDIO"),
        Some([one]) => one.as_str().ok_or_else(Closing::invalid),
        _ => Err(Closing::invalid()),
    }
}

fn detection(settings: &ServiceSettings, setup: &Value) -> Result<Detection, Closing> {
    let path = |name: &str| format!("realtimeInputConfig.automaticActivityDetection.{name}");
    if is_true(setup, &path("disabled")) {
        return Ok(Detection::Manual);
    }
    let sensitivity = |name: &str, edge: &str| match text(setup, &path(name)) {
        "" => Ok(false),
        value if value == format!("{edge}_SENSITIVITY_HIGH") => Ok(false),
        value if value == format!("{edge}_SENSITIVITY_UNSPECIFIED") => Ok(false),
        value if value == format!("{edge}_SENSITIVITY_LOW") => Ok(true),
        _ => Err(Closing::invalid()),
    };
    sensitivity("endOfSpeechSensitivity", "END")?;
    let ms = |name: &str, default: u32| match whole(setup, &path(name)) {
        None => Ok(default),
        Some(ms) => u32::try_from(ms).map_err(|_| Closing::invalid()),
    };
    let silence_ms = ms("silenceDurationMs", settings.silence_ms)?;
    Ok(Detection::Automatic {
        prefix_ms: ms("prefixPaddingMs", settings.prefix_padding_ms)?,
        silence_ms: if settings.ignores_silence_duration {
            settings.silence_ms
        } else {
            silence_ms
        },
        cautious: sensitivity("startOfSpeechSensitivity", "START")?,
    })
}
