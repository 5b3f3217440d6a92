//! chinwag's own canceller: a linear filter, and then a gain in each bin of the
//! spectrum that lowers what echo the filter left.
//!
//! While nobody but the loudspeaker is heard it is strict: what is left goes
//! under the noise of the room. When something is there that no echo explains,
//! loud enough and with harmonics of its own, it opens within 20 ms and lets
//! the user through with little harm; it closes 0.3 s after that.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

use super::{Canceller, Engine, HOP_FRAMES, Hop};
use crate::audio::{EchoHealth, Rate};

mod filter;
mod likeness;
mod residual;
mod spectra;
mod transform;
mod trust;

use filter::Filter;
use likeness::Likeness;
use residual::{Doubts, Powers, Residual};
use spectra::{Analysis, BINS, Bands, Bins, Spectrum, VOICE, WINDOW, banded};
use trust::Trust;

/// What no echo explains stands so far out of what one may be, in decibels,
/// the mean over the bands of a voice…
const SPOKEN_DB: f32 = 3.5;
/// …smoothed over 13 ms.
const SPOKEN_MEMORY: f32 = 0.7;
/// An echo may be so much more than expected: 5 dB…
const ECHO_MARGIN: f32 = 3.0;
/// …and noise so much more than usual: 6 dB.
const NOISE_MARGIN: f32 = 4.0;
/// Harmonics more alike than this are the loudspeaker's…
const ALIKE: f32 = 0.18;
/// …more than this, they stop what was taken for a voice…
const ALIKE_SURELY: f32 = 0.25;
/// …and more than this, the path has moved.
const MOVED: f32 = 0.3;
/// Less trust does not keep it open.
const TRUST_MIN: f32 = 0.5;
/// It stays open for 240 ms, opens by half in each hop, closes over 80 ms, and
/// over 12 ms where there is no trust.
const HOLD_HOPS: u32 = 60;
const OPENING: f32 = 0.5;
const CLOSING: f32 = 0.05;
const CLOSING_NOW: f32 = 0.3;
/// The far end is over when it fell to −70 dBFS, by 65 dB per second.
const FAR_OVER: f32 = 1e-7;
const FAR_DECAY: f32 = 0.985;
/// Of the echo that is left so many times are taken away, open and closed.
const TAKEN: (f32, f32) = (1.0, 8.0);
/// No bin is lowered further: 14 dB open, 45 dB closed, and 20 dB besides.
const FLOOR: (f32, f32) = (0.2, 0.0056);
const CLOSED: f32 = 0.1;
/// What is lowered stays 8 dB under the noise: a detector's idea of the noise
/// must not sink while the model speaks.
const UNDER_NOISE: f32 = 0.16;
/// How a gain follows its bin (Ephraim and Malah's decision-directed estimate,
/// IEEE Trans. ASSP 32, 1984).
const GAIN_MEMORY: f32 = 0.9;
const OVER_MAX: f32 = 1e3;
const TINY: f32 = 1e-12;
/// Levels for the echo's health: a memory of 0.4 s.
const HEALTH_MEMORY: f32 = 0.99;

pub(super) const ENGINE: Engine =
    Engine { make: || Box::new(Kalman::new()), latency_frames: WINDOW - HOP_FRAMES, allocates: 0 };

struct Kalman {
    filter: Filter,
    analysis: Analysis,
    heard: Heard,
}

/// What is known of the sound so far.
struct Heard {
    residual: Spectrum,
    echo: Spectrum,
    far: Spectrum,
    trust: Trust,
    likeness: Likeness,
    left: Residual,
    /// The loudest far end of late.
    far_power: f32,
    /// Far end, microphone and what was given, while only the far end is heard.
    levels: [f32; 3],
    spoken_db: f32,
    alike: f32,
    /// 0 closed, 1 open.
    open: f32,
    hold_hops: u32,
    gain: Bins,
    over: Bins,
}

impl Kalman {
    /// Allocates.
    fn new() -> Self {
        Self { filter: Filter::new(), analysis: Analysis::new(), heard: Heard::new() }
    }
}

impl Canceller for Kalman {
    fn cancel(&mut self, near: &mut Hop, far: &Hop) {
        let mut echo = self.filter.echo(far);
        // A microphone that is switched off says nothing about the room.
        if near.iter().all(|sample| *sample == 0.0) {
            echo = [0.0; HOP_FRAMES];
        }
        let residual = std::array::from_fn(|i| near[i] - echo[i]);
        self.filter.adapt(&residual);
        let heard = &mut self.heard;
        self.analysis.take(&residual, &mut heard.residual);
        self.analysis.take(&echo, &mut heard.echo);
        self.analysis.take(far, &mut heard.far);
        heard.far_power = mean_square(far).max(FAR_DECAY * heard.far_power);
        if heard.judge() {
            self.filter.doubt();
        }
        heard.lower();
        let given = self.analysis.give(&heard.residual.re, &heard.residual.im);
        heard.follow_levels([far, near, &given].map(mean_square));
        *near = given;
    }

    fn health(&self) -> Option<EchoHealth> {
        let heard = &self.heard;
        let [far, microphone, given] = heard.levels;
        let db = |a: f32, b: f32| 10.0 * ((a + TINY) / (b + TINY)).log10();
        heard.is_far_active().then(|| EchoHealth {
            return_loss_db: db(far, microphone),
            enhancement_db: db(microphone, given),
            trust: heard.trust.value,
            delay_ms: 1e3 * self.filter.delay_frames() as f32 / Rate::UPLINK.hz() as f32,
        })
    }

    fn reset(&mut self) {
        self.filter.reset();
        self.analysis.reset();
        self.heard = Heard::new();
    }
}

fn mean_square(hop: &Hop) -> f32 {
    hop.iter().map(|sample| sample * sample).sum::<f32>() / HOP_FRAMES as f32
}

impl Heard {
    fn new() -> Self {
        Self {
            residual: Spectrum::new(),
            echo: Spectrum::new(),
            far: Spectrum::new(),
            trust: Trust::new(),
            likeness: Likeness::new(),
            left: Residual::new(),
            far_power: 0.0,
            levels: [0.0; 3],
            spoken_db: 0.0,
            alike: 0.0,
            open: 0.0,
            hold_hops: 0,
            gain: [1.0; BINS],
            over: [1.0; BINS],
        }
    }

    fn is_far_active(&self) -> bool {
        self.far_power > FAR_OVER
    }

    /// Finds out whether somebody speaks, and how much echo is left. Returns
    /// whether the path seems to have moved.
    fn judge(&mut self) -> bool {
        let powers = Powers {
            residual: banded(&self.residual.power),
            echo: banded(&self.echo.power),
            far: banded(&self.far.power),
        };
        self.left.hear(&self.residual.power, &self.echo.power, &powers.far);
        let left = &self.left;
        self.trust.hear(&self.residual, &self.echo, |band| left.is_active(band));
        let (noise, ringing) = (banded(&left.noise), banded(&left.ringing));
        let doubts = Doubts {
            is_spoken: self.spoken_db > SPOKEN_DB,
            is_open: self.open > 0.5,
            trust: self.trust.value,
        };
        self.left.learn(&powers, &noise, &ringing, doubts);
        let unexplained_db = self.unexplained_db(&powers.residual, &noise, &ringing);
        self.spoken_db += (1.0 - SPOKEN_MEMORY) * (unexplained_db - self.spoken_db);
        self.alike = self.likeness.hear(&self.residual.power, &self.echo.power);
        self.decide();
        self.spoken_db > SPOKEN_DB && self.alike > MOVED
    }

    /// How far the residual stands out of what echo and noise may be.
    fn unexplained_db(&self, residual: &Bands, noise: &Bands, ringing: &Bands) -> f32 {
        let echo = self.left.banded(ringing);
        let out = VOICE.map(|band| {
            let usual = ECHO_MARGIN * echo[band] + NOISE_MARGIN * noise[band];
            let over: f32 = residual[band] / (usual + TINY);
            (10.0 * over.log10()).clamp(0.0, 15.0)
        });
        out.sum::<f32>() / VOICE.len() as f32
    }

    fn decide(&mut self) {
        let spoken = self.spoken_db > SPOKEN_DB;
        let trusted = self.trust.value >= TRUST_MIN;
        self.hold_hops = if !self.is_far_active() || (spoken && self.alike <= ALIKE) {
            HOLD_HOPS
        } else if (spoken && self.alike > ALIKE_SURELY) || !(spoken || trusted) {
            0
        } else {
            self.hold_hops.saturating_sub(1)
        };
        let (target, speed) = match self.hold_hops {
            0 if trusted => (0.0, CLOSING),
            0 => (0.0, CLOSING_NOW),
            _ => (1.0, OPENING),
        };
        self.open += speed * (target - self.open);
    }

    /// Lowers each bin of the residual by the echo that is left in it.
    fn lower(&mut self) {
        let left = self.left.in_bins();
        let between = |(open, closed): (f32, f32)| open * self.open + closed * (1.0 - self.open);
        let (taken, floor) = (between(TAKEN), between(FLOOR));
        let closed = CLOSED.powf(1.0 - self.open);
        let is_far_active = self.is_far_active();
        for (k, left) in left.iter().enumerate() {
            let power = self.residual.power[k];
            let over = power / (taken * left + TINY);
            let before = self.gain[k] * self.gain[k] * self.over[k];
            let snr = GAIN_MEMORY * before + (1.0 - GAIN_MEMORY) * (over - 1.0).max(0.0);
            self.over[k] = over.min(OVER_MAX);
            self.gain[k] = snr / (1.0 + snr);
            if is_far_active {
                let audible = (UNDER_NOISE * self.left.noise[k] / (power + TINY)).sqrt().min(1.0);
                let gain = (self.gain[k].max(floor) * closed).max(audible);
                self.residual.re[k] *= gain;
                self.residual.im[k] *= gain;
            }
        }
    }

    fn follow_levels(&mut self, now: [f32; 3]) {
        if self.is_far_active() && self.open < 0.5 {
            for (level, now) in self.levels.iter_mut().zip(now) {
                *level += (1.0 - HEALTH_MEMORY) * (now - *level);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::tests::{noise, voice},
        *,
    };

    const HOPS: usize = 40;

    /// 160 ms of one kind of sound.
    fn sound(kind: u8, level: f32, seed: u32) -> Vec<f32> {
        let frames = HOPS * HOP_FRAMES;
        let sound = match kind {
            0 => vec![0.0; frames],
            1 => vec![1.0; frames],
            2 => (0..frames).map(|i| if i / 20 % 2 == 0 { 1.0 } else { -1.0 }).collect(),
            3 => (0..frames).map(|i| if i % 999 == 0 { 1.0 } else { 0.0 }).collect(),
            4 => voice(frames, 80.0 + (seed % 200) as f32),
            _ => noise(frames, seed),
        };
        sound.iter().map(|sample| (level * sample).clamp(-1.0, 1.0)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn nothing_is_raised_and_the_sound_stays_bounded_whatever_comes(
            parts in prop::collection::vec((0u8..6, 0u8..6, 0f32..2.0, 0f32..2.0, any::<u32>()), 1..24),
        ) {
            let mut canceller = Kalman::new();
            for (near, far, near_level, far_level, seed) in parts {
                let near = sound(near, near_level, seed);
                let far = sound(far, far_level, seed ^ 1);
                for (near, far) in near.chunks_exact(HOP_FRAMES).zip(far.chunks_exact(HOP_FRAMES)) {
                    let mut hop: Hop = near.try_into().unwrap();
                    canceller.cancel(&mut hop, far.try_into().unwrap());
                    prop_assert!(hop.iter().all(|sample| sample.abs() < 4.0), "{hop:?}");
                    let heard = &canceller.heard;
                    prop_assert!(heard.gain.iter().all(|gain| (0.0..=1.0).contains(gain)));
                    prop_assert!((0.0..=1.0).contains(&heard.open));
                    prop_assert!((0.0..=1.0).contains(&heard.trust.value));
                }
            }
        }
    }
}
