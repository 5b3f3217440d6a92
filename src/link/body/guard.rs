//! What the link does about what its watchdogs see.

use super::Link;
use crate::{
    audio::{FrameTime, Nanos, Rate, ReplyId},
    link::{
        event::LinkEvent,
        life::SwitchCause,
        queue::{Item, Queued},
        watch::Unanswered,
    },
    protocol::Uplink,
};

impl Link {
    /// Bytes came that are no message: a pong, a ping.
    pub fn heard(&mut self, now: Nanos) {
        self.watch.heard(now);
    }

    /// When a ping is to be sent.
    pub fn ping_at(&self) -> Nanos {
        self.watch.ping_at()
    }

    /// A ping was sent.
    pub fn pinged(&mut self, now: Nanos) {
        self.watch.pinged(now);
    }

    /// Looks after the connection, the window and the turn that waits; whether
    /// the connection is left.
    pub(super) fn guard(&mut self, now: Nanos) -> bool {
        self.watch.wants_to_send(now, self.wants_transmit());
        if self.watch.is_dead(now) {
            self.switch(now, SwitchCause::Silent, false);
        } else if self.watch.is_stalled(now) {
            self.switch(now, SwitchCause::Stalled, false);
        } else if self.is_window_quiet() && self.watch.is_window_left(now) {
            self.watch.spoke(now);
            self.window_left = true;
            self.counters.windows_left += 1;
            self.emit(LinkEvent::WindowLeft);
        } else {
            self.follow_turn(now);
        }
        self.hangs_up()
    }

    /// When the watchdogs want to look again.
    pub(super) fn next_watch(&self) -> Option<Nanos> {
        let on = self.session.is_ready() && !self.closing && !self.hangs_up();
        on.then(|| self.watch.next_look(self.owed_since(), self.is_window_quiet()))
    }

    /// Something of `reply` came, or its end.
    pub(super) fn answered(&mut self, reply: ReplyId) {
        self.resend.answered(reply);
        if !self.resend.awaits() {
            self.watch.answered();
        }
    }

    /// Whether the open window is to be closed though the worker did not.
    pub(super) fn is_window_due(&self) -> bool {
        (self.closing || self.window_left) && self.session.window_open()
    }

    /// Closes it.
    pub(super) fn close_window(&mut self, now: Nanos, out: &mut String) -> bool {
        self.window_left = false;
        self.queue.leave_window();
        let end = Queued::new(Item::ActivityEnd, FrameTime::start(Rate::UPLINK, 0), now);
        self.resend.sent(now, end, self.session.next_reply());
        self.session.write_uplink(now, Uplink::ActivityEnd, out)
    }

    /// A window is open, and all that was said in it has been sent.
    fn is_window_quiet(&self) -> bool {
        self.session.window_open() && self.queue.is_empty() && !self.window_left
    }

    /// Since when the model owes an answer. Only where windows say what a turn
    /// is: in a stream nobody knows whether there is anything to say.
    fn owed_since(&self) -> Option<Nanos> {
        let session = &self.session;
        let owed = session.settings().is_manual() && !session.is_replying();
        self.resend.awaits_since().filter(|_| owed && !session.window_open())
    }

    fn follow_turn(&mut self, now: Nanos) {
        let since = self.owed_since();
        let waited = now.since(since.unwrap_or(now));
        match self.watch.unanswered(now, since) {
            Some(Unanswered::Nudge) => {
                self.counters.nudges += 1;
                self.session.nudge();
                self.emit(LinkEvent::Unanswered { waited, nudged: true });
            }
            Some(Unanswered::Resume) => self.switch(now, SwitchCause::Unanswered, false),
            Some(Unanswered::GiveUp) => {
                self.resend.give_up();
                self.watch.answered();
                self.emit(LinkEvent::Unanswered { waited, nudged: false });
            }
            None => {}
        }
    }
}
