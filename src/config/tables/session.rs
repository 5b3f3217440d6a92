//! `session`: what is asked of the service.

use super::Table;
use crate::{
    dialog::{BargeIn, TurnMode, TurnSettings},
    pipeline::{Value, Values},
    protocol::{
        ActivityDetection, ActivityHandling, ApiVersion, AutomaticDetection, Compression, Handle,
        MediaResolution, Modality, Sampling, Sensitivity, SessionSettings, Thinking, ThinkingLevel,
        Transcription, TranscriptionMode, TurnCoverage,
    },
};

mod params;

/// The table.
pub const TABLE: Table =
    Table { name: "session", doc: "what is asked of the service", params: params::PARAMS };

/// What the `setup` message says; how speech is bounded follows from `turn`.
pub fn settings(values: &Values, turn: &TurnSettings) -> SessionSettings {
    let owned = |name: &str| values.text(name).map(str::to_owned);
    let handling = activity_handling(values, turn);
    let coverage = turn_coverage(values, turn.mode);
    let captions = transcription(values);
    SessionSettings {
        model: owned("model").unwrap_or_default(),
        api_version: ApiVersion::ALL
            .into_iter()
            .find(|version| Some(version.name()) == values.text("api_version"))
            .unwrap_or_default(),
        voice: owned("voice"),
        language: owned("language"),
        system_instruction: owned("system_instruction"),
        modality: Some(match values.text("modality") {
            Some("text") => Modality::Text,
            _ => Modality::Audio,
        }),
        sampling: sampling(values),
        media_resolution: values.text("media_resolution").map(|resolution| match resolution {
            "low" => MediaResolution::Low,
            "medium" => MediaResolution::Medium,
            _ => MediaResolution::High,
        }),
        thinking: thinking(values),
        affective_dialog: flag(values, "affective_dialog"),
        proactive_audio: flag(values, "proactive_audio"),
        activity_detection: detection(values, turn.mode, handling.is_some() || coverage.is_some()),
        activity_handling: handling,
        turn_coverage: coverage,
        transcribe_user: values.bool("transcribe_user").then(|| captions.clone()),
        transcribe_model: values.bool("transcribe_model").then_some(captions),
        resumption: values.bool("resumption"),
        resumption_handle: values.text("resumption_handle").map(Handle::new),
        compression: values.bool("compression").then(|| Compression {
            trigger_tokens: number(values, "compression_trigger_tokens"),
            target_tokens: number(values, "compression_target_tokens"),
        }),
    }
}

fn sampling(values: &Values) -> Sampling {
    Sampling {
        temperature: float(values, "temperature"),
        top_p: float(values, "top_p"),
        top_k: number(values, "top_k"),
        max_output_tokens: number(values, "max_output_tokens"),
        seed: number(values, "seed"),
        presence_penalty: float(values, "presence_penalty"),
        frequency_penalty: float(values, "frequency_penalty"),
    }
}

fn thinking(values: &Values) -> Option<Thinking> {
    let thinking = Thinking {
        level: values.text("thinking_level").map(|level| match level {
            "minimal" => ThinkingLevel::Minimal,
            "low" => ThinkingLevel::Low,
            "medium" => ThinkingLevel::Medium,
            "high" => ThinkingLevel::High,
            _ => ThinkingLevel::XHigh,
        }),
        budget: number(values, "thinking_budget"),
        include_thoughts: flag(values, "include_thoughts"),
    };
    (thinking != Thinking::default()).then_some(thinking)
}

fn activity_handling(values: &Values, turn: &TurnSettings) -> Option<ActivityHandling> {
    match values.text("activity_handling") {
        Some("interrupts") => Some(ActivityHandling::Interrupts),
        Some("no-interruption") => Some(ActivityHandling::NoInterruption),
        Some("omit") => None,
        _ if turn.barge_in == BargeIn::Off && turn.mode != TurnMode::PushToTalk => {
            Some(ActivityHandling::NoInterruption)
        }
        _ => Some(ActivityHandling::Interrupts),
    }
}

fn turn_coverage(values: &Values, mode: TurnMode) -> Option<TurnCoverage> {
    match values.text("turn_coverage") {
        Some("activity") => Some(TurnCoverage::OnlyActivity),
        Some("all-input") => Some(TurnCoverage::AllInput),
        Some("activity-and-video") => Some(TurnCoverage::AudioActivityAndAllVideo),
        Some("omit") => None,
        _ if mode.is_manual() => Some(TurnCoverage::AllInput),
        _ => Some(TurnCoverage::OnlyActivity),
    }
}

/// Where nothing at all is said about input, automatic detection is not said
/// either: it is what the service does by itself.
fn detection(values: &Values, mode: TurnMode, says_more: bool) -> Option<ActivityDetection> {
    if mode.is_manual() {
        return Some(ActivityDetection::Manual);
    }
    let sensitivity = |name: &str| match values.text(name) {
        Some("high") => Some(Sensitivity::High),
        Some(_) => Some(Sensitivity::Low),
        None => None,
    };
    let automatic = AutomaticDetection {
        start_sensitivity: sensitivity("start_sensitivity"),
        end_sensitivity: sensitivity("end_sensitivity"),
        prefix_padding_ms: number(values, "prefix_padding_ms"),
        silence_duration_ms: number(values, "silence_duration_ms"),
    };
    let says_nothing = !says_more && automatic == AutomaticDetection::default();
    (!says_nothing).then_some(ActivityDetection::Automatic(automatic))
}

fn transcription(values: &Values) -> Transcription {
    Transcription {
        languages: values.texts("transcription_languages").to_vec(),
        vocabulary: values.texts("transcription_vocabulary").to_vec(),
        word_timestamps: flag(values, "word_timestamps"),
        diarization: flag(values, "diarization"),
        mode: values.text("transcription_mode").map(|mode| match mode {
            "smart" => TranscriptionMode::Smart,
            _ => TranscriptionMode::Verbatim,
        }),
    }
}

fn flag(values: &Values, name: &str) -> Option<bool> {
    values.get(name).map(|_| values.bool(name))
}

/// A whole number within the target's range, which its parameter's bounds are.
fn number<T: TryFrom<i64>>(values: &Values, name: &str) -> Option<T> {
    values.get(name).and_then(|_| T::try_from(values.int(name)).ok())
}

/// A number in full precision: it is sent as it was written.
fn float(values: &Values, name: &str) -> Option<f64> {
    match values.get(name)? {
        Value::Float(value) => Some(*value),
        Value::Int(value) => Some(*value as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(
        mode: TurnMode,
        barge_in: BargeIn,
        written: &[(&'static str, &str)],
    ) -> SessionSettings {
        let mut values = Values::defaults(params::PARAMS);
        for (name, value) in written {
            values.set(name, Value::Text((*value).to_owned()));
        }
        settings(&values, &TurnSettings { mode, barge_in, ..TurnSettings::default() })
    }

    #[test]
    fn every_version_of_the_interface_can_be_chosen() {
        for version in ApiVersion::ALL {
            let written = [("api_version", version.name())];
            let settings = asked(TurnMode::Client, BargeIn::Local, &written);
            assert_eq!(settings.api_version, version);
        }
    }

    #[test]
    fn who_finds_the_bounds_of_speech_follows_from_the_turn_mode() {
        let manual = asked(TurnMode::PushToTalk, BargeIn::Local, &[]);
        assert!(manual.is_manual());
        assert_eq!(manual.turn_coverage, Some(TurnCoverage::AllInput));
        let server = asked(TurnMode::Hybrid, BargeIn::Local, &[]);
        assert_eq!(server, SessionSettings::automatic(AutomaticDetection::default()));
    }

    #[test]
    fn all_parameters_of_the_services_own_detection_can_be_set() {
        let mut values = Values::defaults(params::PARAMS);
        values.set("start_sensitivity", Value::Text("low".to_owned()));
        values.set("end_sensitivity", Value::Text("high".to_owned()));
        values.set("prefix_padding_ms", Value::Int(20));
        values.set("silence_duration_ms", Value::Int(100));
        let wanted = AutomaticDetection {
            start_sensitivity: Some(Sensitivity::Low),
            end_sensitivity: Some(Sensitivity::High),
            prefix_padding_ms: Some(20),
            silence_duration_ms: Some(100),
        };
        for mode in [TurnMode::Server, TurnMode::Hybrid] {
            let turn = TurnSettings { mode, ..TurnSettings::default() };
            assert_eq!(settings(&values, &turn), SessionSettings::automatic(wanted.clone()));
        }
    }

    #[test]
    fn without_barge_in_the_service_is_told_not_to_interrupt() {
        let handling = |mode| asked(mode, BargeIn::Off, &[]).activity_handling;
        assert_eq!(handling(TurnMode::Client), Some(ActivityHandling::NoInterruption));
        assert_eq!(handling(TurnMode::PushToTalk), Some(ActivityHandling::Interrupts));
    }

    #[test]
    fn what_is_omitted_is_left_to_the_service_as_a_whole() {
        let omit = [("activity_handling", "omit"), ("turn_coverage", "omit")];
        let bare = asked(TurnMode::Server, BargeIn::Off, &omit);
        assert_eq!(bare.activity_detection, None);
        let one = [("turn_coverage", "omit"), omit[0], ("end_sensitivity", "low")];
        assert!(asked(TurnMode::Server, BargeIn::Off, &one).activity_detection.is_some());
        assert!(asked(TurnMode::Client, BargeIn::Off, &omit).is_manual());
    }

    #[test]
    fn numbers_are_sent_as_they_were_written() {
        let mut values = Values::defaults(params::PARAMS);
        values.set("temperature", Value::Float(0.6));
        values.set("top_k", Value::Int(40));
        let sampling = settings(&values, &TurnSettings::default()).sampling;
        assert_eq!((sampling.temperature, sampling.top_k), (Some(0.6), Some(40)));
        assert_eq!(sampling.seed, None);
    }
}
