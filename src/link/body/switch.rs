//! From one connection to the next: when the old one is left, what is taken
//! along, and how long nothing could be sent.

use super::{Gap, Leave, Link};
use crate::{
    audio::{Nanos, Rate, note::FloorState},
    link::{
        event::LinkEvent,
        life::{Seen, SwitchCause},
    },
    protocol::Close,
};

/// The other side has so long to answer our close frame.
const FAREWELL: Nanos = Nanos::from_ms(250);

impl Link {
    /// Whether the connection is to be closed with 1000. Nothing else is sent
    /// on it any more, what comes is still read; whoever runs the link reports
    /// its end, or drops it once it [`must be dropped`](Self::must_drop).
    pub fn hangs_up(&self) -> bool {
        self.leave.is_some()
    }

    /// Whether the other side has had its time to answer our close frame.
    pub fn must_drop(&self, now: Nanos) -> bool {
        self.leave.as_ref().is_some_and(|leave| now >= leave.until)
    }

    /// Asks whoever runs the link to close the connection; `because` is what it
    /// is judged by then.
    pub(super) fn hang_up(&mut self, now: Nanos, because: Option<Close>) {
        self.life.ended();
        self.live_since = None;
        self.leave = Some(Leave { because, until: now + FAREWELL });
    }

    /// Looks whether the user speaks, and whether it is time to leave.
    pub(super) fn look(&mut self, now: Nanos) {
        let floor = self.ends.flow.floor();
        let speaks = matches!(floor, FloorState::User | FloorState::Overlap);
        self.resend.hear(now, speaks, self.session.next_reply());
        if self.leave.is_some() || self.closing || !self.session.is_ready() {
            return;
        }
        self.change_mode(now, floor);
        if self.leave.is_some() || self.guard(now) {
            return;
        }
        let seen = Seen { quiet: self.is_quiet(floor), resumable: self.session.can_resume() };
        if let Some(due) = self.life.look(now, seen) {
            self.switch(now, due.cause, due.quiet);
        }
    }

    /// Leaves the connection for a new one.
    pub(super) fn switch(&mut self, now: Nanos, cause: SwitchCause, quiet: bool) {
        let planned = cause.is_planned();
        self.session.leaving();
        self.counters.switches += u64::from(planned);
        self.counters.rescues += u64::from(!planned);
        self.gap = Some(Gap { since: now, planned });
        self.emit(LinkEvent::Switching { cause, quiet });
        self.hang_up(now, None);
    }

    /// Nobody speaks, nothing of a reply is on its way to the ear, and all that
    /// was said is known to the session.
    fn is_quiet(&self, floor: FloorState) -> bool {
        // In a stream there always is audio on its way; nobody speaks in it.
        let said = !self.session.settings().is_manual() || self.queue.is_empty();
        floor == FloorState::Free
            && said
            && self.staging.is_empty()
            && self.ends.flow.is_drained(self.sent_frames)
            && self.is_settled()
    }

    /// Nothing is owed to either side, and the session resumes from here or
    /// never could.
    pub(super) fn is_settled(&self) -> bool {
        let session = &self.session;
        self.owes_nothing() && (session.resumes_from_here() || !session.settings().resumption)
    }

    pub(super) fn owes_nothing(&self) -> bool {
        let session = &self.session;
        !session.window_open()
            && !session.is_replying()
            && !session.wants_transmit()
            && !self.resend.awaits()
    }

    /// What belonged to the connection goes; what it took of a turn that is
    /// not over or not answered comes back.
    pub(super) fn lose_connection(&mut self, now: Nanos) {
        self.life.ended();
        self.live_since = None;
        self.in_hand = None;
        self.mode_since = None;
        self.window_left = false;
        self.turn_ended_at = None;
        if self.session.is_ready() {
            self.gap.get_or_insert(Gap { since: now, planned: false });
        }
        // At the end of the conversation there is no other connection.
        let (again, forgotten) =
            if self.closing { Default::default() } else { self.resend.take(now) };
        self.queue.disconnected(now, again, forgotten);
    }

    /// The service accepted the setup: what waits goes up.
    pub(super) fn accepted(&mut self, now: Nanos) {
        let waits = Rate::UPLINK.duration_of(self.queue.frames() as u64);
        self.live_since = Some(now + waits);
        self.life.began(now);
        self.reconnect.ready(now);
        let Some(Gap { since, planned }) = self.gap.take() else { return };
        let gap = now.since(since);
        let recall = self.session.recall();
        self.counters.returns += 1;
        self.counters.gap_max = self.counters.gap_max.max(gap);
        self.emit(LinkEvent::Back { gap, planned, recall });
    }
}
