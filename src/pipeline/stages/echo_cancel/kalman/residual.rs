//! How much echo is still in what the filter left: a loudspeaker is not linear,
//! a room rings longer than the filter, and a path moves.
//!
//! Where the filter is trusted, the remaining echo follows the echo that it
//! expects: by the usual ratio of the two, or by how their powers vary
//! together, which no voice of its own disturbs. Where it is not, it follows
//! the far end itself by the usual loudness of the echo, and until that is
//! known by a loud one: no trust, no echo.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::spectra::{BANDS, BINS, Bands, Bins, bands};

/// Power of a band of the far end from which it may be heard.
const FAR_ACTIVE: f32 = 1e-5;
/// A hop's far end can be heard so much longer: 27 dB per second.
const FAR_DECAY: f32 = 0.975;
/// A hop's expected echo rings on: 60 dB in a quarter of a second.
const ECHO_DECAY: f32 = 0.8;
/// Echoes stand out so far of the noise before they are learnt from: 6 dB.
const OVER_NOISE: f32 = 4.0;
/// The noise: falls over 40 ms, rises by 1 dB per second.
const NOISE_FALL: f32 = 0.1;
const NOISE_RISE: f32 = 1.001;
const NOISE_MIN: f32 = 1e-11;
/// The ratio of what is left to the echo rises over 1.3 s, falls over 0.4 s…
const RATIO_RISE: f32 = 0.003;
const RATIO_FALL: f32 = 0.01;
/// …and more slowly while somebody seems to speak.
const RATIO_SPOKEN: f32 = 0.25;
/// Powers that vary together are watched over 400 ms.
const VARIES_MEMORY: f32 = 0.99;
const VARIES_WEIGHT: f32 = 0.5;
/// The echo's loudness over the far end, before it is known: 15 dB…
const LOUDNESS_FIRST: f32 = 31.6;
/// …and how it is followed, in decibels per hop: a part of the distance, and
/// at most so much: up by 50 dB per second, down by 20.
const LOUDNESS_RISE: (f32, f32) = (0.03, 0.2);
const LOUDNESS_FALL: (f32, f32) = (0.01, 0.08);
const TINY: f32 = 1e-12;

/// How the powers of two signals vary, and vary together, in one band.
#[derive(Clone, Copy, Default)]
struct Varies {
    mean: [f32; 2],
    own: f32,
    shared: f32,
}

impl Varies {
    /// The slope of the first over the second.
    fn slope(&mut self, now: [f32; 2]) -> f32 {
        let step = 1.0 - VARIES_MEMORY;
        let off: [f32; 2] = std::array::from_fn(|i| {
            self.mean[i] += step * (now[i] - self.mean[i]);
            now[i] - self.mean[i]
        });
        self.shared += step * (off[0] * off[1] - self.shared);
        self.own += step * (off[1] * off[1] - self.own);
        (self.shared / (self.own + 1e-14)).clamp(0.001, 1.5)
    }
}

/// What a hop is judged by, per band.
pub(super) struct Powers {
    pub(super) residual: Bands,
    pub(super) echo: Bands,
    pub(super) far: Bands,
}

/// What keeps a hop from being learnt from as it is.
#[derive(Clone, Copy)]
pub(super) struct Doubts {
    /// Somebody seems to speak…
    pub(super) is_spoken: bool,
    /// …and it was believed.
    pub(super) is_open: bool,
    /// In the filter, 0 to 1.
    pub(super) trust: f32,
}

/// Estimates the echo that is left.
pub(super) struct Residual {
    /// The loudest far end of late.
    far: Bands,
    /// The echo that is expected, as it rings on.
    pub(super) ringing: Bins,
    smooth: Bins,
    /// The power of what is always there.
    pub(super) noise: Bins,
    ratio: Bands,
    slope: Bands,
    varies: [Varies; BANDS],
    /// The echo's over the far end's power.
    loudness: Bands,
    /// Of the ringing echo, what is left; 0.03 is −15 dB.
    left: Bands,
    /// Beside that, by the far end.
    beside: Bands,
}

impl Residual {
    pub(super) fn new() -> Self {
        Self {
            far: [0.0; BANDS],
            ringing: [0.0; BINS],
            smooth: [0.0; BINS],
            noise: [1e-6; BINS],
            ratio: [0.3; BANDS],
            slope: [0.3; BANDS],
            varies: [Varies::default(); BANDS],
            loudness: [LOUDNESS_FIRST; BANDS],
            left: [0.3; BANDS],
            beside: [0.0; BANDS],
        }
    }

    /// Whether the loudspeaker can be heard in a band.
    pub(super) fn is_active(&self, band: usize) -> bool {
        self.far[band] > FAR_ACTIVE
    }

    /// Takes a hop's spectra.
    pub(super) fn hear(&mut self, residual: &Bins, echo: &Bins, far: &Bands) {
        for (loudest, now) in self.far.iter_mut().zip(far) {
            *loudest = now.max(*loudest * FAR_DECAY);
        }
        for k in 0..BINS {
            let (below, above) = (echo[k.saturating_sub(1)], echo[(k + 1).min(BINS - 1)]);
            let spread = 0.25 * (below + 2.0 * echo[k] + above);
            self.ringing[k] = spread.max(ECHO_DECAY * self.ringing[k]);
            let smooth = &mut self.smooth[k];
            *smooth += 0.2 * (residual[k] - *smooth);
            let noise = &mut self.noise[k];
            *noise = if *smooth < *noise {
                *noise + NOISE_FALL * (*smooth - *noise)
            } else {
                smooth.min(*noise * NOISE_RISE)
            };
            *noise = noise.max(NOISE_MIN);
        }
    }

    /// Learns from a hop: its powers, the noise's and the ringing echo's.
    pub(super) fn learn(
        &mut self,
        powers: &Powers,
        noise: &Bands,
        ringing: &Bands,
        doubts: Doubts,
    ) {
        let Doubts { is_spoken, is_open, trust } = doubts;
        for band in 0..BANDS {
            let (left, echo) = (powers.residual[band], powers.echo[band]);
            if self.is_active(band) {
                let heard = if trust > 0.5 { echo } else { left };
                self.follow_loudness(band, heard, is_open);
            }
            if ringing[band] > OVER_NOISE * noise[band] {
                self.slope[band] = self.varies[band].slope([left, ringing[band]]);
                let ratio = (left / (ringing[band] + TINY)).clamp(1e-4, 2.0);
                let speed = if ratio > self.ratio[band] { RATIO_RISE } else { RATIO_FALL };
                let speed = if is_spoken { RATIO_SPOKEN * speed } else { speed };
                self.ratio[band] *= (ratio / self.ratio[band]).powf(speed);
            }
            self.left[band] = self.ratio[band].max(VARIES_WEIGHT * self.slope[band]);
            self.beside[band] = (1.0 - trust) * self.loudness[band] * self.far[band];
        }
    }

    fn follow_loudness(&mut self, band: usize, heard: f32, is_open: bool) {
        let loudness = &mut self.loudness[band];
        let now = (heard / (self.far[band] + TINY)).clamp(1e-5, 30.0);
        let off_db = 10.0 * (now / *loudness).log10();
        let step_db = if off_db > 0.0 {
            (LOUDNESS_RISE.0 * off_db).min(LOUDNESS_RISE.1)
        } else {
            (LOUDNESS_FALL.0 * off_db).max(-LOUDNESS_FALL.1)
        };
        let step_db = if is_open { 0.1 * step_db } else { step_db };
        *loudness *= 10f32.powf(0.1 * step_db);
    }

    /// Per band, the echo that is left where the filter is trusted, and what the
    /// far end may have left where it is not.
    pub(super) fn banded(&self, ringing: &Bands) -> Bands {
        std::array::from_fn(|band| self.left[band] * ringing[band] + self.beside[band])
    }

    /// The same in each bin.
    pub(super) fn in_bins(&self) -> Bins {
        let mut bins = [0.0; BINS];
        for (band, range) in bands().enumerate() {
            let beside = self.beside[band] / range.len() as f32;
            for k in range {
                bins[k] = self.left[band] * self.ringing[k] + beside;
            }
        }
        bins
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{HOP_FRAMES, spectra::banded},
        *,
    };
    use crate::audio::Rate;

    const SURE: Doubts = Doubts { is_spoken: false, is_open: false, trust: 1.0 };
    const SPOKEN: Doubts = Doubts { is_spoken: true, is_open: true, trust: 1.0 };
    const UNSURE: Doubts = Doubts { is_spoken: false, is_open: false, trust: 0.0 };

    fn hops(secs: f32) -> usize {
        (secs * Rate::UPLINK.hz() as f32) as usize / HOP_FRAMES
    }

    /// Hears so many hops of the same powers in each bin: residual, echo and
    /// far end.
    fn hear(found: &mut Residual, hops: usize, powers: [f32; 3], doubts: Doubts) {
        let [residual, echo, far] = powers.map(|power| [power; BINS]);
        let far = banded(&far);
        for _ in 0..hops {
            found.hear(&residual, &echo, &far);
            let powers = Powers { residual: banded(&residual), echo: banded(&echo), far };
            let (noise, ringing) = (banded(&found.noise), banded(&found.ringing));
            found.learn(&powers, &noise, &ringing, doubts);
        }
    }

    fn off_db(a: f32, b: f32) -> f32 {
        (10.0 * (a / b).log10()).abs()
    }

    #[test]
    fn the_noise_sinks_at_once_and_rises_slowly() {
        let mut found = Residual::new();
        hear(&mut found, hops(0.5), [1e-8, 0.0, 0.0], SURE);
        assert!(found.noise.iter().all(|noise| off_db(*noise, 1e-8) < 0.5), "{:?}", found.noise);
        // 1 dB in a second, whatever is heard.
        hear(&mut found, hops(1.0), [1e-3, 0.0, 0.0], SURE);
        assert!(found.noise.iter().all(|noise| off_db(*noise, 1.3e-8) < 0.5), "{:?}", found.noise);
    }

    #[test]
    fn the_loudness_of_the_echo_is_found_and_covers_it_where_the_filter_is_not_trusted() {
        let far = 1e-3;
        for echo_db in [-20.0, 0.0, 6.0] {
            let echo = far * 10f32.powf(0.1 * echo_db);
            let mut found = Residual::new();
            // Before anything is known an echo may be loud.
            hear(&mut found, 1, [echo, 0.0, far], UNSURE);
            assert!(found.in_bins()[40] > echo);
            hear(&mut found, hops(3.0), [echo, 0.0, far], UNSURE);
            let left = found.in_bins();
            assert!(left.iter().all(|left| off_db(*left, echo) < 1.5), "{echo_db} dB: {left:?}");
        }
    }

    #[test]
    fn what_is_left_of_the_echo_is_found_where_the_filter_is_trusted() {
        let echo = 1e-4;
        // Syllables of 80 ms, −20 dB of them left, and so much of a user.
        let speak = |found: &mut Residual, secs: f32, user: f32, doubts: Doubts| {
            for syllable in 0..hops(secs) / 20 {
                let echo = if syllable % 2 == 0 { echo } else { 0.25 * echo };
                hear(found, 20, [0.01 * echo + user, echo, 10.0 * echo], doubts);
            }
        };
        let mut found = Residual::new();
        speak(&mut found, 5.04, 0.0, SURE);
        let left = found.in_bins();
        assert!(left.iter().all(|left| off_db(*left, 0.01 * echo) < 2.0), "{left:?}");
        // A user ten times as loud as that, for half a second, changes little.
        let before = left[40];
        speak(&mut found, 0.56, 0.1 * echo, SPOKEN);
        let after = found.in_bins()[40];
        assert!(off_db(after, before) < 2.0, "{before} became {after}");
    }
}
