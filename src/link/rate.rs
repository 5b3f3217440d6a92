//! Brings a reply that is not at 24 kHz to 24 kHz. The service speaks 24 kHz;
//! a gateway in front of it may not.

use resampler::{Attenuation, Latency, ResamplerFir};

use crate::audio::Rate;

/// Input that the resampler takes at once; it holds 4,096 frames in all.
const STEP_FRAMES: usize = 1_024;

/// One stream at one rate, through a filter of 64 taps at the lower rate.
pub(super) struct ToDownlinkRate {
    rate: Rate,
    fir: ResamplerFir,
    output: Vec<f32>,
}

impl std::fmt::Debug for ToDownlinkRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ToDownlinkRate from {}", self.rate)
    }
}

impl ToDownlinkRate {
    /// From `rate`; `None` where there is nothing to convert.
    pub(super) fn from(rate: Rate) -> Option<Self> {
        if rate == Rate::DOWNLINK {
            return None;
        }
        let (from_hz, to_hz) = (rate.hz(), Rate::DOWNLINK.hz());
        let fir =
            ResamplerFir::new_from_hz(1, from_hz, to_hz, Latency::Sample32, Attenuation::Db90);
        let output = vec![0.0; fir.buffer_size_output()];
        let mut this = Self { rate, fir, output };
        // Half of the filter before the first sample, so that it comes out first.
        this.finish(&mut Vec::new());
        Some(this)
    }

    /// Where the stream comes from.
    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Appends `samples`, converted, to `out`.
    pub(super) fn convert(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        let input: Vec<f32> = samples.iter().map(|&sample| f32::from(sample)).collect();
        self.feed(&input, out);
    }

    /// Appends what the filter still holds.
    pub(super) fn finish(&mut self, out: &mut Vec<i16>) {
        self.feed(&vec![0.0; self.fir.delay()], out);
    }

    fn feed(&mut self, mut input: &[f32], out: &mut Vec<i16>) {
        while !input.is_empty() {
            let step = &input[..input.len().min(STEP_FRAMES)];
            let Ok((consumed, produced)) = self.fir.resample(step, &mut self.output) else {
                return;
            };
            if consumed == 0 && produced == 0 {
                return;
            }
            input = &input[consumed..];
            // A float cast to an integer saturates.
            out.extend(self.output[..produced].iter().map(|sample| sample.round() as i16));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_keeps_its_length_and_its_level() {
        for hz in [8_000, 16_000, 22_050, 48_000] {
            let rate = Rate::new(hz).unwrap();
            let sine = |i: u32| {
                let phase = std::f64::consts::TAU * 440.0 * f64::from(i) / f64::from(hz);
                (phase.sin() * 10_000.0) as i16
            };
            let samples: Vec<i16> = (0..hz).map(sine).collect();
            let (mut out, mut converter) = (Vec::new(), ToDownlinkRate::from(rate).unwrap());
            samples.chunks(777).for_each(|part| converter.convert(part, &mut out));
            converter.finish(&mut out);
            assert!(out.len().abs_diff(24_000) < 64, "{} frames from {hz} Hz", out.len());
            let peak = out[2_400..21_600].iter().map(|s| s.unsigned_abs()).max().unwrap();
            assert!((9_900..=10_100).contains(&peak), "peak {peak} from {hz} Hz");
        }
    }

    #[test]
    fn what_is_at_the_right_rate_is_not_touched() {
        assert!(ToDownlinkRate::from(Rate::DOWNLINK).is_none());
    }
}
