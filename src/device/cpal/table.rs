//! What there is, for `chinwag devices`.

use cpal::{Device, Host, SupportedStreamConfigRange};

use super::{hosts, mode, within_patience, words};
use crate::{
    audio::Rate,
    device::{DeviceError, Direction, Listing, Mode},
};

/// Every device of the preferred host, or of `all` hosts that answer.
///
/// # Errors
/// Where no host answers, or not in time.
pub fn list(all: bool) -> Result<Vec<Listing>, DeviceError> {
    within_patience(move || {
        let hosts = if all { hosts::all() } else { vec![hosts::preferred()?] };
        let sides = |host| [Direction::Input, Direction::Output].map(|d| of_host(host, d, all));
        hosts.iter().flat_map(sides).collect::<Result<Vec<_>, _>>().map(|l| l.concat())
    })
}

/// What ALSA lists without there being a device: its plug-ins that want
/// arguments. Opening them makes their libraries write to the terminal.
const PLUGINS: [&str; 9] =
    ["null", "lavrate", "samplerate", "speexrate", "jack", "oss", "speex", "upmix", "vdownmix"];

fn of_host(host: &Host, direction: Direction, all: bool) -> Result<Vec<Listing>, DeviceError> {
    let system = host.id().name();
    let mut devices = hosts::devices(host, direction).map_err(|error| {
        DeviceError(format!("{system} does not list its devices: {}", words::plain(&error)))
    })?;
    devices.retain(|device| all || !PLUGINS.contains(&hosts::name_of(device).id.as_str()));
    let default = hosts::default_of(host, direction).map(|d| hosts::name_of(&d).id);
    let mut listings: Vec<_> =
        devices.iter().map(|d| of_device(d, direction, &host.id().to_string())).collect();
    for listing in &mut listings {
        listing.is_default = default.as_ref() == Some(&listing.id);
    }
    Ok(listings)
}

fn of_device(device: &Device, direction: Direction, host: &str) -> Listing {
    let name = hosts::name_of(device);
    let own = mode::own(device, direction);
    let ranges = match own {
        Ok(_) => mode::ranges(device, direction).unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let usable = |range: &SupportedStreamConfigRange| mode::rank(range.sample_format()).is_some();
    let ranges: Vec<_> = ranges.into_iter().filter(usable).collect();
    Listing {
        direction,
        host: host.to_owned(),
        name: name.name,
        id: name.id,
        is_default: false,
        own: own.map_err(|error| words::plain(&error)).map(|own| Mode {
            rate_hz: own.sample_rate(),
            channels: own.channels(),
            format: own.sample_format().to_string(),
        }),
        rates_hz: span(&ranges, |r| (r.min_sample_rate(), r.max_sample_rate()))
            .map(|(min, max)| (min.max(Rate::MIN_HZ), max.min(Rate::MAX_HZ))),
        channels: span(&ranges, |r| (r.channels(), r.channels())),
        formats: formats(&ranges),
    }
}

/// The lowest and the highest of all ranges.
fn span<T: Ord + Copy>(
    ranges: &[SupportedStreamConfigRange],
    of: impl Fn(&SupportedStreamConfigRange) -> (T, T),
) -> Option<(T, T)> {
    let min = ranges.iter().map(|range| of(range).0).min()?;
    Some((min, ranges.iter().map(|range| of(range).1).max()?))
}

fn formats(ranges: &[SupportedStreamConfigRange]) -> Vec<String> {
    let mut formats = Vec::new();
    for range in ranges {
        let format = range.sample_format().to_string();
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    formats
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpal::{SampleFormat, SupportedBufferSize};

    #[test]
    fn ranges_are_told_as_one() {
        let range = |channels, min, max, format| {
            let size = SupportedBufferSize::Unknown;
            SupportedStreamConfigRange::new(channels, min, max, size, format)
        };
        let ranges = [
            range(2, 44_100, 44_100, SampleFormat::I16),
            range(1, 8_000, 16_000, SampleFormat::I16),
            range(2, 48_000, 48_000, SampleFormat::F32),
        ];
        assert_eq!(
            span(&ranges, |r| (r.min_sample_rate(), r.max_sample_rate())),
            Some((8_000, 48_000))
        );
        assert_eq!(span(&ranges, |r| (r.channels(), r.channels())), Some((1, 2)));
        assert_eq!(formats(&ranges), ["i16", "f32"]);
        assert_eq!(span(&[], |r| (r.channels(), r.channels())), None);
    }
}
