//! The still picture: HTML and SVG text from a [`Timeline`].
//!
//! Positions along time are percentages, so the picture fits any width and the
//! script zooms by making it wider; heights and letters are pixels.

use std::fmt::Write as _;

use super::{Timeline, Tone, TurnRow, lanes};

/// The height of time labels and turn labels above the lanes, in pixels.
const AXIS_PX: usize = 44;
const LANE_GAP_PX: usize = 10;
/// The width that the still picture is laid out for, in pixels: a small window.
pub(super) const WIDTH_PX: f64 = 640.0;

/// The two halves of the figure.
pub(super) struct Picture {
    /// The column of lane names.
    pub(super) names: String,
    /// The drawing.
    pub(super) plot: String,
}

/// Where a moment stands on the axis.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    duration_s: f64,
}

impl Axis {
    pub(super) fn new(duration_s: f64) -> Self {
        Self { duration_s: if duration_s.is_finite() { duration_s.max(1e-3) } else { 1e-3 } }
    }

    /// `at_s` as a percentage of the width, within it.
    pub(super) fn percent(self, at_s: f64) -> f64 {
        if at_s.is_nan() { 0.0 } else { (at_s / self.duration_s * 100.0).clamp(0.0, 100.0) }
    }

    /// Whether `at_s` is on the axis at all.
    pub(super) fn holds(self, at_s: f64) -> bool {
        (0.0..=self.duration_s).contains(&at_s)
    }

    /// The percentages where a stretch begins and how wide it is; `None` where
    /// it lies outside or has no length.
    pub(super) fn stretch(self, start_s: f64, end_s: f64) -> Option<(f64, f64)> {
        let (from, to) = (self.percent(start_s), self.percent(end_s));
        (end_s > start_s && to > from).then_some((from, to - from))
    }
}

/// Draws the lanes over their axis.
pub(super) fn picture(timeline: &Timeline) -> Picture {
    let axis = Axis::new(timeline.duration_s);
    let drawn: Vec<lanes::Drawn> = lanes::draw(&timeline.lanes, axis);
    let height = AXIS_PX + drawn.iter().map(|lane| lane.height_px + LANE_GAP_PX).sum::<usize>();
    let mut names = format!("<div style=\"height:{AXIS_PX}px\"></div>");
    let mut plot = format!(
        "<svg id=\"plot\" width=\"100%\" height=\"{height}\" role=\"img\" aria-labelledby=\"title\" \
         data-duration=\"{:.3}\" data-axis=\"{AXIS_PX}\">{PATTERNS}",
        axis.duration_s
    );
    bands(&mut plot, &timeline.turns, axis, height);
    ticks(&mut plot, axis, height);
    let mut y = AXIS_PX;
    for (lane, drawn) in timeline.lanes.iter().zip(&drawn) {
        let (name, high) = (escape(&lane.name), drawn.height_px);
        let _ = write!(
            names,
            "<div class=\"name\" style=\"height:{high}px\"><b>{name}</b><span class=\"value\">\
             {}</span></div>",
            escape(&drawn.hint)
        );
        let _ = write!(
            plot,
            "<g class=\"lane {} {}\" transform=\"translate(0 {y})\" data-height=\"{high}\">\
             <rect class=\"ground\" width=\"100%\" height=\"{high}\"/>{}</g>",
            drawn.kind,
            lane.tone.class(),
            drawn.svg
        );
        y += high + LANE_GAP_PX;
    }
    plot.push_str("<line id=\"cursor\" y1=\"0\" y2=\"100%\" hidden=\"\"/>");
    plot.push_str("<rect id=\"picked\" height=\"100%\" hidden=\"\"/></svg>");
    Picture { names, plot }
}

const PATTERNS: &str = "<defs>\
    <pattern id=\"both\" width=\"10\" height=\"10\" patternUnits=\"userSpaceOnUse\" \
    patternTransform=\"rotate(45)\"><rect class=\"stripe-user\" width=\"5\" height=\"10\"/>\
    <rect class=\"stripe-model\" x=\"5\" width=\"5\" height=\"10\"/></pattern>\
    <pattern id=\"alarm\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" \
    patternTransform=\"rotate(-45)\"><rect class=\"stripe-alert\" width=\"8\" height=\"8\"/>\
    <rect class=\"stripe-ground\" x=\"5\" width=\"2\" height=\"8\"/></pattern></defs>";

fn bands(plot: &mut String, turns: &[TurnRow], axis: Axis, height: usize) {
    for turn in turns {
        let Some((x, width)) = axis.stretch(turn.start_s, turn.end_s) else { continue };
        let _ = write!(
            plot,
            "<svg class=\"band\" x=\"{x:.4}%\" width=\"{width:.4}%\" y=\"22\" height=\"{}\">\
             <rect width=\"100%\" height=\"100%\"/><text x=\"6\" y=\"14\">turn {}</text></svg>",
            height - 22,
            turn.number
        );
    }
}

fn ticks(plot: &mut String, axis: Axis, height: usize) {
    plot.push_str("<g id=\"ticks\">");
    let step = tick_step(axis.duration_s, WIDTH_PX / 90.0);
    for i in 0..=(axis.duration_s / step) as usize {
        let at_s = i as f64 * step;
        let x = axis.percent(at_s);
        let _ = write!(
            plot,
            "<line x1=\"{x:.4}%\" x2=\"{x:.4}%\" y1=\"0\" y2=\"{height}\"/>\
             <text x=\"{x:.4}%\" dx=\"4\" y=\"13\">{}</text>",
            tick_label(at_s, step, axis.duration_s)
        );
    }
    plot.push_str("</g>");
}

/// The shortest of 1, 2, 5, 10, 15, 30 ... seconds that gives at most `count`.
fn tick_step(duration_s: f64, count: f64) -> f64 {
    let steps = [0.001, 0.01, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0];
    let fits = steps.into_iter().find(|step| duration_s / step <= count);
    fits.unwrap_or_else(|| (duration_s / count / 600.0).ceil() * 600.0)
}

fn tick_label(at_s: f64, step: f64, duration_s: f64) -> String {
    if duration_s >= 120.0 && step >= 1.0 {
        let whole = at_s.round() as u64;
        format!("{}:{:02}", whole / 60, whole % 60)
    } else {
        let digits = if step >= 1.0 { 0 } else { (-step.log10()).ceil() as usize };
        format!("{at_s:.digits$} s")
    }
}

/// Names and values above the table.
pub(super) fn facts(facts: &[(String, String)]) -> String {
    facts.iter().fold(String::new(), |mut out, (name, value)| {
        let (name, value) = (escape(name), escape(value));
        let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
        out
    })
}

/// The table of turns, or nothing where there are none.
pub(super) fn turn_table(turns: &[TurnRow]) -> String {
    if turns.is_empty() {
        return String::new();
    }
    let mut columns: Vec<&str> = Vec::new();
    for latency in turns.iter().flat_map(|turn| &turn.latencies) {
        if !columns.contains(&latency.name.as_str()) {
            columns.push(&latency.name);
        }
    }
    let mut out = String::from(
        "<div class=\"scroll\"><table><caption>Turns</caption><thead><tr>\
         <th scope=\"col\">Turn</th><th scope=\"col\">What was said</th>",
    );
    for column in &columns {
        let _ = write!(out, "<th scope=\"col\" class=\"number\">{}</th>", escape(column));
    }
    out.push_str("<th scope=\"col\">Outcome</th></tr></thead><tbody>");
    let value = |turn: &TurnRow, column: &str| {
        let latency = turn.latencies.iter().find(|latency| latency.name == column);
        latency.and_then(|latency| latency.ms).filter(|ms| ms.is_finite())
    };
    let longest: Vec<f64> = columns
        .iter()
        .map(|column| turns.iter().filter_map(|turn| value(turn, column)).fold(0.0, f64::max))
        .collect();
    for turn in turns {
        row_head(&mut out, turn);
        for (column, longest) in columns.iter().zip(&longest) {
            latency_cell(&mut out, value(turn, column), *longest);
        }
        let (class, outcome) = (turn.tone.class(), escape(&turn.outcome));
        let _ = write!(out, "<td><span class=\"chip {class}\">{outcome}</span></td></tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

fn row_head(out: &mut String, turn: &TurnRow) {
    let _ = write!(
        out,
        "<tr data-start=\"{:.3}\" data-end=\"{:.3}\"><th scope=\"row\">{}<small>{:.1} s</small>\
         </th><td>",
        turn.start_s, turn.end_s, turn.number, turn.start_s
    );
    for (text, tone) in [(&turn.user, Tone::User), (&turn.model, Tone::Model)] {
        if !text.is_empty() {
            let (class, text) = (tone.class(), escape(text));
            let _ = write!(out, "<p class=\"said {class}\">{text}</p>");
        }
    }
    out.push_str("</td>");
}

fn latency_cell(out: &mut String, ms: Option<f64>, longest: f64) {
    let Some(ms) = ms else {
        out.push_str("<td class=\"number\">\u{2013}</td>");
        return;
    };
    let digits = usize::from(ms.abs() < 10.0);
    let share = if longest > 0.0 { (ms / longest * 100.0).clamp(0.0, 100.0) } else { 0.0 };
    let _ = write!(
        out,
        "<td class=\"number\">{ms:.digits$} <small>ms</small>\
         <i class=\"bar\" style=\"width:{share:.0}%\"></i></td>"
    );
}

/// `text` for HTML, in elements and in quoted attributes; control characters
/// become spaces.
pub(in crate::measure) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
