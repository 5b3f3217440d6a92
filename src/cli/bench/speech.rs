//! The sound that is measured with: what comes with chinwag, or the user's
//! recordings.

use crate::{
    audio::{Dbfs, Rate, convert::to_wire},
    cli::{demo::script, exit::Failure, replay::recordings},
    sim::{
        room::{RoomSettings, microphone},
        seed::Seed,
    },
};

/// What is spoken, and what the microphone hears of it.
const STEP_MS: u32 = 10;
/// Speech stands so far over the noise of its recording, or its bounds are not known.
const OVER_NOISE_DB: f32 = 20.0;
/// What is quieter than speech by so much is none.
const UNDER_SPEECH_DB: f32 = 35.0;
/// A pause between two sentences that are looped.
const PAUSE_MS: u32 = 500;

/// One recording.
pub(super) struct Utterance {
    pub(super) name: String,
    pub(super) samples: Vec<f32>,
    pub(super) rate: Rate,
}

/// The recordings that were named, or the demo's four sentences.
pub(super) fn utterances(paths: &[String], rate: Rate) -> Result<Vec<Utterance>, Failure> {
    if paths.is_empty() {
        let lines = script::user(rate)?.into_iter().enumerate();
        let one = |(number, (_, samples)): (usize, (_, Vec<f32>))| Utterance {
            name: format!("user-{}", number + 1),
            samples,
            rate,
        };
        return Ok(lines.map(one).collect());
    }
    let one = |recording: recordings::Recording| {
        let wave = recording.read()?;
        Ok(Utterance { name: recording.key(), samples: wave.samples, rate: wave.rate })
    };
    recordings::find(paths)?.into_iter().map(one).collect()
}

impl Utterance {
    /// Which steps of 10 ms hold speech, judged by level alone; none where speech
    /// does not stand out of the noise.
    pub(super) fn loud(&self) -> Option<Vec<bool>> {
        let step = self.rate.frames_in_ms(STEP_MS).max(1);
        let levels: Vec<f32> = self.samples.chunks(step).map(|part| Dbfs::rms_of(part).0).collect();
        let mut sorted = levels.clone();
        sorted.sort_by(f32::total_cmp);
        let at = |share: f32| sorted.get((share * sorted.len() as f32) as usize).copied();
        let (noise, speech) = at(0.05).zip(at(0.95))?;
        let threshold = (noise + OVER_NOISE_DB / 2.0).max(speech - UNDER_SPEECH_DB);
        let stands_out = speech - noise >= OVER_NOISE_DB && speech > -60.0;
        stands_out.then(|| levels.iter().map(|level| *level >= threshold).collect())
    }
}

/// Seconds of the step of that number.
pub(super) fn step_s(number: usize) -> f64 {
    f64::from(STEP_MS) * number as f64 / 1e3
}

/// The model's voice at `rate`, so many frames of it without an end.
pub(super) fn model(rate: Rate, frames: usize) -> Result<Vec<i16>, Failure> {
    let pause = vec![0; Rate::DOWNLINK.frames_in_ms(PAUSE_MS)];
    let replies: Vec<i16> = script::model(true)?
        .into_iter()
        .flat_map(|reply| [reply, pause.clone()].concat())
        .collect();
    let voice =
        crate::sim::service::resample(&replies, Rate::DOWNLINK, rate).map_err(Failure::internal)?;
    Ok(voice.into_iter().cycle().take(frames).collect())
}

/// A talk in which both speak without an end: the microphone and what is played,
/// both at `rate`, the room's noise and echo included.
pub(super) fn talk(
    rate: Rate,
    seconds: f64,
    room: &RoomSettings,
) -> Result<[Vec<i16>; 2], Failure> {
    let frames = (seconds * f64::from(rate.hz())) as usize;
    let pause = vec![0; rate.frames_in_ms(PAUSE_MS)];
    let spoken: Vec<i16> = script::user(rate)?
        .into_iter()
        .flat_map(|(_, line)| [line.into_iter().map(to_wire).collect(), pause.clone()].concat())
        .collect();
    let near: Vec<i16> = spoken.into_iter().cycle().take(frames).collect();
    let far = model(rate, frames)?;
    Ok([microphone(room, rate, &far, &near, Seed::new(1)), far])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate() -> Rate {
        Rate::new(16_000).unwrap()
    }

    #[test]
    fn the_bounds_of_speech_are_those_of_its_level() {
        let speech = vec![0.2; 16_000];
        let samples = [vec![0.0002; 8_000], speech, vec![0.0002; 4_000]].concat();
        let loud = Utterance { name: String::new(), samples, rate: rate() }.loud().unwrap();
        assert_eq!(loud.iter().position(|loud| *loud).map(step_s), Some(0.5));
        assert_eq!(loud.iter().rposition(|loud| *loud).map(|last| step_s(last + 1)), Some(1.5));
    }

    #[test]
    fn noise_and_silence_have_no_bounds() {
        for level in [0.0, 0.1] {
            let samples = vec![level; 16_000];
            assert!(Utterance { name: String::new(), samples, rate: rate() }.loud().is_none());
        }
    }

    #[test]
    fn the_talk_is_as_long_as_asked_for_and_both_are_heard() {
        let room = RoomSettings::named("laptop").unwrap();
        let [near, far] = talk(rate(), 1.5, &room).unwrap();
        assert_eq!((near.len(), far.len()), (24_000, 24_000));
        for signal in [near, far] {
            assert!(signal.iter().any(|sample| sample.unsigned_abs() > 1_000));
        }
    }
}
