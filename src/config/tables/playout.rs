//! `playout`: how replies are played.

use super::Table;
use crate::{
    dialog::PlayoutSettings,
    pipeline::{
        Param, Values,
        param::{ParamDefault, ParamKind},
    },
};

/// The table.
pub const TABLE: Table = Table { name: "playout", doc: "how replies are played", params: PARAMS };

const PARAMS: &[Param] = &[
    Param {
        name: "start_ms",
        kind: ParamKind::Int { min: 0, max: 1_000 },
        default: ParamDefault::Int(50),
        doc: "audio that must have arrived before a reply starts; the service's first part is \
              usually 200 ms",
    },
    Param {
        name: "start_ms_max",
        kind: ParamKind::Int { min: 0, max: 5_000 },
        default: ParamDefault::Int(300),
        doc: "how far start_ms may grow by itself when replies run dry",
    },
    Param {
        name: "fade_ms",
        kind: ParamKind::Float { min: 0.0, max: 50.0 },
        default: ParamDefault::Float(6.0),
        doc: "length of the fade when a reply is cut or runs dry",
    },
    Param {
        name: "reply_minutes_max",
        kind: ParamKind::Int { min: 1, max: 60 },
        default: ParamDefault::Int(10),
        doc: "the longest reply that is kept, in minutes; 2.9 MB each",
    },
    Param {
        name: "device_latency_ms",
        kind: ParamKind::Int { min: 0, max: 2_000 },
        default: ParamDefault::Int(0),
        doc: "the least latency of the speaker; what it reports counts where it is more",
    },
];

/// The settings of the playout.
pub fn settings(values: &Values) -> PlayoutSettings {
    PlayoutSettings {
        start_ms: values.int("start_ms") as u32,
        start_ms_max: values.int("start_ms_max") as u32,
        fade_ms: values.float("fade_ms"),
        reply_minutes_max: values.int("reply_minutes_max") as u32,
        device_latency_ms: values.int("device_latency_ms") as u32,
    }
}
