//! The way from a virtual loudspeaker to a virtual microphone in the same room:
//! the loudspeaker's distortion, the time that the sound takes, what the room
//! adds to it, and the room's noise.
//!
//! ```text
//! played -> loudspeaker -> travel (delay, drift, both clocks) -> response -> microphone
//! ```
//!
//! Every frame depends on its number and on what was played, never on how calls
//! cut the sound: the same seed and the same sound give the same bits.

mod convolver;
mod fourier;
mod loudspeaker;
mod noise;
mod response;
mod scene;
mod settings;
#[cfg(test)]
mod tests;
mod travel;

pub use loudspeaker::Loudspeaker;
pub use scene::microphone;
pub use settings::{MODEL_LEVEL, RoomError, RoomSettings, USER_LEVEL};

use self::{convolver::Convolver, loudspeaker::Playing, noise::Noise, travel::Travel};
use super::{babble::babble, seed::Seed};
use crate::audio::{Dbfs, Nanos, Rate};

/// How long a change of the response takes: too long for a click.
const FADE_SECS: f64 = 0.02;

/// The room while time passes.
#[derive(Debug)]
pub struct Room {
    playing: Playing,
    travel: Travel,
    convolver: Convolver,
    noise: Option<Noise>,
    /// Frames that the microphone has heard.
    heard: u64,
    /// Frames of the loudspeaker per frame of the microphone.
    step: f64,
    /// How many frames of the loudspeaker the echo is late.
    late: f64,
    /// From which frame of the microphone on, by how many of the loudspeaker.
    jump: Option<(u64, f64)>,
    /// From which frame of the microphone on there is another response.
    change: Option<(u64, Vec<f32>)>,
}

impl Room {
    /// A room between a microphone and a loudspeaker whose clocks begin
    /// together and really run at so many hertz.
    pub fn new(
        settings: &RoomSettings,
        microphone_hz: f64,
        speaker_hz: f64,
        mut seed: Seed,
    ) -> Self {
        let mut response = || {
            let mut taps = response::respond(settings, microphone_hz, &mut seed);
            let gain = gain(&taps, settings, microphone_hz);
            for tap in &mut taps {
                *tap *= gain;
            }
            taps
        };
        let taps = response();
        let frame_of = |at: Nanos| (at.as_secs() * microphone_hz).round() as u64;
        let change = settings.change_at.map(|at| (frame_of(at), response()));
        let late_s = settings.delay.as_secs().max(travel::LEAST_SECS);
        Self {
            playing: Playing::new(settings.loudspeaker, speaker_hz),
            travel: Travel::new(speaker_hz, microphone_hz),
            convolver: Convolver::new(&taps, (FADE_SECS * microphone_hz) as usize),
            noise: settings.noise.map(|level| Noise::new(level, seed.split())),
            heard: 0,
            step: speaker_hz / microphone_hz * (1.0 - settings.drift_ppm * 1e-6),
            late: late_s * speaker_hz,
            jump: settings.jump.map(|(at, by)| (frame_of(at), by.as_secs() * speaker_hz)),
            change,
        }
    }

    /// The loudspeaker plays this, after all that it played before.
    pub fn play(&mut self, sound: &[f32]) {
        for sample in sound {
            self.travel.push(self.playing.next(*sample));
        }
    }

    /// Adds to the next frames of the microphone what is heard there. What
    /// arrives within them must have been played before.
    pub fn hear(&mut self, microphone: &mut [f32]) {
        for slot in microphone {
            if let Some((_, taps)) = self.change.take_if(|(at, _)| *at <= self.heard) {
                self.convolver.change(&taps);
            }
            let jumped = self.jump.filter(|(at, _)| *at <= self.heard).map_or(0.0, |(_, by)| by);
            let at = self.heard as f64 * self.step - self.late - jumped;
            *slot += self.convolver.next(self.travel.at(at));
            if let Some(noise) = &mut self.noise {
                *slot += noise.next();
            }
            self.heard += 1;
        }
    }
}

/// The factor on a response that gives the echo of a voice the level it should
/// have. A voice is used to find it: how loud an echo is depends on where the
/// room and the loudspeaker have their holes.
fn gain(taps: &[f32], settings: &RoomSettings, hz: f64) -> f32 {
    let rate = Rate::new(hz.round() as u32).unwrap_or(Rate::UPLINK);
    let mut voice = babble(rate, Nanos::from_ms(1_500), 1);
    let scale = MODEL_LEVEL.amplitude() / Dbfs::rms_of(&voice).amplitude();
    let mut playing = Playing::new(settings.loudspeaker, hz);
    let mut convolver = Convolver::new(taps, 1);
    for sample in &mut voice {
        *sample = convolver.next(playing.next(scale * *sample));
    }
    settings.echo.amplitude() / Dbfs::rms_of(&voice).amplitude()
}
