//! `highpass`: takes away what is deeper than a voice: rumble, hum, offset.
//!
//! Butterworth filters of second order, one or two in a row.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use std::f64::consts::FRAC_1_SQRT_2;

use crate::{
    audio::{Biquad, Block, Notes, convert::tame},
    pipeline::{
        Format, Param, PrepareError, Prepared, Stage, StageConfig, StageEntry,
        param::{ParamDefault, ParamKind},
    },
};

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "highpass",
    summary: "takes away rumble, hum and offset below a voice",
    params: &[
        Param {
            name: "cutoff_hz",
            kind: ParamKind::Float { min: 10.0, max: 2_000.0 },
            default: ParamDefault::Float(80.0),
            doc: "where the signal is 3 dB down; deeper is weaker",
        },
        Param {
            name: "order",
            kind: ParamKind::Int { min: 2, max: 4 },
            default: ParamDefault::Int(2),
            doc: "2: falls by 12 dB per octave; 4: by 24",
        },
    ],
    allocates: |_| 0,
    example: "cutoff_hz = 100.0\norder = 4",
    build: |values| {
        let qs = match values.int("order") {
            2 => [FRAC_1_SQRT_2, 0.0],
            4 => [0.541_196_1, 1.306_562_96],
            other => return Err(format!("order = {other}: expected 2 or 4")),
        };
        Ok(Box::new(Config { cutoff_hz: f64::from(values.float("cutoff_hz")), qs }))
    },
};

#[derive(Debug)]
struct Config {
    cutoff_hz: f64,
    /// The quality of each section; 0 where there is none.
    qs: [f64; 2],
}

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        let sections = self.qs.map(|q| {
            (q > 0.0).then(|| Biquad::highpass(self.cutoff_hz / f64::from(input.rate.hz()), q))
        });
        Ok(Prepared::plain(HighPass { sections }, input))
    }
}

struct HighPass {
    sections: [Option<Biquad>; 2],
}

impl Stage for HighPass {
    fn process(&mut self, block: &mut Block, _notes: &mut Notes) {
        for sample in block.near_mut() {
            let mut value = f64::from(tame(*sample));
            for section in self.sections.iter_mut().flatten() {
                value = section.next(value);
            }
            *sample = value as f32;
        }
    }

    fn reset(&mut self) {
        for section in self.sections.iter_mut().flatten() {
            section.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::{
        audio::{Dbfs, FrameTime, Rate},
        pipeline::{Value, Values},
    };

    /// The level of a sine after the filter, against its level before.
    fn response_db(order: i64, hz: f64, rate_hz: u32) -> f32 {
        let rate = Rate::new(rate_hz).unwrap();
        let mut values = Values::defaults(ENTRY.params);
        values.set("order", Value::Int(order));
        let format = Format::of(rate);
        let mut stage = (ENTRY.build)(&values).unwrap().prepare(format).unwrap().stage;
        let (mut block, mut notes) = (Block::new(rate_hz as usize), Notes::default());
        let sine = |i: u32| (TAU * hz * f64::from(i) / f64::from(rate_hz)).sin() as f32;
        let signal: Vec<f32> = (0..rate_hz).map(sine).collect();
        block.fill(&signal, FrameTime::start(rate, 0));
        stage.process(&mut block, &mut notes);
        let half = signal.len() / 2;
        Dbfs::rms_of(&block.near()[half..]).0 - Dbfs::rms_of(&signal[half..]).0
    }

    #[test]
    fn the_cutoff_is_3_db_down_and_the_slope_is_12_db_per_octave_and_order_2() {
        for rate_hz in [8_000, 16_000, 48_000] {
            for order in [2, 4] {
                let at = |hz| response_db(order, hz, rate_hz);
                assert!((at(80.0) + 3.01).abs() < 0.05, "{}", at(80.0));
                let slope_db = at(20.0) - at(10.0);
                assert!((slope_db - 6.02 * order as f32).abs() < 0.2, "{slope_db}");
                assert!(at(1_000.0).abs() < 0.01);
            }
        }
    }

    #[test]
    fn an_order_between_two_and_four_is_refused_by_name() {
        let mut values = Values::defaults(ENTRY.params);
        values.set("order", Value::Int(3));
        assert_eq!((ENTRY.build)(&values).unwrap_err(), "order = 3: expected 2 or 4");
    }
}
