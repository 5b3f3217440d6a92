//! Which frame of the loudspeaker belongs to a frame of the microphone.
//!
//! At the moment at which a frame of the microphone passed, the loudspeaker was
//! given a certain frame: what is heard of it comes back later, never earlier.
//! The reference is a little behind that, by the margin: as much as render
//! callbacks are late, and a sound that does not break up is buffered by the
//! device for at least that long. So all of the reference is there when it is
//! needed, and it still comes before its echo.
//!
//! The place of the reference runs on by the ratio of the two clocks. What is
//! wrong with it is made good by the ratio, unnoticeably; a real shift of one
//! of the streams by a jump.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use crate::{audio::Rate, duplex::pace::Pace};

/// An error of so many seconds is a shift of a stream.
const JUMP_S: f64 = 4e-3;
/// While the streams begin, clocks are not known well, and nothing is heard
/// yet: so many seconds, and readings of each …
const START_S: u32 = 2;
const START_READINGS: u32 = 16;
/// … in which an error of so many seconds is enough.
const START_JUMP_S: f64 = 0.25e-3;
/// A small error is made good within so many seconds, …
const GENTLE_S: f64 = 8.0;
/// … what it is over so many seconds in a second, …
const SMALL_S: f64 = 0.25e-3;
/// … and never faster than by 1,000 ppm.
const SLEW_MAX: f64 = 1e-3;
/// The margin, in nanoseconds, beyond what is needed: at least, and what a new
/// one may have.
const SPARE_NS: f64 = 0.25e6;
const ROOM_NS: f64 = 0.5e6;
/// A margin is given up again when so much more than is needed.
const SURPLUS_NS: f64 = 5e6;
/// A loudspeaker whose callbacks are later than this is beyond help.
const LATENESS_MAX_NS: f64 = 100e6;

/// The place of the reference in the loudspeaker's stream.
#[derive(Debug)]
pub(super) struct Alignment {
    near: Rate,
    far: Rate,
    /// What must be known beyond a place, in nanoseconds.
    look_ahead: f64,
    margin: f64,
    /// The next frame of the microphone, and its place.
    next: Option<(i64, f64)>,
    /// The first frame of the microphone that had a place.
    began: Option<i64>,
    drift: f64,
    /// How much later than its place the reference is, in seconds.
    error: f64,
    realignments: u64,
}

/// Where the frames of a block are, from one to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Places {
    pub(super) first: f64,
    pub(super) step: f64,
}

impl Alignment {
    /// `look_ahead_frames` of the far end must be known beyond a place.
    pub(super) fn new(near: Rate, far: Rate, look_ahead_frames: usize) -> Self {
        let look_ahead = far.duration_of(look_ahead_frames as u64).0 as f64;
        Self {
            near,
            far,
            look_ahead,
            margin: 0.0,
            next: None,
            began: None,
            drift: 0.0,
            error: 0.0,
            realignments: 0,
        }
    }

    /// The places of so many frames from frame `start` of the microphone on;
    /// `None` while one of the streams has not begun.
    pub(super) fn places(
        &mut self,
        start: i64,
        frames: usize,
        near: &Pace,
        far: &Pace,
    ) -> Option<Places> {
        let passed = near.time_of(start as f64).filter(|_| far.readings() > 0)?;
        let age = start - *self.began.get_or_insert(start);
        let begins = age < i64::from(START_S * self.near.hz())
            || near.readings().min(far.readings()) < START_READINGS;
        self.choose_margin(begins, far);
        let target = far.frames_at(passed - self.margin)?;
        self.drift = near.second() / far.second() - 1.0;
        let ratio = f64::from(self.far.hz()) / f64::from(self.near.hz()) * (1.0 + self.drift);
        let (next, place) = self.next.unwrap_or((start, target));
        let expected = place + (start - next) as f64 * ratio;
        let error = (target - expected) / f64::from(self.far.hz());
        let bound = if begins { START_JUMP_S } else { JUMP_S };
        let jumps = error.abs() > bound;
        self.realignments += u64::from(jumps && !begins);
        self.error = if jumps { 0.0 } else { error };
        let (first, slew) = if jumps { (target, 0.0) } else { (expected, slew(error)) };
        let step = ratio * (1.0 + slew);
        self.next = Some((start + frames as i64, first + step * frames as f64));
        Some(Places { first, step })
    }

    fn choose_margin(&mut self, begins: bool, far: &Pace) {
        let lateness = far.lateness().min(LATENESS_MAX_NS);
        let needed = self.look_ahead + SPARE_NS + lateness;
        if begins || needed > self.margin + ROOM_NS || needed < self.margin - SURPLUS_NS {
            self.margin = needed + if begins { 0.0 } else { ROOM_NS };
        }
    }

    /// How much faster the loudspeaker's clock runs than the microphone's.
    pub(super) fn drift(&self) -> f64 {
        self.drift
    }

    /// How far behind what the loudspeaker was given the reference is, in
    /// nanoseconds.
    pub(super) fn margin(&self) -> f64 {
        self.margin
    }

    /// How much further behind than the margin it is just now, in seconds; what is
    /// being made good.
    pub(super) fn error(&self) -> f64 {
        self.error
    }

    /// So many jumps there were before this.
    pub(super) fn count_from(&mut self, realignments: u64) {
        self.realignments = realignments;
    }

    /// Jumps so far, but for those of the beginning.
    pub(super) fn realignments(&self) -> u64 {
        self.realignments
    }
}

/// By how much faster the place must run to make an error of so many seconds
/// good.
fn slew(error: f64) -> f64 {
    let large = error - error.clamp(-SMALL_S, SMALL_S);
    (error / GENTLE_S + large).clamp(-SLEW_MAX, SLEW_MAX)
}
