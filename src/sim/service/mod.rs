//! The other end of the wire: a Live API server without a socket, for the
//! virtual world and for `chinwag sim`.
//!
//! It shares no code with [`crate::protocol`], so that neither hides the
//! other's mistakes. It follows the protocol reference: upgrade and
//! credentials (1), setup and what is refused (2.1, 3.9), turns by its own
//! voice activity detection or by the client's (4.2), replies in bursts, and
//! the sequences of 3.8.
//!
//! A plain machine: time is an argument. Whoever runs it hands in what
//! arrives, asks [`Service::poll_transmit`] until it has nothing, and calls
//! [`Service::handle_deadline`] at [`Service::next_deadline`].

mod ear;
mod fault;
mod heard;
mod inbound;
mod lenient;
mod memory;
mod messages;
mod outbox;
mod reply;
mod settings;
mod setup;
mod turns;
mod upgrade;
mod voice;

use std::collections::VecDeque;

pub use fault::{Fault, Mishap, When};
pub use heard::{Event, Heard, HeardTurn, Messages, Violations};
pub use memory::Memory;
pub use settings::{Answer, PartSizes, ServiceSettings, ToolScript, TurnScript, Voice};
pub use upgrade::{Refusal, UpgradeRequest};
pub use voice::resample;

use self::{
    ear::{Ear, UserTurn},
    heard::Events,
    memory::Seat,
    outbox::Outbox,
    reply::Reply,
    setup::{Closing, Detection, Setup},
    upgrade::Caller,
};
use crate::{audio::Nanos, sim::seed::Seed};

/// What the service wants sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// One message, sent as a binary frame: two-space JSON and a newline.
    Message(Vec<u8>),
    /// A close frame; nothing follows.
    Close {
        /// Its code.
        code: u16,
        /// Its reason, 123 bytes at most.
        reason: String,
    },
    /// The connection is cut without a close frame; nothing follows.
    Abort,
}

/// One connection of the simulated Live API.
#[derive(Debug)]
pub struct Service {
    settings: ServiceSettings,
    caller: Caller,
    memory: Memory,
    connection: u64,
    seed: Seed,
    /// `None` until the setup came.
    session: Option<Session>,
    outbox: Outbox,
    heard: Heard,
    events: Events,
    go_away_at: Option<Nanos>,
    expires_at: Option<Nanos>,
    end_is_noted: bool,
}

/// What exists once the setup was accepted.
#[derive(Debug)]
struct Session {
    setup: Setup,
    seat: Seat,
    ear: Ear,
    seeding: bool,
    reply: Option<Reply>,
    /// Turns that ended while a reply might not be cut.
    waiting: VecDeque<UserTurn>,
    /// Replies begun in this session, also before a resumption.
    replies: usize,
    /// Turns finished in this session.
    turns: usize,
    calls: Vec<String>,
    /// What clientContent said since the last turn that it completed.
    history: String,
}

/// What falls due by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Fault,
    GoAway,
    Expiry,
    Reply,
}

impl Service {
    /// Opens a connection at `now`. `memory` is the server's: what connections
    /// that share it have in common is their sessions.
    ///
    /// # Errors
    /// The HTTP status with which the upgrade is refused.
    pub fn open(
        settings: &ServiceSettings,
        memory: &Memory,
        request: &UpgradeRequest,
        now: Nanos,
    ) -> Result<Self, Refusal> {
        let caller = upgrade::admit(settings, request)?;
        let connection = memory.connect();
        let mine = settings.faults.iter().filter(|fault| fault.is_for(connection));
        let (at_upgrade, faults): (Vec<_>, Vec<_>) =
            mine.cloned().partition(|fault| fault.when == When::Upgrade);
        if let Some(Mishap::Refuse(http_status)) = at_upgrade.into_iter().next().map(|f| f.what) {
            let reason = "refused, as scripted".to_owned();
            return Err(Refusal { http_status, reason });
        }
        let mut seed = Seed::new(settings.seed ^ connection.wrapping_mul(0x9E37_79B9));
        Ok(Self {
            outbox: Outbox::new(faults, seed.split(), now),
            settings: settings.clone(),
            caller,
            memory: memory.clone(),
            connection,
            seed,
            session: None,
            heard: Heard::default(),
            events: Events::default(),
            go_away_at: settings.go_away_after.map(|age| now + age),
            expires_at: None,
            end_is_noted: false,
        })
    }

    /// Takes one message of the client, text or binary frame alike.
    pub fn receive(&mut self, now: Nanos, message: &[u8]) {
        self.handle_deadline(now);
        if self.is_closed() {
            return;
        }
        self.heard.messages.total += 1;
        self.outbox.received(now, self.heard.messages.total);
        if !self.is_closed()
            && let Err(closing) = self.read(now, message)
        {
            self.outbox.close(closing);
        }
        self.note_end(now);
    }

    /// The client closed with `code`, or went away (1006).
    pub fn client_closed(&mut self, now: Nanos, code: u16) {
        if !self.is_closed() {
            let reason = String::new();
            self.events.push(now, Event::Closed { code, reason, by_client: true });
        }
        self.outbox.client_closed(code);
        self.end_is_noted = true;
        self.session = None;
    }

    /// The next thing to send, if there is one.
    pub fn poll_transmit(&mut self, now: Nanos) -> Option<Transmit> {
        self.outbox.pop(now)
    }

    /// When [`Self::handle_deadline`] or [`Self::poll_transmit`] has something
    /// to do, without anything having arrived.
    pub fn next_deadline(&self) -> Option<Nanos> {
        let due = self.earliest().map(|(at, _)| at);
        due.into_iter().chain(self.outbox.stall_ends()).min()
    }

    /// Does what is due by `now`, each thing at its own time.
    pub fn handle_deadline(&mut self, now: Nanos) {
        while let Some((at, due)) = self.earliest().filter(|&(at, _)| at <= now) {
            match due {
                Due::Fault => self.outbox.advance(at),
                Due::GoAway => self.go_away(at, Some(self.settings.go_away_left)),
                Due::Expiry => {
                    let reason = "Deadline expired before operation could complete.";
                    self.outbox.close(Closing::new(1011, reason));
                }
                Due::Reply => self.step(at),
            }
            self.note_end(at);
        }
    }

    /// Lets `what` happen now.
    pub fn befall(&mut self, now: Nanos, what: Mishap) {
        if !self.is_closed() {
            self.outbox.happen(now, what);
            self.note_end(now);
        }
    }

    /// Until when whoever runs it reads nothing of the client, where that is
    /// not over.
    pub fn deaf_until(&self, now: Nanos) -> Option<Nanos> {
        self.outbox.deaf_until(now)
    }

    /// How much later than it came a ping is answered.
    pub fn pong_delay(&self) -> Nanos {
        self.outbox.pong_delay()
    }

    /// Tells the client to go; the connection ends after `time_left`, or where
    /// that is not said, when somebody ends it.
    pub fn go_away(&mut self, now: Nanos, time_left: Option<Nanos>) {
        self.go_away_at = None;
        self.expires_at = time_left.map(|left| now + left);
        self.outbox.tell(now, messages::go_away(time_left));
        self.events.push(now, Event::GoingAway { left: time_left });
    }

    /// Whether a reply is due or under way.
    pub fn is_replying(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.reply.is_some())
    }

    /// Whether the connection is over, but for what [`Self::poll_transmit`]
    /// still has.
    pub fn is_closed(&self) -> bool {
        self.outbox.end().is_some()
    }

    /// What came and what was done with it.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    /// The next event for whoever watches, and when it happened. At most 256
    /// wait; then the oldest go.
    pub fn poll_event(&mut self) -> Option<(Nanos, Event)> {
        self.events.pop()
    }

    fn earliest(&self) -> Option<(Nanos, Due)> {
        if self.is_closed() {
            return None;
        }
        let reply = self.session.as_ref().and_then(|session| session.reply.as_ref());
        let reply = reply.filter(|_| self.outbox.has_room()).and_then(Reply::due);
        [
            (self.outbox.next_fault(), Due::Fault),
            (self.go_away_at, Due::GoAway),
            (self.expires_at, Due::Expiry),
            (reply, Due::Reply),
        ]
        .into_iter()
        .filter_map(|(at, due)| Some((at?, due)))
        .min_by_key(|&(at, _)| at)
    }

    /// Once this side has ended the connection, its session is free.
    fn note_end(&mut self, now: Nanos) {
        if let Some(left) = self.outbox.take_going_away() {
            self.go_away(now, Some(left));
        }
        let Some(Closing { code, reason }) = self.outbox.end().cloned() else { return };
        if !std::mem::replace(&mut self.end_is_noted, true) {
            self.events.push(now, Event::Closed { code, reason, by_client: false });
            self.session = None;
        }
    }
}

#[cfg(test)]
mod tests;
