//! The supervisor: starts everything, watches it, and stops it in order.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, Release},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::{
    figures::Meter,
    record::{Recorded, Recorder},
    sound::{Opened, Sound, SoundEvent, SoundThread, SoundTotals},
    turn_model::{Consulted, ModelThread, TurnModel},
    worker_thread::{ThreadWaker, WorkerThread},
};
use crate::{
    audio::{Doorbell, Nanos, Rate, TurnMode, ring::Reader},
    config::{Plan, WakeBy},
    device::{Backend, Clock, DeviceError, Direction, Faults, Halves, Offer, Priority, Spec},
    duplex::{Worker, WorkerControls, WorkerGauges, WorkerNote},
    link::{Control, LinkEvent},
    measure::figures::Figures,
    net::{
        Dialer,
        client::{self, LinkControl, LinkReport, Wiring},
    },
    pipeline::PrepareError,
    sim::machines::{self, Bells, Machines},
};

/// Events of the link that may wait for the supervisor.
const EVENTS: usize = 4_096;
/// How often notes are looked for while nothing comes from the link.
const LOOK: Duration = Duration::from_millis(20);

/// Why a conversation could not start.
#[derive(Debug)]
pub enum EngineError {
    /// The device.
    Device(DeviceError),
    /// The pipeline.
    Pipeline(PrepareError),
    /// The system: no thread or file descriptor is left.
    System(std::io::Error),
    /// The folder of a recording, for people.
    Record(String),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(error) => error.fmt(f),
            Self::Pipeline(error) => error.fmt(f),
            Self::Record(problem) => f.write_str(problem),
            Self::System(error) => write!(f, "the system refuses a thread or a file: {error}"),
        }
    }
}

impl std::error::Error for EngineError {}

/// Something that the supervisor learnt.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineEvent {
    /// The worker noted something.
    Note(WorkerNote),
    /// The link did.
    Link(LinkEvent),
    /// The link's thread has ended.
    LinkEnded,
    /// A device was lost, or is back.
    Sound(SoundEvent),
    /// Nothing happened within the time given.
    Quiet,
}

/// What a conversation may have besides.
#[derive(Default)]
pub struct Extras<'a> {
    /// A folder that it is recorded to.
    pub record_to: Option<&'a Path>,
    /// What is asked in each pause of the user's.
    pub turn_model: Option<Box<dyn TurnModel>>,
}

/// A running conversation.
pub struct Engine {
    plan: Plan,
    clock: Clock,
    offer: Offer,
    sound: Option<SoundThread>,
    worker: Option<WorkerThread>,
    link: Option<JoinHandle<LinkReport>>,
    link_control: LinkControl,
    link_events: Receiver<LinkEvent>,
    notes: Reader<WorkerNote>,
    controls: Arc<WorkerControls>,
    meter: Meter,
    recorder: Option<Recorder>,
    turn_model: Option<ModelThread>,
    link_ended: bool,
}

/// What is left of a conversation.
pub struct Report {
    /// How the link ended; `None` where its thread was lost.
    pub link: Option<LinkReport>,
    /// The worker, with its chains and their costs.
    pub worker: Option<Worker>,
    /// The worker's gauges.
    pub gauges: Arc<WorkerGauges>,
    /// Every figure, at its end.
    pub figures: Figures,
    /// What became of the sound.
    pub sound: SoundTotals,
    /// What the worker was granted.
    pub priority: Priority,
    /// What became of the recording.
    pub recorded: Option<Recorded>,
    /// What became of the turn model.
    pub turn_model: Option<Consulted>,
}

/// What a profile asks of its devices.
pub fn spec_of(plan: &Plan) -> Spec {
    Spec {
        period_frames: plan.device.period_frames,
        rate: plan.device.rate_hz.and_then(Rate::new),
        input_channel: plan.device.input_channel,
    }
}

impl Engine {
    /// Starts a conversation of `plan` on `backend`, dialling meanwhile.
    ///
    /// # Errors
    /// Where the device, the pipeline or the system refuses.
    pub fn start(
        plan: &Plan,
        backend: Box<dyn Backend>,
        dialer: Dialer,
        clock: Clock,
    ) -> Result<Self, EngineError> {
        Self::start_with(plan, backend, dialer, clock, Extras::default())
    }

    /// The same, recorded or with a turn model.
    ///
    /// # Errors
    /// Where the folder, the device, the pipeline or the system refuses.
    pub fn start_with(
        plan: &Plan,
        mut backend: Box<dyn Backend>,
        dialer: Dialer,
        clock: Clock,
        extras: Extras<'_>,
    ) -> Result<Self, EngineError> {
        let spec = spec_of(plan);
        let offer = backend.offer(&spec).map_err(EngineError::Device)?;
        let (wiring, link_control, link_events) =
            Wiring::new(EVENTS).map_err(EngineError::System)?;
        let waker = ThreadWaker::default();
        let worker_bell = Arc::new(Doorbell::new(waker.clone()));
        let by_timer = plan.device.wake == WakeBy::Timer;
        let callbacks =
            if by_timer { Arc::new(Doorbell::unanswered()) } else { worker_bell.clone() };
        let bells = Bells { callbacks, worker: worker_bell.clone(), link: wiring.bell.clone() };
        let seed = clock.now().0 ^ u64::from(std::process::id());
        let rates = [offer.capture_rate, offer.render_rate];
        let Machines { capture, render, worker, controls, notes, meters, ends, renewal } =
            Machines::build(plan, rates, &bells).map_err(EngineError::Pipeline)?;
        let (mut worker, recorder) = record(worker, extras.record_to, offer.capture_rate)?;
        let turn_model = extras.turn_model.map(|model| consult(&mut worker, model)).transpose()?;
        let flow = ends.flow.clone();
        let link = machines::link(plan, ends, seed);
        let meter = Meter {
            meters,
            link: link.gauges(),
            sound: Arc::default(),
            notes: notes.refusals(),
            recorder: recorder.as_ref().map(Recorder::gauges),
            turn_model: turn_model.as_ref().map(ModelThread::gauges),
        };
        let link = spawn_link(link, dialer, wiring, clock).map_err(EngineError::System)?;
        let (capture_gauges, render_gauges) = (capture.gauges(), render.gauges());
        let worker = WorkerThread::spawn(worker, worker_bell, &waker, by_timer, clock)
            .map_err(EngineError::System)?;
        let streams = backend.open(Halves::both(capture, render), clock);
        let engine = Self {
            plan: plan.clone(),
            clock,
            offer,
            sound: None,
            worker: Some(worker),
            link: Some(link),
            link_control,
            link_events,
            notes,
            controls,
            meter,
            recorder,
            turn_model,
            link_ended: false,
        };
        let opened = streams
            .map(|streams| Opened::of(streams, capture_gauges, render_gauges, &engine.offer));
        let segments = engine.recorder.as_ref().map(Recorder::segments);
        let totals = engine.meter.sound.clone();
        engine.with_sound(Sound { backend, spec, renewal, segments, clock, flow, totals }, opened)
    }

    /// The same with the thread that holds the devices; ended where there is none.
    fn with_sound(
        self,
        sound: Sound,
        opened: Result<Opened, DeviceError>,
    ) -> Result<Self, EngineError> {
        let held = opened
            .map_err(EngineError::Device)
            .and_then(|opened| SoundThread::spawn(sound, opened).map_err(EngineError::System));
        match held {
            Ok(thread) => Ok(Self { sound: Some(thread), ..self }),
            Err(error) => {
                self.stop();
                Err(error)
            }
        }
    }

    /// What the device does.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// What the worker was granted.
    pub fn priority(&self) -> Priority {
        self.worker.as_ref().map_or_else(Priority::default, WorkerThread::priority)
    }

    /// The next thing that happened, waited for up to `timeout`.
    pub fn next_event(&mut self, timeout: Duration) -> EngineEvent {
        let deadline = self.clock.now() + Nanos::from(timeout);
        loop {
            if let Some(event) = self.sound.as_ref().and_then(SoundThread::next_event) {
                self.follow(&event);
                return EngineEvent::Sound(event);
            }
            if let Some(note) = self.notes.pop() {
                return EngineEvent::Note(note);
            }
            let left: Duration = deadline.since(self.clock.now()).into();
            if self.link_ended {
                thread::sleep(left.min(LOOK));
            } else {
                match self.link_events.recv_timeout(left.min(LOOK)) {
                    Ok(event) => return EngineEvent::Link(event),
                    Err(RecvTimeoutError::Disconnected) => {
                        self.link_ended = true;
                        return EngineEvent::LinkEnded;
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                }
            }
            if left.is_zero() {
                return EngineEvent::Quiet;
            }
        }
    }

    /// Another device may be used now.
    fn follow(&mut self, event: &SoundEvent) {
        let SoundEvent::Back { side, name, rate, .. } = event else { return };
        let offer = &mut self.offer;
        match side {
            Direction::Input => (offer.capture_name, offer.capture_rate) = (name.clone(), *rate),
            Direction::Output => (offer.render_name, offer.render_rate) = (name.clone(), *rate),
        }
    }

    /// Mutes the microphone, or makes it live again.
    pub fn mute(&self, muted: bool) {
        self.controls.muted.store(muted, Release);
    }

    /// Presses the talk key, or lets it go.
    pub fn talk(&self, talking: bool) {
        self.controls.talking.store(talking, Release);
    }

    /// Whether the microphone is muted.
    pub fn is_muted(&self) -> bool {
        self.controls.muted.load(Relaxed)
    }

    /// Whether the talk key is down.
    pub fn is_talking(&self) -> bool {
        self.controls.talking.load(Relaxed)
    }

    /// Takes turns in another way. Where the service has to be told, the session
    /// goes on over a new connection; what is said meanwhile is sent then.
    ///
    /// # Errors
    /// As [`Plan::in_mode`].
    pub fn change_mode(&mut self, mode: TurnMode) -> Result<(), String> {
        self.plan = self.plan.in_mode(mode)?;
        self.controls.mode.ask(mode);
        Ok(())
    }

    /// How turns are taken.
    pub fn turn_mode(&self) -> TurnMode {
        self.plan.turn.mode
    }

    /// Silences the model: what is audible is cut here and now, and the
    /// service is asked to say no more of it.
    pub fn interrupt(&self) {
        self.controls.stops.fetch_add(1, Release);
        self.link_control.send(Control::Interrupt);
    }

    /// Says something to the model in writing; `false` where the link ended.
    pub fn say(&self, text: &str) -> bool {
        self.link_control.send(Control::Text(text.to_owned()))
    }

    /// The recording, where there is one.
    pub fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// Whether the microphone has nothing more to say: a file at its end.
    pub fn microphone_ended(&self) -> bool {
        self.sound.as_ref().is_some_and(|sound| sound.totals().has_ended)
    }

    /// What the sound system complained of so far.
    pub fn faults(&self) -> Faults {
        self.sound.as_ref().map(|sound| sound.totals().faults).unwrap_or_default()
    }

    /// The worker's gauges, while it runs.
    pub fn gauges(&self) -> &WorkerGauges {
        &self.meter.meters.worker
    }

    /// Reads every figure while the conversation goes on, and after it.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Ends the conversation: the callbacks first, then what was captured goes
    /// out to its last sample, then the connection closes with 1000.
    pub fn stop(mut self) -> Report {
        let sound = self.sound.as_mut().map(SoundThread::stop).unwrap_or_default();
        let priority = self.priority();
        let worker = self.worker.take().and_then(WorkerThread::stop);
        self.link_control.send(Control::Close);
        let link = self.link.take().and_then(|thread| thread.join().ok());
        let turn_model = self.turn_model.take().map(ModelThread::stop);
        let recorded = self.recorder.take().map(Recorder::finish);
        Report {
            link,
            worker,
            figures: self.meter.read(),
            sound,
            gauges: self.meter.meters.worker.clone(),
            priority,
            recorded,
            turn_model,
        }
    }
}

/// The worker with the taps of a recording, where one is wanted.
fn record(
    worker: Worker,
    folder: Option<&Path>,
    capture_rate: Rate,
) -> Result<(Worker, Option<Recorder>), EngineError> {
    let Some(folder) = folder else { return Ok((worker, None)) };
    let (recorder, taps) = Recorder::start(folder, capture_rate).map_err(EngineError::Record)?;
    Ok((worker.with_taps(taps), Some(recorder)))
}

/// Starts the thread of a turn model and tells the worker of it.
fn consult(worker: &mut Worker, model: Box<dyn TurnModel>) -> Result<ModelThread, EngineError> {
    let (thread, opinion) = ModelThread::spawn(model).map_err(EngineError::System)?;
    worker.consult(opinion);
    Ok(thread)
}

fn spawn_link(
    link: crate::link::Link,
    dialer: Dialer,
    wiring: Wiring,
    clock: Clock,
) -> std::io::Result<JoinHandle<LinkReport>> {
    thread::Builder::new()
        .name("chinwag-link".to_owned())
        .spawn(move || client::run(link, &dialer, &wiring, || clock.now()))
}
