//! A recording through the machines that run live, block by block, in virtual
//! time: nobody answers, so the floor is free again after each end.
//!
//! The same samples and the same plan give the same decisions, always.

use std::sync::Arc;

use super::machines::{Bells, Machines};
use crate::{
    audio::{
        Doorbell, FrameTime, NoStopwatch, Note, NoteKind, Rate, Wake,
        ring::{Reader, ring},
    },
    config::Plan,
    duplex::{CaptureHalf, Taps, Worker, WorkerNote},
    link::LinkEnds,
    pipeline::PrepareError,
};

/// What one step makes at most: a block, or the chain's latency at the end.
const PROCESSED_FRAMES: usize = Rate::UPLINK.hz() as usize;

/// Something that was noted, and how much had been heard by then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// What.
    pub note: Note,
    /// The end of the block in which it was decided, in seconds of the
    /// recording: the chain's latency is in it.
    pub heard_s: f64,
}

/// A detector's answer for one hop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Voice {
    /// The last frame of the hop, at the microphone.
    pub at: FrameTime,
    /// 0 to 1.
    pub probability: f32,
}

/// What came of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// Its length, in seconds.
    pub duration_s: f64,
    /// All that was noted while it lasted but the detector's answers.
    pub told: Vec<Told>,
    /// The detector's answers, the last ones by silence after the end.
    pub voice: Vec<Voice>,
    /// What the capture chain made of it, at 16 kHz, as long as the recording
    /// and aligned with it.
    pub processed: Vec<f32>,
    /// Stretches of speech in seconds: from the block that decided it was
    /// there to the block that decided it was not, the hangover not waited for.
    pub speech: Vec<[f64; 2]>,
    /// Whether a turn was open when the recording ended.
    pub open: bool,
}

impl Replayed {
    /// When the ends of turns were decided, in seconds of the recording.
    pub fn ends(&self) -> impl Iterator<Item = f64> {
        self.heard(NoteKind::EndOfTurn)
    }

    /// When their beginnings were.
    pub fn onsets(&self) -> impl Iterator<Item = f64> {
        self.heard(NoteKind::Onset)
    }

    fn heard(&self, kind: NoteKind) -> impl Iterator<Item = f64> {
        self.told.iter().filter(move |told| told.note.kind == kind).map(|told| told.heard_s)
    }
}

/// Feeds `samples` at `rate` to the machines of `plan`.
///
/// # Errors
/// A stage that cannot run at this rate.
pub fn replay(plan: &Plan, samples: &[f32], rate: Rate) -> Result<Replayed, PrepareError> {
    let mut player = Player::new(plan, rate)?;
    let mut rest = samples;
    while !rest.is_empty() {
        let (block, after) = rest.split_at(player.block_frames().min(rest.len()));
        rest = after;
        player.feed(block);
    }
    Ok(player.finish())
}

/// Nobody sleeps here.
struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

struct Player {
    rate: Rate,
    fed: u64,
    capture: CaptureHalf,
    worker: Worker,
    notes: Reader<WorkerNote>,
    processed: Reader<f32>,
    ends: LinkEnds,
    threshold: f32,
    /// Whether speech is on, as far as it was decided, and within which turn.
    speaking: bool,
    replayed: Replayed,
}

impl Player {
    fn new(plan: &Plan, rate: Rate) -> Result<Self, PrepareError> {
        let bell = Arc::new(Doorbell::new(Nobody));
        let bells = Bells { callbacks: bell.clone(), worker: bell.clone(), link: bell };
        let machines = Machines::build(plan, [rate, Rate::DOWNLINK], &bells)?;
        let (tap, processed) = ring(PROCESSED_FRAMES);
        let taps = Taps { processed: Some(tap), ..Taps::default() };
        Ok(Self {
            rate,
            fed: 0,
            capture: machines.capture,
            worker: machines.worker.with_taps(taps),
            notes: machines.notes,
            processed,
            ends: machines.ends,
            threshold: plan.turn.threshold,
            speaking: false,
            replayed: Replayed {
                duration_s: 0.0,
                told: Vec::new(),
                voice: Vec::new(),
                processed: Vec::new(),
                speech: Vec::new(),
                open: false,
            },
        })
    }

    /// Up to the next whole multiple of 10 ms, where the worker's blocks end.
    fn block_frames(&self) -> usize {
        let hz = u64::from(self.rate.hz());
        let next = self.fed * 100 / hz + 1;
        let end = [next, next + 1].map(|block| block * hz / 100);
        (end[usize::from(end[0] <= self.fed)] - self.fed) as usize
    }

    fn feed(&mut self, block: &[f32]) {
        self.fed += block.len() as u64;
        let now = self.rate.duration_of(self.fed);
        self.capture.process(block, 1, now);
        self.worker.step(now, &NoStopwatch);
        let heard_s = now.as_secs();
        while let Some(WorkerNote { note, .. }) = self.notes.pop() {
            self.follow(note, heard_s);
            match note.kind {
                NoteKind::Voice { probability } => self.voice(note.at, probability),
                _ => self.replayed.told.push(Told { note, heard_s }),
            }
        }
        self.collect();
    }

    fn voice(&mut self, at: FrameTime, probability: f32) {
        self.replayed.voice.push(Voice { at, probability });
    }

    /// Speech on and off; on again is decided without a note, by the first hop
    /// over the threshold.
    fn follow(&mut self, note: Note, heard_s: f64) {
        let on = match note.kind {
            NoteKind::Onset => {
                self.replayed.open = true;
                true
            }
            NoteKind::SpeechOff => false,
            NoteKind::EndOfTurn => {
                self.replayed.open = false;
                false
            }
            NoteKind::Voice { probability } => {
                self.speaking || (self.replayed.open && probability >= self.threshold)
            }
            _ => return,
        };
        match (std::mem::replace(&mut self.speaking, on), on) {
            (false, true) => self.replayed.speech.push([heard_s; 2]),
            (true, false) => self.end_speech(heard_s),
            _ => {}
        }
    }

    fn end_speech(&mut self, heard_s: f64) {
        if let Some(last) = self.replayed.speech.last_mut() {
            last[1] = heard_s;
        }
    }

    /// Takes what nobody is there for, and what the chain made.
    fn collect(&mut self) {
        while self.ends.uplink.pop().is_some() {}
        let before = self.replayed.processed.len();
        self.replayed.processed.resize(before + self.processed.len(), 0.0);
        self.processed.pop_slice(&mut self.replayed.processed[before..]);
    }

    /// The chain's latency is heard out, but decides nothing any more: a turn
    /// that is open stays open.
    fn finish(mut self) -> Replayed {
        let now = self.rate.duration_of(self.fed);
        let duration_s = now.as_secs();
        if self.speaking {
            self.end_speech(duration_s);
        }
        self.worker.finish(now, &NoStopwatch);
        while let Some(WorkerNote { note, .. }) = self.notes.pop() {
            if let NoteKind::Voice { probability } = note.kind {
                self.voice(note.at, probability);
            }
        }
        self.collect();
        let mut replayed = self.replayed;
        let end = FrameTime::start(self.rate, 0).plus(self.fed as i64).at_rate(Rate::UPLINK);
        let early = replayed.processed.len().saturating_sub(end.frames as usize);
        replayed.processed.drain(..early);
        Replayed { duration_s, ..replayed }
    }
}
