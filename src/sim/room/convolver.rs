//! Sound through a response of thousands of frames, sample by sample and
//! without delay: the first frames of the response in time, the rest in blocks
//! in frequency (overlap-save with equal partitions; T. G. Stockham, "High-speed
//! convolution and correlation", 1966). A response of half a second at 48 kHz
//! would take a billion products per second in time alone. Blocks lie on whole
//! multiples of [`BLOCK`], so that no caller's cuts change a bit.

use super::fourier::Fourier;
use crate::audio::resampler::dot;

/// Frames per block: the head in time and the tail in frequency then cost
/// about the same.
const BLOCK: usize = 256;
/// The spectrum of two blocks of real numbers.
const BINS: usize = BLOCK + 1;

/// A response, ready to be applied.
#[derive(Debug)]
pub(super) struct Response {
    /// The first block, newest first turned to oldest first.
    head: Vec<f32>,
    /// The spectra of the blocks after it.
    tail: Vec<Spectrum>,
}

#[derive(Clone, Debug)]
struct Spectrum {
    re: [f32; BINS],
    im: [f32; BINS],
}

/// A response in use, and what its tail adds to the current block.
#[derive(Debug)]
struct Applied {
    response: Response,
    tail: [f32; BLOCK],
}

/// Sound on its way through a response.
#[derive(Debug)]
pub(super) struct Convolver {
    fourier: Fourier,
    /// The block before, then the current one.
    line: [f32; 2 * BLOCK],
    /// Frames of the current block.
    filled: usize,
    /// Spectra of the last blocks, each with the one before; a ring.
    past: Vec<Spectrum>,
    newest: usize,
    now: Applied,
    /// What takes over, and how far it has come.
    next: Option<(Applied, usize)>,
    fade_frames: usize,
    /// Silent frames that came in since the last that was not.
    silent: usize,
}

impl Convolver {
    /// With the taps of a response; a change of it takes `fade_frames`.
    pub(super) fn new(taps: &[f32], fade_frames: usize) -> Self {
        let fourier = Fourier::new(2 * BLOCK);
        let response = respond(&fourier, taps);
        let silent = Spectrum { re: [0.0; BINS], im: [0.0; BINS] };
        Self {
            past: vec![silent; response.tail.len().max(1)],
            now: Applied { response, tail: [0.0; BLOCK] },
            fourier,
            line: [0.0; 2 * BLOCK],
            filled: 0,
            newest: 0,
            next: None,
            fade_frames,
            silent: 0,
        }
    }

    /// From the next frame on the response becomes this one, which is not
    /// longer than the first.
    pub(super) fn change(&mut self, taps: &[f32]) {
        let mut next = Applied { response: respond(&self.fourier, taps), tail: [0.0; BLOCK] };
        next.apply(&self.fourier, &self.past, self.newest);
        self.next = Some((next, 0));
    }

    /// The next frame in, and the one that this makes.
    pub(super) fn next(&mut self, input: f32) -> f32 {
        self.silent = if input == 0.0 { self.silent + 1 } else { 0 };
        if self.silent > (self.past.len() + 3) * BLOCK && self.next.is_none() {
            return 0.0; // All has died away: only silence is left inside.
        }
        self.line[BLOCK + self.filled] = input;
        let window = &self.line[self.filled + 1..=BLOCK + self.filled];
        let mut output = self.now.frame(window, self.filled);
        if let Some((next, faded)) = &mut self.next {
            *faded += 1;
            let part = *faded as f32 / self.fade_frames as f32;
            output += part * (next.frame(window, self.filled) - output);
        }
        if let Some((next, _)) = self.next.take_if(|(_, faded)| *faded >= self.fade_frames) {
            self.now = next;
        }
        self.filled += 1;
        if self.filled == BLOCK {
            self.end_block();
        }
        output
    }

    fn end_block(&mut self) {
        self.newest = (self.newest + self.past.len() - 1) % self.past.len();
        self.past[self.newest] = Spectrum::of(&self.fourier, &self.line);
        self.now.apply(&self.fourier, &self.past, self.newest);
        if let Some((next, _)) = &mut self.next {
            next.apply(&self.fourier, &self.past, self.newest);
        }
        self.line.copy_within(BLOCK.., 0);
        self.filled = 0;
    }
}

fn respond(fourier: &Fourier, taps: &[f32]) -> Response {
    let mut blocks = taps.chunks(BLOCK);
    let mut head = blocks.next().unwrap_or(&[]).to_vec();
    head.resize(BLOCK, 0.0);
    head.reverse();
    let spectrum = |block: &[f32]| {
        let mut line = [0.0; 2 * BLOCK];
        line[..block.len()].copy_from_slice(block);
        Spectrum::of(fourier, &line)
    };
    Response { head, tail: blocks.map(spectrum).collect() }
}

impl Spectrum {
    fn of(fourier: &Fourier, line: &[f32; 2 * BLOCK]) -> Self {
        let (mut re, mut im) = (*line, [0.0; 2 * BLOCK]);
        fourier.transform(&mut re, &mut im);
        let mut spectrum = Self { re: [0.0; BINS], im: [0.0; BINS] };
        spectrum.re.copy_from_slice(&re[..BINS]);
        spectrum.im.copy_from_slice(&im[..BINS]);
        spectrum
    }

    /// Adds the product of two others.
    fn add(&mut self, a: &Self, b: &Self) {
        for bin in 0..BINS {
            self.re[bin] += a.re[bin] * b.re[bin] - a.im[bin] * b.im[bin];
            self.im[bin] += a.re[bin] * b.im[bin] + a.im[bin] * b.re[bin];
        }
    }
}

impl Applied {
    fn frame(&self, window: &[f32], at: usize) -> f32 {
        dot(window, &self.response.head) + self.tail[at]
    }

    /// Makes what the tail adds to the block after the newest of `past`.
    fn apply(&mut self, fourier: &Fourier, past: &[Spectrum], newest: usize) {
        let mut sum = Spectrum { re: [0.0; BINS], im: [0.0; BINS] };
        let (later, sooner) = past.split_at(newest);
        for (input, response) in sooner.iter().chain(later).zip(&self.response.tail) {
            sum.add(input, response);
        }
        let (mut re, mut im) = ([0.0; 2 * BLOCK], [0.0; 2 * BLOCK]);
        re[..BINS].copy_from_slice(&sum.re);
        im[..BINS].copy_from_slice(&sum.im);
        for bin in 1..BLOCK {
            re[2 * BLOCK - bin] = sum.re[bin];
            im[2 * BLOCK - bin] = -sum.im[bin];
        }
        fourier.transform(&mut im, &mut re);
        for (slot, sample) in self.tail.iter_mut().zip(&re[BLOCK..]) {
            *slot = sample / (2 * BLOCK) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::seed::Seed;

    fn noise(frames: usize, seed: u64) -> Vec<f32> {
        let mut seed = Seed::new(seed);
        (0..frames).map(|_| seed.unit() as f32 - 0.5).collect()
    }

    fn in_time(signal: &[f32], taps: &[f32], at: usize) -> f32 {
        let terms = taps.iter().enumerate().take(at + 1);
        terms.map(|(i, tap)| f64::from(tap * signal[at - i])).sum::<f64>() as f32
    }

    #[test]
    fn every_frame_is_the_sum_of_the_definition() {
        let signal = noise(3_000, 1);
        for length in [1, 200, 256, 257, 1_500] {
            let taps = noise(length, 2);
            let mut convolver = Convolver::new(&taps, 10);
            for at in 0..signal.len() {
                let (got, want) = (convolver.next(signal[at]), in_time(&signal, &taps, at));
                assert!((got - want).abs() < 1e-4, "{length} taps, frame {at}: {got}, not {want}");
            }
        }
    }

    #[test]
    fn a_change_fades_from_one_response_to_the_other_and_keeps_what_was_played() {
        let (signal, before, after) = (noise(3_000, 1), noise(900, 2), noise(900, 3));
        let mut convolver = Convolver::new(&before, 400);
        for at in 0..signal.len() {
            if at == 1_700 {
                convolver.change(&after);
            }
            let part = (at as f32 - 1_699.0).clamp(0.0, 400.0) / 400.0;
            let want =
                (1.0 - part) * in_time(&signal, &before, at) + part * in_time(&signal, &after, at);
            let got = convolver.next(signal[at]);
            assert!((got - want).abs() < 1e-4, "frame {at}: {got}, not {want}");
        }
    }
}
