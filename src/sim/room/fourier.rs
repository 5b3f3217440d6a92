//! The discrete Fourier transform of a power-of-two length, in place: radix 2,
//! decimation in time, after J. W. Cooley and J. W. Tukey, 1965. The crate that
//! the canceller uses picks its arithmetic by processor; a room has to sound the
//! same everywhere, so that what failed from a seed fails again.

use std::f64::consts::TAU;

/// The tables of one length.
#[derive(Debug)]
pub(super) struct Fourier {
    /// Where each sample goes before the first stage.
    order: Vec<u32>,
    /// Cosines and sines of all stages, one stage after the other.
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Fourier {
    /// For `length` samples, a power of two over 1.
    pub(super) fn new(length: usize) -> Self {
        let bits = length.trailing_zeros();
        let order = (0..length as u32).map(|i| i.reverse_bits() >> (32 - bits)).collect();
        let halves = (0..bits).map(|stage| 1usize << stage);
        let angles = halves.flat_map(|half| (0..half).map(move |i| i as f64 / (2 * half) as f64));
        let turned: Vec<(f64, f64)> = angles.map(|turns| (-TAU * turns).sin_cos()).collect();
        Self {
            order,
            cos: turned.iter().map(|(_, cos)| *cos as f32).collect(),
            sin: turned.iter().map(|(sin, _)| *sin as f32).collect(),
        }
    }

    /// From samples to their spectrum. With `re` and `im` exchanged, from a
    /// spectrum to as many times the samples as there are.
    pub(super) fn transform(&self, re: &mut [f32], im: &mut [f32]) {
        for (i, &j) in self.order.iter().enumerate() {
            if i < j as usize {
                re.swap(i, j as usize);
                im.swap(i, j as usize);
            }
        }
        let mut half = 1;
        while half < re.len() {
            let stage = half - 1..2 * half - 1;
            let (cos, sin) = (&self.cos[stage.clone()], &self.sin[stage]);
            for (re, im) in re.chunks_exact_mut(2 * half).zip(im.chunks_exact_mut(2 * half)) {
                let ((re_a, re_b), (im_a, im_b)) = (re.split_at_mut(half), im.split_at_mut(half));
                for k in 0..half {
                    let turned_re = re_b[k] * cos[k] - im_b[k] * sin[k];
                    let turned_im = re_b[k] * sin[k] + im_b[k] * cos[k];
                    (re_b[k], im_b[k]) = (re_a[k] - turned_re, im_a[k] - turned_im);
                    (re_a[k], im_a[k]) = (re_a[k] + turned_re, im_a[k] + turned_im);
                }
            }
            half *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spectrum_is_that_of_the_definition_and_leads_back() {
        let length = 32;
        let signal: Vec<f32> = (0..length).map(|i| ((i * i * 7) % 13) as f32 - 6.0).collect();
        let (mut re, mut im) = (signal.clone(), vec![0.0; length]);
        let fourier = Fourier::new(length);
        fourier.transform(&mut re, &mut im);
        for (bin, (re, im)) in re.iter().zip(&im).enumerate() {
            let terms = signal.iter().enumerate().map(|(i, x)| {
                let (sin, cos) = (-TAU * (bin * i) as f64 / length as f64).sin_cos();
                (f64::from(*x) * cos, f64::from(*x) * sin)
            });
            let (want_re, want_im) = terms.fold((0.0, 0.0), |sum, x| (sum.0 + x.0, sum.1 + x.1));
            assert!((f64::from(*re) - want_re).abs() < 1e-4, "{bin}");
            assert!((f64::from(*im) - want_im).abs() < 1e-4, "{bin}");
        }
        fourier.transform(&mut im, &mut re);
        for (back, sample) in re.iter().zip(&signal) {
            assert!((back / length as f32 - sample).abs() < 1e-5);
        }
    }
}
