//! From what was written to one profile with everything it inherits.

use super::{
    problem::{At, Problem},
    read::meant,
    tables::TableId,
    typed::may_be_unset,
    written::{Keys, ListId, WrittenFile, WrittenList, WrittenProfile},
};
use crate::pipeline::{Param, Value, Values};

/// A profile and its bases in one; still with the place of every key.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub name: String,
    /// Where the profile's name stands.
    pub at: At,
    pub tables: [Keys; TableId::ALL.len()],
    pub lists: [WrittenList; ListId::ALL.len()],
    /// Which profile wrote the list: a line added elsewhere would replace it.
    owners: [String; ListId::ALL.len()],
}

impl Resolved {
    pub(super) fn keys(&self, id: TableId) -> &Keys {
        &self.tables[id as usize]
    }

    pub(super) fn list(&self, id: ListId) -> &WrittenList {
        &self.lists[id as usize]
    }

    /// The profile that wrote a list, or this one where none did.
    pub(super) fn owner(&self, id: ListId) -> &str {
        &self.owners[id as usize]
    }

    /// Where one of these keys was written, the last of them, or the profile
    /// where none was.
    pub(super) fn at(&self, id: TableId, names: &[&str]) -> &At {
        let keys = self.keys(id);
        names.iter().filter_map(|name| keys.at(name)).max().unwrap_or(&self.at)
    }

    /// The values of a table: defaults, and over them what was written.
    pub(super) fn values(&self, id: TableId) -> Values {
        values_of(id.table().params, self.keys(id))
    }
}

/// Defaults of `params` and over them what was written, in the order of the
/// parameters. An empty text or list unsets what may be unset.
pub(super) fn values_of(params: &'static [Param], keys: &Keys) -> Values {
    let mut values = Values::default();
    for param in params {
        let written = keys.keys.iter().find(|key| key.param.name == param.name);
        let value = written.map(|key| key.value.clone()).or_else(|| param.default.value());
        match value {
            Some(Value::Text(text)) if text.is_empty() && may_be_unset(param) => {}
            Some(Value::TextList(texts)) if texts.is_empty() => {}
            Some(value) => values.set(param.name, value),
            None => {}
        }
    }
    values
}

fn profile_of<'a>(file: &'a WrittenFile, name: &str) -> Option<&'a WrittenProfile> {
    file.profiles.iter().find(|profile| profile.name == name)
}

/// The profile and its bases, the profile first; `None` where a base is
/// unknown or the line of bases never ends.
fn line_of<'a>(
    file: &'a WrittenFile,
    profile: &'a WrittenProfile,
) -> Option<Vec<&'a WrittenProfile>> {
    let mut line = vec![profile];
    while let Some((base, _)) = &line[line.len() - 1].extends {
        if line.len() > file.profiles.len() {
            return None;
        }
        line.push(profile_of(file, base)?);
    }
    line.iter().all(|profile| !profile.is_lost).then_some(line)
}

/// Resolves one profile. `None` where its bases cannot be followed, which
/// [`judge_bases`] reports.
pub(super) fn resolve(file: &WrittenFile, name: &str) -> Option<Resolved> {
    let profile = profile_of(file, name)?;
    let mut resolved = Resolved {
        name: profile.name.clone(),
        at: profile.at.clone(),
        tables: Default::default(),
        lists: Default::default(),
        owners: [profile.name.clone(), profile.name.clone()],
    };
    for layer in line_of(file, profile)?.into_iter().rev() {
        for (keys, over) in resolved.tables.iter_mut().zip(&layer.tables) {
            keys.broken |= over.broken;
            over.keys.iter().cloned().for_each(|key| keys.put(key));
        }
        for (id, over) in layer.lists.iter().enumerate() {
            if let Some(over) = over {
                resolved.lists[id] = over.clone();
                resolved.owners[id].clone_from(&layer.name);
            }
        }
    }
    Some(resolved)
}

/// Reports bases that do not exist and circles of bases, each circle once.
pub(super) fn judge_bases(file: &WrittenFile, problems: &mut Vec<Problem>) {
    for profile in &file.profiles {
        let Some((base, at)) = &profile.extends else { continue };
        if profile_of(file, base).is_none() {
            problems.push(unknown_profile(file, at, base));
        } else if let Some(circle) = circle_through(file, profile) {
            let first = circle.iter().map(|p| &p.at).min();
            if first == Some(&profile.at) {
                let names: Vec<_> = circle.iter().map(|p| p.name.as_str()).collect();
                let way = format!("{} extends {}", names.join(" extends "), profile.name);
                let message = format!("profile {} extends itself: {way}", profile.name);
                let problem = Problem::new(at, message).expected("a circle has no first profile");
                problems.push(problem.next("remove one of these extends"));
            }
        }
    }
}

/// The profiles from `start` along `extends` back to it, if that leads back.
fn circle_through<'a>(
    file: &'a WrittenFile,
    start: &'a WrittenProfile,
) -> Option<Vec<&'a WrittenProfile>> {
    let mut circle = vec![start];
    while circle.len() <= file.profiles.len() {
        let (base, _) = circle[circle.len() - 1].extends.as_ref()?;
        if *base == start.name {
            return Some(circle);
        }
        circle.push(profile_of(file, base)?);
    }
    None
}

/// A name that no profile has.
pub(super) fn unknown_profile(file: &WrittenFile, at: &At, name: &str) -> Problem {
    let known: Vec<_> = file.profiles.iter().map(|p| p.name.as_str()).collect();
    Problem::new(at, format!("there is no profile \"{name}\""))
        .expected(format!("expected {}", known.join(", ")))
        .next(meant(name, &known))
}
