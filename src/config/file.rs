//! A whole configuration: read once, then asked for plans.

use super::{
    build::build,
    overrides::Override,
    plan::{Origin, Plan},
    problem::{At, Problem, Problems},
    read::read,
    resolve::{judge_bases, resolve, unknown_profile},
    source::Source,
    written::WrittenFile,
};
use crate::pipeline::Registry;

/// The `pipeline.toml` that comes with chinwag.
pub const SHIPPED: &str = include_str!("../../pipeline.toml");

/// A `pipeline.toml`, read. Problems are kept until a plan is asked for, so
/// that those of the file and of the command line are told together.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    origin: Origin,
    source: Source,
    written: WrittenFile,
    problems: Vec<Problem>,
}

impl ConfigFile {
    /// Reads `text`, whose stages are those of `registry`.
    pub fn parse(origin: Origin, text: &str, registry: &Registry) -> Self {
        let mut source = Source::file(origin.to_string(), text);
        let mut problems = Vec::new();
        let written = read(&mut source, registry, &mut problems);
        judge_bases(&written, &mut problems);
        if written.profiles.is_empty() && !written.broken {
            let problem = Problem::new(&At::file(0..0), "there is no profile");
            let next = "write one, or remove this file: the built-in one has seven";
            problems.push(problem.expected("expected [profile.NAME]").next(next));
        }
        if let Some((name, at)) = &written.default_profile
            && !written.profiles.is_empty()
            && written.profiles.iter().all(|profile| profile.name != *name)
        {
            problems.push(unknown_profile(&written, at, name));
        }
        Self { origin, source, written, problems }
    }

    /// Reads bytes, which should be UTF-8.
    pub fn parse_bytes(origin: Origin, bytes: &[u8], registry: &Registry) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(origin, text, registry),
            Err(error) => {
                let text = String::from_utf8_lossy(bytes);
                let source = Source::file(origin.to_string(), text);
                let start = error.valid_up_to();
                let problem = Problem::new(&At::file(start..start + 1), "this is not UTF-8")
                    .expected("expected text in UTF-8")
                    .next("save the file as UTF-8");
                let written = WrittenFile { broken: true, ..WrittenFile::default() };
                Self { origin, source, written, problems: vec![problem] }
            }
        }
    }

    /// The one that comes with chinwag.
    pub fn shipped(registry: &Registry) -> Self {
        Self::parse(Origin::Shipped, SHIPPED, registry)
    }

    /// Where it was read.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The names of its profiles, in the order of the file.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        self.written.profiles.iter().map(|profile| profile.name.as_str())
    }

    /// The plan for one profile: the one asked for, else `default_profile`,
    /// else the only one.
    ///
    /// # Errors
    /// Everything that is wrong in the file, however far from the profile, and
    /// with the profile and what the command line says of it.
    pub fn plan(&self, profile: Option<&str>, overrides: &[Override]) -> Result<Plan, Problems> {
        let mut work = self.work(overrides);
        let plan = work.chosen(profile).and_then(|name| work.plan(&name, overrides));
        work.finish(plan)
    }

    /// As [`plan`](Self::plan), and every other profile is planned too, but
    /// for mere bases: those that others extend and nobody asked for. The
    /// chosen one comes first.
    ///
    /// # Errors
    /// As `plan`, for all of them.
    pub fn plans(
        &self,
        profile: Option<&str>,
        overrides: &[Override],
    ) -> Result<Vec<Plan>, Problems> {
        let mut work = self.work(overrides);
        let chosen = work.chosen(profile);
        let first = chosen.as_ref().and_then(|name| work.plan(name, overrides));
        let mut plans: Vec<_> = first.into_iter().collect();
        for other in &self.written.profiles {
            let default = self.written.default_profile.as_ref().map(|(name, _)| name);
            let is_base = self.is_base(&other.name) && default != Some(&other.name);
            if chosen.as_ref() != Some(&other.name) && !is_base {
                plans.extend(work.plan(&other.name, &[]));
            }
        }
        work.finish(Some(plans))
    }

    fn is_base(&self, name: &str) -> bool {
        let bases = self.written.profiles.iter().filter_map(|p| p.extends.as_ref());
        bases.into_iter().any(|(base, _)| base == name)
    }

    fn work(&self, overrides: &[Override]) -> Work<'_> {
        let arguments = overrides.iter().map(|o| o.source().clone());
        let sources = std::iter::once(self.source.clone()).chain(arguments).collect();
        Work { file: self, sources, problems: self.problems.clone() }
    }
}

/// One asking for plans.
struct Work<'a> {
    file: &'a ConfigFile,
    sources: Vec<Source>,
    problems: Vec<Problem>,
}

impl Work<'_> {
    /// The name of the profile that is meant, if it exists.
    fn chosen(&mut self, asked: Option<&str>) -> Option<String> {
        let written = &self.file.written;
        if written.broken {
            return None;
        }
        if let Some(name) = asked {
            if written.profiles.iter().any(|profile| profile.name == name) {
                return Some(name.to_owned());
            }
            let flag = "--profile ";
            let at =
                At { source: self.sources.len(), start: flag.len(), end: flag.len() + name.len() };
            self.sources.push(Source::argument(format!("{flag}{name}")));
            self.problems.push(unknown_profile(written, &at, name));
            return None;
        }
        match (&written.default_profile, written.profiles.as_slice()) {
            (Some((name, _)), _) => Some(name.clone()),
            (None, [only]) => Some(only.name.clone()),
            (None, []) => None,
            (None, [first, ..]) => {
                let line = format!("write default_profile = \"{}\" at the top", first.name);
                let problem = Problem::new(&At::file(0..0), "default_profile is missing");
                self.problems.push(problem.expected("which one shall run?").next(line));
                None
            }
        }
    }

    fn plan(&mut self, name: &str, overrides: &[Override]) -> Option<Plan> {
        let mut profile = resolve(&self.file.written, name)?;
        let mut are_right = true;
        for (index, over) in overrides.iter().enumerate() {
            if let Err(problem) = over.apply(index + 1, &mut profile) {
                self.problems.push(problem);
                are_right = false;
            }
        }
        let plan = build(&profile, &self.file.origin, &mut self.problems);
        plan.filter(|_| are_right)
    }

    fn finish<T>(self, made: Option<T>) -> Result<T, Problems> {
        match made {
            Some(made) if self.problems.is_empty() => Ok(made),
            _ => Err(Problems::new(self.sources, self.problems)),
        }
    }
}
