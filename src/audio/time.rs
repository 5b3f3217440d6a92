//! Time, in the two units that audio has: frames of a stream and nanoseconds
//! of the machine's monotonic clock. Nothing here reads a clock.
//!
//! Runs on: any thread. Never allocates, locks, logs or fails.

use std::{
    fmt,
    ops::{Add, AddAssign, Sub},
    time::Duration,
};

/// A sample rate in hertz, never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u32);

impl Rate {
    /// What the Live API hears best.
    pub const UPLINK: Self = Self(16_000);
    /// What the Live API speaks.
    pub const DOWNLINK: Self = Self(24_000);
    /// The lowest rate that a stage is prepared for.
    pub const MIN_HZ: u32 = 8_000;
    /// The highest rate that a stage is prepared for.
    pub const MAX_HZ: u32 = 192_000;

    /// A rate of `hz`; `None` outside 8,000 to 192,000.
    pub const fn new(hz: u32) -> Option<Self> {
        if hz >= Self::MIN_HZ && hz <= Self::MAX_HZ { Some(Self(hz)) } else { None }
    }

    /// In hertz.
    pub const fn hz(self) -> u32 {
        self.0
    }

    /// How many frames last `duration`, rounded to the nearest.
    pub const fn frames_in(self, duration: Nanos) -> u64 {
        let frames = (duration.0 as u128 * self.0 as u128 + 500_000_000) / 1_000_000_000;
        frames as u64
    }

    /// How many frames last `ms` milliseconds, rounded to the nearest.
    pub const fn frames_in_ms(self, ms: u32) -> usize {
        ((self.0 as u64 * ms as u64 + 500) / 1_000) as usize
    }

    /// How long `frames` last, rounded to the nearest nanosecond.
    pub const fn duration_of(self, frames: u64) -> Nanos {
        let hz = self.0 as u128;
        Nanos(((frames as u128 * 1_000_000_000 + hz / 2) / hz) as u64)
    }

    /// The most frames that 10 ms can hold: one more than the whole part where
    /// block lengths alternate, as 220 and 221 do at 22,050 Hz.
    pub const fn block_frames_max(self) -> usize {
        self.0.div_ceil(100) as usize
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A moment on, or a length of, the monotonic clock, in nanoseconds since an
/// origin that whoever runs the machines chose.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The origin, or no time at all.
    pub const ZERO: Self = Self(0);

    /// `ms` milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }

    /// `s` seconds.
    pub const fn from_secs(s: u64) -> Self {
        Self(s * 1_000_000_000)
    }

    /// In milliseconds.
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// In seconds.
    pub fn as_secs(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// `self - earlier`, or zero where `earlier` is later.
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(nanos: Nanos) -> Self {
        Self::from_nanos(nanos.0)
    }
}

impl Add for Nanos {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Nanos {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Nanos {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.since(other)
    }
}

impl fmt::Debug for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ms", self.as_ms())
    }
}

/// A position in a stream: frames at `rate` since the capture device opened,
/// counted where the sound was, at the microphone. Negative for what a stage's
/// latency puts before the first captured frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameTime {
    /// Which opening of the device: positions of two epochs do not compare.
    pub epoch: u32,
    /// Frames since that opening.
    pub frames: i64,
    /// The rate that `frames` counts in.
    pub rate: Rate,
}

impl FrameTime {
    /// The first frame of an epoch.
    pub const fn start(rate: Rate, epoch: u32) -> Self {
        Self { epoch, frames: 0, rate }
    }

    /// `frames` later, or earlier where negative.
    pub const fn plus(self, frames: i64) -> Self {
        Self { frames: self.frames + frames, ..self }
    }

    /// The same moment at another rate, rounded down to a whole frame.
    pub const fn at_rate(self, rate: Rate) -> Self {
        let frames = (self.frames as i128 * rate.0 as i128).div_euclid(self.rate.0 as i128);
        Self { epoch: self.epoch, frames: frames as i64, rate }
    }

    /// Seconds since the device opened.
    pub fn as_secs(self) -> f64 {
        self.frames as f64 / f64::from(self.rate.0)
    }

    /// Frames from `earlier` to this one; `None` across epochs or rates.
    pub fn frames_since(self, earlier: Self) -> Option<i64> {
        (self.epoch == earlier.epoch && self.rate == earlier.rate)
            .then(|| self.frames - earlier.frames)
    }
}

impl fmt::Debug for FrameTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4} s", self.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_converts_between_frames_and_time() {
        let rate = Rate::new(44_100).unwrap();
        assert_eq!(rate.frames_in(Nanos::from_ms(10)), 441);
        assert_eq!(rate.duration_of(44_100), Nanos::from_secs(1));
        assert_eq!(Rate::new(22_050).unwrap().block_frames_max(), 221);
        assert_eq!(Rate::new(7_999), None);
    }

    #[test]
    fn a_position_changes_rate_downwards_on_both_sides_of_zero() {
        let at = |frames| FrameTime { epoch: 0, frames, rate: Rate::new(48_000).unwrap() };
        assert_eq!(at(482).at_rate(Rate::UPLINK).frames, 160);
        assert_eq!(at(-1).at_rate(Rate::UPLINK).frames, -1);
    }

    #[test]
    fn positions_of_two_openings_do_not_compare() {
        let first = FrameTime::start(Rate::UPLINK, 0);
        let second = FrameTime::start(Rate::UPLINK, 1);
        assert_eq!(second.frames_since(first), None);
        assert_eq!(first.plus(5).frames_since(first), Some(5));
    }
}
