//! What the microphone owes by the clock: a sound server that drops frames
//! before they reach us tells nobody.
//!
//! Lateness is the time of a call less the length of all frames so far. A call
//! is late by chance and never early, so the least lateness of a window creeps
//! with the card's clock and steps up where frames are missing. Where in the
//! window they are missing cannot be known: they are counted, not replaced.
//!
//! Runs on: capture callback. Never allocates, locks, logs or fails.

use crate::audio::{Nanos, Rate};

/// A window is at least so long …
const WINDOW: Nanos = Nanos::from_secs(1);
/// … and has so many calls that one of them was on time.
const CALLS_MIN: u32 = 32;
/// A card's clock drifts by at most a thousandth (1000 ppm) of the two windows
/// that are compared; what is more by 1 ms is a step.
const DRIFT_PARTS: i64 = 1_000;
const STEP_MIN: i64 = 1_000_000;

/// Compares the frames of a stream with the clock.
#[derive(Debug)]
pub(super) struct Arrears {
    rate: Rate,
    frames: u64,
    began: Option<Nanos>,
    calls: u32,
    /// The least lateness of this window; nanoseconds, as those below.
    least: i64,
    /// Of the window before this one: its least lateness, and its length.
    before: Option<(i64, i64)>,
    missing: i64,
}

impl Arrears {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, frames: 0, began: None, calls: 0, least: i64::MAX, before: None, missing: 0 }
    }

    /// So many frames were delivered at `now`. Returns how many are missing so
    /// far, up to 2 s late; fewer where what had seemed missing came after all.
    pub(super) fn deliver(&mut self, frames: usize, now: Nanos) -> u64 {
        let began = *self.began.get_or_insert(now);
        if self.calls >= CALLS_MIN && now.since(began) >= WINDOW {
            self.compare(now.since(began).0 as i64);
            self.began = Some(now);
        }
        self.frames += frames as u64;
        self.calls += 1;
        let lateness = now.0 as i64 - self.rate.duration_of(self.frames).0 as i64;
        self.least = self.least.min(lateness);
        self.rate.frames_in(Nanos(self.missing as u64))
    }

    fn compare(&mut self, length: i64) {
        let (least, length_before) = self.before.unwrap_or((self.least, 0));
        let step = self.least - least;
        let unsure = STEP_MIN + (length_before + length) / DRIFT_PARTS;
        if step.abs() > unsure {
            // What came after all came by a clock that had drifted on.
            let missing = self.missing + step;
            self.missing = if missing > unsure { missing } else { 0 };
        }
        self.before = Some((self.least, length));
        self.least = i64::MAX;
        self.calls = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    /// A card with a clock of its own, and a server between it and us.
    struct Card {
        arrears: Arrears,
        captured: u64,
        ppm: i64,
        offset: u64,
        missing: u64,
    }

    impl Card {
        fn new(hz: u32, ppm: i64) -> Self {
            let rate = Rate::new(hz).unwrap();
            Self { arrears: Arrears::new(rate), captured: 0, ppm, offset: 50 * MS, missing: 0 }
        }

        fn now(&self) -> u64 {
            let true_time = self.arrears.rate.duration_of(self.captured).0 as i64;
            self.offset + (true_time + true_time / 1_000_000 * self.ppm) as u64
        }

        fn capture(&mut self, frames: usize) {
            self.captured += frames as u64;
        }

        fn deliver(&mut self, frames: usize, late: u64) {
            self.missing = self.arrears.deliver(frames, Nanos(self.now() + late));
        }

        /// Blocks of these sizes, each late by less than 8 ms.
        fn run(&mut self, seconds: u64, sizes: &[usize], lateness: &[u64]) {
            let end = self.captured + seconds * u64::from(self.arrears.rate.hz());
            for (size, late) in sizes.iter().cycle().zip(lateness.iter().cycle()) {
                if self.captured >= end {
                    break;
                }
                self.capture(*size);
                self.deliver(*size, *late);
            }
        }
    }

    fn sizes() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(prop_oneof![1usize..50, 100usize..1_000], 1..40)
    }

    /// Now and then a call is on time, as on any machine that keeps up.
    fn lateness() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(0u64..20 * MS, 1..25).prop_map(|mut late| {
            late.push(0);
            late
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn nothing_is_missing_of_a_ragged_late_and_drifting_stream(
            sizes in sizes(), late in lateness(), ppm in -1_000i64..=1_000, long in any::<bool>(),
        ) {
            let mut card = Card::new(48_000, ppm);
            let sizes = if long { vec![8_192] } else { sizes };
            card.run(20, &sizes, &late);
            prop_assert_eq!(card.missing, 0);
        }

        #[test]
        fn blocks_that_the_server_dropped_are_missing(
            sizes in sizes(), late in lateness(), ppm in -1_000i64..=1_000,
            lost_ms in prop::collection::vec(5u64..400, 1..4),
        ) {
            let mut card = Card::new(48_000, ppm);
            card.run(4, &sizes, &late);
            for ms in &lost_ms {
                card.capture(*ms as usize * 48);
                card.run(5, &sizes, &late);
            }
            let lost = lost_ms.iter().sum::<u64>() * 48;
            // What the clock drifts within two windows is not told apart from it.
            let unsure = lost_ms.len() as u64 * 4 * 48;
            prop_assert!(card.missing.abs_diff(lost) <= unsure, "{} of {lost}", card.missing);
        }

        #[test]
        fn a_stop_after_which_all_comes_at_once_loses_nothing(
            stop_ms in 50usize..5_000, ppm in -1_000i64..=1_000, late in lateness(),
        ) {
            let mut card = Card::new(48_000, ppm);
            card.run(5, &[240], &late);
            card.capture(stop_ms * 48);
            for _ in 0..stop_ms / 5 {
                card.deliver(240, 0);
            }
            card.deliver(stop_ms % 5 * 48, 0);
            card.run(5, &[240], &late);
            prop_assert_eq!(card.missing, 0);
        }
    }

    #[test]
    fn what_a_suspended_device_did_not_capture_is_missing() {
        let mut card = Card::new(16_000, 0);
        card.run(3, &[160], &[0]);
        card.offset += 2_000 * MS;
        card.run(3, &[160], &[0]);
        assert_eq!(card.missing, 32_000);
    }

    /// Seen: 4 frames stayed missing, the drift between the two steps.
    #[test]
    fn a_stop_that_ends_within_a_window_leaves_no_rest() {
        let mut card = Card::new(48_000, 51);
        let late = [0, 4_949_255, 9_898_510, 0, 9_847_510, 0, 83, 2_659_768, 5_326_049, 19_714_440];
        card.run(5, &[240], &[&late[..], &[0]].concat());
        card.capture(1_020 * 48);
        for _ in 0..204 {
            card.deliver(240, 0);
        }
        card.run(5, &[240], &late);
        assert_eq!(card.missing, 0);
    }

    #[test]
    fn what_was_only_late_for_a_while_is_not_missing_in_the_end() {
        let mut card = Card::new(48_000, 0);
        card.run(3, &[480], &[0]);
        card.run(3, &[480], &[10 * MS]);
        assert_eq!(card.missing, 480);
        card.run(3, &[480], &[0]);
        assert_eq!(card.missing, 0);
    }
}
