//! Which reply content belongs to, and what of it is stale. Source: design §7
//! and reference §4.3.

use crate::audio::{Nanos, ReplyId};

/// A cut reply whose `turnComplete` does not come is over after this.
const CUT_TIMEOUT: Nanos = Nanos::from_secs(3);

/// The bookkeeping of reply ids.
#[derive(Debug, Default)]
pub(super) struct Replies {
    current: ReplyId,
    has_content: bool,
    cut_at: Option<Nanos>,
    /// The newest reply that had content.
    last: Option<ReplyId>,
    /// Whether `last` has been interrupted already.
    last_interrupted: bool,
}

/// What an `interrupted` was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interruption {
    /// The reply being sent: the rest of it is stale.
    Current(ReplyId),
    /// A reply that was complete already, and may still be playing.
    Late(ReplyId),
    /// Nothing, or a reply that was interrupted before.
    Phantom(Option<ReplyId>),
}

impl Replies {
    /// Whether content that comes now is of a reply that was cut. Where the
    /// cut is too old, a new reply begins.
    pub(super) fn is_stale(&mut self, now: Nanos) -> bool {
        if self.cut_at.is_some_and(|cut| now.since(cut) >= CUT_TIMEOUT) {
            self.advance();
        }
        self.cut_at.is_some()
    }

    /// Notes content that is not stale; the reply it belongs to.
    pub(super) fn content(&mut self) -> ReplyId {
        self.has_content = true;
        self.last = Some(self.current);
        self.last_interrupted = false;
        self.current
    }

    /// Whether content came of a turn that is not complete.
    pub(super) fn is_under_way(&self) -> bool {
        self.has_content
    }

    /// Whether what comes now is of a reply that was cut.
    pub(super) fn is_cut(&self) -> bool {
        self.cut_at.is_some()
    }

    pub(super) fn current(&self) -> ReplyId {
        self.current
    }

    pub(super) fn interrupted(&mut self, now: Nanos) -> Interruption {
        if self.has_content {
            self.cut_at = self.cut_at.or(Some(now));
            self.last_interrupted = true;
            return Interruption::Current(self.current);
        }
        match self.last {
            Some(last) if !self.last_interrupted => {
                self.last_interrupted = true;
                Interruption::Late(last)
            }
            last => Interruption::Phantom(last),
        }
    }

    /// Our own interruption; false where `reply` is not the one being sent.
    pub(super) fn cut(&mut self, now: Nanos, reply: ReplyId) -> bool {
        let is_sent = reply == self.current && self.has_content && self.cut_at.is_none();
        if is_sent {
            self.cut_at = Some(now);
        }
        is_sent
    }

    /// Ends the turn: its id, and whether it had content.
    pub(super) fn turn_complete(&mut self) -> (ReplyId, bool) {
        let ended = (self.current, self.has_content);
        self.advance();
        ended
    }

    /// Ends a turn whose `turnComplete` cannot come any more; the reply that
    /// was under way.
    pub(super) fn connection_lost(&mut self) -> Option<ReplyId> {
        let (reply, had_content) = (self.current, self.has_content);
        if had_content {
            self.advance();
        }
        had_content.then_some(reply)
    }

    fn advance(&mut self) {
        self.current = self.current.next();
        self.has_content = false;
        self.cut_at = None;
    }
}
