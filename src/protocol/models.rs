//! What is known about models: names that are shut down, and settings that a
//! model refuses. Source: reference §2.1 and §4.7 (November 2026).

use super::settings::{Modality, SessionSettings, ThinkingLevel};

const CURRENT: &str = "gemini-3.8-live";

/// Names that no longer connect, each with its successor.
const SHUT_DOWN: [(&str, &str); 3] = [
    ("gemini-2.0-flash-exp", CURRENT),
    ("gemini-2.0-flash-live-001", CURRENT),
    ("gemini-live-2.5-flash-preview", CURRENT),
];

/// The model to use instead of one that is shut down; `None` where the name is
/// not known to be. Takes bare and full resource names.
pub fn successor_of(model: &str) -> Option<&'static str> {
    let name = bare(model);
    SHUT_DOWN.iter().find(|(dead, _)| *dead == name).map(|(_, successor)| *successor)
}

/// A setting that the model refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelConflict {
    /// The field of [`SessionSettings`].
    pub setting: &'static str,
    /// What is wrong and what to do, in plain words.
    pub message: String,
}

/// Everything in `settings` that its model is known to refuse; empty where
/// the service would accept it as far as we know.
pub fn refused_for_model(settings: &SessionSettings) -> Vec<ModelConflict> {
    let name = bare(&settings.model);
    let mut conflicts = Vec::new();
    let mut refuse = |setting, message| conflicts.push(ModelConflict { setting, message });
    if let Some(successor) = successor_of(name) {
        refuse("model", format!("{name} was shut down; use {successor}"));
    }
    let is_38 = name.starts_with("gemini-3.8-live");
    let is_31 = name.starts_with("gemini-3.1");
    let is_25 = name.contains("2.5");
    if let Some(thinking) = &settings.thinking {
        if name == CURRENT {
            refuse(
                "thinking",
                format!(
                    "{name} takes no thinking settings; leave them out, or use {CURRENT}-extended-thinking"
                ),
            );
        } else if is_38 || is_31 {
            if thinking.budget.is_some() {
                refuse(
                    "thinking",
                    format!("{name} takes a thinking level, not a budget; use level"),
                );
            }
        } else if is_25 && thinking.level.is_some() {
            refuse("thinking", format!("{name} takes a thinking budget, not a level; use budget"));
        }
        if is_38
            && name != CURRENT
            && matches!(thinking.level, Some(ThinkingLevel::Minimal | ThinkingLevel::XHigh))
        {
            refuse("thinking", format!("{name} thinks low, medium or high; choose one of these"));
        }
    }
    if settings.affective_dialog.is_some() && (is_38 || is_31) {
        refuse("affective_dialog", format!("{name} has no affective dialog setting; leave it out"));
    }
    if settings.proactive_audio.is_some() && is_31 {
        refuse("proactive_audio", format!("{name} has no proactive audio; leave it out"));
    }
    if settings.proactive_audio == Some(false) && is_38 {
        refuse("proactive_audio", format!("{name} is always proactive; leave it out"));
    }
    if settings.modality == Some(Modality::Text)
        && (is_38 || is_31 || name.contains("native-audio"))
    {
        refuse(
            "modality",
            format!("{name} answers in audio only; use audio, its captions are text"),
        );
    }
    conflicts
}

/// The last piece of a resource name.
fn bare(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::settings::Thinking;

    fn refused(model: &str, change: impl FnOnce(&mut SessionSettings)) -> Vec<&'static str> {
        let mut settings = SessionSettings { model: model.to_owned(), ..<_>::default() };
        change(&mut settings);
        refused_for_model(&settings).into_iter().map(|conflict| conflict.setting).collect()
    }

    fn at(level: ThinkingLevel) -> Thinking {
        Thinking { level: Some(level), ..Thinking::default() }
    }

    #[test]
    fn a_dead_model_has_a_successor_that_lives() {
        for (dead, successor) in SHUT_DOWN {
            assert_eq!(successor_of(&format!("models/{dead}")), Some(successor));
            assert_eq!(successor_of(successor), None);
            assert_eq!(refused(dead, |_| ()), ["model"]);
        }
        assert_eq!(successor_of("somebody-elses-model"), None);
    }

    #[test]
    fn the_default_settings_suit_every_living_model() {
        for model in ["gemini-3.8-live", "models/gemini-3.1-flash-live-preview", "unheard-of"] {
            assert!(refused(model, |_| ()).is_empty(), "{model}");
        }
    }

    #[test]
    fn thinking_is_refused_where_the_model_takes_none_or_another_form() {
        let budget = Thinking { budget: Some(0), ..Thinking::default() };
        let with = |model, thinking| refused(model, |settings| settings.thinking = Some(thinking));
        assert_eq!(with("gemini-3.8-live", at(ThinkingLevel::Low)), ["thinking"]);
        assert_eq!(with("gemini-3.8-live-extended-thinking", budget), ["thinking"]);
        let minimal = at(ThinkingLevel::Minimal);
        assert_eq!(with("gemini-3.8-live-extended-thinking", minimal), ["thinking"]);
        assert!(with("gemini-3.8-live-extended-thinking", at(ThinkingLevel::Low)).is_empty());
        assert!(with("gemini-3.1-flash-live-preview", minimal).is_empty());
        let old = "gemini-2.5-flash-native-audio-preview-12-2025";
        assert_eq!(with(old, minimal), ["thinking"]);
        assert!(with(old, budget).is_empty());
    }

    #[test]
    fn flags_that_a_model_lost_are_refused() {
        let model = "gemini-3.8-live";
        assert_eq!(refused(model, |s| s.affective_dialog = Some(true)), ["affective_dialog"]);
        assert_eq!(refused(model, |s| s.proactive_audio = Some(false)), ["proactive_audio"]);
        assert!(refused(model, |s| s.proactive_audio = Some(true)).is_empty());
        assert_eq!(refused(model, |s| s.modality = Some(Modality::Text)), ["modality"]);
    }
}
