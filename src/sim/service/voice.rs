//! What replies sound like, as 24 kHz PCM.

use std::f64::consts::PI;

use super::{ear::UserTurn, settings::Voice};

const RATE_HZ: u32 = 24_000;
/// −12 dBFS.
const TONE_PEAK: f64 = 8_231.0;

/// The reply to `turn`, which is the `nth` of its session.
pub(super) fn speak(voice: &Voice, turn: &UserTurn, nth: usize) -> Vec<i16> {
    match voice {
        Voice::Echo if turn.speech.is_empty() => {
            let words = turn.text.split_whitespace().count().clamp(1, 20);
            tone(440.0, 250 * words as u32)
        }
        Voice::Echo => resample(&turn.pcm[turn.speech.clone()], turn.rate_hz, RATE_HZ),
        Voice::Script(replies) if replies.is_empty() => Vec::new(),
        Voice::Script(replies) => replies[nth % replies.len()].clone(),
        Voice::Tone { hz, ms } => tone(*hz, *ms),
    }
}

fn tone(hz: f64, ms: u32) -> Vec<i16> {
    let step = 2.0 * PI * hz / f64::from(RATE_HZ);
    let frames = u64::from(RATE_HZ) * u64::from(ms) / 1_000;
    (0..frames).map(|n| (TONE_PEAK * (step * n as f64).sin()).round() as i16).collect()
}

/// `samples` at another rate, all at once: a windowed-sinc interpolator
/// (Blackman, 24 zero crossings a side, cut off at 0.92 of the lower Nyquist).
pub fn resample(samples: &[i16], from_hz: u32, to_hz: u32) -> Vec<i16> {
    if from_hz == to_hz || samples.is_empty() {
        return samples.to_vec();
    }
    let common = gcd(from_hz, to_hz);
    let (up, down) = (u64::from(to_hz / common), u64::from(from_hz / common));
    let cutoff = 0.92 * f64::from(to_hz.min(from_hz)) / f64::from(from_hz);
    let half = (24.0 / cutoff).ceil() as i64;
    let phases: Vec<Vec<f64>> =
        (0..up).map(|phase| taps(phase as f64 / up as f64, half, cutoff)).collect();
    let length = (samples.len() as u64 * up).div_ceil(down);
    (0..length)
        .map(|n| {
            let first = (n * down / up) as i64 - half + 1;
            let taps = &phases[(n * down % up) as usize];
            let sum: f64 = taps
                .iter()
                .zip(first..)
                .filter_map(|(tap, at)| {
                    Some(tap * f64::from(*samples.get(usize::try_from(at).ok()?)?))
                })
                .sum();
            sum.round().clamp(-32_768.0, 32_767.0) as i16
        })
        .collect()
}

/// The 2·`half` weights of the samples around a point that lies `offset` of a
/// sample after the `half`-th; they sum to one.
fn taps(offset: f64, half: i64, cutoff: f64) -> Vec<f64> {
    let weight = |k: i64| {
        let x = (k - half + 1) as f64 - offset;
        let window_at = PI * x / half as f64;
        let window = 0.42 + 0.5 * window_at.cos() + 0.08 * (2.0 * window_at).cos();
        let sinc = if x.abs() < 1e-9 { 1.0 } else { (PI * cutoff * x).sin() / (PI * cutoff * x) };
        window * sinc
    };
    let taps: Vec<f64> = (0..2 * half).map(weight).collect();
    let sum: f64 = taps.iter().sum();
    taps.into_iter().map(|tap| tap / sum).collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_keeps_its_pitch_and_level_from_16_to_24_khz() {
        let at = |rate: f64, n: usize| 10_000.0 * (2.0 * PI * 1_000.0 * n as f64 / rate).sin();
        let input: Vec<i16> = (0..1_600).map(|n| at(16_000.0, n).round() as i16).collect();
        let output = resample(&input, 16_000, 24_000);
        assert_eq!(output.len(), 2_400);
        for (n, &sample) in output.iter().enumerate().skip(100).take(2_200) {
            assert!((f64::from(sample) - at(24_000.0, n)).abs() < 12.0, "{n}: {sample}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_taken_away() {
        let input: Vec<i16> =
            (0..4_800).map(|n| (10_000.0 * (PI * 0.45 * f64::from(n)).sin()) as i16).collect();
        let output = resample(&input, 48_000, 16_000);
        assert!(output[100..1_500].iter().all(|sample| sample.abs() < 10));
    }

    #[test]
    fn a_script_speaks_its_replies_in_turn_and_begins_again() {
        let voice = Voice::script(vec![vec![1], vec![2, 2]]);
        let turn = UserTurn::written("hi", crate::audio::Nanos::ZERO);
        let said: Vec<usize> = (0..3).map(|nth| speak(&voice, &turn, nth).len()).collect();
        assert_eq!(said, [1, 2, 1]);
    }

    #[test]
    fn an_echo_is_the_users_own_words_without_the_silence_around() {
        let turn = UserTurn {
            pcm: (0..16_000).map(|n| if n < 8_000 { 0 } else { 1_000 }).collect(),
            rate_hz: 16_000,
            speech: 8_000..16_000,
            ..UserTurn::default()
        };
        let said = speak(&Voice::Echo, &turn, 0);
        assert_eq!(said.len(), 12_000);
        assert!(said[100..11_900].iter().all(|sample| (990..=1_010).contains(sample)));
    }
}
