//! A stage around something that works on 10 ms of the microphone at a time:
//! collects them, and brings the far end along equally late.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `prepare`.

use crate::{
    audio::{Block, Notes, Rate, convert::tame},
    pipeline::{Format, PrepareError, Prepared, Stage},
};

/// 10 ms at 16 kHz.
pub(super) const HOP_FRAMES: usize = 160;

pub(super) type Hop = [f32; HOP_FRAMES];

/// What works on one hop after the other.
///
/// # Realtime safety
/// `work` and `reset` never lock, log or fail.
pub(super) trait Work: Send {
    /// How much later a sound leaves it than it came in.
    const LATENCY_FRAMES: usize;

    /// Changes the hop in place; samples are in -1 to 1.
    fn work(&mut self, hop: &mut Hop);

    /// Back to one that has heard nothing.
    fn reset(&mut self);
}

/// For a stage that hears 16 kHz only.
///
/// # Errors
/// Another rate, with the stage that is missing.
pub(super) fn expect_16_khz(input: Format) -> Result<(), PrepareError> {
    if input.rate == Rate::UPLINK {
        return Ok(());
    }
    Err(PrepareError(format!(
        "the input is at {}, expected 16000 Hz; put a stage before it:\n\
         stage = \"resample\"\nrate_hz = 16000",
        input.rate
    )))
}

/// The stage around `work`.
///
/// # Errors
/// Another rate than 16 kHz.
pub(super) fn prepare<W: Work + 'static>(work: W, input: Format) -> Result<Prepared, PrepareError> {
    expect_16_khz(input)?;
    let latency_frames = HOP_FRAMES - 1 + W::LATENCY_FRAMES;
    let far = Delay::new(latency_frames);
    let stage = Hopwise { work, hop: [0.0; HOP_FRAMES], filled: 0, far };
    Ok(Prepared { latency_frames, ..Prepared::plain(stage, input) })
}

struct Hopwise<W> {
    work: W,
    /// Up to `filled` what came in; from there on what leaves next.
    hop: Hop,
    filled: usize,
    far: Delay,
}

impl<W: Work> Stage for Hopwise<W> {
    fn process(&mut self, block: &mut Block, _notes: &mut Notes) {
        let start = block.start();
        for i in 0..block.len() {
            let (near, far) = block.near_and_far_mut();
            self.hop[self.filled] = tame(near[i]).clamp(-1.0, 1.0);
            self.filled += 1;
            if self.filled == HOP_FRAMES {
                self.filled = 0;
                self.work.work(&mut self.hop);
            }
            near[i] = tame(self.hop[self.filled]);
            self.far.pass(far.and_then(|far| far.get_mut(i)));
        }
        block.set_start(start.plus(-(self.far.frames() as i64)));
    }

    fn reset(&mut self) {
        self.work.reset();
        self.hop.fill(0.0);
        self.filled = 0;
        self.far.reset();
    }
}

/// A far end that leaves with its near-end.
pub(super) struct Delay {
    frames: Box<[f32]>,
    oldest: usize,
}

impl Delay {
    /// So many frames late. Allocates.
    pub(super) fn new(frames: usize) -> Self {
        Self { frames: vec![0.0; frames].into(), oldest: 0 }
    }

    /// How late.
    pub(super) fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Replaces a sample by the one so many frames before; no far end is silence.
    pub(super) fn pass(&mut self, sample: Option<&mut f32>) {
        let given = tame(sample.as_deref().copied().unwrap_or(0.0));
        if let Some(slot) = self.frames.get_mut(self.oldest) {
            let late = std::mem::replace(slot, given);
            if let Some(sample) = sample {
                *sample = late;
            }
        }
        self.oldest = (self.oldest + 1) % self.frames.len().max(1);
    }

    pub(super) fn reset(&mut self) {
        self.frames.fill(0.0);
        self.oldest = 0;
    }
}
