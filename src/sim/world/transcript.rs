//! What happened in a world, printable as a timeline.

use std::fmt::{self, Write};

use crate::{
    audio::{DownlinkPacket, FrameTime, Nanos, NoteKind, TurnMode, Uplink, UplinkPacket},
    duplex::WorkerNote,
    link::LinkEvent,
};

/// What is kept at least of each list, where not all is.
const KEPT: usize = 500;

/// Everything that was recorded.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// What happened, in order.
    pub entries: Vec<(Nanos, Entry)>,
    /// All notes of the worker.
    pub notes: Vec<WorkerNote>,
    /// All packets from the worker to the link.
    pub uplink: Vec<Sent>,
    /// What the microphone captured.
    pub captured: Vec<f32>,
    /// What the speaker played.
    pub played: Vec<f32>,
    /// What the capture chain got as far end, beside `captured` as far as that
    /// is processed.
    pub far: Vec<f32>,
    /// Replies that were cut.
    pub cuts: Vec<Cut>,
    /// What was done to the voice path, where the sound is recorded.
    pub ops: Vec<Op>,
}

/// One thing done to the voice path: enough to do it again elsewhere.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "packets are large, and most ops are packets")]
pub enum Op {
    /// So many frames were captured at this time: the next of
    /// `Transcript::captured`.
    Capture(usize, Nanos),
    /// So many frames were rendered at this time.
    Render(usize, Nanos),
    /// The link handed this over.
    Downlink(DownlinkPacket),
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The worker noted this.
    Note(WorkerNote),
    /// The client sent a message of this kind.
    Up(&'static str),
    /// A message of this kind reached the client.
    Down(&'static str),
    /// The link told the supervisor.
    Link(LinkEvent),
    /// What was done to the world.
    Done(String),
}

/// A packet from the worker to the link.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// What it is, without the samples.
    pub kind: SentKind,
    /// As in [`UplinkPacket`].
    pub at: FrameTime,
    /// The samples, of audio.
    pub samples: Vec<i16>,
}

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentKind {
    /// The user began to speak.
    ActivityStart,
    /// Sound.
    Audio,
    /// The user's turn is over.
    ActivityEnd,
    /// The stream or the turn ends.
    StreamEnd,
    /// Turns are taken in another way.
    ModeChanged(TurnMode),
}

impl Sent {
    /// What this packet is.
    pub fn of(packet: &UplinkPacket) -> Self {
        let (kind, samples) = match &packet.payload {
            Uplink::ActivityStart => (SentKind::ActivityStart, Vec::new()),
            Uplink::Audio(samples) => (SentKind::Audio, samples.as_slice().to_vec()),
            Uplink::ActivityEnd => (SentKind::ActivityEnd, Vec::new()),
            Uplink::StreamEnd => (SentKind::StreamEnd, Vec::new()),
            Uplink::ModeChanged(mode) => (SentKind::ModeChanged(*mode), Vec::new()),
        };
        Self { kind, at: packet.at, samples }
    }

    /// The position of its first sample, or its own.
    pub fn first(&self) -> i64 {
        self.at.frames - self.samples.len() as i64
    }
}

/// A reply was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// When the worker did it.
    pub at: Nanos,
    /// Frames that the speaker had been given by then.
    pub played: u64,
}

impl Transcript {
    /// All samples that went to the link, one after another.
    pub fn uplink_samples(&self) -> Vec<i16> {
        self.uplink.iter().flat_map(|sent| sent.samples.iter().copied()).collect()
    }

    /// The windows that were opened: their first position, their samples, and
    /// where they closed.
    pub fn windows(&self) -> Vec<(i64, Vec<i16>, Option<i64>)> {
        let mut windows: Vec<(i64, Vec<i16>, Option<i64>)> = Vec::new();
        for sent in &self.uplink {
            match (sent.kind, windows.last_mut()) {
                (SentKind::ActivityStart, _) => windows.push((sent.at.frames, Vec::new(), None)),
                (SentKind::Audio, Some((_, samples, None))) => samples.extend(&sent.samples),
                (SentKind::ActivityEnd, Some((_, _, end))) => *end = Some(sent.at.frames),
                _ => {}
            }
        }
        windows
    }

    /// How often each message went up.
    pub fn count_up(&self, kind: &str) -> usize {
        self.entries.iter().filter(|(_, entry)| matches!(entry, Entry::Up(k) if *k == kind)).count()
    }

    /// Kinds of all notes that say what was decided, in order.
    pub fn decisions(&self) -> Vec<NoteKind> {
        let notes = self.notes.iter().filter(|note| !note.playback).map(|note| note.note.kind);
        notes.filter(|kind| !is_reading(kind)).collect()
    }
}

/// What is measured all the time, rather than decided.
fn is_reading(kind: &NoteKind) -> bool {
    matches!(kind, NoteKind::Voice { .. } | NoteKind::Level { .. })
}

impl Transcript {
    /// Keeps the last of everything but the sound.
    pub(super) fn forget(&mut self) {
        fn trim<T>(kept: &mut Vec<T>) {
            if kept.len() > 2 * KEPT {
                kept.drain(..kept.len() - KEPT);
            }
        }
        trim(&mut self.entries);
        trim(&mut self.notes);
        trim(&mut self.uplink);
        trim(&mut self.cuts);
    }

    pub(super) fn note(&mut self, note: WorkerNote) {
        if !is_reading(&note.note.kind) {
            self.entries.push((note.seen_at, Entry::Note(note)));
        }
        self.notes.push(note);
    }
}

/// The timeline: one line for each thing, messages of audio in a row in one.
/// What the session said is left out: the messages that it said it of are there.
impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told =
            |(_, entry): &&(Nanos, Entry)| !matches!(entry, Entry::Link(LinkEvent::Session(_)));
        let mut entries = self.entries.iter().filter(told).peekable();
        while let Some((at, entry)) = entries.next() {
            let mut line = format!("{:9.3}  {entry}", at.as_secs());
            if matches!(entry, Entry::Up("audio") | Entry::Down("modelTurn")) {
                let mut count = 1;
                while entries.next_if(|(_, next)| next == entry).is_some() {
                    count += 1;
                }
                write!(line, " ×{count}")?;
            }
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up(kind) => write!(f, "wire   > {kind}"),
            Self::Down(kind) => write!(f, "wire   < {kind}"),
            Self::Done(what) => write!(f, "world    {what}"),
            Self::Link(event) => write!(f, "link     {event:?}"),
            Self::Note(WorkerNote { note, .. }) => {
                write!(f, "worker   {:?} at {:?}", note.kind, note.at)?;
                if note.decided_at == note.at {
                    return Ok(());
                }
                write!(f, ", decided at {:?}", note.decided_at)
            }
        }
    }
}
