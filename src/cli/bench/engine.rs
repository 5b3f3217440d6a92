//! `engine`: whole conversations on the engine's threads, against the simulator on
//! this machine: what the always-on measurements say of them.

mod conversation;
mod points;

use super::{Asked, Bench};
use crate::{
    audio::{Nanos, histogram::Snapshot},
    cli::exit::Failure,
    measure::{
        figures::{Figures, Value},
        results::{Measurement, Spread, Unit},
    },
};

use self::{
    conversation::{Held, hold},
    points::{Point, points},
};

/// The parts' names in the results: at the profile's own period and chunk, and at
/// others.
pub(super) const PART: &str = "engine";
pub(super) const SWEEP: &str = "sweep";

/// Names among the figures and in the results, and what they are.
const TIMES: [[&str; 3]; 10] = [
    ["capture_to_wire_seconds", "capture_to_wire", "capture → wire"],
    ["wire_to_ring_seconds", "wire_to_ring", "wire → ring"],
    ["ring_to_audible_seconds", "ring_to_audible", "ring → audible"],
    ["end_to_decided_seconds", "end_to_decided", "end of speech → end decided"],
    ["end_to_wire_seconds", "end_to_wire", "end decided → end sent"],
    ["end_to_reply_seconds", "end_to_reply", "end sent → first byte of the reply"],
    ["speech_to_audible_seconds", "speech_to_audible", "end of speech → first audible reply"],
    ["cut_to_silence_seconds", "cut_to_silence", "barge-in decided → silence"],
    ["worker_wake_up_seconds", "wake_up", "worker's wake-up"],
    ["worker_block_seconds", "worker_block", "worker, for each block of 10 ms"],
];
/// What of the sound did not come through.
const LOST: [&str; 6] = [
    "capture_lost_frames_total",
    "capture_missing_frames_total",
    "far_lost_frames_total",
    "uplink_lost_frames_total",
    "queue_overflow_frames_total",
    "queue_stale_frames_total",
];
const XRUNS: [&str; 2] = ["xruns_total", "underruns_total"];
const REFUSED: [&str; 2] = ["uplink_packets_refused_total", "notes_refused_total"];

/// About.
pub(super) fn expected_s(asked: &Asked) -> f64 {
    points(asked).iter().map(Point::expected_s).sum()
}

/// Every point, one conversation each.
pub(super) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let mut points = points(&bench.asked);
    points.retain(|point| !point.repeats(bench.plan));
    let all: f64 = points.iter().map(Point::expected_s).sum();
    let mut before = 0.0;
    let mut is_missing = false;
    for point in &points {
        let within = [before / all, (before + point.expected_s()) / all];
        before += point.expected_s();
        if is_missing && point.is_real {
            continue;
        }
        let held = match hold(bench, point, within) {
            Ok(Some(held)) => held,
            Ok(None) => break,
            Err(failure) if point.is_real && bench.asked.device.is_none() => {
                is_missing = true;
                bench.remark(format!("engine: measured with the virtual card only: {failure}"));
                continue;
            }
            Err(failure) => return Err(failure),
        };
        if let Some(remark) = held.remark.clone()
            && !bench.results.remarks.contains(&remark)
        {
            bench.remark(remark);
        }
        bench.results.measurements.extend(measured(point, &held));
        if held.is_stopped {
            break;
        }
    }
    Ok(())
}

/// What the figures say that came to be between two moments.
fn measured(point: &Point, held: &Held) -> Vec<Measurement> {
    let Held { case, before, after, period_ms, .. } = held;
    let part = if point.is_own() { PART } else { SWEEP };
    let number =
        |name, what, unit, value: f64| Measurement::number([part, case, name, what], unit, value);
    let mut all = vec![
        number("period", "period", Unit::Ms, *period_ms),
        number("loaded", "cores loaded by others", Unit::Count, held.loaded as f64),
    ];
    for [figure, name, what] in TIMES {
        let spread = times(before, after, figure).and_then(|times| Spread::of_durations(&times));
        all.extend(spread.map(|s| Measurement::spread([part, case, name, what], Unit::Ms, s)));
    }
    if point.is_own() {
        all.extend(stages(part, case, before, after));
    }
    let counted = |names: &[&str]| {
        let of = |figures: &Figures| names.iter().filter_map(|n| figures.count(n)).sum::<u64>();
        of(after).saturating_sub(of(before)) as f64
    };
    let count = Unit::Count;
    all.push(number("xruns", "xruns, ours and the sound system's", count, counted(&XRUNS)));
    all.push(number("lost_frames", "frames lost on any way", count, counted(&LOST)));
    all.push(number("refused", "refused packets and notes", count, counted(&REFUSED)));
    all
}

/// Each stage's time for a block.
fn stages(part: &str, case: &str, before: &Figures, after: &Figures) -> Vec<Measurement> {
    let stage = |figure: &crate::measure::figures::Figure| {
        let Value::Times(times) = &figure.value else { return None };
        let of = |label: &str| Some(&figure.labels.iter().find(|(name, _)| *name == label)?.1);
        let name = format!("stage_{}_{}_{}", of("chain")?, of("place")?, of("stage")?);
        let what = format!("  stage {}.{}", of("chain")?, of("stage")?);
        let same = |old: &&crate::measure::figures::Figure| {
            old.name == figure.name && old.labels == figure.labels
        };
        let times = match before.iter().find(same).map(|old| &old.value) {
            Some(Value::Times(old)) => times.since(old),
            _ => times.clone(),
        };
        let spread = Spread::of_durations(&times)?;
        Some(Measurement::spread([part, case, &name, &what], Unit::Ms, spread))
    };
    after.iter().filter(|figure| figure.name == "stage_seconds").filter_map(stage).collect()
}

fn times(before: &Figures, after: &Figures, name: &str) -> Option<Snapshot> {
    let after = after.times(name)?;
    Some(before.times(name).map_or_else(|| after.clone(), |before| after.since(before)))
}

/// Seconds as time.
fn nanos(seconds: f64) -> Nanos {
    Nanos((1e9 * seconds) as u64)
}
