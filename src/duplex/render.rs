//! From the worker to the render callback: what is to be played, and by
//! position what is not to be played any more.
//!
//! Positions count frames pushed to the ring and wrap. A cut is one store of
//! "skip to position N": setting a flag and letting the callback drain would
//! lose the first samples of the next reply in some interleavings, a position
//! cannot. The callback fades the next few milliseconds and drops the rest in
//! one step.
//!
//! Runs on: render callback ([`RenderHalf`]), worker ([`RenderEnd`]). Never
//! allocates, locks, logs or fails, but for `render`.

use std::sync::Arc;

use dasp_sample::{FromSample, Sample};

use super::{
    audible::{AudibleTimes, Begin, Marks, Meeting, marks},
    frames::{FramesIn, FramesOut, frames},
    pace::{Reading, Ticker, ticker},
};
use crate::audio::{
    Doorbell, LiveValue, Nanos, Rate,
    atomic::{
        AtomicU32, AtomicU64, AtomicUsize,
        Ordering::{Acquire, Relaxed, Release},
    },
    convert::to_frame,
    ring::{Reader, Writer, ring},
};

/// Frames in the ring: two of the longest callbacks that any device makes.
const RING_FRAMES: usize = 2 * 8_192;
/// Turning down for a likely interruption takes so long.
const DUCK_MS: f32 = 20.0;
/// After running dry the last value decays to a thousandth in about 5 ms, and
/// what follows rises in so long: neither clicks.
const DRY_DECAY_MS: f32 = 0.7;
const RISE_MS: f32 = 2.0;

/// What the callback lets others see.
#[derive(Debug, Default)]
pub struct RenderGauges {
    /// Calls so far.
    pub callbacks: AtomicU64,
    /// When the last call came.
    pub last_call_at: AtomicU64,
    /// The longest call, in frames.
    pub period_frames_max: AtomicU32,
    /// Times that the ring ran dry in the middle of sound.
    pub underruns: AtomicU64,
    /// Played frames that found no room in the far-end ring.
    pub far_lost_frames: AtomicU64,
    /// How much later than the callback its frames are heard, in frames.
    pub latency_frames: AtomicU32,
}

#[derive(Debug)]
struct Positions {
    /// Callback: ring frames played or skipped (wrapping).
    read: AtomicUsize,
    /// Worker: ring frames before this position are not to be heard.
    skip_to: AtomicUsize,
    /// Callback: frames given to the device before the newest callback,
    /// silence included (wrapping). Those of the newest are still to be played.
    clock: AtomicUsize,
    /// Callback: the clock just after the last ring frame.
    sounded: AtomicUsize,
}

/// The two ends of a render stream at `rate`. Allocates.
pub fn render(rate: Rate, fade_ms: f32, worker: Arc<Doorbell>) -> (RenderHalf, RenderEnd) {
    let (frames_in, frames_out) = ring(RING_FRAMES);
    let (far_in, far_out) = frames(rate.hz() as usize / 2);
    let (ticker, readings) = ticker(rate);
    let (marks, meeting) = marks(rate);
    let gauges = Arc::new(RenderGauges::default());
    let positions = Arc::new(Positions {
        read: AtomicUsize::new(0),
        skip_to: AtomicUsize::new(0),
        clock: AtomicUsize::new(0),
        sounded: AtomicUsize::new(0),
    });
    let gain = LiveValue::new(1.0);
    let per_ms = rate.hz() as f32 / 1_000.0;
    let half = RenderHalf {
        frames: frames_out,
        far: far_in,
        gauges: gauges.clone(),
        positions: positions.clone(),
        worker,
        target_gain: gain.clone(),
        gain: 1.0,
        gain_step: 1.0 / (DUCK_MS * per_ms),
        fade_frames: (fade_ms * per_ms) as usize,
        fade_length: 0,
        fade_left: 0,
        skip_to: 0,
        read: 0,
        last: 0.0,
        decay: (-1.0 / (DRY_DECAY_MS * per_ms)).exp(),
        rise: 1.0,
        rise_step: 1.0 / (RISE_MS * per_ms),
        low_frames: 0,
        clock: 0,
        given: 0,
        ticker,
        meeting,
    };
    let end = RenderEnd {
        rate,
        frames: frames_in,
        far: far_out,
        readings,
        marks,
        gauges,
        positions,
        gain,
        pushed: 0,
    };
    (half, end)
}

/// The render callback's half.
#[derive(Debug)]
pub struct RenderHalf {
    frames: Reader<f32>,
    far: FramesIn,
    gauges: Arc<RenderGauges>,
    positions: Arc<Positions>,
    worker: Arc<Doorbell>,
    target_gain: LiveValue,
    gain: f32,
    gain_step: f32,
    fade_frames: usize,
    /// Of the fade under way: its length, and what is left of it.
    fade_length: usize,
    fade_left: usize,
    skip_to: usize,
    read: usize,
    last: f32,
    decay: f32,
    rise: f32,
    rise_step: f32,
    low_frames: usize,
    clock: usize,
    /// Frames given to the device before this call.
    given: u64,
    ticker: Ticker,
    meeting: Meeting,
}

impl RenderHalf {
    /// The same half, its times counted into these.
    #[must_use]
    pub fn counting_into(mut self, times: &Arc<AudibleTimes>) -> Self {
        self.meeting.count_into(times.clone());
        self
    }

    /// A half whose first sound rises instead of beginning at once: of a reply
    /// that goes on in its midst.
    #[must_use]
    pub fn rising(self) -> Self {
        Self { rise: self.rise_step, ..self }
    }

    /// Fills `out`, interleaved frames of `channels`: our mono on the first
    /// two. The device plays them `latency_frames` after this call, at `now`.
    ///
    /// # Realtime safety
    /// Render callback. Its only system call is the worker's wake, and only
    /// while the worker sleeps.
    #[cfg_attr(rtsan, sanitize(realtime = "nonblocking"))]
    pub fn process<S: Sample + FromSample<f32>>(
        &mut self,
        out: &mut [S],
        channels: usize,
        now: Nanos,
        latency_frames: u32,
    ) {
        let channels = channels.max(1);
        let frames = out.len() / channels;
        let before = self.read;
        let mut mono = [0.0f32; 256];
        let mut sounded_frames = 0;
        self.meeting.called(self.clock, now, latency_frames);
        for (index, part) in out.chunks_mut(mono.len() * channels).enumerate() {
            let count = part.len() / channels;
            let sounded = self.next(&mut mono[..count], index * 256);
            if sounded > 0 {
                sounded_frames = index * mono.len() + sounded;
            }
            for (frame, sample) in part.chunks_exact_mut(channels).zip(&mono) {
                to_frame(*sample, frame);
            }
            let room = self.far.admit(count);
            self.far.push(&mono[..room]);
            self.gauges.far_lost_frames.fetch_add((count - room) as u64, Relaxed);
        }
        // The device asks for these when it has played what it had before.
        self.ticker.tick(self.given, now);
        self.given += frames as u64;
        self.publish(frames, sounded_frames, now, latency_frames);
        self.wake_worker(frames, before, now);
    }

    fn publish(&mut self, frames: usize, sounded_frames: usize, now: Nanos, latency_frames: u32) {
        let positions = &self.positions;
        let clock = self.clock;
        self.clock = clock.wrapping_add(frames);
        if sounded_frames > 0 {
            positions.sounded.store(clock.wrapping_add(sounded_frames), Relaxed);
        }
        positions.clock.store(clock, Release);
        positions.read.store(self.read, Release);
        let gauges = &self.gauges;
        gauges.callbacks.fetch_add(1, Relaxed);
        gauges.last_call_at.store(now.0, Relaxed);
        gauges.period_frames_max.fetch_max(frames as u32, Relaxed);
        gauges.latency_frames.store(latency_frames, Relaxed);
    }

    /// The worker tops the ring up to a period and a block: it is asked to as
    /// soon as frames were taken, and while there is an end to be noticed.
    fn wake_worker(&mut self, frames: usize, before: usize, now: Nanos) {
        let took = self.read != before;
        self.low_frames = if took { 0 } else { self.low_frames.saturating_add(frames) };
        if took || self.low_frames < RING_FRAMES {
            self.worker.ring_at(now);
        }
    }

    /// Fills `mono`, `offset` frames after the callback's first, and returns the
    /// number of frames up to the last one that came from the ring.
    fn next(&mut self, mono: &mut [f32], offset: usize) -> usize {
        self.notice_cut();
        let mut sounded = 0;
        let mut filled = 0;
        while filled < mono.len() {
            if self.fade_left == 0 {
                self.skip();
            }
            let wanted = match self.fade_left {
                0 => mono.len() - filled,
                left => left.min(mono.len() - filled),
            };
            let part = &mut mono[filled..filled + wanted];
            let got = self.frames.pop_slice(part);
            self.meeting.played(self.read, got, offset + filled);
            self.read = self.read.wrapping_add(got);
            self.shape(&mut part[..got]);
            filled += got;
            if got > 0 {
                sounded = filled;
            }
            if got < wanted {
                self.fade_left = 0;
                self.run_dry(&mut mono[filled..]);
                break;
            }
        }
        sounded
    }

    fn notice_cut(&mut self) {
        let skip_to = self.positions.skip_to.load(Acquire);
        if skip_to == self.skip_to {
            return;
        }
        self.skip_to = skip_to;
        self.meeting.noticed_cut();
        let pending = skip_to.wrapping_sub(self.read) as isize;
        if pending > 0 && self.fade_left == 0 {
            self.fade_length = self.fade_frames.min(pending as usize);
            self.fade_left = self.fade_length;
        }
    }

    /// Drops what a cut left after its fade.
    fn skip(&mut self) {
        self.meeting.silenced(self.skip_to);
        let pending = self.skip_to.wrapping_sub(self.read) as isize;
        if pending > 0 {
            let skipped = self.frames.skip(pending as usize);
            self.read = self.read.wrapping_add(skipped);
            self.gain = self.target_gain.get();
            self.last = 0.0;
            self.rise = 1.0;
        }
    }

    /// Gain, fade and rise.
    fn shape(&mut self, part: &mut [f32]) {
        let target = self.target_gain.get();
        for sample in &mut *part {
            if self.fade_left > 0 {
                *sample *= self.fade_left as f32 / (self.fade_length + 1) as f32;
                self.fade_left -= 1;
            } else {
                self.gain += (target - self.gain).clamp(-self.gain_step, self.gain_step);
            }
            *sample *= self.gain;
            if self.rise < 1.0 {
                *sample *= self.rise;
                self.rise = (self.rise + self.rise_step).min(1.0);
            }
        }
        if let Some(last) = part.last() {
            self.last = *last;
        }
    }

    fn run_dry(&mut self, part: &mut [f32]) {
        if self.last.abs() > 1e-3 && !part.is_empty() {
            if self.rise >= 1.0 {
                self.gauges.underruns.fetch_add(1, Relaxed);
            }
            self.rise = self.rise_step;
        }
        for sample in part {
            self.last *= self.decay;
            if self.last.abs() < 1e-6 {
                self.last = 0.0;
            }
            *sample = self.last;
        }
    }

    /// What others may see of it.
    pub fn gauges(&self) -> Arc<RenderGauges> {
        self.gauges.clone()
    }
}

/// The worker's end.
#[derive(Debug)]
pub struct RenderEnd {
    rate: Rate,
    frames: Writer<f32>,
    far: FramesOut,
    readings: Reader<Reading>,
    marks: Marks,
    gauges: Arc<RenderGauges>,
    positions: Arc<Positions>,
    gain: LiveValue,
    pushed: usize,
}

impl RenderEnd {
    /// The device's rate.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Frames in the ring that the callback has not taken yet.
    pub fn pending_frames(&self) -> usize {
        self.pushed.wrapping_sub(self.played())
    }

    /// Frames that the ring still takes.
    pub fn room(&self) -> usize {
        self.frames.room()
    }

    /// The longest callback so far, in frames; 0 before the first.
    pub fn period_frames(&self) -> usize {
        self.gauges.period_frames_max.load(Relaxed) as usize
    }

    /// How many frames after a callback its frames are heard.
    pub fn latency_frames(&self) -> usize {
        self.gauges.latency_frames.load(Relaxed) as usize
    }

    /// Adds frames and returns the position after them.
    pub fn push(&mut self, frames: &[f32]) -> usize {
        let written = self.frames.push_slice(frames);
        self.pushed = self.pushed.wrapping_add(written);
        self.pushed
    }

    /// The position after the last frame pushed.
    pub fn pushed(&self) -> usize {
        self.pushed
    }

    /// The position up to which frames were played or skipped.
    pub fn played(&self) -> usize {
        self.positions.read.load(Acquire)
    }

    /// Whether every frame before `position` was played, and the last of them
    /// at least `latency_frames` ago on the device's own clock.
    pub fn is_heard(&self, position: usize, latency_frames: usize) -> bool {
        let played = (self.played().wrapping_sub(position) as isize) >= 0;
        let clock = self.positions.clock.load(Acquire);
        let since = clock.wrapping_sub(self.positions.sounded.load(Relaxed)) as isize;
        played && since >= latency_frames as isize
    }

    /// A reply begins with the next frame pushed, at `now`; it answers speech
    /// that ended then.
    pub(super) fn begin(&mut self, now: Nanos, answers: Option<Nanos>) {
        self.marks.begin(Begin { first: self.pushed, at: now, answers });
    }

    /// Marks, and readings of the clock, that found no room.
    pub(super) fn refused_marks(&self) -> u64 {
        self.marks.refused() + self.readings.refused()
    }

    /// Nothing pushed so far is heard any more, but for the fade.
    pub fn cut(&mut self) {
        self.marks.cut(self.positions.clock.load(Acquire));
        self.positions.skip_to.store(self.pushed, Release);
    }

    /// Turns what is played down, or up again.
    pub fn set_gain(&self, gain: f32) {
        self.gain.set(gain);
    }

    /// What was really played, with the gaps where it found no room.
    pub(super) fn far(&mut self) -> &mut FramesOut {
        &mut self.far
    }

    /// Where the callback tells when its frames were asked for.
    pub(super) fn readings(&mut self) -> &mut Reader<Reading> {
        &mut self.readings
    }

    /// What others may see of the stream.
    pub fn gauges(&self) -> &Arc<RenderGauges> {
        &self.gauges
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
