//! `gain`: makes everything louder or quieter, by a live value without clicks.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use crate::{
    audio::{Block, Gain, LiveValue, Notes, convert::tame},
    pipeline::{
        Format, Param, PrepareError, Prepared, Stage, StageConfig, StageEntry,
        param::{ParamDefault, ParamKind},
    },
};

const DB_MIN: f32 = -60.0;
const DB_MAX: f32 = 40.0;
/// How long a change takes: short enough to follow a knob, long enough not to
/// click.
const RAMP_MS: u32 = 10;

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "gain",
    summary: "makes everything louder or quieter, without clicks when it changes",
    params: &[Param {
        name: "gain_db",
        kind: ParamKind::Float { min: DB_MIN as f64, max: DB_MAX as f64 },
        default: ParamDefault::Float(0.0),
        doc: "louder above 0, quieter below; may change while it runs",
    }],
    allocates: |_| 0,
    example: "gain_db = 6.0",
    build: |values| Ok(Box::new(Config { gain_db: values.float("gain_db") })),
};

#[derive(Debug)]
struct Config {
    gain_db: f32,
}

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        let gain_db = LiveValue::new(self.gain_db);
        let ramp_frames = input.rate.frames_in_ms(RAMP_MS);
        let stage = GainStage::new(gain_db.clone(), ramp_frames);
        let mut prepared = Prepared::plain(stage, input);
        prepared.controls.push(("gain_db", gain_db));
        Ok(prepared)
    }
}

struct GainStage {
    live_db: LiveValue,
    ramp_frames: usize,
    /// The value that `target` was made from.
    target_db: f32,
    target: f32,
    factor: f32,
    step: f32,
    /// Frames until `factor` is `target`.
    ramp_left: usize,
}

impl GainStage {
    fn new(live_db: LiveValue, ramp_frames: usize) -> Self {
        let target_db = live_db.get();
        let target = factor_of(target_db);
        let (factor, step, ramp_left) = (target, 0.0, 0);
        Self { live_db, ramp_frames, target_db, target, factor, step, ramp_left }
    }

    /// A ramp begins with the block in which the change is seen.
    fn follow(&mut self) {
        let db = self.live_db.get();
        if db != self.target_db {
            self.target_db = db;
            self.target = factor_of(db);
            self.step = (self.target - self.factor) / self.ramp_frames as f32;
            self.ramp_left = self.ramp_frames;
        }
    }
}

fn factor_of(db: f32) -> f32 {
    Gain::from_db(db.clamp(DB_MIN, DB_MAX)).0
}

impl Stage for GainStage {
    fn process(&mut self, block: &mut Block, _notes: &mut Notes) {
        self.follow();
        for sample in block.near_mut() {
            if self.ramp_left > 0 {
                self.ramp_left -= 1;
                self.factor =
                    if self.ramp_left == 0 { self.target } else { self.factor + self.step };
            }
            *sample = tame(*sample) * self.factor;
        }
    }

    fn reset(&mut self) {
        self.follow();
        self.factor = self.target;
        self.ramp_left = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{FrameTime, Rate};

    const RAMP_FRAMES: usize = 160;

    fn run(stage: &mut GainStage, frames: usize, at_once: usize) -> Vec<f32> {
        let (mut block, mut notes, mut out) = (Block::new(frames), Notes::default(), Vec::new());
        for piece in vec![0.5; frames].chunks(at_once) {
            block.fill(piece, FrameTime::start(Rate::UPLINK, 0));
            stage.process(&mut block, &mut notes);
            out.extend_from_slice(block.near());
        }
        out
    }

    #[test]
    fn a_change_is_a_straight_ramp_of_10_ms_that_ends_exactly() {
        let live = LiveValue::new(0.0);
        let mut stage = GainStage::new(live.clone(), RAMP_FRAMES);
        assert_eq!(run(&mut stage, 10, 10), [0.5; 10]);
        live.set(20.0);
        let out = run(&mut stage, 200, 200);
        let steepest = out.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 1.01 * 4.5 / RAMP_FRAMES as f32, "{steepest}");
        assert_eq!(out[RAMP_FRAMES - 1..], [5.0; 41]);
    }

    #[test]
    fn a_ramp_does_not_depend_on_the_size_of_the_blocks() {
        let ramp = |at_once| {
            let live = LiveValue::new(-60.0);
            let mut stage = GainStage::new(live.clone(), RAMP_FRAMES);
            live.set(12.0);
            run(&mut stage, 300, at_once)
        };
        assert_eq!(ramp(300), ramp(1));
        assert_eq!(ramp(300), ramp(7));
    }

    #[test]
    fn a_new_change_ramps_on_from_where_the_last_one_was() {
        let live = LiveValue::new(0.0);
        let mut stage = GainStage::new(live.clone(), RAMP_FRAMES);
        live.set(-60.0);
        let before = *run(&mut stage, 80, 80).last().unwrap();
        live.set(0.0);
        let after = run(&mut stage, 200, 200);
        assert!((after[0] - before).abs() < 0.01);
        assert_eq!(after[199], 0.5);
    }

    #[test]
    fn a_reset_takes_the_newest_value_at_once_and_keeps_it_within_its_bounds() {
        let live = LiveValue::new(0.0);
        let mut stage = GainStage::new(live.clone(), RAMP_FRAMES);
        live.set(400.0);
        stage.reset();
        assert_eq!(run(&mut stage, 1, 1), [50.0]);
    }
}
