//! What a loudspeaker does to a microphone in the same room: its sound comes
//! back weaker and later.

use std::collections::VecDeque;

use crate::audio::{Gain, Nanos};

/// The way from the loudspeaker to the microphone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EchoPath {
    /// How much weaker the sound arrives, in decibels; negative.
    pub gain_db: f32,
    /// How much later, beyond the latency of the device.
    pub delay: Nanos,
}

/// A room, with or without such a way.
#[derive(Debug)]
pub struct Room {
    gain: f32,
    delay: Nanos,
    /// What was played lately; the last of it is frame `end - 1`.
    played: VecDeque<f32>,
    end: u64,
    kept: usize,
}

impl Room {
    /// A room that remembers the last `kept` frames of its loudspeaker.
    pub fn new(path: Option<EchoPath>, kept: usize) -> Self {
        Self {
            gain: path.map_or(0.0, |path| Gain::from_db(path.gain_db).0),
            delay: path.map_or(Nanos::ZERO, |path| path.delay),
            played: VecDeque::new(),
            end: 0,
            kept,
        }
    }

    /// How late the sound arrives.
    pub fn delay(&self) -> Nanos {
        self.delay
    }

    /// The loudspeaker was given this.
    pub fn play(&mut self, sound: &[f32]) {
        self.end += sound.len() as u64;
        if self.gain == 0.0 {
            return;
        }
        self.played.extend(sound);
        let surplus = self.played.len().saturating_sub(self.kept);
        self.played.drain(..surplus);
    }

    /// Adds to each frame of the microphone what arrives there: that which the
    /// loudspeaker plays at its frame `at`, and `step` frames further for each
    /// frame of the microphone. Between two frames it is interpolated.
    pub fn echo(&self, mut at: f64, step: f64, microphone: &mut [f32]) {
        if self.gain == 0.0 {
            return;
        }
        let first = self.end - self.played.len() as u64;
        let played = |frame: f64| {
            let index = frame - first as f64;
            let inside = index >= 0.0 && index < self.played.len() as f64;
            if inside { self.played[index as usize] } else { 0.0 }
        };
        for slot in microphone {
            let (before, part) = (at.floor(), (at - at.floor()) as f32);
            let sample = (1.0 - part) * played(before) + part * played(before + 1.0);
            *slot += self.gain * sample;
            at += step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loudspeaker_comes_back_weaker_from_where_it_is_asked() {
        let path = EchoPath { gain_db: -6.0206, delay: Nanos::from_ms(3) };
        let mut room = Room::new(Some(path), 4);
        room.play(&[9.0, 9.0, 1.0, 2.0]);
        room.play(&[4.0, 8.0]);
        let mut microphone = [0.0; 8];
        room.echo(0.5, 1.0, &mut microphone);
        let expected = [0.0, 0.25, 0.75, 1.5, 3.0, 2.0, 0.0, 0.0];
        for (got, want) in microphone.iter().zip(expected) {
            assert!((got - want).abs() < 1e-4, "{microphone:?}");
        }
    }

    #[test]
    fn without_a_path_nothing_comes_back() {
        let mut room = Room::new(None, 100);
        room.play(&[1.0; 10]);
        let mut microphone = [0.0; 4];
        room.echo(0.0, 1.0, &mut microphone);
        assert_eq!(microphone, [0.0; 4]);
    }
}
