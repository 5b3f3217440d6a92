//! How fast a device's clock really runs, and when each of its frames passed,
//! by the clock of the machine.
//!
//! A callback is late by chance and hardly ever early, so the truth is a line
//! under the readings, as close to them as one line can be: an edge of their
//! lower convex hull. Jitter, bursts and a server that hands over by the block
//! only add points above it. Source: S. Moon, P. Skelly, D. Towsley,
//! "Estimation and Removal of Clock Skew from Network Delay Measurements",
//! 1999. (A delay-locked loop, as in F. Adriaensen, "Using a DLL to filter
//! time", 2005, follows the mean lateness, which one burst moves.)
//!
//! But PulseAudio asks for a block too early at times, for half a second on
//! end: what lies too far under a line that heeds no outliers is left out. That
//! is a median of slopes, after H. Theil, "A rank-invariant method of linear
//! and polynomial regression analysis", 1950, by halves. Only what stays
//! elsewhere is a stream that has really lost time, or a queue that has changed.
//!
//! Runs on: callbacks ([`Ticker`]), worker ([`Pace`]). Never allocates, locks,
//! logs or fails, but for `ticker`.

use crate::audio::{
    Nanos, Rate,
    ring::{Reader, Writer, ring},
};

/// Of the calls within so long, the one that was least late is told.
const APART: Nanos = Nanos::from_ms(5);
/// More than a second of them.
const READINGS: usize = 256;
/// A window has at least so many seconds, and readings.
const WINDOW_S: f64 = 0.5;
const READINGS_MIN: u32 = 8;
/// How many are looked back over, one of them under way.
const WINDOWS: usize = 64;
/// How fast a clock runs is not known from less than so many seconds.
const SPAN_S: f64 = 3.0;
/// No crystal is off by more: 1,000 ppm, in nanoseconds per second.
const SKEW_MAX: f64 = 1e6;
/// Windows that are off by more than this, in nanoseconds, and so many times as
/// much as they usually are, are outliers. So many of them on end, later or
/// earlier, and the stream goes on there.
const STEP: f64 = 1e6;
const STEP_NOISE: f64 = 4.0;
const LATE_WINDOWS: usize = 3;
const EARLY_WINDOWS: usize = 6;
/// The least that counts as an outlier, in nanoseconds.
const OUTLIER: f64 = 0.5e6;

/// So many frames had passed when a callback came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    frames: u64,
    at: Nanos,
    /// How much later, in nanoseconds, the latest of the calls was of which
    /// this was the least late.
    spread: u64,
}

/// The callback's half, and where the worker finds what it tells. Allocates.
pub(super) fn ticker(rate: Rate) -> (Ticker, Reader<Reading>) {
    let (out, readings) = ring(READINGS);
    (Ticker { rate, out, told_at: None, least: None }, readings)
}

/// Tells the worker when callbacks came.
#[derive(Debug)]
pub(super) struct Ticker {
    rate: Rate,
    out: Writer<Reading>,
    told_at: Option<Nanos>,
    /// What will be told next, and its lateness.
    least: Option<(Reading, i64)>,
}

impl Ticker {
    /// So many frames have passed at `now`.
    pub(super) fn tick(&mut self, frames: u64, now: Nanos) {
        let late = lateness(self.rate, frames, now);
        let this = Reading { frames, at: now, spread: 0 };
        let (mut least, least_late) = match self.least {
            Some((least, least_late)) if least_late <= late => (least, least_late),
            Some((least, least_late)) => {
                (Reading { spread: least.spread + (least_late - late) as u64, ..this }, late)
            }
            None => (this, late),
        };
        least.spread = least.spread.max((late - least_late) as u64);
        self.least = Some((least, least_late));
        if self.told_at.is_none_or(|told_at| now.since(told_at) >= APART) {
            // What finds no room is one reading of many.
            let _ = self.out.push(least);
            self.told_at = Some(now);
            self.least = None;
        }
    }
}

/// The time less the length of all frames, in nanoseconds.
fn lateness(rate: Rate, frames: u64, at: Nanos) -> i64 {
    at.0 as i64 - rate.duration_of(frames).0 as i64
}

/// Lateness in nanoseconds after so many seconds of frames.
#[derive(Clone, Copy, Debug, Default)]
struct Point {
    x: f64,
    y: f64,
}

/// The lateness of a stream whose every call is on time.
#[derive(Clone, Copy, Debug)]
struct Line {
    through: Point,
    /// In nanoseconds per second.
    skew: f64,
}

impl Line {
    fn at(&self, x: f64) -> f64 {
        self.through.y + self.skew * (x - self.through.x)
    }
}

/// The readings of half a second: the least late, and how late the latest was.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began: f64,
    readings: u32,
    least: Point,
    latest: f64,
}

/// What the worker makes of the readings of one stream.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Rate,
    line: Option<Line>,
    /// The last of the first `count` windows is under way.
    windows: [Window; WINDOWS],
    count: usize,
    /// How far windows usually are from the line, in nanoseconds.
    noise: f64,
    lateness: f64,
    readings: u32,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            line: None,
            windows: [Window::default(); WINDOWS],
            count: 0,
            noise: 0.0,
            lateness: 0.0,
            readings: 0,
        }
    }

    /// Takes all that the callback told since the last time.
    pub(super) fn follow(&mut self, readings: &mut Reader<Reading>) {
        while let Some(reading) = readings.pop() {
            self.take(reading);
        }
    }

    fn take(&mut self, reading: Reading) {
        let x = reading.frames as f64 / f64::from(self.rate.hz());
        let point = Point { x, y: lateness(self.rate, reading.frames, reading.at) as f64 };
        self.readings = self.readings.saturating_add(1);
        let late = self.over(point).max(0.0) + reading.spread as f64;
        let closed = self.note(point, late);
        if closed {
            self.leave_steps();
            self.judge_lateness();
        }
        if self.span() < SPAN_S {
            self.begin();
        } else if closed {
            self.fit();
        }
    }

    /// How much later than the line.
    fn over(&self, point: Point) -> f64 {
        self.line.map_or(0.0, |line| point.y - line.at(point.x))
    }

    /// Adds a reading to the window under way; `true` where that was over, and
    /// it is the first of a new one.
    fn note(&mut self, point: Point, latest: f64) -> bool {
        let under_way = self.count.checked_sub(1).map(|last| self.windows[last]);
        if let Some(window) = under_way
            && (point.x - window.began < WINDOW_S || window.readings < READINGS_MIN)
        {
            let better = self.over(point) <= self.over(window.least);
            self.windows[self.count - 1] = Window {
                began: window.began,
                readings: window.readings + 1,
                least: if better { point } else { window.least },
                latest: window.latest.max(latest),
            };
            return false;
        }
        if self.count == WINDOWS {
            self.windows.copy_within(1.., 0);
            self.count -= 1;
        }
        self.windows[self.count] = Window { began: point.x, readings: 1, least: point, latest };
        self.count += 1;
        self.count > 1
    }

    /// The windows that are over.
    fn closed(&self) -> &[Window] {
        &self.windows[..self.count.saturating_sub(1)]
    }

    /// How many seconds are looked back over.
    fn span(&self) -> f64 {
        match self.closed() {
            [first, .., last] => last.least.x - first.least.x,
            _ => 0.0,
        }
    }

    /// Where the stream goes on elsewhere, what was before it moves there: what
    /// it says of the skew stays true.
    fn leave_steps(&mut self) {
        let closed = self.count - 1;
        if self.span() < SPAN_S {
            // Nothing is known of a skew: what was before is of no use.
            if let [.., before, last] = *self.closed()
                && (last.least.y - before.least.y).abs() > STEP
            {
                self.windows.copy_within(closed - 1..=closed, 0);
                self.count = 2;
            }
            return;
        }
        let bound = STEP + STEP_NOISE * self.noise;
        for (windows, sign) in [(LATE_WINDOWS, 1.0), (EARLY_WINDOWS, -1.0)] {
            let Some(first) = closed.checked_sub(windows) else { continue };
            let last = &self.windows[first..closed];
            if last.iter().all(|window| sign * self.over(window.least) > bound) {
                let mut steps = [0.0; EARLY_WINDOWS];
                for (step, window) in steps.iter_mut().zip(last) {
                    *step = self.over(window.least);
                }
                let step = median(&mut steps[..windows]);
                for window in &mut self.windows[..first] {
                    window.least.y += step;
                }
            }
        }
    }

    /// While the skew is not known: through the least late of the last windows.
    fn begin(&mut self) {
        let last = &self.windows[self.count.saturating_sub(3)..self.count];
        let points = last.iter().map(|window| window.least);
        let least = points.min_by(|a, b| a.y.total_cmp(&b.y));
        self.line = least.map(|through| Line { through, skew: 0.0 });
    }

    /// The line under all points but outliers that is closest to them.
    fn fit(&mut self) {
        let mut points = [Point::default(); WINDOWS];
        let count = self.closed().len();
        for (point, window) in points.iter_mut().zip(self.closed()) {
            *point = window.least;
        }
        let rough = middle_line(&points[..count]);
        let mut off = [0.0; WINDOWS];
        for (off, point) in off.iter_mut().zip(&points[..count]) {
            *off = (point.y - rough.at(point.x)).abs();
        }
        self.noise = median(&mut off[..count]);
        let bound = OUTLIER.max(STEP_NOISE * self.noise);
        let mut kept = 0;
        for index in 0..count {
            if points[index].y - rough.at(points[index].x) > -bound {
                points[kept] = points[index];
                kept += 1;
            }
        }
        let points = &points[..kept];
        let skew = hull_skew(points).clamp(-SKEW_MAX, SKEW_MAX);
        let x = points.last().map_or(0.0, |last| last.x);
        let under = points.iter().map(|p| p.y - skew * (p.x - x)).fold(f64::INFINITY, f64::min);
        self.line = Some(Line { through: Point { x, y: under }, skew });
    }

    /// How many readings there were.
    pub(super) fn readings(&self) -> u32 {
        self.readings
    }

    /// When frame `frames` passed, in nanoseconds; `None` before the first
    /// reading.
    pub(super) fn time_of(&self, frames: f64) -> Option<f64> {
        let x = frames / f64::from(self.rate.hz());
        self.line.map(|line| x * 1e9 + line.at(x))
    }

    /// Which frame, with its fraction, passed at `nanos`.
    pub(super) fn frames_at(&self, nanos: f64) -> Option<f64> {
        let line = self.line?;
        let Point { x, y } = line.through;
        let beyond = (nanos - x * 1e9 - y) / (1e9 + line.skew);
        Some((x + beyond) * f64::from(self.rate.hz()))
    }

    /// Seconds of the machine's clock in which a second of frames passes.
    pub(super) fn second(&self) -> f64 {
        1.0 + self.line.map_or(0.0, |line| line.skew * 1e-9)
    }

    /// How late a call may be, in nanoseconds: as late as the latest of each
    /// window was, but for the worst quarter of the windows. A single burst is
    /// not what is to be expected.
    pub(super) fn lateness(&self) -> f64 {
        self.lateness
    }

    fn judge_lateness(&mut self) {
        let mut latest = [0.0; WINDOWS];
        let count = self.closed().len();
        for (slot, window) in latest.iter_mut().zip(self.closed()) {
            *slot = window.latest;
        }
        latest[..count].sort_unstable_by(f64::total_cmp);
        self.lateness = latest[..count].get(count * 3 / 4).copied().unwrap_or(0.0);
    }
}

/// A line through the middle of all points that outliers do not move: less than
/// a quarter of the points, wherever they are.
fn middle_line(points: &[Point]) -> Line {
    let half = points.len() / 2;
    let mut values = [0.0; WINDOWS];
    for (index, value) in values[..half].iter_mut().enumerate() {
        let (left, right) = (points[index], points[index + half]);
        *value = (right.y - left.y) / (right.x - left.x);
    }
    let skew = median(&mut values[..half]);
    for (value, point) in values.iter_mut().zip(points) {
        *value = point.y - skew * point.x;
    }
    let y = median(&mut values[..points.len()]);
    Line { through: Point { x: 0.0, y }, skew }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The slope of that edge of the lower convex hull which lies over the middle
/// of all points: no other line under them is closer to them. They come from
/// left to right.
fn hull_skew(points: &[Point]) -> f64 {
    let mut hull = [Point::default(); WINDOWS];
    let mut corners = 0;
    for point in points {
        while corners >= 2 && !turns_up(hull[corners - 2], hull[corners - 1], *point) {
            corners -= 1;
        }
        hull[corners] = *point;
        corners += 1;
    }
    let middle = points.iter().map(|point| point.x).sum::<f64>() / points.len().max(1) as f64;
    let edges = hull[..corners].windows(2).map(|edge| (edge[0], edge[1]));
    let over = edges.into_iter().find(|(_, right)| right.x >= middle);
    over.map_or(0.0, |(left, right)| (right.y - left.y) / (right.x - left.x))
}

/// Whether the way from `a` over `b` to `c` turns to the left.
fn turns_up(a: Point, b: Point, c: Point) -> bool {
    (b.x - a.x) * (c.y - a.y) > (c.x - a.x) * (b.y - a.y)
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
