//! Sine sweeps, exact lengths and latencies, and the same bits for any cut.

//! Tests of the resampler.

use std::f64::consts::TAU;

use proptest::prelude::*;

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

#[test]
fn the_fine_filter_is_flat_to_nine_tenths_and_rejects_as_much() {
    for (from_hz, to_hz) in [(48_000, 16_000), (24_000, 48_000), (44_100, 48_000), (48_000, 22_050)]
    {
        let (from, to) = (Rate::new(from_hz).unwrap(), Rate::new(to_hz).unwrap());
        let (ripple_db, spur_db) = sweep(from, to, Quality::Fine, 0.9);
        assert!(ripple_db < 0.01 && spur_db <= -90.0, "{from} to {to}: {ripple_db} {spur_db}");
    }
}

#[test]
fn the_latency_is_a_whole_number_of_output_frames_and_exact() {
    let latency_ms = |from: Rate, to: Rate, quality| {
        let mut resampler = Resampler::new(from, to, quality, 441).unwrap();
        let latency = resampler.latency_frames();
        // A wide hump round a whole output frame comes out with its top there.
        let top = 0.05 * f64::from(from.hz());
        let hump = |i: usize| (-((i as f64 - top) / top * 4.0).powi(2)).exp() as f32;
        let output =
            convert(&mut resampler, &(0..from.hz() as usize / 2).map(hump).collect::<Vec<_>>());
        let expected = (0.05 * f64::from(to.hz())).round() as usize + latency;
        let loudest = (0..output.len()).max_by(|&a, &b| output[a].total_cmp(&output[b])).unwrap();
        assert!(loudest.abs_diff(expected) <= 1, "{from} to {to}: {loudest}, not {expected}");
        1_000.0 * latency as f64 / f64::from(to.hz())
    };
    let rate = |hz| Rate::new(hz).unwrap();
    assert_eq!(latency_ms(rate(48_000), rate(16_000), Quality::Fast), 2.0);
    assert!(latency_ms(rate(24_000), rate(48_000), Quality::Fast) < 1.4);
    assert!(latency_ms(rate(44_100), rate(16_000), Quality::Fine) < 4.2);
}

#[test]
fn a_constant_stays_constant_without_ripple_from_phase_to_phase() {
    for (from, to) in pairs() {
        let mut resampler = Resampler::new(from, to, Quality::Fast, 4_096).unwrap();
        let output = convert(&mut resampler, &[0.5; 4_000]);
        let settled = &output[2 * resampler.latency_frames() + 1..];
        let off = settled.iter().map(|s| (s - 0.5).abs()).fold(0.0, f32::max);
        assert!(off < 1e-6, "{from} to {to}: {off}");
    }
}

#[test]
fn an_hour_makes_exactly_the_frames_of_an_hour() {
    for (from, to) in pairs() {
        let mut resampler = Resampler::new(from, to, Quality::Fast, 480_000).unwrap();
        let (mut pushed, mut made) = (0, 0);
        while pushed < 3_600 * from.hz() as usize {
            let frames = (from.hz() as usize * 7).min(3_600 * from.hz() as usize - pushed);
            made += resampler.push_silence(frames);
            pushed += frames;
        }
        assert_eq!(made, 3_600 * to.hz() as usize, "{from} to {to}");
    }
}

#[test]
fn a_push_that_is_not_taken_is_gone_and_the_next_one_follows() {
    let (from, to) = (Rate::new(44_100).unwrap(), Rate::UPLINK);
    let signal = sine(440.0, from, 882);
    let mut whole = Resampler::new(from, to, Quality::Fast, 882).unwrap();
    let expected = convert(&mut whole, &signal);
    let mut resampler = Resampler::new(from, to, Quality::Fast, 441).unwrap();
    let skipped = resampler.push(&signal[..441]);
    let mut rest = vec![0.0; resampler.push(&signal[441..])];
    resampler.take(&mut rest);
    assert_eq!(rest, expected[skipped..]);
}

#[test]
fn rates_without_a_common_divisor_are_refused_by_name() {
    let odd = Rate::new(44_099).unwrap();
    let error = Resampler::new(odd, Rate::UPLINK, Quality::Fast, 480).unwrap_err();
    let text =
        "44099 Hz to 16000 Hz: expected rates with a larger common divisor; use 48000 or 44100";
    assert_eq!(error.to_string(), text);
}

proptest! {
    #[test]
    fn the_output_is_the_same_to_the_bit_however_the_input_is_cut(
        pair in 0usize..49, cuts in prop::collection::vec(0usize..300, 1..40), seed in 1u32..1_000,
    ) {
        let (from, to) = pairs().nth(pair).unwrap();
        let noise = |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_mul(seed) >> 8) as f32 / 8.4e6 - 1.0;
        let total: usize = cuts.iter().sum();
        let signal: Vec<f32> = (0..total as u32).map(noise).collect();
        let mut whole = Resampler::new(from, to, Quality::Fast, total.max(1)).unwrap();
        let expected = convert(&mut whole, &signal);
        let mut pieces = Resampler::new(from, to, Quality::Fast, 300).unwrap();
        let (mut output, mut at) = (Vec::new(), 0);
        for cut in cuts {
            let made = pieces.push(&signal[at..at + cut]);
            prop_assert!(made <= pieces.frames_made_max(cut));
            let from = output.len();
            output.resize(from + made, 0.0);
            // Taken in two parts.
            let (first, second) = output[from..].split_at_mut(made / 3);
            pieces.take(first);
            pieces.take(second);
            at += cut;
        }
        prop_assert_eq!(output, expected);
    }
}
