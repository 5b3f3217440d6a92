//! Plays the measuring sound and records the microphone beside it.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
};

use super::super::sound::{LOOK, PATIENCE, Unanswered, spec_of};
use crate::{
    audio::{Doorbell, Nanos, Rate, convert::tame_all},
    cli::{exit::Failure, sound},
    config::Plan,
    device::{Backend, Clock, DeviceError, Halves, Offer},
    duplex::{Sounding, capture, render},
    measure::echo::{Band, VOICE_S, signal},
    sim::babble::babble,
};

/// Quiet before the sound: the noise is heard, and the far end finds its place.
pub(super) const QUIET_S: f64 = 2.5;
/// After the sound, for devices that have some of it still.
const TAIL_S: f64 = 0.7;
/// How much longer than it should take is waited for a device.
const SLACK: Nanos = Nanos::from_secs(10);

/// What came of it.
pub(super) struct Recorded {
    pub(super) offer: Offer,
    /// Both at the microphone's rate, frame beside frame.
    pub(super) microphone: Vec<f32>,
    pub(super) far: Vec<f32>,
    /// How much later than its callback the far end is.
    pub(super) margin_ms: f64,
    pub(super) lost_frames: u64,
    pub(super) underruns: u64,
    /// Whether there were callbacks: of the microphone, of the speaker.
    pub(super) runs: [bool; 2],
}

/// Why nothing came of it.
pub(super) enum Stopped {
    Device(DeviceError),
    Told(Failure),
}

impl From<DeviceError> for Stopped {
    fn from(error: DeviceError) -> Self {
        Self::Device(error)
    }
}

/// Records over the profile's devices. What will be used is told before it
/// sounds, with how many seconds it takes.
pub(super) fn record(
    plan: &Plan,
    clock: Clock,
    announce: impl FnOnce(&Offer, f64) -> Result<(), Failure>,
) -> Result<Recorded, Stopped> {
    let mut backend: Box<dyn Backend> = sound::backend(&plan.device)?;
    let offer = backend.offer(&spec_of(plan))?;
    let bell = Arc::new(Doorbell::new(Unanswered));
    let (capture_half, captured) =
        capture(offer.capture_rate, 0, plan.device.input_channel, bell.clone());
    let (render_half, played) = render(offer.render_rate, plan.playout.fade_ms, bell);
    let sounding = Sounding::new(captured, played).map_err(|e| DeviceError(e.to_string()))?;
    let mut recording = Recording::new(sounding, &offer);
    announce(&offer, recording.secs()).map_err(Stopped::Told)?;
    let longest = Nanos((1e9 * recording.secs()) as u64) + SLACK;
    let streams = backend.open(Halves::both(capture_half, render_half), clock)?;
    let start = clock.now();
    while !recording.step() && !streams.has_ended() {
        let waited = clock.now().since(start);
        let runs = recording.runs().iter().all(|runs| *runs);
        if waited > if runs { longest } else { PATIENCE } {
            break;
        }
        thread::sleep(LOOK);
    }
    drop(streams);
    Ok(recording.finish(offer))
}

/// A recording under way.
pub(super) struct Recording {
    sounding: Sounding,
    rate: Rate,
    sound_s: f64,
    sound: Vec<f32>,
    played: usize,
    microphone: Vec<f32>,
    far: Vec<f32>,
    /// The frames recorded by when all was played.
    played_at: Option<usize>,
}

impl Recording {
    pub(super) fn new(sounding: Sounding, offer: &Offer) -> Self {
        let band = Band::between(offer.capture_rate, offer.render_rate);
        let voice = babble(offer.render_rate, Nanos((1e9 * VOICE_S) as u64), 1);
        let sound = signal(offer.render_rate, band, &voice);
        Self {
            sounding,
            rate: offer.capture_rate,
            sound_s: sound.len() as f64 / f64::from(offer.render_rate.hz()),
            sound,
            played: 0,
            microphone: Vec::new(),
            far: Vec::new(),
            played_at: None,
        }
    }

    /// How long it takes.
    fn secs(&self) -> f64 {
        QUIET_S + self.sound_s + TAIL_S
    }

    /// Takes what was captured and plays on; `true` when all is over.
    pub(super) fn step(&mut self) -> bool {
        while let Some((microphone, far)) = self.sounding.take() {
            self.microphone.extend_from_slice(microphone);
            self.far.extend_from_slice(far);
        }
        let recorded = self.microphone.len();
        let frames = |secs: f64| (secs * f64::from(self.rate.hz())) as usize;
        if recorded >= frames(QUIET_S) {
            self.played += self.sounding.play(&self.sound[self.played..]);
        }
        if self.played == self.sound.len() && self.sounding.is_played() {
            let played_at = *self.played_at.get_or_insert(recorded);
            return recorded >= played_at + frames(TAIL_S);
        }
        false
    }

    fn runs(&self) -> [bool; 2] {
        let (capture, render) = (self.sounding.capture(), self.sounding.render());
        [&capture.callbacks, &render.callbacks].map(|callbacks| callbacks.load(Relaxed) > 0)
    }

    pub(super) fn finish(mut self, offer: Offer) -> Recorded {
        tame_all(&mut self.microphone);
        let (capture, far) = (self.sounding.capture(), self.sounding.far());
        let missing = &capture.missing_frames;
        Recorded {
            runs: self.runs(),
            offer,
            margin_ms: f64::from(far.margin_us.load(Relaxed)) / 1e3,
            lost_frames: capture.lost_frames.load(Relaxed) + missing.load(Relaxed),
            underruns: self.sounding.render().underruns.load(Relaxed),
            microphone: self.microphone,
            far: self.far,
        }
    }
}
