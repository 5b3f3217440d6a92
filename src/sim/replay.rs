//! A recording through the machines that run live, block by block, in virtual
//! time. Nobody answers, so the floor is free again after each end; of a talk
//! that was recorded, the model has the floor when it had it then; beside what
//! a loudspeaker played, while that is audible.
//!
//! The same samples and the same plan give the same decisions, always. There is
//! no turn model here: a talk that had one was decided otherwise.

use std::sync::{Arc, atomic::Ordering::Release};

pub mod far;

use self::far::Loudspeaker;
use super::machines::{Bells, Machines};
use crate::{
    audio::{
        Doorbell, Downlink, DownlinkPacket, FrameTime, Nanos, NoStopwatch, Note, NoteKind, Rate,
        ReplyId, TurnMode,
        packet::Samples,
        ring::{Reader, ring},
    },
    config::Plan,
    duplex::{CaptureHalf, RenderHalf, Taps, Worker, WorkerControls, WorkerNote},
    link::LinkEnds,
    pipeline::PrepareError,
};

/// What one step makes at most: a block, or the chain's latency at the end.
const PROCESSED_FRAMES: usize = Rate::UPLINK.hz() as usize;
/// What the playback chain may make of a reply of one frame.
const REPLY_FRAMES_MAX: usize = 2_400;

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

/// What befell a talk, besides what its microphone heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// How far the microphone's processed sound had come, in frames at 16 kHz.
    pub at: i64,
    /// What.
    pub what: Happened,
}

/// What can befall it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Happened {
    /// A reply became audible.
    Started(ReplyId),
    /// Its last frame had been heard.
    Finished(ReplyId),
    /// It was cut, by whomever.
    Cut(ReplyId),
    /// The microphone was muted, or not any more.
    Muted(bool),
    /// Turns were taken in another way from there on.
    ModeChanged(TurnMode),
}

impl Event {
    /// The event that a note tells of, if it does.
    pub fn of(note: &Note) -> Option<Self> {
        let what = match note.kind {
            NoteKind::ReplyStarted(reply) => Happened::Started(reply),
            NoteKind::ReplyFinished(reply) => Happened::Finished(reply),
            NoteKind::ReplyCut { reply, .. } => Happened::Cut(reply),
            NoteKind::Muted(muted) => Happened::Muted(muted),
            NoteKind::ModeChanged(mode) => Happened::ModeChanged(mode),
            _ => return None,
        };
        Some(Self { at: note.at.frames, what })
    }
}

/// Feeds `samples` at `rate` to the machines of `plan`, while `events` happen,
/// in their order.
///
/// # Errors
/// A stage that cannot run at this rate.
pub fn replay(
    plan: &Plan,
    samples: &[f32],
    rate: Rate,
    events: &[Event],
) -> Result<Replayed, PrepareError> {
    Ok(Player::new(plan, rate)?.run(samples, events))
}

/// As [`replay`], beside what the loudspeaker was given: `far[n]` at the moment
/// of `samples[n]`, silence where there is none. Without `events` the model is
/// taken to be audible where `far` is.
///
/// # Errors
/// A stage that cannot run at this rate.
pub fn replay_beside(
    plan: &Plan,
    samples: &[f32],
    far: &[f32],
    rate: Rate,
    events: Option<&[Event]>,
) -> Result<Replayed, PrepareError> {
    let mut player = Player::new(plan, rate)?;
    let (speaker, played) = Loudspeaker::new(far, rate);
    player.worker = player.worker.beside(played);
    player.speaker = Some(speaker);
    player.model = events.is_none().then(ReplyId::default);
    Ok(player.run(samples, events.unwrap_or_default()))
}

struct Player<'a> {
    rate: Rate,
    fed: u64,
    capture: CaptureHalf,
    render: RenderHalf,
    controls: Arc<WorkerControls>,
    worker: Worker,
    notes: Reader<WorkerNote>,
    processed: Reader<f32>,
    ends: LinkEnds,
    speaker: Option<Loudspeaker<'a>>,
    /// Where the loudspeaker tells what the model does: its last reply.
    model: Option<ReplyId>,
    /// The replies that are audible.
    replies: Vec<ReplyId>,
    /// Whether speech is on, as far as it was decided, and within which turn.
    speaking: bool,
    replayed: Replayed,
}

impl Player<'_> {
    fn new(plan: &Plan, rate: Rate) -> Result<Self, PrepareError> {
        let bell = Arc::new(Doorbell::unanswered());
        let bells = Bells { callbacks: bell.clone(), worker: bell.clone(), link: bell };
        // When a reply had been heard is known, and needs no guess.
        let mut plan = plan.clone();
        plan.playout.device_latency_ms = 0;
        let machines = Machines::build(&plan, [rate, Rate::DOWNLINK], &bells)?;
        let (tap, processed) = ring(PROCESSED_FRAMES);
        let taps = Taps { processed: Some(tap), ..Taps::default() };
        Ok(Self {
            rate,
            fed: 0,
            capture: machines.capture,
            render: machines.render,
            controls: machines.controls,
            worker: machines.worker.with_taps(taps),
            notes: machines.notes,
            processed,
            ends: machines.ends,
            speaker: None,
            model: None,
            replies: Vec::new(),
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

    /// The whole recording.
    fn run(mut self, samples: &[f32], events: &[Event]) -> Replayed {
        let mut rest = samples;
        let mut events = events.iter().peekable();
        loop {
            while let Some(event) =
                events.next_if(|event| event.at <= self.worker.heard_to().frames)
            {
                self.happen(event.what);
            }
            if rest.is_empty() {
                return self.finish();
            }
            let (block, after) = rest.split_at(self.block_frames().min(rest.len()));
            rest = after;
            self.feed(block);
        }
    }

    /// Up to the next whole multiple of 10 ms, where the worker's blocks end.
    fn block_frames(&self) -> usize {
        let hz = u64::from(self.rate.hz());
        let next = self.fed * 100 / hz + 1;
        let end = [next, next + 1].map(|block| block * hz / 100);
        (end[usize::from(end[0] <= self.fed)] - self.fed) as usize
    }

    fn feed(&mut self, block: &[f32]) {
        let audible = self.speaker.as_mut().is_some_and(|speaker| speaker.play(block.len()));
        self.follow_model(audible);
        self.fed += block.len() as u64;
        self.capture.process(block, 1, self.now());
        self.step();
    }

    fn now(&self) -> Nanos {
        self.rate.duration_of(self.fed)
    }

    fn step(&mut self) {
        let now = self.now();
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

    /// Lets it happen by the ways that it does when people talk.
    fn happen(&mut self, what: Happened) {
        match what {
            Happened::Started(reply) => {
                self.down(reply, Downlink::Audio(Samples::from_iter_max([0])));
                self.down(reply, Downlink::TurnComplete);
                self.step();
            }
            Happened::Finished(reply) => {
                for _ in 0..REPLY_FRAMES_MAX {
                    if !self.replies.contains(&reply) {
                        break;
                    }
                    self.render.process(&mut [0.0f32], 1, self.now(), 0);
                    self.step();
                }
            }
            Happened::Cut(reply) if self.replies.contains(&reply) => {
                self.down(reply, Downlink::Interrupted);
                self.step();
            }
            // Cut at the same onset as then.
            Happened::Cut(_) => {}
            Happened::Muted(muted) => {
                self.controls.muted.store(muted, Release);
                self.step();
            }
            Happened::ModeChanged(mode) => {
                self.controls.mode.ask(mode);
                self.step();
            }
        }
    }

    /// A reply begins and ends with what is audible of it. After a cut it goes
    /// on in the recording: as another, once the user is taken to have finished.
    fn follow_model(&mut self, audible: bool) {
        let Some(last) = self.model else { return };
        match (audible, self.replies.first().copied()) {
            (true, None) if !self.replayed.open => {
                self.model = Some(last.next());
                self.happen(Happened::Started(last.next()));
            }
            (false, Some(reply)) => self.happen(Happened::Finished(reply)),
            _ => {}
        }
    }

    fn down(&mut self, reply: ReplyId, payload: Downlink) {
        // The worker has emptied the ring: there is room.
        let _ =
            self.ends.downlink.push(DownlinkPacket { payload, reply, first_byte_at: self.now() });
    }

    fn voice(&mut self, at: FrameTime, probability: f32) {
        self.replayed.voice.push(Voice { at, probability });
    }

    /// Speech on and off.
    fn follow(&mut self, note: Note, heard_s: f64) {
        let on = match note.kind {
            NoteKind::Onset => {
                self.replayed.open = true;
                true
            }
            NoteKind::SpeechOn => true,
            NoteKind::SpeechOff(_) => false,
            NoteKind::EndOfTurn => {
                self.replayed.open = false;
                false
            }
            NoteKind::ReplyStarted(reply) => return self.replies.push(reply),
            NoteKind::ReplyFinished(reply) => return self.replies.retain(|r| *r != reply),
            NoteKind::ReplyCut { .. } => {
                self.replies.clear();
                // What is left of it in the ring.
                return self.render.process(&mut [0.0f32; REPLY_FRAMES_MAX], 1, self.now(), 0);
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
        let now = self.now();
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
