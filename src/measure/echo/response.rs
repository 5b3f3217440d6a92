//! What lies between two signals, as an impulse response: the quotient of their
//! spectra within a band.

use realfft::{RealFftPlanner, num_complex::Complex64};

use super::signal::Band;

/// A frequency at which less than this share of the strongest was played (−60 dB)
/// tells nothing.
const LEAST: f64 = 1e-6;

/// An impulse response; time before zero stands at its end.
pub(super) struct Response {
    taps: Vec<f64>,
    spectrum: Vec<Complex64>,
    hz: f64,
}

impl Response {
    /// From `played` to `heard`, which begin at the same time.
    pub(super) fn between(played: &[f32], heard: &[f32], hz: f64, band: Band) -> Self {
        // The earliest harmonic and the latest echo must not meet.
        let size = (2 * played.len().max(heard.len())).next_power_of_two();
        let [played, heard] = [played, heard].map(|signal| spectrum(signal, size));
        let strongest = played.iter().map(Complex64::norm_sqr).fold(0.0, f64::max);
        let least = (LEAST * strongest).max(f64::MIN_POSITIVE);
        let both = played.iter().zip(&heard).enumerate();
        let quotient = both.map(|(bin, (played, heard))| {
            let weight = weight(bin as f64 * hz / size as f64, band);
            heard * played.conj() * (weight / (played.norm_sqr() + least))
        });
        let spectrum: Vec<_> = quotient.collect();
        Self { taps: samples(spectrum.clone(), size), spectrum, hz }
    }

    /// The strongest moment from one to another, in seconds, to a part of a
    /// frame, and its amplitude.
    pub(super) fn peak(&self, from_s: f64, to_s: f64) -> (f64, f64) {
        peak(&self.taps, self.hz, from_s, to_s)
    }

    /// How much later `other` is, in seconds, up to `most_s`.
    pub(super) fn shift(&self, other: &Self, most_s: f64) -> f64 {
        let both = self.spectrum.iter().zip(&other.spectrum);
        let product = both.map(|(this, other)| other * this.conj()).collect();
        let correlation = samples(product, self.taps.len());
        peak(&correlation, self.hz, -most_s, most_s).0
    }

    /// The mean power of the taps from one moment to another.
    pub(super) fn power(&self, from_s: f64, to_s: f64) -> f64 {
        let taps = window(&self.taps, self.hz, from_s, to_s);
        let (count, sum) = taps.fold((0usize, 0.0), |(n, sum), (_, tap)| (n + 1, sum + tap * tap));
        sum / count.max(1) as f64
    }
}

/// 1 within the band, falling softly to 0 at its ends.
fn weight(hz: f64, Band { low_hz, top_hz }: Band) -> f64 {
    let rising = |part: f64| 0.5 - 0.5 * (std::f64::consts::PI * part.clamp(0.0, 1.0)).cos();
    rising((hz / low_hz - 1.0) / 0.5) * rising((1.0 - hz / top_hz) / 0.15)
}

/// The taps from one moment to another, each with its index from zero on.
fn window(taps: &[f64], hz: f64, from_s: f64, to_s: f64) -> impl Iterator<Item = (i64, f64)> + '_ {
    let [from, to] = [from_s, to_s].map(|at_s| (at_s * hz).round() as i64);
    (from..to).map(|at| (at, taps[at.rem_euclid(taps.len() as i64) as usize]))
}

fn peak(taps: &[f64], hz: f64, from_s: f64, to_s: f64) -> (f64, f64) {
    let strongest = window(taps, hz, from_s, to_s).max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    let Some((at, height)) = strongest else { return (0.0, 0.0) };
    let tap = |at: i64| taps[at.rem_euclid(taps.len() as i64) as usize] * height.signum();
    // The top of the parabola through three points.
    let [before, top, after] = [tap(at - 1), tap(at), tap(at + 1)];
    let bend = before - 2.0 * top + after;
    let part = if bend < 0.0 { 0.5 * (before - after) / bend } else { 0.0 };
    ((at as f64 + part.clamp(-0.5, 0.5)) / hz, height.abs())
}

fn spectrum(signal: &[f32], size: usize) -> Vec<Complex64> {
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(size);
    let mut samples: Vec<f64> = signal.iter().map(|sample| f64::from(*sample)).collect();
    samples.resize(size, 0.0);
    let mut spectrum = transform.make_output_vec();
    // proven: both have the lengths that the plan asks for.
    transform.process(&mut samples, &mut spectrum).expect("the planned lengths");
    spectrum
}

fn samples(mut spectrum: Vec<Complex64>, size: usize) -> Vec<f64> {
    let transform = RealFftPlanner::<f64>::new().plan_fft_inverse(size);
    let mut samples = transform.make_output_vec();
    for end in [0, spectrum.len() - 1] {
        spectrum[end].im = 0.0;
    }
    // proven: both have the lengths that the plan asks for, and the ends are real.
    transform.process(&mut spectrum, &mut samples).expect("the planned lengths");
    for sample in &mut samples {
        *sample /= size as f64;
    }
    samples
}
