//! Figures in Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

use super::{Figure, Figures, Value};
use crate::audio::histogram::Snapshot;

/// What every name begins with.
const PREFIX: &str = "chinwag_";
/// Buckets from 2^13 ns (8.2 µs) to 1.5 × 2^34 ns (26 s), two to each doubling:
/// their edges are those of our own, so that no count is a guess.
const EXPONENTS: std::ops::RangeInclusive<u32> = 13..=34;

impl Figures {
    /// All of them for a Prometheus server.
    pub fn to_prometheus(&self) -> String {
        let mut out = String::new();
        let mut last = "";
        for figure in self.iter() {
            // A family is described once, before the first of it.
            if figure.name != last {
                last = &figure.name;
                describe(&mut out, figure);
            }
            match &figure.value {
                Value::Count(count) => sample(&mut out, figure, "", None, &count.to_string()),
                Value::Now(now) => {
                    let now = now.map_or_else(|| "NaN".to_owned(), |now| now.to_string());
                    sample(&mut out, figure, "", None, &now);
                }
                Value::Times(times) => buckets(&mut out, figure, times),
            }
        }
        out
    }
}

fn describe(out: &mut String, figure: &Figure) {
    let kind = match figure.value {
        Value::Times(_) => "histogram",
        Value::Count(_) => "counter",
        Value::Now(_) => "gauge",
    };
    let help = figure.help.replace('\\', "\\\\").replace('\n', "\\n");
    // Writing into a String cannot fail, here and below.
    let _ = writeln!(out, "# HELP {PREFIX}{} {help}", figure.name);
    let _ = writeln!(out, "# TYPE {PREFIX}{} {kind}", figure.name);
}

fn buckets(out: &mut String, figure: &Figure, times: &Snapshot) {
    for exponent in EXPONENTS {
        // What is shorter than 1,024 ns takes at most 1,023.
        let edges = [1_u64 << exponent, 3 << (exponent - 1)].map(|edge| (edge - 1) as f64 / 1e9);
        for (edge, count) in edges.into_iter().zip(times.shorter_than(exponent)) {
            sample(out, figure, "_bucket", Some(&edge.to_string()), &count.to_string());
        }
    }
    let count = times.count().to_string();
    sample(out, figure, "_bucket", Some("+Inf"), &count);
    sample(out, figure, "_sum", None, &times.sum().as_secs().to_string());
    sample(out, figure, "_count", None, &count);
}

fn sample(out: &mut String, figure: &Figure, part: &str, edge: Option<&str>, value: &str) {
    let labels = figure.labels.iter().map(|(name, of)| (*name, of.as_str()));
    let labels: Vec<String> = labels
        .chain(edge.map(|edge| ("le", edge)))
        .map(|(name, of)| format!("{name}=\"{}\"", escaped(of)))
        .collect();
    let labels =
        if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    let _ = writeln!(out, "{PREFIX}{}{part}{labels} {value}", figure.name);
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
