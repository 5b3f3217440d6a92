//! What the service has to send, in order. Scripted faults happen here, on
//! the way out, so that nothing else knows of them.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{
    Transmit,
    fault::{Fault, Mishap, When},
    messages,
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
    generations: u64,
    turns: u64,
    stalled_until: Nanos,
    deaf_until: Nanos,
    pong_delay: Nanos,
    truncates_next: bool,
    repeats_next: bool,
    bundles_next: bool,
    delays_next: Option<Nanos>,
    /// What others overtake, and when it goes.
    late: Vec<(Nanos, Vec<u8>)>,
    /// A scripted goAway, which is the service's to say.
    going_away: Option<Nanos>,
    strangers: Option<Seed>,
    seed: Seed,
    /// How the connection ends; nothing follows it.
    end: Option<Closing>,
}

impl Outbox {
    pub(super) fn new(faults: Vec<Fault>, seed: Seed, opened: Nanos) -> Self {
        Self {
            queue: VecDeque::new(),
            faults,
            opened,
            sent: 0,
            generations: 0,
            turns: 0,
            stalled_until: Nanos::ZERO,
            deaf_until: Nanos::ZERO,
            pong_delay: Nanos::ZERO,
            truncates_next: false,
            repeats_next: false,
            bundles_next: false,
            delays_next: None,
            late: Vec::new(),
            going_away: None,
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
        if let Some(seed) = &mut self.strangers
            && message.is_object()
        {
            add_strangers(seed, &mut message);
        }
        let says = |message: &Value, what: &str| message["serverContent"][what] == json!(true);
        if self.bundles_next && says(&message, "interrupted") {
            self.bundles_next = false;
            let mut stale = messages::audio(&[0x55; 4_800], false);
            message["serverContent"]["modelTurn"] = stale["serverContent"]["modelTurn"].take();
        }
        let ends_generation = says(&message, "generationComplete");
        let ends_turn = says(&message, "turnComplete");
        let mut bytes = serde_json::to_vec_pretty(&message).unwrap_or_default();
        bytes.push(b'\n');
        if std::mem::take(&mut self.truncates_next) {
            bytes.truncate(bytes.len() / 2);
        }
        if let Some(delay) = self.delays_next.take() {
            self.late.push((now + delay, bytes));
        } else {
            if std::mem::take(&mut self.repeats_next) {
                self.push(now, bytes.clone());
            }
            self.push(now, bytes);
        }
        if ends_generation {
            self.generations += 1;
            let generations = self.generations;
            self.trip(now, |when| when == When::GenerationComplete(generations));
        }
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

    /// A setup with a handle has come.
    pub(super) fn resuming(&mut self, now: Nanos) {
        self.trip(now, |when| when == When::Resumption);
    }

    /// Sends what is late, and lets the faults happen whose age has come.
    pub(super) fn advance(&mut self, now: Nanos) {
        let late = std::mem::take(&mut self.late);
        for (at, bytes) in late {
            if at > now {
                self.late.push((at, bytes));
            } else if self.end.is_none() {
                self.push(now, bytes);
            }
        }
        let age = now.since(self.opened);
        self.trip(now, |when| matches!(when, When::Age(at) if at <= age));
    }

    /// When the next fault of age, or the next late message, is due.
    pub(super) fn next_fault(&self) -> Option<Nanos> {
        let age = |fault: &Fault| match fault.when {
            When::Age(age) => Some(self.opened + age),
            _ => None,
        };
        let late = self.late.iter().map(|(at, _)| *at);
        self.faults.iter().filter_map(age).chain(late).min().filter(|_| self.end.is_none())
    }

    /// Until when nothing of the client is read, where that is not over.
    pub(super) fn deaf_until(&self, now: Nanos) -> Option<Nanos> {
        Some(self.deaf_until).filter(|until| *until > now)
    }

    pub(super) fn pong_delay(&self) -> Nanos {
        self.pong_delay
    }

    pub(super) fn take_going_away(&mut self) -> Option<Nanos> {
        self.going_away.take()
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

    /// Lets `what` happen now.
    pub(super) fn happen(&mut self, now: Nanos, what: Mishap) {
        match what {
            // There is nothing left to refuse.
            Mishap::Refuse(_) => {}
            Mishap::GoAway(left) => self.going_away = Some(left),
            Mishap::Repeat => self.repeats_next = true,
            Mishap::Late(delay) => self.delays_next = Some(delay),
            Mishap::Deaf(time) => self.deaf_until = self.deaf_until.max(now + time),
            Mishap::SlowPong(delay) => self.pong_delay = delay,
            Mishap::Bundle => self.bundles_next = true,
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
