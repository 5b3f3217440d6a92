//! Who speaks into the virtual microphone: utterances at given times or when
//! the model begins or ends, over the noise of a room.

use std::{collections::VecDeque, sync::Arc};

use super::seed::Seed;
use crate::audio::{Dbfs, Nanos, Rate};

/// When an utterance begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// At this time.
    At(Nanos),
    /// So long after a reply has begun, if it is still to be heard then or not.
    /// What begins before the utterance before it is over counts as long as it
    /// is audible.
    IntoReply(Nanos),
    /// So long after a reply has ended, later than the utterance before.
    AfterReply(Nanos),
    /// So long after the utterance before.
    AfterPause(Nanos),
}

/// Something to say.
#[derive(Clone, Debug)]
pub struct Utterance {
    /// When.
    pub cue: Cue,
    /// What, at the rate of the microphone.
    pub sound: Arc<[f32]>,
}

impl Utterance {
    /// `sound`, said at `cue`.
    pub fn new(cue: Cue, sound: impl Into<Arc<[f32]>>) -> Self {
        Self { cue, sound: sound.into() }
    }

    /// The same with this RMS level, counted from its first sample to its last.
    #[must_use]
    pub fn at_level(self, level: Dbfs) -> Self {
        let gain = level.amplitude() / Dbfs::rms_of(&self.sound).amplitude();
        let sound = self.sound.iter().map(|sample| gain * sample).collect();
        Self { sound, ..self }
    }
}

/// One person, in a room with steady noise.
#[derive(Debug)]
pub struct Talker {
    rate: Rate,
    script: VecDeque<Utterance>,
    /// The first frame of what is being said, where that is known.
    begins: Option<u64>,
    /// When the utterance before was over.
    ended_at: Nanos,
    model_began: Option<Nanos>,
    model_audible: bool,
    noise: f32,
    seed: Seed,
    said: u64,
}

impl Talker {
    /// A talker at a microphone of `rate` in a room with white noise of that
    /// RMS level, or none at all.
    pub fn new(rate: Rate, script: Vec<Utterance>, noise: Option<Dbfs>, seed: Seed) -> Self {
        // The RMS of a uniform draw from -1 to 1 is 1/√3.
        let noise = noise.map_or(0.0, |level| level.amplitude() * 3f32.sqrt());
        let mut talker = Self {
            rate,
            script: script.into(),
            begins: None,
            ended_at: Nanos::ZERO,
            model_began: None,
            model_audible: false,
            noise,
            seed,
            said: 0,
        };
        talker.take_cue_of_time();
        talker
    }

    /// The first frame of a reply was played.
    pub fn reply_began(&mut self, now: Nanos) {
        self.model_audible = true;
        self.model_began = Some(now);
        self.take_cue_of_reply();
    }

    /// A reply ended or was cut.
    pub fn reply_ended(&mut self, now: Nanos) {
        self.model_audible = false;
        if let (None, Some(Cue::AfterReply(pause))) = (self.begins, self.cue()) {
            self.begins = Some(self.rate.frames_in(now + pause));
        }
    }

    /// Adds what is heard at the microphone from frame `first` on.
    pub fn speak(&mut self, first: u64, out: &mut [f32]) {
        let end = first + out.len() as u64;
        while let Some(begins) = self.begins.filter(|begins| *begins < end) {
            let begins = begins.max(if self.said == 0 { first } else { begins });
            let Some(utterance) = self.script.front() else { break };
            let skipped = (begins.max(first) - first) as usize;
            let rest = &utterance.sound[self.said as usize..];
            for (slot, sample) in out[skipped..].iter_mut().zip(rest) {
                *slot += sample;
            }
            let count = rest.len().min(out.len() - skipped);
            if count < rest.len() {
                self.said += count as u64;
                self.begins = Some(begins);
                break;
            }
            self.end_utterance(first + (skipped + count) as u64);
        }
        if self.noise > 0.0 {
            for slot in out {
                *slot += self.noise * (2.0 * self.seed.unit() as f32 - 1.0);
            }
        }
    }

    /// Whether everything has been said.
    pub fn is_done(&self) -> bool {
        self.script.is_empty()
    }

    fn cue(&self) -> Option<Cue> {
        self.script.front().map(|utterance| utterance.cue)
    }

    fn end_utterance(&mut self, end: u64) {
        self.script.pop_front();
        (self.begins, self.said) = (None, 0);
        self.ended_at = self.rate.duration_of(end);
        self.take_cue_of_time();
        if self.model_audible {
            self.take_cue_of_reply();
        }
    }

    fn take_cue_of_time(&mut self) {
        let at = match self.cue() {
            Some(Cue::At(at)) => at,
            Some(Cue::AfterPause(pause)) => self.ended_at + pause,
            _ => return,
        };
        self.begins = Some(self.rate.frames_in(at));
    }

    fn take_cue_of_reply(&mut self) {
        if let (None, Some(Cue::IntoReply(after)), Some(began)) =
            (self.begins, self.cue(), self.model_began)
        {
            self.begins = Some(self.rate.frames_in(began + after));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn talker(cues: &[Cue]) -> Talker {
        let script = cues.iter().map(|cue| Utterance::new(*cue, vec![1.0; 16])).collect();
        Talker::new(Rate::UPLINK, script, None, Seed::new(1))
    }

    fn listen(talker: &mut Talker, first: u64, frames: usize) -> Vec<u64> {
        let mut out = vec![0.0; frames];
        talker.speak(first, &mut out);
        (first..).zip(out).filter(|(_, sample)| *sample != 0.0).map(|(at, _)| at).collect()
    }

    #[test]
    fn an_utterance_begins_on_its_frame_and_is_said_once_whole() {
        let mut talker = talker(&[Cue::At(Nanos(MS)), Cue::AfterPause(Nanos(MS))]);
        let said: Vec<u64> = (0..20).flat_map(|i| listen(&mut talker, i * 5, 5)).collect();
        assert_eq!(said, (16..32).chain(48..64).collect::<Vec<_>>());
        assert!(talker.is_done());
    }

    #[test]
    fn a_cue_of_the_model_is_awaited() {
        let mut talker = talker(&[
            Cue::AfterReply(Nanos(MS)),
            Cue::IntoReply(Nanos(2 * MS)),
            Cue::AfterReply(Nanos::ZERO),
        ]);
        assert!(listen(&mut talker, 0, 160).is_empty());
        talker.reply_began(Nanos(10 * MS));
        assert!(listen(&mut talker, 160, 160).is_empty());
        talker.reply_ended(Nanos(20 * MS));
        assert_eq!(listen(&mut talker, 320, 160), (336..352).collect::<Vec<_>>());
        talker.reply_began(Nanos(30 * MS));
        assert_eq!(listen(&mut talker, 480, 36), (512..516).collect::<Vec<_>>());
        talker.reply_ended(Nanos(32 * MS));
        assert_eq!(listen(&mut talker, 516, 160), (516..528).collect::<Vec<_>>());
        assert!(listen(&mut talker, 676, 160).is_empty());
        talker.reply_ended(Nanos(60 * MS));
        assert!(!talker.is_done());
        assert_eq!(listen(&mut talker, 960, 160), (960..976).collect::<Vec<_>>());
    }

    #[test]
    fn a_cue_that_has_passed_is_taken_at_once_and_whole() {
        let mut talker = talker(&[Cue::At(Nanos::ZERO)]);
        assert_eq!(listen(&mut talker, 500, 100), (500..516).collect::<Vec<_>>());
    }

    #[test]
    fn an_utterance_is_said_as_loud_as_asked() {
        let loud = Utterance::new(Cue::At(Nanos::ZERO), vec![0.5; 100]).at_level(Dbfs(-26.0));
        assert!((Dbfs::rms_of(&loud.sound).0 + 26.0).abs() < 1e-3);
    }

    #[test]
    fn the_room_has_its_level() {
        let mut talker = Talker::new(Rate::UPLINK, Vec::new(), Some(Dbfs(-50.0)), Seed::new(1));
        let mut out = vec![0.0; 16_000];
        talker.speak(0, &mut out);
        assert!((Dbfs::rms_of(&out).0 + 50.0).abs() < 0.3);
    }
}
