//! What is said in the demo: eight utterances made with espeak-ng, compiled in.

use super::person::Cue;
use crate::{
    audio::{
        Rate,
        convert::{from_wire, to_wire},
    },
    cli::exit::Failure,
    device::wave_file::read_bytes,
    sim::service::{TurnScript, resample},
};

const USER: [&[u8]; 4] = [
    include_bytes!("../../../demo/speech/user-1.wav"),
    include_bytes!("../../../demo/speech/user-2.wav"),
    include_bytes!("../../../demo/speech/user-3.wav"),
    include_bytes!("../../../demo/speech/user-4.wav"),
];

const MODEL: [&[u8]; 4] = [
    include_bytes!("../../../demo/speech/model-1.wav"),
    include_bytes!("../../../demo/speech/model-2.wav"),
    include_bytes!("../../../demo/speech/model-3.wav"),
    include_bytes!("../../../demo/speech/model-4.wav"),
];

const CAPTIONS: &str = include_str!("../../../demo/speech/captions.txt");

/// The third utterance interrupts the second reply.
const CUES: [Cue; 4] = [
    Cue::Silence { seconds: 0.6 },
    Cue::Silence { seconds: 0.7 },
    Cue::Over { seconds: 2.6 },
    Cue::Silence { seconds: 0.7 },
];

/// What the user says and when, samples at `rate`.
///
/// # Errors
/// A file that is no WAV: one that was damaged when this was compiled.
pub(in crate::cli) fn user(rate: Rate) -> Result<Vec<(Cue, Vec<f32>)>, Failure> {
    let lines = CUES.iter().zip(USER).enumerate();
    lines
        .map(|(i, (cue, bytes))| Ok((*cue, samples(&format!("user-{}", i + 1), bytes, rate)?)))
        .collect()
}

/// The exchange that begins with an interruption; who is not heard while the
/// model speaks does not get to have it.
const INTERRUPTION: usize = 2;

fn exchanges(interrupted: bool) -> impl Iterator<Item = usize> {
    (0..USER.len()).filter(move |i| interrupted || *i != INTERRUPTION)
}

/// The model's replies in turn, 24 kHz.
///
/// # Errors
/// As [`user`].
pub(in crate::cli) fn model(interrupted: bool) -> Result<Vec<Vec<i16>>, Failure> {
    let replies = exchanges(interrupted).map(|i| (i, MODEL[i]));
    let wire = |samples: Vec<f32>| samples.into_iter().map(to_wire).collect();
    replies
        .map(|(i, bytes)| Ok(wire(samples(&format!("model-{}", i + 1), bytes, Rate::DOWNLINK)?)))
        .collect()
}

/// The words of each exchange.
pub(in crate::cli) fn captions(interrupted: bool) -> Vec<TurnScript> {
    let words = |name: String| {
        let line = CAPTIONS.lines().find_map(|line| line.strip_prefix(&name));
        line.map(|text| text.trim().to_owned())
    };
    let turn = |i| TurnScript {
        user: words(format!("user-{i}.wav\t")),
        model: words(format!("model-{i}.wav\t")),
        ..TurnScript::default()
    };
    exchanges(interrupted).map(|i| turn(i + 1)).collect()
}

fn samples(name: &str, bytes: &[u8], rate: Rate) -> Result<Vec<f32>, Failure> {
    let wave = read_bytes(name, bytes).map_err(Failure::internal)?;
    let wire: Vec<i16> = wave.samples.into_iter().map(to_wire).collect();
    let wire = resample(&wire, wave.rate, rate).map_err(Failure::internal)?;
    Ok(wire.into_iter().map(from_wire).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_utterance_has_sound_and_words() {
        let turns = captions(true);
        assert_eq!(captions(false).len(), 3);
        assert!(turns.iter().all(|t| t.user.is_some() && t.model.is_some()));
        let user = user(Rate::new(48_000).unwrap()).unwrap();
        assert!(user.iter().all(|(_, samples)| samples.len() > 48_000));
        let model = model(true).unwrap();
        assert!(model[1].len() > 5 * 24_000, "long enough to be interrupted");
    }
}
