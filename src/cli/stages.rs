//! `chinwag stages`: the reference of the stages, from the one list of them.

use std::fmt::Write;

use lexopt::Parser;
use serde_json::{Value as Json, json};

use super::{
    args::{self, Flag},
    exit::{Exit, Failure},
    help::Verb,
    output::print,
};
use crate::{
    config::{explain, nearest, typed::accepted},
    pipeline::{Param, Registry, StageEntry, param::ParamDefault},
};

const MARKDOWN: Flag = Flag::plain("markdown", "print Markdown, as in the README");

/// The verb.
pub const VERB: Verb = Verb {
    name: "stages",
    summary: "list the stages of the pipeline with their keys, bounds and defaults",
    operands: "[STAGE]",
    about: "",
    flags: &[&[&args::JSON, &MARKDOWN, &args::HELP]],
    examples: &[
        ("chinwag stages", "all of them"),
        ("chinwag stages vad", "one of them"),
        ("chinwag stages --json | jq .name", "for programs: one object per stage"),
    ],
};

/// Runs the verb.
///
/// # Errors
/// A stage that there is not, or a wrong command line.
pub fn run(parser: &mut Parser) -> Result<Exit, Failure> {
    let Some(given) = args::parse(&VERB, parser)? else { return Ok(Exit::Ok) };
    let registry = Registry::shipped();
    let entries = match given.operands.as_slice() {
        [] => registry.iter().collect(),
        [name] => vec![registry.get(name).ok_or_else(|| unknown(&registry, name))?],
        [_, surplus, ..] => {
            return Err(Failure::usage(format!("stages takes one name; what is \"{surplus}\"?")));
        }
    };
    let mut out = String::new();
    for entry in entries {
        // Writing into a String cannot fail.
        if given.has(&args::JSON) {
            let _ = writeln!(out, "{}", as_json(entry));
        } else if given.has(&MARKDOWN) {
            as_markdown(entry, &mut out);
        } else {
            as_text(entry, &mut out);
        }
    }
    print(&out)?;
    Ok(Exit::Ok)
}

fn unknown(registry: &Registry, name: &str) -> Failure {
    let known: Vec<_> = registry.iter().map(|entry| entry.name).collect();
    let next = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", known.join(", ")),
    };
    Failure::usage(format!("there is no stage \"{name}\"; {next}"))
}

/// The default in words.
fn default(param: &Param) -> String {
    match (param.default, param.default.value()) {
        (ParamDefault::Required, _) => "required".to_owned(),
        (_, Some(value)) => explain::toml(&value),
        (_, None) => "unset".to_owned(),
    }
}

fn as_text(entry: &StageEntry, out: &mut String) {
    let _ = writeln!(out, "{}: {}", entry.name, entry.summary);
    let allocates = entry.allocates_by_default();
    if allocates > 0 {
        let _ = writeln!(out, "  allocates up to {allocates} times per 10 ms block");
    }
    for param in entry.params {
        let _ = writeln!(out, "  {} = {}", param.name, default(param));
        let _ = writeln!(out, "      {}; {}", param.doc, accepted(&param.kind));
    }
    let _ = writeln!(out);
}

fn as_markdown(entry: &StageEntry, out: &mut String) {
    let _ = writeln!(out, "### `{}`\n\n{}.", entry.name, sentence(entry.summary));
    let allocates = entry.allocates_by_default();
    if allocates > 0 {
        let _ = writeln!(out, "\nAllocates up to {allocates} times per 10 ms block.");
    }
    if !entry.params.is_empty() {
        let _ = writeln!(out, "\n| key | default | may be | |\n|---|---|---|---|");
    }
    for param in entry.params {
        let cells =
            [&default(param), &accepted(&param.kind), param.doc].map(|c| c.replace('|', "\\|"));
        let _ =
            writeln!(out, "| `{}` | `{}` | {} | {} |", param.name, cells[0], cells[1], cells[2]);
    }
    let _ = writeln!(
        out,
        "\n```toml\n[[profile.NAME.capture]]\nstage = \"{}\"\n{}\n```\n",
        entry.name, entry.example
    );
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn as_json(entry: &StageEntry) -> Json {
    let params: Vec<_> = entry
        .params
        .iter()
        .map(|param| {
            json!({
                "name": param.name,
                "default": default(param),
                "accepts": accepted(&param.kind),
                "doc": param.doc,
            })
        })
        .collect();
    json!({
        "v": 1,
        "event": "stage",
        "name": entry.name,
        "summary": entry.summary,
        "allocates": entry.allocates_by_default(),
        "example": entry.example,
        "params": params,
    })
}
