//! The noise of a room: 3 dB less per octave, as wind, traffic and machines in
//! the next room are.

use crate::{audio::Dbfs, sim::seed::Seed};

/// Poles and gains of P. Kellet's economy filter for pink noise; the last pole
/// passes white noise as it is.
const POLES: [(f64, f64); 4] =
    [(0.99765, 0.0990460), (0.96300, 0.2965164), (0.57000, 1.0526913), (0.0, 0.1848)];

/// Pink noise of a level.
#[derive(Debug)]
pub(super) struct Noise {
    gain: f64,
    states: [f64; 4],
    seed: Seed,
}

impl Noise {
    /// Noise of an RMS level.
    pub(super) fn new(level: Dbfs, seed: Seed) -> Self {
        // The power of what the filter makes of white noise of unit power.
        let pairs = POLES.iter().flat_map(|a| POLES.iter().map(move |b| (a, b)));
        let power: f64 = pairs.map(|(a, b)| a.1 * b.1 / (1.0 - a.0 * b.0)).sum();
        // The RMS of a uniform draw from -1 to 1 is 1/√3.
        let gain = f64::from(level.amplitude()) * (3.0 / power).sqrt();
        Self { gain, states: [0.0; 4], seed }
    }

    pub(super) fn next(&mut self) -> f32 {
        let white = self.gain * (2.0 * self.seed.unit() - 1.0);
        let mut sum = 0.0;
        for (state, (pole, gain)) in self.states.iter_mut().zip(POLES) {
            *state = pole * *state + gain * white;
            sum += *state;
        }
        sum as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Biquad;

    #[test]
    fn it_has_its_level_and_as_much_power_in_each_octave() {
        let mut noise = Noise::new(Dbfs(-50.0), Seed::new(1));
        let sound: Vec<f32> = (0..320_000).map(|_| noise.next()).collect();
        assert!((Dbfs::rms_of(&sound).0 + 50.0).abs() < 0.5, "{:?}", Dbfs::rms_of(&sound));
        let octave = |centre: f64| {
            let mut band = Biquad::bandpass(centre, 1.4);
            let passed: Vec<f32> = sound.iter().map(|s| band.next(f64::from(*s)) as f32).collect();
            Dbfs::rms_of(&passed).0
        };
        let levels = [0.006, 0.012, 0.025, 0.05, 0.1].map(octave);
        assert!(levels.iter().all(|level| (level - levels[0]).abs() < 1.5), "{levels:?}");
    }
}
