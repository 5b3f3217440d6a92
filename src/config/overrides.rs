//! What the command line says over the file: `--set turn.mode=client`, and the
//! flags that are short for it.

use std::ops::Range;

use super::{
    problem::{At, Problem},
    read::{meant, unknown_key},
    resolve::Resolved,
    source::Source,
    tables::TableId,
    typed::{accepted, from_argument},
    written::{Keys, ListId, Written, WrittenStage},
};
use crate::pipeline::Param;

/// One value for the profile that runs.
#[derive(Clone, Debug)]
pub struct Override {
    source: Source,
    /// `turn.mode`, or `capture.vad.engine`.
    path: String,
    path_span: Range<usize>,
    value: Option<String>,
    value_span: Range<usize>,
}

impl Override {
    /// `key=value`, as it follows `--set`.
    pub fn set(text: &str) -> Self {
        let start = "--set ".len();
        let source = Source::argument(format!("--set {text}"));
        let Some((path, value)) = text.split_once('=') else {
            let span = start..start + text.len();
            let path = text.to_owned();
            return Self { source, path, path_span: span.clone(), value: None, value_span: span };
        };
        let value_start = start + path.len() + 1;
        Self {
            source,
            path: path.trim().to_owned(),
            path_span: start..start + path.len(),
            value: Some(value.to_owned()),
            value_span: value_start..value_start + value.len(),
        }
    }

    /// A flag that is short for `--set path=value`, such as `--turn client`.
    pub fn flag(flag: &str, path: &str, value: &str) -> Self {
        let start = flag.len() + 1;
        Self {
            source: Source::argument(format!("{flag} {value}")),
            path: path.to_owned(),
            path_span: 0..flag.len(),
            value: Some(value.to_owned()),
            value_span: start..start + value.len(),
        }
    }

    /// What problems with it point into.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Puts it into `profile`; `source` is its place among the sources.
    pub(super) fn apply(&self, source: usize, profile: &mut Resolved) -> Result<(), Problem> {
        let at = |span: &Range<usize>| At { source, start: span.start, end: span.end };
        let path_at = at(&self.path_span);
        if !self.source.keys().is_empty() {
            return Err(Problem::new(&path_at, "an API key stands on the command line")
                .expected("other users can read it there")
                .next("set GEMINI_API_KEY in the environment, or give --key-file FILE"));
        }
        let Some(value) = &self.value else {
            return Err(Problem::new(&path_at, format!("\"{}\" has no value", self.path))
                .expected("expected key=value")
                .next("for example --set turn.patience=0.8"));
        };
        let (owner, params, name, keys) = target(profile, &self.path, &path_at)?;
        let Some(param) = params.iter().find(|p| p.name == name) else {
            return Err(unknown_key(&path_at, &owner, params, name));
        };
        let value_at = at(&self.value_span);
        match from_argument(param, value) {
            Ok(value) => keys.put(Written { param, value, at: value_at }),
            Err(mistake) => {
                let message = format!("{} {}", self.path, mistake.message);
                return Err(Problem::new(&value_at, message)
                    .expected(format!("expected {}", accepted(&param.kind)))
                    .next(mistake.next));
            }
        }
        Ok(())
    }
}

type Target<'a, 'p> = (String, &'static [Param], &'p str, &'a mut Keys);

/// The table or stage that a path leads to, and the key it ends with.
fn target<'a, 'p>(
    profile: &'a mut Resolved,
    path: &'p str,
    at: &At,
) -> Result<Target<'a, 'p>, Problem> {
    let mut parts = path.splitn(3, '.');
    let first = parts.next().unwrap_or("");
    let unreadable = |message: String| {
        Problem::new(at, message)
            .expected("expected table.key or capture.STAGE.key")
            .next("for example turn.patience or capture.vad.engine")
    };
    if let Some(id) = TableId::of(first) {
        let key = path.get(first.len() + 1..).filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| unreadable(format!("\"{path}\" names a table and no key")))?;
        return Ok((first.to_owned(), id.table().params, key, &mut profile.tables[id as usize]));
    }
    let Some(id) = ListId::of(first) else {
        if first == "profile" {
            let next = "leave profile.NAME. away: it is set in the profile that runs";
            return Err(unreadable(format!("\"{path}\" starts with profile")).next(next));
        }
        let tables = TableId::ALL.map(|id| id.table().name);
        let known: Vec<_> = tables.into_iter().chain(ListId::ALL.map(ListId::name)).collect();
        return Err(Problem::new(at, format!("a profile has no \"{first}\""))
            .expected(format!("expected {}", known.join(", ")))
            .next(meant(first, &known)));
    };
    let (Some(stage), Some(key)) = (parts.next(), parts.next()) else {
        return Err(unreadable(format!("\"{path}\" names no key of a stage")));
    };
    let stage = find_stage(&mut profile.lists[id as usize].stages, id, stage, at)?;
    Ok((stage.entry.name.to_owned(), stage.entry.params, key, &mut stage.keys))
}

/// A stage by its name, or by its place from 1 where names repeat.
fn find_stage<'a>(
    stages: &'a mut [WrittenStage],
    list: ListId,
    wanted: &str,
    at: &At,
) -> Result<&'a mut WrittenStage, Problem> {
    let list = list.name();
    let known: Vec<_> = stages.iter().map(|stage| stage.entry.name).collect();
    let places: Vec<_> = (0..known.len()).filter(|i| known[*i] == wanted).collect();
    let place = match (places.as_slice(), wanted.parse::<usize>()) {
        ([place], _) => Some(*place),
        ([], Ok(number)) => number.checked_sub(1).filter(|place| *place < known.len()),
        ([first, ..], _) => {
            let next = format!("say which by its place: {list}.{}", first + 1);
            let message = format!("{list} has {} stages \"{wanted}\"", places.len());
            return Err(Problem::new(at, message).expected("which one?").next(next));
        }
        ([], Err(_)) => None,
    };
    place.and_then(|place| stages.get_mut(place)).ok_or_else(|| {
        let has = if known.is_empty() { "no stages".to_owned() } else { known.join(", ") };
        Problem::new(at, format!("the {list} of this profile has no stage \"{wanted}\""))
            .expected(format!("it has {has}"))
            .next(meant(wanted, &known))
    })
}
