//! `link`: the connection.

use super::Table;
use crate::{
    pipeline::{
        Param, Values,
        param::{ParamDefault, ParamKind},
    },
    protocol::{LinkSettings, StartPolicy},
};

/// The table.
pub const TABLE: Table =
    Table { name: "link", doc: "the connection to the service", params: PARAMS };

const PARAMS: &[Param] = &[
    Param {
        name: "url",
        kind: ParamKind::Text,
        default: ParamDefault::Unset,
        doc: "where to connect instead of the service: wss://host:port/path; ws:// on this \
              machine only",
    },
    Param {
        name: "ca_file",
        kind: ParamKind::Text,
        default: ParamDefault::Unset,
        doc: "a file of certificates (PEM) to trust besides the system's",
    },
    Param {
        name: "chunk_ms",
        kind: ParamKind::Int { min: 10, max: 100 },
        default: ParamDefault::Int(20),
        doc: "audio in one message: less is sooner, more is cheaper",
    },
    Param {
        name: "connect_timeout_ms",
        kind: ParamKind::Int { min: 100, max: 120_000 },
        default: ParamDefault::Int(10_000),
        doc: "how long connecting may take, all addresses together",
    },
    Param {
        name: "setup_timeout_ms",
        kind: ParamKind::Int { min: 100, max: 120_000 },
        default: ParamDefault::Int(10_000),
        doc: "how long the service may take to accept the session",
    },
    Param {
        name: "ping_ms",
        kind: ParamKind::Int { min: 1_000, max: 120_000 },
        default: ParamDefault::Int(25_000),
        doc: "a ping goes out after so long without sending or receiving",
    },
    Param {
        name: "silence_timeout_ms",
        kind: ParamKind::Int { min: 60_000, max: 600_000 },
        default: ParamDefault::Int(75_000),
        doc: "a connection on which nothing came for so long, not even a pong, is left",
    },
    Param {
        name: "stall_timeout_ms",
        kind: ParamKind::Int { min: 1_000, max: 600_000 },
        default: ParamDefault::Int(10_000),
        doc: "a connection that takes nothing for so long is left",
    },
    Param {
        name: "reply_timeout_ms",
        kind: ParamKind::Int { min: 0, max: 30_000 },
        default: ParamDefault::Int(15_000),
        doc: "without an answer to your turn for so long the model is nudged, then the turn sent \
              again on a new connection; 0: never",
    },
    Param {
        name: "outage_ms",
        kind: ParamKind::Int { min: 0, max: 10_000 },
        default: ParamDefault::Int(2_000),
        doc: "speech kept while there is no connection; the oldest goes first",
    },
    Param {
        name: "live_queue_ms",
        kind: ParamKind::Int { min: 100, max: 10_000 },
        default: ParamDefault::Int(1_000),
        doc: "speech that may wait on a slow connection; the oldest goes first",
    },
    Param {
        name: "resend_ms",
        kind: ParamKind::Int { min: 0, max: 60_000 },
        default: ParamDefault::Int(15_000),
        doc: "speech of a turn that is not over or not answered, sent again on a new connection",
    },
    Param {
        name: "connection_age_s",
        kind: ParamKind::Int { min: 0, max: 86_400 },
        default: ParamDefault::Int(540),
        doc: "from this age on a connection is left for a new one at a quiet moment; 0: never",
    },
    Param {
        name: "start",
        kind: ParamKind::Choice(&["fail", "retry"]),
        default: ParamDefault::Text("fail"),
        doc: "without network or device at the start: an error, or further attempts for ever",
    },
    Param {
        name: "retry_ms_min",
        kind: ParamKind::Int { min: 50, max: 60_000 },
        default: ParamDefault::Int(500),
        doc: "pause before the first new attempt to connect",
    },
    Param {
        name: "retry_ms_max",
        kind: ParamKind::Int { min: 50, max: 600_000 },
        default: ParamDefault::Int(4_000),
        doc: "the longest pause between attempts",
    },
];

/// The settings of the link.
pub fn settings(values: &Values) -> LinkSettings {
    let owned = |name: &str| values.text(name).map(str::to_owned);
    let ms = |name: &str| values.int(name) as u32;
    LinkSettings {
        url: owned("url"),
        ca_file: owned("ca_file"),
        chunk_ms: ms("chunk_ms"),
        connect_timeout_ms: ms("connect_timeout_ms"),
        setup_timeout_ms: ms("setup_timeout_ms"),
        ping_ms: ms("ping_ms"),
        silence_timeout_ms: ms("silence_timeout_ms"),
        stall_timeout_ms: ms("stall_timeout_ms"),
        reply_timeout_ms: ms("reply_timeout_ms"),
        outage_ms: ms("outage_ms"),
        live_queue_ms: ms("live_queue_ms"),
        resend_ms: ms("resend_ms"),
        connection_age_s: values.int("connection_age_s") as u32,
        start: match values.text("start") {
            Some("retry") => StartPolicy::Retry,
            _ => StartPolicy::Fail,
        },
        retry_ms_min: ms("retry_ms_min"),
        retry_ms_max: ms("retry_ms_max"),
    }
}
