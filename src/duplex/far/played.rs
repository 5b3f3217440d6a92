//! What was played lately, by position, to be read between its frames.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

use crate::audio::{Rate, resampler::Interpolator};

/// How much is kept, in seconds: more than the rings of both callbacks hold.
const KEPT_S: usize = 1;

/// The newest frames of the loudspeaker.
#[derive(Debug)]
pub(super) struct Played {
    interpolator: Interpolator,
    /// Frame `n` stands at `n % size`; the first `2 * reach` stand once more
    /// behind the last, so that every window is in one piece.
    frames: Box<[f32]>,
    size: usize,
    /// The position after the newest frame: there and beyond it is silent.
    end: u64,
    /// The position after the last frame that was not silent.
    sound_end: u64,
}

impl Played {
    /// For a loudspeaker at `from` and a microphone at `to`.
    pub(super) fn new(from: Rate, to: Rate) -> Self {
        let interpolator = Interpolator::new(from, to);
        let reach = interpolator.reach();
        let size = KEPT_S * from.hz() as usize + 4 * reach;
        let frames = vec![0.0; size + 2 * reach].into();
        Self { interpolator, frames, size, end: 0, sound_end: 0 }
    }

    /// How many frames beyond a place must be known to read it.
    pub(super) fn reach(&self) -> usize {
        self.interpolator.reach()
    }

    /// The position after the newest frame.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn push(&mut self, frames: &[f32]) {
        for (position, frame) in (self.end..).zip(frames) {
            self.set(position, *frame);
        }
        if let Some(last) = frames.iter().rposition(|frame| *frame != 0.0) {
            self.sound_end = self.end + last as u64 + 1;
        }
        self.end += frames.len() as u64;
        self.silence(2 * self.reach());
    }

    /// So many frames were played that are not known.
    pub(super) fn skip(&mut self, frames: u64) {
        self.silence(frames.min(self.size as u64) as usize);
        self.end += frames;
        self.silence(2 * self.reach());
    }

    /// From the end on, so many frames are silent.
    fn silence(&mut self, frames: usize) {
        for position in (self.end..).take(frames) {
            self.set(position, 0.0);
        }
    }

    fn set(&mut self, position: u64, frame: f32) {
        let index = (position % self.size as u64) as usize;
        self.frames[index] = frame;
        if index < 2 * self.reach() {
            self.frames[self.size + index] = frame;
        }
    }

    /// Whether all that it takes to read `place` is here.
    pub(super) fn knows(&self, place: f64) -> bool {
        let whole = place.floor();
        let oldest = self.end as f64 - (self.size - 2 * self.reach()) as f64;
        let reach = self.reach() as f64;
        whole - reach >= oldest && whole + reach < self.end as f64
    }

    /// Whether nothing is to be read from `place` on.
    pub(super) fn is_silent_from(&self, place: f64) -> bool {
        place.floor() - self.reach() as f64 + 1.0 >= self.sound_end as f64
    }

    /// The signal at `place`; what is not known of it is silent.
    pub(super) fn read(&self, place: f64) -> f32 {
        let reach = self.reach() as i64;
        let first = place.floor() as i64 - reach + 1;
        let oldest = self.end as i64 - (self.size as i64 - 2 * reach);
        if first < oldest || self.is_silent_from(place) {
            return 0.0;
        }
        // Nothing was played before the first frame: those places are silent.
        let index = first.rem_euclid(self.size as i64) as usize;
        self.interpolator
            .read(&self.frames[index..index + 2 * reach as usize], place - place.floor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate() -> Rate {
        Rate::new(8_000).unwrap()
    }

    #[test]
    fn frames_are_read_at_their_positions_for_as_long_as_they_are_kept() {
        let mut played = Played::new(rate(), rate());
        for second in 0..40 {
            let level = 0.1 + second as f32 * 0.01;
            for part in [vec![level; 7_000], vec![level; 1_000]] {
                played.push(&part);
            }
            let end = played.end as f64;
            for back in [100.0, 555.25, 7_900.5] {
                assert!((played.read(end - back) - level).abs() < 1e-5, "{second} {back}");
                assert!(played.knows(end - back));
            }
            assert!(!played.knows(end - 1.0) && !played.knows(end + 1.0));
            assert_eq!(played.read(end + 100.0), 0.0);
        }
        assert_eq!(played.read(played.end as f64 - 9_000.0), 0.0);
        assert!(!played.knows(played.end as f64 - 9_000.0));
    }

    #[test]
    fn what_is_not_known_is_silent_and_keeps_the_place_of_the_rest() {
        let mut played = Played::new(rate(), rate());
        played.push(&[0.5; 200]);
        played.skip(300);
        played.push(&[0.25; 200]);
        assert_eq!(played.end, 700);
        let read = [100.0, 350.5, 600.0].map(|place| (played.read(place) * 1e4).round());
        assert_eq!(read, [5_000.0, 0.0, 2_500.0]);
        played.skip(1_000_000);
        assert_eq!(played.read(played.end as f64 - 50.0), 0.0);
        assert_eq!(played.read(-50.0), 0.0);
    }
}
