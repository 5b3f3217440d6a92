//! Runs one prepared stage over a signal and writes down what comes out.

use super::{super::Prepared, Format, Subject, signals::Signal};
use crate::audio::{Block, FrameTime, Note, Notes};

/// Everything that came out of a run.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) near: Vec<f32>,
    pub(super) far: Vec<f32>,
    pub(super) notes: Vec<Note>,
    /// Notes that found no room.
    pub(super) refused: u32,
    /// The start and the length of each block.
    pub(super) blocks: Vec<(FrameTime, usize)>,
}

impl Heard {
    /// The first difference, to the bit.
    pub(super) fn differs(&self, other: &Self) -> Option<String> {
        let near = first_difference(&self.near, &other.near).map(|d| format!("near-end {d}"));
        let far = || first_difference(&self.far, &other.far).map(|d| format!("far-end {d}"));
        let notes = || {
            let count = self.notes.len().max(other.notes.len());
            let at = (0..count).find(|&i| self.notes.get(i) != other.notes.get(i))?;
            Some(format!("note {at}: {:?} and {:?}", self.notes.get(at), other.notes.get(at)))
        };
        near.or_else(far).or_else(notes)
    }
}

fn first_difference(a: &[f32], b: &[f32]) -> Option<String> {
    if a.len() != b.len() {
        return Some(format!("has {} and {} frames", a.len(), b.len()));
    }
    let at = a.iter().zip(b).position(|(a, b)| a.to_bits() != b.to_bits())?;
    Some(format!("frame {at}: {:e} and {:e}", a[at], b[at]))
}

/// A prepared stage, its block and its place in the stream.
pub(super) struct Rig {
    pub(super) prepared: Prepared,
    pub(super) block: Block,
    pub(super) notes: Notes,
    pub(super) at: FrameTime,
    input: Format,
}

impl Rig {
    pub(super) fn new(subject: &Subject, input: Format) -> Result<Self, String> {
        let prepared = subject.prepare(input).map_err(|e| format!("{}: {e}", describe(input)))?;
        let capacity = input.block_frames_max.max(prepared.output.block_frames_max);
        Ok(Self {
            prepared,
            // One block more than promised, so that a stage can be caught.
            block: Block::new(2 * capacity),
            notes: Notes::default(),
            at: FrameTime::start(input.rate, 3),
            input,
        })
    }

    /// One block of the signal from `from` on.
    pub(super) fn step(&mut self, signal: &Signal, from: usize, frames: usize) {
        let range = from..from + frames;
        self.block.fill(&signal.near[range.clone()], self.at);
        self.block.add_far().copy_from_slice(&signal.far[range]);
        self.prepared.stage.process(&mut self.block, &mut self.notes);
        self.at = self.at.plus(frames as i64);
    }

    /// The whole signal, in blocks of the lengths that `cut` says.
    pub(super) fn run(&mut self, signal: &Signal, mut cut: impl FnMut() -> usize) -> Heard {
        let mut heard = Heard::default();
        let mut from = 0;
        while from < signal.near.len() {
            let frames = cut().min(self.input.block_frames_max).min(signal.near.len() - from);
            self.notes.clear();
            self.step(signal, from, frames);
            from += frames;
            heard.near.extend_from_slice(self.block.near());
            heard.far.extend_from_slice(self.block.far().unwrap_or_default());
            heard.notes.extend(self.notes.iter());
            heard.blocks.push((self.block.start(), self.block.len()));
        }
        heard.refused = self.notes.refused();
        heard
    }

    /// The whole signal in blocks as long as they may be.
    pub(super) fn run_whole(&mut self, signal: &Signal) -> Heard {
        let frames = self.input.block_frames_max;
        self.run(signal, || frames)
    }

    /// As a stream that has just begun.
    pub(super) fn reset(&mut self) {
        self.prepared.stage.reset();
        self.at = FrameTime::start(self.input.rate, 3);
    }
}

/// `blocks of 480 at 48000 Hz`.
pub(super) fn describe(format: Format) -> String {
    format!("blocks of {} at {}", format.block_frames_max, format.rate)
}
