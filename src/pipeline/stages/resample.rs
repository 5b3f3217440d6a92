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
    allocates: 0,
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
