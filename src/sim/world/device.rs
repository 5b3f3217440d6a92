//! The virtual device: both callbacks, and how each is lost and comes back. The
//! room and whoever speaks in it go on meanwhile, at the rates that the world
//! began with; a device that comes back with another rate hears and plays them
//! through a converter.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use crate::{
    audio::{Nanos, Rate, Resampler, resampler::Quality},
    duplex::{
        CaptureHalf, RenderHalf,
        capture::CaptureGauges,
        render::RenderGauges,
        watch::{Vitals, Watch},
    },
};

/// Converted at once.
const PART_FRAMES: usize = 4_096;
/// What a storm has, at once.
const STORM_ERRORS: u64 = 1_000;

/// Which of the two streams is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostSides {
    /// The microphone's.
    Microphone,
    /// The speaker's.
    Speaker,
    /// Both, as where a sound server dies.
    Both,
}

/// How a stream is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowLost {
    /// The callbacks stop without a word.
    Silent,
    /// They stop, and an error says so.
    Broken,
    /// Errors come by the thousand, the callbacks too.
    Storm,
    /// The device works on, but another one is the default now.
    Moved,
}

/// A device that is lost and comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceLoss {
    /// Which streams.
    pub sides: LostSides,
    /// How.
    pub how: HowLost,
    /// Nothing can be opened for so long.
    pub lasts: Nanos,
    /// The rate of what is opened then; none leaves it as it was.
    pub rate: Option<Rate>,
}

impl DeviceLoss {
    /// Whether it concerns the microphone, and the speaker.
    pub(super) fn hits(&self) -> [bool; 2] {
        let (mic, speaker) = (LostSides::Microphone, LostSides::Speaker);
        [self.sides != speaker, self.sides != mic]
    }
}

/// What is the same of both sides.
#[derive(Debug)]
pub(super) struct Fate {
    pub(super) watch: Watch,
    /// Frames per callback that are asked for.
    period_frames: usize,
    /// The rate of the stream, and of the next one.
    pub(super) rate: Rate,
    pub(super) next_rate: Rate,
    /// Nothing can be opened before.
    pub(super) back_at: Nanos,
    is_dead: bool,
    is_broken: bool,
    is_moved: bool,
    errors: u64,
}

impl Fate {
    pub(super) fn new(period_frames: usize, rate: Rate) -> Self {
        Self {
            watch: Watch::new(Nanos::ZERO, period_frames, rate),
            period_frames,
            rate,
            next_rate: rate,
            back_at: Nanos::ZERO,
            is_dead: false,
            is_broken: false,
            is_moved: false,
            errors: 0,
        }
    }

    /// The stream is lost at `now`.
    pub(super) fn lose(&mut self, now: Nanos, loss: &DeviceLoss) {
        self.back_at = self.back_at.max(now + loss.lasts);
        self.next_rate = loss.rate.unwrap_or(self.next_rate);
        match loss.how {
            HowLost::Silent => self.is_dead = true,
            HowLost::Broken => (self.is_dead, self.is_broken) = (true, true),
            HowLost::Storm => self.errors += STORM_ERRORS,
            HowLost::Moved => self.is_moved = true,
        }
    }

    fn renew(&mut self, now: Nanos) {
        self.rate = self.next_rate;
        (self.is_dead, self.is_broken, self.is_moved, self.errors) = (false, false, false, 0);
        self.watch.opened(now, self.period_frames, self.rate);
    }

    fn vitals(&self, callbacks: u64, last_call_at: u64, period_frames_max: u32) -> Vitals {
        Vitals {
            callbacks,
            last_call_at: Nanos(last_call_at),
            period_frames_max: period_frames_max as usize,
            errors: self.errors,
            is_broken: self.is_broken,
            is_moved: self.is_moved,
            is_quiet: true,
        }
    }
}

fn converter(from: Rate, to: Rate) -> Option<Resampler> {
    // Both are rates of a device, whose common divisor is large enough.
    if from == to { None } else { Resampler::new(from, to, Quality::Fine, PART_FRAMES).ok() }
}

/// The microphone's callback.
#[derive(Debug)]
pub(super) struct Microphone {
    pub(super) fate: Fate,
    half: Option<CaptureHalf>,
    gauges: Arc<CaptureGauges>,
    /// From the room's rate to its own.
    converter: Option<Resampler>,
    converted: Vec<f32>,
    /// Frames that streams before this one lost.
    lost_before: u64,
}

impl Microphone {
    pub(super) fn new(half: CaptureHalf, fate: Fate) -> Self {
        let gauges = half.gauges();
        let (converter, converted) = (None, Vec::new());
        Self { fate, half: Some(half), gauges, converter, converted, lost_before: 0 }
    }

    /// The next frames of the room are captured.
    pub(super) fn capture(&mut self, sound: &[f32], now: Nanos) {
        let Some(half) = self.half.as_mut().filter(|_| !self.fate.is_dead) else { return };
        let Some(converter) = &mut self.converter else { return half.process(sound, 1, now) };
        self.converted.clear();
        for part in sound.chunks(PART_FRAMES) {
            let before = self.converted.len();
            let made = converter.push(part);
            self.converted.resize(before + made, 0.0);
            converter.take(&mut self.converted[before..]);
        }
        half.process(&self.converted, 1, now);
    }

    /// The stream is dropped.
    pub(super) fn drop_stream(&mut self) {
        self.half = None;
    }

    /// It is opened anew in a room of that rate.
    pub(super) fn attach(&mut self, half: CaptureHalf, now: Nanos, room: Rate) {
        self.lost_before = self.lost_frames();
        self.fate.renew(now);
        self.gauges = half.gauges();
        self.half = Some(half);
        self.converter = converter(room, self.fate.rate);
    }

    pub(super) fn vitals(&self) -> Vitals {
        let CaptureGauges { callbacks, last_call_at, period_frames_max, .. } = &*self.gauges;
        let [callbacks, last_call_at] = [callbacks, last_call_at].map(|gauge| gauge.load(Relaxed));
        self.fate.vitals(callbacks, last_call_at, period_frames_max.load(Relaxed))
    }

    pub(super) fn lost_frames(&self) -> u64 {
        self.lost_before + self.gauges.lost_frames.load(Relaxed)
    }
}

/// The speaker's callback.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) fate: Fate,
    half: Option<RenderHalf>,
    gauges: Arc<RenderGauges>,
    /// From its own rate to the room's.
    converter: Option<Resampler>,
    rendered: Vec<f32>,
    /// Converted, and not played yet.
    ahead: Vec<f32>,
    /// Frames asked for since it was opened, at the room's rate; and of the
    /// stream.
    played: u64,
    asked: u64,
    pub(super) latency: Nanos,
    /// The longest callback of this stream.
    pub(super) period_max: usize,
}

impl Speaker {
    pub(super) fn new(half: RenderHalf, fate: Fate, latency: Nanos) -> Self {
        Self {
            period_max: fate.period_frames,
            fate,
            gauges: half.gauges(),
            half: Some(half),
            converter: None,
            rendered: Vec::new(),
            ahead: Vec::new(),
            played: 0,
            asked: 0,
            latency,
        }
    }

    /// The next frames of the room are played; silence where there is no stream.
    pub(super) fn play(&mut self, sound: &mut [f32], room: Rate, now: Nanos) {
        let latency = self.fate.rate.frames_in(self.latency) as u32;
        let Some(half) = self.half.as_mut().filter(|_| !self.fate.is_dead) else { return };
        let Some(converter) = &mut self.converter else {
            self.period_max = self.period_max.max(sound.len());
            return half.process(sound, 1, now, latency);
        };
        self.played += sound.len() as u64;
        let own = u64::from(self.fate.rate.hz());
        let asked = (self.played * own).div_ceil(u64::from(room.hz()));
        self.rendered.clear();
        self.rendered.resize((asked - self.asked) as usize, 0.0);
        self.asked = asked;
        self.period_max = self.period_max.max(self.rendered.len());
        half.process(&mut self.rendered, 1, now, latency);
        for part in self.rendered.chunks(PART_FRAMES) {
            let before = self.ahead.len();
            let made = converter.push(part);
            self.ahead.resize(before + made, 0.0);
            converter.take(&mut self.ahead[before..]);
        }
        let ready = sound.len().min(self.ahead.len());
        sound[..ready].copy_from_slice(&self.ahead[..ready]);
        self.ahead.drain(..ready);
    }

    /// The stream is dropped.
    pub(super) fn drop_stream(&mut self) {
        self.half = None;
    }

    /// It is opened anew in a room of that rate.
    pub(super) fn attach(&mut self, half: RenderHalf, now: Nanos, room: Rate) {
        self.fate.renew(now);
        self.gauges = half.gauges();
        self.half = Some(half);
        self.converter = converter(self.fate.rate, room);
        (self.played, self.asked, self.period_max) = (0, 0, self.fate.period_frames);
        self.ahead.clear();
    }

    /// How much later than it would without a converter a sound is played.
    pub(super) fn conversion(&self) -> Nanos {
        let latency = self.converter.as_ref().map_or(0, Resampler::latency_frames);
        self.fate.rate.duration_of(latency as u64)
    }

    pub(super) fn vitals(&self) -> Vitals {
        let RenderGauges { callbacks, last_call_at, period_frames_max, .. } = &*self.gauges;
        let [callbacks, last_call_at] = [callbacks, last_call_at].map(|gauge| gauge.load(Relaxed));
        self.fate.vitals(callbacks, last_call_at, period_frames_max.load(Relaxed))
    }
}
