//! `denoise`: takes steady noise out of the microphone.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but allocates in a
//! reset, which makes the crate's part anew.

use sonora_ns::{
    config::{NsConfig, SuppressionLevel},
    noise_suppressor::NoiseSuppressor,
};

use super::hopwise::{self, Hop, Work};
use crate::pipeline::{
    Format, Param, PrepareError, Prepared, StageConfig, StageEntry,
    param::{ParamDefault, ParamKind},
};

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "denoise",
    summary: "takes steady noise out of the microphone (WebRTC's noise suppression, in Rust); put \
              it after the detector: earshot and webrtc hear a little more with it, silero less",
    params: &[Param {
        name: "reduction_db",
        kind: ParamKind::Int { min: 6, max: 18 },
        default: ParamDefault::Int(12),
        doc: "how far noise is turned down: 6, 12 or 18; the more, the more of the voice goes too",
    }],
    allocates: |_| 1,
    example: "reduction_db = 6",
    build: |values| {
        let level = match values.int("reduction_db") {
            6 => SuppressionLevel::K6dB,
            12 => SuppressionLevel::K12dB,
            18 => SuppressionLevel::K18dB,
            other => return Err(format!("reduction_db = {other}: expected 6, 12 or 18")),
        };
        Ok(Box::new(Config { level }))
    },
};

/// The crate's samples are those of 16 bits.
const FULL_SCALE: f32 = 32_768.0;

#[derive(Debug)]
struct Config {
    level: SuppressionLevel,
}

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        let suppressor = suppressor(self.level);
        hopwise::prepare(Denoise { level: self.level, suppressor }, input)
    }
}

fn suppressor(level: SuppressionLevel) -> NoiseSuppressor {
    NoiseSuppressor::new(NsConfig { target_level: level })
}

struct Denoise {
    level: SuppressionLevel,
    suppressor: NoiseSuppressor,
}

impl Work for Denoise {
    /// What its windows overlap.
    const LATENCY_FRAMES: usize = 96;

    fn work(&mut self, hop: &mut Hop) {
        for sample in &mut *hop {
            *sample *= FULL_SCALE;
        }
        self.suppressor.analyze(hop);
        self.suppressor.process(hop);
        for sample in hop {
            *sample /= FULL_SCALE;
        }
    }

    fn reset(&mut self) {
        self.suppressor = suppressor(self.level);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audio::{Block, Dbfs, FrameTime, Notes, Rate},
        pipeline::{Value, Values},
    };

    /// What becomes of 4 s of hiss at -40 dBFS: the level of its last second.
    fn hiss_left(reduction_db: i64) -> f32 {
        let mut values = Values::defaults(ENTRY.params);
        values.set("reduction_db", Value::Int(reduction_db));
        let config = (ENTRY.build)(&values).unwrap();
        let mut stage = config.prepare(Format::of(Rate::UPLINK)).unwrap().stage;
        let (mut block, mut notes) = (Block::new(160), Notes::default());
        let mut seed = 1u32;
        let mut left = Vec::new();
        for at in 0..400 {
            let hiss: Vec<f32> = (0..160)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    0.0173 * (seed as f32 / (1u64 << 31) as f32 - 1.0)
                })
                .collect();
            block.fill(&hiss, FrameTime::start(Rate::UPLINK, 0).plus(160 * at));
            stage.process(&mut block, &mut notes);
            left.extend_from_slice(block.near());
        }
        Dbfs::rms_of(&left[48_000..]).0
    }

    #[test]
    fn a_steady_hiss_is_turned_down_by_about_as_much_as_is_asked_for() {
        for reduction_db in [6, 12, 18] {
            let gone = -40.0 - hiss_left(reduction_db);
            assert!((gone - reduction_db as f32).abs() < 3.0, "{gone} of {reduction_db} dB");
        }
    }

    #[test]
    fn other_reductions_are_refused() {
        let mut values = Values::defaults(ENTRY.params);
        values.set("reduction_db", Value::Int(9));
        let error = (ENTRY.build)(&values).err().unwrap();
        assert_eq!(error, "reduction_db = 9: expected 6, 12 or 18");
    }
}
