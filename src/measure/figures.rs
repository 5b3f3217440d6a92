//! Figures of a conversation: each with its name, unit, meaning and value, in
//! one list, of which text, JSON and the Prometheus format are three renderings.
//!
//! Who fills the list knows the machines (`engine::figures`); here nothing does.

mod json;
mod prometheus;
mod text;

use crate::audio::{Nanos, histogram::Snapshot};

/// What a figure counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Frames, at the rate that the meaning names.
    Frames,
    /// A share of one.
    Ratio,
    /// Parts per million.
    Ppm,
    /// Things: the name says which.
    Things,
}

impl Unit {
    /// How a name ends that counts in it.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Seconds => "_seconds",
            Self::Frames => "_frames",
            Self::Ratio => "_ratio",
            Self::Ppm => "_ppm",
            Self::Things => "",
        }
    }
}

/// What a figure is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// How long something took, each time.
    Times(Snapshot),
    /// How often, or how much: it only grows.
    Count(u64),
    /// What it is now; `None` where it is not known.
    Now(Option<f64>),
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Its name in every rendering, such as `capture_to_wire_seconds`. Figures of
    /// one name follow each other and differ in their labels.
    pub name: String,
    /// What the value counts in.
    pub unit: Unit,
    /// From where to where it is taken, in a line.
    pub help: &'static str,
    /// What it is of, where there are several of that name.
    pub labels: Vec<(&'static str, String)>,
    /// What it is.
    pub value: Value,
}

/// All figures of a conversation at one moment, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Figure> {
        self.0.iter()
    }

    /// The first of that name.
    pub fn get(&self, name: &str) -> Option<&Figure> {
        self.iter().find(|figure| figure.name == name)
    }

    /// How long something took: `None` where no figure of that name is one of time.
    pub fn times(&self, name: &str) -> Option<&Snapshot> {
        match &self.get(name)?.value {
            Value::Times(times) => Some(times),
            _ => None,
        }
    }

    /// How often something happened, of all labels together; `None` where no figure
    /// of that name counts.
    pub fn count(&self, name: &str) -> Option<u64> {
        let of_name = self.iter().filter(|figure| figure.name == name);
        let counts = of_name.filter_map(|figure| match figure.value {
            Value::Count(count) => Some(count),
            _ => None,
        });
        counts.reduce(|sum, count| sum + count)
    }

    /// What something is now; `None` where that is not known.
    pub fn now(&self, name: &str) -> Option<f64> {
        match self.get(name)?.value {
            Value::Now(now) => now,
            _ => None,
        }
    }

    /// Adds durations; the name gets `_seconds`.
    pub fn add_times(&mut self, name: &str, help: &'static str, times: Snapshot) {
        self.add_times_of(name, help, Vec::new(), times);
    }

    /// The same of one of several.
    pub fn add_times_of(
        &mut self,
        name: &str,
        help: &'static str,
        labels: Vec<(&'static str, String)>,
        times: Snapshot,
    ) {
        self.add(name, Unit::Seconds, help, labels, Value::Times(times));
    }

    /// Adds a count of things; the name gets `_total`.
    pub fn add_count(&mut self, name: &str, help: &'static str, count: u64) {
        self.add(name, Unit::Things, help, Vec::new(), Value::Count(count));
    }

    /// Adds a count of frames; the name gets `_frames_total`.
    pub fn add_frames(&mut self, name: &str, help: &'static str, frames: u64) {
        self.add(name, Unit::Frames, help, Vec::new(), Value::Count(frames));
    }

    /// Adds a count of one of several; the name gets `_total`.
    pub fn add_count_of(
        &mut self,
        name: &str,
        help: &'static str,
        (label, of): (&'static str, &str),
        count: u64,
    ) {
        self.add(name, Unit::Things, help, vec![(label, of.to_owned())], Value::Count(count));
    }

    /// Adds what something is now; the name gets the unit's ending.
    pub fn add_now(
        &mut self,
        name: &str,
        unit: Unit,
        help: &'static str,
        now: impl Into<Option<f64>>,
    ) {
        self.add(name, unit, help, Vec::new(), Value::Now(now.into()));
    }

    /// Adds how long something is now, of one of several.
    pub fn add_length_of(
        &mut self,
        name: &str,
        help: &'static str,
        labels: Vec<(&'static str, String)>,
        length: Nanos,
    ) {
        self.add(name, Unit::Seconds, help, labels, Value::Now(Some(length.as_secs())));
    }

    fn add(
        &mut self,
        name: &str,
        unit: Unit,
        help: &'static str,
        labels: Vec<(&'static str, String)>,
        value: Value,
    ) {
        let total = if matches!(value, Value::Count(_)) { "_total" } else { "" };
        let name = format!("{name}{}{total}", unit.suffix());
        self.0.push(Figure { name, unit, help, labels, value });
    }
}

#[cfg(test)]
mod tests;
