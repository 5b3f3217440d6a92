//! Which rate, channels and format a device is opened with.

use cpal::{
    BufferSize, Device, SampleFormat, StreamConfig, SupportedBufferSize, SupportedStreamConfig,
    SupportedStreamConfigRange, traits::DeviceTrait,
};

use super::words;
use crate::{
    audio::{Rate, convert::InputChannel},
    device::{DeviceError, Direction, Spec},
};

/// How a device is opened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Chosen {
    /// Rate, channels, and the period that is asked for.
    pub(super) config: StreamConfig,
    /// The format of a sample.
    pub(super) format: SampleFormat,
    /// The rate.
    pub(super) rate: Rate,
    /// Whether its callbacks ask for real-time priority themselves.
    pub(super) asks_for_priority: bool,
}

/// The formats that are converted, the best first.
const FORMATS: [SampleFormat; 12] = [
    SampleFormat::F32,
    SampleFormat::I32,
    SampleFormat::I24,
    SampleFormat::I16,
    SampleFormat::F64,
    SampleFormat::U32,
    SampleFormat::U24,
    SampleFormat::U16,
    SampleFormat::I64,
    SampleFormat::U64,
    SampleFormat::I8,
    SampleFormat::U8,
];

/// The ranges that a device offers.
pub(super) fn ranges(
    device: &Device,
    direction: Direction,
) -> Result<Vec<SupportedStreamConfigRange>, cpal::Error> {
    Ok(match direction {
        Direction::Input => device.supported_input_configs()?.collect(),
        Direction::Output => device.supported_output_configs()?.collect(),
    })
}

/// How a device runs by itself.
pub(super) fn own(
    device: &Device,
    direction: Direction,
) -> Result<SupportedStreamConfig, cpal::Error> {
    match direction {
        Direction::Input => device.default_input_config(),
        Direction::Output => device.default_output_config(),
    }
}

/// The mode for this request.
///
/// # Errors
/// A device that does not say what it can, or cannot do what is asked.
pub(super) fn choose(
    device: &Device,
    name: &str,
    direction: Direction,
    spec: &Spec,
) -> Result<Chosen, DeviceError> {
    let refused = |error: cpal::Error| words::refused(direction, name, "be opened", &error);
    let own = own(device, direction).map_err(refused)?;
    let channels_min = match (direction, spec.input_channel) {
        (Direction::Input, InputChannel::One(channel)) => channel as u16 + 1,
        _ => 1,
    };
    if let Some(chosen) = as_it_is(&own, spec, channels_min) {
        return Ok(chosen);
    }
    let ranges = ranges(device, direction).map_err(refused)?;
    among(&ranges, &own, spec, channels_min).ok_or_else(|| {
        let wanted = spec.rate.map_or_else(|| own.sample_rate(), Rate::hz);
        let usable: Vec<_> = ranges.iter().filter(|r| rank(r.sample_format()).is_some()).collect();
        if usable.is_empty() {
            words::no_format(direction, name)
        } else {
            words::no_rate(direction, name, wanted, &rates(&usable))
        }
    })
}

/// The place of a format among those that are converted.
pub(super) fn rank(format: SampleFormat) -> Option<usize> {
    FORMATS.iter().position(|known| *known == format)
}

/// The device's own mode, where it fits.
fn as_it_is(own: &SupportedStreamConfig, spec: &Spec, channels_min: u16) -> Option<Chosen> {
    let rate = Rate::new(own.sample_rate())?;
    let fits = spec.rate.is_none_or(|wanted| wanted == rate)
        && own.channels() >= channels_min
        && rank(own.sample_format()).is_some();
    fits.then(|| chosen(own, rate, spec))
}

/// The mode nearest to the device's own that has the rate.
fn among(
    ranges: &[SupportedStreamConfigRange],
    own: &SupportedStreamConfig,
    spec: &Spec,
    channels_min: u16,
) -> Option<Chosen> {
    let own_rate = Rate::new(own.sample_rate());
    let rates = match spec.rate {
        Some(wanted) => vec![wanted],
        None => [own_rate, Rate::new(48_000), Rate::new(44_100)].into_iter().flatten().collect(),
    };
    let distance = |range: &SupportedStreamConfigRange| {
        let (channels, format) = (range.channels(), range.sample_format());
        let from_own = channels.abs_diff(own.channels());
        (channels < channels_min, from_own, format != own.sample_format(), rank(format))
    };
    rates.into_iter().find_map(|rate| {
        let with_rate = ranges
            .iter()
            .filter(|range| rank(range.sample_format()).is_some())
            .filter(|range| range.contains_rate(rate.hz()));
        let nearest = with_rate.min_by_key(|range| distance(range))?;
        Some(chosen(&nearest.with_sample_rate(rate.hz()), rate, spec))
    })
}

/// Always a fixed period: one host's own was 2 s.
fn chosen(mode: &SupportedStreamConfig, rate: Rate, spec: &Spec) -> Chosen {
    let period = match *mode.buffer_size() {
        SupportedBufferSize::Range { min, max } if min <= max => spec.period_frames.clamp(min, max),
        _ => spec.period_frames,
    };
    let config = StreamConfig { buffer_size: BufferSize::Fixed(period), ..mode.config() };
    Chosen { config, format: mode.sample_format(), rate, asks_for_priority: false }
}

/// The rates of some ranges, in words.
fn rates(ranges: &[&SupportedStreamConfigRange]) -> String {
    let mut rates: Vec<(u32, u32)> =
        ranges.iter().map(|r| (r.min_sample_rate(), r.max_sample_rate())).collect();
    rates.sort_unstable();
    rates.dedup();
    let words = |&(min, max): &(u32, u32)| {
        if min == max { min.to_string() } else { format!("{min} to {max}") }
    };
    format!("{} Hz", rates.iter().map(words).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: SupportedBufferSize = SupportedBufferSize::Unknown;

    fn spec(rate_hz: Option<u32>) -> Spec {
        let rate = rate_hz.and_then(Rate::new);
        Spec { period_frames: 480, rate, input_channel: InputChannel::Mix }
    }

    fn own(channels: u16, hz: u32, format: SampleFormat) -> SupportedStreamConfig {
        SupportedStreamConfig::new(channels, hz, ANY, format)
    }

    fn range(channels: u16, hz: u32, format: SampleFormat) -> SupportedStreamConfigRange {
        SupportedStreamConfigRange::new(channels, hz, hz, ANY, format)
    }

    #[test]
    fn a_device_runs_as_it_does_by_itself_unless_asked() {
        let own = own(2, 44_100, SampleFormat::I16);
        let chosen = as_it_is(&own, &spec(None), 1).unwrap();
        assert_eq!((chosen.rate.hz(), chosen.format), (44_100, SampleFormat::I16));
        assert_eq!(chosen.config.buffer_size, BufferSize::Fixed(480));
        assert_eq!(as_it_is(&own, &spec(Some(48_000)), 1), None);
        assert_eq!(as_it_is(&own, &spec(None), 3), None);
    }

    #[test]
    fn another_rate_keeps_channels_and_format_where_it_can() {
        let own = own(2, 44_100, SampleFormat::I16);
        let ranges = [
            range(8, 48_000, SampleFormat::F32),
            range(2, 48_000, SampleFormat::F32),
            range(2, 48_000, SampleFormat::I16),
        ];
        let chosen = among(&ranges, &own, &spec(Some(48_000)), 1).unwrap();
        assert_eq!((chosen.config.channels, chosen.format), (2, SampleFormat::I16));
        let chosen = among(&ranges, &own, &spec(Some(48_000)), 6).unwrap();
        assert_eq!(chosen.config.channels, 8);
        assert_eq!(among(&ranges, &own, &spec(Some(96_000)), 1), None);
    }

    #[test]
    fn a_rate_too_high_for_us_gives_way_to_a_usual_one() {
        let own = own(2, 384_000, SampleFormat::I32);
        assert_eq!(as_it_is(&own, &spec(None), 1), None);
        let ranges = [range(2, 384_000, SampleFormat::I32), range(2, 44_100, SampleFormat::I32)];
        assert_eq!(among(&ranges, &own, &spec(None), 1).unwrap().rate.hz(), 44_100);
    }

    #[test]
    fn a_host_with_one_period_is_asked_for_that() {
        let size = SupportedBufferSize::Range { min: 256, max: 256 };
        let own = SupportedStreamConfig::new(2, 48_000, size, SampleFormat::F32);
        let chosen = as_it_is(&own, &spec(None), 1).unwrap();
        assert_eq!(chosen.config.buffer_size, BufferSize::Fixed(256));
    }

    #[test]
    fn rates_are_told_once_each() {
        let range = |min, max| SupportedStreamConfigRange::new(2, min, max, ANY, SampleFormat::I16);
        let ranges = [range(48_000, 48_000), range(8_000, 44_100), range(48_000, 48_000)];
        assert_eq!(rates(&ranges.iter().collect::<Vec<_>>()), "8000 to 44100, 48000 Hz");
    }
}
