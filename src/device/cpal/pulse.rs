//! Microphone and speaker of a PulseAudio server, without cpal.
//!
//! cpal (0.18.2) asks the server to queue one period for us and no more: what
//! is captured while that one waits, the server drops and tells nobody; 1.3 s
//! of 97 were lost at periods of 5 ms. The queue that is asked for here is as
//! long as the capture ring. And cpal's callbacks share locks with an ordinary
//! thread that asks the server for its latency after every period: on a busy
//! machine they waited for it. Here nobody asks.
//!
//! Runs on: the client's thread ([`Sink`], [`Source`]). Never allocates, locks, logs or
//! fails there.

use std::{
    ffi::CString,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use cpal::{BufferSize, Error, ErrorKind};
use pulseaudio::{AsPlaybackSource, Client, PlaybackStream, RecordStream, protocol};

use super::{health::Health, mode::Chosen};
use crate::{
    audio::Nanos,
    device::Clock,
    duplex::{CaptureHalf, RenderHalf},
};

/// The server keeps so much for us, as parts of a second: 0.5 s.
const QUEUE_PARTS: u32 = 2;
/// Samples that are converted at once; a longer delivery is taken in parts.
const SAMPLES: usize = 8_192;
const SAMPLE_BYTES: usize = 4;

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
) -> Result<RecordStream, Error> {
    let client = Client::from_env(c"chinwag")?;
    let name = CString::new(name).map_err(|_| Error::new(ErrorKind::InvalidInput))?;
    let source = wait(client.source_info_by_name(name))?;
    let sample_spec = protocol::SampleSpec {
        format: protocol::SampleFormat::Float32Le,
        channels: source.sample_spec.channels,
        sample_rate: chosen.rate.hz(),
    };
    let channels = usize::from(sample_spec.channels);
    if channels < usize::from(chosen.config.channels) {
        return Err(Error::new(ErrorKind::UnsupportedConfig));
    }
    let frame_bytes = (channels * SAMPLE_BYTES) as u32;
    let params = protocol::RecordStreamParams {
        sample_spec,
        channel_map: source.channel_map,
        source_index: Some(source.index),
        buffer_attr: protocol::stream::BufferAttr {
            max_length: chosen.rate.hz() / QUEUE_PARTS * frame_bytes,
            fragment_size: period_frames(chosen) * frame_bytes,
            ..Default::default()
        },
        // The source is to work in periods as long as ours.
        flags: protocol::stream::StreamFlags { adjust_latency: true, ..Default::default() },
        ..Default::default()
    };
    let mut sink =
        Sink { half, channels, clock, health, samples: vec![0.0; SAMPLES].into(), asks: true };
    Ok(wait(client.create_record_stream(params, move |bytes: &[u8]| sink.take(bytes)))?)
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
) -> Result<PlaybackStream, Error> {
    let client = Client::from_env(c"chinwag")?;
    let name = CString::new(name).map_err(|_| Error::new(ErrorKind::InvalidInput))?;
    let sink = wait(client.sink_info_by_name(name))?;
    let channels = usize::from(sink.sample_spec.channels);
    let frame_bytes = (channels * SAMPLE_BYTES) as u32;
    let period_bytes = period_frames(chosen) * frame_bytes;
    let params = protocol::PlaybackStreamParams {
        sample_spec: protocol::SampleSpec {
            format: protocol::SampleFormat::Float32Le,
            channels: sink.sample_spec.channels,
            sample_rate: chosen.rate.hz(),
        },
        channel_map: sink.channel_map,
        sink_index: Some(sink.index),
        // One period plays while the next is made.
        buffer_attr: protocol::stream::BufferAttr {
            target_length: 2 * period_bytes,
            minimum_request_length: period_bytes,
            ..Default::default()
        },
        flags: protocol::stream::StreamFlags { adjust_latency: true, ..Default::default() },
        ..Default::default()
    };
    let latency_frames = Arc::new(AtomicU32::new(0));
    let mut source = Source {
        half,
        channels,
        clock,
        health,
        latency_frames: latency_frames.clone(),
        samples: vec![0.0; SAMPLES].into(),
        asks: true,
    };
    let wanted = move |bytes: &mut [u8]| source.fill(bytes);
    let stream = wait(client.create_playback_stream(params, wanted.as_playback_source()))?;
    // The queue and what the sink itself holds; no more than that is ever ahead.
    let queue = stream.buffer_attr().target_length / frame_bytes;
    let latency = wait(stream.timing_info())?.sink_usec.saturating_mul(1_000);
    latency_frames.store(queue + chosen.rate.frames_in(Nanos(latency)) as u32, Relaxed);
    Ok(stream)
}

fn period_frames(chosen: &Chosen) -> u32 {
    match chosen.config.buffer_size {
        BufferSize::Fixed(frames) => frames,
        BufferSize::Default => chosen.rate.hz() / 100,
    }
}

/// Where the server's requests are filled from.
struct Source {
    half: RenderHalf,
    channels: usize,
    clock: Clock,
    health: Arc<Health>,
    latency_frames: Arc<AtomicU32>,
    samples: Box<[f32]>,
    asks: bool,
}

impl Source {
    /// Fills all of `bytes` with whole frames of little-endian floats.
    ///
    /// # Realtime safety
    /// The client's thread; the first call asks for real-time priority.
    fn fill(&mut self, bytes: &mut [u8]) -> usize {
        if std::mem::take(&mut self.asks) {
            self.health.ask_for_priority();
        }
        bytes.fill(0);
        if !self.health.is_closed() {
            let (now, latency) = (self.clock.now(), self.latency_frames.load(Relaxed));
            let whole = SAMPLES - SAMPLES % self.channels;
            for part in bytes.chunks_mut(whole * SAMPLE_BYTES) {
                let samples = &mut self.samples[..part.len() / SAMPLE_BYTES];
                self.half.process(samples, self.channels, now, latency);
                let (values, _) = part.as_chunks_mut();
                for (value, sample) in values.iter_mut().zip(samples) {
                    *value = sample.to_le_bytes();
                }
            }
        }
        bytes.len()
    }
}

/// What the server's deliveries go to.
struct Sink {
    half: CaptureHalf,
    channels: usize,
    clock: Clock,
    health: Arc<Health>,
    samples: Box<[f32]>,
    asks: bool,
}

impl Sink {
    /// Takes whole frames of little-endian floats.
    ///
    /// # Realtime safety
    /// The client's thread; the first call asks for real-time priority.
    fn take(&mut self, bytes: &[u8]) {
        if std::mem::take(&mut self.asks) {
            self.health.ask_for_priority();
        }
        if self.health.is_closed() {
            return;
        }
        let now = self.clock.now();
        let whole = SAMPLES - SAMPLES % self.channels;
        for part in bytes.chunks(whole * SAMPLE_BYTES) {
            let samples = &mut self.samples[..part.len() / SAMPLE_BYTES];
            let (values, _) = part.as_chunks();
            for (sample, value) in samples.iter_mut().zip(values) {
                *sample = f32::from_le_bytes(*value);
            }
            self.half.process(samples, self.channels, now);
        }
    }
}

/// Waits on this thread for what the client's thread brings.
fn wait<T>(work: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut work, mut context) = (pin!(work), Context::from_waker(&waker));
    loop {
        match work.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}
