//! The demo's user: a voice that listens to the speaker, waits for its turn,
//! and once does not.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    audio::level::Dbfs,
    device::card::Room,
    sim::{
        room::{self, RoomSettings},
        seed::Seed,
    },
};

/// When the next utterance begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::cli) enum Cue {
    /// After so much silence of the model, and of our own.
    Silence {
        /// In seconds.
        seconds: f64,
    },
    /// So long after the model's reply began: an interruption.
    Over {
        /// In seconds.
        seconds: f64,
    },
}

/// Both channels of the conversation, as they were at the card.
#[derive(Debug, Default)]
pub(in crate::cli) struct Recording {
    /// What the microphone captured.
    pub(in crate::cli) user: Vec<f32>,
    /// What the speaker played.
    pub(in crate::cli) model: Vec<f32>,
    /// The person is speaking just now: a finger on the talk key.
    pub(in crate::cli) speaking: bool,
}

/// A recording that the person writes and the demo reads afterwards.
pub(in crate::cli) type Shared = Arc<Mutex<Recording>>;

/// The demo's user, in a quiet room or in a given one.
pub(in crate::cli) struct Person {
    lines: Vec<(Cue, Vec<f32>)>,
    /// The line that comes next, and how much of it was said.
    next: usize,
    said: usize,
    hz: f64,
    silent_frames: u64,
    /// Frames since the model's current reply began; 0 between replies.
    reply_frames: u64,
    answered: bool,
    random: u32,
    /// Brings the speaker's sound to the microphone.
    room: Option<room::Room>,
    recording: Shared,
}

/// The model is silent when it was under this for so long.
const SILENT: Dbfs = Dbfs(-60.0);
const SILENT_SECS: f64 = 0.35;
/// Peak of the room's noise: about −66 dBFS RMS.
const NOISE: f32 = 0.0009;

impl Person {
    /// A person who says `lines`, samples at `hz`, at their cues.
    pub(in crate::cli) fn new(lines: Vec<(Cue, Vec<f32>)>, hz: u32, recording: Shared) -> Self {
        Self {
            lines,
            next: 0,
            said: 0,
            hz: f64::from(hz),
            silent_frames: 0,
            reply_frames: 0,
            answered: true,
            random: 0x2545_f491,
            room: None,
            recording,
        }
    }

    /// The same person where the microphone hears the speaker.
    #[must_use]
    pub(in crate::cli) fn in_room(self, settings: &RoomSettings) -> Self {
        let room = room::Room::new(settings, self.hz, self.hz, Seed::new(1));
        Self { room: Some(room), ..self }
    }

    fn listen(&mut self, heard: &[f32]) {
        let frames = heard.len() as u64;
        if Dbfs::rms_of(heard) > SILENT {
            self.silent_frames = 0;
            self.reply_frames += frames;
            self.answered = true;
        } else {
            self.silent_frames += frames;
            if self.reply_frames > 0 && self.silence_s() < SILENT_SECS {
                self.reply_frames += frames;
            } else {
                self.reply_frames = 0;
            }
        }
    }

    fn silence_s(&self) -> f64 {
        self.silent_frames as f64 / self.hz
    }

    fn is_my_turn(&self, cue: Cue) -> bool {
        match cue {
            Cue::Silence { seconds } => self.answered && self.silence_s() >= seconds,
            Cue::Over { seconds } => self.reply_frames as f64 / self.hz >= seconds,
        }
    }

    /// White noise by xorshift: the room.
    fn noise(&mut self) -> f32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        NOISE * (f64::from(self.random) / f64::from(u32::MAX) * 2.0 - 1.0) as f32
    }

    fn speak(&mut self, microphone: &mut [f32]) {
        let Some((cue, line)) = self.lines.get(self.next) else { return };
        if self.said == 0 && !self.is_my_turn(*cue) {
            return;
        }
        let left = &line[self.said..];
        let frames = left.len().min(microphone.len());
        for (slot, sample) in microphone.iter_mut().zip(left) {
            *slot += sample;
        }
        self.said += frames;
        if self.said == line.len() {
            self.next += 1;
            self.said = 0;
            self.silent_frames = 0;
            self.answered = false;
        }
    }
}

impl Room for Person {
    fn pass(&mut self, heard: &[f32], microphone: &mut [f32]) -> bool {
        self.listen(heard);
        for slot in &mut *microphone {
            *slot = self.noise();
        }
        self.speak(microphone);
        if let Some(room) = &mut self.room {
            room.play(heard);
            room.hear(microphone);
        }
        let mut recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
        recording.user.extend_from_slice(microphone);
        recording.model.extend_from_slice(heard);
        recording.speaking = self.said > 0;
        let over = self.next == self.lines.len() && self.answered && self.silence_s() > 1.0;
        !over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100 frames per second, blocks of 10 frames.
    fn person(lines: &[(Cue, usize)]) -> (Person, Shared) {
        let recording = Shared::default();
        let lines = lines.iter().map(|(cue, frames)| (*cue, vec![0.5; *frames])).collect();
        (Person::new(lines, 100, recording.clone()), recording)
    }

    fn pass(person: &mut Person, blocks: usize, heard: f32) -> (Vec<bool>, bool) {
        let mut more = true;
        let spoken = (0..blocks).map(|_| {
            let mut microphone = [0.0; 10];
            more = person.pass(&[heard; 10], &mut microphone);
            microphone[0].abs() > 0.1
        });
        (spoken.collect(), more)
    }

    #[test]
    fn a_person_waits_for_silence_and_for_an_answer() {
        let wait = Cue::Silence { seconds: 0.3 };
        let (mut person, _) = person(&[(wait, 20), (wait, 10)]);
        assert_eq!(pass(&mut person, 5, 0.0).0, [false, false, true, true, false]);
        assert!(!pass(&mut person, 20, 0.0).0.contains(&true), "no answer yet");
        assert!(!pass(&mut person, 5, 0.2).0.contains(&true), "the model speaks");
        assert_eq!(pass(&mut person, 3, 0.0).0, [false, false, true]);
    }

    #[test]
    fn in_a_room_the_microphone_hears_the_speaker() {
        let person = Person::new(Vec::new(), 48_000, Shared::default());
        let mut person = person.in_room(&RoomSettings::named("laptop").unwrap());
        let mut levels =
            [[0.0; 480], [0.2; 480], [0.2; 480], [0.2; 480], [0.2; 480]].map(|heard| {
                let mut microphone = [0.0; 480];
                person.pass(&heard, &mut microphone);
                Dbfs::rms_of(&microphone).0
            });
        assert!(levels[..3].iter().all(|level| *level < -55.0), "20 ms are not over: {levels:?}");
        levels.reverse();
        assert!(levels[..2].iter().all(|level| *level > -40.0), "{levels:?}");
    }

    #[test]
    fn an_interruption_comes_while_the_model_speaks() {
        let (mut person, recording) = person(&[(Cue::Over { seconds: 0.4 }, 10)]);
        assert!(!pass(&mut person, 9, 0.0).0.contains(&true));
        assert_eq!(pass(&mut person, 4, 0.2).0, [false, false, false, true]);
        assert!(pass(&mut person, 1, 0.2).1);
        assert!(!pass(&mut person, 20, 0.0).1, "over when the last answer was heard");
        assert_eq!(recording.lock().unwrap().user.len(), 340);
    }
}
