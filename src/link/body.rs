//! [`Link`]: the queue, the session and the staging as one machine.

mod guard;
mod mode;
mod switch;

use std::{collections::VecDeque, sync::Arc};

use super::{
    counters::{LinkCounters, LinkGauges},
    event::{Control, LinkEvent},
    life::{Life, SwitchCause},
    queue::{Bounds, Item, Queued, UplinkQueue},
    reconnect::{Decision, Reconnect},
    resend::Resend,
    staging::{Mark, Staging},
    watch::Watch,
};
use crate::{
    audio::{
        Doorbell, Downlink, DownlinkPacket, Flow, Nanos, Rate, ReplyId, UplinkPacket,
        packet::RESERVED_PACKETS,
        ring::{Reader, Writer},
    },
    protocol::{Close, Event, LinkSettings, Session, Uplink, Verdict},
};

pub use mode::ModeSettings;

/// The longest that replies may be staged, in minutes: 29 MB of samples.
pub const REPLY_MINUTES_MAX: u32 = 10;
/// Events that may wait to be polled.
const EVENTS_MAX: usize = 4_096;

/// What connects the link to the worker.
#[derive(Debug)]
pub struct LinkEnds {
    /// What the worker says.
    pub uplink: Reader<UplinkPacket>,
    /// What the worker is told.
    pub downlink: Writer<DownlinkPacket>,
    /// What the worker has room for, and what it cut.
    pub flow: Arc<Flow>,
    /// Rung after something was put into the downlink ring.
    pub worker_bell: Arc<Doorbell>,
}

/// The message last taken, until the socket has it.
#[derive(Clone, Copy, Debug)]
struct InHand {
    captured_at: Nanos,
    ends_turn: bool,
}

/// A connection that we hang up.
#[derive(Clone, Debug)]
struct Leave {
    /// What it is judged by, where not by how it then ends.
    because: Option<Close>,
    /// The other side has so long to answer.
    until: Nanos,
}

#[derive(Clone, Copy, Debug)]
struct Gap {
    since: Nanos,
    planned: bool,
}

/// The link without a socket. See [`super`].
///
/// Whoever runs it calls [`step`](Self::step) after every wake and every
/// message, polls the events, and takes messages while the socket is writable.
pub struct Link {
    session: Session,
    ends: LinkEnds,
    queue: UplinkQueue,
    staging: Staging,
    reconnect: Reconnect,
    life: Life,
    resend: Resend,
    watch: Watch,
    /// An open window is to be closed, as the worker has left it.
    window_left: bool,
    events: VecDeque<LinkEvent>,
    /// Since when the service accepts audio, and what an outage kept has had
    /// its time to leave.
    live_since: Option<Nanos>,
    /// Audio frames ever put into the downlink ring, wrapping.
    sent_frames: usize,
    seen_cut: ReplyId,
    closing: bool,
    leave: Option<Leave>,
    modes: ModeSettings,
    /// Since when a turn mode waits that the service has to be told of.
    mode_since: Option<Nanos>,
    /// Since when nothing can be sent, and whether by plan.
    gap: Option<Gap>,
    in_hand: Option<InHand>,
    turn_ended_at: Option<Nanos>,
    overlong: Option<ReplyId>,
    gauges: Arc<LinkGauges>,
    counters: LinkCounters,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("live_since", &self.live_since)
            .field("queue", &self.queue.counters())
            .field("staging", &self.staging.counters())
            .finish_non_exhaustive()
    }
}

impl Link {
    /// A link that is not connected yet. `seed` varies its pauses.
    pub fn new(session: Session, settings: &LinkSettings, ends: LinkEnds, seed: u64) -> Self {
        let frames_max = Rate::DOWNLINK.frames_in_ms(REPLY_MINUTES_MAX * 60_000);
        let setup_timeout = Nanos::from_ms(settings.setup_timeout_ms.into());
        Self {
            queue: UplinkQueue::new(Bounds::from_ms(settings.outage_ms, settings.live_queue_ms)),
            staging: Staging::new(frames_max),
            reconnect: Reconnect::new(settings, seed),
            life: Life::new(settings),
            resend: Resend::new(settings.resend_ms, session.settings().is_manual()),
            watch: Watch::new(settings),
            window_left: false,
            events: VecDeque::new(),
            live_since: None,
            sent_frames: 0,
            seen_cut: ends.flow.cut_reply(),
            closing: false,
            leave: None,
            modes: ModeSettings::new(),
            mode_since: None,
            gap: None,
            in_hand: None,
            turn_ended_at: None,
            overlong: None,
            gauges: Arc::default(),
            counters: LinkCounters::default(),
            session: session.with_setup_timeout(setup_timeout),
            ends,
        }
    }

    /// A connection is open, its upgrade done: the setup is due.
    pub fn connected(&mut self, now: Nanos) {
        self.session.connected(now);
        self.watch.connected(now);
        self.emit(LinkEvent::Connected);
        self.take_session_events(now);
    }

    /// The connection ended.
    pub fn disconnected(&mut self, now: Nanos, close: Close) -> Decision {
        let leave = self.leave.take();
        // A switch was told when it began.
        let told = leave.as_ref().is_some_and(|leave| leave.because.is_none());
        let close = leave.and_then(|leave| leave.because).unwrap_or(close);
        self.lose_connection(now);
        let verdict = self.session.disconnected(now, close);
        self.take_session_events(now);
        self.deliver();
        self.decide(now, verdict, told)
    }

    /// A connection could not be made, for a reason that was judged already.
    pub fn dial_failed(&mut self, now: Nanos, verdict: Verdict) -> Decision {
        self.decide(now, verdict, false)
    }

    /// A message from the service, of a text or a binary frame alike.
    pub fn receive(&mut self, now: Nanos, message: &[u8]) {
        if self.staging.is_flooded() && self.leave.is_some() {
            // The connection ends because of it: no more is kept.
            return;
        }
        self.watch.heard(now);
        self.session.receive(now, message);
        self.take_session_events(now);
        self.deliver();
        if self.staging.is_flooded() && self.leave.is_none() {
            let reason = "the server sent more turns than can be heard";
            self.hang_up(now, Some(Close::new(Close::NO_FRAME, reason)));
        }
    }

    /// Empties the uplink ring into the queue, obeys a cut, and gives the
    /// worker of the staged replies what it has room for.
    pub fn step(&mut self, now: Nanos) {
        if self.queue.is_empty() {
            // What an outage kept has left: audio may wait as usual again.
            self.live_since = self.live_since.map(|since| since.min(now));
        }
        while let Some(packet) = self.ends.uplink.pop() {
            self.watch.spoke(now);
            self.queue.push(now, &packet);
        }
        self.queue.trim(now, self.live_since);
        let cut = self.ends.flow.cut_reply();
        if cut != self.seen_cut {
            self.seen_cut = cut;
            self.session.cut(now, cut);
            self.staging.cut(cut);
        }
        self.deliver();
        self.look(now);
    }

    /// Whether the worker has left something for [`step`](Self::step).
    pub fn has_input(&self) -> bool {
        !self.ends.uplink.is_empty() || self.ends.flow.cut_reply() != self.seen_cut
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something: the
    /// socket need be asked whether it is writable only then.
    pub fn wants_transmit(&self) -> bool {
        if self.leave.is_some() {
            return false;
        }
        self.session.wants_transmit()
            || (self.session.is_ready() && (self.queue.has_next() || self.is_window_due()))
    }

    /// The next text message, replacing what `out` held; false where there is
    /// none. To be called only when the socket takes it at once, because what
    /// has been taken cannot be dropped any more.
    pub fn poll_transmit(&mut self, now: Nanos, out: &mut String) -> bool {
        self.in_hand = None;
        if self.leave.is_some() {
            return false;
        }
        if self.session.poll_transmit(out) {
            return true;
        }
        if !self.session.is_ready() {
            return false;
        }
        self.queue.trim(now, self.live_since);
        while let Some(next) = self.queue.pop() {
            if self.write(now, &next, out) {
                self.resend.sent(now, next, self.session.next_reply());
                return true;
            }
            self.counters.refused_items += 1;
        }
        self.is_window_due() && self.close_window(now, out)
    }

    /// The message of the last [`poll_transmit`](Self::poll_transmit) has been
    /// given to the socket.
    pub fn transmitted(&mut self, now: Nanos) {
        self.counters.messages_sent += 1;
        self.watch.sent(now);
        let Some(InHand { captured_at, ends_turn }) = self.in_hand.take() else { return };
        if captured_at > Nanos::ZERO {
            let gauges = &self.gauges;
            let times = if ends_turn { &gauges.end_to_wire } else { &gauges.capture_to_wire };
            times.record(now.since(captured_at));
        }
        if ends_turn {
            self.turn_ended_at = Some(now);
        }
    }

    /// What happened, oldest first, for the supervisor.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    /// Does what the supervisor wants.
    pub fn control(&mut self, now: Nanos, control: Control) {
        match control {
            Control::Text(text) => {
                self.session.send_text(now, &text);
            }
            Control::Interrupt => self.session.interrupt(),
            Control::Close => {
                self.closing = true;
                self.session.closing();
            }
        }
    }

    /// Whether the end was asked for.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    /// Whether something waits for the worker to make room, so that
    /// [`step`](Self::step) should be called within 20 ms.
    pub fn is_holding(&self) -> bool {
        !self.staging.is_empty()
    }

    /// When [`handle_deadline`](Self::handle_deadline) wants to be called.
    pub fn next_deadline(&self) -> Option<Nanos> {
        let leave = self.leave.as_ref().map(|leave| leave.until);
        let own = [leave, self.life.next_look(), self.mode_deadline(), self.next_watch()];
        own.into_iter().chain([self.session.next_deadline()]).flatten().min()
    }

    /// Does what is due at `now`.
    pub fn handle_deadline(&mut self, now: Nanos) {
        self.session.handle_deadline(now);
        self.take_session_events(now);
        self.look(now);
    }

    /// The session, to look at.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What others may see of it while it runs.
    pub fn gauges(&self) -> Arc<LinkGauges> {
        self.gauges.clone()
    }

    /// Shows what was counted until now; where somebody reads it just then, the
    /// next call does.
    pub fn show(&self) {
        self.gauges.show(|| self.counters());
    }

    /// Everything counted until now. Allocates.
    pub fn counters(&self) -> LinkCounters {
        LinkCounters {
            queue: self.queue.counters(),
            queued_frames: self.queue.frames() as u64,
            staging: self.staging.counters(),
            held_frames: self.staging.frames() as u64,
            session: self.session.counters().clone(),
            uplink_packets_refused: self.ends.uplink.refused(),
            ..self.counters.clone()
        }
    }

    fn write(&mut self, now: Nanos, next: &Queued, out: &mut String) -> bool {
        let uplink = match &next.item {
            Item::ActivityStart => Uplink::ActivityStart,
            Item::Audio(samples) => Uplink::Audio { samples, rate: Rate::UPLINK },
            Item::ActivityEnd => Uplink::ActivityEnd,
            Item::StreamEnd => Uplink::StreamEnd,
            // Nothing on the wire says so, and the queue stops before it.
            Item::ModeChanged(_) => return false,
        };
        let ends_turn = matches!(uplink, Uplink::ActivityEnd | Uplink::StreamEnd);
        let is_audio = matches!(uplink, Uplink::Audio { .. });
        let written = self.session.write_uplink(now, uplink, out);
        if written {
            let timed = is_audio || ends_turn;
            let captured_at = if timed { next.captured_at } else { Nanos::ZERO };
            self.in_hand = Some(InHand { captured_at, ends_turn });
        } else {
            self.counters.refused_frames += next.frames() as u64;
        }
        written
    }

    fn decide(&mut self, now: Nanos, verdict: Verdict, told: bool) -> Decision {
        let explanation = verdict.explanation.clone();
        let decision =
            if self.closing { Decision::Done } else { self.reconnect.decide(now, verdict) };
        let redial_at = match &decision {
            Decision::Redial { at, .. } => Some(*at),
            Decision::GiveUp { .. } | Decision::Done => None,
        };
        if !told || redial_at.is_none() {
            self.emit(LinkEvent::Down { explanation, redial_at });
        }
        decision
    }

    fn take_session_events(&mut self, now: Nanos) {
        while let Some(event) = self.session.poll_event() {
            match &event {
                Event::Audio { reply, samples, rate } => {
                    self.stage(now, *reply, samples, *rate);
                    continue;
                }
                Event::Ready { .. } => {
                    self.emit(LinkEvent::Session(event));
                    self.accepted(now);
                    continue;
                }
                Event::SetupTimedOut => {
                    let close = Close::new(Close::NO_FRAME, Close::UNANSWERED);
                    self.hang_up(now, Some(close));
                }
                Event::GoingAway { time_left } => self.life.going_away(now, *time_left),
                Event::Interrupted { reply } => self.staging.interrupt(now, *reply),
                Event::Text { reply, .. } => self.answered(*reply),
                Event::GenerationComplete { reply } => {
                    self.staging.push_mark(now, *reply, Mark::GenerationComplete);
                }
                Event::TurnComplete { reply, .. } => {
                    self.answered(*reply);
                    self.staging.push_mark(now, *reply, Mark::TurnComplete);
                }
                Event::ReplyLost { reply } => {
                    self.staging.push_mark(now, *reply, Mark::TurnComplete);
                }
                _ => {}
            }
            self.emit(LinkEvent::Session(event));
        }
    }

    fn stage(&mut self, now: Nanos, reply: ReplyId, samples: &[i16], rate: Rate) {
        self.answered(reply);
        if self.ends.flow.is_cut(reply) {
            self.counters.late_frames += samples.len() as u64;
            return;
        }
        let staged = self.staging.push_audio(now, reply, samples, rate);
        if staged.is_first {
            let since_turn_end = self.turn_ended_at.take().map(|ended| now.since(ended));
            if let Some(waited) = since_turn_end {
                self.gauges.end_to_reply.record(waited);
            }
            self.emit(LinkEvent::ReplyStarted { reply, first_byte_at: now, since_turn_end });
        }
        if staged.refused_frames > 0 && self.overlong != Some(reply) {
            self.overlong = Some(reply);
            self.emit(LinkEvent::ReplyTooLong { reply });
        }
    }

    /// Moves packets into the downlink ring: audio within the worker's room
    /// and leaving the reserved slots, control packets into any slot.
    fn deliver(&mut self) {
        let mut delivered = 0_u64;
        loop {
            let slots = self.ends.downlink.room();
            if slots == 0 {
                break;
            }
            let room =
                if slots > RESERVED_PACKETS { self.ends.flow.room(self.sent_frames) } else { 0 };
            let Some(packet) = self.staging.next(room) else { break };
            if let Downlink::Audio(samples) = &packet.payload {
                self.sent_frames = self.sent_frames.wrapping_add(samples.as_slice().len());
            }
            // There is a slot, and only this end pushes.
            delivered += u64::from(self.ends.downlink.push(packet).is_ok());
        }
        if delivered > 0 {
            self.counters.packets_delivered += delivered;
            self.ends.worker_bell.ring();
        }
    }

    fn emit(&mut self, event: LinkEvent) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.counters.events_refused += 1;
        }
    }
}

#[cfg(test)]
mod tests;
