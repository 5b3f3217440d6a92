//! What went wrong with a device, in words: its name, what was expected, and
//! the next step.

use cpal::{Error, ErrorKind, HostId};

use super::names::Name;
use crate::device::{DeviceError, Direction};

const LIST: &str = "chinwag devices lists what is there";

fn flag(direction: Direction) -> &'static str {
    match direction {
        Direction::Input => "--mic",
        Direction::Output => "--speaker",
    }
}

/// No sound system at all.
pub(super) fn no_host() -> DeviceError {
    let next = "start a sound server, or use files: --mic FILE.wav --speaker FILE.wav";
    DeviceError(format!("no sound system answers; {next}"))
}

/// A sound system that was asked for by name.
pub(super) fn host_refused(host: HostId, error: &Error) -> DeviceError {
    let (system, host) = (host.name(), host.to_string());
    DeviceError(format!(
        "{system} does not answer: {}; start it, or leave \"{host}:\" out of the device's name",
        plain(error)
    ))
}

/// A system without a default device.
pub(super) fn no_default(direction: Direction, system: &str) -> DeviceError {
    let what = match direction {
        Direction::Input => "microphone",
        Direction::Output => "speaker",
    };
    let flag = flag(direction);
    DeviceError(format!(
        "{system} knows no {what}; plug one in, or use a file: {flag} FILE.wav; {LIST}"
    ))
}

/// PulseAudio makes the monitor of a speaker the default without a microphone.
pub(super) fn only_a_monitor(name: &Name) -> DeviceError {
    let Name { name, id } = name;
    DeviceError(format!(
        "there is no microphone: the default input \"{name}\" hands back what the speaker plays; \
         plug one in, or name it if you mean it: --mic {id}"
    ))
}

/// No device of that name.
pub(super) fn not_found(direction: Direction, wanted: &str) -> DeviceError {
    DeviceError(format!("no {direction} device called \"{wanted}\"; {LIST}"))
}

/// More than one.
pub(super) fn several(direction: Direction, wanted: &str, found: &[String]) -> DeviceError {
    let found = found.join(", ");
    DeviceError(format!("\"{wanted}\" may be any of these {direction} devices: {found}; name one"))
}

/// A rate that the device does not have.
pub(super) fn no_rate(direction: Direction, name: &str, wanted: u32, rates: &str) -> DeviceError {
    DeviceError(format!(
        "the {direction} device \"{name}\" offers {rates}, not {wanted} Hz; \
         unset device.rate_hz to take the device's own"
    ))
}

/// A device without a format that can be used.
pub(super) fn no_format(direction: Direction, name: &str) -> DeviceError {
    DeviceError(format!(
        "the {direction} device \"{name}\" offers no PCM format; choose another: {LIST}"
    ))
}

/// The sound system did not answer within `seconds`.
pub(super) fn no_answer(seconds: u64) -> DeviceError {
    DeviceError(format!(
        "the sound system did not answer within {seconds} s; restart it \
         (systemctl --user restart pulseaudio or pipewire-pulse), then try again"
    ))
}

/// The system refused a device `name` that was to `be opened`.
pub(super) fn refused(direction: Direction, name: &str, what: &str, error: &Error) -> DeviceError {
    let why = plain(error);
    let (why, next) = match error.kind() {
        ErrorKind::DeviceBusy => (
            "another program uses it".to_owned(),
            format!("end that one, or choose another device; {LIST}"),
        ),
        ErrorKind::PermissionDenied => ("permission was refused".to_owned(), permission()),
        ErrorKind::DeviceNotAvailable => (
            "it is not there".to_owned(),
            format!(
                "plug it in, or choose another, or use a file: {} FILE.wav; {LIST}",
                flag(direction)
            ),
        ),
        ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated => {
            (why, "restart the sound server, then try again".to_owned())
        }
        ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput => {
            (why, "unset device.rate_hz, or change device.period_frames".to_owned())
        }
        ErrorKind::ResourceExhausted => (why, "end other programs, then try again".to_owned()),
        _ => (why, format!("try again, or choose another: {LIST}")),
    };
    DeviceError(format!("the {direction} device \"{name}\" cannot {what}: {why}; {next}"))
}

fn permission() -> String {
    if cfg!(target_os = "linux") {
        "join the group audio (sudo usermod -aG audio $USER), then log in anew".to_owned()
    } else {
        "allow this terminal to use the microphone in the system's privacy settings".to_owned()
    }
}

/// The system's own words, on one line and without the full stop.
pub(super) fn plain(error: &Error) -> String {
    let text = error.to_string();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_names_the_device_and_the_next_step() {
        let kinds = [
            (ErrorKind::DeviceBusy, "another program uses it; end that one"),
            (ErrorKind::PermissionDenied, "permission was refused; "),
            (ErrorKind::DeviceNotAvailable, "it is not there; plug it in"),
            (ErrorKind::HostUnavailable, "restart the sound server"),
            (ErrorKind::UnsupportedConfig, "unset device.rate_hz"),
            (ErrorKind::Other, "chinwag devices lists"),
        ];
        for (kind, next) in kinds {
            let error = refused(Direction::Input, "USB", "be opened", &Error::new(kind)).0;
            assert!(error.starts_with("the input device \"USB\" cannot be opened: "), "{error}");
            assert!(error.contains(next), "{error}");
            assert!(!error.contains(".;"), "{error}");
        }
    }

    #[test]
    fn a_device_in_use_and_one_of_others_are_told_apart() {
        let told = |kind| refused(Direction::Output, "USB", "be opened", &Error::new(kind)).0;
        assert_eq!(
            told(ErrorKind::DeviceBusy),
            "the output device \"USB\" cannot be opened: another program uses it; \
             end that one, or choose another device; chinwag devices lists what is there"
        );
        let denied = told(ErrorKind::PermissionDenied);
        assert!(denied.contains("cannot be opened: permission was refused; "), "{denied}");
        assert_eq!(denied.contains("usermod -aG audio"), cfg!(target_os = "linux"), "{denied}");
    }

    #[test]
    fn a_name_that_nothing_has_leads_to_the_list() {
        let error = not_found(Direction::Input, "USB").0;
        assert_eq!(error, "no input device called \"USB\"; chinwag devices lists what is there");
    }
}
