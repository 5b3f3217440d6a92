//! What real-time code has to say: small values, stamped in frames, so that a
//! decision depends on samples only and never on when a thread ran.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::{level::Dbfs, reply::ReplyId, time::FrameTime, turn_mode::TurnMode, wait::Wait};

/// Who holds the right to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FloorState {
    /// Nobody.
    #[default]
    Free,
    /// Our talker.
    User,
    /// The model, as long as it is audible.
    Model,
    /// Both.
    Overlap,
}

/// What an echo canceller knows of its work.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EchoHealth {
    /// How much quieter the echo is at the microphone than what was played, in
    /// decibels; negative where it is louder.
    pub return_loss_db: f32,
    /// How much quieter than that it leaves the canceller, in decibels.
    pub enhancement_db: f32,
    /// How well the echo is predicted: 0 not at all, 1 as well as it can be.
    pub trust: f32,
    /// When most of the echo arrives after it was played, in milliseconds.
    pub delay_ms: f32,
}

/// How careful we are with an echo, from not at all up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum EchoStep {
    /// Not at all: it is under control.
    #[default]
    Free,
    /// Replies are played more quietly.
    Quieter,
    /// Besides, more speech is needed to cut one.
    Strict,
    /// Half duplex: the microphone is closed while the model is audible.
    Half,
}

impl EchoStep {
    /// One more.
    #[must_use]
    pub const fn up(self) -> Self {
        match self {
            Self::Free => Self::Quieter,
            Self::Quieter => Self::Strict,
            Self::Strict | Self::Half => Self::Half,
        }
    }

    /// One less.
    #[must_use]
    pub const fn down(self) -> Self {
        match self {
            Self::Free | Self::Quieter => Self::Free,
            Self::Strict => Self::Quieter,
            Self::Half => Self::Strict,
        }
    }

    /// What machines call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Quieter => "quieter",
            Self::Strict => "strict",
            Self::Half => "half",
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoteKind {
    /// A voice detector's answer for its hop, which ends with frame `at`.
    Voice {
        /// 0 to 1.
        probability: f32,
    },
    /// A meter's reading over the block.
    Level {
        /// Root mean square.
        rms: Dbfs,
        /// Highest magnitude.
        peak: Dbfs,
    },
    /// A gate opened or closed.
    Gate {
        /// Which of the two.
        open: bool,
    },
    /// Speech may have begun with frame `at`.
    Likely,
    /// What seemed to be speech was too short.
    FalseAlarm,
    /// Speech began with frame `at`; decided with frame `decided_at`.
    Onset,
    /// Speech stopped with frame `at`; the turn goes on if speech does within
    /// this wait.
    SpeechOff(Wait),
    /// In a pause after frame `at` a model was heard: the turn goes on if speech
    /// does within this wait.
    WaitChanged(Wait),
    /// After a pause, speech goes on with frame `at` in the same turn.
    SpeechOn,
    /// The turn ended: its last speech was frame `at`.
    EndOfTurn,
    /// A window for the user's speech opened; its first frame is `at`.
    WindowOpened,
    /// The window closed; nothing from frame `at` on is sent.
    WindowClosed,
    /// The floor changed hands.
    Floor(FloorState),
    /// The first frame of a reply went to the render ring.
    ReplyStarted(ReplyId),
    /// The last frame of a reply was played and the device's latency is over.
    ReplyFinished(ReplyId),
    /// A reply was cut; so much of it had been played.
    ReplyCut {
        /// Which reply.
        reply: ReplyId,
        /// Frames at 24 kHz that the render callback had played.
        heard_frames: u32,
    },
    /// The reply ran dry before its end.
    Starved(ReplyId),
    /// The server interrupted, but nothing was playing and nobody spoke.
    PhantomInterrupted,
    /// The capture side lost frames; silence stands in for them.
    Gap {
        /// How many device frames.
        frames: u32,
    },
    /// Captured audio that could not be handed to the link.
    UplinkLost {
        /// How many frames at 16 kHz.
        frames: u32,
    },
    /// How the echo of the loudspeaker is doing, ten times a second while it is
    /// active.
    Echo(EchoHealth),
    /// The echo canceller failed and was made anew, so many times by now. It
    /// knows nothing of the room yet: the next second has more echo.
    CancellerRebuilt {
        /// This time included.
        times: u32,
    },
    /// The echo is more or less under control than it was.
    EchoGuard(EchoStep),
    /// The reply in the foreground was made quieter, or not any more.
    Ducked(bool),
    /// The microphone was muted, or not any more.
    Muted(bool),
    /// The microphone was opened anew; frame `at` is its first.
    MicrophoneBack,
    /// The speaker was opened anew.
    SpeakerBack {
        /// Frames at its rate before that were never played.
        lost_frames: u32,
    },
    /// Turns are taken in another way from here on.
    ModeChanged(TurnMode),
}

/// One event and the frames it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Note {
    /// What happened.
    pub kind: NoteKind,
    /// The frame that it happened at.
    pub at: FrameTime,
    /// The last frame that had been looked at when it was decided.
    pub decided_at: FrameTime,
}

impl Note {
    /// A note whose event was seen as it happened.
    pub const fn now(kind: NoteKind, at: FrameTime) -> Self {
        Self { kind, at, decided_at: at }
    }
}

/// The notes of one block: a fixed array that counts what it refuses.
#[derive(Debug)]
pub struct Notes {
    slots: [Option<Note>; Notes::CAPACITY],
    len: usize,
    refused: u32,
}

impl Default for Notes {
    fn default() -> Self {
        Self { slots: [None; Self::CAPACITY], len: 0, refused: 0 }
    }
}

impl Notes {
    /// How many notes one block may leave. A `vad` with a 10 ms hop leaves
    /// one, and every other stage at most two.
    pub const CAPACITY: usize = 32;

    /// Adds a note, or counts it as refused.
    pub fn push(&mut self, note: Note) {
        match self.slots.get_mut(self.len) {
            Some(slot) => {
                *slot = Some(note);
                self.len += 1;
            }
            None => self.refused = self.refused.saturating_add(1),
        }
    }

    /// The notes in the order they were pushed.
    pub fn iter(&self) -> impl Iterator<Item = Note> + '_ {
        self.slots[..self.len].iter().flatten().copied()
    }

    /// The note with this number, counted from 0.
    pub fn get(&self, index: usize) -> Option<Note> {
        self.slots[..self.len].get(index).copied().flatten()
    }

    /// Empties it; the count of refused notes stays.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// How many notes found no room since it was made.
    pub fn refused(&self) -> u32 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Rate;

    #[test]
    fn notes_keep_their_order_and_count_what_finds_no_room() {
        let mut notes = Notes::default();
        for frame in 0..40 {
            let at = FrameTime::start(Rate::UPLINK, 0).plus(frame);
            notes.push(Note::now(NoteKind::Likely, at));
        }
        let frames: Vec<_> = notes.iter().map(|n| n.at.frames).collect();
        assert_eq!(frames, (0..32).collect::<Vec<_>>());
        assert_eq!(notes.refused(), 8);
        notes.clear();
        assert_eq!(notes.iter().count(), 0);
    }
}
