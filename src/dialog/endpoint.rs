//! From voice probabilities to the beginning and the end of speech.
//!
//! ```text
//!          p ≥ on              speech ≥ needed            p < off
//!  Quiet ─────────▶ Maybe ──────────────────▶ Speaking ─────────▶ Trailing
//!    ▲   Likely       │        Onset              ▲   SpeechOff      │ │
//!    │                │ p < off: FalseAlarm       └──────────────────┘ │
//!    ├────────────────┘                                p ≥ on          │
//!    └─────────────────────────────────────────────────────────────────┘
//!                             silence ≥ hangover: EndOfTurn
//! ```
//!
//! Everything is counted in frames of the detector's hops, so that the same
//! samples give the same decisions whenever a thread ran.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::settings::TurnSettings;
use crate::audio::{FrameTime, Note, NoteKind, Rate};

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Quiet,
    Maybe { onset: FrameTime, speech: i64 },
    Speaking { last: FrameTime },
    Trailing { last: FrameTime },
}

/// Hears speech begin and end in one talker's voice probabilities.
#[derive(Debug)]
pub struct Endpoint {
    threshold: f32,
    threshold_off: f32,
    hangover_frames: i64,
    needed_frames: i64,
    state: State,
    heard_to: Option<FrameTime>,
}

impl Endpoint {
    /// An endpoint for hops at `rate`.
    pub fn new(settings: &TurnSettings, rate: Rate) -> Self {
        Self {
            threshold: settings.threshold,
            threshold_off: settings.threshold_off.min(settings.threshold),
            hangover_frames: rate.frames_in_ms(settings.hangover_ms) as i64,
            needed_frames: rate.frames_in_ms(settings.onset_ms) as i64,
            state: State::Quiet,
            heard_to: None,
        }
    }

    /// How many frames of speech make an onset from now on; more while the
    /// model speaks than in silence.
    pub fn set_needed_frames(&mut self, frames: usize) {
        self.needed_frames = frames as i64;
    }

    /// Whether a turn has begun and not ended.
    pub fn in_turn(&self) -> bool {
        matches!(self.state, State::Speaking { .. } | State::Trailing { .. })
    }

    /// Takes the probability of the hop whose last frame is `at`; at most one
    /// thing comes of it.
    pub fn hear(&mut self, at: FrameTime, probability: f32) -> Option<Note> {
        let first = match self.heard_to.and_then(|to| at.frames_since(to)) {
            Some(hop) if hop > 0 => at.plus(1 - hop),
            _ => at,
        };
        let hop = at.frames - first.frames + 1;
        self.heard_to = Some(at);
        let speech = probability >= self.threshold;
        let silence = probability < self.threshold_off;
        match self.state {
            State::Quiet if speech => self.maybe(first, hop, at, true),
            State::Maybe { onset, speech: before } if !silence => {
                let before = before + if speech { hop } else { 0 };
                self.maybe(onset, before, at, false)
            }
            State::Maybe { onset, .. } => {
                self.state = State::Quiet;
                Some(Note { kind: NoteKind::FalseAlarm, at: onset, decided_at: at })
            }
            State::Speaking { .. } if !silence => {
                self.state = State::Speaking { last: at };
                None
            }
            State::Speaking { last } => {
                self.state = State::Trailing { last };
                Some(Note { kind: NoteKind::SpeechOff, at: last, decided_at: at })
            }
            State::Trailing { .. } if speech => {
                self.state = State::Speaking { last: at };
                None
            }
            State::Trailing { last } if at.frames - last.frames >= self.hangover_frames => {
                self.state = State::Quiet;
                Some(Note { kind: NoteKind::EndOfTurn, at: last, decided_at: at })
            }
            State::Quiet | State::Trailing { .. } => None,
        }
    }

    fn maybe(&mut self, onset: FrameTime, speech: i64, at: FrameTime, fresh: bool) -> Option<Note> {
        if speech >= self.needed_frames {
            self.state = State::Speaking { last: at };
            return Some(Note { kind: NoteKind::Onset, at: onset, decided_at: at });
        }
        self.state = State::Maybe { onset, speech };
        fresh.then_some(Note { kind: NoteKind::Likely, at: onset, decided_at: at })
    }

    /// Ends whatever is going on at `at`: the microphone was muted, lost or is
    /// not listened to. A turn that had begun ends.
    pub fn close(&mut self, at: FrameTime) -> Option<Note> {
        let state = std::mem::replace(&mut self.state, State::Quiet);
        self.heard_to = None;
        match state {
            State::Quiet => None,
            State::Maybe { onset, .. } => {
                Some(Note { kind: NoteKind::FalseAlarm, at: onset, decided_at: at })
            }
            State::Speaking { last } | State::Trailing { last } => {
                Some(Note { kind: NoteKind::EndOfTurn, at: last, decided_at: at })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOP: i64 = 256;

    fn hear(endpoint: &mut Endpoint, probabilities: &[f32]) -> Vec<(NoteKind, i64, i64)> {
        let start = FrameTime::start(Rate::UPLINK, 0);
        let hops = probabilities.iter().enumerate();
        hops.filter_map(|(i, p)| endpoint.hear(start.plus((i as i64 + 1) * HOP - 1), *p))
            .map(|n| (n.kind, n.at.frames, n.decided_at.frames))
            .collect()
    }

    fn endpoint() -> Endpoint {
        let settings = TurnSettings { onset_ms: 64, hangover_ms: 160, ..TurnSettings::default() };
        Endpoint::new(&settings, Rate::UPLINK)
    }

    #[test]
    fn speech_is_likely_then_certain_then_over() {
        let mut p = vec![0.0, 0.9, 0.9, 0.9, 0.9, 0.45, 0.1];
        p.extend([0.0; 12]);
        let last = 6 * HOP - 1;
        assert_eq!(
            hear(&mut endpoint(), &p),
            [
                (NoteKind::Likely, HOP, 2 * HOP - 1),
                (NoteKind::Onset, HOP, 5 * HOP - 1),
                (NoteKind::SpeechOff, last, 7 * HOP - 1),
                (NoteKind::EndOfTurn, last, last + 10 * HOP),
            ]
        );
    }

    #[test]
    fn a_click_is_a_false_alarm() {
        assert_eq!(
            hear(&mut endpoint(), &[0.9, 0.9, 0.0, 0.0]),
            [(NoteKind::Likely, HOP - 1, HOP - 1), (NoteKind::FalseAlarm, HOP - 1, 3 * HOP - 1),]
        );
    }

    #[test]
    fn a_pause_shorter_than_the_hangover_does_not_end_the_turn() {
        use NoteKind::{EndOfTurn, Likely, Onset, SpeechOff};
        let p = [&[0.9; 6][..], &[0.0; 9], &[0.9; 3], &[0.0; 11]].concat();
        let kinds: Vec<_> = hear(&mut endpoint(), &p).into_iter().map(|n| n.0).collect();
        assert_eq!(kinds, [Likely, Onset, SpeechOff, SpeechOff, EndOfTurn]);
    }

    #[test]
    fn closing_ends_a_turn_once() {
        let mut endpoint = endpoint();
        hear(&mut endpoint, &[0.9; 6]);
        assert!(endpoint.in_turn());
        let at = FrameTime::start(Rate::UPLINK, 0).plus(2_000);
        assert_eq!(endpoint.close(at).map(|n| n.kind), Some(NoteKind::EndOfTurn));
        assert_eq!(endpoint.close(at), None);
    }

    proptest! {
        #[test]
        fn onsets_and_ends_alternate_whatever_is_heard(
            p in prop::collection::vec(0.0f32..1.0, 0..400)
        ) {
            let mut in_turn = false;
            for (kind, at, decided) in hear(&mut endpoint(), &p) {
                prop_assert!(at <= decided);
                match kind {
                    NoteKind::Onset => prop_assert!(!std::mem::replace(&mut in_turn, true)),
                    NoteKind::EndOfTurn => prop_assert!(std::mem::replace(&mut in_turn, false)),
                    NoteKind::Likely | NoteKind::FalseAlarm => prop_assert!(!in_turn),
                    _ => prop_assert!(in_turn),
                }
            }
        }
    }
}
