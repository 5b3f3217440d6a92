//! What the endpoint hears, by sounds and a detector's answers.

use std::f32::consts::TAU;

use proptest::prelude::*;

use super::*;
use crate::dialog::EndpointKind;

const HOP: usize = 256;

fn settings() -> TurnSettings {
    TurnSettings {
        threshold: 0.6,
        threshold_off: 0.5,
        onset_ms: 48,
        endpoint: EndpointKind::Fixed,
        hangover_ms: 160,
        ..TurnSettings::default()
    }
}

/// What one hop sounds like.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sound {
    /// Noise at -60 dBFS.
    Noise,
    /// A voice of 120 Hz, 30 dB louder.
    Voice,
    /// The same through the nose.
    Hum,
    /// Something without pitch, 10 dB louder than the noise.
    Hiss,
}

/// A talker for one endpoint, who goes on where they stopped.
struct Talk {
    endpoint: Endpoint,
    at: FrameTime,
    random: u32,
}

impl Talk {
    fn new(settings: &TurnSettings) -> Self {
        let mut talk = Self {
            endpoint: Endpoint::new(settings),
            at: FrameTime::start(Rate::UPLINK, 0),
            random: 1,
        };
        talk.hear(Sound::Noise, &[0.0; 60]);
        talk
    }

    fn sample(&mut self, sound: Sound, i: usize) -> f32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = ((self.random >> 8) as f32 / 8_388_608.0 - 1.0) * 1.7e-3;
        let phase = TAU * 120.0 * (self.at.frames as usize + i) as f32 / 16_000.0;
        match sound {
            Sound::Noise => noise,
            Sound::Hiss => noise * 3.2,
            Sound::Hum => {
                let harmonic = |k: usize| (phase * k as f32).sin() / (k * k * k) as f32;
                noise * 0.1 + 0.03 * (1..8).map(harmonic).sum::<f32>()
            }
            Sound::Voice => {
                noise + 0.03 * (1..30).map(|k| (phase * k as f32).sin() / k as f32).sum::<f32>()
            }
        }
    }

    /// Hops of a sound with the detector's answers; the kinds, and the hop
    /// counted from here in which each was decided.
    fn hear(&mut self, sound: Sound, probabilities: &[f32]) -> Vec<(NoteKind, usize)> {
        let mut notes = Vec::new();
        for (hop, probability) in probabilities.iter().enumerate() {
            let samples: Vec<f32> = (0..HOP).map(|i| self.sample(sound, i)).collect();
            self.endpoint.listen(&samples);
            self.at = self.at.plus(HOP as i64);
            if let Some(note) = self.endpoint.hear(self.at.plus(-1), *probability) {
                assert!(note.at.frames <= note.decided_at.frames);
                notes.push((note.kind, hop + 1));
            }
        }
        notes
    }

    /// A model's word before the next hop.
    fn advise(&mut self, over: f32) -> Option<NoteKind> {
        let at = self.at.plus(HOP as i64 - 1);
        self.endpoint.advise(at, over).map(|note| note.kind)
    }
}

fn adaptive() -> TurnSettings {
    TurnSettings {
        endpoint: EndpointKind::Adaptive,
        patience: 0.1,
        hangover_min_ms: 320,
        hangover_max_ms: 1_600,
        ..settings()
    }
}

fn fixed() -> NoteKind {
    NoteKind::SpeechOff(crate::audio::Wait::fixed(160))
}

#[test]
fn speech_is_likely_then_certain_then_over() {
    let mut talk = Talk::new(&settings());
    let began = talk.hear(Sound::Voice, &[0.9; 10]);
    assert_eq!(began, [(NoteKind::Likely, 1), (NoteKind::Onset, 3)]);
    let ended = talk.hear(Sound::Noise, &[0.1; 20]);
    assert_eq!(ended, [(fixed(), 2), (NoteKind::EndOfTurn, 10)]);
    assert!(!talk.endpoint.in_turn());
}

#[test]
fn a_click_is_a_false_alarm() {
    let mut talk = Talk::new(&settings());
    assert_eq!(talk.hear(Sound::Voice, &[0.9, 0.9]), [(NoteKind::Likely, 1)]);
    assert_eq!(talk.hear(Sound::Noise, &[0.0; 4]), [(NoteKind::FalseAlarm, 1)]);
}

#[test]
fn what_has_no_pitch_must_last_400_ms() {
    let mut talk = Talk::new(&settings());
    let notes = talk.hear(Sound::Hiss, &[0.9; 30]);
    assert_eq!(notes, [(NoteKind::Likely, 1), (NoteKind::Onset, 25)]);
}

#[test]
fn a_pause_shorter_than_the_wait_does_not_end_the_turn() {
    let mut talk = Talk::new(&settings());
    talk.hear(Sound::Voice, &[0.9; 10]);
    assert_eq!(talk.hear(Sound::Noise, &[0.0; 9]), [(fixed(), 2)]);
    assert_eq!(talk.hear(Sound::Voice, &[0.9; 5]), [(NoteKind::SpeechOn, 3)]);
    let ended = talk.hear(Sound::Noise, &[0.0; 20]);
    assert_eq!(ended, [(fixed(), 2), (NoteKind::EndOfTurn, 10)]);
}

#[test]
fn a_turn_does_not_end_while_speech_may_just_be_going_on() {
    let mut talk = Talk::new(&settings());
    talk.hear(Sound::Voice, &[0.9; 10]);
    talk.hear(Sound::Noise, &[0.0; 9]);
    assert_eq!(talk.hear(Sound::Voice, &[0.9, 0.9]), [], "the wait is over, but");
    assert_eq!(talk.hear(Sound::Noise, &[0.0]), [(NoteKind::EndOfTurn, 1)], "it was a click");
}

#[test]
fn over_the_model_more_speech_is_needed() {
    let mut talk = Talk::new(&settings());
    talk.endpoint.set_over_reply(true);
    let began = talk.hear(Sound::Voice, &[0.9; 12]);
    assert_eq!(began, [(NoteKind::Likely, 1), (NoteKind::Onset, 10)]);
}

#[test]
fn a_hum_over_the_model_is_a_false_alarm_unless_it_lasts() {
    let over_reply = |settings: &TurnSettings| {
        let mut talk = Talk::new(settings);
        talk.endpoint.set_over_reply(true);
        talk
    };
    let mut talk = over_reply(&settings());
    assert_eq!(talk.hear(Sound::Hum, &[0.9; 26]), [(NoteKind::Likely, 1)]);
    assert_eq!(talk.hear(Sound::Noise, &[0.0]), [(NoteKind::FalseAlarm, 1)]);
    talk.hear(Sound::Hum, &[0.9; 30]);
    assert_eq!(talk.hear(Sound::Hum, &[0.9; 2]), [(NoteKind::Onset, 2)], "500 ms");
    let mut told_off = over_reply(&TurnSettings { backchannel_ms: 0, ..settings() });
    assert_eq!(told_off.hear(Sound::Hum, &[0.9; 12]).last(), Some(&(NoteKind::Onset, 10)));
}

#[test]
fn the_breath_within_mm_hm_is_part_of_the_hum() {
    let mut talk = Talk::new(&settings());
    talk.endpoint.set_over_reply(true);
    let sounds = [(Sound::Hum, 10), (Sound::Hiss, 6), (Sound::Hum, 10), (Sound::Noise, 4)];
    let heard = sounds.map(|(sound, hops)| talk.hear(sound, &vec![0.9; hops]));
    assert_eq!(heard.concat(), [(NoteKind::Likely, 1)]);
}

#[test]
fn a_word_that_begins_through_the_nose_cuts_almost_as_soon_as_another() {
    let mut talk = Talk::new(&settings());
    talk.endpoint.set_over_reply(true);
    talk.hear(Sound::Hum, &[0.9; 4]);
    let [(NoteKind::Onset, hop)] = talk.hear(Sound::Voice, &[0.9; 20])[..] else { panic!() };
    assert!((8..=9).contains(&hop), "{hop}: 120 ms of it");
}

#[test]
fn a_hum_in_silence_is_an_answer() {
    let mut talk = Talk::new(&settings());
    let began = talk.hear(Sound::Hum, &[0.9; 10]);
    assert_eq!(began, [(NoteKind::Likely, 1), (NoteKind::Onset, 3)]);
}

#[test]
fn an_adaptive_wait_comes_with_its_reasons() {
    let mut settings = settings();
    settings.endpoint = EndpointKind::Adaptive;
    let mut talk = Talk::new(&settings);
    talk.hear(Sound::Voice, &[0.9; 100]);
    let notes = talk.hear(Sound::Noise, &[0.0; 150]);
    let [(NoteKind::SpeechOff(wait), 2), (NoteKind::EndOfTurn, hop)] = notes[..] else {
        panic!("{notes:?}")
    };
    assert!(wait.reasons().count() >= 4, "{wait:?}");
    assert_eq!(hop, (usize::from(wait.ms) * 16).div_ceil(HOP), "{wait:?}");
}

#[test]
fn who_goes_on_after_an_end_had_not_finished_and_is_waited_for_as_in_one_turn() {
    let mut settings = settings();
    (settings.endpoint, settings.patience) = (EndpointKind::Adaptive, 0.1);
    // After 1.7 s of silence, and after 4.6 s.
    let [soon, late] = [5, 188].map(|hops| {
        let mut talk = Talk::new(&settings);
        talk.hear(Sound::Voice, &[0.9; 180]);
        let ended = talk.hear(Sound::Noise, &[0.0; 100]);
        assert!(ended.contains(&(NoteKind::EndOfTurn, ended.last().unwrap().1)), "{ended:?}");
        talk.hear(Sound::Noise, &vec![0.0; hops]);
        talk.hear(Sound::Voice, &[0.9; 80]);
        match talk.hear(Sound::Noise, &[0.0; 2])[..] {
            [(NoteKind::SpeechOff(wait), _)] => wait,
            ref other => panic!("{other:?}"),
        }
    });
    assert!(soon.ms + 300 < late.ms, "{soon:?} {late:?}");
}

#[test]
fn a_model_shortens_or_lengthens_the_pause_that_goes_on_and_nothing_else() {
    for (over, ms, hops) in [(1.0, 320, 20), (0.0, 1_600, 100)] {
        let mut talk = Talk::new(&adaptive());
        assert_eq!(talk.advise(over), None, "nothing was said");
        talk.hear(Sound::Voice, &[0.9; 100]);
        assert_eq!(talk.advise(over), None, "speech goes on");
        talk.hear(Sound::Noise, &[0.0; 4]);
        let Some(NoteKind::WaitChanged(wait)) = talk.advise(over) else { panic!("{over}") };
        assert_eq!(wait.ms, ms, "{wait:?}");
        assert_eq!(talk.advise(over), None, "said already");
        assert_eq!(talk.hear(Sound::Noise, &[0.0; 150]), [(NoteKind::EndOfTurn, hops - 4)]);
        assert_eq!(talk.advise(over), None, "the turn is over");
    }
}

#[test]
fn a_model_that_says_over_when_the_least_wait_has_passed_ends_the_turn_there() {
    let mut talk = Talk::new(&adaptive());
    talk.hear(Sound::Voice, &[0.9; 100]);
    talk.hear(Sound::Noise, &[0.0; 30]);
    assert!(talk.advise(1.0).is_some());
    assert_eq!(talk.hear(Sound::Noise, &[0.0]), [(NoteKind::EndOfTurn, 1)]);
}

#[test]
fn closing_ends_a_turn_once() {
    let mut talk = Talk::new(&settings());
    talk.hear(Sound::Voice, &[0.9; 6]);
    assert!(talk.endpoint.in_turn());
    let at = talk.at;
    assert_eq!(talk.endpoint.close(at).map(|n| n.kind), Some(NoteKind::EndOfTurn));
    assert_eq!(talk.endpoint.close(at), None);
}

proptest! {
    #[test]
    fn ends_stay_within_their_bounds_and_turns_end_once_whatever_a_model_says(
        parts in prop::collection::vec((4usize..40, 0usize..130), 1..5),
        answers in prop::collection::vec((0usize..500, -0.5f32..1.5), 0..40),
    ) {
        let mut talk = Talk::new(&adaptive());
        let hops = parts.iter().flat_map(|&(voice, noise)| {
            let sounds = [(Sound::Voice, voice), (Sound::Noise, noise)];
            sounds.into_iter().flat_map(|(sound, hops)| std::iter::repeat_n(sound, hops))
        });
        let (mut in_turn, mut off) = (false, 0);
        for (hop, sound) in hops.enumerate() {
            for (_, over) in answers.iter().filter(|(at, _)| *at == hop) {
                talk.advise(*over);
            }
            let probability = if sound == Sound::Voice { 0.9 } else { 0.0 };
            for (kind, _) in talk.hear(sound, &[probability]) {
                match kind {
                    NoteKind::Onset => prop_assert!(!std::mem::replace(&mut in_turn, true)),
                    NoteKind::SpeechOff(_) => off = hop,
                    NoteKind::EndOfTurn => {
                        prop_assert!(std::mem::replace(&mut in_turn, false));
                        // Speech is off with the second silent hop.
                        prop_assert!((20..=100).contains(&(hop - off + 2)), "{}", hop - off);
                    }
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn onsets_and_ends_alternate_whatever_is_heard(
        hops in prop::collection::vec((0.0f32..1.0, 0usize..4), 0..300)
    ) {
        let mut talk = Talk::new(&settings());
        let (mut in_turn, mut speaking) = (false, false);
        for (probability, sound) in hops {
            let sound = [Sound::Noise, Sound::Voice, Sound::Hiss, Sound::Hum][sound];
            for (kind, _) in talk.hear(sound, &[probability]) {
                let (turn, speech) = match kind {
                    NoteKind::SpeechOn | NoteKind::EndOfTurn => (true, false),
                    NoteKind::SpeechOff(_) => (true, true),
                    _ => (false, false),
                };
                prop_assert_eq!((in_turn, speaking), (turn, speech), "{:?}", kind);
                match kind {
                    NoteKind::Onset | NoteKind::SpeechOn => (in_turn, speaking) = (true, true),
                    NoteKind::SpeechOff(_) => speaking = false,
                    NoteKind::EndOfTurn => in_turn = false,
                    _ => {}
                }
            }
        }
    }
}
