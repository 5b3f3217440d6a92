//! What is explained is what runs.

use super::*;

use chinwag::{
    config::tables::TableId,
    pipeline::{Param, param::ParamKind},
};
use proptest::prelude::*;

fn explained_again(plan: &Plan) -> Plan {
    let text = explain(plan);
    let again = ConfigFile::parse(plan.origin.clone(), &text, &Registry::shipped()).plan(None, &[]);
    again.unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

#[test]
fn every_shipped_profile_explained_and_read_back_is_the_same_plan() {
    for plan in ConfigFile::shipped(&Registry::shipped()).plans(None, &[]).unwrap() {
        assert_eq!(explained_again(&plan), plan);
    }
}

#[test]
fn every_key_of_every_table_and_stage_is_explained() {
    let plan = shipped_plan("speakers", &[]).unwrap();
    let text = explain(&plan);
    for param in TableId::ALL.iter().flat_map(|id| id.table().params) {
        let (set, unset) =
            (format!("\n{} = ", param.name), format!("\n# {} is not set", param.name));
        assert!(text.contains(&set) || text.contains(&unset), "{}", param.name);
        assert!(text.contains(param.doc), "{}", param.name);
    }
    assert!(text.contains("lips to wire"));
}

/// A value that the parameter takes, as TOML.
fn value(kind: ParamKind) -> BoxedStrategy<String> {
    match kind {
        ParamKind::Bool => any::<bool>().prop_map(|v| v.to_string()).boxed(),
        ParamKind::Int { min, max } => (min..=max).prop_map(|v| v.to_string()).boxed(),
        ParamKind::Float { min, max } => (min..=max).prop_map(|v| format!("{v:?}")).boxed(),
        ParamKind::Choice(words) => {
            proptest::sample::select(words).prop_map(|word| format!("\"{word}\"")).boxed()
        }
        ParamKind::Text => text(),
        ParamKind::TextList => proptest::collection::vec(text(), 0..3)
            .prop_map(|texts| format!("[{}]", texts.join(", ")))
            .boxed(),
    }
}

/// Any text, quotes, newlines and control characters included.
fn text() -> BoxedStrategy<String> {
    any::<String>()
        .prop_map(|text| {
            let escaped = text.chars().map(|c| format!("\\U{:08X}", u32::from(c)));
            format!("\"{}\"", escaped.collect::<Vec<_>>().concat())
        })
        .boxed()
}

/// Lines for some of these parameters.
fn lines(params: &'static [Param]) -> BoxedStrategy<String> {
    let line = |param: &Param| {
        let name = param.name;
        // Not every two rates can be converted.
        let kind = match name {
            "rate_hz" => ParamKind::Int { min: 48_000, max: 48_000 },
            _ => param.kind,
        };
        proptest::option::of(value(kind).prop_map(move |v| format!("{name} = {v}\n")))
    };
    let lines: Vec<_> = params.iter().map(line).collect();
    lines.prop_map(|lines| lines.into_iter().flatten().collect()).boxed()
}

/// A profile with random values everywhere; some do not go together.
fn profile() -> impl Strategy<Value = String> {
    let tables: Vec<_> = TableId::ALL
        .into_iter()
        .map(|id| {
            let table = id.table();
            lines(table.params).prop_map(move |l| format!("[profile.\"a b\".{}]\n{l}", table.name))
        })
        .collect();
    let names = ["gain", "highpass", "limiter", "gate", "meter"];
    let registry = Registry::shipped();
    let entries: Vec<_> = names.iter().filter_map(|name| registry.get(name)).collect();
    let stage = proptest::sample::select(entries).prop_flat_map(|entry| {
        lines(entry.params).prop_map(move |l| format!("stage = \"{}\"\n{l}", entry.name))
    });
    let stages = proptest::collection::vec((any::<bool>(), stage), 0..4).prop_map(|stages| {
        let list = |capture| if capture { "capture" } else { "playback" };
        let stage = |(c, s): (bool, String)| format!("[[profile.\"a b\".{}]]\n{s}", list(c));
        stages.into_iter().map(stage).collect::<String>()
    });
    let fixed = "[[profile.\"a b\".capture]]\nstage = \"resample\"\n\
                 [[profile.\"a b\".capture]]\nstage = \"vad\"\n";
    (tables, stages).prop_map(move |(tables, stages)| format!("{}{fixed}{stages}", tables.concat()))
}

/// The profile without the lines that do not go together with others.
fn mended(text: &str) -> Option<Plan> {
    let mut text = text.to_owned();
    for _ in 0..40 {
        match config(&text).plan(None, &[]) {
            Ok(plan) => return Some(plan),
            Err(problems) => {
                let lines: Vec<_> = problems.iter().map(|p| p.line - 1).collect();
                let kept = text.lines().enumerate().filter(|(i, _)| !lines.contains(i));
                text = kept.map(|(_, line)| line).collect::<Vec<_>>().join("\n");
            }
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_profile_explained_and_read_back_is_the_same_plan(text in profile()) {
        let plan = mended(&text);
        prop_assert!(plan.is_some(), "never right:\n{text}");
        let plan = plan.unwrap();
        prop_assert_eq!(&explained_again(&plan), &plan);
    }
}
