//! What no single key can get wrong: values that do not go together.

use super::{
    explain::header,
    plan::resample_lines,
    problem::{At, Problem},
    resolve::Resolved,
    tables::TableId,
    written::ListId,
};
use crate::{
    dialog::{BargeIn, Duplex, TurnMode, TurnSettings},
    pipeline::Values,
    protocol::{Credential, Endpoint, LinkSettings, SessionSettings, refused_for_model},
};

/// A profile that is judged. A table in which something was wrong is not.
pub(super) struct Judge<'a> {
    pub profile: &'a Resolved,
    pub problems: &'a mut Vec<Problem>,
}

impl Judge<'_> {
    fn is_sound(&self, id: TableId) -> bool {
        !self.profile.keys(id).broken
    }

    fn report(
        &mut self,
        at: &At,
        what: impl Into<String>,
        expected: &str,
        next: impl Into<String>,
    ) {
        self.problems.push(Problem::new(at, what).expected(expected).next(next));
    }

    /// `low` must not be above `high`.
    fn ordered(&mut self, id: TableId, values: &Values, low: &str, high: &str) {
        let (Some(_), Some(_)) = (values.get(low), values.get(high)) else { return };
        let (low_value, high_value) = (values.float(low), values.float(high));
        if low_value > high_value {
            let at = self.profile.at(id, &[low, high]).clone();
            let table = id.table().name;
            let what = format!("{table}.{low} is {low_value}, but {high} is {high_value}");
            let expected = format!("expected {low} up to {high}");
            self.report(&at, what, &expected, format!("lower {low} or raise {high}"));
        }
    }

    /// Turn taking.
    pub(super) fn turn(&mut self, values: &Values, turn: &TurnSettings) {
        if !self.is_sound(TableId::Turn) {
            return;
        }
        self.ordered(TableId::Turn, values, "threshold_off", "threshold");
        self.ordered(TableId::Turn, values, "onset_ms", "confirm_ms");
        self.ordered(TableId::Turn, values, "hangover_min_ms", "hangover_max_ms");
        let is_local = turn.barge_in == BargeIn::Local && turn.mode != TurnMode::PushToTalk;
        if turn.duplex == Duplex::Half && is_local {
            let at = self.profile.at(TableId::Turn, &["duplex", "barge_in", "mode"]).clone();
            let what = "turn.duplex is \"half\" and turn.barge_in is \"local\"";
            let expected = "the microphone is closed while the model is audible";
            self.report(
                &at,
                what,
                expected,
                "write barge_in = \"off\", or duplex = \"full\" with a headset",
            );
        }
    }

    /// Voice detectors: where one is needed, and that there is one at most.
    /// Returns whether one is missing.
    pub(super) fn detector(&mut self, turn: &TurnSettings) -> bool {
        let profile = self.profile;
        let list = profile.list(ListId::Capture);
        let detectors: Vec<_> = list.stages.iter().filter(|s| s.entry.name == "vad").collect();
        if let [_, second, ..] = detectors.as_slice() {
            let at = second.at.clone();
            let what = "capture has a second vad";
            self.report(&at, what, "turns are taken by one voice detector", "remove this stage");
        }
        let playback = &profile.list(ListId::Playback).stages;
        if let Some(stage) = playback.iter().find(|s| s.entry.name == "vad") {
            let at = stage.at.clone();
            self.report(&at, "playback has a vad", "it listens to you", "move it to capture");
        }
        let is_missing = detectors.is_empty() && turn.mode.needs_detector();
        if !is_missing || list.broken || !self.is_sound(TableId::Turn) {
            return false;
        }
        let owner = profile.owner(ListId::Capture);
        let mut lines = String::new();
        if list.stages.is_empty() {
            lines = format!("{}\n", resample_lines(owner));
        }
        let list_header = header(owner, "capture");
        let next = format!(
            "add these lines to the file:\n\n{lines}[[{list_header}]]\nstage = \"vad\"\nengine = \"earshot\""
        );
        let mode = if turn.mode == TurnMode::Hybrid { "hybrid" } else { "client" };
        let at = self.profile.at(TableId::Turn, &["mode"]).clone();
        let what = format!("turn.mode is \"{mode}\", but no vad stage listens");
        self.report(&at, what, "the end of your speech would never be heard", next);
        true
    }

    /// Playout.
    pub(super) fn playout(&mut self, values: &Values) {
        if self.is_sound(TableId::Playout) {
            self.ordered(TableId::Playout, values, "start_ms", "start_ms_max");
        }
    }

    /// The connection.
    pub(super) fn link(&mut self, values: &Values, link: &LinkSettings, session: &SessionSettings) {
        if !self.is_sound(TableId::Link) {
            return;
        }
        self.ordered(TableId::Link, values, "retry_ms_min", "retry_ms_max");
        let Some(url) = &link.url else { return };
        if let Err(error) = Endpoint::new(Some(url), session.api_version, &Credential::none()) {
            let at = self.profile.at(TableId::Link, &["url"]).clone();
            let (what, next) = split(&error.to_string());
            self.report(&at, what, "expected wss://, or ws:// on this machine", next);
        }
    }

    /// What the model is known to refuse.
    pub(super) fn session(&mut self, values: &Values, session: &SessionSettings) {
        if !self.is_sound(TableId::Session) {
            return;
        }
        let (target, trigger) = ("compression_target_tokens", "compression_trigger_tokens");
        self.ordered(TableId::Session, values, target, trigger);
        for conflict in refused_for_model(session) {
            let keys = match conflict.setting {
                "thinking" => ["thinking_level", "thinking_budget", "include_thoughts"].as_slice(),
                setting => &[setting],
            };
            let written = self.profile.keys(TableId::Session);
            let own = keys.iter().find_map(|key| written.at(key));
            let at = own.unwrap_or(self.profile.at(TableId::Session, &["model"])).clone();
            let (what, next) = split(&conflict.message);
            let expected = if conflict.setting == "model" {
                "this model is gone"
            } else {
                "the model refuses this"
            };
            self.report(&at, what, expected, next);
        }
    }
}

/// `what is wrong; what to do` in its two halves.
pub(super) fn split(message: &str) -> (String, String) {
    let (what, next) = message.split_once("; ").unwrap_or((message, ""));
    (what.to_owned(), next.to_owned())
}
