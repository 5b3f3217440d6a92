//! The time between loudspeaker and microphone: what was played a moment ago,
//! at any moment between two frames. Two clocks that drift move that moment by
//! parts of a frame; a straight line between the frames would make an error of
//! −20 dB in the upper voice band, which no canceller could take away. So:
//! a sinc under a Kaiser window. Its error is under −74 dB to 0.8 of the lower
//! Nyquist frequency of the two.

use crate::audio::resampler::{
    dot,
    filter::{LANES, bessel_i0, sinc},
};

/// The least time to the microphone, 34 cm of air: the window reaches no
/// farther to either side, so that it never needs what is not played yet.
pub(super) const LEAST_SECS: f64 = 0.001;
/// How far it reaches, in frames of the lower rate, where that is less.
const REACH_FRAMES: f64 = 16.0;
/// What is remembered: more than any delay that a room may have.
const KEPT_SECS: f64 = 2.0;
/// Places between two frames; from place to place a straight line does, with an
/// error of −94 dB.
const PLACES: usize = 256;
const KAISER_BETA: f64 = 7.86; // 80 dB

/// What was played, to be heard later.
#[derive(Debug)]
pub(super) struct Travel {
    /// `PLACES + 1` rows, oldest frame first.
    rows: Vec<f32>,
    taps: usize,
    /// The last of it is frame `end - 1`; before the first frame, silence.
    played: Vec<f32>,
    end: u64,
    /// The frame after the last that was not silent.
    sounded: u64,
    kept: usize,
}

impl Travel {
    /// From a loudspeaker to a microphone of these rates.
    pub(super) fn new(speaker_hz: f64, microphone_hz: f64) -> Self {
        let reach = REACH_FRAMES * (speaker_hz / microphone_hz).max(1.0);
        let taps = (2.0 * reach.min(LEAST_SECS * speaker_hz)) as usize / LANES * LANES;
        let kept = (KEPT_SECS * speaker_hz) as usize;
        let cutoff = 0.5 * (microphone_hz / speaker_hz).min(1.0);
        let rows = (0..=PLACES).flat_map(|place| row(place as f64 / PLACES as f64, taps, cutoff));
        Self { rows: rows.collect(), taps, played: vec![0.0; kept], end: 0, sounded: 0, kept }
    }

    /// The loudspeaker played one more frame.
    pub(super) fn push(&mut self, frame: f32) {
        if self.played.len() == 2 * self.kept {
            self.played.drain(..self.kept);
        }
        self.played.push(frame);
        self.end += 1;
        if frame != 0.0 {
            self.sounded = self.end;
        }
    }

    /// What was played at frame `at`. Silence before the first frame, beyond
    /// the last and beyond memory.
    pub(super) fn at(&self, at: f64) -> f32 {
        let before = at.floor();
        let oldest = before as i64 - (self.taps as i64 / 2 - 1);
        if oldest >= self.sounded as i64 {
            return 0.0;
        }
        let Some(window) = self.window(oldest) else { return 0.0 };
        let places = (at - before) * PLACES as f64;
        let (place, part) = (places as usize, places.fract() as f32);
        let [one, other] = [place, place + 1].map(|place| {
            let row = &self.rows[place * self.taps..(place + 1) * self.taps];
            dot(window, row)
        });
        one + part * (other - one)
    }

    fn window(&self, oldest: i64) -> Option<&[f32]> {
        let first = self.end as i64 - self.played.len() as i64;
        let start = usize::try_from(oldest - first).ok()?;
        self.played.get(start..start + self.taps)
    }
}

/// The weights of the frames about a moment `part` of a frame after the one in
/// the middle, for a sum of 1.
fn row(part: f64, taps: usize, cutoff: f64) -> Vec<f32> {
    let half = taps as f64 / 2.0;
    let exact: Vec<f64> = (0..taps)
        .map(|i| {
            let place = i as f64 - (half - 1.0) - part;
            let across = place / half;
            sinc(2.0 * cutoff * place)
                * bessel_i0(KAISER_BETA * (1.0 - across * across).max(0.0).sqrt())
        })
        .collect();
    let sum: f64 = exact.iter().sum();
    exact.iter().map(|weight| (weight / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// The worst error over the amplitude, in decibels, of a sine that is heard
    /// by a clock 300 ppm off.
    fn error_db(hz: f64, speaker_hz: f64, microphone_hz: f64) -> f64 {
        let mut travel = Travel::new(speaker_hz, microphone_hz);
        let sine = |frame: f64| (TAU * hz * frame / speaker_hz).sin();
        (0..20_000).for_each(|frame| travel.push(sine(f64::from(frame)) as f32));
        let step = speaker_hz / microphone_hz * 1.0003;
        let moments = (0..).map(|n| 1_000.0 + step * f64::from(n)).take_while(|at| *at < 19_000.0);
        let worst =
            moments.map(|at| (f64::from(travel.at(at)) - sine(at)).abs()).fold(0.0, f64::max);
        20.0 * worst.log10()
    }

    #[test]
    fn between_the_frames_the_error_is_under_74_db_in_the_voice_band() {
        for [speaker_hz, microphone_hz] in
            [[16e3, 16e3], [48e3, 48e3], [48e3, 16e3], [24e3, 48e3], [44.1e3, 48e3]]
        {
            for hz in [100.0, 1_000.0, 3_400.0, 5_000.0, 6_500.0] {
                let error = error_db(hz, speaker_hz, microphone_hz);
                assert!(error < -74.0, "{hz} Hz, {speaker_hz} to {microphone_hz}: {error} dB");
            }
        }
    }

    #[test]
    fn what_a_slower_microphone_cannot_hold_is_taken_away() {
        let mut travel = Travel::new(48e3, 16e3);
        (0..9_600).for_each(|i| travel.push((TAU * 10e3 * f64::from(i) / 48e3).sin() as f32));
        let heard = (0..2_000).map(|n| travel.at(1_000.0 + 3.0 * f64::from(n)).abs());
        assert!(heard.fold(0.0, f32::max) < 1e-3);
    }

    #[test]
    fn it_is_silent_before_the_beginning_beyond_the_end_and_beyond_memory() {
        let mut travel = Travel::new(16e3, 16e3);
        (0..200_000).for_each(|_| travel.push(1.0));
        assert_eq!([-50.0, 100.5, 200_000.0, 1e9].map(|at| travel.at(at)), [0.0; 4]);
        assert!((travel.at(199_000.3) - 1.0).abs() < 1e-6);
        assert!(travel.played.len() <= 64_000);
    }
}
