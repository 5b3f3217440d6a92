//! Files for devices: a WAV file as the microphone, another as the speaker.

use std::path::Path;

use super::{
    DeviceError,
    card::{Card, Room},
    wave_file::{self, Channels, Wave, WaveWriter},
};
use crate::audio::Rate;

/// Plays a file into the microphone once, then silence; writes what the
/// speaker plays to another.
struct FileRoom {
    microphone: Vec<f32>,
    position: usize,
    speaker: Option<WaveWriter>,
}

impl Room for FileRoom {
    fn pass(&mut self, heard: &[f32], microphone: &mut [f32]) -> bool {
        let left = &self.microphone[self.position..];
        let frames = left.len().min(microphone.len());
        microphone[..frames].copy_from_slice(&left[..frames]);
        self.position += frames;
        if let Some(speaker) = &mut self.speaker
            && let Err(error) = speaker.write(heard)
        {
            eprintln!("chinwag: {error}; what the model says is no longer written");
            self.speaker = None;
        }
        self.position < self.microphone.len()
    }
}

/// A virtual card whose microphone is the WAV file `input`, or silence, and
/// whose speaker at `rate` is the WAV file `output`, or nothing.
///
/// # Errors
/// A file that cannot be read or written.
pub fn card(input: Option<&Path>, output: Option<&Path>, rate: Rate) -> Result<Card, DeviceError> {
    let failed = |error: wave_file::WaveError| DeviceError(error.to_string());
    let wave = match input {
        Some(path) => wave_file::read(path).map_err(failed)?,
        None => Wave { samples: Vec::new(), rate },
    };
    let speaker = output
        .map(|path| WaveWriter::create(path, rate, Channels::Mono))
        .transpose()
        .map_err(failed)?;
    let name = |path: Option<&Path>| {
        path.map_or_else(|| "null".to_owned(), |path| path.display().to_string())
    };
    let capture_rate = wave.rate;
    let room = FileRoom { microphone: wave.samples, position: 0, speaker };
    let card = Card::new(&name(input), room).with_speaker_name(&name(output));
    Ok(card.with_capture_rate(capture_rate))
}
