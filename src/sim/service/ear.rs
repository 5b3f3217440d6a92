//! The service's ear: finds the user's turns in what arrives, by its own
//! adaptive-energy detector or where the client says they are.

use std::{collections::VecDeque, ops::Range};

use super::{setup::Detection, voice::heard_at};
use crate::audio::{Nanos, Rate};

/// Kept from before an onset, so that a turn has its first syllable.
const PADDING_MS: u32 = 300;
/// The longest turn that is kept, ten minutes; the rest is counted.
const TURN_S_MAX: usize = 600;
const TEXT_BYTES_MAX: usize = 1 << 20;

/// A finished turn of the user.
#[derive(Clone, Debug)]
pub(super) struct UserTurn {
    /// What was heard, mono at `rate`, all of it.
    pub pcm: Vec<i16>,
    pub rate: Rate,
    /// Where in `pcm` there is sound rather than silence.
    pub speech: Range<usize>,
    /// What was written in it.
    pub text: String,
    /// The first sample's position among all that the connection received.
    pub start: u64,
    /// When it began.
    pub began: Nanos,
}

impl UserTurn {
    /// A turn in which nothing came yet.
    pub(super) fn new(rate: Rate, start: u64, began: Nanos) -> Self {
        Self { pcm: Vec::new(), rate, speech: 0..0, text: String::new(), start, began }
    }

    /// A turn that was written.
    pub(super) fn written(text: &str, began: Nanos) -> Self {
        Self { text: text.to_owned(), ..Self::new(Rate::UPLINK, 0, began) }
    }

    /// Nothing was said in it, nor written.
    pub(super) fn is_empty(&self) -> bool {
        self.speech.is_empty() && self.text.trim().is_empty()
    }

    /// How long its sound lasts, in seconds.
    pub(super) fn speech_secs(&self) -> f64 {
        self.rate.duration_of(self.speech.len() as u64).as_secs()
    }
}

/// What the ear found out.
#[derive(Debug)]
pub(super) enum Notice {
    Began,
    Ended(UserTurn),
}

/// Listens to one connection.
#[derive(Debug)]
pub(super) struct Ear {
    detection: Detection,
    detector: Detector,
    rate: Rate,
    received: u64,
    turn: Option<UserTurn>,
    before: VecDeque<i16>,
    hop: Vec<i16>,
    /// Samples that came outside of windows, or beyond the longest turn.
    pub discarded: u64,
}

impl Ear {
    pub(super) fn new(detection: Detection) -> Self {
        Self {
            detection,
            detector: Detector::new(),
            rate: Rate::UPLINK,
            received: 0,
            turn: None,
            before: VecDeque::new(),
            hop: Vec::new(),
            discarded: 0,
        }
    }

    pub(super) fn is_manual(&self) -> bool {
        self.detection == Detection::Manual
    }

    /// Takes what arrived; at most some turns begin and end in it.
    pub(super) fn hear(&mut self, now: Nanos, samples: &[i16], rate: Rate) -> Vec<Notice> {
        self.change_rate(rate);
        let mut notices = Vec::new();
        if self.is_manual() {
            self.received += samples.len() as u64;
            if self.turn.is_some() {
                self.keep(samples);
            } else {
                self.discarded += samples.len() as u64;
            }
            return notices;
        }
        let hop_len = self.rate.frames_in_ms(10);
        for &sample in samples {
            self.hop.push(sample);
            if self.hop.len() == hop_len {
                let hop = std::mem::take(&mut self.hop);
                self.detect(now, &hop, &mut notices);
                self.hop = hop;
                self.hop.clear();
            }
        }
        notices
    }

    /// One hop of 10 ms through the detector.
    fn detect(&mut self, now: Nanos, hop: &[i16], notices: &mut Vec<Notice>) {
        let Detection::Automatic { prefix_ms, silence_ms, cautious } = self.detection else {
            return;
        };
        self.received += hop.len() as u64;
        self.detector.hop(level_dbfs(hop), cautious, self.turn.is_some());
        if self.turn.is_some() {
            self.keep(hop);
            if self.detector.silence_ms >= silence_ms.max(10) {
                notices.extend(self.end().map(Notice::Ended));
            }
            return;
        }
        self.before.extend(hop);
        if self.detector.speech_ms >= prefix_ms.max(10) {
            let pcm = Vec::from(std::mem::take(&mut self.before));
            let start = self.received - pcm.len() as u64;
            self.turn = Some(UserTurn { pcm, ..UserTurn::new(self.rate, start, now) });
            self.detector.silence_ms = 0;
            notices.push(Notice::Began);
        } else {
            let padding = self.rate.frames_in_ms(PADDING_MS);
            let surplus = self.before.len().saturating_sub(padding);
            self.before.drain(..surplus);
        }
    }

    /// Opens a window by hand; false where one is open already.
    pub(super) fn begin(&mut self, now: Nanos) -> bool {
        let is_new = self.turn.is_none();
        let (rate, start) = (self.rate, self.received);
        self.turn.get_or_insert_with(|| UserTurn::new(rate, start, now));
        is_new
    }

    /// Closes the open turn, by hand or because the stream ended: what still
    /// waits for its hop belongs to it.
    pub(super) fn end(&mut self) -> Option<UserTurn> {
        let rest = std::mem::take(&mut self.hop);
        self.received += rest.len() as u64;
        self.keep(&rest);
        self.detector.rest();
        self.before.clear();
        let mut turn = self.turn.take()?;
        turn.speech = sound(&turn.pcm, turn.rate.frames_in_ms(10));
        Some(turn)
    }

    /// Adds what was written while a window is open; false outside of one.
    pub(super) fn write(&mut self, text: &str) -> bool {
        let Some(turn) = &mut self.turn else { return false };
        append(&mut turn.text, text);
        true
    }

    fn keep(&mut self, samples: &[i16]) {
        let Some(turn) = &mut self.turn else { return };
        let room = (TURN_S_MAX * self.rate.hz() as usize).saturating_sub(turn.pcm.len());
        let kept = samples.len().min(room);
        turn.pcm.extend(&samples[..kept]);
        self.discarded += (samples.len() - kept) as u64;
    }

    /// A stream that goes on at another rate takes what was heard along.
    fn change_rate(&mut self, rate: Rate) {
        if rate == self.rate {
            return;
        }
        if let Some(turn) = &mut self.turn {
            turn.pcm = heard_at(&turn.pcm, self.rate, rate);
            turn.rate = rate;
        }
        self.hop.clear();
        self.before.clear();
        self.rate = rate;
    }
}

/// Adds `more` to what was written, up to a mebibyte; the rest is cut.
pub(super) fn append(text: &mut String, more: &str) {
    let room = TEXT_BYTES_MAX.saturating_sub(text.len());
    let kept = (0..=more.len().min(room)).rev().find(|&end| more.is_char_boundary(end));
    text.push_str(&more[..kept.unwrap_or(0)]);
}

/// Tells speech from what is always there: a hop is speech when it stands out
/// of a noise floor that falls at once and rises slowly.
#[derive(Debug)]
struct Detector {
    floor_dbfs: f64,
    /// Speech heard lately, which silence takes away again.
    speech_ms: u32,
    /// Since the last two hops of speech in a row.
    silence_ms: u32,
    was_speech: bool,
}

impl Detector {
    const FLOOR_MIN_DBFS: f64 = -75.0;
    const FLOOR_MAX_DBFS: f64 = -40.0;
    const SPEECH_MIN_DBFS: f64 = -55.0;

    fn new() -> Self {
        Self { floor_dbfs: -60.0, speech_ms: 0, silence_ms: 0, was_speech: false }
    }

    fn hop(&mut self, level_dbfs: f64, cautious: bool, speaking: bool) {
        let margin_db = if cautious { 16.0 } else { 10.0 };
        let is_speech = level_dbfs > (self.floor_dbfs + margin_db).max(Self::SPEECH_MIN_DBFS);
        // Up by 2 dB/s, or 0.2 dB/s while speech hides the noise.
        let rise_db = if speaking { 0.002 } else { 0.02 };
        let towards = if level_dbfs < self.floor_dbfs {
            0.8 * self.floor_dbfs + 0.2 * level_dbfs
        } else {
            self.floor_dbfs + rise_db
        };
        self.floor_dbfs = towards.clamp(Self::FLOOR_MIN_DBFS, Self::FLOOR_MAX_DBFS);
        self.speech_ms =
            if is_speech { self.speech_ms + 10 } else { self.speech_ms.saturating_sub(10) };
        self.silence_ms = if is_speech && self.was_speech { 0 } else { self.silence_ms + 10 };
        self.was_speech = is_speech;
    }

    fn rest(&mut self) {
        *self = Self { floor_dbfs: self.floor_dbfs, ..Self::new() };
    }
}

/// RMS against full scale, −90 dBFS for digital silence.
fn level_dbfs(samples: &[i16]) -> f64 {
    let square = |&sample: &i16| f64::from(sample) * f64::from(sample);
    let mean = samples.iter().map(square).sum::<f64>() / samples.len().max(1) as f64;
    (10.0 * (mean / (32_768.0 * 32_768.0)).max(1e-9).log10()).max(-90.0)
}

/// From the first hop to the last that is within 35 dB of the loudest, with
/// 50 ms around; empty where nothing is over −60 dBFS.
fn sound(pcm: &[i16], hop: usize) -> Range<usize> {
    let levels: Vec<f64> = pcm.chunks(hop.max(1)).map(level_dbfs).collect();
    let loudest = levels.iter().copied().fold(-90.0, f64::max);
    let threshold = (loudest - 35.0).max(-60.0);
    let is_loud = |level: &f64| *level >= threshold;
    let Some(first) = levels.iter().position(is_loud) else { return 0..0 };
    let last = levels.iter().rposition(is_loud).unwrap_or(first);
    first.saturating_sub(5) * hop..((last + 6) * hop).min(pcm.len())
}
