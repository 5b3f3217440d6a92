//! The body of the link thread: one `poll` on the socket and the waker, around
//! a [`Link`].
//!
//! Rules, each of which was seen broken: everything is read until there is
//! nothing after every wake and after every write; what a send could not place
//! is queued and never sent again; nothing is written before the last message
//! has left and the socket is writable; the old socket is closed before the
//! next is dialled.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use crossbeam_channel::{Receiver, Sender, TryRecvError};

use super::{
    dial::{Dial, Dialer, Progress},
    poll::{self, Interest},
    socket::{Incoming, Socket},
    waker::Waker,
};
use crate::{
    audio::{Doorbell, Nanos, Wake, histogram::Snapshot},
    link::{Control, Decision, Link, LinkCounters, LinkEvent},
    protocol::{Close, Verdict},
};

/// How often a worker that makes room is looked after while replies wait.
const STEP: Nanos = Nanos::from_ms(20);
/// What may take so long at the end: sending what waits, then the peer's close.
const LAST_WORDS: Nanos = Nanos::from_ms(250);
const FAREWELL: Nanos = Nanos::from_ms(500);
/// Messages read before others get their turn.
const READS_MAX: usize = 256;

/// What connects the link thread to the others.
#[derive(Debug)]
pub struct Wiring {
    /// Ends the thread's wait.
    pub waker: Arc<Waker>,
    /// What the worker rings, made of the waker.
    pub bell: Arc<Doorbell>,
    /// What the supervisor wants.
    pub control: Receiver<Control>,
    /// What it is told; where it is full, events are counted and dropped.
    pub events: Sender<LinkEvent>,
}

/// How the supervisor reaches a link thread, which ends when the last of
/// these is dropped.
#[derive(Clone, Debug)]
pub struct LinkControl {
    /// Always there but in the middle of being dropped.
    sender: Option<Sender<Control>>,
    waker: Arc<Waker>,
}

impl LinkControl {
    /// Tells the link; false where it has ended.
    pub fn send(&self, control: Control) -> bool {
        let sent = self.sender.as_ref().is_some_and(|sender| sender.send(control).is_ok());
        self.waker.wake();
        sent
    }
}

impl Drop for LinkControl {
    fn drop(&mut self) {
        // First the channel, then the wake that makes the link look at it.
        self.sender = None;
        self.waker.wake();
    }
}

impl Wiring {
    /// Everything for one link thread, with room for so many events.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub fn new(events_max: usize) -> std::io::Result<(Self, LinkControl, Receiver<LinkEvent>)> {
        let waker = Arc::new(Waker::new()?);
        let bell = Arc::new(Doorbell::new(waker.clone()));
        let (sender, control) = crossbeam_channel::bounded(64);
        let (events, received) = crossbeam_channel::bounded(events_max);
        let remote = LinkControl { sender: Some(sender), waker: waker.clone() };
        Ok((Self { waker, bell, control, events }, remote, received))
    }
}

/// How a link thread ended.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkReport {
    /// Why it gave up; `None` where it was asked to end.
    pub gave_up: Option<Verdict>,
    /// Everything counted.
    pub counters: LinkCounters,
    /// From the device handing over a chunk's last sample to the socket having it.
    pub capture_to_wire: Snapshot,
    /// Events that the supervisor did not take.
    pub events_refused: u64,
    /// Resolver threads that have not come back.
    pub resolvers_busy: usize,
}

/// Runs `link` until it is closed, or gives up. Returns within 500 ms of
/// [`Control::Close`], or of the supervisor's end of the channel being gone.
pub fn run(link: Link, dialer: &Dialer, wiring: &Wiring, clock: impl Fn() -> Nanos) -> LinkReport {
    let state = State::Dialling(Box::new(dialer.dial(clock(), &wiring.waker)));
    let mut client = Client {
        link,
        dialer,
        wiring,
        clock,
        closing_at: None,
        text: String::new(),
        events_refused: 0,
    };
    let gave_up = client.run(state);
    client.forward_events();
    client.show();
    LinkReport {
        gave_up,
        counters: client.link.counters(),
        capture_to_wire: client.link.gauges().capture_to_wire.snapshot(),
        events_refused: client.events_refused,
        resolvers_busy: dialer.resolvers_busy(),
    }
}

enum State {
    Pausing(Nanos),
    Dialling(Box<Dial>),
    Up(Box<Up>),
    Over(Option<Verdict>),
}

/// An open connection.
struct Up {
    socket: Socket,
    writable: bool,
    /// A message of the link is on its way into the kernel.
    in_flight: bool,
    /// Our close frame was sent.
    closed: bool,
    /// Not everything that has arrived was read.
    unread: bool,
}

impl Up {
    fn new(socket: Socket) -> Self {
        Self { socket, writable: true, in_flight: false, closed: false, unread: false }
    }
}

struct Client<'a, Clock> {
    link: Link,
    dialer: &'a Dialer,
    wiring: &'a Wiring,
    clock: Clock,
    closing_at: Option<Nanos>,
    text: String,
    events_refused: u64,
}

impl<Clock: Fn() -> Nanos> Client<'_, Clock> {
    fn run(&mut self, mut state: State) -> Option<Verdict> {
        loop {
            let now = (self.clock)();
            self.obey(now);
            self.link.step(now);
            if self.link.next_deadline().is_some_and(|deadline| now >= deadline) {
                self.link.handle_deadline(now);
            }
            state = self.advance(now, state);
            self.forward_events();
            if let State::Over(verdict) = state {
                return verdict;
            }
            self.show();
            self.wait(&mut state);
        }
    }

    fn obey(&mut self, now: Nanos) {
        loop {
            let control = match self.wiring.control.try_recv() {
                Ok(control) => control,
                Err(TryRecvError::Disconnected) if !self.link.is_closing() => Control::Close,
                Err(_) => break,
            };
            self.link.control(now, control);
        }
        if self.link.is_closing() && self.closing_at.is_none() {
            self.closing_at = Some(now);
        }
    }

    fn advance(&mut self, now: Nanos, state: State) -> State {
        let closing = self.closing_at.is_some();
        match state {
            State::Up(up) => self.talk(now, up),
            _ if closing => State::Over(None),
            State::Pausing(until) if now >= until => self
                .advance(now, State::Dialling(Box::new(self.dialer.dial(now, &self.wiring.waker)))),
            State::Dialling(mut dial) => match dial.advance(now) {
                Progress::Pending => State::Dialling(dial),
                Progress::Done(socket) => {
                    self.link.connected(now);
                    self.talk(now, Box::new(Up::new(*socket)))
                }
                Progress::Failed(error) => {
                    let verdict = error.verdict(self.link.session().settings());
                    decided(self.link.dial_failed(now, verdict))
                }
            },
            other => other,
        }
    }

    fn talk(&mut self, now: Nanos, mut up: Box<Up>) -> State {
        let ended = self.read(&mut up).and_then(|()| {
            // A peer that closed may have said why before our write failed.
            self.write(now, &mut up).or_else(|broken| self.read(&mut up).and(Err(broken)))?;
            self.read(&mut up)
        });
        let late = self.closing_at.is_some_and(|at| now >= at + FAREWELL);
        let close = match ended {
            Err(close) => close,
            Ok(()) if late || self.link.must_drop((self.clock)()) => {
                Close::new(Close::NO_FRAME, "the server did not answer our close")
            }
            Ok(()) => return State::Up(up),
        };
        let Up { socket, .. } = *up;
        socket.finish();
        decided(self.link.disconnected((self.clock)(), close))
    }

    /// All that has arrived, or so much that others must get their turn.
    fn read(&mut self, up: &mut Up) -> Result<(), Close> {
        up.unread = false;
        up.socket.ration();
        for _ in 0..READS_MAX {
            match up.socket.read() {
                Incoming::Message(message) => {
                    self.link.receive((self.clock)(), &message.into_data());
                }
                Incoming::Control => self.link.heard((self.clock)()),
                Incoming::Nothing => {
                    up.unread = up.socket.is_spent();
                    return Ok(());
                }
                Incoming::Ended(close) => return Err(close),
            }
        }
        up.unread = true;
        Ok(())
    }

    /// At most one message: only the next poll knows whether the socket takes
    /// another without holding it back.
    fn write(&mut self, now: Nanos, up: &mut Up) -> Result<(), Close> {
        if !std::mem::take(&mut up.writable) {
            return Ok(());
        }
        let mut waits = up.in_flight;
        if up.socket.is_unflushed() {
            up.socket.flush()?;
            // A pong has left: who pings without end must not silence us.
            waits |= up.socket.is_unflushed();
        }
        if waits || up.closed {
            self.note_sent(up);
            return Ok(());
        }
        if self.link.wants_transmit() && !self.has_spoken(now) {
            if self.link.poll_transmit((self.clock)(), &mut self.text) {
                up.in_flight = true;
                up.socket.send(&self.text)?;
            }
        } else if self.closing_at.is_some() || self.link.hangs_up() {
            up.closed = true;
            up.socket.close(1_000)?;
        } else if now >= self.link.ping_at() {
            self.link.pinged(now);
            up.socket.ping()?;
        }
        self.note_sent(up);
        Ok(())
    }

    /// The link knows when the kernel has all of its message.
    fn note_sent(&mut self, up: &mut Up) {
        if up.in_flight && !up.socket.is_unflushed() {
            up.in_flight = false;
            self.link.transmitted((self.clock)());
        }
    }

    /// Whether the time for last words is over.
    fn has_spoken(&self, now: Nanos) -> bool {
        self.closing_at.is_some_and(|at| now >= at + LAST_WORDS)
    }

    /// Waits for the socket, a wake, or the next deadline.
    fn wait(&mut self, state: &mut State) {
        self.wiring.bell.arm();
        let now = (self.clock)();
        let timeout = match state {
            State::Up(up) if up.unread => Some(Nanos::ZERO),
            _ if self.link.has_input() => Some(Nanos::ZERO),
            _ => self.next_deadline(now, state).map(|at| at.since(now)),
        };
        let mut sources = vec![(self.wiring.waker.as_fd(), Interest::READ)];
        match state {
            State::Up(up) => {
                let interest = up.socket.interest(self.wants_send(now, up));
                sources.push((up.socket.as_fd(), interest));
            }
            State::Dialling(dial) => sources.extend(dial.sources()),
            State::Pausing(_) | State::Over(_) => {}
        }
        let ready = poll::wait(&sources, timeout).unwrap_or_default();
        self.wiring.bell.disarm();
        if ready.first().is_some_and(|waker| waker.read) {
            self.wiring.waker.clear();
        }
        if let State::Up(up) = state {
            up.writable = ready.get(1).is_some_and(|socket| socket.write);
        }
    }

    fn wants_send(&self, now: Nanos, up: &Up) -> bool {
        let ends = self.closing_at.is_some() || self.link.hangs_up();
        let due = ends || now >= self.link.ping_at();
        !up.closed && (due || self.link.wants_transmit())
    }

    /// The next moment at which something happens by itself. What waits for
    /// the socket to be writable is not among them.
    fn next_deadline(&self, now: Nanos, state: &State) -> Option<Nanos> {
        let holding = self.link.is_holding().then(|| now + STEP);
        let own = match state {
            State::Pausing(until) => Some(*until),
            State::Dialling(dial) => Some(dial.next_deadline()),
            State::Up(_) => match self.closing_at {
                None => Some(self.link.ping_at()).filter(|at| *at > now),
                Some(at) => Some(at + if self.has_spoken(now) { FAREWELL } else { LAST_WORDS }),
            },
            State::Over(_) => None,
        };
        [self.link.next_deadline(), holding, own].into_iter().flatten().min()
    }

    /// Lets others see what was counted, once all that was urgent is done.
    fn show(&self) {
        self.link.show();
        let gauges = self.link.gauges();
        gauges.events_untaken.store(self.events_refused, Relaxed);
        gauges.resolvers_busy.store(self.dialer.resolvers_busy() as u64, Relaxed);
    }

    fn forward_events(&mut self) {
        while let Some(event) = self.link.poll_event() {
            self.events_refused += u64::from(self.wiring.events.try_send(event).is_err());
        }
    }
}

fn decided(decision: Decision) -> State {
    match decision {
        Decision::Redial { at, .. } => State::Pausing(at),
        Decision::GiveUp { verdict } => State::Over(Some(verdict)),
        Decision::Done => State::Over(None),
    }
}
