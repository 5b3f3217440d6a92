//! `limiter`: nothing leaves it louder than the ceiling.
//!
//! It looks at the peak of what has come so far, never ahead: no latency. A
//! peak pulls the gain down within its own frame, and from there the gain comes
//! back over the release time.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use crate::{
    audio::{Block, Dbfs, Notes, convert::tame},
    pipeline::{
        Format, Param, PrepareError, Prepared, Stage, StageConfig, StageEntry,
        param::{ParamDefault, ParamKind},
    },
};

use super::follower::Follower;

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "limiter",
    summary: "lets nothing over a ceiling: peaks pull the gain down, then it comes back",
    params: &[
        Param {
            name: "ceiling_dbfs",
            kind: ParamKind::Float { min: -40.0, max: 0.0 },
            default: ParamDefault::Float(-1.0),
            doc: "the loudest peak that leaves it",
        },
        Param {
            name: "release_ms",
            kind: ParamKind::Float { min: 1.0, max: 2_000.0 },
            default: ParamDefault::Float(80.0),
            doc: "how long the gain takes to come back; short distorts, long pumps",
        },
    ],
    allocates: |_| 0,
    example: "ceiling_dbfs = -3.0\nrelease_ms = 100.0",
    build: |values| {
        Ok(Box::new(Config {
            ceiling: Dbfs(values.float("ceiling_dbfs")).amplitude(),
            release_ms: values.float("release_ms"),
        }))
    },
};

#[derive(Debug)]
struct Config {
    ceiling: f32,
    release_ms: f32,
}

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        let peak = Follower::new(self.release_ms, input.rate);
        Ok(Prepared::plain(Limiter { ceiling: self.ceiling, peak }, input))
    }
}

struct Limiter {
    ceiling: f32,
    peak: Follower,
}

impl Stage for Limiter {
    fn process(&mut self, block: &mut Block, _notes: &mut Notes) {
        for sample in block.near_mut() {
            let input = tame(*sample);
            let peak = self.peak.next(input);
            *sample = if peak > self.ceiling {
                // Rounding may exceed the ceiling by one part in 2^23.
                (input * (self.ceiling / peak)).clamp(-self.ceiling, self.ceiling)
            } else {
                input
            };
        }
    }

    fn reset(&mut self) {
        self.peak.reset();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audio::{FrameTime, Rate};

    fn limit(signal: &[f32]) -> Vec<f32> {
        let config = Config { ceiling: 0.5, release_ms: 10.0 };
        let mut stage = config.prepare(Format::of(Rate::UPLINK)).unwrap().stage;
        let (mut block, mut notes) = (Block::new(signal.len()), Notes::default());
        block.fill(signal, FrameTime::start(Rate::UPLINK, 0));
        stage.process(&mut block, &mut notes);
        block.near().to_vec()
    }

    #[test]
    fn what_is_under_the_ceiling_is_left_to_the_bit() {
        let signal: Vec<f32> = (0..400).map(|i| 0.5 * (i as f32 * 0.3).sin()).collect();
        assert_eq!(limit(&signal), signal);
    }

    #[test]
    fn after_a_peak_the_gain_comes_back_over_the_release_time() {
        let mut signal = vec![0.1; 1_600];
        signal[0] = 1.0;
        let out = limit(&signal);
        assert_eq!(out[0], 0.5);
        assert!(out[1] < 0.051, "{}", out[1]);
        assert!(out.windows(2).skip(1).all(|w| w[1] >= w[0]));
        assert_eq!(out[400], 0.1);
    }

    proptest! {
        #[test]
        fn nothing_leaves_louder_than_the_ceiling(
            signal in prop::collection::vec(-900f32..900.0, 1..300),
        ) {
            prop_assert!(limit(&signal).iter().all(|s| s.abs() <= 0.5));
        }
    }
}
