//! What a benchmark found, as plain data: measurements with their machine, date and
//! program, to be written as JSON, read back and compared.

mod compare;
mod page;
mod spread;

use serde::{Deserialize, Serialize};

pub use self::{
    compare::{Change, Comparison},
    page::{Step, Waterfall, page},
    spread::Spread,
};

/// The version of the JSON.
pub const VERSION: u32 = 1;
/// What the JSON calls itself.
const EVENT: &str = "bench";

/// All that one run found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// The version of this form.
    pub v: u32,
    /// Always `bench`.
    pub event: String,
    /// Name and version of the program.
    pub program: String,
    /// When it began, in UTC: `2026-11-22T22:31:44Z`.
    pub date: String,
    /// What it ran on.
    pub machine: Machine,
    /// The profile that was measured.
    pub profile: String,
    /// The file that the profile is of.
    pub origin: String,
    /// Whether it came to its end, and was not stopped before.
    pub whole: bool,
    /// What one has to know to read the measurements.
    pub remarks: Vec<String>,
    /// The measurements, in the order in which they were taken.
    pub measurements: Vec<Measurement>,
    /// What they come to, in plain words.
    pub verdict: Vec<String>,
}

/// What a benchmark ran on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor, as it calls itself; empty where it does not say.
    pub processor: String,
    /// How many threads run at once.
    pub cores: usize,
    /// System and architecture: `linux x86_64`.
    pub system: String,
    /// Threads that were running or waiting to, on average over the minute before;
    /// none where the system does not say.
    pub load: Option<f64>,
    /// Whether the program was built with optimisation.
    pub optimised: bool,
}

impl Machine {
    /// In one line.
    pub fn words(&self) -> String {
        let Self { processor, cores, system, load, optimised } = self;
        let name = if processor.is_empty() { system.clone() } else { processor.clone() };
        let load = load.map_or_else(String::new, |load| format!(", load {load:.1}"));
        let slow = if *optimised { "" } else { "; a build without optimisation" };
        let cores = if *cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") };
        let system = if processor.is_empty() { String::new() } else { format!(", {system}") };
        format!("{name}, {cores}{system}{load}{slow}")
    }
}

/// One thing that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Which part of the benchmark: `pipeline`, `engine`, `loopback`, `turns`.
    pub part: String,
    /// On what, or under which conditions: a stage, a period.
    pub case: String,
    /// What it is called by programs: `capture_to_wire`.
    pub name: String,
    /// What it is called by people: `capture → wire`.
    pub what: String,
    /// What it counts in.
    pub unit: Unit,
    /// What came out.
    pub value: Value,
}

/// What a measurement counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Milliseconds.
    #[serde(rename = "ms")]
    Ms,
    /// Seconds of sound worked on in a second.
    #[serde(rename = "x_real_time")]
    TimesRealTime,
    /// Heap allocations in one block of 10 ms.
    #[serde(rename = "allocations_per_block")]
    AllocationsPerBlock,
    /// So many.
    #[serde(rename = "count")]
    Count,
    /// Hundredths of the time there is.
    #[serde(rename = "percent")]
    Percent,
    /// Millionths.
    #[serde(rename = "ppm")]
    Ppm,
}

impl Unit {
    /// Whether more of it is better.
    pub const fn more_is_better(self) -> bool {
        matches!(self, Self::TimesRealTime)
    }
}

/// What came out of a measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// One number.
    Number(f64),
    /// Many.
    Spread(Spread),
}

impl Measurement {
    /// A measurement that is one number.
    pub fn number([part, case, name, what]: [&str; 4], unit: Unit, value: impl Into<f64>) -> Self {
        Self::new([part, case, name, what], unit, Value::Number(spread::short(value.into())))
    }

    /// A measurement that is many numbers.
    pub fn spread([part, case, name, what]: [&str; 4], unit: Unit, spread: Spread) -> Self {
        Self::new([part, case, name, what], unit, Value::Spread(spread))
    }

    fn new(names: [&str; 4], unit: Unit, value: Value) -> Self {
        let [part, case, name, what] = names.map(str::to_owned);
        Self { part, case, name, what, unit, value }
    }

    /// Its numbers, where it has many.
    pub fn as_spread(&self) -> Option<&Spread> {
        match &self.value {
            Value::Spread(spread) => Some(spread),
            Value::Number(_) => None,
        }
    }

    /// Its number, where it is one.
    pub fn as_number(&self) -> Option<f64> {
        match &self.value {
            Value::Number(number) => Some(*number),
            Value::Spread(_) => None,
        }
    }

    /// Whether both say the same thing, of two runs.
    pub fn is_same_as(&self, other: &Self) -> bool {
        (&self.part, &self.case, &self.name) == (&other.part, &other.case, &other.name)
    }
}

impl Results {
    /// Nothing yet.
    pub fn new(program: String, date: String, machine: Machine) -> Self {
        Self {
            v: VERSION,
            event: EVENT.to_owned(),
            program,
            date,
            machine,
            profile: String::new(),
            origin: String::new(),
            whole: true,
            remarks: Vec::new(),
            measurements: Vec::new(),
            verdict: Vec::new(),
        }
    }

    /// The measurement of that part, case and name.
    pub fn measurement(&self, part: &str, case: &str, name: &str) -> Option<&Measurement> {
        let mut of = self.of(part);
        of.find(|measurement| measurement.case == case && measurement.name == name)
    }

    /// The measurements of a part.
    pub fn of<'a>(&'a self, part: &str) -> impl Iterator<Item = &'a Measurement> + use<'a> {
        let part = part.to_owned();
        self.measurements.iter().filter(move |measurement| measurement.part == part)
    }

    /// The cases of a part, each once, in their order.
    pub fn cases(&self, part: &str) -> Vec<&str> {
        let mut cases: Vec<&str> = Vec::new();
        for measurement in self.of(part) {
            if !cases.contains(&measurement.case.as_str()) {
                cases.push(&measurement.case);
            }
        }
        cases
    }

    /// As one JSON object.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads what [`to_json`](Self::to_json) made, alone or as a line among
    /// others; the last one counts.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn read(text: &str) -> Result<Self, String> {
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let is_ours = |value: &serde_json::Value| value["event"] == EVENT;
        let found = parse(text)
            .filter(is_ours)
            .or_else(|| text.lines().rev().filter_map(parse).find(is_ours))
            .ok_or("it holds no results; chinwag bench --json writes them")?;
        if found["v"] != VERSION {
            return Err(format!("its version is {}, expected {VERSION}", found["v"]));
        }
        serde_json::from_value(found).map_err(|error| format!("it is damaged: {error}"))
    }
}

#[cfg(test)]
mod tests;
