//! `budget`: what `chinwag bench` may measure at most. Nothing else reads it.

use super::Table;
use crate::pipeline::{
    Param,
    param::{ParamDefault, ParamKind},
};

/// The table.
pub const TABLE: Table = Table {
    name: "budget",
    doc: "what chinwag bench may measure at most; more, and it ends with exit code 6",
    params: PARAMS,
};

const fn most(name: &'static str, doc: &'static str) -> Param {
    let kind = ParamKind::Float { min: 0.0, max: 1e6 };
    Param { name, kind, default: ParamDefault::Unset, doc }
}

const PARAMS: &[Param] = &[
    most("pipeline_percent", "both chains together, in percent of one core"),
    most("pipeline_latency_ms", "the latency of both chains together"),
    most("capture_to_wire_p99_ms", "from a chunk's last sample to the socket, 99 % of the times"),
    most("wire_to_ring_p99_ms", "from a reply's first byte to the render ring, 99 % of the times"),
    most("ring_to_audible_p99_ms", "from the render ring to the ear, 99 % of the times"),
    most("cut_to_silence_p99_ms", "from the decision to interrupt to silence, 99 % of the times"),
    most("wake_up_p99_ms", "from a callback's bell to the worker, 99 % of the times"),
    most("worker_block_p999_ms", "the worker's time for a block of 10 ms, 99.9 % of the times"),
    most("xruns", "times that sound broke up, ours and the sound system's"),
    most("lost_frames", "frames lost on any way"),
    most("end_of_turn_p50_ms", "from your last sound to the end of your turn, half of the times"),
    most("barge_in_p50_ms", "from your first sound over a reply to its cut, half of the times"),
    most("round_trip_p50_ms", "from the speaker to the microphone, half of the times"),
    most("round_trip_p99_ms", "the same, 99 % of the times, or the longest of fewer than 100"),
];
