//! How something is said: loudness, timbre and pitch of one talker, every
//! 10 ms, and what they tell at the beginning of a pause.
//!
//! What is compared is always the talker's own voice: the last words against
//! the usual ones. So neither a microphone's gain nor its colour counts.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

use super::pitch::{Pitch, PitchTracker};
use crate::audio::{Biquad, Rate};

const FRAME: usize = 160;
const BANDS: usize = 6;
/// From the first formant of a closed vowel to the hiss of an s.
const CENTRES_HZ: [f64; BANDS] = [250.0, 500.0, 900.0, 1_500.0, 2_400.0, 3_600.0];
/// 800 ms.
const HISTORY: usize = 80;
/// The noise floor may rise by 3 dB per second.
const FLOOR_RISE_DB: f32 = 0.03;
/// The loudest moment fades by 5 dB per second of speech.
const TOP_FALL_DB: f32 = 0.05;
/// Speech is at most so far under the loudest moment…
const RANGE_DB: f32 = 25.0;
/// …and at least so far over the noise.
const OVER_FLOOR_DB: f32 = 6.0;
/// Means forget in 3 s of speech.
const MEMORY_FRAMES: f32 = 300.0;
/// Pitch as clear as this belongs to the melody…
const MELODIC: f32 = 0.6;
/// …and this is a voice, unless it is higher than 350 Hz.
const VOICED: f32 = 0.7;
const VOICE_OCTAVE_MAX: f32 = 8.45;
/// A hum comes through the nose: from 1.5 kHz up it is so much weaker than at
/// 250 Hz…
const HUM_DB: f32 = -11.0;
/// …and darker by this than the talker's usual voice, whatever the microphone.
/// That is learnt in 5 s of speech, so that humming does not become usual.
const HUM_UNDER_USUAL_DB: f32 = -6.0;
const USUAL_TILT_DB: f32 = -3.0;
const TILT_FRAMES: f32 = 500.0;
/// What is so far under the loudest of the last 300 ms is breath between two
/// sounds, or what is left of the last one.
const FAINT_DB: f32 = -15.0;
const FAINT_FRAMES: usize = 30;
/// The bottom of a voice: a tenth of its pitches are deeper.
const BOTTOM: f32 = 0.1;
const BOTTOM_STEP: f32 = 0.02;

/// One moment of 10 ms.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    level_db: f32,
    /// Bands against their mean, in decibels.
    shape_db: [f32; BANDS],
    pitch: Option<Pitch>,
    is_speech: bool,
}

impl Moment {
    /// The three bands from 1.5 kHz up against the one at 250 Hz.
    fn tilt_db(&self) -> f32 {
        let [low, _, _, high @ ..] = self.shape_db;
        high.iter().sum::<f32>() / high.len() as f32 - low
    }
}

/// What the beginning of a pause tells. Everything is relative to the talker.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cues {
    /// Speech in this turn, in seconds.
    pub talk_s: f32,
    /// The last 400 ms against the talker's mean, in decibels.
    pub level_db: f32,
    /// The last 100 ms against it.
    pub last_level_db: f32,
    /// Since the voice was 4 dB under its mean for the last time, in seconds.
    pub fade_s: f32,
    /// The longest stretch of the last 450 ms in which the sound was the same
    /// as 60 ms before, in seconds.
    pub held_s: f32,
    /// Pitch of the last words over the bottom of the voice, in octaves;
    /// `None` where they were whispered or too short.
    pub pitch_octaves: Option<f32>,
    /// How far the talker stands over the noise, in decibels.
    pub over_noise_db: f32,
}

/// Listens to one talker.
#[derive(Debug)]
pub struct Prosody {
    bands: [Biquad; BANDS],
    pitch: PitchTracker,
    powers: [f64; BANDS],
    collected: usize,
    /// The newest is the last.
    moments: [Moment; HISTORY],
    /// How many of the newest moments are not yet known to be speech or not.
    unjudged: usize,
    floor_db: f32,
    top_db: f32,
    mean_db: f32,
    speech_frames: f32,
    /// What is above 1.5 kHz against what is at 250 Hz.
    tilt_db: f32,
    bottom_octave: Option<f32>,
    turn_frames: u32,
    is_hum: bool,
    is_faint: bool,
}

impl Prosody {
    /// Someone who has heard nothing yet.
    pub fn new() -> Self {
        let rate_hz = f64::from(Rate::UPLINK.hz());
        Self {
            bands: CENTRES_HZ.map(|centre| Biquad::bandpass(centre / rate_hz, 1.2)),
            pitch: PitchTracker::new(),
            powers: [0.0; BANDS],
            collected: 0,
            moments: [Moment::default(); HISTORY],
            unjudged: 0,
            floor_db: f32::INFINITY,
            top_db: f32::NEG_INFINITY,
            mean_db: 0.0,
            speech_frames: 0.0,
            tilt_db: USUAL_TILT_DB,
            bottom_octave: None,
            turn_frames: 0,
            is_hum: false,
            is_faint: false,
        }
    }

    /// Takes samples at 16 kHz in -1 to 1.
    pub fn hear(&mut self, samples: &[f32]) {
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(FRAME - self.collected));
            for sample in now {
                for (band, power) in self.bands.iter_mut().zip(&mut self.powers) {
                    *power += band.next(f64::from(*sample)).powi(2);
                }
            }
            self.pitch.hear(now);
            self.collected += now.len();
            rest = later;
            if self.collected == FRAME {
                self.collected = 0;
                self.close_moment();
            }
        }
    }

    fn close_moment(&mut self) {
        let powers = std::mem::take(&mut self.powers).map(|p| (p / FRAME as f64) as f32 + 1e-10);
        let decibels = |power: f32| 10.0 * power.log10();
        let bands = powers.map(decibels);
        let mean = bands.iter().sum::<f32>() / BANDS as f32;
        let level_db = decibels(powers.iter().sum());
        self.floor_db = level_db.min(self.floor_db + FLOOR_RISE_DB);
        let is_loud = level_db > self.floor_db + OVER_FLOOR_DB;
        self.moments.copy_within(1.., 0);
        let shape_db = bands.map(|band| band - mean);
        self.moments[HISTORY - 1] =
            Moment { level_db, shape_db, pitch: self.pitch.pitch(), is_speech: is_loud };
        self.unjudged = (self.unjudged + 1).min(HISTORY);
        self.hear_timbre();
    }

    /// The louder one of the last two moments counts: a deep voice sounds once
    /// in 10 ms. A faint sound is hummed if the one before it was.
    fn hear_timbre(&mut self) {
        let [.., before, last] = &self.moments;
        let newest = if before.level_db > last.level_db { before } else { last };
        let levels = self.moments[HISTORY - FAINT_FRAMES..].iter().map(|m| m.level_db);
        self.is_faint = newest.level_db < levels.fold(f32::MIN, f32::max) + FAINT_DB;
        if !self.is_faint {
            self.is_hum = newest.tilt_db() < HUM_DB.min(self.tilt_db + HUM_UNDER_USUAL_DB);
        }
    }

    /// Says whether what was heard since the last time was a voice.
    pub fn judge(&mut self, is_voice: bool) {
        for index in HISTORY - std::mem::take(&mut self.unjudged)..HISTORY {
            let moment = self.moments[index];
            let Moment { level_db, is_speech, .. } = moment;
            if is_voice {
                self.top_db = level_db.max(self.top_db - TOP_FALL_DB);
            }
            let is_speech = is_speech && is_voice && level_db > self.top_db - RANGE_DB;
            self.moments[index].is_speech = is_speech;
            if is_speech {
                self.learn(&moment);
            }
        }
    }

    fn learn(&mut self, moment: &Moment) {
        let Moment { level_db, pitch, .. } = *moment;
        self.turn_frames = self.turn_frames.saturating_add(1);
        self.speech_frames = (self.speech_frames + 1.0).min(MEMORY_FRAMES);
        self.mean_db += (level_db - self.mean_db) / self.speech_frames;
        self.tilt_db += (moment.tilt_db() - self.tilt_db) / TILT_FRAMES;
        if let Some(Pitch { octave, .. }) = pitch.filter(|pitch| pitch.clarity > MELODIC) {
            let bottom = self.bottom_octave.get_or_insert(octave - 0.2);
            let weight = if octave > *bottom { BOTTOM } else { BOTTOM - 1.0 };
            *bottom += BOTTOM_STEP * weight;
        }
    }

    /// How much louder than the noise the last 20 ms were, in decibels.
    pub(super) fn over_floor_db(&self) -> f32 {
        let [.., before, last] = &self.moments;
        before.level_db.max(last.level_db) - self.floor_db
    }

    /// Whether the newest sound comes through the nose, as "mm-hm" does.
    pub(super) fn is_hum(&self) -> bool {
        self.is_hum
    }

    /// Whether it is only a breath between two sounds.
    pub(super) fn is_faint(&self) -> bool {
        self.is_faint
    }

    /// Whether there was a voice's pitch in the last so many milliseconds.
    pub(super) fn is_voiced(&self, within_ms: u32) -> bool {
        let newest = &self.moments[HISTORY - (within_ms as usize / 10).min(HISTORY)..];
        newest
            .iter()
            .filter_map(|moment| moment.pitch)
            .any(|pitch| pitch.clarity > VOICED && pitch.octave < VOICE_OCTAVE_MAX)
    }

    /// A turn begins here.
    pub fn begin_turn(&mut self) {
        self.turn_frames = 0;
    }

    /// What the end of the last words tells.
    pub fn cues(&self) -> Cues {
        let talk_s = self.turn_frames as f32 / 100.0;
        let over_noise_db = self.mean_db - self.floor_db;
        let Some(last) = self.moments.iter().rposition(|moment| moment.is_speech) else {
            return Cues { talk_s, over_noise_db, ..Cues::default() };
        };
        let spoken = &self.moments[..=last];
        let newest = |frames: usize| &spoken[spoken.len().saturating_sub(frames)..];
        let level_db = |frames: usize| {
            let moments = newest(frames);
            moments.iter().map(|m| m.level_db).sum::<f32>() / moments.len() as f32 - self.mean_db
        };
        let quieter = spoken.iter().rev().take_while(|m| m.level_db <= self.mean_db - 4.0).count();
        Cues {
            talk_s,
            level_db: level_db(40),
            last_level_db: level_db(10),
            fade_s: quieter as f32 / 100.0,
            held_s: self.held_frames(newest(51)) as f32 / 100.0,
            pitch_octaves: self.bottom_octave.and_then(|b| Some(median_octave(newest(40))? - b)),
            over_noise_db,
        }
    }

    /// The longest run of moments that sound like the one 60 ms before.
    fn held_frames(&self, moments: &[Moment]) -> usize {
        let (mut run, mut longest) = (0, 0);
        for (before, after) in moments.iter().zip(moments.iter().skip(6)) {
            let squares = before.shape_db.iter().zip(after.shape_db).map(|(b, a)| (a - b).powi(2));
            let distance = squares.sum::<f32>() / BANDS as f32;
            let is_held = distance < 25.0 && after.level_db > self.mean_db - 12.0;
            run = if is_held { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        longest
    }
}

impl Default for Prosody {
    fn default() -> Self {
        Self::new()
    }
}

/// The median of the last twelve pitches; `None` of fewer than four.
fn median_octave(moments: &[Moment]) -> Option<f32> {
    let mut octaves = [0.0; 12];
    let mut len = 0;
    let pitches = moments.iter().rev().filter(|m| m.is_speech).filter_map(|m| m.pitch);
    for pitch in pitches.filter(|pitch| pitch.clarity > MELODIC).take(octaves.len()) {
        octaves[len] = pitch.octave;
        len += 1;
    }
    let octaves = &mut octaves[..len];
    octaves.sort_unstable_by(f32::total_cmp);
    (len >= 4).then(|| f32::midpoint(octaves[(len - 1) / 2], octaves[len / 2]))
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use super::*;

    /// A voiced sound of some tenths of a second: pitch and level move evenly.
    fn sound(hz: [f32; 2], db: [f32; 2], tenths: usize) -> Vec<f32> {
        let frames = tenths * 1_600;
        let mut phase = 0.0;
        let at = |i: usize, [from, to]: [f32; 2]| from + (to - from) * i as f32 / frames as f32;
        (0..frames)
            .map(|i| {
                phase += TAU * at(i, hz) / 16_000.0;
                let wave: f32 = (1..=30).map(|k| (phase * k as f32).sin() / k as f32).sum();
                wave * 10f32.powf(at(i, db) / 20.0)
            })
            .collect()
    }

    /// What is told after this speech and 50 ms of silence, in blocks.
    fn cues_of(speech: &[f32], block_frames: usize) -> Cues {
        let mut prosody = Prosody::new();
        prosody.hear(&vec![1e-4; 8_000]);
        prosody.judge(false);
        prosody.begin_turn();
        for block in speech.chunks(block_frames) {
            prosody.hear(block);
            prosody.judge(true);
        }
        prosody.hear(&[1e-4; 800]);
        prosody.judge(false);
        prosody.cues()
    }

    fn cues(speech: &[Vec<f32>]) -> Cues {
        cues_of(&speech.concat(), 160)
    }

    const EVEN: [f32; 2] = [-30.0, -30.0];

    #[test]
    fn talk_is_counted_in_seconds_of_speech() {
        let cues = cues(&[sound([120.0, 120.0], EVEN, 15)]);
        assert!((cues.talk_s - 1.5).abs() < 0.05, "{cues:?}");
    }

    #[test]
    fn a_falling_end_is_lower_quieter_and_longer_in_dying_than_a_level_one() {
        let before = sound([150.0, 130.0], EVEN, 15);
        let falling = cues(&[before.clone(), sound([130.0, 85.0], [-30.0, -48.0], 6)]);
        let level = cues(&[before, sound([160.0, 165.0], EVEN, 6)]);
        let low = falling.pitch_octaves.unwrap() + 0.1 < level.pitch_octaves.unwrap();
        assert!(low, "{falling:?} {level:?}");
        assert!(falling.level_db + 5.0 < level.level_db, "{falling:?} {level:?}");
        assert!(falling.fade_s > level.fade_s + 0.1, "{falling:?} {level:?}");
    }

    #[test]
    fn a_vowel_that_is_held_is_told_from_syllables() {
        let held = cues(&[sound([120.0, 120.0], EVEN, 20)]);
        let dark = sound([120.0, 120.0], EVEN, 1);
        let bright: Vec<f32> = dark.windows(2).map(|pair| 4.0 * (pair[1] - pair[0])).collect();
        let moving = cues_of(&[dark, bright].concat().repeat(10), 160);
        assert!(held.held_s > 0.4, "{held:?}");
        assert!(moving.held_s < 0.15, "{moving:?}");
    }

    #[test]
    fn neither_gain_nor_block_sizes_count() {
        let speech = sound([150.0, 90.0], [-30.0, -40.0], 20);
        let loud: Vec<f32> = speech.iter().map(|s| s * 4.0).collect();
        let (a, b) = (cues_of(&speech, 160), cues_of(&loud, 160));
        assert!((a.level_db - b.level_db).abs() < 0.5 && a.held_s == b.held_s, "{a:?} {b:?}");
        assert_eq!(a, cues_of(&speech, 97));
    }

    #[test]
    fn a_voice_is_told_from_a_ring_at_400_hz() {
        let mut prosody = Prosody::new();
        prosody.hear(&sound([120.0, 120.0], EVEN, 3));
        assert!(prosody.is_voiced(100));
        let ring: Vec<f32> =
            (0..4_800).map(|i| 0.1 * (TAU * 400.0 * i as f32 / 16_000.0).sin()).collect();
        prosody.hear(&ring);
        assert!(!prosody.is_voiced(100));
    }

    #[test]
    fn silence_tells_nothing() {
        assert_eq!(Prosody::new().cues().pitch_octaves, None);
        let mut prosody = Prosody::new();
        prosody.hear(&vec![0.0; 16_000]);
        prosody.judge(true);
        assert!(prosody.cues().level_db.is_finite(), "{:?}", prosody.cues());
    }
}
