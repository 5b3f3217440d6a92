//! Where a known signal stands in a recording, to the sample.
//!
//! Normalised cross-correlation: at each offset the inner product of signal and
//! recording over the product of their norms, so that a quiet copy counts as
//! much as a loud one. Products come from one FFT (radix 2, after Cooley and
//! Tukey 1965) and norms from running sums: n log n in time.

use std::f64::consts::PI;

/// A window of the recording this far below the loudest (-90 dB in energy) is
/// silence: its correlation would be that of rounding errors.
const SILENCE_RATIO: f64 = 1e-9;

/// Where the signal was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Index in the recording of the signal's first sample.
    pub offset: usize,
    /// How much further the peak lies between the samples, -0.5 to 0.5: the top of
    /// the parabola through it and its neighbours.
    pub between: f64,
    /// 1 for a scaled copy, -1 for an inverted one, near 0 for none.
    pub correlation: f32,
    /// How much the best offset exceeds the best one that is more than a
    /// quarter of the signal away; infinite if there is none. Under 1.2 the
    /// signal is not really there, or there twice.
    pub peak_ratio: f32,
}

/// Searches `recording` for `signal`, both mono at the same rate. `None` where
/// the signal is empty, silent or longer than the recording.
pub fn find(signal: &[f32], recording: &[f32]) -> Option<Found> {
    let scores = correlation(signal, recording)?;
    let best = strongest(&scores, 0..scores.len())?;
    let guard = (signal.len() / 4).max(1);
    let before = strongest(&scores, 0..best.saturating_sub(guard));
    let after = strongest(&scores, (best + guard + 1).min(scores.len())..scores.len());
    let rival = [before, after].into_iter().flatten().map(|at| scores[at].abs());
    let rival = rival.fold(0.0_f32, f32::max);
    Some(Found {
        offset: best,
        between: top(&scores, best),
        correlation: scores[best],
        peak_ratio: if rival > 0.0 { scores[best].abs() / rival } else { f32::INFINITY },
    })
}

/// Where between its neighbours a peak has its top.
fn top(scores: &[f32], best: usize) -> f64 {
    let at = |i: usize| scores.get(i).map(|score| f64::from(score.abs()));
    let around = best.checked_sub(1).and_then(at).zip(at(best)).zip(at(best + 1));
    let Some(((before, peak), after)) = around else { return 0.0 };
    let bend = before - 2.0 * peak + after;
    if bend < 0.0 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 }
}

/// The normalised correlation at every offset where the signal fits whole.
fn correlation(signal: &[f32], recording: &[f32]) -> Option<Vec<f32>> {
    let offsets = (recording.len() + 1).checked_sub(signal.len()).filter(|&n| n > 0)?;
    let signal_energy: f64 = signal.iter().map(|&x| f64::from(x).powi(2)).sum();
    if signal_energy <= 0.0 || !signal_energy.is_finite() {
        return None;
    }
    let products = products(signal, recording);
    let energies = window_energies(recording, signal.len());
    let floor = energies.iter().copied().fold(0.0, f64::max) * SILENCE_RATIO;
    let score = |(product, energy): (&f64, &f64)| {
        if *energy > floor { (product / (energy * signal_energy).sqrt()) as f32 } else { 0.0 }
    };
    Some(products[..offsets].iter().zip(&energies).map(score).collect())
}

fn strongest(scores: &[f32], range: std::ops::Range<usize>) -> Option<usize> {
    range.max_by(|&a, &b| scores[a].abs().total_cmp(&scores[b].abs()).then(b.cmp(&a)))
}

/// The energy of each window of `length` samples.
fn window_energies(recording: &[f32], length: usize) -> Vec<f64> {
    let mut sums = Vec::with_capacity(recording.len() + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for &sample in recording {
        sum += f64::from(sample).powi(2);
        sums.push(sum);
    }
    sums.iter().zip(&sums[length..]).map(|(from, to)| to - from).collect()
}

/// Inner products at every lag, by FFT. Both inputs are real, so one transform
/// carries the recording as its real and the signal as its imaginary part.
fn products(signal: &[f32], recording: &[f32]) -> Vec<f64> {
    let size = (recording.len() + signal.len()).next_power_of_two();
    let at = |samples: &[f32], i: usize| samples.get(i).copied().map_or(0.0, f64::from);
    let mut both: Vec<Complex> =
        (0..size).map(|i| Complex(at(recording, i), at(signal, i))).collect();
    transform(&mut both);
    let mut cross: Vec<Complex> = (0..size)
        .map(|k| {
            let (z, mirrored) = (both[k], both[(size - k) % size]);
            // Recording R = (Z(k) + Z*(-k)) / 2, signal S = (Z(k) - Z*(-k)) / 2i.
            let r = Complex(0.5 * (z.0 + mirrored.0), 0.5 * (z.1 - mirrored.1));
            let s = Complex(0.5 * (z.1 + mirrored.1), 0.5 * (mirrored.0 - z.0));
            // The conjugate of R S*, so that a forward transform inverts it.
            let product = r.times(Complex(s.0, -s.1));
            Complex(product.0, -product.1)
        })
        .collect();
    transform(&mut cross);
    cross.iter().map(|c| c.0 / size as f64).collect()
}

#[derive(Clone, Copy)]
struct Complex(f64, f64);

impl Complex {
    fn times(self, other: Self) -> Self {
        Self(self.0 * other.0 - self.1 * other.1, self.0 * other.1 + self.1 * other.0)
    }
}

/// The forward discrete Fourier transform, in place; the length is a power of two.
fn transform(values: &mut [Complex]) {
    let size = values.len();
    let bits = size.trailing_zeros();
    for i in 0..size {
        let j = i.reverse_bits().checked_shr(usize::BITS - bits).unwrap_or(0);
        if i < j {
            values.swap(i, j);
        }
    }
    let angle = |k: usize| -2.0 * PI * k as f64 / size as f64;
    let roots: Vec<Complex> =
        (0..size / 2).map(|k| Complex(angle(k).cos(), angle(k).sin())).collect();
    let mut half = 1;
    while half < size {
        let stride = size / (2 * half);
        for group in values.chunks_exact_mut(2 * half) {
            let (low, high) = group.split_at_mut(half);
            for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                let turned = b.times(roots[k * stride]);
                *b = Complex(a.0 - turned.0, a.1 - turned.1);
                *a = Complex(a.0 + turned.0, a.1 + turned.1);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(seed: u64, length: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..length).map(|_| next()).collect()
    }

    fn placed(signal: &[f32], offset: usize, length: usize, gain: f32, hiss: f32) -> Vec<f32> {
        let mut recording: Vec<f32> = noise(99, length).iter().map(|x| x * hiss).collect();
        for (into, from) in recording[offset..].iter_mut().zip(signal) {
            *into += from * gain;
        }
        recording
    }

    #[test]
    fn a_quiet_copy_is_found_to_the_sample() {
        let signal = noise(1, 1_000);
        let found = find(&signal, &placed(&signal, 4_321, 20_000, 0.01, 0.0)).unwrap();
        assert_eq!(found.offset, 4_321);
        assert!(found.correlation > 0.9999 && found.peak_ratio > 3.0, "{found:?}");
    }

    #[test]
    fn a_copy_between_two_samples_is_found_there() {
        let signal = noise(8, 1_000);
        let halfway: Vec<f32> = signal.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])).collect();
        let found = find(&signal, &placed(&halfway, 100, 2_000, 1.0, 0.0)).unwrap();
        let at = found.offset as f64 + found.between;
        assert!((at - 99.5).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn a_copy_is_found_under_noise_as_loud_as_itself() {
        let signal = noise(2, 4_000);
        let found = find(&signal, &placed(&signal, 777, 30_000, 1.0, 1.0)).unwrap();
        assert_eq!(found.offset, 777);
        assert!((0.65..0.75).contains(&found.correlation), "{found:?}");
    }

    #[test]
    fn an_inverted_copy_is_found_with_its_sign() {
        let signal = noise(3, 500);
        let found = find(&signal, &placed(&signal, 10, 2_000, -0.5, 0.0)).unwrap();
        assert_eq!(found.offset, 10);
        assert!(found.correlation < -0.9999);
    }

    #[test]
    fn a_signal_that_is_not_there_has_a_low_peak() {
        let found = find(&noise(4, 1_000), &noise(5, 20_000)).unwrap();
        assert!(found.peak_ratio < 1.2 && found.correlation.abs() < 0.2, "{found:?}");
    }

    #[test]
    fn what_cannot_be_searched_is_none() {
        let signal = noise(6, 10);
        assert_eq!(find(&[], &signal), None);
        assert_eq!(find(&[0.0; 4], &signal), None);
        assert_eq!(find(&signal, &signal[..9]), None);
        let same = find(&signal, &signal).unwrap();
        assert_eq!((same.offset, same.peak_ratio), (0, f32::INFINITY));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_transform_agrees_with_the_definition(
            seed in 1_u64..1_000, signal in 1_usize..40, recording in 40_usize..200,
        ) {
            let (signal, recording) = (noise(seed, signal), noise(seed + 1, recording));
            let fast = products(&signal, &recording);
            for offset in 0..=recording.len() - signal.len() {
                let slow: f64 = signal.iter().zip(&recording[offset..])
                    .map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                prop_assert!((fast[offset] - slow).abs() < 1e-9);
            }
        }
    }
}
