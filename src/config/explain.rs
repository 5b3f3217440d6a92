//! A plan as TOML: every value of the profile, defaults included, with what it
//! means and what it may be. Read back, it gives the same plan.

use std::fmt::Write;

use super::{
    latency::Latencies,
    plan::{Plan, PlannedStage},
    tables::TableId,
    typed::accepted,
    written::ListId,
};
use crate::pipeline::{Param, Value, Values};

/// `profile.NAME.part`, the name quoted where it must be.
pub(super) fn header(profile: &str, part: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !profile.is_empty() && profile.chars().all(is_bare) {
        format!("profile.{profile}.{part}")
    } else {
        format!("profile.{}.{part}", text(profile))
    }
}

/// The complete profile as valid TOML.
pub fn explain(plan: &Plan) -> String {
    let mut out = String::new();
    let profile = &plan.profile;
    line(
        &mut out,
        &format!(
            "# Profile {} of {}, complete.",
            comment(profile),
            comment(&plan.origin.to_string())
        ),
    );
    for latency in Latencies::of(plan).lines() {
        line(&mut out, format!("# {latency}").trim_end());
    }
    line(&mut out, "");
    line(&mut out, &format!("default_profile = {}", text(profile)));
    for id in TableId::ALL {
        let table = id.table();
        line(&mut out, &format!("\n# {}", table.doc));
        line(&mut out, &format!("[{}]", header(profile, table.name)));
        keys(&mut out, table.params, &plan.values[id as usize]);
    }
    for (id, stages) in [(ListId::Capture, &plan.capture), (ListId::Playback, &plan.playback)] {
        list(&mut out, profile, id, stages);
    }
    out
}

fn list(out: &mut String, profile: &str, id: ListId, stages: &[PlannedStage]) {
    for stage in stages {
        line(out, &format!("\n# {}", stage.entry().summary));
        line(out, &format!("[[{}]]", header(profile, id.name())));
        line(out, &format!("stage = {}", text(stage.name())));
        keys(out, stage.entry().params, stage.values());
    }
}

fn keys(out: &mut String, params: &[Param], values: &Values) {
    for param in params {
        line(out, &format!("# {}: {}", param.doc, accepted(&param.kind)));
        match values.get(param.name) {
            Some(value) => line(out, &format!("{} = {}", param.name, toml(value))),
            None => line(out, &format!("# {} is not set", param.name)),
        }
    }
}

fn line(out: &mut String, text: &str) {
    // Writing into a String cannot fail.
    let _ = writeln!(out, "{text}");
}

/// A value as TOML writes it.
pub fn toml(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Text(value) => text(value),
        Value::TextList(values) => {
            let values: Vec<_> = values.iter().map(|value| text(value)).collect();
            format!("[{}]", values.join(", "))
        }
    }
}

/// A basic string: one line, whatever is in it.
fn text(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What may stand in a comment: one line without control characters.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
