//! `[profile.NAME.budget]` held against what was measured.

use serde_json::{Value as Json, json};

use super::{engine, loopback, pipeline, table::amount, turns};
use crate::{
    config::{Plan, tables::TableId},
    measure::results::{Measurement, Results, Spread, Unit},
    pipeline::Value,
};

/// Which number of a measurement a key is about.
#[derive(Clone, Copy)]
enum Which {
    Number,
    P50,
    P99,
    P999,
}

/// A key, the measurement that it bounds, and which number of it.
const KEYS: [(&str, &str, &str, Which); 14] = [
    ("pipeline_percent", pipeline::PART, "share", Which::Number),
    ("pipeline_latency_ms", pipeline::PART, "latency", Which::Number),
    ("capture_to_wire_p99_ms", engine::PART, "capture_to_wire", Which::P99),
    ("wire_to_ring_p99_ms", engine::PART, "wire_to_ring", Which::P99),
    ("ring_to_audible_p99_ms", engine::PART, "ring_to_audible", Which::P99),
    ("cut_to_silence_p99_ms", engine::PART, "cut_to_silence", Which::P99),
    ("wake_up_p99_ms", engine::PART, "wake_up", Which::P99),
    ("worker_block_p999_ms", engine::PART, "worker_block", Which::P999),
    ("xruns", engine::PART, "xruns", Which::Number),
    ("lost_frames", engine::PART, "lost_frames", Which::Number),
    ("end_of_turn_p50_ms", turns::PART, "end_of_turn", Which::P50),
    ("barge_in_p50_ms", turns::PART, "barge_in", Which::P50),
    ("round_trip_p50_ms", loopback::PART, "round_trip", Which::P50),
    ("round_trip_p99_ms", loopback::PART, "round_trip", Which::P99),
];

/// One line of the budget.
pub(super) struct Line {
    key: &'static str,
    most: f64,
    part: &'static str,
    /// The worst of what was measured, and of what; none where nothing was.
    worst: Option<(f64, String, Unit)>,
}

/// Every line that the profile has.
pub(super) fn judge(plan: &Plan, results: &Results) -> Vec<Line> {
    let values = plan.values(TableId::Budget);
    let line = |(key, part, name, which): (&'static str, &'static str, &str, Which)| {
        let Value::Float(most) = *values.get(key)? else { return None };
        let of_name = results.of(part).filter(|measured| measured.name == name);
        // Of the pipeline the whole.
        let counts =
            |measured: &&Measurement| part != pipeline::PART || measured.case == pipeline::WHOLE;
        let values_of = of_name.filter(counts).filter_map(|measured| {
            Some((value(measured, which)?, measured.case.clone(), measured.unit))
        });
        let worst = values_of.max_by(|a, b| a.0.total_cmp(&b.0));
        Some(Line { key, most, part, worst })
    };
    KEYS.into_iter().filter_map(line).collect()
}

fn value(measured: &Measurement, which: Which) -> Option<f64> {
    match which {
        Which::Number => measured.as_number(),
        Which::P50 => measured.as_spread().map(|spread| spread.p50),
        Which::P999 => measured.as_spread().map(Spread::p999_or_less),
        Which::P99 => measured.as_spread().map(Spread::p99_or_max),
    }
}

impl Line {
    pub(super) fn is_over(&self) -> bool {
        self.worst.as_ref().is_some_and(|(value, ..)| *value > self.most)
    }

    pub(super) fn words(&self) -> String {
        let Self { key, most, part, .. } = self;
        match &self.worst {
            None => format!("budget: {key} = {most} was not measured: chinwag bench {part}"),
            Some((value, case, unit)) => {
                let judged = if self.is_over() { "OVER" } else { "holds" };
                format!("budget: {key} = {most} {judged}: {} ({case})", amount(*value, *unit))
            }
        }
    }

    pub(super) fn object(&self) -> Json {
        let measured = self.worst.as_ref().map(|(value, ..)| *value);
        json!({ "key": self.key, "most": self.most, "measured": measured, "over": self.is_over() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{ConfigFile, Override},
        measure::results::Machine,
        pipeline::Registry,
    };

    fn lines(set: &[&str], measurements: Vec<Measurement>) -> Vec<Line> {
        let overrides: Vec<_> = set.iter().map(|text| Override::set(text)).collect();
        let file = ConfigFile::shipped(&Registry::shipped());
        let plan = file.plan(Some("speakers"), &overrides).unwrap();
        let new = Results::new(String::new(), String::new(), Machine::default());
        judge(&plan, &Results { measurements, ..new })
    }

    fn trip(case: &str, ms: f64) -> Measurement {
        let spread = Spread::of_values(vec![ms]).unwrap();
        Measurement::spread(["loopback", case, "round_trip", ""], Unit::Ms, spread)
    }

    #[test]
    fn every_key_of_the_table_is_judged_and_none_besides() {
        let mut table: Vec<_> = TableId::Budget.table().params.iter().map(|p| p.name).collect();
        let mut keys = KEYS.map(|(key, ..)| key);
        table.sort_unstable();
        keys.sort_unstable();
        assert_eq!(table, keys);
    }

    #[test]
    fn the_worst_of_what_was_measured_counts() {
        let set = ["budget.round_trip_p50_ms=50"];
        let line = lines(&set, vec![trip("a", 40.0), trip("b", 60.0)]).remove(0);
        assert!(line.is_over());
        assert_eq!(line.words(), "budget: round_trip_p50_ms = 50 OVER: 60.0 ms (b)");
        assert!(!lines(&set, vec![trip("a", 50.0)])[0].is_over());
    }

    #[test]
    fn what_was_not_measured_is_said_and_is_not_over() {
        assert!(lines(&[], vec![trip("a", 40.0)]).is_empty());
        let line = lines(&["budget.end_of_turn_p50_ms=900"], Vec::new()).remove(0);
        assert!(!line.is_over());
        assert!(line.words().ends_with("was not measured: chinwag bench turns"));
    }
}
