//! Results as one HTML file that fetches nothing and needs no script.

use std::fmt::Write as _;

use super::{Measurement, Results, Spread, Unit, Value};
use crate::measure::timeline::draw::escape;

const STYLE: &str = include_str!("page.css");

/// Where time goes on a way, one step after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Waterfall {
    /// The way: `lips → wire`.
    pub title: String,
    /// Its steps, in their order.
    pub steps: Vec<Step>,
}

/// One step of a way.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What takes the time.
    pub name: String,
    /// How long, in milliseconds.
    pub ms: f64,
    /// It was measured; otherwise it follows from the settings.
    pub is_measured: bool,
}

/// The whole page.
pub fn page(results: &Results, ways: &[Waterfall]) -> String {
    let mut out = String::new();
    let Results { program, date, machine, profile, origin, .. } = results;
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>chinwag bench</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>chinwag bench</h1>\n<p>profile {}, {}</p>\n<p>{}, {}, {}</p></header>\n",
        escape(profile),
        escape(origin),
        escape(&machine.words()),
        escape(program),
        escape(date)
    );
    let verdict: Vec<_> =
        results.verdict.iter().map(|line| format!("<p>{}</p>", escape(line))).collect();
    section(&mut out, "verdict", "", &verdict.join("\n"));
    if !ways.is_empty() {
        let key = "<p class=\"key\"><i class=\"measured\"></i>measured, the median \
                   <i></i>follows from the settings, on average</p>";
        let drawn: Vec<_> = ways.iter().map(Waterfall::draw).collect();
        section(&mut out, "", "Where the time goes", &format!("{key}{}", drawn.join("\n")));
    }
    for (part, title) in [
        ("pipeline", "Pipeline: the time for a block of 10 ms"),
        ("engine", "Engine"),
        ("sweep", "Other periods and chunks"),
        ("turns", "Turns"),
        ("loopback", "Loopback"),
    ] {
        let cases: Vec<_> =
            results.cases(part).into_iter().map(|case| of_case(results, part, case)).collect();
        let body = match part {
            "pipeline" => bars(results),
            "sweep" => sweep(results),
            _ => cases.join("\n"),
        };
        if !cases.is_empty() {
            section(&mut out, "", title, &body);
        }
    }
    if !results.remarks.is_empty() {
        let remarks: Vec<_> =
            results.remarks.iter().map(|remark| format!("<li>{}</li>", escape(remark))).collect();
        section(&mut out, "", "How it was measured", &format!("<ul>{}</ul>", remarks.join("\n")));
    }
    out += "</body>\n</html>\n";
    out
}

fn section(out: &mut String, class: &str, title: &str, body: &str) {
    let title = if title.is_empty() { String::new() } else { format!("<h2>{title}</h2>\n") };
    // Writing into a String cannot fail.
    let _ = writeln!(out, "<section class=\"{class}\">{title}{body}</section>");
}

/// Three digits, with the unit.
fn amount(value: f64, unit: Unit) -> String {
    let name = match unit {
        Unit::Ms => " ms",
        Unit::TimesRealTime => " ×",
        Unit::AllocationsPerBlock => " per block",
        Unit::Count => "",
        Unit::Percent => " %",
        Unit::Ppm => " ppm",
    };
    let digits = match value.abs() {
        _ if unit == Unit::Count => 0,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 || size == 0.0 => 2,
        _ => 4,
    };
    format!("{value:.digits$}{name}")
}

impl Waterfall {
    fn sum(&self) -> f64 {
        self.steps.iter().map(|step| step.ms).sum()
    }

    /// Bars that begin where the one before ends; all together fill the width.
    fn draw(&self) -> String {
        let percent = |ms: f64| 100.0 * ms / self.sum().max(1e-6);
        let mut out = format!(
            "<h3>{} <small>{} together</small></h3>\n<table class=\"bars\">\n",
            escape(&self.title),
            amount(self.sum(), Unit::Ms)
        );
        let mut from = 0.0;
        for step in &self.steps {
            let class = if step.is_measured { "measured" } else { "" };
            let _ = writeln!(
                out,
                "<tr><th>{}</th><td class=\"number\">{}</td><td class=\"bar\"><i class=\"{class}\" \
                 style=\"margin-left:{:.2}%;width:{:.2}%\"></i></td></tr>",
                escape(&step.name),
                amount(step.ms, Unit::Ms),
                percent(from),
                percent(step.ms)
            );
            from += step.ms;
        }
        out + "</table>"
    }
}

/// A bar for each stage: the median, and up to the 99th percentile.
fn bars(results: &Results) -> String {
    let block = |case: &str| results.measurement("pipeline", case, "block")?.as_spread().cloned();
    let cases = results.cases("pipeline").into_iter();
    let stages: Vec<(&str, Spread)> = cases.filter_map(|case| Some((case, block(case)?))).collect();
    let longest = stages.iter().map(|(_, block)| block.p99_or_max()).fold(1e-6, f64::max);
    let mut out = "<p class=\"key\"><i class=\"measured\"></i>median <i></i>99th percentile</p>\n\
                   <table class=\"bars\">\n"
        .to_owned();
    for (case, block) in &stages {
        let number = |name: &str, unit| {
            let value =
                results.measurement("pipeline", case, name).and_then(Measurement::as_number);
            value.map_or_else(String::new, |value| amount(value, unit))
        };
        let (p50, p99) = (100.0 * block.p50 / longest, 100.0 * block.p99_or_max() / longest);
        let _ = writeln!(
            out,
            "<tr><th>{}<small>latency {}, {} real time, {} allocations</small></th>\
             <td class=\"number\">{}</td><td class=\"bar\"><i class=\"measured\" style=\"width:{p50:.2}%\"></i>\
             <i style=\"width:{:.2}%\"></i></td></tr>",
            escape(case),
            number("latency", Unit::Ms),
            number("speed", Unit::TimesRealTime),
            number("allocations", Unit::AllocationsPerBlock),
            amount(block.p50, Unit::Ms),
            p99 - p50
        );
    }
    out + "</table>"
}

/// A histogram of fewer says nothing.
const DRAWN_LEAST: u64 = 20;

/// What was measured at one point: histograms, and what is few numbers.
fn of_case(results: &Results, part: &str, case: &str) -> String {
    let of_case: Vec<_> = results.of(part).filter(|measured| measured.case == case).collect();
    let is_drawn = |spread: &&Spread| spread.count >= DRAWN_LEAST;
    let words = |measured: &Measurement| match &measured.value {
        Value::Number(number) => Some(amount(*number, measured.unit)),
        Value::Spread(spread) if is_drawn(&spread) => None,
        Value::Spread(spread) => {
            let [p50, max] = [spread.p50, spread.max].map(|value| amount(value, measured.unit));
            Some(format!("{p50}, at most {max}, {} times", spread.count))
        }
    };
    let few = of_case.iter().filter_map(|measured| Some((measured, words(measured)?)));
    let numbers: Vec<_> = few
        .map(|(measured, words)| {
            format!("<div><dt>{}</dt><dd>{words}</dd></div>", escape(measured.what.trim()))
        })
        .collect();
    let many = of_case.iter().filter_map(|measured| Some((measured, measured.as_spread()?)));
    let drawn: Vec<_> = many
        .filter(|(_, spread)| is_drawn(spread))
        .map(|(measured, spread)| histogram(measured, spread))
        .collect();
    format!(
        "<h3>{}</h3>\n<dl>{}</dl>\n<div class=\"grid\">{}</div>",
        escape(case),
        numbers.join("\n"),
        drawn.join("\n")
    )
}

/// How many bars a histogram is drawn with.
const BARS: usize = 40;
/// Its size, in units of its picture.
const WIDTH: f64 = 280.0;
const HEIGHT: f64 = 70.0;

/// Over a logarithmic axis, as durations are spread over orders of magnitude.
fn histogram(measured: &Measurement, spread: &Spread) -> String {
    let values = || spread.bars.iter().filter(|(value, _)| *value > 0.0);
    let least = values().map(|bar| bar.0).fold(f64::INFINITY, f64::min).min(spread.p50.max(1e-6));
    let most = spread.max.max(1.2 * least);
    let place =
        |value: f64| ((value.max(least) / least).ln() / (most / least).ln()).clamp(0.0, 1.0);
    let mut counts = [0u64; BARS];
    for (value, count) in &spread.bars {
        counts[((place(*value) * BARS as f64) as usize).min(BARS - 1)] += count;
    }
    let highest = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let step = WIDTH / BARS as f64;
    let mut bars = String::new();
    for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        // One of thousands is still seen.
        let height = (HEIGHT * *count as f64 / highest).max(1.5);
        let _ = write!(
            bars,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
            index as f64 * step,
            HEIGHT - height,
            step - 1.0
        );
    }
    let tail = spread.p99.map(|p99| ("p99", p99));
    let marks = [("p50", spread.p50)].into_iter().chain(tail).map(|(name, value)| {
        let x = place(value) * WIDTH;
        format!("<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{HEIGHT}\" class=\"{name}\"/>")
    });
    let p99 =
        spread.p99.map_or_else(String::new, |p99| format!(", p99 {}", amount(p99, measured.unit)));
    format!(
        "<figure><figcaption>{}<small>p50 {}{p99}, {} times</small></figcaption>\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">{bars}{}</svg>\
         <div class=\"axis\"><span>{}</span><span>{}</span></div></figure>",
        escape(measured.what.trim()),
        amount(spread.p50, measured.unit),
        spread.count,
        escape(measured.what.trim()),
        marks.collect::<String>(),
        amount(least, measured.unit),
        amount(spread.max, measured.unit)
    )
}

/// One row for each period and chunk.
fn sweep(results: &Results) -> String {
    let columns = [
        ("capture_to_wire", "capture → wire p99"),
        ("wire_to_ring", "wire → ring p50"),
        ("ring_to_audible", "ring → audible p50"),
        ("wake_up", "wake-up p99"),
        ("worker_block", "block p99"),
    ];
    let heads = columns.map(|(_, head)| format!("<th class=\"number\">{head}</th>")).concat();
    let mut out = format!(
        "<table class=\"plain\"><tr><th></th>{heads}<th class=\"number\">xruns</th>\
         <th class=\"number\">lost frames</th></tr>\n"
    );
    for case in results.cases("sweep") {
        let _ = write!(out, "<tr><th>{}</th>", escape(case));
        for (name, head) in columns {
            let spread = results.measurement("sweep", case, name).and_then(Measurement::as_spread);
            let of = |spread: &Spread| {
                if head.ends_with("p99") { spread.p99_or_max() } else { spread.p50 }
            };
            let cell = spread.map_or_else(String::new, |spread| amount(of(spread), Unit::Ms));
            let _ = write!(out, "<td class=\"number\">{cell}</td>");
        }
        for name in ["xruns", "lost_frames"] {
            let many = results.measurement("sweep", case, name).and_then(Measurement::as_number);
            let cell = many.map_or_else(String::new, |many| amount(many, Unit::Count));
            let _ = write!(out, "<td class=\"number\">{cell}</td>");
        }
        out += "</tr>\n";
    }
    out + "</table>"
}
