//! `gate`: silence where there is only a hiss.
//!
//! Opens at the first peak over the threshold, within 2 ms and without
//! latency; closes when the peaks have stayed under it for the hold time.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use crate::{
    audio::{Block, Dbfs, Note, NoteKind, Notes, convert::tame},
    pipeline::{
        Format, Param, PrepareError, Prepared, Stage, StageConfig, StageEntry,
        param::{ParamDefault, ParamKind},
    },
};

use super::follower::Follower;

pub(super) const ENTRY: StageEntry = StageEntry {
    name: "gate",
    summary: "makes silent what stays under a threshold; notes when it opens and closes",
    params: &[
        Param {
            name: "threshold_dbfs",
            kind: ParamKind::Float { min: -100.0, max: 0.0 },
            default: ParamDefault::Float(-50.0),
            doc: "a peak this loud opens it",
        },
        Param {
            name: "hysteresis_db",
            kind: ParamKind::Float { min: 0.0, max: 40.0 },
            default: ParamDefault::Float(6.0),
            doc: "so far under the threshold a peak no longer keeps it open",
        },
        Param {
            name: "hold_ms",
            // From 1 ms on a block of 10 ms has room for its notes.
            kind: ParamKind::Int { min: 1, max: 5_000 },
            default: ParamDefault::Int(200),
            doc: "how long it stays open after the last such peak",
        },
        Param {
            name: "release_ms",
            kind: ParamKind::Float { min: 1.0, max: 2_000.0 },
            default: ParamDefault::Float(50.0),
            doc: "how long the fade to silence takes when it closes",
        },
    ],
    allocates: |_| 0,
    example: "threshold_dbfs = -45.0\nhysteresis_db = 6.0\nhold_ms = 250\nrelease_ms = 80.0",
    build: |values| {
        let threshold_db = values.float("threshold_dbfs");
        Ok(Box::new(Config {
            open_at: Dbfs(threshold_db).amplitude(),
            close_under: Dbfs(threshold_db - values.float("hysteresis_db")).amplitude(),
            hold_ms: values.int("hold_ms").clamp(1, 5_000) as u32,
            release_ms: values.float("release_ms"),
        }))
    },
};

/// How long the fade takes when it opens: no click, no lost consonant.
const ATTACK_MS: f32 = 2.0;
/// How fast a peak is forgotten: slower than one period of the deepest voice.
const PEAK_RELEASE_MS: f32 = 10.0;

#[derive(Debug)]
struct Config {
    open_at: f32,
    close_under: f32,
    hold_ms: u32,
    release_ms: f32,
}

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        let frames_per_ms = input.rate.hz() as f32 / 1_000.0;
        let stage = Gate {
            open_at: self.open_at,
            close_under: self.close_under,
            hold_frames: input.rate.frames_in_ms(self.hold_ms),
            attack_step: 1.0 / (ATTACK_MS * frames_per_ms),
            release_step: 1.0 / (self.release_ms * frames_per_ms),
            peak: Follower::new(PEAK_RELEASE_MS, input.rate),
            open: false,
            quiet_frames: 0,
            gain: 0.0,
        };
        Ok(Prepared::plain(stage, input))
    }
}

struct Gate {
    open_at: f32,
    close_under: f32,
    hold_frames: usize,
    attack_step: f32,
    release_step: f32,
    peak: Follower,
    open: bool,
    /// Frames since the last peak that kept it open.
    quiet_frames: usize,
    gain: f32,
}

impl Gate {
    /// Whether this sample opens or closes it.
    fn turns(&mut self, sample: f32) -> bool {
        let peak = self.peak.next(sample);
        if !self.open {
            self.quiet_frames = 0;
            return peak >= self.open_at;
        }
        self.quiet_frames = if peak < self.close_under { self.quiet_frames + 1 } else { 0 };
        self.quiet_frames > self.hold_frames
    }
}

impl Stage for Gate {
    fn process(&mut self, block: &mut Block, notes: &mut Notes) {
        let start = block.start();
        for (i, sample) in block.near_mut().iter_mut().enumerate() {
            let input = tame(*sample);
            if self.turns(input) {
                self.open = !self.open;
                let kind = NoteKind::Gate { open: self.open };
                notes.push(Note::now(kind, start.plus(i as i64)));
            }
            self.gain = if self.open {
                (self.gain + self.attack_step).min(1.0)
            } else {
                (self.gain - self.release_step).max(0.0)
            };
            *sample = input * self.gain;
        }
    }

    fn reset(&mut self) {
        self.peak.reset();
        (self.open, self.quiet_frames, self.gain) = (false, 0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audio::{FrameTime, Rate},
        pipeline::Values,
    };

    const DEFAULT_HOLD_FRAMES: usize = 3_200;

    /// The output, and the frames where the gate opened (true) or closed.
    fn gate(signal: &[f32]) -> (Vec<f32>, Vec<(bool, i64)>) {
        let config = (ENTRY.build)(&Values::defaults(ENTRY.params)).unwrap();
        let mut stage = config.prepare(Format::of(Rate::UPLINK)).unwrap().stage;
        let (mut block, mut notes) = (Block::new(signal.len()), Notes::default());
        block.fill(signal, FrameTime::start(Rate::UPLINK, 0));
        stage.process(&mut block, &mut notes);
        let turns = notes.iter().map(|note| match note.kind {
            NoteKind::Gate { open } => (open, note.at.frames),
            other => panic!("{other:?}"),
        });
        (block.near().to_vec(), turns.collect())
    }

    fn tone(level: Dbfs, frames: usize) -> impl Iterator<Item = f32> {
        (0..frames).map(move |i| level.amplitude() * if i % 40 < 20 { 1.0 } else { -1.0 })
    }

    #[test]
    fn it_opens_in_2_ms_at_the_first_loud_frame_and_leaves_the_rest_to_the_bit() {
        let signal: Vec<f32> = tone(Dbfs(-60.0), 500).chain(tone(Dbfs(-20.0), 500)).collect();
        let (out, turns) = gate(&signal);
        assert_eq!(turns, [(true, 500)]);
        assert!(out[..500].iter().all(|&s| s == 0.0));
        assert_eq!(out[532..], signal[532..]);
    }

    #[test]
    fn it_closes_after_the_hold_time_and_fades_to_exact_silence() {
        let signal: Vec<f32> = tone(Dbfs(-20.0), 500).chain(tone(Dbfs(-70.0), 8_000)).collect();
        let (out, turns) = gate(&signal);
        let [(true, 0), (false, closed)] = turns[..] else { panic!("{turns:?}") };
        // From -20 towards -70 dBFS the peak is under -56 after 4.4 releases.
        let expected = 500 + 698 + DEFAULT_HOLD_FRAMES as i64;
        assert!((closed - expected).abs() < 20, "{closed}, expected about {expected}");
        assert!(out[closed as usize + 801..].iter().all(|&s| s == 0.0));
    }

    #[test]
    fn a_level_within_the_hysteresis_keeps_it_open_but_does_not_open_it() {
        let within = || tone(Dbfs(-53.0), 8_000);
        assert_eq!(gate(&within().collect::<Vec<_>>()).1, []);
        let opened: Vec<f32> = tone(Dbfs(-20.0), 500).chain(within()).collect();
        assert_eq!(gate(&opened).1, [(true, 0)]);
    }
}
