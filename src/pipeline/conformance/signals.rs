//! What stages are given to hear. All of it is the same on every run.

use std::f64::consts::TAU;

use crate::audio::Rate;

/// Both signals of a run, equally long.
#[derive(Clone, Debug)]
pub(super) struct Signal {
    pub(super) near: Vec<f32>,
    pub(super) far: Vec<f32>,
}

/// Xorshift, after Marsaglia 2003.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }

    /// 0 to `max`.
    pub(super) fn up_to(&mut self, max: usize) -> usize {
        self.bits() as usize % (max + 1)
    }

    /// -1 to 1.
    pub(super) fn sample(&mut self) -> f32 {
        self.bits() as f32 / (1u64 << 31) as f32 - 1.0
    }
}

/// Something like a voice, as a function of time: a dozen sines of 200 Hz to
/// `top_hz` that rise and fall four times a second, in -0.5 to 0.5.
pub(super) struct Voice {
    sines: Vec<(f64, f64)>,
}

impl Voice {
    const SINES: u32 = 12;

    pub(super) fn new(seed: u64, top_hz: f64) -> Self {
        let mut dice = Dice::new(seed);
        let mut unit = || f64::from(dice.bits()) / f64::from(u32::MAX);
        let sines = (0..Self::SINES).map(|_| (200.0 + unit() * (top_hz - 200.0), unit() * TAU));
        Self { sines: sines.collect() }
    }

    pub(super) fn at(&self, seconds: f64) -> f32 {
        if seconds < 0.0 {
            return 0.0;
        }
        let sum: f64 = self.sines.iter().map(|(hz, turn)| (TAU * hz * seconds + turn).sin()).sum();
        let swell = 0.6 + 0.4 * (TAU * 4.0 * seconds).sin();
        (sum * swell * 0.5 / f64::from(Self::SINES)) as f32
    }

    pub(super) fn frames(&self, rate: Rate, frames: usize) -> Vec<f32> {
        (0..frames).map(|i| self.at(i as f64 / f64::from(rate.hz()))).collect()
    }
}

/// Loud noise, near silence, voice: what makes stages decide.
pub(super) fn mixed(rate: Rate, seed: u64) -> Signal {
    let part = rate.frames_in_ms(130);
    let mut dice = Dice::new(seed);
    let mut noise = |level: f32| (0..part).map(|_| level * dice.sample()).collect::<Vec<_>>();
    let voice = |seed| Voice::new(seed, 0.4 * f64::from(rate.hz())).frames(rate, part);
    let near = [noise(0.0005), noise(0.9), noise(0.0005), voice(seed + 1), vec![0.0; part]];
    let far = [voice(seed + 2), noise(0.3), noise(0.001), vec![0.0; part], noise(0.5)];
    Signal { near: near.concat(), far: far.concat() }
}

/// What no microphone says, and what it should not: by name, 60 ms each.
pub(super) fn nasty(rate: Rate) -> Vec<(&'static str, Vec<f32>)> {
    let frames = rate.frames_in_ms(60);
    let mut dice = Dice::new(5);
    let made = |name, sample: &mut dyn FnMut(usize) -> f32| {
        (name, (0..frames).map(sample).collect::<Vec<_>>())
    };
    vec![
        made("NaN", &mut |_| f32::NAN),
        made("infinity", &mut |i| if i % 2 == 0 { f32::INFINITY } else { f32::NEG_INFINITY }),
        made("one NaN", &mut |i| if i == 100 { f32::NAN } else { 0.1 }),
        made("a constant 1", &mut |_| 1.0),
        made("a full-scale square", &mut |i| if i / 8 % 2 == 0 { 1.0 } else { -1.0 }),
        made("subnormals", &mut |i| f32::from_bits(1 + i as u32)),
        made("the greatest floats", &mut |i| if i % 3 == 0 { f32::MAX } else { f32::MIN }),
        made("random bits", &mut |_| f32::from_bits(dice.bits())),
    ]
}
