//! What was sent and may have to be sent again: the speech of a turn that is
//! not over, or not answered. A connection that ends takes it along, because a
//! session is resumed from after its last answered turn.
//!
//! Bounded in length; what is too old is dropped and, where a connection then
//! ends, counted as lost.

use std::collections::VecDeque;

use super::queue::{Item, Queued, collapse};
use crate::audio::{Nanos, Rate, ReplyId};

/// Kept of a stream in which nobody speaks: what an onset reaches back, the
/// time to confirm it and a syllable.
const PRE_ROLL_MS: u32 = 1_000;
/// An answer that has not come after so long is not coming: of a window.
const WINDOW_ANSWER_MAX: Nanos = Nanos::from_secs(60);
/// The same of a stream, where it is the service who decides what a turn is.
const STREAM_ANSWER_MAX: Nanos = Nanos::from_secs(5);

/// A turn that waits for its answer.
#[derive(Clone, Copy, Debug)]
struct Awaits {
    /// This reply, or a later one, is the answer.
    reply: ReplyId,
    since: Nanos,
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Resend {
    items: VecDeque<Queued>,
    frames: usize,
    frames_max: usize,
    /// Speech goes up in windows; otherwise in a stream.
    windows: bool,
    speaking: bool,
    /// In a stream: the answer to what is being said, as of its onset.
    expected: ReplyId,
    awaits: Option<Awaits>,
    /// In a stream: frames sent since the user began to speak.
    said_frames: usize,
    /// Frames of the turn at hand that did not fit.
    dropped: u64,
}

impl Resend {
    pub(super) fn new(kept_ms: u32, windows: bool) -> Self {
        Self {
            items: VecDeque::new(),
            frames: 0,
            frames_max: Rate::UPLINK.frames_in_ms(kept_ms),
            windows,
            speaking: false,
            expected: ReplyId::default(),
            awaits: None,
            said_frames: 0,
            dropped: 0,
        }
    }

    /// `item` was sent; `next` is the earliest reply that could answer what
    /// ends now.
    pub(super) fn sent(&mut self, now: Nanos, item: Queued, next: ReplyId) {
        if self.windows {
            match item.item {
                Item::ActivityStart => {
                    if self.awaits.is_none() {
                        self.clear();
                    }
                    self.speaking = true;
                }
                Item::ActivityEnd => {
                    self.speaking = false;
                    self.awaits = Some(Awaits { reply: next, since: now });
                }
                Item::Audio(_) | Item::StreamEnd | Item::ModeChanged(_) => {}
            }
        }
        if self.frames_max > 0 {
            self.frames += item.frames();
            self.said_frames += item.frames();
            self.items.push_back(item);
            self.trim();
        }
    }

    /// Whether the user speaks, as the worker says; of use in a stream.
    pub(super) fn hear(&mut self, now: Nanos, speaking: bool, next: ReplyId) {
        let answer_max = if self.windows { WINDOW_ANSWER_MAX } else { STREAM_ANSWER_MAX };
        if self.awaits.is_some_and(|awaits| now.since(awaits.since) > answer_max) {
            self.awaits = None;
            self.forget_answered();
        }
        if self.windows || self.speaking == speaking {
            return;
        }
        self.speaking = speaking;
        if speaking {
            (self.expected, self.said_frames) = (next, 0);
        } else {
            self.awaits = Some(Awaits { reply: self.expected, since: now });
        }
        self.trim();
    }

    /// Something of `reply` came, or its end.
    pub(super) fn answered(&mut self, reply: ReplyId) {
        let is_answer = |expected: ReplyId| !expected.is_after(reply);
        if self.awaits.is_some_and(|awaits| is_answer(awaits.reply)) {
            self.awaits = None;
            self.forget_answered();
        } else if !self.windows && self.speaking && is_answer(self.expected) {
            // The service took what was said so far for a turn.
            self.expected = reply.next();
            self.clear();
        }
    }

    /// From now on speech goes up in windows, or in a stream. What of the turn
    /// at hand is kept is said so too.
    pub(super) fn change_mode(&mut self, windows: bool) {
        if std::mem::replace(&mut self.windows, windows) == windows {
            return;
        }
        let unanswered = self.speaking || self.awaits.is_some();
        self.items.retain(|kept| kept.frames() > 0);
        (self.speaking, self.said_frames) = (false, 0);
        let Some(last) = self.items.back().filter(|_| unanswered) else { return self.clear() };
        let (end, since) = (last.at, last.since);
        if windows {
            let first = &self.items[0];
            let start = first.at.plus(-(first.frames() as i64));
            self.items.push_front(Queued::new(Item::ActivityStart, start, since));
            self.items.push_back(Queued::new(Item::ActivityEnd, end, since));
        } else {
            self.items.push_back(Queued::new(Item::StreamEnd, end, since));
        }
    }

    /// Whether a turn waits for its answer.
    pub(super) fn awaits(&self) -> bool {
        self.awaits.is_some()
    }

    /// Since when a turn waits for its answer.
    pub(super) fn awaits_since(&self) -> Option<Nanos> {
        self.awaits.map(|awaits| awaits.since)
    }

    /// Nobody waits for an answer any more.
    pub(super) fn give_up(&mut self) {
        self.awaits = None;
        self.forget_answered();
    }

    /// The connection ended: what is to be sent again, and how many frames
    /// before it are lost.
    pub(super) fn take(&mut self, now: Nanos) -> (VecDeque<Queued>, u64) {
        if !self.speaking && self.awaits.is_none() {
            self.clear();
        }
        if let Some(awaits) = &mut self.awaits {
            awaits.since = now;
        }
        let lost = std::mem::take(&mut self.dropped);
        self.frames = 0;
        if self.windows {
            // Said anew as the windows are sent again.
            (self.speaking, self.awaits) = (false, None);
        }
        (std::mem::take(&mut self.items), lost)
    }

    fn clear(&mut self) {
        self.items.clear();
        (self.frames, self.dropped) = (0, 0);
    }

    /// Keeps what came after the turn that was answered.
    fn forget_answered(&mut self) {
        self.dropped = 0;
        match (self.windows, self.speaking) {
            (true, true) => {
                let ends = |queued: &Queued| queued.item == Item::ActivityEnd;
                let open = self.items.iter().rposition(ends).map_or(0, |end| end + 1);
                self.items.drain(..open);
                self.frames = self.items.iter().map(Queued::frames).sum();
            }
            (true, false) => self.clear(),
            (false, true) => _ = self.keep_newest(self.said_frames + pre_roll()),
            (false, false) => self.trim(),
        }
    }

    /// Drops what is too old; of a stream in which nobody speaks, all but the
    /// last second.
    fn trim(&mut self) {
        let idle = !self.windows && !self.speaking && self.awaits.is_none();
        if idle {
            self.keep_newest(self.frames_max.min(pre_roll()));
            while self.items.front().is_some_and(|first| first.frames() == 0) {
                self.items.pop_front();
            }
        } else {
            self.dropped += self.keep_newest(self.frames_max);
        }
    }

    /// Drops the oldest audio beyond so many frames; how many that were.
    fn keep_newest(&mut self, frames_max: usize) -> u64 {
        let mut dropped = 0;
        while self.frames > frames_max
            && let Some(index) = self.items.iter().position(|queued| queued.frames() > 0)
        {
            let frames = self.items.remove(index).map_or(0, |item| item.frames());
            self.frames -= frames;
            dropped += frames as u64;
            collapse(&mut self.items, index);
        }
        dropped
    }
}

fn pre_roll() -> usize {
    Rate::UPLINK.frames_in_ms(PRE_ROLL_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::FrameTime;

    const FIRST: ReplyId = ReplyId(0);

    /// What was sent, in tenths of a second: events, and audio by its number.
    struct Bench {
        resend: Resend,
        now: Nanos,
        number: i16,
    }

    impl Bench {
        fn new(kept_ms: u32, windows: bool) -> Self {
            Self { resend: Resend::new(kept_ms, windows), now: Nanos::ZERO, number: 0 }
        }

        fn send(&mut self, item: Item, next: ReplyId) {
            let at = FrameTime::start(Rate::UPLINK, 0);
            self.resend.sent(self.now, Queued::new(item, at, self.now), next);
        }

        fn talk(&mut self, tenths: i16) {
            for _ in 0..tenths {
                self.send(Item::Audio(vec![self.number; 1_600].into()), FIRST);
                self.number += 1;
                self.now += Nanos::from_ms(100);
            }
        }

        fn window(&mut self, tenths: i16, next: ReplyId) {
            self.send(Item::ActivityStart, next);
            self.talk(tenths);
            self.send(Item::ActivityEnd, next);
        }

        fn hear(&mut self, speaking: bool, next: ReplyId) {
            self.resend.hear(self.now, speaking, next);
        }

        fn taken(&mut self) -> (Vec<String>, u64) {
            let (items, lost) = self.resend.take(self.now);
            let name = |queued: Queued| match queued.item {
                Item::ActivityStart => "start".to_owned(),
                Item::ActivityEnd => "end".to_owned(),
                Item::StreamEnd => "pause".to_owned(),
                Item::ModeChanged(mode) => mode.name().to_owned(),
                Item::Audio(samples) => samples[0].to_string(),
            };
            (items.into_iter().map(name).collect(), lost)
        }
    }

    #[test]
    fn an_open_window_is_taken_along_whole() {
        let mut bench = Bench::new(15_000, true);
        bench.send(Item::ActivityStart, FIRST);
        bench.talk(3);
        assert_eq!(bench.taken(), (vec!["start".into(), "0".into(), "1".into(), "2".into()], 0));
        assert_eq!(bench.taken(), (vec![], 0), "once");
    }

    #[test]
    fn a_turn_is_taken_along_until_it_is_answered() {
        let mut bench = Bench::new(15_000, true);
        bench.window(1, ReplyId(3));
        bench.resend.answered(ReplyId(2));
        assert!(bench.resend.awaits(), "that was the reply before");
        assert_eq!(bench.taken().0, ["start", "0", "end"]);
        bench.window(1, ReplyId(3));
        bench.resend.answered(ReplyId(3));
        assert!(!bench.resend.awaits());
        assert_eq!(bench.taken(), (vec![], 0));
    }

    #[test]
    fn an_answer_leaves_the_window_that_was_opened_meanwhile() {
        let mut bench = Bench::new(15_000, true);
        bench.window(1, ReplyId(1));
        bench.send(Item::ActivityStart, ReplyId(2));
        bench.talk(1);
        bench.resend.answered(ReplyId(1));
        assert_eq!(bench.taken().0, ["start", "1"]);
    }

    #[test]
    fn a_window_that_is_too_long_keeps_its_newest_and_says_what_is_lost() {
        let mut bench = Bench::new(1_000, true);
        bench.send(Item::ActivityStart, FIRST);
        bench.talk(12);
        let (items, lost) = bench.taken();
        assert_eq!((items.len(), &items[..2]), (11, &["start".to_owned(), "2".to_owned()][..]));
        assert_eq!(lost, 2 * 1_600);
    }

    #[test]
    fn a_turn_that_nobody_answers_is_not_said_for_ever() {
        let mut bench = Bench::new(15_000, true);
        bench.window(1, FIRST);
        bench.now += WINDOW_ANSWER_MAX + Nanos(1);
        bench.hear(false, FIRST);
        assert!(!bench.resend.awaits());
        assert_eq!(bench.taken().0.len(), 0);
    }

    #[test]
    fn of_a_stream_the_words_are_taken_along_with_a_second_before_their_onset() {
        let mut bench = Bench::new(15_000, false);
        bench.talk(50);
        assert_eq!(bench.taken(), (vec![], 0), "nobody speaks");
        bench.talk(50);
        bench.hear(true, FIRST);
        bench.talk(5);
        let (items, lost) = bench.taken();
        assert_eq!((items.len(), lost), (15, 0));
        assert_eq!((items[0].as_str(), items[14].as_str()), ("90", "104"));
    }

    #[test]
    fn a_stream_is_answered_when_the_service_says_so_or_after_a_while() {
        let mut bench = Bench::new(15_000, false);
        bench.hear(true, ReplyId(1));
        bench.talk(20);
        bench.hear(false, ReplyId(1));
        assert!(bench.resend.awaits());
        bench.resend.answered(ReplyId(1));
        bench.talk(1);
        assert_eq!(bench.taken().0.len(), 0);
        bench.hear(true, ReplyId(2));
        bench.talk(20);
        bench.resend.answered(ReplyId(2));
        bench.hear(false, ReplyId(3));
        bench.talk(1);
        assert_eq!(bench.taken().0.len(), 1, "the service answered before we saw the end");
        bench.now += STREAM_ANSWER_MAX + Nanos(1);
        bench.hear(false, ReplyId(3));
        assert!(!bench.resend.awaits());
    }

    #[test]
    fn a_late_answer_leaves_what_is_being_said_in_a_stream() {
        let mut bench = Bench::new(15_000, false);
        bench.hear(true, ReplyId(1));
        bench.talk(20);
        bench.hear(false, ReplyId(1));
        bench.talk(20);
        bench.hear(true, ReplyId(1));
        bench.talk(5);
        bench.resend.answered(ReplyId(1));
        assert_eq!(bench.taken().0.len(), 15);
    }

    #[test]
    fn what_is_not_answered_is_said_in_the_new_mode() {
        let mut bench = Bench::new(15_000, true);
        bench.window(2, FIRST);
        bench.resend.change_mode(false);
        assert_eq!(bench.taken().0, ["0", "1", "pause"]);
        let mut bench = Bench::new(15_000, false);
        bench.hear(true, FIRST);
        bench.talk(2);
        bench.hear(false, FIRST);
        bench.resend.change_mode(true);
        assert_eq!(bench.taken().0, ["start", "0", "1", "end"]);
        let mut bench = Bench::new(15_000, false);
        bench.talk(5);
        bench.resend.change_mode(true);
        assert_eq!(bench.taken().0.len(), 0, "nobody spoke");
    }

    #[test]
    fn with_nothing_to_keep_nothing_is_kept() {
        let mut bench = Bench::new(0, true);
        bench.send(Item::ActivityStart, FIRST);
        bench.talk(2);
        assert_eq!(bench.taken(), (vec![], 0));
    }
}
