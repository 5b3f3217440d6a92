//! Sample formats and channels: what a device speaks, to and from mono `f32`.
//!
//! dasp converts the samples; this file picks and spreads the channels.
//!
//! Runs on: callbacks. Never allocates, locks, logs or fails.

use dasp_sample::{FromSample, Sample};

/// Which of the device's input channels is the microphone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputChannel {
    /// The mean of the first two, or the only one.
    #[default]
    Mix,
    /// One channel, counted from 0; the last one where there are fewer.
    One(usize),
}

impl InputChannel {
    /// This channel of an interleaved frame. Silence for an empty frame.
    pub fn of_frame<S: Sample>(self, frame: &[S]) -> f32
    where
        f32: FromSample<S>,
    {
        let sample = |i: usize| frame[i].to_sample::<f32>();
        match (self, frame.len()) {
            (_, 0) => 0.0,
            (Self::Mix, 1) => sample(0),
            (Self::Mix, _) => 0.5 * (sample(0) + sample(1)),
            (Self::One(channel), channels) => sample(channel.min(channels - 1)),
        }
    }
}

/// Writes one mono sample to an interleaved output frame: front left and
/// right, silence elsewhere.
pub fn to_frame<S: Sample + FromSample<f32>>(sample: f32, frame: &mut [S]) {
    for (channel, slot) in frame.iter_mut().enumerate() {
        *slot = if channel < 2 { sample.clamp(-1.0, 1.0).to_sample() } else { S::EQUILIBRIUM };
    }
}

/// A 16-bit sample of the wire, as `f32` in −1 to 1.
pub fn from_wire(sample: i16) -> f32 {
    sample.to_sample()
}

/// The nearest 16-bit sample, clipped; a NaN is silence.
pub fn to_wire(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// 60 dB over full scale: no microphone says so.
const SAMPLE_MAX: f32 = 1_000.0;

/// The sample, or silence for what no sound is: NaN, infinities, magnitudes
/// over 1,000 and subnormals.
pub fn tame(sample: f32) -> f32 {
    if (f32::MIN_POSITIVE..=SAMPLE_MAX).contains(&sample.abs()) { sample } else { 0.0 }
}

/// [`tame`] for a whole signal.
pub fn tame_all(signal: &mut [f32]) {
    for sample in signal {
        *sample = tame(*sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dasp_sample::I24;

    #[test]
    fn every_wire_sample_survives_the_round_trip() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(to_wire(from_wire(sample)), sample);
        }
        assert_eq!(to_wire(f32::NAN), 0);
        assert_eq!(to_wire(2.0), i16::MAX);
        assert_eq!(to_wire(f32::NEG_INFINITY), i16::MIN);
    }

    #[test]
    fn what_is_no_sound_is_silence() {
        for sample in [f32::NAN, f32::INFINITY, -f32::INFINITY, 1e-40, 2e3, f32::MIN] {
            assert_eq!(tame(sample), 0.0);
        }
        assert_eq!(tame(-999.0), -999.0);
        let mut signal = [0.25, f32::NAN];
        tame_all(&mut signal);
        assert_eq!(signal, [0.25, 0.0]);
    }

    #[test]
    fn a_microphone_is_a_channel_or_the_mean_of_the_first_two() {
        let frame = [16_384i16, -16_384, 32_767];
        assert_eq!(InputChannel::Mix.of_frame(&frame), 0.0);
        assert_eq!(InputChannel::Mix.of_frame(&frame[..1]), 0.5);
        assert_eq!(InputChannel::One(1).of_frame(&frame), -0.5);
        assert!(InputChannel::One(7).of_frame(&frame) > 0.99);
        assert_eq!(InputChannel::Mix.of_frame::<i16>(&[]), 0.0);
    }

    #[test]
    fn output_goes_to_the_front_pair_in_the_device_format() {
        let mut frame = [1u16; 4];
        to_frame(0.0, &mut frame);
        assert_eq!(frame, [32_768; 4]);
        let mut frame = [I24::EQUILIBRIUM; 3];
        to_frame(-2.0, &mut frame);
        assert_eq!(frame[0].inner(), -8_388_608);
        assert_eq!(frame[2], I24::EQUILIBRIUM);
    }
}
