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

#[cfg(test)]
mod tests {
    use super::{
        super::super::tests::{HZ, dbfs, noise, voice},
        *,
    };

    /// A direct sound, so many frames late, and two reflections.
    fn response(delay: usize) -> Vec<(usize, f32)> {
        vec![(delay, 0.5), (delay + 21, -0.2), (delay + 90, 0.1)]
    }

    fn played(secs: usize, seed: u32) -> Vec<f32> {
        let noise = noise(secs * HZ, seed);
        // Nothing at 8 kHz, where the filter does nothing.
        noise.windows(2).map(|pair| 0.15 * (pair[0] + pair[1])).chain([0.0]).collect()
    }

    fn heard(far: &[f32], response: &[(usize, f32)]) -> Vec<f32> {
        let at = |i: usize| {
            let taps = response.iter().filter(|(late, _)| *late <= i);
            taps.map(|(late, gain)| gain * far[i - late]).sum()
        };
        (0..far.len()).map(at).collect()
    }

    /// What is left of the microphone.
    fn run(filter: &mut Filter, far: &[f32], near: &[f32]) -> Vec<f32> {
        let hop = |signal: &[f32]| -> Hop { signal.try_into().unwrap() };
        let pairs = far.chunks_exact(HOP_FRAMES).zip(near.chunks_exact(HOP_FRAMES));
        let residual = |(far, near): (&[f32], &[f32])| -> Hop {
            let (echo, near) = (filter.echo(&hop(far)), hop(near));
            let residual = std::array::from_fn(|i| near[i] - echo[i]);
            filter.adapt(&residual);
            residual
        };
        pairs.flat_map(residual).collect()
    }

    /// What the filter expects wrongly of the echo of another sound, in decibels
    /// of that echo.
    fn error_db(filter: &mut Filter, response: &[(usize, f32)]) -> f32 {
        let far = played(2, 77);
        let near = heard(&far, response);
        let hops =
            far.chunks_exact(HOP_FRAMES).flat_map(|far| filter.echo(far.try_into().unwrap()));
        let error: Vec<f32> = near.iter().zip(hops).map(|(near, echo)| near - echo).collect();
        // Once nothing older is in it.
        dbfs(&error[HZ..]) - dbfs(&near[HZ..])
    }

    fn state(filter: &Filter) -> Vec<Bins> {
        filter.partitions.iter().flat_map(|w| [w.re, w.im, w.uncertainty]).collect()
    }

    #[test]
    fn it_finds_a_response_of_any_delay_up_to_half_a_second() {
        let far = played(5, 1);
        for delay in [0, 37, 1_600, 8_000] {
            let (mut filter, response) = (Filter::new(), response(delay));
            let near = heard(&far, &response);
            let left = run(&mut filter, &far, &near);
            let gone = dbfs(&near[4 * HZ..]) - dbfs(&left[4 * HZ..]);
            let error = error_db(&mut filter, &response);
            assert!(gone > 30.0 && error < -30.0, "{delay}: {gone} dB less, error {error} dB");
            assert_eq!(filter.delay_frames(), delay / HOP_FRAMES * HOP_FRAMES);
        }
    }

    #[test]
    fn it_hardly_moves_while_somebody_speaks_as_loud_as_the_echo() {
        let (far, response) = (played(6, 1), response(700));
        let mut near = heard(&far, &response);
        let from = 4 * HZ;
        let spoken = voice(2 * HZ, 170.0);
        let gain = 10f32.powf((dbfs(&near[from..]) - dbfs(&spoken)) / 20.0);
        for (near, spoken) in near[from..].iter_mut().zip(&spoken) {
            *near += gain * spoken;
        }
        let error = |until: usize| {
            let mut filter = Filter::new();
            run(&mut filter, &far[..until], &near[..until]);
            error_db(&mut filter, &response)
        };
        let (before, after) = (error(from), error(6 * HZ));
        assert!(before < -30.0 && after < -18.0, "{before} dB became {after} dB");
    }

    #[test]
    fn a_silent_far_end_gives_no_echo_and_teaches_nothing() {
        let far = played(1, 1);
        let mut filter = Filter::new();
        run(&mut filter, &far, &heard(&far, &response(300)));
        let silence = vec![0.0; HZ];
        run(&mut filter, &silence, &silence);
        let learnt = state(&filter);
        let spoken = voice(HZ, 150.0);
        assert_eq!(run(&mut filter, &silence, &spoken), spoken[..HZ / HOP_FRAMES * HOP_FRAMES]);
        assert!(state(&filter) == learnt);
    }

    #[test]
    fn after_a_reset_it_is_as_new() {
        let far = played(1, 1);
        let near = heard(&far, &response(300));
        let (mut used, mut new) = (Filter::new(), Filter::new());
        run(&mut used, &played(1, 9), &near);
        used.doubt();
        used.reset();
        assert_eq!(run(&mut used, &far, &near), run(&mut new, &far, &near));
        assert!(state(&used) == state(&new));
    }

    #[test]
    fn a_partition_stays_causal_and_as_short_as_a_hop() {
        let far = played(2, 1);
        let mut filter = Filter::new();
        run(&mut filter, &far, &heard(&far, &response(300)));
        let just = (filter.turn + CONSTRAIN_EVERY - 1) % CONSTRAIN_EVERY;
        for (index, w) in filter.partitions.iter().enumerate() {
            let time = filter.transform.inverse(&w.re, &w.im);
            let (within, beyond) = time.split_at(HOP_FRAMES);
            let far_out_db = dbfs(beyond) - dbfs(within);
            if index % CONSTRAIN_EVERY == just {
                assert!(far_out_db < -20.0, "{index}: {far_out_db} dB");
            }
        }
    }

    #[test]
    fn a_doubt_makes_it_learn_a_moved_path_sooner() {
        let far = played(8, 1);
        let (before, after) = (response(300), response(1_324));
        let near = [&heard(&far, &before)[..4 * HZ], &heard(&far, &after)[4 * HZ..]].concat();
        let error = |doubts: usize| {
            let mut filter = Filter::new();
            run(&mut filter, &far[..4 * HZ], &near[..4 * HZ]);
            (0..doubts).for_each(|_| filter.doubt());
            run(&mut filter, &far[4 * HZ..5 * HZ], &near[4 * HZ..5 * HZ]);
            error_db(&mut filter, &after)
        };
        let (calm, doubting) = (error(0), error(20));
        assert!(doubting < calm - 6.0, "{calm} dB, with doubts {doubting} dB");
    }
}
