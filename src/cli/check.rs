//! `chinwag check`: what is wrong with the configuration, or what it means.

use lexopt::Parser;
use serde_json::{Map, Value as Json, json};

use super::{
    args::{self, Common, Flag},
    exit::{Exit, Failure},
    find::{config_of, told},
    help::Verb,
    output::{draw, print, print_json},
};
use crate::{
    config::{
        ConfigFile, Plan, PlannedStage, Problems, explain,
        latency::{Delay, Latencies},
        tables::TableId,
    },
    pipeline::{Value, Values},
};

const EXPLAIN: Flag =
    Flag::plain("explain", "print the profile whole, as TOML that gives the same plan");

/// The verb.
pub const VERB: Verb = Verb {
    name: "check",
    summary: "tell everything that is wrong with the configuration, or what it means",
    operands: "[PROFILE]",
    about: "Every profile of the file is checked; the flags change the one that is chosen.\n\
            Then it says where that profile's time goes. Exit code 2 where anything is wrong.",
    flags: &[&[&EXPLAIN], &args::PLAN_FLAGS, &[&args::JSON, &args::HELP]],
    examples: &[
        ("chinwag check", "every profile of ./pipeline.toml, or of the built-in one"),
        (
            "chinwag check --explain headset > pipeline.toml",
            "a profile with every default, to edit",
        ),
        (
            "chinwag check client-vad --set turn.patience=0.2",
            "whether a change is legal, and its latency",
        ),
    ],
};

/// Runs the verb.
///
/// # Errors
/// Everything that is wrong with the command line or the configuration.
pub fn run(parser: &mut Parser) -> Result<Exit, Failure> {
    let Some(given) = args::parse(&VERB, parser)? else { return Ok(Exit::Ok) };
    let mut common = Common::of(&given)?;
    match given.operands.as_slice() {
        [] => {}
        [profile] if common.profile.is_none() => common.profile = Some(profile.clone()),
        [.., surplus] => {
            return Err(Failure::usage(format!("check takes one profile; what is \"{surplus}\"?")));
        }
    }
    let file = config_of(&common)?;
    match file.plans(common.profile.as_deref(), &common.overrides) {
        Ok(plans) if given.has(&EXPLAIN) => draw(&explain(&plans[0]))?,
        Ok(plans) if common.json => print_json(&as_json(&file, &plans))?,
        Ok(plans) => print(&as_text(&file, &plans))?,
        Err(problems) if common.json => {
            print_json(&problems_as_json(&file, &problems))?;
            return Ok(Exit::Usage);
        }
        Err(problems) => return Err(told(&problems)),
    }
    Ok(Exit::Ok)
}

fn as_text(file: &ConfigFile, plans: &[Plan]) -> String {
    let names: Vec<_> = file.profiles().collect();
    let head = format!("{}: nothing wrong\nprofiles: {}\n\n", file.origin(), names.join(", "));
    let Some(plan) = plans.first() else { return head };
    let value = |id: TableId, name: &str| shown(plan.values(id).get(name));
    let turn = |name: &str| value(TableId::Turn, name);
    let version = value(TableId::Session, "api_version");
    let mut lines = vec![
        format!("profile {}", plan.profile),
        format!("  model     {}, {version}", plan.session.model),
        format!(
            "  turns     {}, {} duplex, barge-in {}",
            turn("mode"),
            turn("duplex"),
            turn("barge_in")
        ),
        format!("  capture   {}", chain(&plan.capture)),
        format!("  playback  {}", chain(&plan.playback)),
        String::new(),
    ];
    lines.extend(Latencies::of(plan).lines());
    lines.extend(plan.remarks().iter().map(|remark| format!("note: {remark}")));
    format!("{head}{}\n", lines.join("\n"))
}

fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::Text(text)) => text.clone(),
        Some(other) => explain::toml(other),
        None => "unset".to_owned(),
    }
}

fn chain(stages: &[PlannedStage]) -> String {
    match stages {
        [] => "straight through".to_owned(),
        _ => stages.iter().map(PlannedStage::name).collect::<Vec<_>>().join(", "),
    }
}

fn as_json(file: &ConfigFile, plans: &[Plan]) -> Json {
    json!({
        "v": 1,
        "event": "check",
        "ok": true,
        "origin": file.origin().to_string(),
        "profiles": file.profiles().collect::<Vec<_>>(),
        "plan": plans.first().map(plan_as_json),
    })
}

fn plan_as_json(plan: &Plan) -> Json {
    let latency = Latencies::of(plan);
    let mut json = Map::new();
    json.insert("profile".to_owned(), json!(plan.profile));
    for id in TableId::ALL {
        json.insert(id.table().name.to_owned(), values_as_json(plan.values(id)));
    }
    json.insert("capture".to_owned(), stages_as_json(&plan.capture));
    json.insert("playback".to_owned(), stages_as_json(&plan.playback));
    json.insert("rate_hz".to_owned(), json!(latency.rate.hz()));
    json.insert("lips_to_wire".to_owned(), way_as_json(&latency.uplink));
    json.insert("wire_to_ear".to_owned(), way_as_json(&latency.downlink));
    json.insert("remarks".to_owned(), json!(plan.remarks()));
    Json::Object(json)
}

fn stages_as_json(stages: &[PlannedStage]) -> Json {
    let stage = |stage: &PlannedStage| {
        let mut json = values_as_json(stage.values());
        json["stage"] = json!(stage.name());
        json
    };
    stages.iter().map(stage).collect()
}

fn values_as_json(values: &Values) -> Json {
    let value = |value: &Value| match value {
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Text(value) => json!(value),
        Value::TextList(values) => json!(values),
    };
    Json::Object(values.iter().map(|(name, v)| (name.to_owned(), value(v))).collect())
}

fn way_as_json(way: &[Delay]) -> Json {
    let (mean, worst) = Latencies::sum(way);
    let parts: Vec<_> = way
        .iter()
        .map(|d| json!({"name": d.name, "mean_ms": d.mean.as_ms(), "worst_ms": d.worst.as_ms()}))
        .collect();
    json!({"mean_ms": mean.as_ms(), "worst_ms": worst.as_ms(), "parts": parts})
}

fn problems_as_json(file: &ConfigFile, problems: &Problems) -> Json {
    let list: Vec<_> = problems
        .iter()
        .map(|at| {
            json!({
                "source": at.source,
                "line": at.line,
                "column": at.column,
                "column_end": at.column_end,
                "message": at.problem.message,
                "expected": at.problem.expected,
                "next": at.problem.next,
            })
        })
        .collect();
    json!({
        "v": 1,
        "event": "check",
        "ok": false,
        "origin": file.origin().to_string(),
        "problems": list,
    })
}
