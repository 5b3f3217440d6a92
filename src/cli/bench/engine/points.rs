//! Under which conditions conversations are held.

use super::super::{Asked, Device, LoadWish, Sweep};
use crate::config::Plan;

/// Thrown away at the start of each conversation, in seconds; of a short one half.
const WARM_S: f64 = 2.0;
/// How long one is measured: at the profile's own period and chunk, and at others.
const OWN_S: f64 = 16.0;
const SWEEP_S: f64 = 6.0;
/// Connecting and ending.
const AROUND_S: f64 = 0.5;

/// From a period that only the best machines keep to one that all do. Shorter
/// chunks than 10 ms there are none: a chunk ends where a block does.
const PERIODS_MS: [f64; 5] = [2.5, 5.0, 10.0, 20.0, 40.0];
const CHUNKS_MS: [u32; 5] = [10, 20, 40, 60, 100];

/// One conversation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Over the profile's own devices, not over a virtual card.
    pub(super) is_real: bool,
    /// Instead of the profile's.
    pub(super) period_ms: Option<f64>,
    /// Likewise.
    pub(super) chunk_ms: Option<u32>,
    /// With every core loaded.
    pub(super) is_busy: bool,
    pub(super) seconds: f64,
}

impl Point {
    /// At the period and the chunk of the profile.
    pub(super) fn is_own(&self) -> bool {
        self.period_ms.is_none() && self.chunk_ms.is_none()
    }

    /// Whether it is what the profile has anyway.
    pub(super) fn repeats(&self, plan: &Plan) -> bool {
        let device = &plan.device;
        let period_ms = f64::from(device.period_frames) * 1e3 / f64::from(plan.device_rate().hz());
        self.period_ms == Some(period_ms) || self.chunk_ms == Some(plan.link.chunk_ms)
    }

    /// From then on, in seconds, it counts.
    pub(super) fn warm_s(&self) -> f64 {
        WARM_S.min(self.seconds)
    }

    pub(super) fn expected_s(&self) -> f64 {
        self.warm_s() + self.seconds + AROUND_S
    }
}

/// All that are asked for.
pub(super) fn points(asked: &Asked) -> Vec<Point> {
    let loads: &[bool] = match asked.load {
        LoadWish::Idle => &[false],
        LoadWish::Busy => &[true],
        LoadWish::Both => &[false, true],
    };
    let devices: &[bool] = match asked.device {
        Some(Device::Card) => &[false],
        Some(Device::Real) => &[true],
        None if asked.is_usual => &[false],
        None => &[false, true],
    };
    let own = Point {
        is_real: false,
        period_ms: None,
        chunk_ms: None,
        is_busy: false,
        seconds: asked.seconds.unwrap_or(OWN_S),
    };
    let mut points = Vec::new();
    for is_real in devices {
        points.extend(loads.iter().map(|is_busy| Point {
            is_real: *is_real,
            is_busy: *is_busy,
            ..own
        }));
    }
    let usual = if asked.is_usual { Sweep::None } else { Sweep::All };
    let sweep = asked.sweep.unwrap_or(usual);
    let short = asked.seconds.map_or(SWEEP_S, |seconds| (seconds / 2.0).max(0.5));
    let other = Point { is_real: devices == [true], seconds: short, ..own };
    for is_busy in loads {
        let other = Point { is_busy: *is_busy, ..other };
        if matches!(sweep, Sweep::All | Sweep::Periods) {
            points.extend(PERIODS_MS.map(|ms| Point { period_ms: Some(ms), ..other }));
        }
        if matches!(sweep, Sweep::All | Sweep::Chunks) {
            points.extend(CHUNKS_MS.map(|ms| Point { chunk_ms: Some(ms), ..other }));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(is_usual: bool) -> Asked {
        Asked {
            parts: Vec::new(),
            is_usual,
            seconds: None,
            speech: Vec::new(),
            device: None,
            load: LoadWish::Both,
            sweep: None,
        }
    }

    #[test]
    fn the_short_set_is_the_virtual_card_at_the_profiles_own_period() {
        let points = points(&asked(true));
        assert_eq!(points.iter().map(|p| p.is_busy).collect::<Vec<_>>(), [false, true]);
        assert!(points.iter().all(|point| point.is_own() && !point.is_real));
        let seconds: f64 = points.iter().map(Point::expected_s).sum();
        assert!(seconds < 60.0, "{seconds}");
    }

    #[test]
    fn the_long_one_has_the_devices_and_every_period_and_chunk_idle_and_busy() {
        let asked = asked(false);
        let all = points(&asked);
        assert_eq!(all.len(), 2 * 2 + 2 * (PERIODS_MS.len() + CHUNKS_MS.len()));
        assert!(all.iter().filter(|point| !point.is_own()).all(|point| !point.is_real));
        let asked = Asked { device: Some(Device::Real), load: LoadWish::Idle, ..asked };
        assert!(points(&asked).iter().all(|point| point.is_real && !point.is_busy));
    }
}
