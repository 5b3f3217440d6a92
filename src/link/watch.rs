//! Watchdogs: a turn that nobody answers, a connection on which nothing comes,
//! one that takes nothing, a window that nobody closes.
//!
//! Plain machines: they are told what happens and when, and say what to do.

use crate::{audio::Nanos, protocol::LinkSettings};

/// A window in which nothing was said for so long, while the worker is silent
/// too, is closed here: the worker itself closes one after a second.
const WINDOW_MAX: Nanos = Nanos::from_secs(5);

/// What to do about a turn that is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// Ask the model to go on.
    Nudge,
    /// Take the turn to another connection.
    Resume,
    /// It was taken along already: tell, and wait no longer.
    GiveUp,
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Watch {
    reply_max: Nanos,
    silence_max: Nanos,
    stall_max: Nanos,
    ping: Nanos,
    /// The turn that waits, and what was done about it.
    waits: Option<(Nanos, Unanswered)>,
    /// Connections that the turn at hand was taken to.
    moves: u32,
    heard_at: Nanos,
    sent_at: Nanos,
    pinged_at: Nanos,
    blocked_since: Option<Nanos>,
    spoke_at: Nanos,
}

impl Watch {
    pub(super) fn new(settings: &LinkSettings) -> Self {
        Self {
            reply_max: Nanos::from_ms(settings.reply_timeout_ms.into()),
            silence_max: Nanos::from_ms(settings.silence_timeout_ms.into()),
            stall_max: Nanos::from_ms(settings.stall_timeout_ms.into()),
            ping: Nanos::from_ms(settings.ping_ms.into()),
            waits: None,
            moves: 0,
            heard_at: Nanos::ZERO,
            sent_at: Nanos::ZERO,
            pinged_at: Nanos::ZERO,
            blocked_since: None,
            spoke_at: Nanos::ZERO,
        }
    }

    /// A connection is open.
    pub(super) fn connected(&mut self, now: Nanos) {
        (self.heard_at, self.sent_at, self.pinged_at) = (now, now, now);
        (self.blocked_since, self.waits) = (None, None);
    }

    /// Bytes of whatever kind came.
    pub(super) fn heard(&mut self, now: Nanos) {
        self.heard_at = now;
    }

    /// The socket took a message.
    pub(super) fn sent(&mut self, now: Nanos) {
        self.sent_at = now;
        self.blocked_since = None;
    }

    /// The worker said something.
    pub(super) fn spoke(&mut self, now: Nanos) {
        self.spoke_at = now;
    }

    /// Something waits for the socket, or does not.
    pub(super) fn wants_to_send(&mut self, now: Nanos, wants: bool) {
        self.blocked_since = wants.then(|| self.blocked_since.unwrap_or(now));
    }

    /// When a ping is due: once nothing was sent, or nothing came, for a while.
    pub(super) fn ping_at(&self) -> Nanos {
        let quiet_since = self.sent_at.min(self.heard_at).max(self.pinged_at);
        quiet_since + self.ping
    }

    pub(super) fn pinged(&mut self, now: Nanos) {
        self.pinged_at = now;
    }

    /// Nothing came for so long that the other side is gone.
    pub(super) fn is_dead(&self, now: Nanos) -> bool {
        now.since(self.heard_at) >= self.silence_max
    }

    /// The other side takes nothing.
    pub(super) fn is_stalled(&self, now: Nanos) -> bool {
        self.blocked_since.is_some_and(|since| now.since(since) >= self.stall_max)
    }

    /// A window that is open has been left alone.
    pub(super) fn is_window_left(&self, now: Nanos) -> bool {
        now.since(self.spoke_at) >= WINDOW_MAX
    }

    /// What to do about the turn that waits since `since`, if one does and
    /// nothing shows that the model is at it.
    pub(super) fn unanswered(&mut self, now: Nanos, since: Option<Nanos>) -> Option<Unanswered> {
        let Some(since) = since.filter(|_| self.reply_max > Nanos::ZERO) else {
            self.waits = None;
            return None;
        };
        let (since, next) = *self.waits.get_or_insert((since, Unanswered::Nudge));
        let waited = now.since(since);
        let (due, then) = match next {
            Unanswered::Nudge => (self.reply_max, Unanswered::Resume),
            Unanswered::Resume | Unanswered::GiveUp => (self.reply_max + self.reply_max, next),
        };
        if waited < due {
            return None;
        }
        let what =
            if next == Unanswered::Resume && self.moves > 0 { Unanswered::GiveUp } else { next };
        self.moves += u32::from(what == Unanswered::Resume);
        self.waits = Some((since, then));
        Some(what)
    }

    /// The turn was answered: the next one may be taken along again.
    pub(super) fn answered(&mut self) {
        (self.waits, self.moves) = (None, 0);
    }

    /// When to look again. `waits_since` and `window`: as far as they matter.
    pub(super) fn next_look(&self, waits_since: Option<Nanos>, window: bool) -> Nanos {
        let reply = waits_since.filter(|_| self.reply_max > Nanos::ZERO).map(|since| {
            let (since, next) = self.waits.unwrap_or((since, Unanswered::Nudge));
            let nudged = next != Unanswered::Nudge;
            since + self.reply_max + if nudged { self.reply_max } else { Nanos::ZERO }
        });
        let stall = self.blocked_since.map(|since| since + self.stall_max);
        let window = window.then_some(self.spoke_at + WINDOW_MAX);
        let silence = self.heard_at + self.silence_max;
        [reply, stall, window].into_iter().flatten().fold(silence, Nanos::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(s: u64) -> Nanos {
        Nanos::from_secs(s)
    }

    fn watch() -> Watch {
        let mut watch = Watch::new(&LinkSettings::default());
        watch.connected(secs(100));
        watch
    }

    #[test]
    fn a_turn_without_an_answer_is_nudged_then_taken_along_and_once_only() {
        let mut watch = watch();
        let since = Some(secs(100));
        assert_eq!(watch.unanswered(secs(114), since), None);
        assert_eq!(watch.next_look(since, false), secs(115));
        assert_eq!(watch.unanswered(secs(115), since), Some(Unanswered::Nudge));
        assert_eq!(watch.unanswered(secs(129), since), None);
        assert_eq!(watch.next_look(since, false), secs(130));
        assert_eq!(watch.unanswered(secs(130), since), Some(Unanswered::Resume));
        watch.connected(secs(131));
        let again = Some(secs(131));
        assert_eq!(watch.unanswered(secs(146), again), Some(Unanswered::Nudge));
        assert_eq!(watch.unanswered(secs(161), again), Some(Unanswered::GiveUp));
        watch.answered();
        let later = Some(secs(200));
        assert_eq!(watch.unanswered(secs(215), later), Some(Unanswered::Nudge));
        assert_eq!(watch.unanswered(secs(230), later), Some(Unanswered::Resume));
    }

    #[test]
    fn signs_of_an_answer_start_the_wait_anew_and_zero_is_off() {
        let mut watch = watch();
        assert_eq!(watch.unanswered(secs(110), Some(secs(100))), None);
        assert_eq!(watch.unanswered(secs(112), None), None);
        assert_eq!(watch.unanswered(secs(116), Some(secs(112))), None);
        let settings = LinkSettings { reply_timeout_ms: 0, ..LinkSettings::default() };
        assert_eq!(Watch::new(&settings).unanswered(secs(999), Some(secs(1))), None);
    }

    #[test]
    fn a_ping_goes_out_while_nothing_is_sent_and_while_nothing_comes() {
        let mut watch = watch();
        assert_eq!(watch.ping_at(), secs(125));
        watch.sent(secs(120));
        assert_eq!(watch.ping_at(), secs(125), "nothing came");
        watch.heard(secs(121));
        assert_eq!(watch.ping_at(), secs(145));
        watch.pinged(secs(145));
        assert_eq!(watch.ping_at(), secs(170));
    }

    #[test]
    fn a_pong_of_thirty_seconds_is_alive_and_75_s_without_a_byte_are_not() {
        let mut watch = watch();
        assert!(!watch.is_dead(secs(174)) && watch.is_dead(secs(175)));
        watch.heard(secs(155));
        assert!(!watch.is_dead(secs(229)));
        assert_eq!(watch.next_look(None, false), secs(230));
    }

    #[test]
    fn a_socket_that_takes_nothing_is_stalled_and_one_that_takes_a_little_is_not() {
        let mut watch = watch();
        watch.wants_to_send(secs(101), true);
        watch.wants_to_send(secs(105), true);
        assert!(!watch.is_stalled(secs(110)) && watch.is_stalled(secs(111)));
        watch.sent(secs(110));
        watch.wants_to_send(secs(110), true);
        assert!(!watch.is_stalled(secs(119)));
        watch.wants_to_send(secs(119), false);
        assert!(!watch.is_stalled(secs(999)));
    }
}
