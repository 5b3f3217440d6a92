//! Microphone and speaker of a PulseAudio server, without cpal.
//!
//! cpal (0.18.2) asks the server to queue one period for us and no more: what
//! is captured while that one waits, the server drops and tells nobody; 1.3 s
//! of 97 were lost at periods of 5 ms. The queue that is asked for here is as
//! long as the capture ring. And cpal's callbacks share locks with an ordinary
//! thread that asks the server for its latency after every period: on a busy
//! machine they waited for it. Here nobody asks.
//!
//! Runs on: a thread per stream ([`Player`], [`Recorder`]), which waits for the
//! server. Never locks, logs or panics there, and allocates only for what is
//! rare: an error that ends the stream, or news of a stream that was moved.

mod access;
mod defaults;
mod wire;
mod words;

use std::{
    ffi::CString,
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::Arc,
    thread::{self, JoinHandle},
};

pub(super) use access::{make_cookie, try_out};
use cpal::{BufferSize, Error, ErrorKind};
pub(super) use defaults::Defaults;
use pulseaudio::protocol::{self, Command, stream::BufferAttr};
use wire::{Said, Wire};

use super::{health::Health, mode::Chosen};
use crate::{
    audio::Nanos,
    device::Clock,
    duplex::{CaptureHalf, RenderHalf},
};

/// The server keeps so much of the microphone for us, as parts of a second: 0.5 s.
const QUEUE_PARTS: u32 = 2;
/// The speaker's queue: one period plays while the next is made.
const PERIODS: u32 = 2;
/// A queue that ran dry grows by a period, up to this.
const PERIODS_MAX: u32 = 8;
/// Samples that are converted at once; a longer delivery is taken in parts.
const SAMPLES: usize = 8_192;
const SAMPLE_BYTES: usize = 4;
/// How the source ends that hands back what a speaker plays.
const MONITOR: &str = ".monitor";

/// A stream, which ends when it is dropped.
pub(super) struct Stream {
    socket: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Repeats `step` on a thread of real-time priority until it fails.
fn start(
    name: &str,
    socket: UnixStream,
    health: Arc<Health>,
    mut step: impl FnMut() -> Result<(), Error> + Send + 'static,
) -> Result<Stream, Error> {
    let work = move || {
        health.ask_for_priority();
        loop {
            if let Err(error) = step() {
                if !health.is_closed() {
                    health.note(&error);
                    health.end();
                }
                break;
            }
        }
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
    let thread = thread.map_err(|_| Error::new(ErrorKind::ResourceExhausted))?;
    Ok(Stream { socket, thread: Some(thread) })
}

/// Records from the source `name`, from now on until the stream is dropped.
///
/// # Errors
/// Where the server does not answer or refuses.
pub(super) fn record(
    name: &str,
    chosen: &Chosen,
    half: CaptureHalf,
    clock: Clock,
    health: Arc<Health>,
) -> Result<Stream, Error> {
    let mut wire = Wire::connect()?;
    let source = protocol::GetSourceInfo { index: None, name: Some(c_name(name)?) };
    let source: protocol::SourceInfo = wire.ask(&Command::GetSourceInfo(source))?;
    let channels = usize::from(source.sample_spec.channels);
    if channels < usize::from(chosen.config.channels) {
        return Err(Error::new(ErrorKind::UnsupportedConfig));
    }
    let frame_bytes = (channels * SAMPLE_BYTES) as u32;
    let params = protocol::RecordStreamParams {
        sample_spec: floats(source.sample_spec.channels, chosen),
        channel_map: source.channel_map,
        source_index: Some(source.index),
        buffer_attr: BufferAttr {
            max_length: chosen.rate.hz() / QUEUE_PARTS * frame_bytes,
            fragment_size: period_frames(chosen) * frame_bytes,
            ..Default::default()
        },
        // The source is to work in periods as long as ours.
        flags: protocol::stream::StreamFlags { adjust_latency: true, ..Default::default() },
        props: named(c"microphone"),
        ..Default::default()
    };
    let _: protocol::CreateRecordStreamReply = wire.ask(&Command::CreateRecordStream(params))?;
    let socket = wire.handle()?;
    let mut recorder = Recorder {
        half,
        channels,
        clock,
        health: health.clone(),
        wire,
        samples: vec![0.0; SAMPLES].into(),
    };
    start("chinwag-mic", socket, health, move || recorder.step())
}

/// Plays to the sink `name`, from now on until the stream is dropped.
///
/// # Errors
/// Where the server does not answer or refuses.
pub(super) fn play(
    name: &str,
    chosen: &Chosen,
    half: RenderHalf,
    clock: Clock,
    health: Arc<Health>,
) -> Result<Stream, Error> {
    let mut wire = Wire::connect()?;
    let sink = protocol::GetSinkInfo { index: None, name: Some(c_name(name)?) };
    let sink: protocol::SinkInfo = wire.ask(&Command::GetSinkInfo(sink))?;
    let channels = usize::from(sink.sample_spec.channels);
    let frame_bytes = channels * SAMPLE_BYTES;
    let period_frames = period_frames(chosen);
    let params = protocol::PlaybackStreamParams {
        sample_spec: floats(sink.sample_spec.channels, chosen),
        channel_map: sink.channel_map,
        sink_index: Some(sink.index),
        buffer_attr: queue(PERIODS, period_frames * frame_bytes as u32),
        flags: protocol::stream::StreamFlags { adjust_latency: true, ..Default::default() },
        props: named(c"speaker"),
        ..Default::default()
    };
    let stream: protocol::CreatePlaybackStreamReply =
        wire.ask(&Command::CreatePlaybackStream(params))?;
    let latency =
        protocol::LatencyParams { channel: stream.channel, now: std::time::SystemTime::now() };
    let latency: protocol::PlaybackLatency = wire.ask(&Command::GetPlaybackLatency(latency))?;
    // The queue and what the sink itself holds; no more than that is ever ahead.
    let in_sink = chosen.rate.frames_in(Nanos(latency.sink_usec.saturating_mul(1_000)));
    let in_queue = stream.buffer_attr.target_length / frame_bytes as u32;
    let socket = wire.handle()?;
    let mut player = Player {
        half,
        channels,
        clock,
        health: health.clone(),
        wire,
        channel: stream.channel,
        wanted_bytes: stream.requested_bytes as usize,
        period_frames,
        periods: PERIODS,
        latency_frames: in_queue + in_sink as u32,
        samples: vec![0.0; SAMPLES].into(),
    };
    start("chinwag-speaker", socket, health, move || player.step())
}

/// A queue of whole periods, asked for in halves: so the sink itself holds no
/// more than half a period, and what is late has one and a half.
fn queue(periods: u32, period_bytes: u32) -> BufferAttr {
    BufferAttr {
        target_length: periods * period_bytes,
        minimum_request_length: period_bytes / 2,
        ..Default::default()
    }
}

fn c_name(name: &str) -> Result<CString, Error> {
    CString::new(name).map_err(|_| Error::new(ErrorKind::InvalidInput))
}

fn named(what: &std::ffi::CStr) -> protocol::Props {
    let mut props = protocol::Props::new();
    props.set(protocol::Prop::MediaName, what);
    props
}

fn floats(channels: u8, chosen: &Chosen) -> protocol::SampleSpec {
    let format = protocol::SampleFormat::Float32Le;
    protocol::SampleSpec { format, channels, sample_rate: chosen.rate.hz() }
}

fn period_frames(chosen: &Chosen) -> u32 {
    match chosen.config.buffer_size {
        BufferSize::Fixed(frames) => frames,
        BufferSize::Default => chosen.rate.hz() / 100,
    }
}

/// Where the server's requests are filled from.
struct Player {
    half: RenderHalf,
    channels: usize,
    clock: Clock,
    health: Arc<Health>,
    wire: Wire,
    channel: u32,
    wanted_bytes: usize,
    period_frames: u32,
    periods: u32,
    latency_frames: u32,
    samples: Box<[f32]>,
}

impl Player {
    /// Gives what is wanted, then waits for what the server says.
    ///
    /// # Realtime safety
    /// Waits for the socket, and for nothing else.
    fn step(&mut self) -> Result<(), Error> {
        let frame_bytes = self.channels * SAMPLE_BYTES;
        while self.wanted_bytes >= frame_bytes {
            let frames = (self.wanted_bytes / frame_bytes).min(SAMPLES / self.channels);
            let samples = &mut self.samples[..frames * self.channels];
            if self.health.is_closed() {
                samples.fill(0.0);
            } else {
                self.half.process(samples, self.channels, self.clock.now(), self.latency_frames);
            }
            self.wire.put(self.channel, samples)?;
            self.wanted_bytes -= frames * frame_bytes;
        }
        match self.wire.next()? {
            Said::Wants(bytes) => self.wanted_bytes += bytes,
            Said::RanDry => {
                self.health.note(&Error::new(ErrorKind::Xrun));
                self.lengthen()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Asks for a queue that is a period longer: the machine is busier than it
    /// was thought to be.
    fn lengthen(&mut self) -> Result<(), Error> {
        if self.periods == PERIODS_MAX {
            return Ok(());
        }
        self.periods += 1;
        self.latency_frames += self.period_frames;
        let period_bytes = self.period_frames * (self.channels * SAMPLE_BYTES) as u32;
        let params = protocol::SetPlaybackStreamBufferAttrParams {
            index: self.channel,
            buffer_attr: queue(self.periods, period_bytes),
            adjust_latency: true,
            early_requests: false,
        };
        self.wire.send(&Command::SetPlaybackStreamBufferAttr(params)).map(|_| ())
    }
}

/// What the server's deliveries go to.
struct Recorder {
    half: CaptureHalf,
    channels: usize,
    clock: Clock,
    health: Arc<Health>,
    wire: Wire,
    samples: Box<[f32]>,
}

impl Recorder {
    /// Waits for what the server says, and takes whole frames of it.
    ///
    /// # Realtime safety
    /// Waits for the socket, and for nothing else.
    fn step(&mut self) -> Result<(), Error> {
        if !matches!(self.wire.next()?, Said::Sound) || self.health.is_closed() {
            return Ok(());
        }
        let now = self.clock.now();
        let whole = SAMPLES - SAMPLES % self.channels;
        for part in self.wire.sound().chunks(whole * SAMPLE_BYTES) {
            let samples = &mut self.samples[..part.len() / SAMPLE_BYTES];
            let (values, _) = part.as_chunks();
            for (sample, value) in samples.iter_mut().zip(values) {
                *sample = f32::from_le_bytes(*value);
            }
            self.half.process(samples, self.channels, now);
        }
        Ok(())
    }
}
