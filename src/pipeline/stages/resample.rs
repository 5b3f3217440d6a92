//! `resample`: another sample rate, near-end and far-end alike.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use crate::{
    audio::{Block, FrameTime, Notes, Rate, Resampler, convert::tame_all, resampler::Quality},
    pipeline::{
        Format, Param, PrepareError, Prepared, Stage, StageConfig, StageEntry,
        param::{ParamDefault, ParamKind},
    },
};

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "resample",
    summary: "converts to another sample rate, with an anti-alias filter (stop band under -90 dB)",
    params: &[
        Param {
            name: "rate_hz",
            kind: ParamKind::Int { min: Rate::MIN_HZ as i64, max: Rate::MAX_HZ as i64 },
            default: ParamDefault::Int(Rate::UPLINK.hz() as i64),
            doc: "the rate of what comes out; nothing is done where it came in so",
        },
        Param {
            name: "quality",
            kind: ParamKind::Choice(&["fast", "fine"]),
            default: ParamDefault::Text("fast"),
            doc: "fast: flat to 0.8 of the lower Nyquist frequency, 2 ms late at 16 kHz; \
                  fine: flat to 0.9, 4 ms",
        },
    ],
    allocates: |_| 0,
    example: "rate_hz = 16000\nquality = \"fast\"",
    build: |values| {
        let rate = u32::try_from(values.int("rate_hz")).ok().and_then(Rate::new);
        let quality = match values.text("quality") {
            Some("fine") => Quality::Fine,
            _ => Quality::Fast,
        };
        match rate {
            Some(rate) => Ok(Box::new(Config { rate, quality })),
            None => Err("rate_hz: expected 8000 to 192000; most devices speak 48000".to_owned()),
        }
    },
};

#[derive(Debug)]
struct Config {
    rate: Rate,
    quality: Quality,
}

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        if self.rate == input.rate {
            return Ok(Prepared::plain(Identity, input));
        }
        let near = Resampler::new(input.rate, self.rate, self.quality, input.block_frames_max)
            .map_err(|e| PrepareError(e.to_string()))?;
        let output = Format {
            rate: self.rate,
            block_frames_max: near.frames_made_max(input.block_frames_max),
        };
        let latency_frames = near.latency_frames();
        let stage = Resample { far: near.twin(), near, rate: self.rate, next: None };
        Ok(Prepared { stage: Box::new(stage), output, latency_frames, controls: Vec::new() })
    }
}

/// The rates are the same.
struct Identity;

impl Stage for Identity {
    fn process(&mut self, block: &mut Block, _notes: &mut Notes) {
        tame_all(block.near_mut());
    }

    fn reset(&mut self) {}
}

struct Resample {
    near: Resampler,
    far: Resampler,
    rate: Rate,
    /// The time at the microphone of the next output frame; the first block
    /// after a reset sets it.
    next: Option<FrameTime>,
}

impl Stage for Resample {
    fn process(&mut self, block: &mut Block, _notes: &mut Notes) {
        let latency = self.near.latency_frames() as i64;
        let start = self.next.unwrap_or_else(|| block.start().at_rate(self.rate).plus(-latency));
        let made = self.near.push(block.near());
        match block.far() {
            Some(far) => self.far.push(far),
            None => self.far.push_silence(block.len()),
        };
        block.resize(made);
        let (near, far) = block.near_and_far_mut();
        self.near.take(near);
        if let Some(far) = far {
            self.far.take(far);
        }
        block.set_start(start);
        self.next = Some(start.plus(made as i64));
    }

    fn reset(&mut self) {
        self.near.reset();
        self.far.reset();
        self.next = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Value, Values};

    fn prepare(from_hz: u32, to_hz: i64) -> Prepared {
        let mut values = Values::defaults(ENTRY.params);
        values.set("rate_hz", Value::Int(to_hz));
        let input = Format::of(Rate::new(from_hz).unwrap());
        (ENTRY.build)(&values).unwrap().prepare(input).unwrap()
    }

    #[test]
    fn a_block_of_10_ms_stays_10_ms_and_its_bound_is_exact() {
        let bound = |from, to| prepare(from, to).output.block_frames_max;
        assert_eq!(bound(48_000, 16_000), 160);
        assert_eq!(bound(44_100, 16_000), 160);
        assert_eq!(bound(16_000, 22_050), 221);
        assert_eq!(bound(24_000, 48_000), 480);
    }

    #[test]
    fn the_first_block_anchors_the_time_and_the_next_ones_count_from_there() {
        let mut prepared = prepare(48_000, 16_000);
        let latency = prepared.latency_frames as i64;
        let (mut block, mut notes) = (Block::new(480), Notes::default());
        let mut start_of = |prepared: &mut Prepared, frames: i64, len: usize| {
            let start = FrameTime::start(Rate::new(48_000).unwrap(), 7).plus(frames);
            block.fill(&vec![0.0; len], start);
            prepared.stage.process(&mut block, &mut notes);
            assert_eq!((block.start().epoch, block.rate()), (7, Rate::UPLINK));
            (block.start().frames + latency, block.len())
        };
        assert_eq!(start_of(&mut prepared, 3_000, 1), (1_000, 1));
        assert_eq!(start_of(&mut prepared, 3_001, 2), (1_001, 0));
        assert_eq!(start_of(&mut prepared, 3_003, 477), (1_001, 159));
        prepared.stage.reset();
        assert_eq!(start_of(&mut prepared, 9_000, 480), (3_000, 160));
    }

    #[test]
    fn near_and_far_stay_aligned_even_where_the_far_end_comes_and_goes() {
        let mut prepared = prepare(44_100, 16_000);
        let (mut block, mut notes) = (Block::new(441), Notes::default());
        for i in 0..20 {
            let noise = |k: u32| (k.wrapping_mul(2_654_435_761) >> 8) as f32 / 1.7e7 - 0.5;
            let signal: Vec<f32> = (i * 441..(i + 1) * 441).map(noise).collect();
            block.fill(&signal, FrameTime::start(Rate::new(44_100).unwrap(), 0));
            let with_far = !(5..10).contains(&i);
            if with_far {
                block.add_far().copy_from_slice(&signal);
            }
            prepared.stage.process(&mut block, &mut notes);
            assert_eq!(block.far().is_some(), with_far);
            // The filter looks back over one block: the gap is over by then.
            if with_far && i != 10 {
                assert_eq!(block.far(), Some(block.near()), "block {i}");
            }
        }
    }

    #[test]
    fn equal_rates_change_nothing_and_cost_no_time() {
        let mut prepared = prepare(16_000, 16_000);
        assert_eq!((prepared.latency_frames, prepared.output.block_frames_max), (0, 160));
        let (mut block, mut notes) = (Block::new(3), Notes::default());
        block.fill(&[0.1, -0.2, f32::NAN], FrameTime::start(Rate::UPLINK, 0));
        prepared.stage.process(&mut block, &mut notes);
        assert_eq!(block.near(), [0.1, -0.2, 0.0]);
    }

    #[test]
    fn rates_that_have_no_table_are_refused_with_the_next_step() {
        let config = (ENTRY.build)(&Values::defaults(ENTRY.params)).unwrap();
        let odd = Format::of(Rate::new(44_099).unwrap());
        let error = config.prepare(odd).err().unwrap();
        assert!(error.0.contains("use 48000 or 44100"), "{error}");
    }
}
