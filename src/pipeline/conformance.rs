//! What every stage promises, and how to find out whether it keeps it.
//!
//! [`check`] runs every property on one entry of the registry, in every variant
//! that a choice among its parameters gives; a crate that brings its own stage
//! runs it in its own tests. Whether memory is allocated only the program's
//! global allocator can tell: see [`allocations`].
//!
//! Runs on: tests. Allocates.

use std::fmt;

use super::{Format, PrepareError, StageConfig, StageEntry, Values, param::ParamKind};
use crate::audio::Rate;

mod example;
mod promises;
mod rig;
mod signals;
#[cfg(test)]
mod tests;

pub use example::{documented, example_values};
pub use promises::{
    allocations, contiguous, finite, invariant, latency, length, prepares, resets, settles,
};

/// The rates that a stage is tried at, in hertz.
pub const RATES_HZ: [u32; 5] = [8_000, 16_000, 24_000, 44_100, 48_000];

/// The longest blocks that a stage is tried with, besides those of 10 ms.
pub const BLOCKS: [usize; 8] = [1, 7, 64, 160, 441, 480, 1_024, 4_096];

/// A promise: what is wrong with the subject, or nothing.
pub type Promise = fn(&Subject) -> Result<(), String>;

/// All promises but that about memory, by name.
pub const PROMISES: [(&str, Promise); 8] = [
    ("prepares or says clearly why not", prepares),
    ("makes no block longer than its bound, and no frame too many or few", length),
    ("stamps its blocks one after the other, as late as it claims", contiguous),
    ("makes finite sound of any samples", finite),
    ("does the same however the sound is cut", invariant),
    ("is new after a reset", resets),
    ("is as late as it claims", latency),
    ("settles to exact silence", settles),
];

/// A stage with the values to try it with.
#[derive(Debug)]
pub struct Subject {
    /// What sets it apart from the example: `engine = "energy"`, or nothing.
    pub variant: String,
    /// Heap allocations per 10 ms block that it declares.
    pub allocates: u32,
    config: Box<dyn StageConfig>,
}

impl Subject {
    /// The stage as its example says and then once with each other word of each
    /// choice. A variant that `build` refuses, as for want of a file, is left out.
    ///
    /// # Errors
    /// Where the example is not valid.
    pub fn all(entry: &StageEntry) -> Result<Vec<Self>, String> {
        let example = example_values(entry)?;
        let mut subjects = vec![Self::new(entry, &example, String::new())?];
        for param in entry.params {
            let ParamKind::Choice(words) = param.kind else { continue };
            for word in words.iter().filter(|word| example.text(param.name) != Some(word)) {
                let mut values = example.clone();
                values.set(param.name, super::Value::Text((*word).to_owned()));
                let variant = format!("{} = \"{word}\"", param.name);
                subjects.extend(Self::new(entry, &values, variant));
            }
        }
        Ok(subjects)
    }

    /// The stage with these values.
    ///
    /// # Errors
    /// Where `build` refuses them.
    pub fn new(entry: &StageEntry, values: &Values, variant: String) -> Result<Self, String> {
        let config = (entry.build)(values)?;
        Ok(Self { variant, allocates: (entry.allocates)(values), config })
    }

    /// The real-time half for blocks of this format.
    ///
    /// # Errors
    /// Where the stage refuses the format.
    pub fn prepare(&self, format: Format) -> Result<super::Prepared, PrepareError> {
        self.config.prepare(format)
    }

    /// Blocks of 10 ms at each rate that it takes.
    fn formats(&self) -> impl Iterator<Item = Format> + '_ {
        let formats = RATES_HZ.iter().filter_map(|&hz| Rate::new(hz)).map(Format::of);
        formats.filter(|&format| self.prepare(format).is_ok())
    }
}

/// What was found out about one stage.
#[derive(Debug)]
pub struct Report {
    /// The stage's name.
    pub stage: &'static str,
    /// Each promise with what is wrong, if anything.
    pub findings: Vec<(&'static str, Result<(), String>)>,
}

impl Report {
    /// Whether it keeps every promise.
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|(_, finding)| finding.is_ok())
    }

    /// The promises that it breaks.
    pub fn broken(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.findings.iter().filter(|(_, finding)| finding.is_err()).map(|(name, _)| *name)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.stage)?;
        for (promise, finding) in &self.findings {
            match finding {
                Ok(()) => writeln!(f, "  ok      {promise}")?,
                Err(fault) => writeln!(f, "  BROKEN  {promise}: {fault}")?,
            }
        }
        Ok(())
    }
}

/// Tries every promise but [`allocations`] on every variant of a stage.
pub fn check(entry: &StageEntry) -> Report {
    let mut findings = vec![("is documented", documented(entry))];
    match Subject::all(entry) {
        Err(fault) => findings.push(("has an example that builds", Err(fault))),
        Ok(subjects) => {
            findings.push(("has an example that builds", Ok(())));
            findings.extend(PROMISES.map(|(name, promise)| (name, on_all(&subjects, promise))));
        }
    }
    Report { stage: entry.name, findings }
}

fn on_all(subjects: &[Subject], promise: Promise) -> Result<(), String> {
    subjects.iter().try_for_each(|subject| {
        promise(subject).map_err(|fault| match subject.variant.as_str() {
            "" => fault,
            variant => format!("with {variant}: {fault}"),
        })
    })
}
