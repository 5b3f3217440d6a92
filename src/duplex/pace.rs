//! How fast a device's clock really runs, and when each of its frames passed,
//! by the clock of the machine.
//!
//! A callback is late by chance and never early, so the truth is a line under
//! all that was read, as close to them as one line can be: an edge of their
//! lower convex hull. Jitter, bursts and a server that hands over by the block
//! only add points above it. Source: S. Moon, P. Skelly, D. Towsley,
//! "Estimation and Removal of Clock Skew from Network Delay Measurements",
//! 1999. (A delay-locked loop, as in F. Adriaensen, "Using a DLL to filter
//! time", 2005, follows the mean lateness, which one burst moves.)
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
/// A window, in seconds, and how many are looked back over.
const WINDOW_S: f64 = 0.5;
const WINDOWS: usize = 64;
/// How fast a clock runs is not known from less than so many seconds, …
const SPAN_S: f64 = 3.0;
/// … until when only the last windows say where the line is.
const RECENT_S: f64 = 1.0;
/// No crystal is off by more: 1,000 ppm, in nanoseconds per second.
const SKEW_MAX: f64 = 1e6;
/// A stream that is later by more than this and its usual lateness, in
/// nanoseconds, for so long and so many readings, has really lost time. What is
/// earlier by more was late before.
const STEP: f64 = 4e6;
const STEP_S: f64 = 0.5;
const STEP_READINGS: u32 = 32;
/// After such a step, how large it was is not sure for so many seconds.
const SETTLE_S: f64 = 1.0;
/// The usual lateness is a mean over about so many readings.
const USUAL: f64 = 256.0;

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

/// Of the readings of half a second: the least late, and how late the latest
/// was.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    began: f64,
    least: Point,
    latest: f64,
}

/// Readings that are too late, one after another.
#[derive(Clone, Copy, Debug)]
struct Late {
    since: f64,
    readings: u32,
    least: f64,
}

/// What the worker makes of the readings of one stream.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Rate,
    line: Option<Line>,
    /// The last of the first `count` windows is under way.
    windows: [Window; WINDOWS],
    count: usize,
    late: Option<Late>,
    settled_at: f64,
    usual: f64,
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
            late: None,
            settled_at: 0.0,
            usual: 0.0,
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
        let y = lateness(self.rate, reading.frames, reading.at) as f64;
        let point = Point { x, y };
        self.readings = self.readings.saturating_add(1);
        let line = *self.line.get_or_insert(Line { through: point, skew: 0.0 });
        let mut over = y - line.at(x);
        if over < -STEP {
            self.step(x);
        }
        if over < -STEP || (over < 0.0 && x < self.settled_at) {
            self.shift(over);
            over = 0.0;
        }
        let bound = STEP + self.usual;
        self.usual += (over.max(0.0) - self.usual) / USUAL;
        if over > bound {
            match self.lose(x, over) {
                None => return self.note_latest(over),
                Some(lost) => {
                    self.step(x);
                    self.shift(lost);
                }
            }
            over = 0.0;
        }
        self.late = None;
        self.note(point, over.max(0.0) + reading.spread as f64);
    }

    /// A reading is too late; `Some`: all were, for so long that the stream has
    /// really lost so much time.
    fn lose(&mut self, x: f64, over: f64) -> Option<f64> {
        let late = self.late.get_or_insert(Late { since: x, readings: 0, least: over });
        late.readings += 1;
        late.least = late.least.min(over);
        let long = late.readings >= STEP_READINGS && x - late.since >= STEP_S;
        long.then_some(late.least)
    }

    /// The stream goes on elsewhere: what is known of the skew stays.
    fn step(&mut self, x: f64) {
        if self.span() < SPAN_S {
            self.count = 0;
        } else {
            self.settled_at = x + SETTLE_S;
        }
    }

    /// How many seconds are looked back over.
    fn span(&self) -> f64 {
        let ends = [self.windows[..self.count].first(), self.windows[..self.count].last()];
        let [first, last] = ends.map(|window| window.map_or(0.0, |window| window.least.x));
        last - first
    }

    /// All that was known is later by so much.
    fn shift(&mut self, by: f64) {
        for window in &mut self.windows[..self.count] {
            window.least.y += by;
        }
        if let Some(line) = &mut self.line {
            line.through.y += by;
        }
    }

    fn note_latest(&mut self, over: f64) {
        if let Some(window) = self.windows[..self.count].last_mut() {
            window.latest = window.latest.max(over);
        }
    }

    fn note(&mut self, point: Point, latest: f64) {
        let over = |p: Point| self.line.map_or(0.0, |line| p.y - line.at(p.x));
        let open = self.windows[..self.count].last().copied();
        match open {
            Some(window) if point.x - window.began < WINDOW_S => {
                let better = over(point) <= over(window.least);
                let least = if better { point } else { window.least };
                let latest = window.latest.max(latest);
                self.windows[self.count - 1] = Window { least, latest, ..window };
                if over(point) >= 0.0 {
                    return;
                }
            }
            _ => {
                if self.count == WINDOWS {
                    self.windows.copy_within(1.., 0);
                    self.count -= 1;
                }
                self.windows[self.count] = Window { began: point.x, least: point, latest };
                self.count += 1;
                self.judge_lateness();
            }
        }
        self.fit();
    }

    /// The line under all points that is closest to them.
    fn fit(&mut self) {
        let windows = &self.windows[..self.count];
        let Some(last) = windows.last().map(|window| window.least) else { return };
        let known = self.span() >= SPAN_S;
        let skew = if known { hull_skew(windows).clamp(-SKEW_MAX, SKEW_MAX) } else { 0.0 };
        let points = windows.iter().map(|window| window.least);
        let counts = points.filter(|p| known || last.x - p.x <= RECENT_S);
        let under = counts.map(|p| p.y - skew * (p.x - last.x)).fold(f64::INFINITY, f64::min);
        self.line = Some(Line { through: Point { x: last.x, y: under }, skew });
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
        let latest = &mut latest[..self.count];
        for (slot, window) in latest.iter_mut().zip(&self.windows) {
            *slot = window.latest;
        }
        latest.sort_unstable_by(f64::total_cmp);
        self.lateness = latest.get(self.count * 3 / 4).copied().unwrap_or(0.0);
    }
}

/// The slope of that edge of the lower convex hull which lies over the middle
/// of all points: no other line under them is closer to them. They come from
/// left to right.
fn hull_skew(windows: &[Window]) -> f64 {
    let mut hull = [Point::default(); WINDOWS];
    let mut corners = 0;
    for point in windows.iter().map(|window| window.least) {
        while corners >= 2 && !turns_up(hull[corners - 2], hull[corners - 1], point) {
            corners -= 1;
        }
        hull[corners] = point;
        corners += 1;
    }
    let middle = windows.iter().map(|w| w.least.x).sum::<f64>() / windows.len() as f64;
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
