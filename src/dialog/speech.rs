//! Is somebody speaking: hysteresis over a detector's probabilities, and what
//! makes a detector believable.
//!
//! A probability alone is not enough: dishes reach 0.9 for a third of a
//! second. So speech begins when a hop is as likely as `threshold` for long
//! enough and there is pitch in it, as every voice has within its first
//! syllable; what has none must last `unvoiced_ms`. What is far over the noise
//! may be a little less likely, and needs no pitch.
//!
//! Over a reply more of it is needed, and "mm-hm" is not enough: three quarters
//! must not be hummed, unless it lasts longer than such a word.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::{Prosody, settings::TurnSettings};
use crate::audio::{FrameTime, Rate};

/// How far back pitch counts.
const VOICED_MS: u32 = 100;
/// Neither faint nor loud: 8 dB over the noise, give or take as much.
const USUAL_DB: f32 = 8.0;
/// What a loud hop may be less likely, and a faint one must be more.
const LEVEL_WEIGHT: f32 = 0.05;
/// No noise stands so far out for long.
const FAR_OUT_DB: f32 = 18.0;
/// Where the echo may sound like speech: twice the speech, and so much more
/// likely, up to what any voice reaches.
const STRICT_TIMES: i64 = 2;
const STRICTER: f32 = 0.15;
const THRESHOLD_MAX: f32 = 0.9;
/// Silence that is no gap between two sounds.
const RELEASE_MS: u32 = 32;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    /// It may have begun with this frame.
    Likely(FrameTime),
    /// What may have begun there had not.
    FalseAlarm(FrameTime),
    /// It began with this frame.
    On(FrameTime),
    /// It ended with this frame.
    Off(FrameTime),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Off,
    Maybe { first: FrameTime, heard: Heard },
    On { last: FrameTime },
}

/// Frames of what may be speech.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Heard {
    /// In a row that are likely…
    likely: i64,
    /// …and that are far over the noise too.
    loud: i64,
    /// In all that are likely and not hummed…
    spoken: i64,
    /// …and that are likely and no breath between two sounds.
    sounding: i64,
}

/// Hears speech begin and end, hop by hop.
#[derive(Debug)]
pub(super) struct SpeechDetector {
    threshold: f32,
    threshold_off: f32,
    onset_frames: i64,
    confirm_frames: i64,
    backchannel_frames: i64,
    over_reply: bool,
    strict: bool,
    unvoiced_frames: i64,
    release_frames: i64,
    state: State,
    heard_to: Option<FrameTime>,
}

impl SpeechDetector {
    pub(super) fn new(settings: &TurnSettings, rate: Rate) -> Self {
        Self {
            threshold: settings.threshold,
            threshold_off: settings.threshold_off.min(settings.threshold),
            onset_frames: rate.frames_in_ms(settings.onset_ms) as i64,
            confirm_frames: rate.frames_in_ms(settings.confirm_ms) as i64,
            backchannel_frames: rate.frames_in_ms(settings.backchannel_ms) as i64,
            over_reply: false,
            strict: false,
            unvoiced_frames: rate.frames_in_ms(settings.unvoiced_ms) as i64,
            release_frames: rate.frames_in_ms(RELEASE_MS) as i64,
            state: State::Off,
            heard_to: None,
        }
    }

    pub(super) fn set_over_reply(&mut self, over_reply: bool) {
        self.over_reply = over_reply;
    }

    pub(super) fn set_strict(&mut self, strict: bool) {
        self.strict = strict;
    }

    /// Whether speech may just be beginning.
    pub(super) fn is_likely(&self) -> bool {
        matches!(self.state, State::Maybe { .. })
    }

    /// Whether a hop of this probability is part of speech that goes on.
    pub(super) fn is_voice(&self, probability: f32) -> bool {
        probability >= self.threshold_off
    }

    /// Takes the hop whose last frame is `at`.
    pub(super) fn hear(
        &mut self,
        at: FrameTime,
        probability: f32,
        prosody: &Prosody,
    ) -> Option<Change> {
        let first = match self.heard_to.and_then(|to| at.frames_since(to)) {
            Some(hop) if hop > 0 => at.plus(1 - hop),
            _ => at,
        };
        let hop = at.frames - first.frames + 1;
        self.heard_to = Some(at);
        let is_voice = self.is_voice(probability);
        if let State::On { last } = self.state {
            if is_voice {
                self.state = State::On { last: at };
                return None;
            }
            let silent = at.frames - last.frames >= self.release_frames;
            return silent.then(|| self.end(Change::Off(last)));
        }
        let over_floor_db = prosody.over_floor_db();
        let loudness = ((over_floor_db - USUAL_DB) / USUAL_DB).clamp(-1.0, 1.0);
        let likely = probability + LEVEL_WEIGHT * loudness >= self.threshold();
        let loud = likely && over_floor_db >= FAR_OUT_DB;
        let (first, before, is_new) = match self.state {
            State::Maybe { first, .. } if !is_voice => {
                return Some(self.end(Change::FalseAlarm(first)));
            }
            State::Maybe { first, heard } => (first, heard, false),
            _ if likely => (first, Heard::default(), true),
            _ => return None,
        };
        let count = |is_so: bool| if is_so { hop } else { 0 };
        let heard = Heard {
            likely: if likely { before.likely + hop } else { 0 },
            loud: if loud { before.loud + hop } else { 0 },
            spoken: before.spoken + count(likely && !prosody.is_hum()),
            sounding: before.sounding + count(likely && !prosody.is_faint()),
        };
        if self.is_believable(heard, prosody) {
            self.state = State::On { last: at };
            return Some(Change::On(first));
        }
        self.state = State::Maybe { first, heard };
        is_new.then_some(Change::Likely(first))
    }

    fn threshold(&self) -> f32 {
        let strict = (self.threshold + STRICTER).min(THRESHOLD_MAX).max(self.threshold);
        if self.strict && self.over_reply { strict } else { self.threshold }
    }

    fn is_believable(&self, heard: Heard, prosody: &Prosody) -> bool {
        let needed = match (self.over_reply, self.strict) {
            (false, _) => self.onset_frames,
            (true, false) => self.confirm_frames,
            (true, true) => STRICT_TIMES * self.confirm_frames,
        };
        let is_voice = prosody.is_voiced(VOICED_MS) || heard.likely >= self.unvoiced_frames;
        let is_speech = heard.loud >= needed || (heard.likely >= needed && is_voice);
        // Not all of it: "no" and "my" begin through the nose.
        let is_word = 4 * heard.spoken >= 3 * needed || heard.sounding >= self.backchannel_frames;
        is_speech && (is_word || !self.over_reply)
    }

    fn end(&mut self, change: Change) -> Change {
        self.state = State::Off;
        change
    }

    /// Nothing more is heard.
    pub(super) fn close(&mut self) -> Option<Change> {
        self.heard_to = None;
        match std::mem::replace(&mut self.state, State::Off) {
            State::Off => None,
            State::Maybe { first, .. } => Some(Change::FalseAlarm(first)),
            State::On { last } => Some(Change::Off(last)),
        }
    }
}
