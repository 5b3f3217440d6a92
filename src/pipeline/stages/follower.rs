//! The peak of a signal, up at once and down slowly: dasp's envelope detector,
//! which settles to exactly zero.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use dasp_envelope::{Detector, detect::Peak};

use crate::audio::Rate;

/// Under -200 dBFS it is zero, or it would linger as subnormals.
const SETTLED: f32 = 1e-10;

/// Follows the peaks of one signal.
pub(super) struct Follower {
    detector: Detector<f32, Peak>,
    fresh: Detector<f32, Peak>,
}

impl Follower {
    /// Falls to 37 % of a past peak in `release_ms`.
    pub(super) fn new(release_ms: f32, rate: Rate) -> Self {
        let release_frames = release_ms * rate.hz() as f32 / 1_000.0;
        let fresh = Detector::peak(0.0, release_frames);
        Self { detector: fresh.clone(), fresh }
    }

    /// The peak with one more sample, which must be finite.
    pub(super) fn next(&mut self, sample: f32) -> f32 {
        let peak = self.detector.next(sample);
        if peak >= SETTLED {
            return peak;
        }
        self.reset();
        0.0
    }

    /// Back to silence.
    pub(super) fn reset(&mut self) {
        self.detector = self.fresh.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_at_once_falls_by_its_release_and_settles_to_zero() {
        let mut follower = Follower::new(10.0, Rate::UPLINK);
        assert_eq!(follower.next(-0.8), 0.8);
        let after_release = (0..160).map(|_| follower.next(0.0)).last().unwrap();
        assert!((after_release / 0.8 - 0.368).abs() < 0.001, "{after_release}");
        let settled = (0..16_000).map(|_| follower.next(0.0)).last().unwrap();
        assert_eq!(settled, 0.0);
    }
}
