//! `echo_cancel`: takes what the loudspeaker plays out of the microphone.
//!
//! A canceller listens to hops of 4 ms, near-end and far-end of the same
//! moment; where the block has no far end, the loudspeaker is taken to be
//! silent. Near-end and far-end leave it equally late. A microphone that gives
//! exact zeros is left so.
//!
//! Runs on: worker. Never allocates, locks, logs or fails but with `aec3`, which
//! allocates in every hop and anew as a whole (254 KB in 604 pieces, some 20 µs)
//! in a reset; and after a panic, when the canceller is made anew and the
//! message goes where the program's panics go.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::hopwise::{Delay, expect_16_khz};
use crate::{
    audio::{Block, EchoHealth, FrameTime, Note, NoteKind, Notes, convert::tame},
    pipeline::{
        Format, Param, PrepareError, Prepared, Stage, StageConfig, StageEntry, Values,
        param::{ParamDefault, ParamKind},
    },
};

mod aec3;
mod kalman;

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "echo_cancel",
    summary: "takes the echo of the loudspeaker out of the microphone",
    params: &[Param {
        name: "engine",
        kind: ParamKind::Choice(&["kalman", "aec3"]),
        default: ParamDefault::Text("kalman"),
        doc: "kalman: chinwag's own, 16 ms late, gentle to a voice over the echo; aec3: WebRTC's, \
              8 ms late, which allocates 33 times per 10 ms",
    }],
    allocates: |values| engine(values).allocates,
    example: "engine = \"kalman\"",
    build: |values| Ok(Box::new(Config { engine: engine(values) })),
};

fn engine(values: &Values) -> Engine {
    match values.text("engine") {
        Some("aec3") => aec3::ENGINE,
        _ => kalman::ENGINE,
    }
}

/// 4 ms at 16 kHz.
const HOP_FRAMES: usize = 64;
/// How often the echo's health is told: 100 ms.
const HEALTH_HOPS: u32 = 25;
type Hop = [f32; HOP_FRAMES];

/// Finds and removes the echo of a far end, hop by hop, at 16 kHz.
trait Canceller: Send {
    /// Replaces `near` by the near-end of the engine's latency before, less the
    /// echo of the far end. Samples are in -1 to 1. May panic.
    fn cancel(&mut self, near: &mut Hop, far: &Hop);

    /// How it goes; nothing while the loudspeaker is silent.
    fn health(&self) -> Option<EchoHealth>;

    /// Back to one that has heard nothing.
    fn reset(&mut self);
}

/// A kind of canceller.
#[derive(Clone, Copy, Debug)]
struct Engine {
    /// One that has heard nothing. Allocates.
    make: fn() -> Box<dyn Canceller>,
    /// How late its near-end is, without the time to collect a hop.
    latency_frames: usize,
    /// In three hops, the most that 10 ms hold; as counted by `tests/realtime`.
    allocates: u32,
}

#[derive(Debug)]
struct Config {
    engine: Engine,
}

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        expect_16_khz(input)?;
        let latency_frames = HOP_FRAMES - 1 + self.engine.latency_frames;
        let stage = EchoCancel {
            engine: self.engine,
            canceller: (self.engine.make)(),
            near: [0.0; HOP_FRAMES],
            far: [0.0; HOP_FRAMES],
            filled: 0,
            far_late: Delay::new(latency_frames),
            hops: 0,
            rebuilt: 0,
        };
        Ok(Prepared { latency_frames, ..Prepared::plain(stage, input) })
    }
}

struct EchoCancel {
    engine: Engine,
    canceller: Box<dyn Canceller>,
    /// Up to `filled` what came in; from there on what leaves next.
    near: Hop,
    /// What came in, as far as `near`.
    far: Hop,
    filled: usize,
    /// What leaves with the near-end.
    far_late: Delay,
    /// Since the echo's health was told.
    hops: u32,
    /// How often the canceller had to be made anew.
    rebuilt: u32,
}

impl EchoCancel {
    /// The hop goes through the canceller. `false` where that failed: a panic,
    /// or something that is no sound. Then the hop is silent, so that no echo
    /// passes, and the next canceller knows nothing yet.
    fn cancel(&mut self) -> bool {
        let (canceller, near, far) = (&mut self.canceller, &mut self.near, &self.far);
        let survived = catch_unwind(AssertUnwindSafe(|| canceller.cancel(near, far))).is_ok();
        let sound = survived && self.near.iter().all(|sample| sample.is_finite());
        if !sound {
            self.canceller = (self.engine.make)();
            self.near.fill(0.0);
            self.rebuilt = self.rebuilt.saturating_add(1);
        }
        sound
    }

    /// A hop is complete, with frame `at`.
    fn hop(&mut self, at: FrameTime, notes: &mut Notes) {
        if !self.cancel() {
            notes.push(Note::now(NoteKind::CancellerRebuilt { times: self.rebuilt }, at));
        }
        self.hops = (self.hops + 1) % HEALTH_HOPS;
        if self.hops == 0
            && let Some(health) = self.canceller.health()
        {
            notes.push(Note::now(NoteKind::Echo(health), at));
        }
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
                self.hop(start.plus(i as i64), notes);
            }
            near[i] = tame(self.near[self.filled]);
            self.far_late.pass(far);
        }
        block.set_start(start.plus(-(self.far_late.frames() as i64)));
    }

    fn reset(&mut self) {
        self.canceller.reset();
        self.near.fill(0.0);
        self.far.fill(0.0);
        self.filled = 0;
        self.hops = 0;
        self.far_late.reset();
    }
}

#[cfg(test)]
mod tests;
