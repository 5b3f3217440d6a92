//! Converts one signal from one sample rate to another by a rational factor.
//!
//! A polyphase FIR filter: one row of coefficients for each place that an
//! output frame can have between two input frames. Positions are whole numbers
//! and sums run in one fixed order, so that the output is the same to the bit
//! however the input is cut, and never drifts.
//!
//! Runs on: worker, but for `new`. Never allocates, locks, logs or fails.

use std::{fmt, sync::Arc};

use super::{convert::tame, time::Rate};

pub(crate) mod filter;
mod interpolator;
#[cfg(test)]
mod tests;

use filter::Filter;
pub use interpolator::Interpolator;

/// How steep the anti-alias filter is. Both keep the stop band, which begins at
/// the lower rate's Nyquist frequency, under -90 dB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quality {
    /// Flat to 0.8 of the lower Nyquist frequency; 32 frames of the lower rate
    /// late: 2 ms at 16 kHz.
    #[default]
    Fast,
    /// Flat to 0.9 of it; twice as late.
    Fine,
}

/// Two rates whose common divisor is so small that the table of coefficients
/// would exceed 2 MiB. No two standard rates are such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnevenRates {
    /// What comes in.
    pub from: Rate,
    /// What should come out.
    pub to: Rate,
}

impl fmt::Display for UnevenRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{from} to {to}: expected rates with a larger common divisor; use 48000 or 44100")
    }
}

impl std::error::Error for UnevenRates {}

/// A running conversion of one signal.
///
/// Feed it with [`push`](Self::push), then [`take`](Self::take) what that made.
/// After `n` frames in, exactly `n * to / from` frames are out, rounded up.
#[derive(Debug)]
pub struct Resampler {
    filter: Arc<Filter>,
    /// The last `filter.taps - 1` frames, then those of the current push.
    line: Box<[f32]>,
    /// How many frames of `line` are of the current push.
    pushed: usize,
    /// The newest input frame that the next output needs, from the current
    /// push's first.
    next: usize,
    /// Which row of the filter it needs.
    phase: usize,
}

impl Resampler {
    /// A conversion for pushes of up to `push_frames_max` frames. Allocates.
    ///
    /// # Errors
    /// Where the two rates have too small a common divisor.
    pub fn new(
        from: Rate,
        to: Rate,
        quality: Quality,
        push_frames_max: usize,
    ) -> Result<Self, UnevenRates> {
        let filter = Arc::new(Filter::design(from, to, quality)?);
        Ok(Self::with_filter(filter, push_frames_max))
    }

    fn with_filter(filter: Arc<Filter>, push_frames_max: usize) -> Self {
        let line = vec![0.0; filter.taps - 1 + push_frames_max].into();
        Self { filter, line, pushed: 0, next: 0, phase: 0 }
    }

    /// A second conversion with the same filter, from its beginning. Allocates.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self::with_filter(Arc::clone(&self.filter), self.push_frames_max())
    }

    /// The most frames that one push takes.
    pub fn push_frames_max(&self) -> usize {
        self.line.len() + 1 - self.filter.taps
    }

    /// The most frames that a push of `frames` makes.
    pub fn frames_made_max(&self, frames: usize) -> usize {
        (frames * self.filter.phases).div_ceil(self.filter.step)
    }

    /// How much later a sound leaves than it came in, in output frames, exact.
    pub fn latency_frames(&self) -> usize {
        self.filter.latency_frames
    }

    /// Takes in one more piece of the signal and tells how many frames it
    /// makes. Frames beyond `push_frames_max` are cut; NaN is silence.
    pub fn push(&mut self, input: &[f32]) -> usize {
        let frames = self.make_room(input.len());
        let start = self.filter.taps - 1;
        for (slot, sample) in self.line[start..start + frames].iter_mut().zip(input) {
            *slot = tame(*sample);
        }
        self.ready()
    }

    /// As `push` of so many silent frames.
    pub fn push_silence(&mut self, frames: usize) -> usize {
        let frames = self.make_room(frames);
        let start = self.filter.taps - 1;
        self.line[start..start + frames].fill(0.0);
        self.ready()
    }

    /// Writes the next frames that the last push made.
    pub fn take(&mut self, output: &mut [f32]) {
        let count = output.len().min(self.ready());
        for sample in &mut output[..count] {
            let window = &self.line[self.next..self.next + self.filter.taps];
            *sample = dot(window, self.filter.row(self.phase));
            self.advance(1);
        }
    }

    /// Back to a signal that has not begun.
    pub fn reset(&mut self) {
        self.line.fill(0.0);
        (self.pushed, self.next, self.phase) = (0, 0, 0);
    }

    /// Ends the last push: skips what of it was not taken, keeps the history.
    fn make_room(&mut self, frames: usize) -> usize {
        self.advance(self.ready());
        self.next -= self.pushed;
        self.line.copy_within(self.pushed..self.pushed + self.filter.taps - 1, 0);
        self.pushed = frames.min(self.push_frames_max());
        self.pushed
    }

    fn ready(&self) -> usize {
        let (phases, step) = (self.filter.phases, self.filter.step);
        (self.pushed * phases).saturating_sub(self.next * phases + self.phase).div_ceil(step)
    }

    /// Goes on by so many output frames.
    fn advance(&mut self, outputs: usize) {
        let places = self.phase + outputs * self.filter.step;
        self.next += places / self.filter.phases;
        self.phase = places % self.filter.phases;
    }
}

/// The inner product, in eight sums whose order never changes: fast without
/// giving the compiler leave to reorder.
pub(crate) fn dot(signal: &[f32], row: &[f32]) -> f32 {
    let mut sums = [0.0f32; filter::LANES];
    for (s, r) in signal.chunks_exact(filter::LANES).zip(row.chunks_exact(filter::LANES)) {
        for lane in 0..filter::LANES {
            sums[lane] += s[lane] * r[lane];
        }
    }
    let (low, high) = sums.split_at(filter::LANES / 2);
    low.iter().zip(high).map(|(low, high)| low + high).sum()
}
