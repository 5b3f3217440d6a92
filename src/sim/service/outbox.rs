//! What the service has to send, in order. Scripted faults happen here, on
//! the way out, so that nothing else knows of them.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{
    Transmit,
    fault::{Fault, Mishap, When},
    setup::Closing,
};
use crate::{audio::Nanos, sim::seed::Seed};

/// Beyond this many waiting messages a reply holds its next part back.
const PARTS_WAIT_AT: usize = 64;
/// Beyond this many the client is not reading, and the connection ends.
const MESSAGES_MAX: usize = 4_096;
/// A close frame holds no more of a reason.
const REASON_BYTES_MAX: usize = 123;

#[derive(Debug)]
pub(super) struct Outbox {
    queue: VecDeque<Transmit>,
    faults: Vec<Fault>,
    opened: Nanos,
    sent: u64,
    turns: u64,
    stalled_until: Nanos,
    truncates_next: bool,
    strangers: Option<Seed>,
    seed: Seed,
    /// How the connection ends; nothing follows it.
    end: Option<Closing>,
}

impl Outbox {
    pub(super) fn new(faults: &[Fault], seed: Seed, opened: Nanos) -> Self {
        Self {
            queue: VecDeque::new(),
            faults: faults.to_vec(),
            opened,
            sent: 0,
            turns: 0,
            stalled_until: Nanos::ZERO,
            truncates_next: false,
            strangers: None,
            seed,
            end: None,
        }
    }

    /// Sends `message`, as pretty JSON with a trailing newline.
    pub(super) fn tell(&mut self, now: Nanos, mut message: Value) {
        if self.end.is_some() {
            return;
        }
        if let Some(seed) = &mut self.strangers {
            add_strangers(seed, &mut message);
        }
        let mut bytes = serde_json::to_vec_pretty(&message).unwrap_or_default();
        bytes.push(b'\n');
        if std::mem::take(&mut self.truncates_next) {
            bytes.truncate(bytes.len() / 2);
        }
        let ends_turn = message["serverContent"]["turnComplete"] == json!(true);
        self.push(now, bytes);
        if ends_turn {
            self.turns += 1;
            let turns = self.turns;
            self.trip(now, |when| when == When::TurnComplete(turns));
        }
    }

    /// Ends the connection with a close frame, after what already waits.
    pub(super) fn close(&mut self, closing: Closing) {
        let Closing { code, mut reason } = closing;
        let cut =
            (0..=reason.len().min(REASON_BYTES_MAX)).rev().find(|&n| reason.is_char_boundary(n));
        reason.truncate(cut.unwrap_or(0));
        if self.end.is_none() {
            self.end = Some(Closing { code, reason: reason.clone() });
            self.queue.push_back(Transmit::Close { code, reason });
        }
    }

    /// The client went away: nothing more is sent.
    pub(super) fn client_closed(&mut self, code: u16) {
        self.queue.clear();
        self.end.get_or_insert_with(|| Closing::new(code, ""));
    }

    /// How the connection ended, by either side.
    pub(super) fn end(&self) -> Option<&Closing> {
        self.end.as_ref()
    }

    /// Counts what came; `count` messages by now.
    pub(super) fn received(&mut self, now: Nanos, count: u64) {
        self.trip(now, |when| when == When::Received(count));
    }

    /// Lets the faults happen whose age has come.
    pub(super) fn advance(&mut self, now: Nanos) {
        let age = now.since(self.opened);
        self.trip(now, |when| matches!(when, When::Age(at) if at <= age));
    }

    /// When the next fault of age is due.
    pub(super) fn next_fault(&self) -> Option<Nanos> {
        let age = |fault: &Fault| match fault.when {
            When::Age(age) => Some(self.opened + age),
            _ => None,
        };
        self.faults.iter().filter_map(age).min().filter(|_| self.end.is_none())
    }

    /// When a stall that holds something back ends.
    pub(super) fn stall_ends(&self) -> Option<Nanos> {
        (!self.queue.is_empty() && self.stalled_until > Nanos::ZERO).then_some(self.stalled_until)
    }

    /// Whether a reply may send on.
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < PARTS_WAIT_AT
    }

    pub(super) fn pop(&mut self, now: Nanos) -> Option<Transmit> {
        if now < self.stalled_until {
            return None;
        }
        self.stalled_until = Nanos::ZERO;
        self.queue.pop_front()
    }

    fn push(&mut self, now: Nanos, bytes: Vec<u8>) {
        if self.queue.len() >= MESSAGES_MAX {
            self.queue.clear();
            self.close(Closing::new(1011, "Internal error encountered."));
            return;
        }
        self.queue.push_back(Transmit::Message(bytes));
        self.sent += 1;
        let sent = self.sent;
        self.trip(now, |when| when == When::Sent(sent));
    }

    fn trip(&mut self, now: Nanos, is_now: impl Fn(When) -> bool) {
        let (due, later) =
            std::mem::take(&mut self.faults).into_iter().partition(|fault| is_now(fault.when));
        self.faults = later;
        let due: Vec<Fault> = due;
        for fault in due {
            if self.end.is_none() {
                self.happen(now, fault.what);
            }
        }
    }

    fn happen(&mut self, now: Nanos, what: Mishap) {
        match what {
            Mishap::Close { code, reason } => self.close(Closing { code, reason }),
            Mishap::Abort => {
                self.end = Some(Closing::new(1006, ""));
                self.queue.push_back(Transmit::Abort);
            }
            Mishap::Garbage(bytes) => self.push(now, bytes),
            Mishap::Truncate => self.truncates_next = true,
            Mishap::Stall(time) => self.stalled_until = self.stalled_until.max(now + time),
            Mishap::Interrupted => self.tell(now, json!({"serverContent": {"interrupted": true}})),
            Mishap::Say(message) => self.tell(now, message),
            Mishap::Strangers => self.strangers = Some(self.seed.split()),
        }
    }
}

/// Puts what no client knows where the protocol may grow.
fn add_strangers(seed: &mut Seed, message: &mut Value) {
    let stranger = json!({"since": "v9", "list": [1, null, "x"]});
    if seed.below(2) == 0 {
        message["strangeNews"] = stranger.clone();
    }
    if let Some(content) = message.get_mut("serverContent") {
        if seed.below(2) == 0 {
            content["strangeField"] = stranger;
        }
        if seed.below(2) == 0 {
            content["interactionStatus"] = json!("STATUS_OF_THE_FUTURE");
        }
        if content["turnComplete"] == json!(true) && seed.below(2) == 0 {
            content["turnCompleteReason"] = json!("REASON_OF_THE_FUTURE");
        }
    }
}
