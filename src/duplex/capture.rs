//! From the capture callback to the worker: mono frames with their place in
//! the stream, nothing lost in silence.
//!
//! The callback pushes frames; where they find no room it counts them, and
//! tells the worker how many silent frames stand in their place before the
//! next one that it does push.
//!
//! Runs on: capture callback ([`CaptureHalf`]), worker ([`CaptureEnd`]). Never
//! allocates, locks, logs or fails, but for `capture`.

use std::sync::Arc;

use dasp_sample::{FromSample, Sample};

use super::{
    arrears::Arrears,
    frames::{FramesIn, FramesOut, Taken, frames},
    pace::{Reading, Ticker, ticker},
};
use crate::audio::{
    Doorbell, FrameTime, Nanos, Rate,
    atomic::{
        AtomicU32, AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
    convert::InputChannel,
    ring::{Reader, Writer, ring},
};

/// What the callback lets others see.
#[derive(Debug, Default)]
pub struct CaptureGauges {
    /// Calls so far.
    pub callbacks: AtomicU64,
    /// When the last call came.
    pub last_call_at: AtomicU64,
    /// The longest call, in frames.
    pub period_frames_max: AtomicU32,
    /// Frames that found no room in the ring.
    pub lost_frames: AtomicU64,
    /// Frames that by the clock were captured and never delivered.
    pub missing_frames: AtomicU64,
    /// Frames that the device delivered.
    pub frames: AtomicUsize,
    /// The position of its first frame, where it follows another stream and
    /// frames were taken.
    pub origin: AtomicU64,
}

/// The frame number `frames` of the device was handed over at `at`.
#[derive(Clone, Copy, Debug)]
struct Stamp {
    pushed: u64,
    at: Nanos,
}

/// Longest gap that is filled with silence; after a longer one the chain
/// starts anew.
const GAP_SECS_MAX: u64 = 1;
const STAMPS: usize = 256;
/// Blocks are of 10 ms.
const BLOCK_NS: u64 = 10_000_000;
/// Two streams are at least so far apart: more than the latencies of their
/// chains differ, so that nothing gets a position twice.
const AWAY_MIN: Nanos = Nanos::from_ms(50);

/// The two ends of a capture stream at `rate`, with a ring of half a second.
/// Allocates.
pub fn capture(
    rate: Rate,
    epoch: u32,
    channel: InputChannel,
    worker: Arc<Doorbell>,
) -> (CaptureHalf, CaptureEnd) {
    let (frames_in, frames_out) = frames(rate.hz() as usize / 2);
    let (ticker, readings) = ticker(rate);
    let (stamps_in, stamps_out) = ring(STAMPS);
    let gauges = Arc::new(CaptureGauges::default());
    let half = CaptureHalf {
        channel,
        frames: frames_in,
        stamps: stamps_in,
        gauges: gauges.clone(),
        worker,
        delivered: 0,
        ticker,
        arrears: Arrears::new(rate),
    };
    let end = CaptureEnd {
        rate,
        frames: frames_out,
        readings,
        stamps: stamps_out,
        gauges,
        position: FrameTime::start(rate, epoch),
        origin: 0,
        after: None,
        stamp: Stamp { pushed: 0, at: Nanos::ZERO },
    };
    (half, end)
}

/// The capture callback's half.
#[derive(Debug)]
pub struct CaptureHalf {
    channel: InputChannel,
    frames: FramesIn,
    stamps: Writer<Stamp>,
    gauges: Arc<CaptureGauges>,
    worker: Arc<Doorbell>,
    /// Frames of all calls, lost ones included.
    delivered: u64,
    ticker: Ticker,
    arrears: Arrears,
}

impl CaptureHalf {
    /// Takes what the device captured: interleaved frames of `channels`,
    /// handed over at `now`.
    ///
    /// # Realtime safety
    /// Capture callback. Its only system call is the worker's wake, and only
    /// while the worker sleeps.
    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    pub fn process<S: Sample>(&mut self, data: &[S], channels: usize, now: Nanos)
    where
        f32: FromSample<S>,
    {
        let channels = channels.max(1);
        let frames = data.len() / channels;
        let room = self.frames.admit(frames);
        let mut mono = [0.0f32; 256];
        for part in data[..room * channels].chunks(mono.len() * channels) {
            let count = part.len() / channels;
            for (slot, frame) in mono.iter_mut().zip(part.chunks_exact(channels)) {
                *slot = self.channel.of_frame(frame);
            }
            self.frames.push(&mono[..count]);
        }
        let stamp = Stamp { pushed: self.frames.pushed(), at: now };
        let _ = self.stamps.push(stamp);
        self.delivered += frames as u64;
        self.ticker.tick(self.delivered, now);
        self.count(frames, (frames - room) as u64, now);
        self.worker.ring_at(now);
    }

    fn count(&mut self, frames: usize, lost: u64, now: Nanos) {
        let missing = self.arrears.deliver(frames, now);
        let gauges = &self.gauges;
        gauges.callbacks.fetch_add(1, Relaxed);
        gauges.last_call_at.store(now.0, Relaxed);
        gauges.period_frames_max.fetch_max(frames as u32, Relaxed);
        gauges.lost_frames.fetch_add(lost, Relaxed);
        gauges.missing_frames.store(missing, Relaxed);
        gauges.frames.fetch_add(frames, Release);
    }

    /// What others may see of it.
    pub fn gauges(&self) -> Arc<CaptureGauges> {
        self.gauges.clone()
    }
}

/// What the worker found next in the stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Captured {
    /// So many frames, from this position on; the last of them was handed over
    /// at `at`.
    Frames {
        /// How many.
        frames: usize,
        /// The position of the first.
        start: FrameTime,
        /// When the device handed over the last.
        at: Nanos,
    },
    /// So many frames were lost at this position and are to be taken as silent.
    Gap {
        /// How many.
        frames: usize,
        /// The position of the first.
        start: FrameTime,
    },
    /// More were lost than silence may stand for: the stream goes on after
    /// them.
    Restart {
        /// How many.
        frames: u64,
        /// The position of the first.
        start: FrameTime,
    },
    /// Nothing is there yet.
    Nothing,
}

/// The worker's end.
#[derive(Debug)]
pub struct CaptureEnd {
    rate: Rate,
    frames: FramesOut,
    readings: Reader<Reading>,
    stamps: Reader<Stamp>,
    gauges: Arc<CaptureGauges>,
    position: FrameTime,
    /// The position of the stream's first frame.
    origin: i64,
    /// Until the first frame is here: the position after the last frame of the
    /// stream before this one, and when that frame was handed over.
    after: Option<(FrameTime, Nanos)>,
    stamp: Stamp,
}

impl CaptureEnd {
    /// This stream comes after another: its positions go on from `end`, whose
    /// last frame was handed over at `at`, by as much as time has passed. So one
    /// axis holds for a whole conversation, whatever its devices do.
    pub(super) fn follow(&mut self, end: FrameTime, at: Nanos) {
        self.position = FrameTime { epoch: self.position.epoch, ..end.at_rate(self.rate) };
        self.after = Some((end, at));
    }

    /// Finds the place of the first frame by the time of its callback: where a
    /// block begins, and never before what follows on. `false` while no frame is
    /// here.
    fn settle(&mut self) -> bool {
        let Some((end, at)) = self.after else { return true };
        let Some(stamp) = self.stamps.peek() else { return false };
        let captured_at = stamp.at - self.rate.duration_of(stamp.pushed);
        let away = captured_at.since(at).max(AWAY_MIN).0;
        let (hz, end_hz) = (i64::from(self.rate.hz()), i64::from(end.rate.hz()));
        let blocks = (end.frames * 100).div_euclid(end_hz) + 1 + away.div_ceil(BLOCK_NS) as i64;
        self.origin = blocks * hz / 100;
        self.position.frames = self.origin;
        self.gauges.origin.store(self.origin as u64, Release);
        self.after = None;
        true
    }

    /// The position of the next frame, as far as that is known.
    pub(super) fn begin(&mut self) -> FrameTime {
        self.settle();
        self.position
    }

    /// The position of the stream's first frame.
    pub(super) fn origin(&self) -> i64 {
        self.origin
    }

    /// The rate of the frames.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Frames that wait; more may be missing in between.
    pub fn waiting(&self) -> usize {
        self.frames.waiting()
    }

    /// The position of the next frame.
    pub fn position(&self) -> FrameTime {
        self.position
    }

    /// What others may see of the stream.
    pub fn gauges(&self) -> &CaptureGauges {
        &self.gauges
    }

    /// Takes what comes next, up to a gap and up to the length of `out`.
    pub fn take(&mut self, out: &mut [f32]) -> Captured {
        if !self.settle() {
            return Captured::Nothing;
        }
        let start = self.position;
        match self.frames.take(out) {
            Taken::Frames(frames) => {
                self.position = start.plus(frames as i64);
                Captured::Frames { frames, start, at: self.handed_over_at() }
            }
            Taken::Gap(frames) => self.take_gap(frames, out.len()),
            Taken::Nothing => Captured::Nothing,
        }
    }

    fn take_gap(&mut self, missing: u64, frames_max: usize) -> Captured {
        let start = self.position;
        let is_long = missing > GAP_SECS_MAX * u64::from(self.rate.hz());
        let frames = if is_long { missing } else { missing.min(frames_max as u64) };
        self.frames.pass(frames);
        self.position = start.plus(frames as i64);
        if is_long {
            return Captured::Restart { frames, start };
        }
        Captured::Gap { frames: frames as usize, start }
    }

    /// Stamps of callbacks, and readings of the clock, that found no room.
    pub(super) fn refused_stamps(&self) -> u64 {
        self.stamps.refused() + self.readings.refused()
    }

    /// Where the callback tells when its frames came.
    pub(super) fn readings(&mut self) -> &mut Reader<Reading> {
        &mut self.readings
    }

    /// When the device handed over the last frame taken: the newest stamp
    /// that does not cover less. A stamp that found no room makes it late by a
    /// callback.
    fn handed_over_at(&mut self) -> Nanos {
        while self.stamp.pushed < self.frames.popped() {
            match self.stamps.pop() {
                Some(stamp) => self.stamp = stamp,
                None => break,
            }
        }
        self.stamp.at
    }

    /// Throws away what waits, as at the start of a conversation.
    pub fn drain(&mut self) {
        let mut scratch = [0.0; 256];
        while self.take(&mut scratch) != Captured::Nothing {}
    }

    /// Device frames delivered so far, lost ones included (wrapping).
    pub fn delivered(&self) -> usize {
        self.gauges.frames.load(Acquire)
    }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
