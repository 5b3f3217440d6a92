//! The worker between the callbacks and the link: the capture chain, the
//! endpoint, the floor, the uplink; the downlink, the playout, the playback
//! chain. It acts in the block in which it decides.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

mod act;
mod guard;
mod swap;

use std::sync::{
    Arc,
    atomic::Ordering::{Acquire, Relaxed, Release},
};

use super::{
    capture::CaptureEnd,
    exchange::Swaps,
    far::FarEnd,
    gauges::{Taps, WorkerControls, WorkerGauges, WorkerNote},
    listen::{Heard, Listener},
    opinion::Opinion,
    render::RenderEnd,
    speak::{Speaker, SpeakerParts},
    uplink::UplinkWriter,
};
use crate::{
    audio::{
        Doorbell, DownlinkPacket, Flow, FrameTime, Nanos, Note, NoteKind, Notes, Rate, Stopwatch,
        Uplink, UplinkPacket,
        note::FloorState,
        ring::{Reader, Writer},
    },
    dialog::{
        EchoGuard, Endpoint, Floor, PlayoutSettings, TurnMode, TurnSettings,
        floor::{Actions, Input},
    },
    pipeline::Chain,
};

/// After the talk key went up, so much more is sent: what was said before is
/// still on its way through the device.
const TALK_TAIL_MS: u32 = 150;

/// What a block lasts.
const BLOCK: Nanos = Nanos::from_ms(10);

/// Everything a worker is made of.
pub struct WorkerParts {
    /// From the capture callback.
    pub capture: CaptureEnd,
    /// To and from the render callback.
    pub render: RenderEnd,
    /// From the capture rate to 16 kHz.
    pub capture_chain: Chain,
    /// From 24 kHz to the render rate.
    pub playback_chain: Chain,
    /// To the link.
    pub uplink: Writer<UplinkPacket>,
    /// From the link.
    pub downlink: Reader<DownlinkPacket>,
    /// What holds the link back.
    pub flow: Arc<Flow>,
    /// Wakes the link.
    pub link: Arc<Doorbell>,
    /// To the supervisor.
    pub notes: Writer<WorkerNote>,
    /// From the supervisor.
    pub controls: Arc<WorkerControls>,
    /// How turns are taken.
    pub turn: TurnSettings,
    /// How replies are played.
    pub playout: PlayoutSettings,
    /// Whether the echo is to be guarded against.
    pub guard_echo: bool,
    /// Audio in one message.
    pub chunk_ms: u32,
    /// The period that the device was asked for.
    pub period_frames: usize,
}

/// The body of the worker thread.
pub struct Worker {
    listener: Listener,
    far: FarEnd,
    endpoint: Endpoint,
    floor: Floor,
    /// Where the capture chain cancels an echo, and the microphone stays open.
    guard: Option<EchoGuard>,
    uplink: UplinkWriter,
    speaker: Speaker,
    notes: Writer<WorkerNote>,
    spoken: Notes,
    controls: Arc<WorkerControls>,
    gauges: Arc<WorkerGauges>,
    turn: TurnSettings,
    now: Nanos,
    heard_at: Nanos,
    state: FloorState,
    muted: bool,
    talking: bool,
    stops: u32,
    talk_ends: Option<FrameTime>,
    /// Until then the room may sound of a reply that is over.
    echo_ends: Option<FrameTime>,
    ducked: bool,
    window_start: Option<FrameTime>,
    /// Speech from before this position does not count.
    counts_from: FrameTime,
    processed_tap: Option<Writer<f32>>,
    opinion: Option<Opinion>,
    swaps: Option<Swaps>,
    /// Notes, and stamps, that streams before these refused.
    refused_before: [u64; 2],
}

impl Worker {
    /// A worker that has heard nothing yet. Allocates.
    pub fn new(parts: WorkerParts) -> Self {
        let gauges = Arc::new(WorkerGauges::default());
        let start = FrameTime::start(Rate::UPLINK, parts.capture.position().epoch);
        let speaker = SpeakerParts {
            downlink: parts.downlink,
            flow: parts.flow,
            link: parts.link.clone(),
            chain: parts.playback_chain,
            render: parts.render,
            period_frames: parts.period_frames,
            gauges: gauges.clone(),
        };
        let far = FarEnd::new(parts.capture.rate(), speaker.render.rate());
        Self {
            listener: Listener::new(parts.capture, parts.capture_chain),
            far,
            endpoint: Endpoint::new(&parts.turn),
            floor: Floor::new(&parts.turn),
            guard: parts.guard_echo.then(EchoGuard::default),
            uplink: UplinkWriter::new(parts.uplink, parts.link, parts.chunk_ms),
            speaker: Speaker::new(speaker, &parts.playout),
            notes: parts.notes,
            spoken: Notes::default(),
            controls: parts.controls,
            gauges,
            turn: parts.turn,
            now: Nanos::ZERO,
            heard_at: Nanos::ZERO,
            state: FloorState::Free,
            muted: false,
            talking: false,
            stops: 0,
            talk_ends: None,
            echo_ends: None,
            ducked: false,
            window_start: None,
            counts_from: start,
            processed_tap: None,
            opinion: None,
            swaps: None,
            refused_before: [0; 2],
        }
    }

    /// The same worker with copies for a recording.
    pub fn with_taps(mut self, taps: Taps) -> Self {
        self.listener.record(taps.mic, taps.far);
        self.processed_tap = taps.processed;
        self
    }

    /// The same worker with this for the far end, as many frames before each
    /// block as it has, instead of what is played: a recording's.
    pub fn beside(mut self, far: Reader<f32>) -> Self {
        self.listener.beside = Some(far);
        self
    }

    /// Asks a model in each pause from now on.
    pub fn consult(&mut self, opinion: Opinion) {
        self.opinion = Some(opinion);
    }

    /// What others may see of it.
    pub fn gauges(&self) -> Arc<WorkerGauges> {
        self.gauges.clone()
    }

    /// The capture chain and the playback chain, for their costs.
    pub fn chains(&self) -> [&Chain; 2] {
        [self.listener.chain(), self.speaker.chain()]
    }

    /// The position after the newest processed frame.
    pub fn heard_to(&self) -> FrameTime {
        self.uplink.newest()
    }

    /// Whether nothing of a reply is left to be played.
    pub fn is_silent(&self) -> bool {
        self.speaker.is_idle()
    }

    /// Does all there is to do at `now`: packets from the link, blocks from
    /// the microphone, frames for the speaker.
    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    pub fn step<S: Stopwatch>(&mut self, now: Nanos, clock: &S) {
        self.now = now;
        self.take_packets();
        self.take_controls();
        self.far.take(&mut self.speaker.render);
        loop {
            let before = clock.now();
            match self.listener.next(&mut self.far, clock) {
                Heard::Block(handed_over_at) => {
                    self.heard_at = now;
                    self.hear(handed_over_at);
                    if S::RUNS {
                        self.count_block(clock.now().since(before));
                    }
                }
                Heard::Restart => {
                    self.lose_microphone();
                    let mut told = 0;
                    while let Some(note) = self.listener.notes.get(told) {
                        self.tell(note);
                        told += 1;
                    }
                }
                Heard::Nothing => break,
            }
            self.speak(clock);
        }
        self.take_ends();
        self.guard_window();
        self.speak(clock);
        self.show();
    }

    /// At the end of the conversation: what was captured is sent to its last
    /// sample, and what is open is closed.
    pub fn finish(&mut self, now: Nanos, clock: &impl Stopwatch) {
        self.step(now, clock);
        let rate = self.listener.capture().rate();
        let end = self.listener.capture().position().at_rate(Rate::UPLINK);
        let mut silence = match self.listener.chain().latency() {
            Nanos::ZERO => 0,
            latency => rate.frames_in(latency) as usize + 1,
        };
        while self.listener.drain(&mut self.far, &mut silence, end) {
            self.hear(self.heard_at);
        }
        self.close_endpoint();
        let actions = self.ask_floor(Input::Lost);
        self.act(actions, end);
        if self.uplink.is_open() {
            self.uplink.close(end, Some(Uplink::StreamEnd));
        }
        self.show();
    }

    fn count_block(&self, spent: Nanos) {
        self.gauges.block_time.record(spent);
        if spent > BLOCK {
            self.gauges.slow_blocks.fetch_add(1, Relaxed);
        }
    }

    fn take_packets(&mut self) {
        while let Some(reply) = self.speaker.take_packets() {
            let at = self.uplink.newest();
            let actions = self.ask_floor(Input::Interrupted);
            let cut = self.speaker.cut(reply, at, &mut self.spoken);
            self.tell_spoken();
            self.act(Actions { flush: false, ..actions }, at);
            if cut && self.floor.streams() {
                self.suspect_cut(at);
            }
            if actions.phantom && !cut {
                self.tell(Note::now(NoteKind::PhantomInterrupted, at));
            }
        }
    }

    fn take_controls(&mut self) {
        let at = self.uplink.newest();
        let muted = self.controls.muted.load(Acquire);
        if std::mem::replace(&mut self.muted, muted) != muted {
            self.close_endpoint();
            self.counts_from = at;
            let actions = self.ask_floor(if muted { Input::Muted } else { Input::Unmuted });
            self.act(actions, at);
            self.tell(Note::now(NoteKind::Muted(muted), at));
        }
        if let Some(mode) = self.controls.mode.take().filter(|mode| *mode != self.turn.mode) {
            self.change_mode(mode);
        }
        let talking = self.controls.talking.load(Acquire);
        if std::mem::replace(&mut self.talking, talking) != talking {
            if talking {
                self.talk_ends = None;
                let actions = self.ask_floor(Input::TalkPressed);
                self.act(actions, at);
            } else {
                let tail = Rate::UPLINK.frames_in_ms(TALK_TAIL_MS) as i64;
                self.talk_ends = Some(at.plus(tail));
            }
        }
        let stops = self.controls.stops.load(Acquire);
        if std::mem::replace(&mut self.stops, stops) != stops {
            let actions = self.ask_floor(Input::Stop);
            // What only waits to be heard goes with what is audible.
            if let Some(reply) = self.speaker.newest() {
                self.speaker.cut(reply, at, &mut self.spoken);
                self.tell_spoken();
            }
            self.act(Actions { flush: false, ..actions }, at);
        }
    }

    /// One processed block of the microphone.
    fn hear(&mut self, handed_over_at: Nanos) {
        let block = &self.listener.block;
        let (start, end) = (block.start(), block.end());
        self.greet(start);
        let block = &self.listener.block;
        self.uplink.append(block.near(), start, handed_over_at);
        if let Some(tap) = &mut self.processed_tap {
            tap.push_slice(block.near());
        }
        if self.floor.hears_user() && self.turn.mode != TurnMode::PushToTalk {
            self.endpoint.listen(block.near());
            if let Some(opinion) = &mut self.opinion {
                opinion.listen(block.near());
            }
        }
        self.stream(start);
        for index in 0..Notes::CAPACITY {
            let Some(note) = self.listener.notes.get(index) else { break };
            self.tell(note);
            match note.kind {
                NoteKind::Voice { probability } => self.hear_voice(note.at, probability),
                kind => self.follow_echo(kind, note.at),
            }
        }
        self.miss_echo(start, end);
        if self.echo_ends.is_some_and(|echo_ends| end.frames >= echo_ends.frames) {
            let actions = self.ask_floor(Input::EchoOver);
            self.act(actions, end);
        }
        if let Some(talk_ends) = self.talk_ends
            && end.frames >= talk_ends.frames
        {
            self.talk_ends = None;
            self.await_answer(talk_ends);
            let actions = self.ask_floor(Input::TalkReleased);
            self.act(actions, talk_ends);
        }
        self.uplink.send_chunks();
        self.gauges.level.raise(self.listener.amplitude);
        self.gauges.blocks.fetch_add(1, Relaxed);
    }

    /// In the modes that send everything: begin where the microphone began to
    /// count, or where the last stream ended, and stop at `end`.
    fn stream(&mut self, end: FrameTime) {
        if !self.floor.streams() {
            return;
        }
        match (self.floor.hears_user(), self.uplink.is_open()) {
            (true, false) => _ = self.uplink.open(self.counts_from, None),
            (false, true) => _ = self.uplink.close(end, None),
            _ => {}
        }
    }

    fn hear_voice(&mut self, at: FrameTime, probability: f32) {
        if !self.floor.hears_user() || self.turn.mode == TurnMode::PushToTalk {
            return;
        }
        self.endpoint.set_over_reply(self.floor.must_confirm());
        let over = self.opinion.as_mut().and_then(Opinion::take);
        if let Some(note) = over.and_then(|over| self.endpoint.advise(at, over)) {
            self.decide(note);
        }
        if let Some(note) = self.endpoint.hear(at, probability) {
            self.decide(note);
        }
    }

    /// Gives the speaker what is due of the replies. One that comes into the
    /// user's words is cut before its first frame.
    fn speak(&mut self, clock: &impl Stopwatch) {
        let at = self.uplink.newest();
        if self.floor.refuses_replies()
            && let Some(reply) = self.speaker.newest()
        {
            self.speaker.cut(reply, at, &mut self.spoken);
        }
        self.speaker.fill(self.now, at, &mut self.spoken, clock);
        self.tell_spoken();
    }

    /// Passes on what the speaker noted, and tells the floor.
    fn tell_spoken(&mut self) {
        for index in 0..Notes::CAPACITY {
            let Some(note) = self.spoken.get(index) else { break };
            self.tell(note);
            match note.kind {
                NoteKind::ReplyStarted(_) => self.model_audible(),
                NoteKind::ReplyFinished(_) if self.speaker.current().is_none() => {
                    self.model_silent();
                }
                _ => {}
            }
        }
        self.spoken.clear();
        for note in self.speaker.chain_notes.iter() {
            let _ = self.notes.push(WorkerNote { note, seen_at: self.now, playback: true });
        }
        self.speaker.chain_notes.clear();
    }

    fn tell(&mut self, note: Note) {
        let _ = self.notes.push(WorkerNote { note, seen_at: self.now, playback: false });
    }

    /// Notes, and stamps, that the streams at hand refused.
    fn refused(&self) -> [u64; 2] {
        let speaker = &self.speaker;
        let notes = [&self.listener.notes, &self.spoken, &speaker.chain_notes];
        let stamps = self.listener.capture().refused_stamps() + speaker.render.refused_marks();
        [notes.iter().map(|notes| u64::from(notes.refused())).sum(), stamps]
    }

    fn show(&self) {
        let gauges = &self.gauges;
        gauges.steps.fetch_add(1, Release);
        let heard = self.listener.capture().position().frames;
        gauges.heard_frames.store(heard as usize, Release);
        gauges.uplink_lost_frames.store(self.uplink.lost_frames(), Relaxed);
        self.far.show(&gauges.far);
        let refused = self.refused();
        gauges.block_notes_refused.store(self.refused_before[0] + refused[0], Relaxed);
        gauges.stamps_refused.store(self.refused_before[1] + refused[1], Relaxed);
        gauges.playout_refused_frames.store(self.speaker.refused_frames(), Relaxed);
        let pending = self.speaker.render.pending_frames();
        gauges.render_pending_frames.store(pending, Relaxed);
        gauges.staged_frames.store(self.speaker.staged_frames(), Relaxed);
    }
}
