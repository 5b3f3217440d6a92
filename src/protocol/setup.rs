//! The `setup` message: settings to JSON. Source: reference §2.1.

use serde_json::{Map, Value, json};

use super::{
    settings::{
        ActivityDetection, ActivityHandling, AutomaticDetection, MediaResolution, Modality,
        Sampling, Sensitivity, SessionSettings, Thinking, ThinkingLevel, Transcription,
        TranscriptionMode, TurnCoverage,
    },
    uplink::put,
};

/// What the session begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// Nothing.
    Fresh,
    /// The session that this handle stands for (where resumption is on).
    Handle(&'a str),
    /// Text, which follows in `clientContent`.
    Text,
}

impl<'a> Origin<'a> {
    /// The session of `handle`, where there is one.
    pub fn of(handle: Option<&'a str>) -> Self {
        handle.map_or(Self::Fresh, Self::Handle)
    }
}

/// Replaces `out` by the setup message of a session that begins so.
pub fn write(settings: &SessionSettings, origin: Origin<'_>, out: &mut String) {
    put(&message(settings, origin), out);
}

/// The setup message as JSON.
pub fn message(settings: &SessionSettings, origin: Origin<'_>) -> Value {
    let mut setup = Fields::default();
    setup.set("model", Some(resource_name(&settings.model)));
    setup.set_object("generationConfig", generation_config(settings));
    let instruction = settings.system_instruction.as_ref();
    setup.set(
        "systemInstruction",
        instruction.map(|text| json!({"role": "user", "parts": [{"text": text}]})),
    );
    setup.set_object("realtimeInputConfig", realtime_input_config(settings));
    if settings.resumption {
        let resumption = match origin {
            Origin::Handle(handle) => json!({"handle": handle}),
            Origin::Fresh | Origin::Text => json!({}),
        };
        setup.set("sessionResumption", Some(resumption));
    }
    if origin == Origin::Text {
        setup.set("historyConfig", Some(json!({"initialHistoryInClientContent": true})));
    }
    if let Some(compression) = &settings.compression {
        let mut window = Fields::default();
        window.set("targetTokens", compression.target_tokens);
        let mut fields = Fields::default();
        fields.set("triggerTokens", compression.trigger_tokens);
        fields.set("slidingWindow", Some(window.0));
        setup.set("contextWindowCompression", Some(fields.0));
    }
    setup.set("inputAudioTranscription", settings.transcribe_user.as_ref().map(transcription));
    setup.set("outputAudioTranscription", settings.transcribe_model.as_ref().map(transcription));
    let proactive = settings.proactive_audio;
    setup.set("proactivity", proactive.map(|on| json!({"proactiveAudio": on})));
    json!({"setup": setup.0})
}

/// The model as the service names it.
pub fn resource_name(model: &str) -> String {
    if model.contains('/') { model.to_owned() } else { format!("models/{model}") }
}

/// An object that holds only what is set.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
    }

    fn set_object(&mut self, name: &str, fields: Self) {
        self.set(name, (!fields.0.is_empty()).then_some(fields.0));
    }
}

fn generation_config(settings: &SessionSettings) -> Fields {
    let mut config = Fields::default();
    let modality = settings.modality.map(|modality| match modality {
        Modality::Audio => "AUDIO",
        Modality::Text => "TEXT",
    });
    config.set("responseModalities", modality.map(|name| json!([name])));
    sampling(&settings.sampling, &mut config);
    let resolution = settings.media_resolution.map(|resolution| match resolution {
        MediaResolution::Low => "MEDIA_RESOLUTION_LOW",
        MediaResolution::Medium => "MEDIA_RESOLUTION_MEDIUM",
        MediaResolution::High => "MEDIA_RESOLUTION_HIGH",
    });
    config.set("mediaResolution", resolution);
    let mut speech = Fields::default();
    speech.set("languageCode", settings.language.clone());
    let voice = settings.voice.as_ref();
    speech
        .set("voiceConfig", voice.map(|name| json!({"prebuiltVoiceConfig": {"voiceName": name}})));
    config.set_object("speechConfig", speech);
    config.set("thinkingConfig", settings.thinking.as_ref().map(thinking));
    config.set("enableAffectiveDialog", settings.affective_dialog);
    config
}

fn sampling(sampling: &Sampling, config: &mut Fields) {
    config.set("temperature", sampling.temperature);
    config.set("topP", sampling.top_p);
    config.set("topK", sampling.top_k);
    config.set("maxOutputTokens", sampling.max_output_tokens);
    config.set("seed", sampling.seed);
    config.set("presencePenalty", sampling.presence_penalty);
    config.set("frequencyPenalty", sampling.frequency_penalty);
}

fn thinking(thinking: &Thinking) -> Value {
    let mut config = Fields::default();
    let level = thinking.level.map(|level| match level {
        ThinkingLevel::Minimal => "MINIMAL",
        ThinkingLevel::Low => "LOW",
        ThinkingLevel::Medium => "MEDIUM",
        ThinkingLevel::High => "HIGH",
        ThinkingLevel::XHigh => "XHIGH",
    });
    config.set("thinkingLevel", level);
    config.set("thinkingBudget", thinking.budget);
    config.set("includeThoughts", thinking.include_thoughts);
    Value::Object(config.0)
}

fn realtime_input_config(settings: &SessionSettings) -> Fields {
    let mut config = Fields::default();
    let detection = settings.activity_detection.as_ref().map(|detection| match detection {
        ActivityDetection::Manual => json!({"disabled": true}),
        ActivityDetection::Automatic(parameters) => automatic(parameters),
    });
    config.set("automaticActivityDetection", detection);
    let handling = settings.activity_handling.map(|handling| match handling {
        ActivityHandling::Interrupts => "START_OF_ACTIVITY_INTERRUPTS",
        ActivityHandling::NoInterruption => "NO_INTERRUPTION",
    });
    config.set("activityHandling", handling);
    let manual = settings.is_manual().then_some(TurnCoverage::AllInput);
    let coverage = settings.turn_coverage.or(manual).map(|coverage| match coverage {
        TurnCoverage::OnlyActivity => "TURN_INCLUDES_ONLY_ACTIVITY",
        TurnCoverage::AllInput => "TURN_INCLUDES_ALL_INPUT",
        TurnCoverage::AudioActivityAndAllVideo => "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
    });
    config.set("turnCoverage", coverage);
    config
}

fn automatic(parameters: &AutomaticDetection) -> Value {
    let mut detection = Fields::default();
    detection.set("disabled", Some(false));
    let sensitivity = |side: &str, sensitivity: Option<Sensitivity>| {
        let name = |level| format!("{side}_SENSITIVITY_{level}");
        sensitivity.map(|sensitivity| match sensitivity {
            Sensitivity::High => name("HIGH"),
            Sensitivity::Low => name("LOW"),
        })
    };
    detection.set("startOfSpeechSensitivity", sensitivity("START", parameters.start_sensitivity));
    detection.set("endOfSpeechSensitivity", sensitivity("END", parameters.end_sensitivity));
    detection.set("prefixPaddingMs", parameters.prefix_padding_ms);
    detection.set("silenceDurationMs", parameters.silence_duration_ms);
    Value::Object(detection.0)
}

fn transcription(wishes: &Transcription) -> Value {
    let mut config = Fields::default();
    let list = |words: &Vec<String>| (!words.is_empty()).then(|| json!(words));
    config.set("languageCodes", list(&wishes.languages));
    config.set("customVocabulary", list(&wishes.vocabulary));
    config.set("wordTimestamp", wishes.word_timestamps);
    config.set("diarization", wishes.diarization);
    let mode = wishes.mode.map(|mode| match mode {
        TranscriptionMode::Verbatim => "VERBATIM",
        TranscriptionMode::Smart => "SMART",
    });
    config.set("mode", mode);
    Value::Object(config.0)
}
