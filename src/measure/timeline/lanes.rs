//! The four kinds of lane, each as SVG.

use std::{collections::HashMap, fmt::Write as _};

use super::{
    Lane, LaneKind, Mark, Span,
    draw::{Axis, WIDTH_PX, escape},
};

const WAVEFORM_PX: usize = 64;
const SERIES_PX: usize = 48;
const SPAN_PX: usize = 26;
/// A lane of one row leaves room for its name and value.
const SPANS_PX_MIN: usize = 34;
const SPAN_ROWS_MAX: usize = 4;
const MARKS_PX: usize = 62;
/// Where the strokes of marks begin, under three rows of labels.
const MARK_TOP_PX: usize = 44;
/// Where those of frequent labels begin.
const OFTEN_TOP_PX: usize = 51;
const LABEL_ROW_PX: usize = 14;
const LABEL_ROWS: usize = 3;
/// Finer detail than this many steps is merged: 10 ms in 40 s.
const STEPS_MAX: usize = 4_000;
/// Shared by all lanes of marks, so that the file stays small.
const MARKS_MAX: usize = 6_000;
/// A label that occurs more often in a lane is not written out.
const WRITTEN_MAX: usize = 24;
/// A longer detail is cut in the picture; the JSON has all of it.
const DETAIL_LETTERS_MAX: f64 = 300.0;
/// The width of a letter of 11 px, on average.
const LETTER_PX: f64 = 6.2;

/// A lane, drawn.
pub(super) struct Drawn {
    pub(super) kind: &'static str,
    pub(super) height_px: usize,
    pub(super) hint: String,
    pub(super) svg: String,
}

pub(super) fn draw(lanes: &[Lane], axis: Axis) -> Vec<Drawn> {
    let of_marks = lanes.iter().filter(|lane| matches!(lane.kind, LaneKind::Marks { .. })).count();
    let marks_max = MARKS_MAX / of_marks.max(1);
    let draw_one = |lane: &Lane| match &lane.kind {
        LaneKind::Waveform { peaks, seconds_per_peak } => waveform(peaks, *seconds_per_peak, axis),
        LaneKind::Series { values, seconds_per_value, threshold } => {
            series(values, *seconds_per_value, *threshold, axis)
        }
        LaneKind::Spans { spans } => stretches(spans, axis),
        LaneKind::Marks { marks } => moments(marks, marks_max, axis),
    };
    lanes.iter().map(draw_one).collect()
}

/// How many steps are drawn as one, and the width of all as a percentage.
fn steps(count: usize, seconds_per_step: f64, axis: Axis) -> Option<(usize, f64, usize)> {
    if count == 0 || !(seconds_per_step > 0.0 && seconds_per_step.is_finite()) {
        return None;
    }
    // Steps beyond the end of the axis are cut before the rest is merged.
    let whole = axis.percent(seconds_per_step * count as f64);
    let shown = if whole >= 100.0 {
        let end_s = axis.percent(seconds_per_step);
        ((100.0 / end_s.max(1e-9)).ceil() as usize).clamp(1, count)
    } else {
        count
    };
    let merged = shown.div_ceil(STEPS_MAX);
    let columns = shown.div_ceil(merged);
    Some((merged, axis.percent(seconds_per_step) * (merged * columns) as f64, shown))
}

fn waveform(peaks: &[(f32, f32)], seconds_per_peak: f64, axis: Axis) -> Drawn {
    let mut drawn =
        Drawn { kind: "wave", height_px: WAVEFORM_PX, hint: String::new(), svg: String::new() };
    let Some((merged, width, shown)) = steps(peaks.len(), seconds_per_peak, axis) else {
        return drawn;
    };
    let finite = |x: f32| if x.is_finite() { x } else { 0.0 };
    let columns: Vec<(f32, f32)> = peaks[..shown]
        .chunks(merged)
        .map(|chunk| {
            chunk.iter().fold((0.0_f32, 0.0_f32), |(low, high), peak| {
                (low.min(finite(peak.0)), high.max(finite(peak.1)))
            })
        })
        .collect();
    let loudest = columns.iter().fold(0.05_f32, |max, c| max.max(-c.0).max(c.1));
    let y = |x: f32| (100.0 - x / loudest * 96.0).round() as i32;
    let n = columns.len();
    let _ = write!(
        drawn.svg,
        "<svg x=\"0\" width=\"{width:.4}%\" height=\"{WAVEFORM_PX}\" viewBox=\"0 0 {n} 200\" \
         preserveAspectRatio=\"none\"><path d=\"M0 100"
    );
    for &(_, high) in &columns {
        let _ = write!(drawn.svg, "V{}h1", (y(high)).min(99));
    }
    for &(low, _) in columns.iter().rev() {
        let _ = write!(drawn.svg, "V{}h-1", (y(low)).max(101));
    }
    drawn.svg.push_str("z\" data-peaks=\"");
    for &(low, high) in &columns {
        let _ = write!(drawn.svg, "{} ", ((-low).max(high) * 1_000.0).round());
    }
    let _ = write!(drawn.svg, "\" data-step=\"{:.6}\"/></svg>", seconds_per_peak * merged as f64);
    drawn.hint = format!("peak {:.0} dBFS", 20.0 * loudest.log10());
    drawn
}

fn series(values: &[f32], seconds_per_value: f64, threshold: Option<f32>, axis: Axis) -> Drawn {
    let mut drawn =
        Drawn { kind: "series", height_px: SERIES_PX, hint: String::new(), svg: String::new() };
    let Some((merged, width, shown)) = steps(values.len(), seconds_per_value, axis) else {
        return drawn;
    };
    let highest =
        |chunk: &[f32]| chunk.iter().copied().filter(|x| x.is_finite()).fold(f32::NAN, f32::max);
    let columns: Vec<f32> = values[..shown].chunks(merged).map(highest).collect();
    let top =
        columns.iter().copied().chain(threshold).filter(|x| x.is_finite()).fold(1.0, f32::max);
    let y = |x: f32| (100.0 - x / top * 96.0).round().clamp(0.0, 100.0);
    let n = columns.len();
    let _ = write!(
        drawn.svg,
        "<svg x=\"0\" width=\"{width:.4}%\" height=\"{SERIES_PX}\" viewBox=\"0 0 {n} 100\" \
         preserveAspectRatio=\"none\"><path d=\"M0 100"
    );
    for &value in &columns {
        let _ = write!(drawn.svg, "V{}h1", if value.is_finite() { y(value) } else { 100.0 });
    }
    drawn.svg.push_str("V100z\" data-values=\"");
    for &value in &columns {
        let _ = write!(drawn.svg, "{} ", (value * 1_000.0).round() / 1_000.0);
    }
    let _ = write!(drawn.svg, "\" data-step=\"{:.6}\"/></svg>", seconds_per_value * merged as f64);
    if let Some(threshold) = threshold.filter(|t| t.is_finite()) {
        let y = y(threshold) / 100.0 * SERIES_PX as f32;
        let _ = write!(
            drawn.svg,
            "<line class=\"threshold\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
        );
        drawn.hint = format!("threshold {threshold}");
    }
    drawn
}

fn stretches(spans: &[Span], axis: Axis) -> Drawn {
    let mut order: Vec<&Span> =
        spans.iter().filter(|s| axis.stretch(s.start_s, s.end_s).is_some()).collect();
    order.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    let mut row_ends: Vec<f64> = Vec::new();
    let mut svg = String::new();
    for span in order {
        let Some((x, width)) = axis.stretch(span.start_s, span.end_s) else { continue };
        let free = row_ends.iter().position(|&end_s| end_s <= span.start_s + 1e-9);
        let row = free.unwrap_or(row_ends.len()).min(SPAN_ROWS_MAX - 1);
        if row == row_ends.len() {
            row_ends.push(0.0);
        }
        row_ends[row] = span.end_s;
        let (label, fits) = (escape(&span.label), (width / 100.0 * WIDTH_PX - 10.0) / LETTER_PX);
        let _ = write!(
            svg,
            "<svg class=\"span {}\" x=\"{x:.4}%\" width=\"{width:.4}%\" y=\"{}\" height=\"{}\" \
             data-start=\"{:.4}\" data-end=\"{:.4}\" data-label=\"{label}\"><rect width=\"100%\" \
             height=\"100%\" rx=\"3\"/><text x=\"6\" y=\"16\">{}</text><title>{label}\n{:.3} s to \
             {:.3} s: {:.0} ms</title></svg>",
            span.tone.class(),
            row * SPAN_PX + 2,
            SPAN_PX - 4,
            span.start_s,
            span.end_s,
            escape(&shortened(&span.label, fits)),
            span.start_s,
            span.end_s,
            (span.end_s - span.start_s) * 1_000.0,
        );
    }
    let rows_px = row_ends.len() * SPAN_PX;
    let height_px = rows_px.max(SPANS_PX_MIN);
    let svg = format!("<g transform=\"translate(0 {})\">{svg}</g>", (height_px - rows_px) / 2);
    Drawn { kind: "spans", height_px, hint: String::new(), svg }
}

/// As much of `label` as `letters` hold; one letter alone says nothing.
fn shortened(label: &str, letters: f64) -> String {
    let count = label.chars().count();
    if count as f64 <= letters {
        label.to_owned()
    } else if letters < 3.0 {
        String::new()
    } else {
        label.chars().take(letters as usize - 1).chain(['\u{2026}']).collect()
    }
}

/// Marks that are drawn as one.
struct Cluster<'a> {
    first: &'a Mark,
    last_s: f64,
    count: usize,
}

fn moments(marks: &[Mark], marks_max: usize, axis: Axis) -> Drawn {
    let mut order: Vec<&Mark> = marks.iter().filter(|mark| axis.holds(mark.at_s)).collect();
    order.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for mark in &order {
        *counts.entry(&mark.label).or_default() += 1;
    }
    let mut svg = String::new();
    let mut row_ends_px = [f64::NEG_INFINITY; LABEL_ROWS];
    for cluster in clusters(&order, marks_max) {
        let (mark, x) = (cluster.first, axis.percent(cluster.first.at_s));
        let often = counts.get(mark.label.as_str()).is_none_or(|&n| n > WRITTEN_MAX);
        stroke(&mut svg, &cluster, x, often);
        if often {
            continue;
        }
        let from_px = x / 100.0 * WIDTH_PX;
        let to_px = from_px + mark.label.chars().count() as f64 * LETTER_PX + 8.0;
        let row = row_ends_px.iter().position(|&end_px| end_px <= from_px);
        let hidden = if row.is_none() { " hidden=\"\"" } else { "" };
        let row = row.unwrap_or(0);
        row_ends_px[row] = row_ends_px[row].max(to_px);
        let _ = write!(
            svg,
            "<text class=\"label {}\" x=\"{x:.4}%\" dx=\"-1\" y=\"{}\"{hidden}>{}</text>",
            mark.tone.class(),
            MARK_TOP_PX - 4 - row * LABEL_ROW_PX,
            escape(&mark.label)
        );
    }
    let hint = format!("{} in all", order.len());
    Drawn { kind: "marks", height_px: MARKS_PX, hint, svg }
}

fn stroke(svg: &mut String, cluster: &Cluster<'_>, x: f64, often: bool) {
    let mark = cluster.first;
    let (class, top) = if often { (" often", OFTEN_TOP_PX) } else { ("", MARK_TOP_PX) };
    let _ = write!(
        svg,
        "<line class=\"mark {}{class}\" x1=\"{x:.4}%\" x2=\"{x:.4}%\" y1=\"{top}\" \
         y2=\"{}\"><title>{:.3} s {}",
        mark.tone.class(),
        MARKS_PX - 2,
        mark.at_s,
        escape(&mark.label)
    );
    if cluster.count > 1 {
        let _ = write!(svg, " \u{d7} {} until {:.3} s", cluster.count, cluster.last_s);
    }
    if !mark.detail.is_empty() {
        let _ = write!(svg, "\n{}", escape(&shortened(&mark.detail, DETAIL_LETTERS_MAX)));
    }
    svg.push_str("</title></line>");
}

/// Joins marks of one label and tone that stand close, until `max` remain or
/// there is nothing left to join.
fn clusters<'a>(order: &[&'a Mark], max: usize) -> Vec<Cluster<'a>> {
    let mut joined_s = 0.0;
    loop {
        let mut clusters: Vec<Cluster<'a>> = Vec::new();
        let mut open: HashMap<(&str, &str), usize> = HashMap::new();
        for mark in order {
            let key = (mark.label.as_str(), mark.tone.class());
            let near = open.get(&key).map(|&at| &mut clusters[at]);
            let near = near.filter(|near| mark.at_s - near.first.at_s < joined_s);
            if let Some(near) = near {
                near.last_s = mark.at_s;
                near.count += 1;
            } else {
                open.insert(key, clusters.len());
                clusters.push(Cluster { first: mark, last_s: mark.at_s, count: 1 });
            }
        }
        let spread_s = order.last().map_or(0.0, |mark| mark.at_s);
        if clusters.len() <= max || joined_s > spread_s {
            return clusters;
        }
        joined_s = if joined_s > 0.0 { joined_s * 2.0 } else { 0.02 };
    }
}
