//! The two callbacks: convert through the halves, read the clock once, and
//! nothing else, but that the first asks for real-time priority.
//!
//! Runs on: the sound system's threads. Our part never allocates, locks, logs
//! or fails.

use std::{mem::take, sync::Arc, time::Duration};

use cpal::{
    Device, Error, ErrorKind, FromSample, InputCallbackInfo, OutputCallbackInfo, Sample,
    SampleFormat, SizedSample, Stream, traits::DeviceTrait,
};

use super::{health::Health, mode::Chosen};
use crate::{
    audio::Rate,
    device::Clock,
    duplex::{CaptureHalf, RenderHalf},
};

/// The sound system is given so long to make a stream.
const PATIENCE: Duration = Duration::from_secs(5);

/// Calls `$call::<S>` with the type of the samples.
macro_rules! for_format {
    ($format:expr, $call:ident($($argument:expr),*)) => {
        match $format {
            SampleFormat::F32 => $call::<f32>($($argument),*),
            SampleFormat::F64 => $call::<f64>($($argument),*),
            SampleFormat::I8 => $call::<i8>($($argument),*),
            SampleFormat::I16 => $call::<i16>($($argument),*),
            SampleFormat::I24 => $call::<cpal::I24>($($argument),*),
            SampleFormat::I32 => $call::<i32>($($argument),*),
            SampleFormat::I64 => $call::<i64>($($argument),*),
            SampleFormat::U8 => $call::<u8>($($argument),*),
            SampleFormat::U16 => $call::<u16>($($argument),*),
            SampleFormat::U24 => $call::<cpal::U24>($($argument),*),
            SampleFormat::U32 => $call::<u32>($($argument),*),
            SampleFormat::U64 => $call::<u64>($($argument),*),
            _ => Err(Error::new(ErrorKind::UnsupportedConfig)),
        }
    };
}

/// The microphone's stream, not yet running.
pub(super) fn input(
    device: &Device,
    chosen: &Chosen,
    half: CaptureHalf,
    clock: Clock,
    health: Arc<Health>,
) -> Result<Stream, Error> {
    for_format!(chosen.format, input_of(device, chosen, half, clock, health))
}

/// The speaker's stream, not yet running.
pub(super) fn output(
    device: &Device,
    chosen: &Chosen,
    half: RenderHalf,
    clock: Clock,
    health: Arc<Health>,
) -> Result<Stream, Error> {
    for_format!(chosen.format, output_of(device, chosen, half, clock, health))
}

fn input_of<S: SizedSample + Sample>(
    device: &Device,
    chosen: &Chosen,
    mut half: CaptureHalf,
    clock: Clock,
    health: Arc<Health>,
) -> Result<Stream, Error>
where
    f32: FromSample<S>,
{
    let channels = usize::from(chosen.config.channels);
    let errors = health.clone();
    let mut asks = chosen.asks_for_priority;
    let captured = move |data: &[S], _: &InputCallbackInfo| {
        if take(&mut asks) {
            health.ask_for_priority();
        }
        if !health.is_closed() {
            half.process(data, channels, clock.now());
        }
    };
    let failed = move |error: Error| errors.note(&error);
    device.build_input_stream(chosen.config, captured, failed, Some(PATIENCE))
}

fn output_of<S: SizedSample + Sample + FromSample<f32>>(
    device: &Device,
    chosen: &Chosen,
    mut half: RenderHalf,
    clock: Clock,
    health: Arc<Health>,
) -> Result<Stream, Error> {
    let channels = usize::from(chosen.config.channels);
    let rate = chosen.rate;
    let errors = health.clone();
    let mut asks = chosen.asks_for_priority;
    let wanted = move |out: &mut [S], info: &OutputCallbackInfo| {
        if take(&mut asks) {
            health.ask_for_priority();
        }
        if health.is_closed() {
            out.fill(S::EQUILIBRIUM);
        } else {
            half.process(out, channels, clock.now(), latency_frames(info, rate));
        }
    };
    let failed = move |error: Error| errors.note(&error);
    device.build_output_stream(chosen.config, wanted, failed, Some(PATIENCE))
}

/// How much later than this callback its frames are heard, as the sound
/// system says.
fn latency_frames(info: &OutputCallbackInfo, rate: Rate) -> u32 {
    let stamp = info.timestamp();
    let latency = stamp.playback.saturating_duration_since(stamp.callback);
    rate.frames_in(latency.into()).min(u64::from(u32::MAX)) as u32
}
