//! The Live API client without a socket: messages and the time go in;
//! messages, events, the next deadline and verdicts come out.
//!
//! One session lives through one connection after another:
//! `connected` → `poll_transmit` (the setup) → `receive` … → `disconnected` →
//! a [`Verdict`] that says whether and how to connect again. Reply ids and
//! counters run on; everything else starts anew with each connection.
//!
//! Whoever runs it empties [`Session::poll_transmit`] before each
//! [`Session::write_uplink`] (an unanswered tool call must not be followed by
//! audio) and [`Session::poll_event`] after each call.

mod gate;
mod memory;
mod outbox;
mod receive;
mod reply;

use std::collections::VecDeque;

pub use self::outbox::TEXTS_MAX;
use self::{gate::Gate, memory::Memory, outbox::Outbox, reply::Replies};
use super::{
    close::{self, Close, Phase, Reaction, Verdict},
    counters::SessionCounters,
    downlink::PcmParts,
    event::Event,
    settings::{ActivityHandling, Handle, SessionSettings},
    setup::{self, Origin},
    uplink::{self, Turn, Uplink},
};
use crate::audio::{Nanos, ReplyId};

/// How long the server may take to accept the setup, where nothing else is said.
pub const SETUP_TIMEOUT: Nanos = Nanos::from_secs(10);

/// Events that may wait to be polled.
const EVENTS_MAX: usize = 4_096;
/// The longest text of an event: the service sends words, and thousands of
/// events may wait.
pub const TEXT_BYTES_MAX: usize = 8 << 10;
/// The longest handle that is kept. Those that were seen are far shorter.
const HANDLE_BYTES_MAX: usize = 16 << 10;

/// The client's side of a conversation.
pub struct Session {
    settings: SessionSettings,
    setup_timeout: Nanos,
    state: State,
    /// The newest handle that can be resumed from.
    handle: Option<Handle>,
    /// Whether this connection's setup carried a handle.
    resuming: bool,
    /// Whether this session begins with the text of what was said.
    seeding: bool,
    /// The service did not take such a beginning.
    seed_refused: bool,
    memory: Memory,
    /// Refusals in a row of a setup with a handle.
    refusals: u32,
    /// Turns that ended on this connection.
    turns: u64,
    leaving: bool,
    closing: bool,
    /// The last word on resuming was that it can be done from here.
    resumable_now: bool,
    /// The interaction goes on: a turn was complete, but more is to come.
    in_progress: bool,
    /// Tool calls since content last came.
    calls: u32,
    gate: Gate,
    replies: Replies,
    parts: PcmParts,
    /// All of the turn's content has come, as the service says.
    generated: bool,
    outbox: Outbox,
    events: VecDeque<Event>,
    counters: SessionCounters,
}

/// Without the handle, which is a secret of the session.
impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("state", &self.state)
            .field("can_resume", &self.can_resume())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

/// What a model knows of what was said on earlier connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recall {
    /// All of it, or nothing was said.
    Whole,
    /// The text of it, as far as there were captions.
    Text,
    /// Nothing.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Disconnected,
    /// Until `setupComplete`, or the deadline.
    SettingUp {
        deadline: Nanos,
    },
    /// The deadline has passed; only a close is expected.
    TimedOut,
    Ready,
}

impl Session {
    /// A session that is not connected yet.
    pub fn new(settings: SessionSettings) -> Self {
        Self {
            setup_timeout: SETUP_TIMEOUT,
            state: State::Disconnected,
            handle: settings.resumption_handle.clone(),
            resuming: false,
            seeding: false,
            seed_refused: false,
            memory: Memory::default(),
            refusals: 0,
            turns: 0,
            leaving: false,
            closing: false,
            resumable_now: false,
            in_progress: false,
            calls: 0,
            gate: Gate::new(settings.is_manual()),
            replies: Replies::default(),
            parts: PcmParts::default(),
            generated: false,
            outbox: Outbox::default(),
            events: VecDeque::new(),
            counters: SessionCounters::default(),
            settings,
        }
    }

    /// The same session with another time for the server to accept the setup.
    pub fn with_setup_timeout(self, setup_timeout: Nanos) -> Self {
        Self { setup_timeout, ..self }
    }

    /// A connection is open (after the WebSocket handshake): queues the setup,
    /// with the newest handle where there is one, and arms its deadline.
    pub fn connected(&mut self, now: Nanos) {
        self.lose_reply();
        self.counters.connections += 1;
        self.state = State::SettingUp { deadline: now + self.setup_timeout };
        self.resuming = self.can_resume();
        self.seeding = !self.resuming && !self.seed_refused && !self.memory.is_empty();
        self.turns = 0;
        (self.leaving, self.closing) = (false, false);
        (self.in_progress, self.calls) = (false, 0);
        self.gate.reset();
        self.outbox.start_connection();
    }

    /// Whether a service that knows the settings of now has to be told of these.
    pub fn has_to_tell(&self, settings: &SessionSettings) -> bool {
        let message = |settings| setup::message(settings, setup::Origin::Fresh);
        message(&self.settings) != message(settings)
    }

    /// What is asked for from now on, which only a new connection can say.
    pub fn reconfigure(&mut self, settings: SessionSettings) {
        if settings.is_manual() != self.settings.is_manual() {
            self.gate = Gate::new(settings.is_manual());
        }
        self.settings = settings;
    }

    /// We are about to leave this connection for another.
    pub fn leaving(&mut self) {
        self.leaving = true;
    }

    /// We are about to close: whatever close comes now is as asked.
    pub fn closing(&mut self) {
        self.closing = true;
    }

    /// The connection has ended, or could not be opened; what that means.
    pub fn disconnected(&mut self, _now: Nanos, close: Close) -> Verdict {
        let in_setup = self.state != State::Ready;
        let resuming = self.resuming;
        let refused = close.code != Close::NO_FRAME || self.state == State::TimedOut;
        self.refusals += u32::from(in_setup && resuming && refused);
        let phase = match in_setup {
            _ if self.closing => Phase::Closing,
            _ if self.leaving => Phase::Leaving,
            true => Phase::Setup { resuming, refusals: self.refusals },
            false => Phase::Talking { resumed: resuming, turns: self.turns },
        };
        self.lose_reply();
        self.state = State::Disconnected;
        self.gate.reset();
        self.outbox.end_connection();
        let close = Close { reason: self.without_handle(close.reason), ..close };
        let mut verdict = close::judge(&close, phase, &self.settings, self.can_resume());
        let seeded = self.seeding && self.turns == 0;
        if seeded && close.code == Close::INVALID && verdict.reaction == Reaction::Fatal {
            // Perhaps it was the text: once without it.
            self.seed_refused = true;
            verdict.reaction = Reaction::Fresh;
        }
        if verdict.reaction == Reaction::Fresh {
            self.handle = None;
            self.refusals = 0;
            let has_text = !self.seed_refused && !self.memory.is_empty();
            close::fresh_step(has_text).clone_into(&mut verdict.next_step);
        }
        verdict
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether [`Self::poll_transmit`] has something.
    pub fn wants_transmit(&self) -> bool {
        self.outbox.setup_due || (self.state == State::Ready && self.outbox.wants_transmit())
    }

    /// The session's own next message (setup, answers to tool calls, texts):
    /// replaces what `out` held. False, and `out` untouched, where none waits.
    pub fn poll_transmit(&mut self, out: &mut String) -> bool {
        if self.outbox.setup_due {
            self.outbox.setup_due = false;
            setup::write(&self.settings, self.origin(), out);
            return true;
        }
        if self.state != State::Ready {
            return false;
        }
        if std::mem::take(&mut self.outbox.seed_due) {
            let turns = self.memory.turns(&self.settings.model);
            uplink::write_client_content(&turns, true, out);
            return true;
        }
        if std::mem::take(&mut self.outbox.nudge_due) {
            uplink::write_client_content(&[], true, out);
            return true;
        }
        if self.outbox.stops_due > 0 {
            self.write_stop(out);
            return true;
        }
        let responses = self.outbox.take_tool_responses();
        if !responses.is_empty() {
            uplink::write_tool_response(&responses, out);
            return true;
        }
        let Some(text) = self.outbox.take_text() else { return false };
        self.memory.wrote(&text);
        // The server throws realtime text outside a manual window away.
        if self.gate.is_manual() && !self.gate.window_open() {
            uplink::write_client_content(&[Turn { by_model: false, text: &text }], true, out);
        } else {
            uplink::write_text(&text, out);
        }
        true
    }

    /// Writes one item of the microphone's stream to `out`, replacing what it
    /// held. False where the item may not be sent now; that is counted in
    /// [`SessionCounters::refused`] and leaves `out` untouched. Allocates only
    /// until `out` has grown to the longest chunk.
    pub fn write_uplink(&mut self, _now: Nanos, item: Uplink<'_>, out: &mut String) -> bool {
        if self.state != State::Ready {
            self.counters.refused.not_ready += 1;
            return false;
        }
        let pass = self.gate.pass(item, &mut self.counters.refused);
        if pass {
            uplink::write(item, out);
        }
        pass
    }

    /// Queues text for the model, sent once the session is ready. False where
    /// [`TEXTS_MAX`] wait already.
    pub fn send_text(&mut self, _now: Nanos, text: &str) -> bool {
        let fits = self.outbox.push_text(text);
        self.counters.texts_refused += u64::from(!fits);
        fits
    }

    /// Asks the service to stop speaking: by an empty window where windows are
    /// ours and interrupt, by `clientContent` without an end of turn otherwise
    /// (reference §7, row 21). Nothing is sent where it cannot be speaking: not
    /// connected, or a window is open, which has interrupted it already.
    pub fn interrupt(&mut self) {
        let by_window = self.stops_by_window();
        if self.state == State::Ready && !(by_window && self.gate.window_open()) {
            self.outbox.stops_due = if by_window { 2 } else { 1 };
        }
    }

    /// Asks the model to go on, where it owes an answer.
    pub fn nudge(&mut self) {
        self.outbox.nudge_due = self.state == State::Ready;
    }

    fn stops_by_window(&self) -> bool {
        let deaf = self.settings.activity_handling == Some(ActivityHandling::NoInterruption);
        self.gate.is_manual() && !deaf
    }

    fn write_stop(&mut self, out: &mut String) {
        self.outbox.stops_due -= 1;
        if !self.stops_by_window() {
            uplink::write_client_content(&[], false, out);
            return;
        }
        let item = match self.outbox.stops_due {
            1 => Uplink::ActivityStart,
            _ => Uplink::ActivityEnd,
        };
        // These come before anything of the microphone, so the gate agrees.
        self.gate.pass(item, &mut self.counters.refused);
        uplink::write(item, out);
    }

    /// We have cut `reply`: the rest of it is stale. No event.
    pub fn cut(&mut self, now: Nanos, reply: ReplyId) {
        if self.replies.cut(now, reply) {
            self.counters.cuts += 1;
        }
    }

    /// Whether the setup was accepted and the connection is open.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether a manual window is open.
    pub fn window_open(&self) -> bool {
        self.gate.window_open()
    }

    /// When [`Session::handle_deadline`] wants to be called.
    pub fn next_deadline(&self) -> Option<Nanos> {
        match self.state {
            State::SettingUp { deadline } => Some(deadline),
            _ => None,
        }
    }

    /// Does what is due at `now`; nothing before the deadline.
    pub fn handle_deadline(&mut self, now: Nanos) {
        if self.next_deadline().is_some_and(|deadline| now >= deadline) {
            self.state = State::TimedOut;
            self.emit(Event::SetupTimedOut);
        }
    }

    /// What was counted, over all connections.
    pub fn counters(&self) -> &SessionCounters {
        &self.counters
    }

    /// Whether the next connection resumes.
    pub fn can_resume(&self) -> bool {
        self.settings.resumption && self.handle.is_some()
    }

    /// Whether it resumes from this very point: nothing said so far would be
    /// forgotten.
    pub fn resumes_from_here(&self) -> bool {
        self.can_resume() && self.resumable_now
    }

    /// Whether the model is in the middle of something: a reply, a tool call,
    /// an interaction of several turns.
    pub fn is_replying(&self) -> bool {
        self.replies.is_under_way() || self.in_progress || self.calls > 0
    }

    /// The earliest reply that could answer what is said now.
    pub fn next_reply(&self) -> ReplyId {
        let current = self.replies.current();
        if self.replies.is_under_way() { current.next() } else { current }
    }

    /// The newest handle that can be resumed from. A secret of the session.
    pub fn resumption_handle(&self) -> Option<&str> {
        self.handle.as_ref().map(Handle::secret)
    }

    /// What the model of this connection knows of the connections before.
    pub fn recall(&self) -> Recall {
        match (self.resuming, self.seeding) {
            (true, _) => Recall::Whole,
            (_, true) => Recall::Text,
            _ if self.counters.turns == 0 => Recall::Whole,
            _ => Recall::Nothing,
        }
    }

    fn origin(&self) -> Origin<'_> {
        match &self.handle {
            Some(handle) if self.resuming => Origin::Handle(handle.secret()),
            _ if self.seeding => Origin::Text,
            _ => Origin::Fresh,
        }
    }

    /// The setup message for people, without the handle.
    pub fn setup_for_display(&self) -> String {
        let origin = if self.resuming { Origin::Handle("…") } else { self.origin() };
        format!("{:#}", setup::message(&self.settings, origin))
    }

    /// What the session asks for.
    pub fn settings(&self) -> &SessionSettings {
        &self.settings
    }

    /// A server may repeat the handle in what it says to people.
    fn without_handle(&self, text: String) -> String {
        match self.resumption_handle() {
            Some(handle) if text.contains(handle) => text.replace(handle, "…"),
            _ => text,
        }
    }

    fn lose_reply(&mut self) {
        self.parts.reset();
        self.generated = false;
        self.memory.connection_lost();
        if let Some(reply) = self.replies.connection_lost() {
            self.emit(Event::ReplyLost { reply });
        }
    }

    fn emit(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.counters.events_refused += 1;
        }
    }
}

#[cfg(test)]
mod tests;
