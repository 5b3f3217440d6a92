//! Streams with a skew, late and ragged calls, and what the line says of them.

use super::*;

/// Calls of `size` frames of a 48 kHz stream; `late` in ns by call number.
struct Stream {
    ticker: Ticker,
    readings: Reader<Reading>,
    pace: Pace,
    ppm: f64,
    frames: u64,
    calls: u64,
    /// Nanoseconds that it is later than it began.
    shifted: f64,
}

const HZ: f64 = 48_000.0;

impl Stream {
    fn new(ppm: f64) -> Self {
        let rate = Rate::new(48_000).unwrap();
        let (ticker, readings) = ticker(rate);
        Self { ticker, readings, pace: Pace::new(rate), ppm, frames: 0, calls: 0, shifted: 1e9 }
    }

    fn true_time(&self, frames: u64) -> f64 {
        self.shifted + frames as f64 / (HZ * (1.0 + self.ppm * 1e-6)) * 1e9
    }

    fn run(&mut self, seconds: f64, size: u64, late: impl Fn(u64) -> f64) {
        let end = self.frames + (seconds * HZ) as u64;
        while self.frames < end {
            self.frames += size;
            self.calls += 1;
            let at = self.true_time(self.frames) + late(self.calls);
            self.ticker.tick(self.frames, Nanos(at as u64));
            self.pace.follow(&mut self.readings);
        }
    }

    fn error_ms(&self) -> f64 {
        let newest = self.frames as f64;
        (self.pace.time_of(newest).unwrap() - self.true_time(self.frames)) / 1e6
    }

    fn error_ppm(&self) -> f64 {
        (1.0 / self.pace.second() - 1.0) * 1e6 - self.ppm
    }
}

fn up_to(ms: f64) -> impl Fn(u64) -> f64 {
    move |call| {
        (call.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / (1 << 24) as f64 * ms * 1e6
    }
}

#[test]
fn the_skew_is_known_within_a_few_ppm_after_20_s_of_calls_up_to_10_ms_late() {
    for ppm in [-500.0, -20.0, 0.0, 100.0, 500.0] {
        let mut stream = Stream::new(ppm);
        stream.run(20.0, 480, up_to(10.0));
        let (ppm_off, ms_off) = (stream.error_ppm(), stream.error_ms());
        assert!(
            ppm_off.abs() < 4.0 && ms_off.abs() < 0.1,
            "{ppm}: {ppm_off:.1} ppm, {ms_off:.3} ms"
        );
    }
}

#[test]
fn a_frame_and_its_time_are_inverse() {
    let mut stream = Stream::new(250.0);
    stream.run(10.0, 480, up_to(1.0));
    for frames in [-500.0, 0.25, 480_000.5, 1e9] {
        let back = stream.pace.frames_at(stream.pace.time_of(frames).unwrap()).unwrap();
        assert!((back - frames).abs() < 1e-3, "{frames}: {back}");
    }
}

#[test]
fn a_server_that_hands_over_by_the_block_is_as_early_as_the_last_of_each() {
    let mut stream = Stream::new(80.0);
    // Four calls at the moment of the last.
    stream.run(20.0, 480, |call| (3 - (call - 1) % 4) as f64 * 10e6);
    assert!(stream.error_ms().abs() < 0.05 && stream.error_ppm().abs() < 1.0);
    assert!((stream.pace.lateness() - 30e6).abs() < 0.1e6, "{}", stream.pace.lateness());
}

#[test]
fn a_stall_is_forgotten_and_not_expected_again() {
    let mut stream = Stream::new(0.0);
    stream.run(20.0, 480, up_to(1.0));
    let calls = stream.calls;
    // 200 ms in which nothing comes, then all at once.
    stream.run(0.2, 480, |call| (20 - (call - calls)) as f64 * 10e6);
    assert!(stream.error_ms().abs() < 0.05, "{}", stream.error_ms());
    stream.run(5.0, 480, up_to(1.0));
    assert!(stream.error_ms().abs() < 0.05 && stream.pace.lateness() < 1.1e6);
}

#[test]
fn time_that_was_lost_moves_the_line_and_leaves_the_skew() {
    for lost_ms in [-30.0, 4.0, 64.0, 10_000.0] {
        let mut stream = Stream::new(120.0);
        stream.run(20.0, 480, up_to(2.0));
        stream.shifted += lost_ms * 1e6;
        stream.run(if lost_ms > 0.0 { 2.1 } else { 3.6 }, 480, up_to(2.0));
        let (ppm_off, ms_off) = (stream.error_ppm(), stream.error_ms());
        assert!(
            ms_off.abs() < 0.3 && ppm_off.abs() < 10.0,
            "{lost_ms}: {ppm_off:.1} ppm, {ms_off:.3} ms"
        );
        stream.run(20.0, 480, up_to(2.0));
        let (ppm_off, ms_off) = (stream.error_ppm(), stream.error_ms());
        assert!(
            ms_off.abs() < 0.1 && ppm_off.abs() < 4.0,
            "{lost_ms}: {ppm_off:.1} ppm, {ms_off:.3} ms"
        );
    }
}

#[test]
fn a_server_that_asks_a_block_too_early_for_half_a_second_moves_nothing() {
    let mut stream = Stream::new(-200.0);
    // As seen: the first call 10 ms late, the fifth 5 ms early, and every 12 s
    // more than half of the calls of 0.56 s.
    let early = |call: u64| match call {
        1 => 10e6,
        5 => -5e6,
        _ if call % 1_200 < 56 && call > 1_000 && call % 5 < 3 => -4.9e6,
        _ => 0.0,
    };
    stream.run(3.5, 480, early);
    for _ in 0..60 {
        stream.run(1.0, 480, early);
        let (ppm_off, ms_off) = (stream.error_ppm(), stream.error_ms());
        assert!(ms_off.abs() < 0.1 && ppm_off.abs() < 4.0, "{ppm_off:.1} ppm, {ms_off:.3} ms");
    }
}

#[test]
fn what_a_device_did_while_it_began_is_forgotten() {
    let mut stream = Stream::new(50.0);
    stream.shifted += 300e6;
    stream.run(1.3, 480, up_to(1.0));
    stream.shifted -= 300e6;
    stream.run(5.0, 480, up_to(1.0));
    let (ppm_off, ms_off) = (stream.error_ppm(), stream.error_ms());
    assert!(ms_off.abs() < 0.1 && ppm_off.abs() < 30.0, "{ppm_off:.1} ppm, {ms_off:.3} ms");
}

#[test]
fn a_clock_that_stands_still_does_no_harm() {
    let mut stream = Stream::new(0.0);
    for call in 1..5_000 {
        stream.ticker.tick(call * 480, Nanos::ZERO);
        stream.pace.follow(&mut stream.readings);
    }
    assert!(stream.pace.time_of(480.0 * 4_999.0).unwrap().is_finite());
    assert!(stream.pace.second() > 0.99);
}
