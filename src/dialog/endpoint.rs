//! From voice probabilities and sound to the beginning and the end of turns.
//!
//! ```text
//!          On: Onset                 Off: SpeechOff(wait)
//!  Quiet ─────────────▶ Speaking ──────────────────────────▶ Trailing
//!    ▲                     ▲                                  │    │
//!    │                     └──────────────────────────────────┘    │
//!    │                            On: SpeechOn                     │
//!    └─────────────────────────────────────────────────────────────┘
//!                silence ≥ wait, nothing likely: EndOfTurn
//! ```
//!
//! While Trailing, a model may be heard: WaitChanged(wait).
//!
//! Everything is counted in frames of the detector's hops, so that the same
//! samples give the same decisions whenever a thread ran.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::{
    Patience, Prosody,
    settings::TurnSettings,
    speech::{Change, SpeechDetector},
};
use crate::audio::{FrameTime, Note, NoteKind, Rate, Wait};

/// A shorter silence is a consonant, not a pause.
const PAUSE_MS_MIN: u32 = 150;
/// Who goes on within 2 s of an end had not finished: what was said before it
/// still counts.
const RESUMED_MS_MAX: u32 = 2_000;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Quiet,
    Speaking,
    /// The last frame of speech, and for how long the turn may go on.
    Trailing {
        last: FrameTime,
        wait: Wait,
    },
}

/// Hears one talker's turns begin and end.
#[derive(Debug)]
pub struct Endpoint {
    speech: SpeechDetector,
    prosody: Prosody,
    patience: Patience,
    state: State,
    pauses: u32,
    /// The last frame of the turn before.
    ended: Option<FrameTime>,
}

impl Endpoint {
    /// An endpoint for sound at 16 kHz and hops of it.
    pub fn new(settings: &TurnSettings) -> Self {
        Self {
            speech: SpeechDetector::new(settings, Rate::UPLINK),
            prosody: Prosody::new(),
            patience: Patience::new(settings),
            state: State::Quiet,
            pauses: 0,
            ended: None,
        }
    }

    /// Whether an onset would cut a reply from now on: more speech is needed
    /// for it then than in silence, and humming does not count.
    pub fn set_over_reply(&mut self, over_reply: bool) {
        self.speech.set_over_reply(over_reply);
    }

    /// Whether even more is needed then, and surer: what is left of the echo
    /// may sound like speech.
    pub fn set_strict(&mut self, strict: bool) {
        self.speech.set_strict(strict);
    }

    /// Whether a turn has begun and not ended.
    pub fn in_turn(&self) -> bool {
        self.state != State::Quiet
    }

    /// Takes sound, before the probabilities of the hops that end in it.
    pub fn listen(&mut self, samples: &[f32]) {
        self.prosody.hear(samples);
    }

    /// Takes the probability of the hop whose last frame is `at`; at most one
    /// thing comes of it.
    pub fn hear(&mut self, at: FrameTime, probability: f32) -> Option<Note> {
        self.prosody.judge(self.speech.is_voice(probability));
        let change = self.speech.hear(at, probability, &self.prosody);
        let (kind, about) = match (self.state, change) {
            (State::Quiet, Some(Change::Likely(first))) => (NoteKind::Likely, first),
            (State::Quiet, Some(Change::FalseAlarm(first))) => (NoteKind::FalseAlarm, first),
            (State::Quiet, Some(Change::On(first))) => {
                self.begin(first);
                (NoteKind::Onset, first)
            }
            (State::Speaking, Some(Change::Off(last))) => self.pause(last),
            (State::Trailing { last, .. }, Some(Change::On(first))) => {
                let pause_frames_min = at.rate.frames_in_ms(PAUSE_MS_MIN) as i64;
                self.pauses += u32::from(first.frames - last.frames >= pause_frames_min);
                self.state = State::Speaking;
                (NoteKind::SpeechOn, first)
            }
            (State::Trailing { last, wait }, _)
                if at.frames - last.frames >= wait_frames(last, wait)
                    && !self.speech.is_likely() =>
            {
                self.state = State::Quiet;
                self.ended = Some(last);
                (NoteKind::EndOfTurn, last)
            }
            _ => return None,
        };
        Some(Note { kind, at: about, decided_at: at })
    }

    fn begin(&mut self, first: FrameTime) {
        self.state = State::Speaking;
        let silence = self.ended.and_then(|ended| first.frames_since(ended));
        let resumed_frames_max = first.rate.frames_in_ms(RESUMED_MS_MAX) as i64;
        if silence.is_some_and(|frames| frames < resumed_frames_max) {
            self.pauses += 1;
        } else {
            self.pauses = 0;
            self.prosody.begin_turn();
        }
    }

    fn pause(&mut self, last: FrameTime) -> (NoteKind, FrameTime) {
        let wait = self.patience.wait(&self.prosody.cues(), self.pauses);
        self.state = State::Trailing { last, wait };
        (NoteKind::SpeechOff(wait), last)
    }

    /// Takes a model's word on the pause that goes on, before the hop whose
    /// last frame is `at`: how probable it is, from 0 to 1, that the turn is
    /// over. `None` where it changes nothing, as in speech.
    pub fn advise(&mut self, at: FrameTime, over: f32) -> Option<Note> {
        let State::Trailing { last, wait } = self.state else { return None };
        let wait = self.patience.advised(&wait, over)?;
        self.state = State::Trailing { last, wait };
        Some(Note { kind: NoteKind::WaitChanged(wait), at: last, decided_at: at })
    }

    /// Ends whatever is going on at `at`: the microphone was muted, lost or is
    /// not listened to. A turn that had begun ends.
    pub fn close(&mut self, at: FrameTime) -> Option<Note> {
        let state = std::mem::replace(&mut self.state, State::Quiet);
        let (kind, about) = match (state, self.speech.close()) {
            (State::Quiet, Some(Change::FalseAlarm(first))) => (NoteKind::FalseAlarm, first),
            (State::Speaking, Some(Change::Off(last))) | (State::Trailing { last, .. }, _) => {
                (NoteKind::EndOfTurn, last)
            }
            _ => return None,
        };
        Some(Note { kind, at: about, decided_at: at })
    }
}

fn wait_frames(last: FrameTime, wait: Wait) -> i64 {
    last.rate.frames_in_ms(u32::from(wait.ms)) as i64
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
