//! When what went into the render ring is heard, and when what was cut is silent.
//!
//! The worker marks positions of the ring, the render callback meets them. A time
//! from the worker to the ear is that of the callback plus the place within it
//! plus what the device says that it is late. From a cut to silence frames are
//! counted, because no clock is read where they are.
//!
//! Runs on: render callback ([`Meeting`]), worker ([`Marks`]). Never allocates,
//! locks, logs or fails, but for `marks`.

use std::sync::Arc;

use crate::audio::{
    Nanos, Rate,
    histogram::Histogram,
    ring::{Reader, Writer, ring},
};

/// Marks that may wait for a callback: more replies than begin in one.
const MARKS: usize = 16;

/// How long it takes to be heard, and not to be heard any more.
#[derive(Debug, Default)]
pub struct AudibleTimes {
    /// A reply's first frame in the render ring → audible.
    pub ring_to_audible: Histogram,
    /// The end of the user's speech at the microphone → the answer audible.
    pub speech_to_audible: Histogram,
    /// A reply cut → silence, from the first frame of the period in which it was
    /// decided.
    pub cut_to_silence: Histogram,
}

#[derive(Clone, Copy, Debug)]
enum Mark {
    Begins(Begin),
    Cut {
        /// What the device had been given before the newest callback.
        clock: usize,
    },
}

/// A reply begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begin {
    /// With this frame of the ring.
    pub(super) first: usize,
    /// Which is about to be pushed at this time.
    pub(super) at: Nanos,
    /// It answers speech that ended then.
    pub(super) answers: Option<Nanos>,
}

/// The worker's end.
#[derive(Debug)]
pub(super) struct Marks(Writer<Mark>);

/// Both ends, for a device of that rate. Allocates.
pub(super) fn marks(rate: Rate) -> (Marks, Meeting) {
    let (writer, reader) = ring(MARKS);
    let meeting = Meeting {
        marks: reader,
        times: Arc::default(),
        rate,
        begin: None,
        told_cut: None,
        cut: None,
        sounded: 0,
        clock: 0,
        now: Nanos::ZERO,
        latency_frames: 0,
    };
    (Marks(writer), meeting)
}

impl Marks {
    /// To be told before the first frame is pushed.
    pub(super) fn begin(&mut self, begin: Begin) {
        let _ = self.0.push(Mark::Begins(begin));
    }

    /// To be told before the position of the cut is.
    pub(super) fn cut(&mut self, clock: usize) {
        let _ = self.0.push(Mark::Cut { clock });
    }

    /// Marks that found no room: their times are not known.
    pub(super) fn refused(&self) -> u64 {
        self.0.refused()
    }
}

/// The callback's end.
#[derive(Debug)]
pub(super) struct Meeting {
    marks: Reader<Mark>,
    times: Arc<AudibleTimes>,
    rate: Rate,
    begin: Option<Begin>,
    /// A cut whose position was not seen yet, and one that fades.
    told_cut: Option<usize>,
    cut: Option<usize>,
    /// The device's clock after the last frame of the ring.
    sounded: usize,
    /// Of the callback, and of the part of it at hand: the device's clock at its
    /// first frame, the callback's time, how late the device is.
    clock: usize,
    now: Nanos,
    latency_frames: u32,
}

impl Meeting {
    pub(super) fn count_into(&mut self, times: Arc<AudibleTimes>) {
        self.times = times;
    }

    /// A callback begins at `now`.
    pub(super) fn called(&mut self, clock: usize, now: Nanos, latency_frames: u32) {
        (self.clock, self.now, self.latency_frames) = (clock, now, latency_frames);
        self.take();
    }

    /// Takes what the worker has told.
    fn take(&mut self) {
        while let Some(mark) = self.marks.pop() {
            match mark {
                Mark::Begins(begin) => self.begin = Some(begin),
                Mark::Cut { clock } => self.told_cut = Some(clock),
            }
        }
    }

    /// The callback has seen the position of a cut, whose mark came before it.
    pub(super) fn noticed_cut(&mut self) {
        self.take();
        self.cut = self.told_cut.take().or(self.cut);
    }

    /// `frames` of the ring from position `read` on are given to the device,
    /// `offset` frames after the callback's first.
    pub(super) fn played(&mut self, read: usize, frames: usize, offset: usize) {
        if frames == 0 {
            return;
        }
        self.sounded = self.clock.wrapping_add(offset + frames);
        let Some(begin) = self.begin else { return };
        let place = begin.first.wrapping_sub(read) as isize;
        if place >= frames as isize {
            return;
        }
        self.begin = None;
        if place >= 0 {
            let later = offset as u64 + place as u64 + u64::from(self.latency_frames);
            let heard_at = self.now + self.rate.duration_of(later);
            self.times.ring_to_audible.record(heard_at.since(begin.at));
            if let Some(ended_at) = begin.answers {
                self.times.speech_to_audible.record(heard_at.since(ended_at));
            }
        }
    }

    /// From here on nothing from before position `end` is given to the device.
    pub(super) fn silenced(&mut self, end: usize) {
        let before = |begin: &Begin| (end.wrapping_sub(begin.first) as isize) > 0;
        self.begin = self.begin.filter(|begin| !before(begin));
        if let Some(decided) = self.cut.take() {
            let frames = (self.sounded.wrapping_sub(decided) as isize).max(0) as u64;
            let frames = frames + u64::from(self.latency_frames);
            self.times.cut_to_silence.record(self.rate.duration_of(frames));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: usize = 48;

    fn pair() -> (Marks, Meeting) {
        marks(Rate::new(48_000).unwrap())
    }

    fn begin(first: usize, at_ms: u64) -> Begin {
        Begin { first, at: Nanos::from_ms(at_ms), answers: Some(Nanos::from_ms(at_ms - 1)) }
    }

    fn each(times: &Histogram) -> (u64, Nanos) {
        (times.snapshot().count(), times.sum())
    }

    #[test]
    fn a_first_frame_is_heard_where_it_stands_in_the_callback_and_as_late_as_the_device() {
        let (mut marks, mut meeting) = pair();
        marks.begin(begin(100 * MS, 10));
        meeting.called(0, Nanos::from_ms(13), 5 * MS as u32);
        meeting.played(98 * MS, MS, 0);
        meeting.played(99 * MS, 4 * MS, MS);
        // 3 ms until the callback, 2 within it, 5 in the device.
        assert_eq!(each(&meeting.times.ring_to_audible), (1, Nanos::from_ms(10)));
        assert_eq!(each(&meeting.times.speech_to_audible), (1, Nanos::from_ms(11)));
        meeting.played(103 * MS, MS, 5 * MS);
        assert_eq!(meeting.times.ring_to_audible.snapshot().count(), 1, "once");
    }

    #[test]
    fn a_reply_that_is_thrown_away_before_its_first_frame_is_never_heard() {
        let (mut marks, mut meeting) = pair();
        marks.begin(begin(100, 10));
        meeting.called(0, Nanos::from_ms(13), 0);
        meeting.silenced(101);
        meeting.played(101, 50, 0);
        assert_eq!(each(&meeting.times.ring_to_audible), (0, Nanos::ZERO));
        marks.begin(begin(200, 20));
        meeting.called(480, Nanos::from_ms(23), 0);
        meeting.silenced(200);
        meeting.played(151, 100, 0);
        assert_eq!(meeting.times.ring_to_audible.snapshot().count(), 1, "it begins at the cut");
    }

    #[test]
    fn a_cut_is_silent_after_the_last_frame_of_its_fade_and_the_latency() {
        let (mut marks, mut meeting) = pair();
        meeting.called(1_000, Nanos::ZERO, 10 * MS as u32);
        meeting.played(0, 10 * MS, 0);
        marks.cut(1_000);
        // Seen in the next period, but for its position.
        meeting.called(1_000 + 10 * MS, Nanos::ZERO, 10 * MS as u32);
        meeting.silenced(0);
        assert_eq!(each(&meeting.times.cut_to_silence), (0, Nanos::ZERO));
        meeting.noticed_cut();
        meeting.played(10 * MS, 6 * MS, 0);
        meeting.silenced(900 * MS);
        meeting.silenced(900 * MS);
        assert_eq!(each(&meeting.times.cut_to_silence), (1, Nanos::from_ms(10 + 6 + 10)));
    }

    #[test]
    fn positions_wrap() {
        let (mut marks, mut meeting) = pair();
        let near_end = usize::MAX - 4;
        marks.begin(begin(near_end.wrapping_add(10), 10));
        meeting.called(near_end, Nanos::from_ms(10), 0);
        meeting.silenced(near_end);
        meeting.played(near_end, 48, 0);
        assert_eq!(meeting.times.ring_to_audible.snapshot().count(), 1);
        marks.cut(near_end);
        meeting.noticed_cut();
        meeting.silenced(48);
        assert_eq!(each(&meeting.times.cut_to_silence), (1, Nanos::from_ms(1)));
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let (mut marks, _meeting) = pair();
        for at in 0..=MARKS as u64 {
            marks.begin(begin(0, at + 1));
        }
        assert_eq!(marks.refused(), 1);
    }
}
