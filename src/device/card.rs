//! A virtual sound card: a thread that runs both callbacks on the machine's
//! clock, with a [`Room`] between the speaker and the microphone. It can be lost
//! and come back ([`CardFault`]), for tests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    Backend, Clock, DeviceError, Direction, Faults, Halves, SideOffer, Spec, Stream, Streams,
};
use crate::audio::{Nanos, Rate};

/// The rate of a card that was not asked for another.
const RATE_HZ: u32 = 48_000;

/// What is around a virtual card: it hears the speaker and fills the microphone.
pub trait Room: Send {
    /// One period passes: `heard` was played, at the render rate; `microphone`
    /// is what is captured meanwhile, at the capture rate, silent at first. Either
    /// is empty while that side is not open. Returns whether there is more to
    /// come.
    fn pass(&mut self, heard: &[f32], microphone: &mut [f32]) -> bool;
}

/// Nothing is ever said, and nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence;

impl Room for Silence {
    fn pass(&mut self, _heard: &[f32], _microphone: &mut [f32]) -> bool {
        true
    }
}

/// How a card is lost, and how it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardFault {
    /// So long after it was first opened.
    pub at: Nanos,
    /// One side of it; none means both.
    pub side: Option<Direction>,
    /// An error says that it is gone; otherwise it is silent.
    pub is_told: bool,
    /// So often it is refused to be opened again.
    pub refusals: u32,
    /// The rate of the speaker from then on.
    pub rate: Option<Rate>,
}

/// A card that is not there.
pub struct Card {
    name: String,
    speaker_name: Option<String>,
    room: Option<Box<dyn Room>>,
    capture_rate: Option<Rate>,
    render_rate: Rate,
    period_frames: u32,
    fault: Option<CardFault>,
    refusals: u32,
    running: Option<Running>,
}

impl Card {
    /// A card in `room`, called `name`.
    pub fn new(name: &str, room: impl Room + 'static) -> Self {
        Self {
            name: name.to_owned(),
            speaker_name: None,
            room: Some(Box::new(room)),
            capture_rate: None,
            // proven: 48,000 is within the bounds of a rate.
            render_rate: Rate::new(RATE_HZ).expect("a valid rate"),
            period_frames: 480,
            fault: None,
            refusals: 0,
            running: None,
        }
    }

    /// The `null` device: silence in, nothing out.
    pub fn null() -> Self {
        Self::new("null", Silence)
    }

    /// Gives the speaker a name of its own.
    #[must_use]
    pub fn with_speaker_name(mut self, name: &str) -> Self {
        self.speaker_name = Some(name.to_owned());
        self
    }

    /// Gives the microphone a rate of its own, as that of a file.
    #[must_use]
    pub fn with_capture_rate(mut self, rate: Rate) -> Self {
        self.capture_rate = Some(rate);
        self
    }

    /// Has it lost, once.
    #[must_use]
    pub fn with_fault(mut self, fault: CardFault) -> Self {
        (self.fault, self.refusals) = (Some(fault), fault.refusals);
        self
    }
}

impl Backend for Card {
    fn offer_side(&mut self, side: Direction, spec: &Spec) -> Result<SideOffer, DeviceError> {
        if self.running.is_some() && self.refusals > 0 {
            self.refusals -= 1;
            return Err(DeviceError(format!("the virtual card \"{}\" is gone", self.name)));
        }
        let again = self.fault.filter(|_| self.running.is_some()).and_then(|fault| fault.rate);
        self.render_rate = again.or(spec.rate).unwrap_or(self.render_rate);
        self.period_frames = spec.period_frames.clamp(1, 8_192);
        let (rate, name) = match side {
            Direction::Input => (self.capture_rate.unwrap_or(self.render_rate), &self.name),
            Direction::Output => {
                (self.render_rate, self.speaker_name.as_ref().unwrap_or(&self.name))
            }
        };
        Ok(SideOffer { rate, period_frames: self.period_frames, name: name.clone() })
    }

    fn open(&mut self, halves: Halves, clock: Clock) -> Result<Streams, DeviceError> {
        if self.running.is_none() {
            self.running = Some(self.start(clock)?);
        }
        let Some(running) = &self.running else { return Ok(Streams::default()) };
        let stream = |side| -> Option<Box<dyn Stream>> {
            let (orders, flags) = (running.orders.clone(), running.flags.clone());
            Some(Box::new(CardStream { side, orders, flags }))
        };
        let capture_rate = self.capture_rate.unwrap_or(self.render_rate);
        let capture = halves.capture.as_ref().and_then(|_| stream(Direction::Input));
        let render = halves.render.as_ref().and_then(|_| stream(Direction::Output));
        let open = Order::Open(Box::new(halves), [capture_rate, self.render_rate]);
        let gone = |_| DeviceError(format!("the virtual card \"{}\" has ended", self.name));
        running.orders.send(open).map_err(gone)?;
        Ok(Streams { capture, render })
    }
}

impl Card {
    fn start(&mut self, clock: Clock) -> Result<Running, DeviceError> {
        let ended = || DeviceError(format!("the virtual card \"{}\" has ended", self.name));
        let room = self.room.take().ok_or_else(ended)?;
        let (orders, waiting) = channel();
        let flags = Arc::new(Flags::default());
        let playing = Playing {
            halves: Halves::default(),
            room,
            rates: [self.render_rate; 2],
            period: self.period_frames as usize,
            clock,
            fault: self.fault,
            waiting,
            flags: flags.clone(),
        };
        let thread = thread::Builder::new()
            .name("chinwag-card".to_owned())
            .spawn(move || playing.run())
            .map_err(|e| DeviceError(format!("the virtual card cannot start its thread: {e}")))?;
        Ok(Running { orders, flags, thread: Some(thread) })
    }
}

/// What the thread is told.
enum Order {
    Open(Box<Halves>, [Rate; 2]),
    Close(Direction, Sender<()>),
    End,
}

#[derive(Debug, Default)]
struct Flags {
    ended: AtomicBool,
    /// Which sides are gone, by an error: the bits of the first two.
    broken: [AtomicBool; 2],
}

/// The card's thread, which ends with the card.
struct Running {
    orders: Sender<Order>,
    flags: Arc<Flags>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::End);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

struct CardStream {
    side: Direction,
    orders: Sender<Order>,
    flags: Arc<Flags>,
}

impl Stream for CardStream {
    fn has_ended(&self) -> bool {
        self.side == Direction::Input && self.flags.ended.load(Relaxed)
    }

    fn faults(&self) -> Faults {
        let is_broken = self.flags.broken[self.side as usize].load(Relaxed);
        Faults { errors: u64::from(is_broken), is_broken, ..Faults::default() }
    }
}

/// A period is short: the callback has come for the last time when this returns.
impl Drop for CardStream {
    fn drop(&mut self) {
        let (done, closed) = channel();
        if self.orders.send(Order::Close(self.side, done)).is_ok() {
            let _ = closed.recv_timeout(CLOSING_MAX);
        }
    }
}

/// The longest period is half as long, at the lowest rate.
const CLOSING_MAX: Duration = Duration::from_secs(2);

/// What the thread works with.
struct Playing {
    halves: Halves,
    room: Box<dyn Room>,
    rates: [Rate; 2],
    period: usize,
    clock: Clock,
    fault: Option<CardFault>,
    waiting: Receiver<Order>,
    flags: Arc<Flags>,
}

impl Playing {
    fn run(mut self) {
        // Nothing passes before the first side is open.
        let Ok(first) = self.waiting.recv() else { return };
        if !self.obey(first) {
            return;
        }
        let began = self.clock.now();
        let (mut start, mut rates) = (began, self.rates);
        let mut out = vec![0.0f32; 2 * self.period];
        let (mut heard, mut microphone) = (Vec::new(), Vec::new());
        let (mut rendered, mut captured) = (0u64, 0u64);
        loop {
            while let Ok(order) = self.waiting.try_recv() {
                if !self.obey(order) {
                    return;
                }
            }
            if std::mem::replace(&mut rates, self.rates) != self.rates {
                (start, rendered, captured) = (self.clock.now(), 0, 0);
            }
            self.fail(self.clock.now().since(began));
            heard.clear();
            if let Some(render) = &mut self.halves.render {
                render.process(&mut out, 2, self.clock.now(), 0);
                heard.extend(out.chunks_exact(2).map(|frame| frame[0]));
            }
            rendered += self.period as u64;
            let elapsed = rates[1].duration_of(rendered);
            self.sleep_until(start + elapsed);

            let until = rates[0].frames_in(elapsed);
            let frames = self.halves.capture.as_ref().map_or(0, |_| until - captured);
            captured = until;
            microphone.clear();
            microphone.resize(frames as usize, 0.0);
            if !self.room.pass(&heard, &mut microphone) {
                self.flags.ended.store(true, Relaxed);
            }
            if let Some(capture) = &mut self.halves.capture {
                capture.process(&microphone, 1, self.clock.now());
            }
        }
    }

    /// `false` where the thread is to end.
    fn obey(&mut self, order: Order) -> bool {
        match order {
            Order::Open(halves, rates) => {
                for (side, is_opened) in
                    [halves.capture.is_some(), halves.render.is_some()].into_iter().enumerate()
                {
                    if is_opened {
                        self.flags.broken[side].store(false, Relaxed);
                        self.rates[side] = rates[side];
                    }
                }
                self.halves.capture = halves.capture.or(self.halves.capture.take());
                self.halves.render = halves.render.or(self.halves.render.take());
            }
            Order::Close(side, done) => {
                match side {
                    Direction::Input => self.halves.capture = None,
                    Direction::Output => self.halves.render = None,
                }
                let _ = done.send(());
            }
            Order::End => return false,
        }
        true
    }

    /// The fault, when it is time for it.
    fn fail(&mut self, age: Nanos) {
        let Some(fault) = self.fault.take_if(|fault| age >= fault.at) else { return };
        if fault.side != Some(Direction::Output) {
            self.halves.capture = None;
            self.flags.broken[0].store(fault.is_told, Relaxed);
        }
        if fault.side != Some(Direction::Input) {
            self.halves.render = None;
            self.flags.broken[1].store(fault.is_told, Relaxed);
        }
    }

    fn sleep_until(&self, deadline: Nanos) {
        loop {
            let left = deadline.since(self.clock.now());
            if left == Nanos::ZERO {
                return;
            }
            thread::park_timeout(left.into());
        }
    }
}
