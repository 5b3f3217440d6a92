//! Many measurements of one thing: how they are spread.

use serde::{Deserialize, Serialize};

use crate::audio::histogram::Snapshot;

/// So few values have no 99th percentile, and so few no 99.9th.
const P99_LEAST: u64 = 100;
const P999_LEAST: u64 = 1_000;

/// How measurements are spread, in the unit of their measurement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many there were.
    pub count: u64,
    /// What half of them do not exceed.
    pub p50: f64,
    /// What 99 % do not exceed; none of fewer than 100.
    pub p99: Option<f64>,
    /// What 99.9 % do not exceed; none of fewer than 1,000.
    pub p999: Option<f64>,
    /// The greatest.
    pub max: f64,
    /// Upper bounds and how many lie between one and that before it.
    pub bars: Vec<(f64, u64)>,
}

impl Spread {
    /// Of durations, in milliseconds; none where there were none. Quantiles are up
    /// to 3.1 % above the truth.
    pub fn of_durations(snapshot: &Snapshot) -> Option<Self> {
        let count = snapshot.count();
        let ms = |q: f64| snapshot.quantile(q).map(|nanos| short(nanos.as_ms()));
        let bars = snapshot.bars().map(|(upper, count)| (short(upper.as_ms()), count)).collect();
        Some(Self {
            count,
            p50: ms(0.5)?,
            p99: ms(0.99).filter(|_| count >= P99_LEAST),
            p999: ms(0.999).filter(|_| count >= P999_LEAST),
            max: short(snapshot.max().as_ms()),
            bars,
        })
    }

    /// Of these values, exactly; none where there are none.
    pub fn of_values(mut values: Vec<f64>) -> Option<Self> {
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        let count = values.len() as u64;
        let at = |q: f64| {
            let rank = ((q * count as f64).ceil() as usize).max(1);
            values.get(rank - 1).copied().map(short)
        };
        let mut bars: Vec<(f64, u64)> = Vec::new();
        for value in values.iter().copied().map(short) {
            match bars.last_mut() {
                Some((last, many)) if *last == value => *many += 1,
                _ => bars.push((value, 1)),
            }
        }
        Some(Self {
            count,
            p50: at(0.5)?,
            p99: at(0.99).filter(|_| count >= P99_LEAST),
            p999: at(0.999).filter(|_| count >= P999_LEAST),
            max: at(1.0)?,
            bars,
        })
    }

    /// The highest quantile that so many values tell, up to the 99th: the greatest
    /// of few.
    pub fn p99_or_max(&self) -> f64 {
        self.p99.unwrap_or(self.max)
    }

    /// The same up to the 99.9th.
    pub fn p999_or_less(&self) -> f64 {
        self.p999.unwrap_or_else(|| self.p99_or_max())
    }

    /// Every value times `factor`.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        let times = |value: f64| short(value * factor);
        Self {
            count: self.count,
            p50: times(self.p50),
            p99: self.p99.map(times),
            p999: self.p999.map(times),
            max: times(self.max),
            bars: self.bars.iter().map(|(upper, count)| (times(*upper), *count)).collect(),
        }
    }
}

/// To the sixth digit behind the point: nanoseconds of milliseconds.
pub(super) fn short(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
