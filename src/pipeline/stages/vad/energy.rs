//! Louder than the noise floor, above the hum. The floor is the lowest level
//! of the last 3 s, since speech pauses more often than that.
//!
//! Source: R. Martin, "Noise power spectral density estimation based on optimal
//! smoothing and minimum statistics", 2001, here over the whole band.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::Engine;
use crate::audio::Dbfs;

/// 10 ms at 16 kHz.
const HOP_FRAMES: usize = 160;
/// One minimum is kept for each 100 ms.
const HOPS_PER_MINIMUM: usize = 10;
/// 3 s of them.
const MINIMA: usize = 30;
/// No room is quieter: what is under it does not lower the floor, so that the
/// first hiss after digital silence is not taken for a voice.
const FLOOR_MIN_DB: f32 = -65.0;
/// How much of the old level is kept from hop to hop.
const SMOOTHING: f32 = 0.7;
/// Pre-emphasis: fans and hum are deep, voices reach higher.
const EMPHASIS: f32 = 0.9;
/// How far from the margin the chance is 1 in 4 or 3 in 4, nearly.
const SLOPE_DB: f32 = 2.0;

pub(super) struct Energy {
    margin_db: f32,
    last_sample: f32,
    /// Smoothed; `None` before the first hop.
    power: Option<f32>,
    /// The lowest level of each past 100 ms; infinite where there was none.
    minima_db: [f32; MINIMA],
    newest: usize,
    hops: usize,
}

impl Energy {
    /// A voice is one chance in two `margin_db` over the floor.
    pub(super) fn new(margin_db: f32) -> Self {
        Self {
            margin_db,
            last_sample: 0.0,
            power: None,
            minima_db: [f32::INFINITY; MINIMA],
            newest: 0,
            hops: 0,
        }
    }
}

impl Engine for Energy {
    fn hop_frames(&self) -> usize {
        HOP_FRAMES
    }

    fn probability(&mut self, hop: &[f32]) -> f32 {
        let mut energy = 0.0;
        for &sample in hop {
            energy += (sample - EMPHASIS * self.last_sample).powi(2);
            self.last_sample = sample;
        }
        let newest = energy / hop.len() as f32;
        let last = self.power.unwrap_or(newest);
        // Under -200 dB it is zero, or it would linger as a subnormal.
        let power = SMOOTHING * last + (1.0 - SMOOTHING) * newest;
        self.power = Some(if power < 1e-20 { 0.0 } else { power });
        let level_db = Dbfs::of_amplitude(power.sqrt()).0.max(FLOOR_MIN_DB);
        if self.hops == HOPS_PER_MINIMUM {
            self.hops = 0;
            self.newest = (self.newest + 1) % MINIMA;
            self.minima_db[self.newest] = level_db;
        }
        self.hops += 1;
        let minimum = &mut self.minima_db[self.newest];
        *minimum = minimum.min(level_db);
        let floor_db = self.minima_db.iter().copied().fold(f32::INFINITY, f32::min);
        let over_db = level_db - floor_db - self.margin_db;
        1.0 / (1.0 + (-over_db / SLOPE_DB).exp())
    }

    fn reset(&mut self) {
        *self = Self::new(self.margin_db);
    }
}
