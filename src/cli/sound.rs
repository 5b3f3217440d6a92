//! From `device.input` and `device.output` to a backend.

use std::path::Path;

use crate::{
    audio::Rate,
    config::DeviceSettings,
    device::{Backend, DeviceError, card::Card, files, pair::Pair},
};

/// The rate of what the model says, where a file is the speaker and no rate
/// was asked for.
const FILE_RATE_HZ: u32 = 48_000;

type Made = Result<Box<dyn Backend>, DeviceError>;

/// What one of the two names means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted<'a> {
    Null,
    File(&'a Path),
    Device(&'a str),
}

impl<'a> Wanted<'a> {
    fn of(name: &'a str) -> Self {
        let path = Path::new(name);
        let is_wav = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("wav"));
        match name {
            "null" => Self::Null,
            _ if is_wav => Self::File(path),
            _ => Self::Device(name),
        }
    }
}

/// The devices that a profile asks for: sound cards, files, or one of each.
///
/// # Errors
/// A device that this build cannot reach, or a file that cannot be used.
pub(super) fn backend(settings: &DeviceSettings) -> Made {
    // proven: 48,000 is within the bounds of a rate.
    let rate = settings.rate_hz.and_then(Rate::new).or(Rate::new(FILE_RATE_HZ)).expect("a rate");
    let pair = |input, output| -> Made { Ok(Box::new(Pair::new(input, output))) };
    let file =
        |microphone, speaker| -> Made { Ok(Box::new(files::card(microphone, speaker, rate)?)) };
    match (Wanted::of(&settings.input), Wanted::of(&settings.output)) {
        (Wanted::Null, Wanted::Null) => Ok(Box::new(Card::null())),
        (Wanted::File(microphone), Wanted::Null) => file(Some(microphone), None),
        (Wanted::Null, Wanted::File(speaker)) => file(None, Some(speaker)),
        (Wanted::File(microphone), Wanted::File(speaker)) => file(Some(microphone), Some(speaker)),
        (Wanted::Device(input), Wanted::Device(output)) => sound_card(Some(input), Some(output)),
        (Wanted::Device(input), Wanted::Null) => {
            pair(sound_card(Some(input), None)?, Box::new(Card::null()))
        }
        (Wanted::Device(input), Wanted::File(speaker)) => {
            pair(sound_card(Some(input), None)?, file(None, Some(speaker))?)
        }
        (Wanted::Null, Wanted::Device(output)) => {
            pair(Box::new(Card::null()), sound_card(None, Some(output))?)
        }
        (Wanted::File(microphone), Wanted::Device(output)) => {
            pair(file(Some(microphone), None)?, sound_card(None, Some(output))?)
        }
    }
}

#[cfg(feature = "cpal")]
#[allow(clippy::unnecessary_wraps)] // Without the feature it fails.
fn sound_card(input: Option<&str>, output: Option<&str>) -> Made {
    Ok(Box::new(crate::device::cpal::SoundCard::new(input, output)))
}

#[cfg(not(feature = "cpal"))]
fn sound_card(input: Option<&str>, output: Option<&str>) -> Made {
    let (name, flag) = match (input, output) {
        (Some(input), _) => (input, "--mic"),
        (None, output) => (output.unwrap_or_default(), "--speaker"),
    };
    Err(DeviceError(format!(
        "this build has no sound card support, so there is no device \"{name}\"; \
         give a WAV file or null: {flag} FILE.wav, {flag} null"
    )))
}

/// Why the sound server that runs is passed over for the devices that a profile
/// asks for, and the next step.
#[cfg(feature = "cpal")]
pub(super) fn passed_over(settings: &DeviceSettings) -> Option<DeviceError> {
    let mut names = [&settings.input, &settings.output].into_iter();
    names.find_map(|name| match Wanted::of(name) {
        Wanted::Device(name) => crate::device::cpal::passed_over(name),
        _ => None,
    })
}

#[cfg(not(feature = "cpal"))]
pub(super) fn passed_over(_: &DeviceSettings) -> Option<DeviceError> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_null_a_file_or_a_device() {
        assert_eq!(Wanted::of("null"), Wanted::Null);
        assert_eq!(Wanted::of("a/b.WAV"), Wanted::File(Path::new("a/b.WAV")));
        assert_eq!(Wanted::of("USB wave"), Wanted::Device("USB wave"));
    }

    #[cfg(not(feature = "cpal"))]
    #[test]
    fn a_device_is_refused_with_the_next_step() {
        let error = backend(&DeviceSettings::default()).err().unwrap().to_string();
        assert!(error.contains("--mic FILE.wav"), "{error}");
    }

    #[test]
    fn a_missing_file_is_told_whatever_the_other_side_is() {
        for output in ["null", "answer.wav", "default"] {
            let settings = DeviceSettings {
                input: "/nowhere/question.wav".to_owned(),
                output: output.to_owned(),
                ..DeviceSettings::default()
            };
            let error = backend(&settings).err().unwrap().to_string();
            assert!(error.contains("/nowhere/question.wav"), "{error}");
        }
    }
}
