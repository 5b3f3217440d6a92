//! A virtual sound card: a thread that runs both callbacks on the machine's
//! clock, with a [`Room`] between the speaker and the microphone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
};

use super::{Backend, Clock, DeviceError, Offer, Spec, Stream};
use crate::{
    audio::{Nanos, Rate},
    duplex::{CaptureHalf, RenderHalf},
};

/// The rate of a card that was not asked for another.
const RATE_HZ: u32 = 48_000;

/// What is around a virtual card: it hears the speaker and fills the microphone.
pub trait Room: Send {
    /// One period passes: `heard` was played, at the render rate; `microphone`
    /// is what is captured meanwhile, at the capture rate, silent at first.
    /// Returns whether there is more to come.
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

/// A card that is not there.
pub struct Card {
    name: String,
    speaker_name: Option<String>,
    room: Option<Box<dyn Room>>,
    capture_rate: Option<Rate>,
    offer: Option<Offer>,
}

impl Card {
    /// A card in `room`, called `name`.
    pub fn new(name: &str, room: impl Room + 'static) -> Self {
        Self {
            name: name.to_owned(),
            speaker_name: None,
            room: Some(Box::new(room)),
            capture_rate: None,
            offer: None,
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
}

impl Backend for Card {
    fn offer(&mut self, spec: &Spec) -> Result<Offer, DeviceError> {
        // proven: 48,000 is within the bounds of a rate.
        let rate = spec.rate.or(Rate::new(RATE_HZ)).expect("a valid rate");
        let offer = Offer {
            capture_rate: self.capture_rate.unwrap_or(rate),
            render_rate: rate,
            period_frames: spec.period_frames.clamp(1, 8_192),
            capture_name: self.name.clone(),
            render_name: self.speaker_name.as_ref().unwrap_or(&self.name).clone(),
        };
        self.offer = Some(offer.clone());
        Ok(offer)
    }

    fn open(
        &mut self,
        capture: CaptureHalf,
        render: RenderHalf,
        clock: Clock,
    ) -> Result<Box<dyn Stream>, DeviceError> {
        let gone = || DeviceError(format!("the virtual card \"{}\" can be opened once", self.name));
        let (offer, room) = self.offer.take().zip(self.room.take()).ok_or_else(gone)?;
        let flags = Arc::new(Flags::default());
        let running = Running { capture, render, room, offer, clock, flags: flags.clone() };
        let thread = thread::Builder::new()
            .name("chinwag-card".to_owned())
            .spawn(move || running.run())
            .map_err(|e| DeviceError(format!("the virtual card cannot start its thread: {e}")))?;
        Ok(Box::new(CardStream { flags, thread: Some(thread) }))
    }
}

#[derive(Debug, Default)]
struct Flags {
    stop: AtomicBool,
    ended: AtomicBool,
}

struct CardStream {
    flags: Arc<Flags>,
    thread: Option<JoinHandle<()>>,
}

impl Stream for CardStream {
    fn has_ended(&self) -> bool {
        self.flags.ended.load(Relaxed)
    }
}

impl Drop for CardStream {
    fn drop(&mut self) {
        self.flags.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

struct Running {
    capture: CaptureHalf,
    render: RenderHalf,
    room: Box<dyn Room>,
    offer: Offer,
    clock: Clock,
    flags: Arc<Flags>,
}

impl Running {
    fn run(mut self) {
        let period = self.offer.period_frames as usize;
        let start = self.clock.now();
        let mut out = vec![0.0f32; 2 * period];
        let mut heard = vec![0.0f32; period];
        let mut microphone = Vec::new();
        let (mut rendered, mut captured) = (0u64, 0u64);
        while !self.flags.stop.load(Relaxed) {
            self.render.process(&mut out, 2, self.clock.now(), 0);
            rendered += period as u64;
            let elapsed = self.offer.render_rate.duration_of(rendered);
            self.sleep_until(start + elapsed);

            for (mono, frame) in heard.iter_mut().zip(out.chunks_exact(2)) {
                *mono = frame[0];
            }
            let until = self.offer.capture_rate.frames_in(elapsed);
            microphone.clear();
            microphone.resize((until - captured) as usize, 0.0);
            captured = until;
            if !self.room.pass(&heard, &mut microphone) {
                self.flags.ended.store(true, Relaxed);
            }
            self.capture.process(&microphone, 1, self.clock.now());
        }
    }

    fn sleep_until(&self, deadline: Nanos) {
        loop {
            let left = deadline.since(self.clock.now());
            if left == Nanos::ZERO || self.flags.stop.load(Relaxed) {
                return;
            }
            thread::park_timeout(left.into());
        }
    }
}
