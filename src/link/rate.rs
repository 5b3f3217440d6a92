//! Brings a reply that is not at 24 kHz to 24 kHz. The service speaks 24 kHz;
//! a gateway in front of it may not.

use crate::audio::{
    Rate,
    convert::{from_wire, to_wire},
    resampler::{Quality, Resampler},
};

/// Input that the resampler takes at once.
const STEP_FRAMES: usize = 1_024;

/// One stream at one rate, on its way to 24 kHz.
pub(super) struct ToDownlinkRate {
    rate: Rate,
    resampler: Resampler,
    /// Output frames before the sound's first: the filter's delay.
    early_frames: usize,
}

impl std::fmt::Debug for ToDownlinkRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ToDownlinkRate from {}", self.rate)
    }
}

impl ToDownlinkRate {
    /// From `rate`; `None` where there is nothing to convert. A rate that has
    /// almost no divisor in common with 24 kHz is taken for the nearest
    /// multiple of 100 Hz, which is at most 0.6 % off.
    pub(super) fn from(rate: Rate) -> Option<Self> {
        let round = Rate::new((rate.hz() + 50) / 100 * 100).unwrap_or(rate);
        let from = |rate| Resampler::new(rate, Rate::DOWNLINK, Quality::Fine, STEP_FRAMES);
        let resampler = match rate {
            Rate::DOWNLINK => return None,
            rate => from(rate).or_else(|_| from(round)).ok()?,
        };
        let early_frames = resampler.latency_frames();
        Some(Self { rate, resampler, early_frames })
    }

    /// Where the stream comes from.
    pub(super) fn rate(&self) -> Rate {
        self.rate
    }

    /// Appends `samples`, converted, to `out`.
    pub(super) fn convert(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        let mut input = [0.0; STEP_FRAMES];
        for step in samples.chunks(STEP_FRAMES) {
            for (slot, sample) in input.iter_mut().zip(step) {
                *slot = from_wire(*sample);
            }
            let made = self.resampler.push(&input[..step.len()]);
            self.take(made, out);
        }
    }

    /// Appends what the filter still holds.
    pub(super) fn finish(&mut self, out: &mut Vec<i16>) {
        let delay = Rate::DOWNLINK.duration_of(self.resampler.latency_frames() as u64);
        let mut left = self.rate.frames_in(delay) as usize;
        while left > 0 {
            let frames = left.min(STEP_FRAMES);
            left -= frames;
            let made = self.resampler.push_silence(frames);
            self.take(made, out);
        }
    }

    fn take(&mut self, made: usize, out: &mut Vec<i16>) {
        let mut output = vec![0.0; made];
        self.resampler.take(&mut output);
        let early = self.early_frames.min(made);
        self.early_frames -= early;
        out.extend(output[early..].iter().map(|sample| to_wire(*sample)));
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
            assert!(out.len().abs_diff(24_000) < 8, "{} frames from {hz} Hz", out.len());
            let peak = out[2_400..21_600].iter().map(|s| s.unsigned_abs()).max().unwrap();
            assert!((9_900..=10_100).contains(&peak), "peak {peak} from {hz} Hz");
        }
    }

    #[test]
    fn a_rate_without_a_common_divisor_is_taken_for_the_nearest_round_one() {
        let mut converter = ToDownlinkRate::from(Rate::new(44_099).unwrap()).unwrap();
        let mut out = Vec::new();
        converter.convert(&[1_000; 4_410].repeat(10), &mut out);
        converter.finish(&mut out);
        assert!(out.len().abs_diff(24_000) < 8, "{} frames", out.len());
    }

    #[test]
    fn what_is_at_the_right_rate_is_not_touched() {
        assert!(ToDownlinkRate::from(Rate::DOWNLINK).is_none());
    }
}
