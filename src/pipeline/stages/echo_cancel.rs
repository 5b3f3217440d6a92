//! `echo_cancel`: takes what the loudspeaker plays out of the microphone.
//!
//! A canceller listens to hops of 4 ms, near-end and far-end of the same
//! moment; where the block has no far end, the loudspeaker is taken to be
//! silent. Near-end and far-end leave it equally late. A microphone that gives
//! exact zeros is left so: there is nothing to cancel, and no comfort noise.
//!
//! Runs on: worker. Never allocates, locks, logs or fails but for the canceller,
//! which allocates in every hop, and anew as a whole (254 KB in 604 pieces, some
//! 20 µs) in a reset and after a panic, whose message goes where the program's
//! panics go.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::hopwise::{Delay, expect_16_khz};
use crate::{
    audio::{Block, Note, NoteKind, Notes, convert::tame},
    pipeline::{Format, PrepareError, Prepared, Stage, StageConfig, StageEntry},
};

mod aec3;

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "echo_cancel",
    summary: "takes the echo of the loudspeaker out of the microphone (WebRTC's AEC3, in Rust)",
    params: &[],
    allocates: ALLOCATES,
    example: "",
    build: |_| Ok(Box::new(Config { canceller: aec3::canceller })),
};

/// In three hops, the most that 10 ms hold; as counted by `tests/realtime`.
const ALLOCATES: u32 = 33;
/// 4 ms at 16 kHz.
const HOP_FRAMES: usize = 64;
/// To collect a hop, and what the canceller takes.
const LATENCY_FRAMES: usize = HOP_FRAMES - 1 + HOP_FRAMES;

type Hop = [f32; HOP_FRAMES];

/// Finds and removes the echo of a far end, hop by hop, at 16 kHz.
trait Canceller: Send {
    /// Replaces `near` by the near-end of the hop before, less the echo of the
    /// far end. Samples are in -1 to 1. May allocate, may panic.
    fn cancel(&mut self, near: &mut Hop, far: &Hop);
}

/// Makes a canceller that has heard nothing.
type Make = fn() -> Box<dyn Canceller>;

#[derive(Debug)]
struct Config {
    canceller: Make,
}

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        expect_16_khz(input)?;
        let stage = EchoCancel {
            make: self.canceller,
            canceller: (self.canceller)(),
            near: [0.0; HOP_FRAMES],
            far: [0.0; HOP_FRAMES],
            filled: 0,
            was_silent: true,
            far_late: Delay::new(LATENCY_FRAMES),
            rebuilt: 0,
        };
        Ok(Prepared { latency_frames: LATENCY_FRAMES, ..Prepared::plain(stage, input) })
    }
}

struct EchoCancel {
    make: Make,
    canceller: Box<dyn Canceller>,
    /// Up to `filled` what came in; from there on what leaves next.
    near: Hop,
    /// What came in, as far as `near`.
    far: Hop,
    filled: usize,
    /// Whether the near-end of the hop before was nothing but zeros.
    was_silent: bool,
    /// What leaves with the near-end.
    far_late: Delay,
    /// How often the canceller had to be made anew.
    rebuilt: u32,
}

impl EchoCancel {
    /// The hop goes through the canceller. `false` where that failed: a panic,
    /// or something that is no sound. Then the hop is silent, so that no echo
    /// passes, and the next canceller knows nothing yet.
    fn cancel(&mut self) -> bool {
        let silent = self.near.iter().all(|sample| *sample == 0.0);
        let (canceller, near, far) = (&mut self.canceller, &mut self.near, &self.far);
        let survived = catch_unwind(AssertUnwindSafe(|| canceller.cancel(near, far))).is_ok();
        let sound = survived && self.near.iter().all(|sample| sample.is_finite());
        if !sound {
            self.canceller = (self.make)();
            self.rebuilt = self.rebuilt.saturating_add(1);
        }
        if !sound || self.was_silent {
            self.near.fill(0.0);
        }
        self.was_silent = silent;
        sound
    }
}

impl Stage for EchoCancel {
    fn process(&mut self, block: &mut Block, notes: &mut Notes) {
        let start = block.start();
        for i in 0..block.len() {
            let (near, far) = block.near_and_far_mut();
            let far = far.and_then(|far| far.get_mut(i));
            let played = far.as_deref().copied().unwrap_or(0.0);
            self.near[self.filled] = tame(near[i]).clamp(-1.0, 1.0);
            self.far[self.filled] = tame(played).clamp(-1.0, 1.0);
            self.filled += 1;
            if self.filled == HOP_FRAMES {
                self.filled = 0;
                if !self.cancel() {
                    let kind = NoteKind::CancellerRebuilt { times: self.rebuilt };
                    notes.push(Note::now(kind, start.plus(i as i64)));
                }
            }
            near[i] = tame(self.near[self.filled]);
            self.far_late.pass(far);
        }
        block.set_start(start.plus(-(LATENCY_FRAMES as i64)));
    }

    fn reset(&mut self) {
        self.canceller = (self.make)();
        self.near.fill(0.0);
        self.far.fill(0.0);
        self.filled = 0;
        self.was_silent = true;
        self.far_late.reset();
    }
}

#[cfg(test)]
mod tests;
