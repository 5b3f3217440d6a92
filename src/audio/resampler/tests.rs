//! Tests of the resampler.

use std::f64::consts::TAU;

use super::*;

const RATES_HZ: [u32; 7] = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

fn pairs() -> impl Iterator<Item = (Rate, Rate)> {
    let rates = RATES_HZ.map(|hz| Rate::new(hz).unwrap());
    rates.into_iter().flat_map(move |from| rates.into_iter().map(move |to| (from, to)))
}

fn convert(resampler: &mut Resampler, input: &[f32]) -> Vec<f32> {
    let mut output = Vec::new();
    for piece in input.chunks(resampler.push_frames_max()) {
        let made = resampler.push(piece);
        let from = output.len();
        output.resize(from + made, 0.0);
        resampler.take(&mut output[from..]);
    }
    output
}

fn sine(hz: f64, rate: Rate, frames: usize) -> Vec<f32> {
    let turns = hz / f64::from(rate.hz());
    (0..frames).map(|i| (TAU * turns * i as f64).sin() as f32).collect()
}

/// The amplitude of the sine of `hz` in `signal` by least squares, and the RMS
/// of everything else: images, aliases, noise.
fn sine_and_rest(signal: &[f32], hz: f64, rate: Rate) -> (f64, f64) {
    let turns = hz / f64::from(rate.hz());
    let at = |i: usize| (TAU * turns * i as f64).sin_cos();
    let (mut ss, mut sc, mut cc, mut sx, mut cx) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (i, &x) in signal.iter().enumerate() {
        let ((s, c), x) = (at(i), f64::from(x));
        (ss, sc, cc, sx, cx) = (ss + s * s, sc + s * c, cc + c * c, sx + s * x, cx + c * x);
    }
    let determinant = ss * cc - sc * sc;
    let (a, b) = ((sx * cc - cx * sc) / determinant, (cx * ss - sx * sc) / determinant);
    let rest = signal.iter().enumerate().map(|(i, &x)| {
        let (s, c) = at(i);
        (f64::from(x) - a * s - b * c).powi(2)
    });
    (a.hypot(b), (rest.sum::<f64>() / signal.len() as f64).sqrt())
}

fn db(ratio: f64) -> f64 {
    20.0 * ratio.max(1e-12).log10()
}

/// Worst ripple of the pass band and worst spur of the whole input band, both
/// in dB, the second against the sine that caused it.
fn sweep(from: Rate, to: Rate, quality: Quality, pass: f64) -> (f64, f64) {
    let nyquist_hz = f64::from(from.hz().min(to.hz())) / 2.0;
    let input_nyquist_hz = f64::from(from.hz()) / 2.0;
    let mut resampler = Resampler::new(from, to, quality, 4_096).unwrap();
    let (mut ripple_db, mut spur_db) = (0.0f64, -200.0f64);
    let mut run = |hz: f64| {
        resampler.reset();
        let output = convert(&mut resampler, &sine(hz, from, 2_000));
        output[3 * resampler.latency_frames()..].to_vec()
    };
    for step in 1..=12 {
        let hz = pass * nyquist_hz * f64::from(step) / 12.0;
        let (amplitude, rest) = sine_and_rest(&run(hz), hz, to);
        ripple_db = ripple_db.max(db(amplitude).abs());
        spur_db = spur_db.max(db(rest * 2f64.sqrt()));
    }
    // Upwards, a sine under the Nyquist frequency has its images over it.
    for step in 0..=12 {
        let hz = nyquist_hz + (input_nyquist_hz - nyquist_hz) * f64::from(step) / 12.5;
        if hz > nyquist_hz || to < from {
            let output = run(hz);
            let power = output.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>();
            spur_db = spur_db.max(db((power / output.len() as f64).sqrt() * 2f64.sqrt()));
        }
    }
    (ripple_db, spur_db)
}

#[test]
fn a_sine_sweep_between_any_two_rates_leaves_no_alias_and_no_image_over_90_db_down() {
    for (from, to) in pairs().filter(|(from, to)| from != to) {
        let (ripple_db, spur_db) = sweep(from, to, Quality::Fast, 0.8);
        assert!(ripple_db < 0.01, "{from} to {to}: ripple {ripple_db} dB");
        assert!(spur_db <= -90.0, "{from} to {to}: spur {spur_db} dB");
    }
}
