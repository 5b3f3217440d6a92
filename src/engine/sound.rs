//! The thread that holds the devices and carries out what `duplex::watch`
//! decides: it drops a stream that is dead, opens it again, and gives the worker
//! its new end. Opening may take as long as it likes: nobody else waits for it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::record::Segments;
use crate::{
    audio::{Flow, Nanos, Rate, note::FloorState},
    device::{
        Backend, Clock, DeviceError, Direction, Faults, Halves, Offer, Spec, Stream, Streams,
        Whereabouts,
    },
    duplex::{
        Taps,
        capture::CaptureGauges,
        render::RenderGauges,
        watch::{Deed, Loss, Vitals, Watch},
    },
    sim::machines::Renewal,
};

/// How often the streams are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Who comes so late was held up, and the callbacks perhaps with it.
const HELD_UP: Nanos = Nanos::from_ms(120);
/// How often the system is asked where the devices are.
const ASK_AROUND: Nanos = Nanos::from_secs(1);
/// A sound system that does not let go is left behind after so long.
const PATIENCE: Duration = Duration::from_millis(700);

/// What happened to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundEvent {
    /// It is gone, and looked for from now on.
    Lost {
        /// Which one.
        side: Direction,
        /// Why.
        loss: Loss,
    },
    /// It could not be opened; said once for each loss.
    Refused {
        /// Which one.
        side: Direction,
        /// Why.
        error: DeviceError,
    },
    /// Sound comes or goes again.
    Back {
        /// Which one.
        side: Direction,
        /// What is used now, for people.
        name: String,
        /// Its rate.
        rate: Rate,
        /// How long there was none.
        after: Nanos,
    },
}

/// What became of the sound, over all streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoundTotals {
    /// How often microphone and speaker were back, and how long each was gone.
    pub outages: [(u32, Nanos); 2],
    /// Frames that the microphone's ring refused.
    pub capture_lost_frames: u64,
    /// Frames that by the clock were captured and never reached us.
    pub capture_missing_frames: u64,
    /// Times that the speaker ran dry in the middle of sound.
    pub underruns: u64,
    /// Played frames that the far-end ring refused.
    pub far_lost_frames: u64,
    /// How much later than its callback a frame is heard, as the sound system
    /// says; none where it says nothing.
    pub device_latency: Option<Nanos>,
    /// What the sound system complained of.
    pub faults: Faults,
    /// The microphone has nothing more to say.
    pub has_ended: bool,
}

/// The counters of one stream's callback.
enum Gauges {
    Capture(Arc<CaptureGauges>),
    Render(Arc<RenderGauges>),
}

impl Gauges {
    fn vitals(&self) -> Vitals {
        let (callbacks, last_call_at, period) = match self {
            Self::Capture(g) => (&g.callbacks, &g.last_call_at, &g.period_frames_max),
            Self::Render(g) => (&g.callbacks, &g.last_call_at, &g.period_frames_max),
        };
        Vitals {
            callbacks: callbacks.load(Relaxed),
            last_call_at: Nanos(last_call_at.load(Relaxed)),
            period_frames_max: period.load(Relaxed) as usize,
            ..Vitals::default()
        }
    }

    /// How late the speaker is: what the last callback was told.
    fn latency(&self, rate: Rate) -> Option<Nanos> {
        let Self::Render(gauges) = self else { return None };
        let frames = gauges.latency_frames.load(Relaxed);
        (frames > 0).then(|| rate.duration_of(frames.into()))
    }

    fn add_to(&self, totals: &mut SoundTotals) {
        match self {
            Self::Capture(gauges) => {
                let CaptureGauges {
                    callbacks: _,
                    last_call_at: _,
                    period_frames_max: _,
                    lost_frames,
                    missing_frames,
                    frames: _,
                    origin: _,
                } = &**gauges;
                totals.capture_lost_frames += lost_frames.load(Relaxed);
                totals.capture_missing_frames += missing_frames.load(Relaxed);
            }
            Self::Render(gauges) => {
                let RenderGauges {
                    callbacks: _,
                    last_call_at: _,
                    period_frames_max: _,
                    underruns,
                    far_lost_frames,
                    latency_frames: _,
                } = &**gauges;
                totals.underruns += underruns.load(Relaxed);
                totals.far_lost_frames += far_lost_frames.load(Relaxed);
            }
        }
    }
}

/// One side of the device.
struct Side {
    direction: Direction,
    watch: Watch,
    stream: Option<Box<dyn Stream>>,
    gauges: Gauges,
    whereabouts: Whereabouts,
    /// What is used, and its rate.
    name: String,
    rate: Rate,
    /// Why it cannot be opened was said.
    is_told: bool,
}

/// What the devices are at the start of a talk.
pub(super) struct Sound {
    pub(super) backend: Box<dyn Backend>,
    pub(super) spec: Spec,
    pub(super) renewal: Renewal,
    pub(super) segments: Option<Segments>,
    pub(super) clock: Clock,
    pub(super) flow: Arc<Flow>,
    pub(super) totals: Arc<Mutex<SoundTotals>>,
}

/// The thread that holds the devices.
pub(super) struct SoundThread {
    stop: Arc<AtomicBool>,
    totals: Arc<Mutex<SoundTotals>>,
    events: Receiver<SoundEvent>,
    done: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// Streams that have just been opened, with the gauges of their halves.
pub(super) struct Opened {
    streams: Streams,
    capture: Arc<CaptureGauges>,
    render: Arc<RenderGauges>,
    offer: Offer,
}

impl Opened {
    pub(super) fn of(
        streams: Streams,
        capture: Arc<CaptureGauges>,
        render: Arc<RenderGauges>,
        offer: &Offer,
    ) -> Self {
        Self { streams, capture, render, offer: offer.clone() }
    }
}

impl SoundThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub(super) fn spawn(sound: Sound, opened: Opened) -> std::io::Result<Self> {
        let (tell, events) = channel();
        let (ends, done) = channel::<()>();
        let stop = Arc::new(AtomicBool::new(false));
        let totals = sound.totals.clone();
        let keeper = Keeper::new(sound, opened, tell);
        let stopped = stop.clone();
        let thread = thread::Builder::new().name("chinwag-sound".to_owned()).spawn(move || {
            // Dropped at the end, by a panic too.
            let _ends = ends;
            keeper.run(&stopped);
        })?;
        Ok(Self { stop, totals, events, done, thread: Some(thread) })
    }

    /// What happened next.
    pub(super) fn next_event(&self) -> Option<SoundEvent> {
        self.events.try_recv().ok()
    }

    /// What became of the sound so far.
    pub(super) fn totals(&self) -> SoundTotals {
        locked(&self.totals).clone()
    }

    /// Ends the streams, and the thread unless it hangs in the sound system.
    pub(super) fn stop(&mut self) -> SoundTotals {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let hangs =
                self.done.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
            if hangs {
                locked(&self.totals).faults.unburied += 1;
            } else {
                let _ = thread.join();
            }
        }
        self.totals()
    }
}

/// What became of the sound so far, for a moment.
pub(super) fn locked(totals: &Mutex<SoundTotals>) -> MutexGuard<'_, SoundTotals> {
    totals.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Keeper {
    sound: Sound,
    sides: [Side; 2],
    tell: Sender<SoundEvent>,
    /// Of the streams that are over.
    past: SoundTotals,
    looked_at: Nanos,
    asked_at: Nanos,
}

impl Keeper {
    fn new(sound: Sound, opened: Opened, tell: Sender<SoundEvent>) -> Self {
        let now = sound.clock.now();
        let Opened { streams, capture, render, offer } = opened;
        let period_frames = offer.period_frames as usize;
        let side = |direction, stream, gauges, name, rate| Side {
            direction,
            watch: Watch::new(now, period_frames, rate),
            stream,
            gauges,
            whereabouts: Whereabouts::Here,
            name,
            rate,
            is_told: false,
        };
        let capture = Gauges::Capture(capture);
        let render = Gauges::Render(render);
        let sides = [
            side(
                Direction::Input,
                streams.capture,
                capture,
                offer.capture_name,
                offer.capture_rate,
            ),
            side(Direction::Output, streams.render, render, offer.render_name, offer.render_rate),
        ];
        let past = SoundTotals::default();
        Self { sound, sides, tell, past, looked_at: now, asked_at: now }
    }

    fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Relaxed) {
            self.look();
            thread::park_timeout(LOOK);
        }
        for place in 0..self.sides.len() {
            self.end(place);
        }
        self.show();
    }

    fn look(&mut self) {
        let now = self.sound.clock.now();
        if now.since(self.looked_at) > HELD_UP {
            self.sides.iter_mut().for_each(|side| side.watch.held_up(now));
        }
        self.ask_around(now);
        for place in 0..self.sides.len() {
            while let Some(deed) = self.judge(place) {
                self.carry_out(place, deed);
            }
        }
        self.sound.renewal.collect();
        self.show();
        self.looked_at = self.sound.clock.now();
    }

    fn ask_around(&mut self, now: Nanos) {
        if now.since(self.asked_at) < ASK_AROUND {
            return;
        }
        self.asked_at = now;
        for side in self.sides.iter_mut().filter(|side| side.stream.is_some()) {
            side.whereabouts = self.sound.backend.whereabouts(side.direction);
        }
    }

    fn judge(&mut self, place: usize) -> Option<Deed> {
        let is_quiet = self.sound.flow.floor() == FloorState::Free;
        let now = self.sound.clock.now();
        let side = &mut self.sides[place];
        let faults = side.stream.as_ref().map(|stream| stream.faults()).unwrap_or_default();
        let vitals = Vitals {
            errors: faults.errors,
            is_broken: faults.is_broken || side.whereabouts == Whereabouts::Gone,
            is_moved: side.whereabouts == Whereabouts::Moved,
            is_quiet,
            ..side.gauges.vitals()
        };
        side.watch.look(now, &vitals)
    }

    fn carry_out(&mut self, place: usize, deed: Deed) {
        let side = self.sides[place].direction;
        match deed {
            Deed::Drop { loss, is_news } => {
                self.end(place);
                if is_news {
                    self.sides[place].is_told = false;
                    self.say(SoundEvent::Lost { side, loss });
                }
            }
            Deed::Open => {
                let opened = self.open(place);
                let now = self.sound.clock.now();
                let side = &mut self.sides[place];
                match opened {
                    Ok(period_frames) => side.watch.opened(now, period_frames, side.rate),
                    Err(error) => {
                        side.watch.refused(now);
                        if !std::mem::replace(&mut side.is_told, true) {
                            let side = side.direction;
                            self.say(SoundEvent::Refused { side, error });
                        }
                    }
                }
            }
            Deed::Back(after) => {
                let Side { name, rate, .. } = &self.sides[place];
                let (name, rate) = (name.clone(), *rate);
                self.say(SoundEvent::Back { side, name, rate, after });
            }
        }
    }

    /// Opens a side anew; the frames of its period.
    fn open(&mut self, place: usize) -> Result<usize, DeviceError> {
        let side = self.sides[place].direction;
        let Sound { backend, spec, renewal, segments, clock, .. } = &mut self.sound;
        let offer = backend.offer_side(side, spec)?;
        let rate = offer.rate;
        let refused = |error: crate::pipeline::PrepareError| DeviceError(error.to_string());
        let mut recorded = None;
        let (halves, ends, gauges) = match side {
            Direction::Input => {
                let mut taps = Taps::default();
                if let Some(segments) = segments {
                    let (its_taps, rings) = Segments::rings(rate);
                    (taps, recorded) = (its_taps, Some((segments, rings)));
                }
                let (half, ends) = renewal.microphone(rate, taps).map_err(refused)?;
                let gauges = Gauges::Capture(half.gauges());
                (Halves { capture: Some(half), render: None }, ends, gauges)
            }
            Direction::Output => {
                let (half, ends) = renewal.speaker(rate).map_err(refused)?;
                let gauges = Gauges::Render(half.gauges());
                (Halves { capture: None, render: Some(half) }, ends, gauges)
            }
        };
        let streams = backend.open(halves, *clock)?;
        if !renewal.give(ends, rate) {
            return Err(DeviceError("the worker does not take the stream".to_owned()));
        }
        if let (Some((segments, rings)), Gauges::Capture(gauges)) = (recorded, &gauges) {
            segments.follow(rings, rate, gauges.clone());
        }
        let side = &mut self.sides[place];
        side.stream = streams.capture.or(streams.render);
        (side.gauges, side.whereabouts) = (gauges, Whereabouts::Here);
        (side.name, side.rate) = (offer.name, rate);
        Ok(offer.period_frames as usize)
    }

    /// Ends the stream of a side, and counts what it had to say.
    fn end(&mut self, place: usize) {
        let side = &mut self.sides[place];
        let Some(stream) = side.stream.take() else { return };
        self.past.has_ended |= stream.has_ended();
        let faults = Faults { ordinary: 0, is_broken: false, ..stream.close() };
        self.past.faults = self.past.faults.and(faults);
        side.gauges.add_to(&mut self.past);
    }

    fn show(&self) {
        let mut totals = self.past.clone();
        let now = self.sound.clock.now();
        for (place, side) in self.sides.iter().enumerate() {
            totals.outages[place] = side.watch.outages(now);
            if let Some(stream) = &side.stream {
                totals.faults = totals.faults.and(stream.faults());
                totals.has_ended |= stream.has_ended();
                side.gauges.add_to(&mut totals);
            }
            totals.device_latency = totals.device_latency.or(side.gauges.latency(side.rate));
        }
        *locked(&self.sound.totals) = totals;
    }

    fn say(&self, event: SoundEvent) {
        // Nobody listens any more at the end.
        let _ = self.tell.send(event);
    }
}
