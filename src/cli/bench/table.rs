//! Results as tables of text.

use serde_json::{Value, json};

use super::{engine, loopback, pipeline, turns};
use crate::measure::{
    report::{NONE, Table},
    results::{Change, Comparison, Measurement, Results, Spread, Unit},
};

/// Every part that was measured.
pub(super) fn all(results: &Results) -> String {
    let parts = [
        of_pipeline(results),
        of_spreads(results, engine::PART, None),
        of_sweep(results),
        of_spreads(results, turns::PART, Some("turns, recorded speech")),
        of_spreads(results, loopback::PART, Some("loopback")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// Milliseconds to three digits, microseconds where it is less than a tenth of one.
pub(super) fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms.abs() < 0.1 && ms != 0.0 => format!("{ms:.3} ms"),
        ms if ms.abs() < 10.0 => format!("{ms:.2} ms"),
        ms if ms.abs() < 1_000.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.0} ms"),
    }
}

/// A number with its unit.
pub(super) fn amount(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Ms => milliseconds(value),
        Unit::TimesRealTime => format!("{value:.0} ×"),
        Unit::AllocationsPerBlock => format!("{value:.2} per block"),
        Unit::Count => format!("{value:.0}"),
        Unit::Percent => format!("{value:.1} %"),
        Unit::Ppm => format!("{:+.0} ppm", value.round() + 0.0),
    }
}

/// A stage in a row.
fn of_pipeline(results: &Results) -> Option<String> {
    let mut table = Table::new([
        "pipeline, blocks of 10 ms",
        "latency",
        "p50 µs",
        "p99 µs",
        "max µs",
        "× real time",
        "allocations",
    ]);
    let cases = results.cases(pipeline::PART);
    for case in &cases {
        let of = |name: &str| results.measurement(pipeline::PART, case, name);
        let number = |name: &str| of(name).and_then(Measurement::as_number);
        let block = of("block").and_then(Measurement::as_spread);
        let micros = |of: fn(&Spread) -> Option<f64>| {
            block.and_then(of).map_or_else(|| NONE.to_owned(), |ms| format!("{:.1}", 1e3 * ms))
        };
        let or_none = |value: Option<String>| value.unwrap_or_else(|| NONE.to_owned());
        table.row([
            (*case).to_owned(),
            or_none(number("latency").map(|ms| format!("{ms:.2} ms"))),
            micros(|block| Some(block.p50)),
            micros(|block| block.p99),
            micros(|block| Some(block.max)),
            or_none(number("speed").map(|speed| format!("{speed:.0}"))),
            or_none(number("allocations").map(|many| format!("{many:.2}"))),
        ]);
    }
    (!cases.is_empty()).then(|| table.to_string())
}

/// A measurement in a row, and what is one number below, for each case.
fn of_spreads(results: &Results, part: &str, title: Option<&str>) -> Option<String> {
    let mut out = Vec::new();
    for case in results.cases(part) {
        let of_case: Vec<_> = results.of(part).filter(|measured| measured.case == case).collect();
        let mut table = Table::new([title.unwrap_or(case), "p50", "p99", "max", "times"]);
        for measured in &of_case {
            let Some(spread) = measured.as_spread() else { continue };
            table.row([
                measured.what.clone(),
                amount(spread.p50, measured.unit),
                spread.p99.map_or_else(|| NONE.to_owned(), |p99| amount(p99, measured.unit)),
                amount(spread.max, measured.unit),
                spread.count.to_string(),
            ]);
        }
        // Those stand in the title.
        let is_told = |name: &str| !["period", "loaded"].contains(&name);
        let line = |measured: &&Measurement| {
            let value = measured.as_number().filter(|_| is_told(&measured.name))?;
            Some(format!("{}: {}", measured.what, amount(value, measured.unit)))
        };
        let lines: Vec<_> = of_case.iter().filter_map(line).collect();
        out.push(format!("{table}{}\n", lines.join("\n")));
    }
    (!out.is_empty()).then(|| out.join("\n"))
}

/// A period or a chunk in a row.
fn of_sweep(results: &Results) -> Option<String> {
    let mut table = Table::new([
        "other periods and chunks",
        "to wire p99",
        "to ring p50",
        "audible p50",
        "wake-up p99",
        "block p99",
        "xruns",
        "lost",
    ]);
    let cases = results.cases(engine::SWEEP);
    for case in &cases {
        let of = |name: &str| results.measurement(engine::SWEEP, case, name);
        let ms = |name: &str, of_spread: fn(&Spread) -> f64| {
            let spread = of(name).and_then(Measurement::as_spread);
            spread.map_or_else(|| NONE.to_owned(), |s| format!("{:.2} ms", of_spread(s)))
        };
        let many = |name: &str| {
            let number = of(name).and_then(Measurement::as_number);
            number.map_or_else(|| NONE.to_owned(), |number| format!("{number:.0}"))
        };
        let words = case.split(", ").skip(1).map(|word| match word {
            "every core loaded" => "busy",
            word => word,
        });
        table.row([
            words.collect::<Vec<_>>().join(", "),
            ms("capture_to_wire", Spread::p99_or_max),
            ms("wire_to_ring", |spread| spread.p50),
            ms("ring_to_audible", |spread| spread.p50),
            ms("wake_up", Spread::p99_or_max),
            ms("worker_block", Spread::p99_or_max),
            many("xruns"),
            many("lost_frames"),
        ]);
    }
    (!cases.is_empty()).then(|| table.to_string())
}

/// What changed since a run before.
pub(super) fn compared(compared: &Comparison, before: &Results) -> String {
    let Comparison { remarks, changes, same, alone } = compared;
    let head = format!("\ncompared with {} of {}", before.program, before.date);
    let remarks = remarks.iter().map(|remark| format!("note: {remark}"));
    let mut out: Vec<String> = std::iter::once(head).chain(remarks).collect();
    let mut table = Table::new(["what", "then", "now", "change", ""]);
    for change in changes {
        table.row([
            format!("{}: {}", change.case, change.what),
            amount(change.then, change.unit),
            amount(change.now, change.unit),
            percent(change),
            if change.is_better() { "better" } else { "worse" }.to_owned(),
        ]);
    }
    if !table.is_empty() {
        out.push(table.to_string().trim_end().to_owned());
    }
    let alone = match alone {
        0 => String::new(),
        many => format!("; {many} measurements in one of the two runs only"),
    };
    out.push(format!("{same} numbers within 10 %, as two runs are{alone}"));
    out.join("\n")
}

fn percent(change: &Change) -> String {
    let share = change.share();
    if share.is_finite() { format!("{:+.0} %", 100.0 * share) } else { "from none".to_owned() }
}

/// The same for programs.
pub(super) fn compared_object(compared: &Comparison, before: &Results) -> Value {
    let change = |change: &Change| {
        json!({
            "case": change.case,
            "what": change.what,
            "unit": change.unit,
            "then": change.then,
            "now": change.now,
            "better": change.is_better(),
        })
    };
    json!({
        "event": "compared",
        "with": before.date,
        "remarks": compared.remarks,
        "changes": compared.changes.iter().map(change).collect::<Vec<_>>(),
        "same": compared.same,
        "alone": compared.alone,
    })
}
