//! What each recorded setup asked for, as our settings.

use chinwag::protocol::{
    ActivityDetection, ActivityHandling, AutomaticDetection, Compression, MediaResolution,
    Modality, Sampling, Sensitivity, SessionSettings, Thinking, ThinkingLevel, Transcription,
    TranscriptionMode, TurnCoverage,
};
use serde_json::Value;

use super::text;

/// The least that a voice session asks for; the model as recorded.
fn least(setup: &Value) -> SessionSettings {
    SessionSettings {
        model: text(setup, "model").trim_start_matches("models/").to_owned(),
        modality: Some(Modality::Audio),
        activity_detection: None,
        activity_handling: None,
        turn_coverage: None,
        transcribe_user: None,
        transcribe_model: None,
        resumption: false,
        compression: None,
        ..SessionSettings::default()
    }
}

/// The settings that a recorded setup stands for, and the handle.
pub(super) fn wish(fixture: &str, recorded: &Value) -> (SessionSettings, Option<&'static str>) {
    let least = least(recorded);
    let captions = Some(Transcription::default());
    let owned = |text: &str| Some(text.to_owned());
    let settings = match fixture {
        "setup_00_none" | "js_setup_none" => SessionSettings { modality: None, ..least },
        "setup_03_voice" => SessionSettings { voice: owned("Kore"), ..least },
        "setup_04_voice_language" => {
            SessionSettings { voice: owned("Puck"), language: owned("de-DE"), ..least }
        }
        "setup_05_system_instruction_str" | "setup_06_system_instruction_content" => {
            SessionSettings { system_instruction: owned("Be brief."), ..least }
        }
        "setup_07_transcription" => SessionSettings {
            transcribe_user: captions.clone(),
            transcribe_model: captions,
            ..least
        },
        "setup_08_transcription_full" => SessionSettings {
            transcribe_user: Some(Transcription {
                languages: vec!["en-US".to_owned(), "de-DE".to_owned()],
                vocabulary: vec!["chinwag".to_owned(), "rtrb".to_owned()],
                word_timestamps: Some(true),
                diarization: Some(true),
                mode: Some(TranscriptionMode::Verbatim),
            }),
            transcribe_model: captions,
            ..least
        },
        "setup_13_resumption_first" | "setup_14_resumption_handle" => {
            SessionSettings { resumption: true, ..least }
        }
        "setup_16_compression_default" => {
            SessionSettings { compression: Some(Compression::default()), ..least }
        }
        "setup_17_compression_tokens" => {
            SessionSettings { compression: Some(tokens(25_600, 12_800)), ..least }
        }
        "setup_27_text_modality" => SessionSettings { modality: Some(Modality::Text), ..least },
        "setup_31_everything_voice_client" => SessionSettings {
            voice: owned("Kore"),
            language: owned("en-US"),
            system_instruction: owned("You are a kiosk."),
            sampling: Sampling { temperature: Some(0.6), ..Sampling::default() },
            activity_handling: Some(ActivityHandling::Interrupts),
            transcribe_user: captions.clone(),
            transcribe_model: captions,
            resumption: true,
            compression: Some(tokens(104_857, 52_428)),
            ..manual(least)
        },
        "js_setup_full" => SessionSettings {
            voice: owned("Kore"),
            language: owned("en-US"),
            system_instruction: owned("Be brief."),
            thinking: Some(Thinking { level: Some(ThinkingLevel::Low), ..Thinking::default() }),
            proactive_audio: Some(true),
            transcribe_user: captions.clone(),
            transcribe_model: captions,
            resumption: true,
            compression: Some(tokens(25_600, 12_800)),
            ..automatic(least, Sensitivity::Low, Sensitivity::Low)
        },
        _ => turns(fixture, least),
    };
    let handle = match fixture {
        "setup_14_resumption_handle" => Some("HANDLE-123"),
        "setup_31_everything_voice_client" | "js_setup_full" => Some("H"),
        _ => None,
    };
    (settings, handle)
}

/// Setups about taking turns.
fn turns(fixture: &str, least: SessionSettings) -> SessionSettings {
    match fixture {
        "setup_09_vad_params" => automatic(least, Sensitivity::Low, Sensitivity::High),
        "setup_10_vad_disabled" | "msg_02_manual_vad_turn" | "js_messages" => manual(least),
        "setup_11_no_interruption" => SessionSettings {
            activity_handling: Some(ActivityHandling::NoInterruption),
            turn_coverage: Some(TurnCoverage::AllInput),
            ..least
        },
        "setup_12_turn_coverage_audio_activity_all_video" => SessionSettings {
            modality: None,
            turn_coverage: Some(TurnCoverage::AudioActivityAndAllVideo),
            ..least
        },
        _ => generation(fixture, least),
    }
}

/// Setups about how answers are generated; all others ask for the least.
fn generation(fixture: &str, least: SessionSettings) -> SessionSettings {
    match fixture {
        "setup_20_thinking_level" => SessionSettings {
            thinking: Some(Thinking {
                level: Some(ThinkingLevel::Low),
                include_thoughts: Some(true),
                ..Thinking::default()
            }),
            ..least
        },
        "setup_21_thinking_budget" => SessionSettings {
            thinking: Some(Thinking { budget: Some(0), ..Thinking::default() }),
            ..least
        },
        "setup_22_proactivity_affective_v1alpha" => {
            SessionSettings { affective_dialog: Some(true), proactive_audio: Some(true), ..least }
        }
        "setup_23_sampling" => SessionSettings {
            sampling: Sampling {
                temperature: Some(0.7),
                top_p: Some(0.95),
                top_k: Some(40),
                max_output_tokens: Some(1_024),
                seed: Some(7),
                ..Sampling::default()
            },
            media_resolution: Some(MediaResolution::Low),
            ..least
        },
        "setup_28_generation_config_passthrough" => SessionSettings {
            sampling: Sampling { presence_penalty: Some(0.1), ..Sampling::default() },
            ..least
        },
        _ => least,
    }
}

fn manual(settings: SessionSettings) -> SessionSettings {
    SessionSettings { activity_detection: Some(ActivityDetection::Manual), ..settings }
}

fn automatic(settings: SessionSettings, start: Sensitivity, end: Sensitivity) -> SessionSettings {
    SessionSettings {
        activity_detection: Some(ActivityDetection::Automatic(AutomaticDetection {
            start_sensitivity: Some(start),
            end_sensitivity: Some(end),
            prefix_padding_ms: Some(20),
            silence_duration_ms: Some(100),
        })),
        activity_handling: Some(ActivityHandling::Interrupts),
        turn_coverage: Some(TurnCoverage::OnlyActivity),
        ..settings
    }
}

fn tokens(trigger: u64, target: u64) -> Compression {
    Compression { trigger_tokens: Some(trigger), target_tokens: Some(target) }
}
