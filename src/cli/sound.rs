//! From `device.input` and `device.output` to a backend.

use std::path::Path;

use crate::{
    audio::Rate,
    config::DeviceSettings,
    device::{Backend, DeviceError, card::Card, files},
};

/// The rate of what the model says, where a file is the speaker and no rate
/// was asked for.
const FILE_RATE_HZ: u32 = 48_000;

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

/// The device that a profile asks for.
///
/// # Errors
/// A device that this build cannot reach, or a file that cannot be used.
pub(super) fn backend(settings: &DeviceSettings) -> Result<Box<dyn Backend>, DeviceError> {
    let (input, output) = (Wanted::of(&settings.input), Wanted::of(&settings.output));
    let file = |wanted: Wanted<'_>, flag: &str| match wanted {
        Wanted::Null => Ok(None),
        Wanted::File(path) => Ok(Some(path.to_owned())),
        Wanted::Device(name) => Err(no_sound(name, flag)),
    };
    if (input, output) == (Wanted::Null, Wanted::Null) {
        return Ok(Box::new(Card::null()));
    }
    let microphone = file(input, "--mic")?;
    let speaker = file(output, "--speaker")?;
    // proven: 48,000 is within the bounds of a rate.
    let rate = settings.rate_hz.and_then(Rate::new).or(Rate::new(FILE_RATE_HZ)).expect("a rate");
    let card = files::card(microphone.as_deref(), speaker.as_deref(), rate)?;
    Ok(Box::new(card))
}

fn no_sound(name: &str, flag: &str) -> DeviceError {
    DeviceError(format!(
        "this build has no sound card support, so there is no device \"{name}\"; \
         give a WAV file or null: {flag} FILE.wav, {flag} null"
    ))
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

    #[test]
    fn a_device_is_refused_with_the_next_step() {
        let error = backend(&DeviceSettings::default()).err().unwrap().to_string();
        assert!(error.contains("--mic FILE.wav"), "{error}");
    }
}
