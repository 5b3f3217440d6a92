//! What devices there are, as plain data.

use std::fmt;

/// Which way the sound goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a microphone.
    Input,
    /// To a speaker.
    Output,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Output => "output",
        })
    }
}

/// How a device runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Its rate in hertz.
    pub rate_hz: u32,
    /// Its channels.
    pub channels: u16,
    /// Its sample format, such as `i16`.
    pub format: String,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate_hz, channels, format } = self;
        write!(f, "{rate_hz} Hz, {channels} ch, {format}")
    }
}

/// One device, in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// A microphone or a speaker.
    pub direction: Direction,
    /// The sound system, such as `pulseaudio`.
    pub host: String,
    /// Its name for people; may be asked for whole or in part.
    pub name: String,
    /// Its name within the sound system; likewise.
    pub id: String,
    /// Whether `default` means it.
    pub is_default: bool,
    /// How it runs by itself; an error where it did not say.
    pub own: Result<Mode, String>,
    /// The lowest and highest rate that it takes, in hertz.
    pub rates_hz: Option<(u32, u32)>,
    /// The fewest and most channels that it takes.
    pub channels: Option<(u16, u16)>,
    /// The sample formats that it takes.
    pub formats: Vec<String>,
}

/// Every device of the sound system that would be used, or of `all` that
/// answer.
///
/// # Errors
/// Where no sound system answers, or this build has none.
pub fn list(all: bool) -> Result<Vec<Listing>, super::DeviceError> {
    #[cfg(feature = "cpal")]
    return super::cpal::list(all);
    #[cfg(not(feature = "cpal"))]
    {
        let _ = all;
        Err(super::DeviceError(
            "this build has no sound card support; build it with the feature cpal \
             (on Debian: apt install libasound2-dev)"
                .to_owned(),
        ))
    }
}
