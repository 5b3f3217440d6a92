//! The sound by which an echo is measured: an exponential sine sweep, a voice,
//! and the same sweep again, with silence after each.
//!
//! A sweep shows how the sound arrives, and apart from it each harmonic that the
//! loudspeaker adds; two of them show how the clocks differ. A voice as loud as a
//! model's shows how loud the echo of one is, and what a canceller leaves of it.

use std::{
    f64::consts::{PI, TAU},
    ops::Range,
};

use crate::audio::{Dbfs, Rate};

/// The sweep's length, and what its lowest frequency is.
const SWEEP_S: f64 = 1.0;
const LOW_HZ: f64 = 100.0;
/// Where it ends at most: what a microphone at 16 kHz surely hears.
const TOP_HZ: f64 = 7_000.0;
/// Its highest frequency over the lower of the two rates.
const TOP_OF_RATE: f64 = 0.44;
/// Its peak: that of a loud voice.
const SWEEP_LEVEL: Dbfs = Dbfs(-12.0);
/// Silence after each part: for an echo that is late, in a room.
const GAP_S: f64 = 0.7;
const FADE_IN_S: f64 = 0.02;
const FADE_OUT_S: f64 = 0.005;

/// The length of the voice, in seconds, and its level, RMS: a model's.
pub const VOICE_S: f64 = 4.0;
/// See [`VOICE_S`].
pub const VOICE_LEVEL: Dbfs = Dbfs(-24.0);

/// The band of the sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Its lowest frequency, in hertz.
    pub low_hz: f64,
    /// Its highest, in hertz.
    pub top_hz: f64,
}

impl Band {
    /// What a loudspeaker and a microphone at these rates can both carry.
    pub fn between(one: Rate, other: Rate) -> Self {
        let lower = f64::from(one.hz().min(other.hz()));
        Self { low_hz: LOW_HZ, top_hz: TOP_HZ.min(TOP_OF_RATE * lower) }
    }

    /// How much earlier than the sound itself its `n`th harmonic stands in a
    /// response, in seconds. Source: A. Farina, "Simultaneous measurement of
    /// impulse response and distortion with a swept-sine technique", 2000.
    pub(super) fn harmonic_lead_s(self, n: u32) -> f64 {
        self.octave_s() * f64::from(n).ln()
    }

    /// In how many seconds the sweep's frequency grows by the factor e.
    fn octave_s(self) -> f64 {
        SWEEP_S / (self.top_hz / self.low_hz).ln()
    }
}

/// Where the parts are, in seconds from the first sound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts;

impl Parts {
    /// When each sweep begins.
    pub(super) const SWEEPS: [f64; 2] = [0.0, SWEEP_S + GAP_S + VOICE_S + GAP_S];

    /// A sweep, as it is played and as it is heard.
    pub(super) fn sweep(at_s: f64) -> [Range<f64>; 2] {
        [at_s..at_s + SWEEP_S + 0.05, at_s..at_s + SWEEP_S + GAP_S - 0.05]
    }

    /// The voice.
    pub(super) fn voice() -> Range<f64> {
        let from = SWEEP_S + GAP_S;
        from..from + VOICE_S
    }
}

/// The whole sound at `rate`: `voice`, of [`VOICE_S`], is brought to
/// [`VOICE_LEVEL`].
pub fn signal(rate: Rate, band: Band, voice: &[f32]) -> Vec<f32> {
    let frames = |secs: f64| (secs * f64::from(rate.hz())) as usize;
    let sweep = sweep(f64::from(rate.hz()), band);
    let scale = VOICE_LEVEL.amplitude() / Dbfs::rms_of(voice).amplitude();
    let mut sound = Vec::new();
    for (part, secs) in [
        (sweep.clone(), SWEEP_S + GAP_S),
        (voice.iter().map(|sample| scale * sample).collect(), VOICE_S + GAP_S),
        (sweep, SWEEP_S + GAP_S),
    ] {
        let end = sound.len() + frames(secs);
        sound.extend(part);
        sound.resize(end, 0.0);
    }
    sound
}

fn sweep(hz: f64, band: Band) -> Vec<f32> {
    let (octave_s, level) = (band.octave_s(), f64::from(SWEEP_LEVEL.amplitude()));
    let rising = |part: f64| 0.5 - 0.5 * (PI * part.clamp(0.0, 1.0)).cos();
    let sample = |frame: usize| {
        let at_s = frame as f64 / hz;
        let turns = band.low_hz * octave_s * ((at_s / octave_s).exp() - 1.0);
        let fade = rising(at_s / FADE_IN_S) * rising((SWEEP_S - at_s) / FADE_OUT_S);
        (level * fade * (TAU * turns).sin()) as f32
    };
    (0..(SWEEP_S * hz) as usize).map(sample).collect()
}
