//! A whole conversation on one thread in virtual time: the device's callbacks,
//! the worker, the link, the wire, the service, a room and a talker.
//!
//! [`World::step`] jumps to the next event and runs the one body that it is
//! for, the same that the engine runs on threads. Everything comes from the
//! settings and their seed, so that a failure can be run again; after every
//! step the invariants are asserted.

mod build;
mod device;
mod invariants;
mod run;
mod settings;
mod suffer;
mod supervise;
mod task;
mod transcript;
mod weather;
mod wire;

use std::{collections::VecDeque, sync::Arc};

pub use device::{DeviceLoss, HowLost, LostSides};
pub use settings::{Delay, WorldSettings};
pub use transcript::{Cut, Entry, Op, Sent, SentKind, Transcript};
pub use weather::{Trouble, Weather};

use self::{invariants::Invariants, suffer::Aftermath, task::Task, wire::Pipe};
use crate::{
    audio::{
        DownlinkPacket, Nanos, Rate, TurnMode, UplinkPacket,
        note::FloorState,
        ring::{Reader, Writer},
    },
    config::Plan,
    duplex::{Meters, Opinion, Worker, WorkerControls, WorkerGauges, WorkerNote},
    link::{Control, Link, LinkCounters, LinkGauges},
    sim::{
        clock::DeviceClock,
        machines::Renewal,
        room::Room,
        service::{Memory, Service, ServiceSettings, Transmit, UpgradeRequest},
        talker::Talker,
    },
};

/// Something done to a world at a given time.
type Deed = Box<dyn FnOnce(&mut World)>;
/// Something more that must hold after every step.
type Check = Box<dyn FnMut(&World) -> Result<(), String>>;

/// What the client puts on the wire.
#[derive(Debug)]
enum FromClient {
    Message(String),
    Ping,
    Close(u16),
}

/// A conversation in virtual time. See the top of the file.
pub struct World {
    now: Nanos,
    microphone: DeviceClock,
    speaker: DeviceClock,
    capture: device::Microphone,
    render: device::Speaker,
    renewal: Renewal,
    worker: Worker,
    worker_task: Task,
    plan: Plan,
    meters: Meters,
    controls: Arc<WorkerControls>,
    notes: Reader<WorkerNote>,
    /// Where the sound is recorded: what the worker has as far end, of each
    /// microphone stream.
    far: Vec<Reader<f32>>,
    /// The uplink ring passes through the world's hands.
    uplink_from_worker: Reader<UplinkPacket>,
    uplink_to_link: Writer<UplinkPacket>,
    /// So does the downlink ring.
    downlink_from_link: Reader<DownlinkPacket>,
    downlink_to_worker: Writer<DownlinkPacket>,
    link: Link,
    link_task: Task,
    up: Pipe<FromClient>,
    down: Pipe<Transmit>,
    pongs: Pipe<()>,
    dial: Nanos,
    dial_at: Option<Nanos>,
    service: Option<Service>,
    ended_services: Vec<Service>,
    /// turnComplete messages of the services that are not kept.
    forgotten_turns: u64,
    service_settings: ServiceSettings,
    request: UpgradeRequest,
    memory: Memory,
    aftermath: Aftermath,
    gave_up: Option<String>,
    room: Option<Room>,
    talker: Talker,
    sound: Vec<f32>,
    message: String,
    record_sound: bool,
    record_all: bool,
    invariants: Invariants,
    deeds: VecDeque<(Nanos, Deed)>,
    checks: Vec<Check>,
    transcript: Transcript,
    steps: u64,
}

impl World {
    /// What time it is.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// Steps made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Does `deed` at time `at`: the hook for faults and for the supervisor's
    /// part.
    pub fn at(&mut self, at: Nanos, deed: impl FnOnce(&mut World) + 'static) {
        let index = self.deeds.partition_point(|(when, _)| *when <= at);
        self.deeds.insert(index, (at, Box::new(deed)));
    }

    /// Asserts `check` after every step, beside the invariants.
    pub fn always(&mut self, check: impl FnMut(&World) -> Result<(), String> + 'static) {
        self.checks.push(Box::new(check));
    }

    /// From now on a model is asked in each pause.
    pub fn consult(&mut self, opinion: Opinion) {
        self.worker.consult(opinion);
    }

    /// What the supervisor tells the worker.
    pub fn controls(&self) -> &WorkerControls {
        &self.controls
    }

    /// What the worker shows.
    pub fn gauges(&self) -> &WorkerGauges {
        &self.meters.worker
    }

    /// What is counted of the sound. Nothing here takes any time, but for how late
    /// threads wake: what a block and a stage cost is not in it.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// What is counted of the link.
    pub fn link_gauges(&self) -> Arc<LinkGauges> {
        self.link.show();
        self.link.gauges()
    }

    /// Frames that found no room on their way from the microphone to the worker.
    pub fn lost_capture_frames(&self) -> u64 {
        self.capture.lost_frames()
    }

    /// What the link counted.
    pub fn link_counters(&self) -> LinkCounters {
        self.link.counters()
    }

    /// The service of the connection that stands.
    pub fn service(&self) -> Option<&Service> {
        self.service.as_ref()
    }

    /// The services of all connections, the newest last.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.ended_services.iter().chain(&self.service)
    }

    /// Why the client will not connect again, where that is so.
    pub fn gave_up(&self) -> Option<&str> {
        self.gave_up.as_deref()
    }

    /// Whether nothing is under way: the floor is free, every reply was heard
    /// to its end, the connection stands, and nothing waits anywhere but, in
    /// the modes that stream, the newest of the microphone.
    pub fn is_idle(&self) -> bool {
        let service = self.service.as_ref();
        self.invariants.floor() == FloorState::Free
            && self.worker.is_silent()
            && self.has_sound()
            && self.link.session().is_ready()
            && !self.link.is_holding()
            && !self.link.session().window_open()
            && self.link.counters().queued_frames == 0
            && self.down.is_empty()
            && service.is_some_and(|service| !service.is_replying())
    }

    /// Lets time go by until the world [is idle](Self::is_idle).
    ///
    /// # Errors
    /// What still was under way after `steps_max` steps.
    pub fn settle(&mut self, steps_max: u64) -> Result<u64, String> {
        for steps in 0..steps_max {
            if self.is_idle() {
                return Ok(steps);
            }
            self.step();
        }
        Err(format!(
            "after {steps_max} steps: floor {:?}, worker silent: {}, sound: {}, ready: {}, link holds: {}, \
             window open: {}, queued: {}, under way down: {}, service replies: {:?}",
            self.invariants.floor(),
            self.worker.is_silent(),
            self.has_sound(),
            self.link.session().is_ready(),
            self.link.is_holding(),
            self.link.session().window_open(),
            self.link.counters().queued_frames,
            !self.down.is_empty(),
            self.service.as_ref().map(Service::is_replying),
        ))
    }

    /// turnComplete messages that ended an interaction, over all connections.
    pub fn turns_completed(&self) -> u64 {
        let kept: u64 = self.services().map(|service| service.heard().turns_completed).sum();
        self.forgotten_turns + kept
    }

    /// Whether the talker has said everything.
    pub fn is_all_said(&self) -> bool {
        self.talker.is_done()
    }

    /// Rates of the room at the microphone and the speaker: of the streams that
    /// were opened first.
    pub fn rates(&self) -> [Rate; 2] {
        [self.microphone.rate(), self.speaker.rate()]
    }

    /// Frames that the microphone has captured.
    pub fn captured_frames(&self) -> u64 {
        self.microphone.frames_before()
    }

    /// What was recorded so far.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Fault: the worker's thread gets no time until `until`.
    pub fn stall_worker(&mut self, until: Nanos) {
        self.worker_task.stall(until);
    }

    /// Fault: nothing that the client sent arrives before `until`.
    pub fn hold_uplink(&mut self, until: Nanos) {
        self.up.hold(until);
    }

    /// Fault: nothing that the service sent arrives before `until`.
    pub fn hold_downlink(&mut self, until: Nanos) {
        self.down.hold(until);
        self.pongs.hold(until);
    }

    /// Fault: the connection breaks without a word.
    pub fn break_connection(&mut self) {
        if self.service.is_some() {
            self.end_connection(1006, "");
        }
    }

    /// Fault: the service says that it will close the connection; after
    /// `left`, or without a time.
    pub fn go_away(&mut self, left: Option<Nanos>) {
        if let Some(service) = &mut self.service {
            service.go_away(self.now, left);
            self.collect_service();
        }
    }

    /// The microphone is muted, or not any more.
    pub fn mute(&mut self, muted: bool) {
        self.controls.muted.store(muted, std::sync::atomic::Ordering::Release);
        self.worker_task.bell.ring();
    }

    /// The talk key goes down, or up.
    pub fn talk(&mut self, talking: bool) {
        self.controls.talking.store(talking, std::sync::atomic::Ordering::Release);
        self.worker_task.bell.ring();
    }

    /// Turns are taken in another way from now on.
    ///
    /// # Errors
    /// In words, what of the plan that way does not go with.
    pub fn change_mode(&mut self, mode: TurnMode) -> Result<(), String> {
        self.plan = self.plan.in_mode(mode)?;
        self.controls.mode.ask(mode);
        self.worker_task.bell.ring();
        Ok(())
    }

    /// The user wants the model to be silent.
    pub fn interrupt(&mut self) {
        self.controls.stops.fetch_add(1, std::sync::atomic::Ordering::Release);
        self.worker_task.bell.ring();
        self.control(Control::Interrupt);
    }

    /// What the supervisor tells the link.
    pub fn control(&mut self, control: Control) {
        self.link.control(self.now, control);
        self.link_task.bell.ring();
    }
}
