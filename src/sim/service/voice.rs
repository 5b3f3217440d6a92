//! What replies sound like, as 24 kHz PCM.

use std::f64::consts::PI;

use super::{ear::UserTurn, settings::Voice};
use crate::audio::{
    Rate, Resampler,
    convert::{from_wire, to_wire},
    resampler::{Quality, UnevenRates},
};

/// −12 dBFS.
const TONE_PEAK: f64 = 8_231.0;

/// The reply to `turn`, which is the `nth` of its session.
pub(super) fn speak(voice: &Voice, turn: &UserTurn, nth: usize) -> Vec<i16> {
    match voice {
        Voice::Echo if turn.speech.is_empty() => {
            let words = turn.text.split_whitespace().count().clamp(1, 20);
            tone(440.0, 250 * words as u32)
        }
        Voice::Echo => heard_at(&turn.pcm[turn.speech.clone()], turn.rate, Rate::DOWNLINK),
        Voice::Script(replies) if replies.is_empty() => Vec::new(),
        Voice::Script(replies) => replies[nth % replies.len()].clone(),
        Voice::Tone { hz, ms } => tone(*hz, *ms),
    }
}

/// What was heard at one rate, at another; the ear admits only rates between
/// which that is possible.
pub(super) fn heard_at(samples: &[i16], from: Rate, to: Rate) -> Vec<i16> {
    resample(samples, from, to).unwrap_or_default()
}

fn tone(hz: f64, ms: u32) -> Vec<i16> {
    let step = 2.0 * PI * hz / f64::from(Rate::DOWNLINK.hz());
    let frames = Rate::DOWNLINK.frames_in_ms(ms);
    (0..frames).map(|n| (TONE_PEAK * (step * n as f64).sin()).round() as i16).collect()
}

/// `samples` at another rate, all at once and in time: as many frames as last
/// the same, with the filter's delay taken off.
///
/// # Errors
/// Where the two rates have too small a common divisor.
pub fn resample(samples: &[i16], from: Rate, to: Rate) -> Result<Vec<i16>, UnevenRates> {
    /// Longer than the filter's delay between any two rates.
    const FLUSH_FRAMES: usize = 4_096;
    if from == to || samples.is_empty() {
        return Ok(samples.to_vec());
    }
    let mut resampler = Resampler::new(from, to, Quality::Fine, samples.len().max(FLUSH_FRAMES))?;
    let signal: Vec<f32> = samples.iter().map(|&sample| from_wire(sample)).collect();
    let mut output = vec![0.0; resampler.push(&signal)];
    resampler.take(&mut output);
    let frames = output.len();
    let mut rest = vec![0.0; resampler.push_silence(FLUSH_FRAMES)];
    resampler.take(&mut rest);
    output.extend(rest);
    let in_time = output.iter().skip(resampler.latency_frames()).take(frames);
    Ok(in_time.map(|&sample| to_wire(sample)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Nanos;

    #[test]
    fn a_sine_keeps_its_pitch_and_level_from_16_to_24_khz() {
        let at = |rate: f64, n: usize| 10_000.0 * (2.0 * PI * 1_000.0 * n as f64 / rate).sin();
        let input: Vec<i16> = (0..1_600).map(|n| at(16_000.0, n).round() as i16).collect();
        let output = resample(&input, Rate::UPLINK, Rate::DOWNLINK).unwrap();
        assert_eq!(output.len(), 2_400);
        for (n, &sample) in output.iter().enumerate().skip(100).take(2_200) {
            assert!((f64::from(sample) - at(24_000.0, n)).abs() < 12.0, "{n}: {sample}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_taken_away() {
        let input: Vec<i16> =
            (0..4_800).map(|n| (10_000.0 * (PI * 0.45 * f64::from(n)).sin()) as i16).collect();
        let output = resample(&input, Rate::new(48_000).unwrap(), Rate::UPLINK).unwrap();
        assert!(output[100..1_500].iter().all(|sample| sample.abs() < 10));
    }

    #[test]
    fn a_script_speaks_its_replies_in_turn_and_begins_again() {
        let voice = Voice::script(vec![vec![1], vec![2, 2]]);
        let turn = UserTurn::written("hi", Nanos::ZERO);
        let said: Vec<usize> = (0..3).map(|nth| speak(&voice, &turn, nth).len()).collect();
        assert_eq!(said, [1, 2, 1]);
    }

    #[test]
    fn an_echo_is_the_users_own_words_without_the_silence_around() {
        let turn = UserTurn {
            pcm: (0..16_000).map(|n| if n < 8_000 { 0 } else { 1_000 }).collect(),
            speech: 8_000..16_000,
            ..UserTurn::new(Rate::UPLINK, 0, Nanos::ZERO)
        };
        let said = speak(&Voice::Echo, &turn, 0);
        assert_eq!(said.len(), 12_000);
        assert!(said[100..11_900].iter().all(|sample| (990..=1_010).contains(sample)));
    }
}
