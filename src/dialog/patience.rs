//! How long a pause may last before it is the end of a turn.
//!
//! A wait is a sum of reasons, each in milliseconds, so that it can be told:
//! a basis that the user sets (`patience`), and what is added or taken off for
//! how much was said and how the last words were said. `docs/turn-taking.md`
//! has the figures that the weights come from, and what was tried.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use super::{
    Cues,
    settings::{EndpointKind, TurnSettings},
};
use crate::audio::{Reason, Wait};

/// No patience at all, and all of it.
const BASIS_MS: [f32; 2] = [450.0, 1_650.0];
/// For each doubling of 1 s + talk, this times ln 2; no more after 4 s.
const TALK_MS: f32 = 1_000.0;
const TALK_S_MAX: f32 = 4.0;
/// What is neither much nor little talk: 2.3 s.
const TALK_NEUTRAL: f32 = 1.2;
/// Most short turns are whole: little talk adds no more than this.
const TALK_MS_MAX: f32 = 200.0;
/// Each pause after which the user went on makes the end nearer, up to two.
const PAUSE_MS: f32 = 50.0;
const PAUSES_MAX: u32 = 2;
/// Per decibel that the last words are louder than their usual end.
const LEVEL_MS: f32 = 20.0;
const LEVEL_NEUTRAL_DB: f32 = -7.4;
/// Per second that the voice took to die away beyond the usual.
const FADE_MS: f32 = -1_200.0;
const FADE_NEUTRAL_S: f32 = 0.08;
/// Per second that a sound was held beyond the usual.
const HELD_MS: f32 = 1_500.0;
const HELD_NEUTRAL_S: f32 = 0.2;
/// Per octave over the usual end, which is not quite the bottom of the voice.
const PITCH_MS: f32 = 250.0;
const PITCH_NEUTRAL: f32 = 0.22;
/// What a voice can add in all; it may take off more.
const VOICE_MS_MAX: f32 = 100.0;
const VOICE: [Reason; 4] = [Reason::Level, Reason::Fade, Reason::Held, Reason::Pitch];
/// In noise faint last words are missed: per decibel that the voice stands less
/// than this over the noise.
const NOISE_MS: f32 = 30.0;
const NOISE_NEUTRAL_DB: f32 = 28.0;
/// A word or two, with no pause in them: most likely that was all.
/// It is waited for so long, or this share of the basis, at most.
const SHORT_S: f32 = 0.8;
const SHORT_MS_MAX: f32 = 900.0;
const SHORT_SHARE: f32 = 0.8;

/// Turns what a pause tells into a wait.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    kind: EndpointKind,
    fixed: Wait,
    basis_ms: f32,
    bounds_ms: [f32; 2],
}

impl Patience {
    /// As the user wants it.
    pub fn new(settings: &TurnSettings) -> Self {
        let [none, all] = BASIS_MS;
        let max_ms = settings.hangover_max_ms as f32;
        Self {
            kind: settings.endpoint,
            fixed: Wait::fixed(settings.hangover_ms),
            basis_ms: none + (all - none) * settings.patience,
            bounds_ms: [(settings.hangover_min_ms as f32).min(max_ms), max_ms],
        }
    }

    /// The wait in a pause that tells this, after so many pauses in the turn.
    pub fn wait(&self, cues: &Cues, pauses: u32) -> Wait {
        if self.kind == EndpointKind::Fixed {
            return self.fixed;
        }
        let talk = (1.0 + cues.talk_s.min(TALK_S_MAX)).ln();
        let level_db = cues.level_db.clamp(-15.0, 5.0) + 0.5 * cues.last_level_db.clamp(-25.0, 5.0);
        let pitch = cues.pitch_octaves.map_or(PITCH_NEUTRAL, |octaves| octaves.clamp(-0.2, 0.8));
        let mut reasons = [0.0; Reason::ALL.len()];
        reasons[Reason::Patience as usize] = self.basis_ms;
        reasons[Reason::Talk as usize] = (TALK_MS * (TALK_NEUTRAL - talk)).min(TALK_MS_MAX);
        reasons[Reason::Pauses as usize] = -PAUSE_MS * pauses.min(PAUSES_MAX) as f32;
        reasons[Reason::Level as usize] = LEVEL_MS * (level_db - LEVEL_NEUTRAL_DB);
        reasons[Reason::Fade as usize] = FADE_MS * (cues.fade_s.min(0.35) - FADE_NEUTRAL_S);
        reasons[Reason::Held as usize] = HELD_MS * (cues.held_s.clamp(0.04, 0.3) - HELD_NEUTRAL_S);
        reasons[Reason::Pitch as usize] = PITCH_MS * (pitch - PITCH_NEUTRAL);
        let voice_ms: f32 = VOICE.iter().map(|reason| reasons[*reason as usize]).sum();
        if voice_ms > VOICE_MS_MAX {
            for reason in VOICE {
                reasons[reason as usize] *= VOICE_MS_MAX / voice_ms;
            }
        }
        let noise_db = (NOISE_NEUTRAL_DB - cues.over_noise_db).clamp(0.0, 15.0);
        reasons[Reason::Noise as usize] = NOISE_MS * noise_db;
        let sum: f32 = reasons.iter().sum();
        if cues.talk_s < SHORT_S && pauses == 0 {
            let max = SHORT_MS_MAX.max(SHORT_SHARE * self.basis_ms);
            reasons[Reason::Short as usize] = (max - sum).min(0.0);
        }
        let sum: f32 = reasons.iter().sum();
        let [min, max] = self.bounds_ms;
        Wait { ms: sum.clamp(min, max) as u16, reasons_ms: reasons.map(|ms| ms.round() as i16) }
    }

    /// The same wait once a model says how probable it is, from 0 to 1, that
    /// the turn is over: 1 shortens it to the least hangover, 0 lengthens it to
    /// the longest. `None` where that changes nothing: of a fixed hangover, and
    /// by what is no probability.
    pub fn advised(&self, wait: &Wait, over: f32) -> Option<Wait> {
        if self.kind == EndpointKind::Fixed || !(0.0..=1.0).contains(&over) {
            return None;
        }
        let unadvised = f32::from(wait.ms) - f32::from(wait.reasons_ms[Reason::Model as usize]);
        let [min, max] = self.bounds_ms;
        let bound = if over > 0.5 { min } else { max };
        let shift = ((bound - unadvised) * (2.0 * over - 1.0).abs()).round();
        let mut advised = Wait { ms: (unadvised + shift) as u16, ..*wait };
        advised.reasons_ms[Reason::Model as usize] = shift as i16;
        (advised != *wait).then_some(advised)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of a statement in a quiet room.
    const STATEMENT: Cues = Cues {
        talk_s: 2.3,
        level_db: -5.0,
        last_level_db: -5.0,
        fade_s: 0.08,
        held_s: 0.2,
        pitch_octaves: Some(0.2),
        over_noise_db: 40.0,
    };

    fn wait(cues: Cues, patience: f32) -> Wait {
        let settings = TurnSettings {
            endpoint: EndpointKind::Adaptive,
            patience,
            hangover_min_ms: 250,
            hangover_max_ms: 1_400,
            ..TurnSettings::default()
        };
        Patience::new(&settings).wait(&cues, 0)
    }

    #[test]
    fn patience_is_waited_for_where_nothing_else_tells() {
        let ms = [0.0, 0.25, 0.5, 0.75].map(|patience| wait(STATEMENT, patience).ms);
        assert!(ms.is_sorted_by(|a, b| a + 200 < *b), "{ms:?}");
        assert!(ms[2].abs_diff(1_050) < 30, "{ms:?}");
        assert_eq!(wait(STATEMENT, 1.0).ms, 1_400, "the longest hangover");
    }

    #[test]
    fn what_sounds_unfinished_is_waited_for_longer() {
        let ms = |cues: Cues| wait(cues, 0.4).ms;
        let usual = ms(STATEMENT);
        assert!(ms(Cues { held_s: 0.3, ..STATEMENT }) > usual + 80, "a held vowel");
        assert!(ms(Cues { pitch_octaves: Some(0.7), ..STATEMENT }) > usual + 80, "a high end");
        assert!(ms(Cues { level_db: 2.0, last_level_db: 3.0, ..STATEMENT }) > usual + 80, "loud");
        assert!(ms(Cues { fade_s: 0.3, ..STATEMENT }) < usual - 80, "a voice that dies away");
        assert!(ms(Cues { talk_s: 5.0, ..STATEMENT }) < usual - 200, "much was said");
        assert!(ms(Cues { over_noise_db: 15.0, ..STATEMENT }) > usual + 80, "noise");
        assert!(ms(Cues { pitch_octaves: None, ..STATEMENT }).abs_diff(usual) < 20, "whispered");
    }

    #[test]
    fn no_voice_adds_more_than_a_tenth_of_a_second() {
        let loud = Cues { level_db: 5.0, last_level_db: 5.0, held_s: 0.4, ..STATEMENT };
        let [usual, most] = [STATEMENT, loud].map(|cues| wait(cues, 0.4).ms);
        assert!((90..=110).contains(&(most - usual)), "{usual} {most}");
    }

    #[test]
    fn a_short_answer_is_not_waited_for_as_for_a_long_thought() {
        let short = Cues { talk_s: 0.4, ..STATEMENT };
        assert_eq!([0.5, 1.0].map(|patience| wait(short, patience).ms), [900, 1_320]);
        assert!(wait(short, 0.0).ms < 700);
        assert!(wait(Cues { talk_s: 1.0, ..STATEMENT }, 0.5).ms > 1_200);
    }

    #[test]
    fn the_reasons_add_up_to_the_wait() {
        let wait = wait(STATEMENT, 0.5);
        let sum: i32 = wait.reasons_ms.iter().map(|ms| i32::from(*ms)).sum();
        assert!((sum - i32::from(wait.ms)).abs() <= 5, "{wait:?}");
    }

    #[test]
    fn a_model_moves_the_wait_between_its_bounds_and_its_last_word_counts() {
        let settings = TurnSettings {
            endpoint: EndpointKind::Adaptive,
            hangover_min_ms: 300,
            hangover_max_ms: 1_500,
            ..TurnSettings::default()
        };
        let patience = Patience::new(&settings);
        let wait = Wait { ms: 900, ..Wait::fixed(900) };
        let advised = |wait, over| patience.advised(wait, over).map(|wait| wait.ms);
        let ms = [0.0, 0.25, 0.75, 1.0].map(|over| advised(&wait, over));
        assert_eq!(ms, [Some(1_500), Some(1_200), Some(600), Some(300)]);
        assert_eq!(advised(&wait, 0.5), None);
        assert_eq!([f32::NAN, -0.1, 1.1].map(|over| advised(&wait, over)), [None; 3]);
        let over = patience.advised(&wait, 1.0).unwrap();
        assert_eq!(format!("{over:?}"), "300 ms: patience 900, model -600");
        assert_eq!(advised(&over, 0.0), Some(1_500));
        let fixed = Patience::new(&TurnSettings { endpoint: EndpointKind::Fixed, ..settings });
        assert_eq!(fixed.advised(&wait, 1.0), None);
    }

    #[test]
    fn a_fixed_hangover_does_not_listen() {
        let settings =
            TurnSettings { endpoint: EndpointKind::Fixed, hangover_ms: 640, ..Default::default() };
        let patience = Patience::new(&settings);
        assert_eq!(patience.wait(&STATEMENT, 0), patience.wait(&Cues::default(), 9));
        assert_eq!(patience.wait(&STATEMENT, 0).ms, 640);
    }
}
