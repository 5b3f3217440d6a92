//! `turn`: who may speak when.

use super::Table;
use crate::{
    dialog::{BargeIn, Duplex, EndpointKind, TurnMode, TurnSettings},
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
        name: "echo_tail_ms",
        kind: ParamKind::Int { min: 0, max: 2_000 },
        default: ParamDefault::Int(300),
        doc: "half only, and where an echo is out of control: the microphone stays closed for so \
              long after a reply, while the room still sounds of it",
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
        default: ParamDefault::Float(0.6),
        doc: "voice probability from which a moment counts as speech",
    },
    Param {
        name: "threshold_off",
        kind: ParamKind::Float { min: 0.0, max: 1.0 },
        default: ParamDefault::Float(0.5),
        doc: "within speech, voice probability below which a moment counts as silence",
    },
    Param {
        name: "onset_ms",
        kind: ParamKind::Int { min: 10, max: 1_000 },
        default: ParamDefault::Int(48),
        doc: "speech needed before it is believed to be speech",
    },
    Param {
        name: "unvoiced_ms",
        kind: ParamKind::Int { min: 0, max: 2_000 },
        default: ParamDefault::Int(400),
        doc: "the same for sound without any pitch: whispering, but dishes too; 0 for a detector \
              that needs no help, such as silero",
    },
    Param {
        name: "confirm_ms",
        kind: ParamKind::Int { min: 10, max: 2_000 },
        default: ParamDefault::Int(160),
        doc: "speech needed before a reply is cut",
    },
    Param {
        name: "backchannel_ms",
        kind: ParamKind::Int { min: 0, max: 2_000 },
        default: ParamDefault::Int(500),
        doc: "a hum such as \"mm-hm\" that is shorter does not cut a reply; 0: it does",
    },
    Param {
        name: "cooldown_ms",
        kind: ParamKind::Int { min: 0, max: 10_000 },
        default: ParamDefault::Int(500),
        doc: "after a sound that was no speech a reply is not turned down again for so long",
    },
    Param {
        name: "pre_roll_ms",
        kind: ParamKind::Int { min: 0, max: 2_000 },
        default: ParamDefault::Int(300),
        doc: "audio from before the onset that is sent too, so that no first sound is lost",
    },
    Param {
        name: "endpoint",
        kind: ParamKind::Choice(&["fixed", "adaptive"]),
        default: ParamDefault::Text("adaptive"),
        doc: "how the end of your turn is found: after the same silence every time; after one \
              that depends on how your last words were said",
    },
    Param {
        name: "hangover_ms",
        kind: ParamKind::Int { min: 50, max: 10_000 },
        default: ParamDefault::Int(800),
        doc: "fixed only: silence waited for before your turn is ended: shorter answers sooner, \
              longer lets you think",
    },
    Param {
        name: "patience",
        kind: ParamKind::Float { min: 0.0, max: 1.0 },
        default: ParamDefault::Float(0.4),
        doc: "adaptive only: from 0, answer fast, to 1, let me think",
    },
    Param {
        name: "hangover_min_ms",
        kind: ParamKind::Int { min: 50, max: 10_000 },
        default: ParamDefault::Int(250),
        doc: "adaptive only: the least silence that ends your turn",
    },
    Param {
        name: "hangover_max_ms",
        kind: ParamKind::Int { min: 50, max: 10_000 },
        default: ParamDefault::Int(1_400),
        doc: "adaptive only: the silence that ends your turn whatever was heard before it",
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
        echo_tail_ms: values.int("echo_tail_ms") as u32,
        barge_in: match values.text("barge_in") {
            Some("server") => BargeIn::Server,
            Some("off") => BargeIn::Off,
            _ => BargeIn::Local,
        },
        threshold: values.float("threshold"),
        threshold_off: values.float("threshold_off"),
        onset_ms: values.int("onset_ms") as u32,
        unvoiced_ms: values.int("unvoiced_ms") as u32,
        confirm_ms: values.int("confirm_ms") as u32,
        backchannel_ms: values.int("backchannel_ms") as u32,
        cooldown_ms: values.int("cooldown_ms") as u32,
        pre_roll_ms: values.int("pre_roll_ms") as u32,
        endpoint: match values.text("endpoint") {
            Some("fixed") => EndpointKind::Fixed,
            _ => EndpointKind::Adaptive,
        },
        hangover_ms: values.int("hangover_ms") as u32,
        patience: values.float("patience"),
        hangover_min_ms: values.int("hangover_min_ms") as u32,
        hangover_max_ms: values.int("hangover_max_ms") as u32,
        duck_db: values.float("duck_db"),
        window_ms_max: values.int("window_ms_max") as u32,
    }
}
