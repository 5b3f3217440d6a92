//! `gain`: makes everything louder or quieter, by a live value without clicks.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use crate::{
    audio::{Block, Gain, LiveValue, Notes},
    pipeline::{
        Format, Param, PrepareError, Prepared, Stage, StageConfig, StageEntry,
        param::{ParamDefault, ParamKind},
    },
};

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "gain",
    summary: "multiplies the signal by a factor that may change while it runs",
    params: &[Param {
        name: "gain_db",
        kind: ParamKind::Float { min: -60.0, max: 40.0 },
        default: ParamDefault::Float(0.0),
        doc: "louder above 0, quieter below",
    }],
    allocates: 0,
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
        let stage = GainStage {
            gain_db: gain_db.clone(),
            factor: Gain::from_db(self.gain_db).0,
            step_per_frame: 1.0 / (RAMP_MS * input.rate.hz() as f32 / 1_000.0),
        };
        let mut prepared = Prepared::plain(stage, input);
        prepared.controls.push(("gain_db", gain_db));
        Ok(prepared)
    }
}

/// A change of the factor by 1 takes so long: short enough to follow a knob,
/// long enough not to click.
const RAMP_MS: f32 = 10.0;

struct GainStage {
    gain_db: LiveValue,
    factor: f32,
    step_per_frame: f32,
}

impl Stage for GainStage {
    fn process(&mut self, block: &mut Block, _notes: &mut Notes) {
        let target = Gain::from_db(self.gain_db.get().clamp(-60.0, 40.0)).0;
        let step = self.step_per_frame * target.max(self.factor).max(1.0);
        for sample in block.near_mut() {
            self.factor += (target - self.factor).clamp(-step, step);
            let out = *sample * self.factor;
            *sample = if out.is_finite() { out } else { 0.0 };
        }
    }

    fn reset(&mut self) {
        self.factor = Gain::from_db(self.gain_db.get().clamp(-60.0, 40.0)).0;
    }
}
