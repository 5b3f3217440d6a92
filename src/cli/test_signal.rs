//! A test signal over the profile's devices: it is played through the callback
//! halves of a talk, and the microphone is recorded beside it.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
};

use super::{
    doctor::sound::{LOOK, PATIENCE},
    exit::Failure,
};
use crate::{
    audio::{Doorbell, Nanos, convert::tame_all},
    config::Plan,
    device::{Backend, Clock, DeviceError, Halves, Offer},
    duplex::{Sounding, capture, render},
};

/// How much longer than it should take is waited for a device.
const SLACK: Nanos = Nanos::from_secs(10);

/// What is played, at the speaker's rate, and how long is recorded around it.
pub(super) struct TestSignal {
    pub(super) sound: Vec<f32>,
    /// Before it: streams settle, the noise is heard, the far end finds its place.
    pub(super) before_s: f64,
    /// After it: what is still on its way comes in.
    pub(super) after_s: f64,
}

impl TestSignal {
    /// How long it takes over these devices.
    pub(super) fn secs(&self, offer: &Offer) -> f64 {
        let sound_s = self.sound.len() as f64 / f64::from(offer.render_rate.hz());
        self.before_s + sound_s + self.after_s
    }
}

/// What came of it.
pub(super) struct Recorded {
    pub(super) offer: Offer,
    /// What was to be played, at the speaker's rate.
    pub(super) sound: Vec<f32>,
    /// Both at the microphone's rate, frame beside frame.
    pub(super) microphone: Vec<f32>,
    pub(super) far: Vec<f32>,
    /// How much later than its callback the far end was, in seconds, up to a frame.
    pub(super) margins: Vec<(usize, f64)>,
    /// The same at the end.
    pub(super) margin_ms: f64,
    pub(super) lost_frames: u64,
    pub(super) underruns: u64,
    /// Whether there were callbacks: of the microphone, of the speaker.
    pub(super) runs: [bool; 2],
    /// It did not end within the time that it takes.
    pub(super) timed_out: bool,
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

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Device(error) => Self::device(error),
            Stopped::Told(failure) => failure,
        }
    }
}

/// Plays and records; none where `goes_on`, told the share that is done, said no.
pub(super) fn record(
    plan: &Plan,
    backend: &mut dyn Backend,
    clock: Clock,
    offer: Offer,
    signal: TestSignal,
    mut goes_on: impl FnMut(f64) -> Result<bool, Failure>,
) -> Result<Option<Recorded>, Stopped> {
    let bell = Arc::new(Doorbell::unanswered());
    let (capture_half, captured) =
        capture(offer.capture_rate, 0, plan.device.input_channel, bell.clone());
    let (render_half, played) = render(offer.render_rate, plan.playout.fade_ms, bell);
    let sounding = Sounding::new(captured, played).map_err(|e| DeviceError(e.to_string()))?;
    let secs = signal.secs(&offer);
    let longest = Nanos((1e9 * secs) as u64) + SLACK;
    let mut recording = Recording::new(sounding, offer, signal);
    let streams = backend.open(Halves::both(capture_half, render_half), clock)?;
    let start = clock.now();
    while !recording.step() && !streams.has_ended() {
        let waited = clock.now().since(start);
        if !goes_on(waited.as_secs() / (secs + 1.0)).map_err(Stopped::Told)? {
            return Ok(None);
        }
        if waited > if recording.runs() == [true; 2] { longest } else { PATIENCE } {
            recording.recorded.timed_out = true;
            break;
        }
        thread::sleep(LOOK);
    }
    drop(streams);
    Ok(Some(recording.finish()))
}

/// A recording under way.
struct Recording {
    sounding: Sounding,
    recorded: Recorded,
    before_s: f64,
    after_s: f64,
    played: usize,
    /// The frames recorded by when all was played.
    played_at: Option<usize>,
}

impl Recording {
    fn new(sounding: Sounding, offer: Offer, signal: TestSignal) -> Self {
        let TestSignal { sound, before_s, after_s } = signal;
        let recorded = Recorded {
            offer,
            sound,
            microphone: Vec::new(),
            far: Vec::new(),
            margins: Vec::new(),
            margin_ms: 0.0,
            lost_frames: 0,
            underruns: 0,
            runs: [false; 2],
            timed_out: false,
        };
        Self { sounding, recorded, before_s, after_s, played: 0, played_at: None }
    }

    /// Takes what was captured and plays on; `true` when all is over.
    fn step(&mut self) -> bool {
        let recorded = &mut self.recorded;
        while let Some((microphone, far)) = self.sounding.take() {
            recorded.microphone.extend_from_slice(microphone);
            recorded.far.extend_from_slice(far);
            recorded.margins.push((recorded.far.len(), self.sounding.far_behind_s()));
        }
        let captured = recorded.microphone.len();
        let hz = f64::from(recorded.offer.capture_rate.hz());
        let frames = |secs: f64| (secs * hz) as usize;
        if captured >= frames(self.before_s) {
            self.played += self.sounding.play(&recorded.sound[self.played..]);
        }
        if self.played == recorded.sound.len() && self.sounding.is_played() {
            let played_at = *self.played_at.get_or_insert(captured);
            return captured >= played_at + frames(self.after_s);
        }
        false
    }

    fn runs(&self) -> [bool; 2] {
        let (capture, render) = (self.sounding.capture(), self.sounding.render());
        [&capture.callbacks, &render.callbacks].map(|callbacks| callbacks.load(Relaxed) > 0)
    }

    fn finish(self) -> Recorded {
        let runs = self.runs();
        let Self { sounding, mut recorded, .. } = self;
        tame_all(&mut recorded.microphone);
        let (capture, far) = (sounding.capture(), sounding.far());
        Recorded {
            margin_ms: f64::from(far.margin_us.load(Relaxed)) / 1e3,
            lost_frames: capture.lost_frames.load(Relaxed) + capture.missing_frames.load(Relaxed),
            underruns: sounding.render().underruns.load(Relaxed),
            runs,
            ..recorded
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        audio::{Rate, convert::InputChannel},
        sim::{room::Room, seed::Seed},
    };

    /// The same in virtual time: callbacks of 10 ms of devices that really run at
    /// these rates, in that room, and what is captured times `gain`.
    pub(in crate::cli) fn record_in(
        room: &str,
        hz: [f64; 2],
        gain: f32,
        signal: impl FnOnce(&Offer) -> TestSignal,
    ) -> Recorded {
        // What they are called: crystals are off by less than 1,000 ppm.
        let [near, far] = hz.map(|hz| Rate::new((hz / 100.0).round() as u32 * 100).unwrap());
        let bell = Arc::new(Doorbell::unanswered());
        let (mut capture_half, captured) = capture(near, 0, InputChannel::Mix, bell.clone());
        let (mut render_half, played) = render(far, 6.0, bell);
        let offer = Offer {
            capture_rate: near,
            render_rate: far,
            period_frames: 480,
            capture_name: "microphone".to_owned(),
            render_name: "speaker".to_owned(),
        };
        let mut room = Room::new(&room.parse().unwrap(), hz[0], hz[1], Seed::new(5));
        let signal = signal(&offer);
        let sounding = Sounding::new(captured, played).unwrap();
        let mut recording = Recording::new(sounding, offer, signal);
        let mut passed = [0u64; 2];
        for block in 1..2_000u64 {
            let until = hz.map(|hz| (hz * block as f64 / 100.0) as u64);
            // Each callback comes when its frames are full, or empty.
            let at = |side: usize, frames: u64| Nanos((1e9 * frames as f64 / hz[side]) as u64);
            let mut out = vec![0.0f32; (until[1] - passed[1]) as usize];
            render_half.process(&mut out, 1, at(1, passed[1]), 0);
            room.play(&out);
            let mut heard = vec![0.0f32; (until[0] - passed[0]) as usize];
            room.hear(&mut heard);
            for sample in &mut heard {
                *sample = (*sample * gain).clamp(-1.0, 1.0);
            }
            capture_half.process(&heard, 1, at(0, until[0]));
            passed = until;
            if recording.step() {
                return recording.finish();
            }
        }
        panic!("it never ended");
    }
}
