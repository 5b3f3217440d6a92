//! A round trip from the speaker to the microphone: bursts of noise that are
//! played, and where each is found in what was captured.
//!
//! Each burst is other noise, so that none is taken for another, and is looked for
//! by [`probe`] to a fraction of a sample.

use super::{probe, results::Spread};
use crate::audio::Rate;

/// From the beginning of one burst to that of the next, and its length.
pub const APART_S: f64 = 0.5;
const BURST_S: f64 = 0.1;
/// Its peak: −20 dBFS.
const PEAK: f32 = 0.1;
/// The longest way that is looked for.
const LONGEST_S: f64 = 1.0;
/// How much sooner and later than the one before it says a burst may lie in what was
/// played: later where the speaker ran dry.
const SOONER_S: f64 = 0.1;
const LATER_S: f64 = 1.0;
/// A burst whose peak is not so much over the next best one is not there.
const CLEAR: f32 = 1.5;
/// And one that looks so little like what is there.
const ALIKE: f32 = 0.01;

/// The sound: `many` bursts at `rate`, the first at once.
pub fn bursts(rate: Rate, many: usize) -> Vec<f32> {
    let hz = f64::from(rate.hz());
    let mut sound = vec![0.0; (APART_S * hz * many as f64) as usize];
    for number in 0..many {
        let start = (APART_S * hz * number as f64) as usize;
        for (slot, sample) in sound[start..].iter_mut().zip(burst(rate, number)) {
            *slot = sample;
        }
    }
    sound
}

/// One of them: white noise, softened at both ends.
fn burst(rate: Rate, number: usize) -> Vec<f32> {
    let frames = (BURST_S * f64::from(rate.hz())) as usize;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 1) | 1;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let edge = frames as f32 / 20.0;
    let gain = |i: usize| (i.min(frames - 1 - i) as f32 / edge).min(1.0);
    (0..frames).map(|i| PEAK * gain(i) * noise()).collect()
}

/// What was played and what was captured meanwhile, frame beside frame.
#[derive(Clone, Copy, Debug)]
pub struct Trip<'a> {
    /// The rate of both.
    pub rate: Rate,
    /// What was played, placed by the speaker's callbacks.
    pub far: &'a [f32],
    /// What was captured.
    pub microphone: &'a [f32],
    /// How much later than its callback the far end stands, in seconds, for each
    /// frame that many had been captured by: frame and seconds.
    pub margins: &'a [(usize, f64)],
    /// The sound as it was played, at `rate`.
    pub sound: &'a [f32],
}

/// What a round trip showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// From the speaker's callback to the microphone, in milliseconds, of each
    /// burst that was heard.
    pub delay_ms: Spread,
    /// How far the farthest of them is from their median, in milliseconds.
    pub jitter_ms: f64,
    /// How much faster the microphone's clock runs than the speaker's, in parts per
    /// million; none of fewer than three bursts.
    pub drift_ppm: Option<f64>,
    /// How many were played.
    pub played: usize,
}

/// One burst, in seconds.
struct Heard {
    /// In the sound, by the speaker's clock.
    made: f64,
    /// At the microphone, by its clock.
    came: f64,
    /// The frame of the far end with which it begins.
    played: f64,
    delay: f64,
}

/// Finds every burst; none where not one of them was heard.
pub fn examine(trip: Trip) -> Option<Found> {
    let hz = f64::from(trip.rate.hz());
    let step = APART_S * hz;
    let played = (trip.sound.len() as f64 / step).round() as usize;
    let first = trip.far.iter().position(|sample| sample.abs() > 0.01 * PEAK)?;
    let mut late = 0;
    let look_for = |number: usize| {
        let made = (step * number as f64) as usize;
        let heard = trip.look_for(made, first + made + late)?;
        late = (heard.played as usize).saturating_sub(first + made);
        Some(heard)
    };
    let heard: Vec<Heard> = (0..played).filter_map(look_for).collect();
    let delays: Vec<f64> = heard.iter().map(|heard| 1e3 * heard.delay).collect();
    let delay_ms = Spread::of_values(delays.clone())?;
    let jitter_ms = delays.iter().map(|delay| (delay - delay_ms.p50).abs()).fold(0.0, f64::max);
    Some(Found { jitter_ms, drift_ppm: drift_ppm(&heard), delay_ms, played })
}

impl Trip<'_> {
    /// The burst that begins with frame `made` of the sound, and by what is known
    /// with frame `expected` of the far end.
    fn look_for(&self, made: usize, expected: usize) -> Option<Heard> {
        let hz = f64::from(self.rate.hz());
        let length = (BURST_S * hz) as usize;
        let burst = self.sound.get(made..made + length)?;
        let start = expected.saturating_sub((SOONER_S * hz) as usize);
        let until = expected + (LATER_S * hz) as usize + length;
        let played = start as f64 + at(burst, self.far, start, until)?;
        let from = (played as usize).saturating_sub(length / 10);
        let until = from + (LONGEST_S * hz) as usize + length;
        let came = from as f64 + at(burst, self.microphone, from, until)?;
        let margin = self.margins.iter().take_while(|(frame, _)| *frame as f64 <= played).last();
        let delay = (came - played) / hz + margin.map_or(0.0, |(_, seconds)| *seconds);
        Some(Heard { made: made as f64 / hz, came: came / hz, played, delay })
    }
}

/// Where a burst is in that part of a signal, if it is.
fn at(burst: &[f32], signal: &[f32], from: usize, until: usize) -> Option<f64> {
    let part = signal.get(from..until.min(signal.len()))?;
    let is_clear =
        |found: &probe::Found| found.peak_ratio >= CLEAR && found.correlation.abs() >= ALIKE;
    let found = probe::find(burst, part).filter(is_clear)?;
    Some(found.offset as f64 + found.between)
}

/// The median of the slopes between any two of the bursts (Theil and Sen): a stream
/// that stood still once does not tilt it.
fn drift_ppm(heard: &[Heard]) -> Option<f64> {
    if heard.len() < 3 {
        return None;
    }
    let pairs =
        heard.iter().enumerate().flat_map(|(i, a)| heard[i + 1..].iter().map(move |b| (a, b)));
    let mut slopes: Vec<f64> = pairs.map(|(a, b)| (b.came - a.came) / (b.made - a.made)).collect();
    slopes.sort_by(f64::total_cmp);
    Some(1e6 * (slopes[slopes.len() / 2] - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of quiet, then the sound; and the microphone that hears it `late`
    /// frames later at that gain.
    fn trip(many: usize, late: usize, gain: f32) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let sound = bursts(Rate::UPLINK, many);
        let far = [vec![0.0; 16_000], sound.clone(), vec![0.0; 16_000]].concat();
        let heard = far.iter().map(|sample| gain * sample);
        let microphone = std::iter::repeat_n(0.0, late).chain(heard).take(far.len()).collect();
        (far, microphone, sound)
    }

    fn found(parts: &(Vec<f32>, Vec<f32>, Vec<f32>), margins: &[(usize, f64)]) -> Option<Found> {
        let (far, microphone, sound) = parts;
        examine(Trip { rate: Rate::UPLINK, far, microphone, margins, sound })
    }

    #[test]
    fn a_delay_is_found_to_a_tenth_of_a_millisecond_in_every_burst() {
        for late in [0, 1, 1_234, 15_000] {
            let found = found(&trip(4, late, -0.01), &[]).unwrap();
            let expected = late as f64 / 16.0;
            assert_eq!((found.delay_ms.count, found.played), (4, 4));
            assert!((found.delay_ms.p50 - expected).abs() < 0.1, "{late}: {found:?}");
            assert!(found.jitter_ms < 0.1 && found.drift_ppm.unwrap().abs() < 5.0, "{found:?}");
        }
    }

    #[test]
    fn what_the_far_end_is_late_counts_from_where_it_was_so() {
        let margins = [(0, 0.001), (16_000, 0.002), (30_000, 0.007)];
        let found = found(&trip(3, 160, 0.5), &margins).unwrap();
        let delays: Vec<_> = found.delay_ms.bars.iter().map(|bar| bar.0.round()).collect();
        assert_eq!((delays, found.delay_ms.count), (vec![12.0, 17.0], 3));
        assert!((found.jitter_ms - 5.0).abs() < 0.1, "{found:?}");
    }

    #[test]
    fn a_clock_that_runs_faster_is_found() {
        let (far, microphone, sound) = trip(8, 320, 1.0);
        // One frame of a thousand is heard twice.
        let stretched: Vec<f32> = microphone
            .iter()
            .enumerate()
            .flat_map(|(i, sample)| vec![*sample; 1 + usize::from(i % 10_000 == 9_999)])
            .collect();
        let found = found(&(far, stretched, sound), &[]).unwrap();
        assert!((found.drift_ppm.unwrap() - 100.0).abs() < 30.0, "{found:?}");
    }

    #[test]
    fn a_stream_that_stood_still_once_does_not_tilt_the_clock() {
        let (far, microphone, sound) = trip(10, 320, 1.0);
        let late = |signal: Vec<f32>| {
            // Within the second burst: it is lost, and all others are 0.4 s later.
            [&signal[..16_000 + 9_000], &vec![0.0; 6_400], &signal[16_000 + 9_000..]].concat()
        };
        let found = found(&(late(far), late(microphone), sound), &[]).unwrap();
        assert!(found.drift_ppm.unwrap().abs() < 10.0, "{found:?}");
        assert!(found.delay_ms.count >= 9, "{found:?}");
    }

    #[test]
    fn what_is_not_heard_is_not_found_and_what_is_lost_is_missed() {
        assert_eq!(found(&trip(2, 100, 0.0), &[]), None);
        let (far, mut microphone, sound) = trip(3, 100, 1.0);
        microphone[23_000..30_000].fill(0.0);
        let found = found(&(far, microphone, sound), &[]).unwrap();
        assert_eq!((found.delay_ms.count, found.played), (2, 3));
    }
}
