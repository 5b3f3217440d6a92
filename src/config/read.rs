//! From TOML to what was written: names, types and bounds of every key, each
//! problem with its place. Nothing is refused silently and nothing is guessed.

use toml::{
    Spanned,
    de::{DeArray, DeString, DeTable, DeValue},
};

use super::{
    nearest::nearest,
    problem::{At, Problem},
    source::Source,
    tables::TableId,
    typed::{accepted, from_toml, type_of},
    written::{Keys, ListId, Written, WrittenFile, WrittenList, WrittenProfile, WrittenStage},
};
use crate::pipeline::{Param, Registry};

type Key<'i> = Spanned<DeString<'i>>;
type Item<'i> = Spanned<DeValue<'i>>;

/// Reads a whole file. What is wrong goes to `problems`; the rest is returned.
pub(super) fn read(
    source: &mut Source,
    registry: &Registry,
    problems: &mut Vec<Problem>,
) -> WrittenFile {
    for key in source.keys() {
        problems.push(secret(&At::file(key), "an API key"));
    }
    let text = source.text().to_owned();
    let (document, errors) = DeTable::parse_recoverable(&text);
    if !errors.is_empty() {
        syntax(&text, &errors, problems);
        return WrittenFile { broken: true, ..WrittenFile::default() };
    }
    let mut reader = Reader { source, registry, problems };
    reader.file(document.get_ref())
}

/// The first mistake of each line: those after it are mostly its echo.
fn syntax(text: &str, errors: &[toml::de::Error], problems: &mut Vec<Problem>) {
    let mut lines = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        let line = text.as_bytes().iter().take(span.start).filter(|b| **b == b'\n').count();
        if !lines.contains(&line) {
            lines.push(line);
            let message = error.message().replace('\n', "; ");
            let is_repeated = message.starts_with("duplicate key");
            let expected = if is_repeated { "it stands above already" } else { "this is no TOML" };
            problems.push(Problem::new(&At::file(span), message).expected(expected));
        }
    }
}

fn secret(at: &At, what: &str) -> Problem {
    Problem::new(at, format!("{what} stands in a configuration file"))
        .expected("secrets never live in this file")
        .next("set GEMINI_API_KEY in the environment, or give --key-file FILE")
}

/// Keys that people write to put a secret in.
const SECRET_KEYS: [&str; 8] =
    ["api_key", "apikey", "key", "token", "access_token", "secret", "password", "gemini_api_key"];

struct Reader<'a> {
    source: &'a mut Source,
    registry: &'a Registry,
    problems: &'a mut Vec<Problem>,
}

fn at<T>(spanned: &Spanned<T>) -> At {
    At::file(spanned.span())
}

/// The entries of a table in the order of the file.
fn entries<'a, 'i>(table: &'a DeTable<'i>) -> Vec<(&'a Key<'i>, &'a Item<'i>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

impl Reader<'_> {
    fn file(&mut self, document: &DeTable<'_>) -> WrittenFile {
        let mut file = WrittenFile::default();
        for (key, item) in entries(document) {
            match (key.get_ref().as_ref(), item.get_ref()) {
                ("default_profile", DeValue::String(name)) => {
                    file.default_profile = Some((name.clone().into_owned(), at(item)));
                }
                ("profile", DeValue::Table(profiles)) => {
                    for (name, profile) in entries(profiles) {
                        file.profiles.extend(self.profile(name, profile));
                    }
                }
                ("default_profile", other) => {
                    self.wrong(
                        item,
                        &format!("default_profile is {}", type_of(other)),
                        "the name of a profile, in quotes",
                    );
                }
                ("profile", other) => {
                    self.wrong(
                        key,
                        &format!("profile is {}", type_of(other)),
                        "tables like [profile.NAME.turn]",
                    );
                }
                _ => self.unknown_top(key, item),
            }
        }
        file
    }

    fn unknown_top(&mut self, key: &Key<'_>, item: &Item<'_>) {
        let name = key.get_ref().as_ref();
        if self.is_secret(key, item) {
            return;
        }
        let next = if TableId::of(name).is_some() || ListId::of(name).is_some() {
            format!("tables belong to a profile: profile.NAME.{name}")
        } else {
            meant(name, &["default_profile", "profile"])
        };
        self.problems.push(
            Problem::new(&at(key), format!("unknown key \"{name}\""))
                .expected("expected default_profile or profile")
                .next(next),
        );
    }

    fn profile(&mut self, key: &Key<'_>, item: &Item<'_>) -> Option<WrittenProfile> {
        let name = key.get_ref().as_ref();
        let DeValue::Table(table) = item.get_ref() else {
            let message = format!("profile {name} is {}", type_of(item.get_ref()));
            self.wrong(item, &message, "a table of tables");
            return None;
        };
        let mut profile = WrittenProfile {
            name: name.to_owned(),
            at: at(key),
            extends: None,
            is_lost: false,
            tables: Default::default(),
            lists: Default::default(),
        };
        if name.is_empty() || name.chars().any(char::is_control) {
            self.wrong(key, "a profile needs a name", "letters, digits and dashes");
        }
        for (key, item) in entries(table) {
            let name = key.get_ref().as_ref();
            if let Some(id) = TableId::of(name) {
                profile.tables[id as usize] = self.table(id, key, item);
            } else if let Some(id) = ListId::of(name) {
                profile.lists[id as usize] = Some(self.list(id, key, item));
            } else if name == "extends" {
                match item.get_ref() {
                    DeValue::String(base) => {
                        profile.extends = Some((base.clone().into_owned(), at(item)));
                    }
                    other => {
                        let message = format!("extends is {}", type_of(other));
                        self.wrong(item, &message, "the name of another profile, in quotes");
                        // What it would have inherited is not known.
                        profile.is_lost = true;
                    }
                }
            } else {
                self.unknown_in_profile(&profile.name, key, item);
            }
        }
        Some(profile)
    }

    fn unknown_in_profile(&mut self, profile: &str, key: &Key<'_>, item: &Item<'_>) {
        let name = key.get_ref().as_ref();
        if self.is_secret(key, item) {
            return;
        }
        let tables = TableId::ALL.map(|id| id.table().name);
        let lists = ListId::ALL.map(ListId::name);
        let known: Vec<_> = tables.into_iter().chain(lists).chain(["extends"]).collect();
        let owner = TableId::ALL.into_iter().find(|id| id.table().param(name).is_some());
        let next = match owner {
            Some(id) => format!("it belongs to [profile.{profile}.{}]", id.table().name),
            None => meant(name, &known),
        };
        self.problems.push(
            Problem::new(&at(key), format!("a profile has no \"{name}\""))
                .expected(format!("expected {}", known.join(", ")))
                .next(next),
        );
    }

    fn table(&mut self, id: TableId, key: &Key<'_>, item: &Item<'_>) -> Keys {
        let table = id.table();
        let DeValue::Table(entries_of) = item.get_ref() else {
            let message = format!("{} is {}", table.name, type_of(item.get_ref()));
            self.wrong(key, &message, "a table");
            return Keys { broken: true, ..Keys::default() };
        };
        let mut keys = Keys::default();
        for (key, item) in entries(entries_of) {
            self.key(table.name, table.params, key, item, &mut keys);
        }
        keys
    }

    fn list(&mut self, id: ListId, key: &Key<'_>, item: &Item<'_>) -> WrittenList {
        let list = id.name();
        let DeValue::Array(items) = item.get_ref() else {
            self.problems.push(
                Problem::new(&at(key), format!("{list} is {}", type_of(item.get_ref())))
                    .expected("expected a list of stages")
                    .next(format!(
                        "write two brackets, [[profile.NAME.{list}]], once for each stage"
                    )),
            );
            return WrittenList { broken: true, ..WrittenList::default() };
        };
        self.stages(list, items)
    }

    fn stages(&mut self, list: &str, items: &DeArray<'_>) -> WrittenList {
        let mut read = WrittenList::default();
        for item in items {
            let stage = match item.get_ref() {
                DeValue::Table(table) => self.stage(list, item, table),
                other => {
                    let message = format!("{list} holds {}", type_of(other));
                    self.wrong(item, &message, "a stage: { stage = \"…\" }");
                    None
                }
            };
            match stage {
                Some(stage) => read.stages.push(stage),
                None => read.broken = true,
            }
        }
        read
    }

    fn stage(&mut self, list: &str, item: &Item<'_>, table: &DeTable<'_>) -> Option<WrittenStage> {
        let known: Vec<_> = self.registry.iter().map(|entry| entry.name).collect();
        let Some((_, name)) = table.iter().find(|(key, _)| key.get_ref() == "stage") else {
            let next = format!("write stage = \"…\", one of {}", known.join(", "));
            let problem = Problem::new(&at(item), format!("this entry of {list} names no stage"));
            self.problems.push(problem.expected("expected stage = \"…\" in it").next(next));
            return None;
        };
        let DeValue::String(written) = name.get_ref() else {
            let message = format!("stage is {}", type_of(name.get_ref()));
            self.wrong(name, &message, "the name of a stage, in quotes");
            return None;
        };
        let Some(entry) = self.registry.get(written) else {
            self.problems.push(
                Problem::new(&at(name), format!("there is no stage \"{written}\""))
                    .expected(format!("expected {}", known.join(", ")))
                    .next(meant(written, &known)),
            );
            return None;
        };
        let mut keys = Keys::default();
        for (key, item) in entries(table) {
            if key.get_ref() != "stage" {
                self.key(entry.name, entry.params, key, item, &mut keys);
            }
        }
        Some(WrittenStage { entry, at: at(name), keys })
    }

    /// One `key = value` of a table or a stage.
    fn key(
        &mut self,
        owner: &str,
        params: &'static [Param],
        key: &Key<'_>,
        item: &Item<'_>,
        keys: &mut Keys,
    ) {
        let name = key.get_ref().as_ref();
        let Some(param) = params.iter().find(|p| p.name == name) else {
            keys.broken = true;
            if !self.is_secret(key, item) {
                self.problems.push(unknown_key(&at(key), owner, params, name));
            }
            return;
        };
        match from_toml(param, item.get_ref()) {
            Ok(value) => keys.put(Written { param, value, at: at(item) }),
            Err(mistake) => {
                keys.broken = true;
                self.problems.push(
                    Problem::new(&at(item), format!("{owner}.{name} {}", mistake.message))
                        .expected(format!("expected {}", accepted(&param.kind)))
                        .next(mistake.next),
                );
            }
        }
    }

    /// Whether a key wants to hold a secret; if so it is reported and masked.
    fn is_secret(&mut self, key: &Key<'_>, item: &Item<'_>) -> bool {
        let name = key.get_ref().to_ascii_lowercase();
        let is_secret = SECRET_KEYS.contains(&name.as_str());
        if is_secret {
            self.source.mask(item.span());
            self.problems.push(secret(&at(key), &format!("\"{name}\"")));
        }
        is_secret
    }

    fn wrong<T>(&mut self, place: &Spanned<T>, message: &str, expected: &str) {
        let problem = Problem::new(&at(place), message);
        self.problems.push(problem.expected(format!("expected {expected}")));
    }
}

/// A key that a table or stage does not have.
pub(super) fn unknown_key(at: &At, owner: &str, params: &'static [Param], name: &str) -> Problem {
    let known: Vec<_> = params.iter().map(|p| p.name).collect();
    let elsewhere = TableId::ALL
        .into_iter()
        .filter(|id| id.table().name != owner && id.table().param(name).is_some())
        .map(|id| format!("{name} belongs to the table {}", id.table().name))
        .next();
    let next = elsewhere.unwrap_or_else(|| meant(name, &known));
    let listed = match known.as_slice() {
        [] => "it has no keys".to_owned(),
        few if few.len() <= 12 => format!("expected {}", few.join(", ")),
        _ => "unknown key; chinwag check --explain lists all".to_owned(),
    };
    Problem::new(at, format!("{owner} has no key \"{name}\"")).expected(listed).next(next)
}

/// `did you mean …?`, or nothing where nothing is near.
pub(super) fn meant(name: &str, known: &[&str]) -> String {
    let near = nearest(name, known.iter().copied());
    near.map_or_else(String::new, |near| format!("did you mean \"{near}\"?"))
}
