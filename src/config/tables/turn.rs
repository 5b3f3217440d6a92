//! `turn`: who may speak when.

use super::Table;
use crate::{
    dialog::{BargeIn, Duplex, TurnMode, TurnSettings},
    pipeline::{
        Param, Values,
        param::{ParamDefault, ParamKind},
    },
};

/// The table.
pub const TABLE: Table = Table { name: "turn", doc: "who may speak when", params: PARAMS };

const PARAMS: &[Param] = &[
    Param {
        name: "mode",
        kind: ParamKind::Choice(&["server", "hybrid", "client", "push-to-talk"]),
        default: ParamDefault::Text("client"),
        doc: "who finds where your speech starts and ends: the service; the service and we; \
              we; you, with a key",
    },
    Param {
        name: "duplex",
        kind: ParamKind::Choice(&["full", "half"]),
        default: ParamDefault::Text("full"),
        doc: "half closes the microphone while the model is audible",
    },
    Param {
        name: "barge_in",
        kind: ParamKind::Choice(&["local", "server", "off"]),
        default: ParamDefault::Text("local"),
        doc: "what cuts a reply when you speak: our own detector at once, the service, nothing",
    },
    Param {
        name: "threshold",
        kind: ParamKind::Float { min: 0.0, max: 1.0 },
        default: ParamDefault::Float(0.5),
        doc: "voice probability from which a moment counts as speech",
    },
    Param {
        name: "threshold_off",
        kind: ParamKind::Float { min: 0.0, max: 1.0 },
        default: ParamDefault::Float(0.35),
        doc: "within speech, voice probability below which a moment counts as silence",
    },
    Param {
        name: "onset_ms",
        kind: ParamKind::Int { min: 10, max: 1_000 },
        default: ParamDefault::Int(64),
        doc: "speech needed before it is believed to be speech",
    },
    Param {
        name: "confirm_ms",
        kind: ParamKind::Int { min: 10, max: 2_000 },
        default: ParamDefault::Int(160),
        doc: "speech needed before a reply is cut",
    },
    Param {
        name: "pre_roll_ms",
        kind: ParamKind::Int { min: 0, max: 2_000 },
        default: ParamDefault::Int(300),
        doc: "audio from before the onset that is sent too, so that no first sound is lost",
    },
    Param {
        name: "hangover_ms",
        kind: ParamKind::Int { min: 50, max: 10_000 },
        default: ParamDefault::Int(800),
        doc: "silence waited for before your turn is ended: shorter answers sooner, longer \
              lets you think",
    },
    Param {
        name: "duck_db",
        kind: ParamKind::Float { min: -60.0, max: 0.0 },
        default: ParamDefault::Float(-20.0),
        doc: "how loud a reply goes on while it is not yet sure that you speak",
    },
    Param {
        name: "window_ms_max",
        kind: ParamKind::Int { min: 1_000, max: 600_000 },
        default: ParamDefault::Int(60_000),
        doc: "a turn that is open for so long is closed",
    },
];

/// The settings of the floor and the endpoint.
pub fn settings(values: &Values) -> TurnSettings {
    TurnSettings {
        mode: match values.text("mode") {
            Some("server") => TurnMode::Server,
            Some("hybrid") => TurnMode::Hybrid,
            Some("push-to-talk") => TurnMode::PushToTalk,
            _ => TurnMode::Client,
        },
        duplex: match values.text("duplex") {
            Some("half") => Duplex::Half,
            _ => Duplex::Full,
        },
        barge_in: match values.text("barge_in") {
            Some("server") => BargeIn::Server,
            Some("off") => BargeIn::Off,
            _ => BargeIn::Local,
        },
        threshold: values.float("threshold"),
        threshold_off: values.float("threshold_off"),
        onset_ms: values.int("onset_ms") as u32,
        confirm_ms: values.int("confirm_ms") as u32,
        pre_roll_ms: values.int("pre_roll_ms") as u32,
        hangover_ms: values.int("hangover_ms") as u32,
        duck_db: values.float("duck_db"),
        window_ms_max: values.int("window_ms_max") as u32,
    }
}
