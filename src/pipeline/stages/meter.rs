//! `meter`: tells the level at regular intervals; leaves the sound as it is.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use dasp_ring_buffer::Fixed;
use dasp_rms::Rms;

use crate::{
    audio::{Block, Dbfs, Note, NoteKind, Notes, convert::tame},
    pipeline::{
        Format, Param, PrepareError, Prepared, Stage, StageConfig, StageEntry,
        param::{ParamDefault, ParamKind},
    },
};

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "meter",
    summary: "tells the level, RMS and peak, at regular intervals; leaves the sound as it is",
    params: &[Param {
        name: "interval_ms",
        // From 20 ms on a block of any size has room for its notes.
        kind: ParamKind::Int { min: 20, max: 1_000 },
        default: ParamDefault::Int(100),
        doc: "how much sound each reading is about",
    }],
    allocates: |_| 0,
    example: "interval_ms = 50",
    build: |values| {
        Ok(Box::new(Config { interval_ms: values.int("interval_ms").clamp(20, 1_000) as u32 }))
    },
};

#[derive(Debug)]
struct Config {
    interval_ms: u32,
}

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        let frames = input.rate.frames_in_ms(self.interval_ms);
        // In f64: the running sum adds and subtracts, and must not drift.
        let rms = Rms::new(Fixed::from(vec![0.0; frames]));
        Ok(Prepared::plain(Meter { rms, peak: 0.0, frames: 0 }, input))
    }
}

struct Meter {
    rms: Rms<f64, Vec<f64>>,
    peak: f32,
    /// How many frames the coming reading has.
    frames: usize,
}

impl Stage for Meter {
    fn process(&mut self, block: &mut Block, notes: &mut Notes) {
        let start = block.start();
        for (i, sample) in block.near_mut().iter_mut().enumerate() {
            *sample = tame(*sample);
            self.rms.next_squared(f64::from(*sample));
            self.peak = self.peak.max(dasp_peak::full_wave(*sample));
            self.frames += 1;
            if self.frames == self.rms.window_frames() {
                let rms = Dbfs::of_amplitude(self.rms.current() as f32);
                let kind = NoteKind::Level { rms, peak: Dbfs::of_amplitude(self.peak) };
                notes.push(Note::now(kind, start.plus(i as i64)));
                (self.peak, self.frames) = (0.0, 0);
            }
        }
    }

    fn reset(&mut self) {
        self.rms.reset();
        (self.peak, self.frames) = (0.0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{FrameTime, Rate};

    #[test]
    fn each_reading_is_about_its_interval_alone_and_stamped_with_its_last_frame() {
        let mut stage = Config { interval_ms: 20 }.prepare(Format::of(Rate::UPLINK)).unwrap().stage;
        let loud = (0..320).map(|i| if i % 2 == 0 { 0.5 } else { -0.5 });
        let quiet = (0..319).map(|_| 0.0).chain([0.1]);
        let signal: Vec<f32> = loud.chain(quiet).chain([0.0; 100]).collect();
        let (mut block, mut notes) = (Block::new(740), Notes::default());
        block.fill(&signal, FrameTime::start(Rate::UPLINK, 0).plus(1_000));
        stage.process(&mut block, &mut notes);
        let readings: Vec<_> = notes
            .iter()
            .map(|note| match note.kind {
                NoteKind::Level { rms, peak } => (note.at.frames, rms.0.round(), peak.0.round()),
                other => panic!("{other:?}"),
            })
            .collect();
        // 0.1 once in 320 frames: 25 dB under its peak.
        assert_eq!(readings, [(1_319, -6.0, -6.0), (1_639, -45.0, -20.0)]);
        assert_eq!(block.near(), signal);
    }
}
