//! A second opinion on whether a turn is over: the worker's end gives what it
//! hears and says when a pause begins; the other end, on a thread that may take
//! its time, answers with a probability.
//!
//! An answer is one atomic value and carries the number of its pause. So it
//! counts in the pause that it is about, or not at all, and nobody waits.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `opinion`
//! and `Questions`, which is for another thread.

use std::sync::Arc;

use crate::audio::{
    Doorbell, NoteKind, Rate,
    atomic::{
        AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    ring::{Reader, Writer, ring},
};

/// What is given to a model: 8 s.
const RECENT_FRAMES: usize = Rate::UPLINK.hz() as usize * 8;
/// What waits while it judges: 8 s too, as older sound would be thrown away.
const RING_FRAMES: usize = RECENT_FRAMES;

/// What both ends and the supervisor see.
#[derive(Debug, Default)]
pub struct OpinionGauges {
    /// Pauses begun and ended so far, wrapping: odd while one goes on.
    pauses: AtomicU32,
    /// Which pause, and the bits of the probability below that.
    answer: AtomicU64,
    /// Answers that came within their pause.
    pub used: AtomicU32,
    /// Frames at 16 kHz that found no room.
    pub lost_frames: AtomicU64,
}

impl OpinionGauges {
    /// Pauses in which the model was wanted.
    pub fn asked(&self) -> u32 {
        self.pauses.load(Relaxed).div_ceil(2)
    }
}

/// The two ends of a second opinion; `bell` wakes whoever answers. Allocates.
pub fn opinion(bell: Arc<Doorbell>) -> (Opinion, Questions) {
    let (sound, heard) = ring(RING_FRAMES);
    let gauges = Arc::new(OpinionGauges::default());
    let recent = Vec::with_capacity(RECENT_FRAMES + RING_FRAMES);
    let questions = Questions { heard, recent, lost: 0, asked: 0, gauges: gauges.clone() };
    (Opinion { sound, bell, pauses: 0, taken: 0, gauges }, questions)
}

/// The worker's end.
#[derive(Debug)]
pub struct Opinion {
    sound: Writer<f32>,
    bell: Arc<Doorbell>,
    pauses: u32,
    taken: u32,
    gauges: Arc<OpinionGauges>,
}

impl Opinion {
    /// What others may see of it.
    pub fn gauges(&self) -> Arc<OpinionGauges> {
        self.gauges.clone()
    }

    /// The user was heard, at 16 kHz.
    pub(super) fn listen(&mut self, samples: &[f32]) {
        self.sound.push_slice(samples);
        self.gauges.lost_frames.store(self.sound.refused(), Relaxed);
    }

    /// Something was decided: where a pause begins, the question is asked.
    pub(super) fn follow(&mut self, kind: NoteKind) {
        let begins = matches!(kind, NoteKind::SpeechOff(_));
        let ends = matches!(kind, NoteKind::SpeechOn | NoteKind::EndOfTurn);
        let goes_on = self.pauses % 2 == 1;
        if (begins && !goes_on) || (ends && goes_on) {
            self.pauses = self.pauses.wrapping_add(1);
            self.gauges.pauses.store(self.pauses, Release);
        }
        if begins {
            self.bell.ring();
        }
    }

    /// The answer to the pause that goes on, once.
    pub(super) fn take(&mut self) -> Option<f32> {
        let answer = self.gauges.answer.load(Acquire);
        let pause = (answer >> 32) as u32;
        if pause != self.pauses || pause.is_multiple_of(2) || pause == self.taken {
            return None;
        }
        self.taken = pause;
        self.gauges.used.fetch_add(1, Relaxed);
        Some(f32::from_bits(answer as u32))
    }
}

/// The end that answers.
#[derive(Debug)]
pub struct Questions {
    heard: Reader<f32>,
    recent: Vec<f32>,
    lost: u64,
    asked: u32,
    gauges: Arc<OpinionGauges>,
}

impl Questions {
    /// Takes what was heard meanwhile; to be called at least every few seconds.
    /// A pause that goes on is returned once.
    pub fn next_pause(&mut self) -> Option<u32> {
        let pause = self.gauges.pauses.load(Acquire);
        self.hear();
        let is_new = pause % 2 == 1 && pause != self.asked;
        self.asked = pause;
        is_new.then_some(pause)
    }

    fn hear(&mut self) {
        let before = self.recent.len();
        self.recent.resize(before + self.heard.len(), 0.0);
        self.heard.pop_slice(&mut self.recent[before..]);
        let surplus = self.recent.len().saturating_sub(RECENT_FRAMES);
        self.recent.drain(..surplus);
        let lost = self.heard.refused();
        if std::mem::replace(&mut self.lost, lost) != lost {
            // What was before the gap does not belong to what comes after it.
            self.recent.clear();
        }
    }

    /// The last 8 s of the user at most, at 16 kHz, as of the last
    /// [`next_pause`](Self::next_pause).
    pub fn recent(&self) -> &[f32] {
        &self.recent
    }

    /// How probable it is, from 0 to 1, that this pause ends the turn.
    pub fn answer(&self, pause: u32, over: f32) {
        let answer = u64::from(pause) << 32 | u64::from(over.to_bits());
        self.gauges.answer.store(answer, Release);
    }

    /// Whether the worker is gone.
    pub fn is_abandoned(&self) -> bool {
        self.heard.is_abandoned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Wait;

    const PAUSE: NoteKind = NoteKind::SpeechOff(Wait { ms: 0, reasons_ms: [0; 10] });

    fn ends() -> (Opinion, Questions) {
        opinion(Arc::new(Doorbell::unanswered()))
    }

    #[test]
    fn an_answer_counts_once_and_in_its_own_pause_only() {
        let (mut opinion, mut questions) = ends();
        assert_eq!((questions.next_pause(), opinion.take()), (None, None));
        opinion.follow(PAUSE);
        let first = questions.next_pause().unwrap();
        assert_eq!(questions.next_pause(), None);
        questions.answer(first, 0.25);
        assert_eq!((opinion.take(), opinion.take()), (Some(0.25), None));
        opinion.follow(NoteKind::SpeechOn);
        opinion.follow(PAUSE);
        let second = questions.next_pause().unwrap();
        opinion.follow(NoteKind::EndOfTurn);
        questions.answer(second, 0.75);
        assert_eq!(opinion.take(), None, "late");
        opinion.follow(PAUSE);
        assert_eq!(opinion.take(), None, "about another pause");
        assert_eq!((opinion.gauges().asked(), opinion.gauges().used.load(Relaxed)), (3, 1));
    }

    #[test]
    fn the_last_8_s_are_given_and_what_finds_no_room_is_counted() {
        let (mut opinion, mut questions) = ends();
        for second in 0..12 {
            opinion.listen(&vec![second as f32; 16_000]);
            questions.next_pause();
        }
        assert_eq!((questions.recent().len(), questions.recent()[0]), (RECENT_FRAMES, 4.0));
        opinion.listen(&vec![0.0; RING_FRAMES + 7]);
        assert_eq!(opinion.gauges().lost_frames.load(Relaxed), 7);
        questions.next_pause();
        assert!(questions.recent().is_empty(), "nothing from before the gap");
        opinion.listen(&[1.0; 160]);
        questions.next_pause();
        assert_eq!(questions.recent(), [1.0; 160]);
    }
}
