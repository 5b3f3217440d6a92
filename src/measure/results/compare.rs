//! Two runs beside each other: what changed.

use super::{Measurement, Results, Unit, Value};

/// A change of less than this is what two runs of the same program differ by on a
/// quiet machine; a histogram's steps are 3.1 %.
const NOISE: f64 = 0.10;
/// And so is one of less than this, in milliseconds.
const NOISE_MS: f64 = 0.002;

/// One number that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The part and the case of its measurement.
    pub case: String,
    /// Its measurement, and which of the numbers: `capture → wire p99`.
    pub what: String,
    /// What it counts in.
    pub unit: Unit,
    /// What it was.
    pub then: f64,
    /// What it is.
    pub now: f64,
}

impl Change {
    /// How much more it is, as a share of what it was; infinite from zero.
    pub fn share(&self) -> f64 {
        if self.then == 0.0 { f64::INFINITY } else { self.now / self.then - 1.0 }
    }

    /// Whether it became better.
    pub fn is_better(&self) -> bool {
        (self.now > self.then) == self.unit.more_is_better()
    }

    fn is_more_than_noise(&self) -> bool {
        let apart = (self.now - self.then).abs();
        let least = if self.unit == Unit::Ms { NOISE_MS } else { 0.0 };
        apart > least && apart > NOISE * self.then.abs()
    }
}

/// What differs between two runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// What makes the two hard to compare.
    pub remarks: Vec<String>,
    /// What changed by more than two runs differ anyway, in the order of the measurements.
    pub changes: Vec<Change>,
    /// How many numbers did not.
    pub same: usize,
    /// How many measurements only one of the two runs has.
    pub alone: usize,
}

impl Comparison {
    /// Of a run before and one after.
    pub fn between(then: &Results, now: &Results) -> Self {
        let mut comparison = Self { remarks: remarks(then, now), ..Self::default() };
        for measurement in &now.measurements {
            match then.measurements.iter().find(|old| old.is_same_as(measurement)) {
                Some(old) => comparison.compare(old, measurement),
                None => comparison.alone += 1,
            }
        }
        let is_gone = |old: &&Measurement| {
            !now.measurements.iter().any(|measurement| measurement.is_same_as(old))
        };
        comparison.alone += then.measurements.iter().filter(is_gone).count();
        comparison
    }

    fn compare(&mut self, old: &Measurement, measurement: &Measurement) {
        let numbers = match (&old.value, &measurement.value) {
            (Value::Number(then), Value::Number(now)) => vec![("", *then, *now)],
            (Value::Spread(then), Value::Spread(now)) => {
                let tails = then.p99.zip(now.p99).map(|(then, now)| (" p99", then, now));
                [(" p50", then.p50, now.p50)].into_iter().chain(tails).collect()
            }
            _ => Vec::new(),
        };
        for (which, then, now) in numbers {
            let change = Change {
                case: format!("{}, {}", measurement.part, measurement.case),
                what: format!("{}{which}", measurement.what),
                unit: measurement.unit,
                then,
                now,
            };
            if change.is_more_than_noise() {
                self.changes.push(change);
            } else {
                self.same += 1;
            }
        }
    }
}

fn remarks(then: &Results, now: &Results) -> Vec<String> {
    let same_machine = (&then.machine.processor, then.machine.cores, &then.machine.system)
        == (&now.machine.processor, now.machine.cores, &now.machine.system);
    let mut remarks = Vec::new();
    if !same_machine {
        remarks.push(format!("another machine: then {}", then.machine.words()));
    }
    if then.machine.optimised != now.machine.optimised {
        remarks.push("one of the two is a build without optimisation".to_owned());
    }
    if then.profile != now.profile {
        remarks.push(format!("another profile: then {}", then.profile));
    }
    if then.program != now.program {
        remarks.push(format!("another version: then {}", then.program));
    }
    if !then.whole || !now.whole {
        remarks.push("one of the two was stopped before its end".to_owned());
    }
    remarks
}
