//! The linear part: the way from the loudspeaker to the microphone as a filter
//! that spans 512 ms, longer than any usual delay with its room behind it, so
//! that no delay has to be estimated.
//!
//! A Kalman filter in partitions of 4 ms in the frequency domain. Its state is
//! the response of each partition; how uncertain it is decides how far one hop
//! moves it, against what else is in the microphone. So it learns fast at first
//! and stands still while the user speaks, without a detector of double talk.
//!
//! Sources: Enzner and Vary, "Frequency-domain adaptive Kalman filter for
//! acoustic echo control in hands-free telephones", Signal Processing 86, 2006;
//! Kuech, Mabande and Enzner, "State-space architecture of the
//! partitioned-block-based acoustic echo controller", ICASSP 2014.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

#![expect(clippy::needless_range_loop, reason = "several arrays, one loop of vectors")]

use super::{HOP_FRAMES, Hop, transform::Transform};

/// 512 ms.
const PARTITIONS: usize = 128;
/// Below 8 kHz, which no voice needs: a multiple of the vector registers.
const BINS: usize = HOP_FRAMES;
const FRAME: usize = 2 * HOP_FRAMES;
/// How much of a response stays from one hop to the next; squared.
const STEADINESS: f32 = 0.9995 * 0.9995;
/// What each partition may be before anything is known: −23 dB.
const UNCERTAINTY: f32 = 0.005;
/// What else is in the microphone is smoothed over 40 ms.
const DISTURBANCE_MEMORY: f32 = 0.9;
const DISTURBANCE_FIRST: f32 = 1e-6;
/// Its least power, in the units of the transform: far below any microphone.
const DISTURBANCE_MIN: f32 = 1e-7;
/// One in so many partitions is kept causal and short in a hop.
const CONSTRAIN_EVERY: usize = 8;
/// A path that has moved may have moved anywhere: each partition may be, per
/// hop, by so much of the whole response…
const MOVED: f32 = 0.003 / 16.0;
/// …and at most as uncertain as the whole of it is large.
const MOVED_MAX: f32 = 1.0;
/// Below this power of a far-end hop there is nothing to learn from: −100 dBFS.
const SILENCE: f32 = 1e-10;

type Bins = [f32; BINS];

/// A spectrum of the far end, its parts apart for the vector registers.
#[derive(Clone)]
struct Spectrum {
    re: Bins,
    im: Bins,
    power: Bins,
}

/// 4 ms of the response and its uncertainty.
#[derive(Clone)]
struct Partition {
    re: Bins,
    im: Bins,
    uncertainty: Bins,
}

const SILENT: Spectrum = Spectrum { re: [0.0; BINS], im: [0.0; BINS], power: [0.0; BINS] };
const UNKNOWN: Partition =
    Partition { re: [0.0; BINS], im: [0.0; BINS], uncertainty: [UNCERTAINTY; BINS] };

/// The filter between the loudspeaker and the microphone.
pub(super) struct Filter {
    transform: Transform,
    far: [f32; FRAME],
    /// The far end's spectra, the newest at `newest`, older ones after it.
    spectra: Box<[Spectrum]>,
    newest: usize,
    partitions: Box<[Partition]>,
    disturbance: Bins,
    turn: usize,
    /// Hops since the far end was more than silence.
    silent_hops: usize,
    /// Of the newest residual.
    re: Bins,
    im: Bins,
}

impl Filter {
    /// A filter that knows no path. Allocates.
    pub(super) fn new() -> Self {
        Self {
            transform: Transform::new(FRAME),
            far: [0.0; FRAME],
            spectra: vec![SILENT; PARTITIONS].into(),
            newest: 0,
            partitions: vec![UNKNOWN; PARTITIONS].into(),
            disturbance: [DISTURBANCE_FIRST; BINS],
            turn: 0,
            silent_hops: PARTITIONS,
            re: [0.0; BINS],
            im: [0.0; BINS],
        }
    }

    /// Back to one that knows no path.
    pub(super) fn reset(&mut self) {
        self.far.fill(0.0);
        for spectrum in &mut self.spectra {
            *spectrum = SILENT;
        }
        for partition in &mut self.partitions {
            *partition = UNKNOWN;
        }
        self.newest = 0;
        self.disturbance = [DISTURBANCE_FIRST; BINS];
        self.turn = 0;
        self.silent_hops = PARTITIONS;
    }

    /// Whether the far end was silent for as long as the filter reaches.
    fn is_idle(&self) -> bool {
        self.silent_hops >= PARTITIONS
    }

    /// The echo in the hop of the microphone that was captured while `far` was
    /// played.
    pub(super) fn echo(&mut self, far: &Hop) -> Hop {
        let power: f32 = far.iter().map(|s| s * s).sum();
        let is_silent = power < SILENCE * HOP_FRAMES as f32;
        self.silent_hops = if is_silent { (self.silent_hops + 1).min(PARTITIONS) } else { 0 };
        self.hear(far);
        let mut echo = [0.0; HOP_FRAMES];
        if self.is_idle() {
            return echo;
        }
        let (mut re, mut im) = ([0.0; BINS], [0.0; BINS]);
        let (newer, older) = self.spectra.split_at(self.newest);
        for (x, w) in older.iter().chain(newer).zip(&self.partitions) {
            for k in 0..BINS {
                re[k] += x.re[k] * w.re[k] - x.im[k] * w.im[k];
                im[k] += x.re[k] * w.im[k] + x.im[k] * w.re[k];
            }
        }
        let time = self.transform.inverse(&re, &im);
        echo.copy_from_slice(&time[HOP_FRAMES..]);
        echo
    }

    fn hear(&mut self, far: &Hop) {
        self.far.copy_within(HOP_FRAMES.., 0);
        self.far[HOP_FRAMES..].copy_from_slice(far);
        self.newest = (self.newest + PARTITIONS - 1) % PARTITIONS;
        let spectrum = &mut self.spectra[self.newest];
        self.transform.forward(&self.far, &mut spectrum.re, &mut spectrum.im);
        for k in 0..BINS {
            spectrum.power[k] = spectrum.re[k].powi(2) + spectrum.im[k].powi(2);
        }
    }

    /// Learns from what the microphone had beside the echo that was expected.
    pub(super) fn adapt(&mut self, residual: &Hop) {
        if self.is_idle() {
            return;
        }
        let mut frame = [0.0; FRAME];
        frame[HOP_FRAMES..].copy_from_slice(residual);
        self.transform.forward(&frame, &mut self.re, &mut self.im);
        let mut expected = [0.0; BINS];
        for k in 0..BINS {
            let power = self.re[k].powi(2) + self.im[k].powi(2);
            self.disturbance[k] += (1.0 - DISTURBANCE_MEMORY) * (power - self.disturbance[k]);
            expected[k] = self.disturbance[k] + DISTURBANCE_MIN;
        }
        let (newer, older) = self.spectra.split_at(self.newest);
        for (x, w) in older.iter().chain(newer).zip(&self.partitions) {
            for k in 0..BINS {
                expected[k] += 0.5 * x.power[k] * w.uncertainty[k];
            }
        }
        let per_expected = expected.map(|power| 1.0 / power);
        for k in 0..BINS {
            self.re[k] *= per_expected[k];
            self.im[k] *= per_expected[k];
        }
        for (x, w) in older.iter().chain(newer).zip(&mut self.partitions) {
            for k in 0..BINS {
                let gain = w.uncertainty[k];
                w.re[k] += gain * (x.re[k] * self.re[k] + x.im[k] * self.im[k]);
                w.im[k] += gain * (x.re[k] * self.im[k] - x.im[k] * self.re[k]);
                let learnt = 0.5 * x.power[k] * gain * per_expected[k];
                let size = w.re[k] * w.re[k] + w.im[k] * w.im[k];
                w.uncertainty[k] = STEADINESS * (1.0 - learnt) * gain + (1.0 - STEADINESS) * size;
            }
        }
        self.constrain();
    }

    /// A product of spectra wraps around: the second half of what a partition
    /// means in time has to be nothing.
    fn constrain(&mut self) {
        for w in self.partitions.iter_mut().skip(self.turn).step_by(CONSTRAIN_EVERY) {
            let time = self.transform.inverse(&w.re, &w.im);
            time[HOP_FRAMES..].fill(0.0);
            let mut frame = [0.0; FRAME];
            frame.copy_from_slice(time);
            self.transform.forward(&frame, &mut w.re, &mut w.im);
        }
        self.turn = (self.turn + 1) % CONSTRAIN_EVERY;
    }

    /// The path is not where it was: all of it becomes less certain.
    pub(super) fn doubt(&mut self) {
        let mut size = [0.0; BINS];
        for w in &self.partitions {
            for k in 0..BINS {
                size[k] += w.re[k] * w.re[k] + w.im[k] * w.im[k];
            }
        }
        for w in &mut self.partitions {
            for k in 0..BINS {
                let doubted = w.uncertainty[k] + MOVED * size[k];
                w.uncertainty[k] = doubted.min(MOVED_MAX * size[k]).max(w.uncertainty[k]);
            }
        }
    }

    /// Where most of the response is, in frames.
    pub(super) fn delay_frames(&self) -> usize {
        let power =
            |w: &Partition| -> f32 { w.re.iter().chain(&w.im).map(|part| part * part).sum() };
        let strongest = self
            .partitions
            .iter()
            .enumerate()
            .max_by(|(_, a), (_, b)| power(a).total_cmp(&power(b)));
        strongest.map_or(0, |(index, _)| index * HOP_FRAMES)
    }
}
