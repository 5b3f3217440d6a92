//! When a virtual device calls back: its rate, how far its crystal is off, how
//! late its callbacks come and how many frames each one has.

use super::seed::Seed;
use crate::audio::{Nanos, Rate};

/// How many frames the callbacks have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackSizes {
    /// Always as many.
    Fixed(usize),
    /// Any number from the first to the second, drawn anew for each.
    Drawn(usize, usize),
    /// These in turn, and again from the first.
    Listed(Vec<usize>),
}

/// One direction of a virtual device.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockSettings {
    /// The rate that the device says it has.
    pub rate: Rate,
    /// How much faster it really is, in parts per million.
    pub ppm: f64,
    /// A callback comes up to so much late.
    pub jitter: Nanos,
    /// Frames per callback.
    pub sizes: CallbackSizes,
}

impl ClockSettings {
    /// An exact clock with callbacks of `frames`.
    pub fn exact(rate: Rate, frames: usize) -> Self {
        Self { rate, ppm: 0.0, jitter: Nanos::ZERO, sizes: CallbackSizes::Fixed(frames) }
    }
}

/// The clock of one stream, which opens at time zero.
///
/// A microphone calls when the frames of the callback have been captured, a
/// speaker when those of the last callback have been played. Lateness never
/// adds up: each callback is late by itself.
#[derive(Clone, Debug)]
pub struct DeviceClock {
    settings: ClockSettings,
    seed: Seed,
    is_microphone: bool,
    callbacks: usize,
    frames_before: u64,
    frames: usize,
    at: Nanos,
}

impl DeviceClock {
    /// The clock of a microphone.
    pub fn microphone(settings: ClockSettings, seed: Seed) -> Self {
        Self::new(settings, seed, true)
    }

    /// The clock of a speaker.
    pub fn speaker(settings: ClockSettings, seed: Seed) -> Self {
        Self::new(settings, seed, false)
    }

    fn new(settings: ClockSettings, seed: Seed, is_microphone: bool) -> Self {
        let mut clock = Self {
            settings,
            seed,
            is_microphone,
            callbacks: 0,
            frames_before: 0,
            frames: 0,
            at: Nanos::ZERO,
        };
        clock.plan();
        clock
    }

    /// The rate that the device says it has.
    pub fn rate(&self) -> Rate {
        self.settings.rate
    }

    /// When the next callback comes.
    pub fn next_at(&self) -> Nanos {
        self.at
    }

    /// How many frames it has.
    pub fn next_frames(&self) -> usize {
        self.frames
    }

    /// Frames of all callbacks before the next one.
    pub fn frames_before(&self) -> u64 {
        self.frames_before
    }

    /// The next callback has come.
    pub fn advance(&mut self) {
        self.frames_before += self.frames as u64;
        self.callbacks += 1;
        self.plan();
    }

    /// No callback comes before `until`; then those that were due come at once.
    pub fn stall(&mut self, until: Nanos) {
        self.at = self.at.max(until);
    }

    /// When so many frames have passed, without lateness.
    pub fn time_of(&self, frames: u64) -> Nanos {
        Nanos((frames as f64 * 1e9 / self.true_hz()).round() as u64)
    }

    /// How many frames have passed at `at`, with their fraction.
    pub fn frames_at(&self, at: Nanos) -> f64 {
        at.as_secs() * self.true_hz()
    }

    /// Frames that really pass in a second.
    pub fn true_hz(&self) -> f64 {
        f64::from(self.settings.rate.hz()) * (1.0 + self.settings.ppm * 1e-6)
    }

    fn plan(&mut self) {
        self.frames = match &self.settings.sizes {
            CallbackSizes::Fixed(frames) => *frames,
            CallbackSizes::Drawn(least, most) => {
                least + self.seed.below((most.saturating_sub(*least) + 1) as u64) as usize
            }
            CallbackSizes::Listed(sizes) if sizes.is_empty() => 1,
            CallbackSizes::Listed(sizes) => sizes[self.callbacks % sizes.len()],
        }
        .max(1);
        let passed = if self.is_microphone { self.frames as u64 } else { 0 };
        let late = Nanos(self.seed.below(self.settings.jitter.0 + 1));
        self.at = self.at.max(self.time_of(self.frames_before + passed) + late);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate() -> Rate {
        Rate::new(48_000).unwrap()
    }

    fn calls(clock: &mut DeviceClock, count: usize) -> Vec<(f64, usize)> {
        let mut call = || {
            let call = (clock.next_at().as_ms(), clock.next_frames());
            clock.advance();
            call
        };
        (0..count).map(|_| call()).collect()
    }

    #[test]
    fn a_microphone_calls_after_its_frames_and_a_speaker_before() {
        let settings = ClockSettings {
            sizes: CallbackSizes::Listed(vec![480, 960]),
            ..ClockSettings::exact(rate(), 1)
        };
        let mut microphone = DeviceClock::microphone(settings.clone(), Seed::new(1));
        assert_eq!(calls(&mut microphone, 3), [(10.0, 480), (30.0, 960), (40.0, 480)]);
        let mut speaker = DeviceClock::speaker(settings, Seed::new(1));
        assert_eq!(calls(&mut speaker, 3), [(0.0, 480), (10.0, 960), (30.0, 480)]);
    }

    #[test]
    fn a_stalled_clock_calls_for_all_that_was_due_and_goes_on_in_time() {
        let mut clock = DeviceClock::microphone(ClockSettings::exact(rate(), 480), Seed::new(1));
        clock.stall(Nanos::from_ms(35));
        let times: Vec<f64> = calls(&mut clock, 5).into_iter().map(|(at, _)| at).collect();
        assert_eq!(times, [35.0, 35.0, 35.0, 40.0, 50.0]);
    }

    #[test]
    fn a_fast_crystal_calls_early_and_never_drifts_from_its_rate() {
        let settings = ClockSettings { ppm: 200.0, ..ClockSettings::exact(rate(), 480) };
        let mut clock = DeviceClock::microphone(settings, Seed::new(1));
        calls(&mut clock, 360_000 - 1);
        assert_eq!(clock.next_at(), Nanos((3_600e9 / 1.0002_f64).round() as u64));
    }

    #[test]
    fn lateness_is_bounded_and_callbacks_stay_in_order() {
        let jitter = Nanos::from_ms(15);
        let settings = ClockSettings {
            jitter,
            sizes: CallbackSizes::Drawn(1, 700),
            ..ClockSettings::exact(rate(), 1)
        };
        let mut clock = DeviceClock::microphone(settings.clone(), Seed::new(3));
        let mut before = Nanos::ZERO;
        for _ in 0..1_000 {
            let exact = clock.time_of(clock.frames_before() + clock.next_frames() as u64);
            assert!((1..=700).contains(&clock.next_frames()));
            assert!(clock.next_at() >= exact.max(before));
            assert!(clock.next_at() <= (exact + jitter).max(before));
            before = clock.next_at();
            clock.advance();
        }
        let again = calls(&mut DeviceClock::microphone(settings.clone(), Seed::new(3)), 50);
        assert_eq!(again, calls(&mut DeviceClock::microphone(settings, Seed::new(3)), 50));
    }
}
