//! The plug-in pipeline. Read this file first.
//!
//! A stage has two halves. Its *setup half* is plain data, a [`StageConfig`],
//! built from the stage's table in `pipeline.toml`; it may allocate and fail.
//! It prepares the *real-time half*, a [`Stage`], which does neither. A
//! [`Chain`] runs stages one after another on one [`Block`].
//!
//! [`registry::Registry`] is the only list of stages: the parser, `chinwag
//! stages`, the reference in the README and the conformance suite walk it. A
//! crate that depends on this one adds an entry of its own and has a plug-in.

use std::fmt;

use crate::audio::{Block, LiveValue, Notes, Rate};

pub mod chain;
pub mod conformance;
pub mod param;
pub mod registry;
pub mod stages;

pub use chain::Chain;
pub use param::{Param, Value, Values};
pub use registry::{Registry, StageEntry};

/// What a stage is told before it runs; both are exact upper bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The rate of every block.
    pub rate: Rate,
    /// The most frames that a block will hold; a block may hold fewer.
    pub block_frames_max: usize,
}

impl Format {
    /// Blocks of at most 10 ms at `rate`.
    pub const fn of(rate: Rate) -> Self {
        Self { rate, block_frames_max: rate.block_frames_max() }
    }
}

/// The setup half of a stage.
pub trait StageConfig: fmt::Debug + Send {
    /// Builds the real-time half for blocks of format `input`.
    ///
    /// Any thread; may allocate.
    ///
    /// # Errors
    /// Where these settings cannot run at this format.
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError>;
}

/// A stage that is ready to run.
pub struct Prepared {
    /// The real-time half.
    pub stage: Box<dyn Stage>,
    /// What its blocks will look like.
    pub output: Format,
    /// How much later a sound leaves than it came in, in frames at the
    /// output's rate. The stage subtracts it from `Block::start`; one that
    /// changes the rate takes the start of the first block after a reset,
    /// brought to the new rate, and counts its own frames from there.
    pub latency_frames: usize,
    /// What may be changed while it runs, by parameter name.
    pub controls: Vec<(&'static str, LiveValue)>,
}

impl Prepared {
    /// A stage that keeps the format, adds no latency and has no live values.
    pub fn plain(stage: impl Stage + 'static, input: Format) -> Self {
        Self { stage: Box::new(stage), output: input, latency_frames: 0, controls: Vec::new() }
    }
}

/// The real-time half of a stage.
pub trait Stage: Send {
    /// Changes the block in place; leaves notes stamped in frames.
    ///
    /// # Realtime safety
    /// Worker only. Never allocates, locks, logs, blocks or fails, whatever the
    /// samples are: NaN and infinities in must not come out.
    fn process(&mut self, block: &mut Block, notes: &mut Notes);

    /// Back to time zero: the next block is treated as the first ever.
    ///
    /// # Realtime safety
    /// As `process`.
    fn reset(&mut self);
}

/// Why a stage cannot run; the text names the parameter and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrepareError(pub String);

impl fmt::Display for PrepareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PrepareError {}
