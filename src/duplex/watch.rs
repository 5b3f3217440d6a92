//! Whether the callbacks are alive: a dead sound server may give no error at
//! all, so silence of the callbacks is what decides.
//!
//! Runs on: any thread. Never allocates, locks, logs or fails.

use crate::audio::{Nanos, Rate};

/// A stream is dead when its callback has not come for so many periods …
const PERIODS: u64 = 4;
/// … and for at least so long.
const SILENCE_MIN: Nanos = Nanos::from_ms(250);
/// A stream that never called is given so long to begin.
const START_MAX: Nanos = Nanos::from_secs(3);

/// What the watch thinks of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// It has not called yet, and may still begin.
    Starting,
    /// It calls.
    Alive,
    /// It never began, or stopped.
    Dead,
}

/// Watches the heartbeats of one stream's callback.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    opened_at: Nanos,
    silence_max: Nanos,
}

impl Watch {
    /// Watches a stream opened at `now` whose callbacks take `period_frames`.
    pub fn new(now: Nanos, period_frames: usize, rate: Rate) -> Self {
        let periods = rate.duration_of(PERIODS * period_frames as u64);
        Self { opened_at: now, silence_max: periods.max(SILENCE_MIN) }
    }

    /// Judges by the number of calls and the time of the last one.
    pub fn judge(&self, now: Nanos, callbacks: u64, last_call_at: Nanos) -> Pulse {
        if callbacks == 0 {
            let waited = now.since(self.opened_at);
            return if waited > START_MAX { Pulse::Dead } else { Pulse::Starting };
        }
        if now.since(last_call_at) > self.silence_max { Pulse::Dead } else { Pulse::Alive }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_dead_after_four_periods_and_a_quarter_second() {
        let rate = Rate::new(48_000).unwrap();
        let short = Watch::new(Nanos::ZERO, 480, rate);
        let last = Nanos::from_secs(5);
        assert_eq!(short.judge(last + Nanos::from_ms(250), 9, last), Pulse::Alive);
        assert_eq!(short.judge(last + Nanos::from_ms(251), 9, last), Pulse::Dead);
        let long = Watch::new(Nanos::ZERO, 8_192, rate);
        assert_eq!(long.judge(last + Nanos::from_ms(600), 9, last), Pulse::Alive);
        assert_eq!(long.judge(last + Nanos::from_ms(700), 9, last), Pulse::Dead);
    }

    #[test]
    fn a_stream_may_take_three_seconds_to_begin() {
        let watch = Watch::new(Nanos::from_secs(1), 480, Rate::UPLINK);
        assert_eq!(watch.judge(Nanos::from_secs(4), 0, Nanos::ZERO), Pulse::Starting);
        assert_eq!(watch.judge(Nanos::from_secs(5), 0, Nanos::ZERO), Pulse::Dead);
    }
}
