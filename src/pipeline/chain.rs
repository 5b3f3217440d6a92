//! Stages one after another on one block.
//!
//! Runs on: worker, but for `prepare`. Never allocates, locks, logs or fails.

use std::sync::Arc;

use super::{Format, PrepareError, Stage, StageConfig};
use crate::audio::{
    Block, LiveValue, Nanos, Notes, Rate, Stopwatch,
    atomic::{AtomicU64, Ordering::Relaxed},
    histogram::Histogram,
};

/// One stage of a chain.
struct Link {
    stage: Box<dyn Stage>,
    latency: Nanos,
}

/// What others may see of one stage, while it runs.
#[derive(Debug)]
pub struct StageGauges {
    /// Its name.
    pub name: String,
    /// The time that it took, each block.
    pub time: Histogram,
    latency: AtomicU64,
}

impl StageGauges {
    /// How much later a sound leaves it.
    pub fn latency(&self) -> Nanos {
        Nanos(self.latency.load(Relaxed))
    }
}

/// What one stage costs.
#[derive(Clone, Debug, PartialEq)]
pub struct StageCost<'a> {
    /// Its name.
    pub name: &'a str,
    /// How much later a sound leaves it.
    pub latency: Nanos,
    /// The time spent in it, all blocks together.
    pub spent: Nanos,
    /// The longest it took for one block.
    pub spent_max: Nanos,
}

/// A prepared pipeline: the first stage reads the input's format, each next
/// one what the stage before it makes.
pub struct Chain {
    links: Vec<Link>,
    gauges: Arc<[StageGauges]>,
    input: Format,
    output: Format,
    block_capacity: usize,
    controls: Vec<(String, LiveValue)>,
}

impl Chain {
    /// Prepares `stages`, named for errors and controls, for blocks of `input`.
    ///
    /// Any thread; allocates.
    ///
    /// # Errors
    /// The first stage that cannot run, by its place and name.
    pub fn prepare<'a>(
        stages: impl IntoIterator<Item = (&'a str, &'a dyn StageConfig)>,
        input: Format,
    ) -> Result<Self, PrepareError> {
        let mut gauges = Vec::new();
        let mut chain = Self {
            links: Vec::new(),
            gauges: Arc::new([]),
            input,
            output: input,
            block_capacity: input.block_frames_max,
            controls: Vec::new(),
        };
        for (index, (name, config)) in stages.into_iter().enumerate() {
            let prepared = config
                .prepare(chain.output)
                .map_err(|e| PrepareError(format!("stage {} ({name}): {e}", index + 1)))?;
            chain.output = prepared.output;
            chain.block_capacity = chain.block_capacity.max(prepared.output.block_frames_max);
            let latency = prepared.output.rate.duration_of(prepared.latency_frames as u64);
            let controls = prepared.controls.into_iter();
            chain.controls.extend(controls.map(|(key, value)| (format!("{name}.{key}"), value)));
            chain.links.push(Link { stage: prepared.stage, latency });
            let (name, latency) = (name.to_owned(), AtomicU64::new(latency.0));
            gauges.push(StageGauges { name, time: Histogram::new(), latency });
        }
        chain.gauges = gauges.into();
        Ok(chain)
    }

    /// The same chain counting on where another of the same stages stopped: the
    /// device was opened anew. Any thread, while the other is not run.
    #[must_use]
    pub fn counting_on(mut self, gauges: &Arc<[StageGauges]>) -> Self {
        let names =
            |gauges: &[StageGauges]| gauges.iter().map(|g| g.name.clone()).collect::<Vec<_>>();
        if names(&self.gauges) == names(gauges) {
            self.gauges = gauges.clone();
            for (link, gauges) in self.links.iter().zip(self.gauges.iter()) {
                gauges.latency.store(link.latency.0, Relaxed);
            }
        }
        self
    }

    /// Each stage, to be looked at while the chain runs.
    pub fn gauges(&self) -> Arc<[StageGauges]> {
        self.gauges.clone()
    }

    /// What goes in.
    pub fn input(&self) -> Format {
        self.input
    }

    /// What comes out.
    pub fn output(&self) -> Format {
        self.output
    }

    /// The rate of what comes out.
    pub fn rate(&self) -> Rate {
        self.output.rate
    }

    /// How much later a sound leaves the chain than it came in.
    pub fn latency(&self) -> Nanos {
        self.links.iter().fold(Nanos::ZERO, |sum, link| sum + link.latency)
    }

    /// The capacity that a block must have to go through.
    pub fn block_capacity(&self) -> usize {
        self.block_capacity
    }

    /// Live values by `stage.parameter`.
    pub fn controls(&self) -> &[(String, LiveValue)] {
        &self.controls
    }

    /// Each stage with its latency and the time it took so far.
    pub fn costs(&self) -> impl Iterator<Item = StageCost<'_>> {
        self.gauges.iter().map(|stage| StageCost {
            name: &stage.name,
            latency: stage.latency(),
            spent: stage.time.sum(),
            spent_max: stage.time.max(),
        })
    }

    /// Runs every stage on the block, which must hold at most
    /// `input().block_frames_max` frames at `input().rate`.
    ///
    /// # Realtime safety
    /// As its stages: see [`Stage::process`].
    pub fn process<S: Stopwatch>(&mut self, block: &mut Block, notes: &mut Notes, clock: &S) {
        let mut before = clock.now();
        for (link, gauges) in self.links.iter_mut().zip(self.gauges.iter()) {
            link.stage.process(block, notes);
            if S::RUNS {
                let after = clock.now();
                gauges.time.record(after.since(before));
                before = after;
            }
        }
    }

    /// Every stage back to time zero.
    ///
    /// # Realtime safety
    /// As [`Stage::reset`].
    pub fn reset(&mut self) {
        for link in &mut self.links {
            link.stage.reset();
        }
    }
}

#[cfg(test)]
mod tests;
