//! One event after another.

use std::sync::atomic::Ordering::Relaxed;

use super::{Cut, Entry, FromClient, Op, Sent, Transcript, World, wire};
use crate::{
    audio::{Nanos, NoStopwatch, NoteKind, flow::PLAYOUT_FRAMES, ring::Reader},
    link::Decision,
    protocol::{Close, Verdict, close::judge_http},
    sim::service::{Service, Transmit},
};

/// The worker's timer.
const WORKER_TIMER: Nanos = Nanos::from_ms(10);
/// The link's, while it holds something back.
const LINK_TIMER: Nanos = Nanos::from_ms(20);

/// Services of connections that are over, where not all is recorded.
const SERVICES_KEPT: usize = 2;

/// What happens next. Events of the same moment happen in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Deed,
    Capture,
    Render,
    Worker,
    ToService,
    Service,
    ToClient,
    Pong,
    Link,
    Dial,
    Supervisor,
}

impl World {
    /// Runs until `end`: everything that is due by then has happened.
    pub fn run_until(&mut self, end: Nanos) {
        while self.next().0 <= end {
            self.step();
        }
        self.now = end;
    }

    /// Jumps to the next event and runs the one body that it is for; then the
    /// invariants are asserted.
    pub fn step(&mut self) {
        let (at, event) = self.next();
        self.invariants.stepped(at > self.now, event);
        self.now = self.now.max(at);
        self.steps += 1;
        match event {
            Event::Deed => {
                if let Some((_, deed)) = self.deeds.pop_front() {
                    deed(self);
                }
            }
            Event::Capture => self.capture(),
            Event::Render => self.render(),
            Event::Worker => self.work(),
            Event::ToService => self.reach_service(),
            Event::Service => {
                if let Some(service) = &mut self.service {
                    service.handle_deadline(self.now);
                }
                self.collect_service();
            }
            Event::ToClient => self.reach_client(),
            Event::Pong => {
                if self.pongs.pop(self.now).is_some() {
                    self.link.heard(self.now);
                }
            }
            Event::Link => self.run_link(),
            Event::Dial => self.connect(),
            Event::Supervisor => self.supervise(),
        }
        self.worker_task.listen(self.now);
        self.link_task.listen(self.now);
        self.check();
        if !self.record_all {
            self.forget();
        }
    }

    /// Keeps the end of what was recorded.
    fn forget(&mut self) {
        self.transcript.forget();
        while self.ended_services.len() > SERVICES_KEPT {
            self.forgotten_turns += self.ended_services.remove(0).heard().turns_completed;
        }
    }

    /// Ends the conversation: what was captured goes up to its last sample.
    pub fn finish(&mut self) -> &Transcript {
        self.worker.finish(self.now, &NoStopwatch);
        self.take_notes();
        self.take_far();
        self.run_link();
        self.check();
        &self.transcript
    }

    fn next(&self) -> (Nanos, Event) {
        let service = self.service.as_ref().and_then(Service::next_deadline);
        let events = [
            (self.deeds.front().map(|(at, _)| *at), Event::Deed),
            (Some(self.microphone.next_at()), Event::Capture),
            (Some(self.speaker.next_at()), Event::Render),
            (self.worker_task.next_at(), Event::Worker),
            (self.up.next_at(), Event::ToService),
            (service, Event::Service),
            (self.down.next_at(), Event::ToClient),
            (self.pongs.next_at(), Event::Pong),
            (self.link_task.next_at(), Event::Link),
            (self.dial_at, Event::Dial),
            (self.supervised_at(), Event::Supervisor),
        ];
        let mut first = (Nanos(u64::MAX), Event::Deed);
        for (at, event) in events {
            if let Some(at) = at.filter(|at| *at < first.0) {
                first = (at, event);
            }
        }
        first
    }

    fn capture(&mut self) {
        let (first, frames) = (self.microphone.frames_before(), self.microphone.next_frames());
        self.sound.clear();
        self.sound.resize(frames, 0.0);
        self.talker.speak(first, &mut self.sound);
        if let Some(room) = &mut self.room {
            room.hear(&mut self.sound);
        }
        self.capture.capture(&self.sound, self.now);
        let at = self.now;
        self.record(|| Op::Capture(frames, at));
        if self.record_sound {
            self.transcript.captured.extend(&self.sound);
        }
        self.microphone.advance();
    }

    fn render(&mut self) {
        let (first, frames) = (self.speaker.frames_before(), self.speaker.next_frames());
        self.sound.clear();
        self.sound.resize(frames, 0.0);
        self.render.play(&mut self.sound, self.speaker.rate(), self.now);
        let at = self.now;
        self.record(|| Op::Render(frames, at));
        self.invariants.played(first, &self.sound);
        if let Some(room) = &mut self.room {
            room.play(&self.sound);
        }
        if self.record_sound {
            self.transcript.played.extend(&self.sound);
        }
        self.speaker.advance();
    }

    fn work(&mut self) {
        self.worker_task.wake();
        if let Some(rung_at) = self.worker_task.bell.take_rung_at() {
            self.meters.worker.wake_up.record(self.now.since(rung_at));
        }
        self.worker.step(self.now, &NoStopwatch);
        self.worker_task.sleep(Some(self.now + WORKER_TIMER));
        self.take_notes();
        self.take_far();
        self.check_rings();
    }

    /// The playout holds what it has room for; the render ring a period and a
    /// block, and the block that came on top.
    fn check_rings(&mut self) {
        let staged = self.meters.worker.staged_frames.load(Relaxed);
        self.invariants.require(staged <= PLAYOUT_FRAMES, || format!("{staged} frames staged"));
        let pending = self.meters.worker.render_pending_frames.load(Relaxed);
        let bound = self.render.period_max + 2 * self.render.fate.rate.block_frames_max();
        self.invariants.require(pending <= bound, || {
            format!("{pending} of {bound} frames in the render ring")
        });
    }

    fn take_notes(&mut self) {
        let (played, rate) = (self.speaker.frames_before(), self.speaker.rate());
        let before = self.transcript.notes.len();
        while let Some(note) = self.notes.pop() {
            self.transcript.note(note);
            match note.note.kind {
                NoteKind::ReplyStarted(_) => self.talker.reply_began(self.now),
                NoteKind::ReplyFinished(_) => self.talker.reply_ended(self.now),
                NoteKind::ReplyCut { .. } => {
                    self.talker.reply_ended(self.now);
                    self.transcript.cuts.push(Cut { at: self.now, played });
                }
                _ => {}
            }
        }
        let late = rate.frames_in(self.render.conversion());
        self.invariants.noted(&self.transcript.notes[before..], played + late, rate);
        while self.uplink_to_link.room() > 0
            && let Some(packet) = self.uplink_from_worker.pop()
        {
            let sent = Sent::of(&packet);
            self.invariants.sent(&sent, self.meters.worker.uplink_lost_frames.load(Relaxed));
            self.transcript.uplink.push(sent);
            let _ = self.uplink_to_link.push(packet);
        }
    }

    fn take_far(&mut self) {
        let far = &mut self.transcript.far;
        let before = far.len();
        far.resize(before + self.far.iter().map(Reader::len).sum::<usize>(), 0.0);
        let mut rest = &mut far[before..];
        for stream in &mut self.far {
            let taken = stream.pop_slice(rest);
            rest = &mut rest[taken..];
        }
    }

    fn record(&mut self, op: impl FnOnce() -> Op) {
        if self.record_sound {
            self.transcript.ops.push(op());
        }
    }

    fn run_link(&mut self) {
        self.link_task.wake();
        self.link.step(self.now);
        while self.downlink_to_worker.room() > 0
            && let Some(packet) = self.downlink_from_link.pop()
        {
            self.record(|| Op::Downlink(packet.clone()));
            self.invariants.delivered(&packet);
            let _ = self.downlink_to_worker.push(packet);
        }
        if self.link.next_deadline().is_some_and(|at| at <= self.now) {
            self.link.handle_deadline(self.now);
        }
        while let Some(event) = self.link.poll_event() {
            self.transcript.entries.push((self.now, Entry::Link(event)));
        }
        if self.service.is_some() {
            self.transmit();
        }
        self.invariants.counted(&self.link.counters());
        if self.link.must_drop(self.now) {
            self.end_connection(Close::NO_FRAME, "");
        } else if (self.link.hangs_up() || self.link.is_closing()) && self.service.is_some() {
            self.up.send(self.now, FromClient::Close(1000));
        } else if self.service.is_some() && self.link.ping_at() <= self.now {
            self.link.pinged(self.now);
            self.up.send(self.now, FromClient::Ping);
        }
        let waits = self.link.is_holding() || self.up.is_full(self.now);
        let timer = waits.then_some(self.now + LINK_TIMER);
        let ends = self.link.hangs_up() || self.link.is_closing();
        let ping = (self.service.is_some() && !ends).then(|| self.link.ping_at());
        let deadlines = [timer, self.link.next_deadline(), ping];
        self.link_task.sleep(deadlines.into_iter().flatten().min());
    }

    fn transmit(&mut self) {
        while !self.up.is_full(self.now) && self.link.poll_transmit(self.now, &mut self.message) {
            self.link.transmitted(self.now);
            let kind = wire::kind_of_uplink(&self.message);
            self.invariants.wired(wire::audio_frames(&self.message));
            self.transcript.entries.push((self.now, Entry::Up(kind)));
            self.up.send(self.now, FromClient::Message(self.message.clone()));
        }
    }

    fn reach_service(&mut self) {
        match (self.up.pop(self.now), &mut self.service) {
            (Some(FromClient::Message(message)), Some(service)) => {
                service.receive(self.now, message.as_bytes());
                let lingers = !self.aftermath.lingering.is_empty();
                let collisions = (self.memory.collisions(), lingers);
                self.invariants.arrived(wire::audio_frames(&message), service, collisions);
                self.collect_service();
            }
            (Some(FromClient::Ping), Some(service)) => {
                let at = self.now + service.pong_delay();
                self.pongs.send(at, ());
            }
            (Some(FromClient::Close(code)), Some(_)) => {
                self.end_service(code);
                self.up.clear();
                let reason = String::new();
                self.down.send(self.now, Transmit::Close { code, reason });
            }
            _ => {}
        }
    }

    pub(super) fn collect_service(&mut self) {
        let Some(service) = &mut self.service else { return };
        if let Some(until) = service.deaf_until(self.now) {
            self.up.hold(until);
        }
        while let Some(transmit) = service.poll_transmit(self.now) {
            self.down.send(self.now, transmit);
        }
        self.invariants.heard(service.heard());
    }

    fn reach_client(&mut self) {
        match self.down.pop(self.now) {
            Some(Transmit::Message(message)) => {
                let kind = wire::kind_of_downlink(&message);
                self.transcript.entries.push((self.now, Entry::Down(kind)));
                self.link.receive(self.now, &message);
                self.run_link();
            }
            Some(Transmit::Close { code, reason }) => self.end_connection(code, &reason),
            Some(Transmit::Abort) => self.end_connection(Close::NO_FRAME, ""),
            None => {}
        }
    }

    fn connect(&mut self) {
        self.dial_at = None;
        if let Some(verdict) = self.failing_dial() {
            return self.fail_to_connect(verdict);
        }
        let opened = Service::open(&self.service_settings, &self.memory, &self.request, self.now);
        match opened {
            Ok(service) => {
                self.service = Some(service);
                self.invariants.connected();
                self.link.connected(self.now);
                self.run_link();
            }
            Err(refusal) => {
                let settings = self.link.session().settings();
                let verdict = judge_http(refusal.http_status, &refusal.reason, settings);
                self.fail_to_connect(verdict);
            }
        }
    }

    fn fail_to_connect(&mut self, verdict: Verdict) {
        self.done(format!("no connection: {}", verdict.explanation));
        let decision = self.link.dial_failed(self.now, verdict);
        self.follow(decision);
        self.run_link();
    }

    /// The connection is gone, with all that was under way.
    pub(super) fn end_connection(&mut self, code: u16, reason: &str) {
        self.end_service(code);
        self.up.clear();
        self.down.clear();
        self.pongs.clear();
        self.done(format!("the connection ends: {code} {reason}"));
        self.invariants.disconnected();
        let decision = self.link.disconnected(self.now, Close::new(code, reason));
        self.follow(decision);
        self.run_link();
    }

    /// The service's side of it, which leaves the session free.
    fn end_service(&mut self, code: u16) {
        if let Some(service) = self.service.take() {
            self.bury(service, code);
        }
    }

    /// What the link decided about the connection that is not there.
    fn follow(&mut self, decision: Decision) {
        match decision {
            Decision::Redial { at, .. } => self.dial_at = Some(at + self.dial),
            Decision::GiveUp { verdict } => self.gave_up = Some(verdict.explanation),
            Decision::Done => {}
        }
    }

    pub(super) fn done(&mut self, what: String) {
        self.transcript.entries.push((self.now, Entry::Done(what)));
    }

    fn check(&mut self) {
        let mut checks = std::mem::take(&mut self.checks);
        for check in &mut checks {
            if let Err(what) = check(self) {
                self.invariants.broken.push(what);
            }
        }
        self.checks = checks;
        let broken = &self.invariants.broken;
        assert!(
            broken.is_empty(),
            "at {:.6} s: {}\n{}",
            self.now.as_secs(),
            broken.join("; "),
            tail(&self.transcript)
        );
    }
}

/// The last thirty lines of a timeline.
fn tail(transcript: &Transcript) -> String {
    let text = transcript.to_string();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
