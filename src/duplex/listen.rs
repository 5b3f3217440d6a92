//! The worker's microphone side: callbacks of any size become blocks of 10 ms,
//! and blocks go through the capture chain.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

use super::{
    capture::{CaptureEnd, Captured},
    far::FarEnd,
};
use crate::{
    audio::{
        Block, FrameTime, Nanos, NoStopwatch, Note, NoteKind, Notes, Stopwatch,
        ring::{Reader, Writer},
    },
    pipeline::Chain,
};

/// What came of one look at the capture ring.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Heard {
    /// A processed block is in `block`, its notes in `notes`; the device
    /// handed its last frame over at this moment.
    Block(Nanos),
    /// The stream goes on elsewhere; the chain begins anew.
    Restart,
    /// Less than a block waits.
    Nothing,
}

/// Blocks out of the capture ring, processed.
pub(super) struct Listener {
    capture: CaptureEnd,
    chain: Chain,
    raw: Box<[f32]>,
    filled: usize,
    start: FrameTime,
    handed_over_at: Nanos,
    pub(super) block: Block,
    pub(super) notes: Notes,
    /// The notes were given with a block; those of the next one may wait for
    /// it over several looks.
    told: bool,
    /// The RMS of the block as captured.
    pub(super) amplitude: f32,
    /// A recording's far end, frame by frame, instead of what is played.
    pub(super) beside: Option<Reader<f32>>,
    /// Where the microphone and its far end are recorded.
    taps: [Option<Writer<f32>>; 2],
}

impl Listener {
    pub(super) fn new(capture: CaptureEnd, chain: Chain) -> Self {
        Self {
            raw: vec![0.0; chain.input().block_frames_max].into(),
            filled: 0,
            start: capture.position(),
            handed_over_at: Nanos::ZERO,
            block: Block::new(chain.block_capacity()),
            notes: Notes::default(),
            told: false,
            amplitude: 0.0,
            beside: None,
            taps: [None, None],
            capture,
            chain,
        }
    }

    /// From now on this is what `new` was, and `new` what this was: its stream
    /// follows ours, and what each is recorded to stays with it. Returns how many
    /// frames were collected and will not be heard.
    pub(super) fn change(&mut self, new: &mut Self, now: Nanos) -> usize {
        std::mem::swap(self, new);
        let end = new.capture.position();
        let at = if new.handed_over_at == Nanos::ZERO { now } else { new.handed_over_at };
        self.capture.follow(end, at);
        self.beside = new.beside.take();
        new.filled + new.capture.waiting()
    }

    /// Copies each block as captured, and its far end, from now on.
    pub(super) fn record(&mut self, mic: Option<Writer<f32>>, far: Option<Writer<f32>>) {
        self.taps = [mic, far];
    }

    pub(super) fn capture(&self) -> &CaptureEnd {
        &self.capture
    }

    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Collects the next block and runs the chain on it.
    pub(super) fn next(&mut self, far: &mut FarEnd, clock: &impl Stopwatch) -> Heard {
        if std::mem::take(&mut self.told) {
            self.notes.clear();
        }
        if self.filled == 0 {
            self.start = self.capture.begin();
        }
        let wanted = self.block_frames();
        while self.filled < wanted {
            match self.capture.take(&mut self.raw[self.filled..wanted]) {
                Captured::Frames { frames, at, .. } => {
                    self.filled += frames;
                    self.handed_over_at = at;
                }
                Captured::Gap { frames, start } => {
                    self.raw[self.filled..self.filled + frames].fill(0.0);
                    self.filled += frames;
                    let kind = NoteKind::Gap { frames: frames as u32 };
                    self.notes.push(Note::now(kind, start));
                }
                Captured::Restart { frames, .. } => {
                    let frames = frames + self.filled as u64;
                    let kind = NoteKind::Gap { frames: frames as u32 };
                    self.notes.push(Note::now(kind, self.start));
                    self.told = true;
                    self.start = self.start.plus(frames as i64);
                    self.filled = 0;
                    self.chain.reset();
                    return Heard::Restart;
                }
                Captured::Nothing => return Heard::Nothing,
            }
        }
        self.assemble(far);
        self.look();
        self.process(clock);
        Heard::Block(self.handed_over_at)
    }

    /// What was collected becomes a block with its far end.
    fn assemble(&mut self, far: &mut FarEnd) {
        self.block.fill(&self.raw[..self.filled], self.start);
        match &mut self.beside {
            Some(beside) => _ = beside.pop_slice(self.block.add_far()),
            None => far.give(&mut self.block, &mut self.capture),
        }
        self.start = self.start.plus(self.filled as i64);
        self.filled = 0;
    }

    /// Measures what was captured, and copies it and its far end for a
    /// recording: both or neither, so that they stay side by side.
    fn look(&mut self) {
        let (captured, far) = (self.block.near(), self.block.far().unwrap_or_default());
        let power: f32 = captured.iter().map(|s| s * s).sum();
        self.amplitude = (power / captured.len().max(1) as f32).sqrt();
        let fits = self.taps.iter().flatten().all(|tap| tap.room() >= captured.len());
        for (tap, signal) in self.taps.iter_mut().zip([captured, far]) {
            match tap {
                Some(tap) if fits => _ = tap.push_slice(signal),
                Some(tap) => tap.count_refused(signal.len()),
                None => {}
            }
        }
    }

    /// Blocks end on whole multiples of 10 ms of the stream, whatever sizes
    /// the callbacks have: 220 and 221 frames in turn at 22,050 Hz.
    fn block_frames(&self) -> usize {
        let hz = i64::from(self.start.rate.hz());
        let next = self.start.frames * 100 / hz + 1;
        let end = [next, next + 1].map(|block| block * hz / 100);
        let frames = end[usize::from(end[0] <= self.start.frames)] - self.start.frames;
        (frames.max(1) as usize).min(self.raw.len())
    }

    fn process(&mut self, clock: &impl Stopwatch) {
        self.chain.process(&mut self.block, &mut self.notes, clock);
        self.told = true;
    }

    /// At the end of the stream: what is left of it, and then silence for as
    /// long as the chain's latency; nothing from `end` on. `false` when nothing
    /// is left.
    pub(super) fn drain(&mut self, far: &mut FarEnd, silence: &mut usize, end: FrameTime) -> bool {
        if std::mem::take(&mut self.told) {
            self.notes.clear();
        }
        let captured = self.filled > 0;
        if !captured {
            let frames = (*silence).min(self.block_frames());
            self.raw[..frames].fill(0.0);
            self.filled = frames;
            *silence -= frames;
        }
        let some = self.filled > 0;
        if some {
            self.assemble(far);
            if captured {
                self.look();
            }
            self.process(&NoStopwatch);
            let beyond = self.block.end().frames - end.frames;
            self.block.resize(self.block.len() - beyond.clamp(0, self.block.len() as i64) as usize);
        }
        some
    }
}
