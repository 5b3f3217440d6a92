//! The echo of a loudspeaker, measured on a recording: what was played beside
//! what the microphone captured meanwhile.
//!
//! The recording begins with two seconds or more of quiet; then comes
//! [`signal`], wherever it begins. [`examine`] tells how late and how loud the
//! echo is, how much the loudspeaker distorts, and how the clocks differ; [`left`]
//! what a canceller made of it.

mod response;
mod signal;

use std::ops::Range;

pub use self::signal::{Band, VOICE_LEVEL, VOICE_S, signal};
use self::{response::Response, signal::Parts};
use crate::audio::{Dbfs, Rate};

/// Anything louder is sound that was played.
const PLAYED_LEAST: f32 = 1e-4;
/// The latest echo that is looked for.
const LATEST_S: f64 = 0.6;
/// How far the strongest moment of a response stands over the noise, in power
/// (20 dB), where there is an echo. The highest of so many frames of mere noise
/// is at 13 dB.
const CLEAR: f64 = 100.0;
/// Where a response holds nothing but noise: before the fifth harmonic.
const NOISE_S: [f64; 2] = [-0.6, -0.45];
/// The harmonics that are looked at, and how much of each.
const HARMONICS: Range<u32> = 2..5;
const HARMONIC_S: f64 = 0.05;
/// What the microphone's own beginning may take, and what is one look at it.
const BEGINNING_S: f64 = 0.3;
const LOOK_S: f64 = 0.05;
/// So near full scale, for so many frames, is clipped.
const CLIPPED: f32 = 0.99;
const CLIPPED_FRAMES: usize = 3;
/// The end of the voice by which a canceller is judged, in seconds: by then it has
/// seen the room.
const SETTLED_S: f64 = 2.0;

/// What was played and what was captured meanwhile, frame beside frame.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The rate of both.
    pub rate: Rate,
    /// What was played.
    pub far: &'a [f32],
    /// What was captured.
    pub microphone: &'a [f32],
}

/// What the recording shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// The microphone before anything was played, RMS.
    pub noise: Dbfs,
    /// The highest peak of the microphone.
    pub loudest: Dbfs,
    /// Frames of the microphone at full scale.
    pub clipped_frames: usize,
    /// The echo; none where nothing of what was played is to be found.
    pub echo: Option<Echo>,
}

/// The echo.
#[derive(Clone, Debug, PartialEq)]
pub struct Echo {
    /// How much later it is than the far end, in seconds.
    pub delay_s: f64,
    /// How loud a voice comes back that is played at [`VOICE_LEVEL`], RMS, without
    /// the noise.
    pub level: Dbfs,
    /// What was played over its echo, in decibels: negative where the echo is
    /// louder.
    pub return_loss_db: f32,
    /// All harmonics over the sound itself, in decibels of power; none where noise
    /// hides them.
    pub distortion_db: Option<f32>,
    /// How much later the echo becomes by the far end beside it, in parts per
    /// million; none where only one sweep was heard.
    pub drift_left_ppm: Option<f64>,
    /// How much faster the microphone's clock runs than the speaker's, in parts
    /// per million: what the far end followed, and what is left.
    pub drift_ppm: Option<f64>,
    /// The echo of the end of the voice, in seconds of the recording.
    pub settled: Range<f64>,
}

impl Echo {
    /// How much later it was at the second sweep than at the first, by the far
    /// end, in milliseconds.
    pub fn moved_ms(&self) -> Option<f64> {
        self.drift_left_ppm.map(|ppm| 1e-3 * ppm * (Parts::SWEEPS[1] - Parts::SWEEPS[0]))
    }

    /// The harmonics as a share of the sound itself, in percent of amplitude.
    pub fn distortion_percent(&self) -> Option<f32> {
        self.distortion_db.map(|db| 100.0 * Dbfs(db).amplitude())
    }
}

/// What a canceller left of the echo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Left {
    /// How much quieter the microphone became, in decibels.
    pub enhancement_db: f32,
    /// What is left, noise included, RMS.
    pub level: Dbfs,
}

/// Measures a recording; none where nothing was played.
pub fn examine(pair: Pair, band: Band) -> Option<Findings> {
    let start = pair.far.iter().position(|sample| sample.abs() > PLAYED_LEAST)?;
    let start_s = start as f64 / pair.hz();
    let noise = pair.noise(start);
    let peak = pair.microphone.iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs()));
    Some(Findings {
        noise,
        loudest: Dbfs::of_amplitude(peak),
        clipped_frames: clipped_frames(pair.microphone),
        echo: pair.echo(start_s, band, noise),
    })
}

/// What is left in `cleaned`, which is as late as the microphone it was made of,
/// both at `rate`.
pub fn left(microphone: &[f32], cleaned: &[f32], rate: Rate, echo: &Echo) -> Left {
    let level = |signal| Dbfs::rms_of(part(signal, f64::from(rate.hz()), &echo.settled));
    let (before, level) = (level(microphone), level(cleaned));
    Left { enhancement_db: before.0 - level.0, level }
}

impl Pair<'_> {
    fn hz(&self) -> f64 {
        f64::from(self.rate.hz())
    }

    /// The level that half of the looks before frame `start` are under.
    fn noise(&self, start: usize) -> Dbfs {
        let [skipped, look] = [BEGINNING_S, LOOK_S].map(|secs| (secs * self.hz()) as usize);
        let quiet = self.microphone.get(skipped..start).unwrap_or_default();
        let mut levels: Vec<_> = quiet.chunks_exact(look).map(Dbfs::rms_of).collect();
        levels.sort_by(|a, b| a.0.total_cmp(&b.0));
        levels.get(levels.len() / 2).copied().unwrap_or(Dbfs::FLOOR)
    }

    fn echo(&self, start_s: f64, band: Band, noise: Dbfs) -> Option<Echo> {
        let responses = Parts::SWEEPS.map(|at_s| self.response(start_s + at_s, band));
        let [first, second] = responses.each_ref().map(is_clear);
        let clear = match (first, second) {
            (true, _) => &responses[0],
            (false, true) => &responses[1],
            (false, false) => return None,
        };
        let (delay_s, _) = clear.peak(0.0, LATEST_S);
        let apart_s = Parts::SWEEPS[1] - Parts::SWEEPS[0];
        let ppm = |later_s: f64| 1e6 * later_s / apart_s;
        let later_s = (first && second).then(|| responses[0].shift(&responses[1], LATEST_S));
        let voice = Parts::voice();
        let heard = start_s + voice.start + delay_s..start_s + voice.end + delay_s;
        let played = Dbfs::rms_of(self.part(self.far, start_s, &voice));
        let level = over_noise(Dbfs::rms_of(part(self.microphone, self.hz(), &heard)), noise);
        Some(Echo {
            delay_s,
            level,
            return_loss_db: played.0 - level.0,
            distortion_db: distortion_db(clear, delay_s, band),
            drift_left_ppm: later_s.map(ppm),
            drift_ppm: later_s.map(|later_s| ppm(later_s + self.far_later_s(start_s, band))),
            settled: heard.end - SETTLED_S..heard.end,
        })
    }

    /// From the sweep that begins there to the microphone.
    fn response(&self, at_s: f64, band: Band) -> Response {
        let [played, heard] = Parts::sweep(at_s);
        let played = part(self.far, self.hz(), &played);
        Response::between(played, part(self.microphone, self.hz(), &heard), self.hz(), band)
    }

    /// How much further from the first the second sweep is than it was made.
    fn far_later_s(&self, start_s: f64, band: Band) -> f64 {
        let [first, second] = Parts::SWEEPS.map(|at_s| {
            let [_, heard] = Parts::sweep(start_s + at_s);
            part(self.far, self.hz(), &heard)
        });
        let most_s = LATEST_S / 2.0;
        // Where a part begins is rounded to a frame.
        let rounded = Parts::SWEEPS.map(|at_s| ((start_s + at_s) * self.hz()) as usize);
        let apart_s = (rounded[1] - rounded[0]) as f64 / self.hz();
        let exact_s = Parts::SWEEPS[1] - Parts::SWEEPS[0];
        Response::between(first, second, self.hz(), band).peak(-most_s, most_s).0 + apart_s
            - exact_s
    }

    fn part<'a>(&self, signal: &'a [f32], start_s: f64, range: &Range<f64>) -> &'a [f32] {
        part(signal, self.hz(), &(start_s + range.start..start_s + range.end))
    }
}

/// A range in seconds of a signal, as far as there is one.
fn part<'a>(signal: &'a [f32], hz: f64, range: &Range<f64>) -> &'a [f32] {
    let frame = |at_s: f64| ((at_s * hz) as usize).min(signal.len());
    &signal[frame(range.start)..frame(range.end)]
}

fn is_clear(response: &Response) -> bool {
    let (_, height) = response.peak(0.0, LATEST_S);
    let [from_s, to_s] = NOISE_S;
    height > 0.0 && height * height > CLEAR * response.power(from_s, to_s)
}

fn distortion_db(response: &Response, delay_s: f64, band: Band) -> Option<f32> {
    let [from_s, to_s] = NOISE_S;
    let noise = response.power(from_s, to_s);
    let of = |n: u32| {
        let at_s = delay_s - band.harmonic_lead_s(n) - 0.1 * HARMONIC_S;
        response.power(at_s, at_s + HARMONIC_S) - noise
    };
    let harmonics: f64 = HARMONICS.map(of).sum();
    // Of less than the noise itself, nothing is known.
    (harmonics > noise).then(|| 10.0 * (harmonics / of(1)).log10() as f32)
}

/// A level without the noise in it.
fn over_noise(level: Dbfs, noise: Dbfs) -> Dbfs {
    let power = level.amplitude().powi(2) - noise.amplitude().powi(2);
    Dbfs::of_amplitude(power.max(0.0).sqrt())
}

fn clipped_frames(signal: &[f32]) -> usize {
    let runs = signal.split(|sample| sample.abs() < CLIPPED);
    runs.map(<[f32]>::len).filter(|frames| *frames >= CLIPPED_FRAMES).sum()
}
