//! The machine's sound cards, by way of cpal. Only this file and its folder
//! name cpal: a new version of it ends here.
//!
//! What its hosts were seen to do decides the shape: a period that was asked
//! for is not what comes; the death of a server may give no error; opening and
//! ending a stream may never return.

mod health;
mod hosts;
mod mode;
mod names;
#[cfg(target_os = "linux")]
mod pulse;
mod streams;
mod table;
mod undertaker;
mod words;

use std::{sync::Arc, sync::mpsc::channel, thread, time::Duration};

use cpal::{Device, traits::StreamTrait};
use health::Health;
use mode::Chosen;
pub use table::list;
use undertaker::Undertaker;

use super::{Backend, Clock, DeviceError, Direction, Faults, Offer, Spec, Stream};
use crate::{
    audio::Rate,
    duplex::{CaptureHalf, RenderHalf},
};

/// The sound system is given so long to find or open the devices.
const PATIENCE_S: u64 = 10;
/// Ending both streams is waited for so long; 20 ms were usual.
const BURIAL: Duration = Duration::from_millis(300);
/// The rate of a side that is not used.
const UNUSED_HZ: u32 = 48_000;

/// A microphone, a speaker, or both, of this machine.
pub struct SoundCard {
    input: Option<String>,
    output: Option<String>,
    found: Option<(Option<Side>, Option<Side>)>,
    undertaker: Undertaker,
}

/// A device and how it is opened.
struct Side {
    device: Device,
    name: String,
    chosen: Chosen,
    /// The source or sink of a PulseAudio server.
    #[cfg(target_os = "linux")]
    pulse: Option<String>,
}

impl SoundCard {
    /// The devices called so: `default`, a name, a part of one, or one of a
    /// certain host as `alsa:NAME`. `None` leaves that side out.
    pub fn new(input: Option<&str>, output: Option<&str>) -> Self {
        let owned = |name: Option<&str>| name.map(str::to_owned);
        let undertaker = Undertaker::default();
        Self { input: owned(input), output: owned(output), found: None, undertaker }
    }
}

impl Backend for SoundCard {
    fn offer(&mut self, spec: &Spec) -> Result<Offer, DeviceError> {
        let (input, output, spec) = (self.input.clone(), self.output.clone(), *spec);
        let (input, output) = within_patience(move || {
            let side = |name: Option<String>, direction| {
                name.map(|name| Side::find(&name, direction, &spec)).transpose()
            };
            Ok((side(input, Direction::Input)?, side(output, Direction::Output)?))
        })?;
        // proven: 48,000 is within the bounds of a rate.
        let unused = Rate::new(UNUSED_HZ).expect("a valid rate");
        let rate = |side: &Option<Side>| side.as_ref().map_or(unused, |s| s.chosen.rate);
        let name = |side: &Option<Side>| side.as_ref().map_or(String::new(), |s| s.name.clone());
        let offer = Offer {
            capture_rate: rate(&input),
            render_rate: rate(&output),
            period_frames: spec.period_frames,
            capture_name: name(&input),
            render_name: name(&output),
        };
        self.found = Some((input, output));
        Ok(offer)
    }

    fn open(
        &mut self,
        capture: CaptureHalf,
        render: RenderHalf,
        clock: Clock,
    ) -> Result<Box<dyn Stream>, DeviceError> {
        let asked = || DeviceError("a device is opened as it was offered".to_owned());
        let (input, output) = self.found.take().ok_or_else(asked)?;
        let health = [Arc::new(Health::default()), Arc::new(Health::default())];
        let [of_input, of_output] = health.clone();
        let streams = within_patience(move || {
            let output = output.map(|s| s.open_output(render, clock, of_output)).transpose()?;
            let input = input.map(|s| s.open_input(capture, clock, of_input)).transpose()?;
            Ok((output, input))
        })?;
        let undertaker = self.undertaker.clone();
        Ok(Box::new(Running { streams: Some(streams), health, undertaker }))
    }
}

impl Side {
    fn find(wanted: &str, direction: Direction, spec: &Spec) -> Result<Self, DeviceError> {
        let (host, rest) = hosts::of_name(wanted)?;
        let (device, name) = hosts::find(rest, &host, direction)?;
        let asks_for_priority = hosts::asks_for_priority(&host, wanted, &name.id);
        let chosen = mode::choose(&device, &name.name, direction, spec)?;
        let chosen = Chosen { asks_for_priority, ..chosen };
        #[cfg(target_os = "linux")]
        let pulse = (host.id() == cpal::HostId::PulseAudio).then(|| name.id.clone());
        Ok(Self {
            device,
            name: format!("{} ({})", name.name, host.id().name()),
            chosen,
            #[cfg(target_os = "linux")]
            pulse,
        })
    }

    fn open_output(
        self,
        half: RenderHalf,
        clock: Clock,
        health: Arc<Health>,
    ) -> Result<Sounding, DeviceError> {
        #[cfg(target_os = "linux")]
        if let Some(sink) = &self.pulse {
            let stream = pulse::play(sink, &self.chosen, half, clock, health);
            let refused = |e| words::refused(Direction::Output, &self.name, "be opened", &e);
            return Ok(Box::new(stream.map_err(refused)?));
        }
        let stream = streams::output(&self.device, &self.chosen, half, clock, health);
        Ok(Box::new(self.start(stream, Direction::Output)?))
    }

    fn open_input(
        self,
        half: CaptureHalf,
        clock: Clock,
        health: Arc<Health>,
    ) -> Result<Sounding, DeviceError> {
        #[cfg(target_os = "linux")]
        if let Some(source) = &self.pulse {
            let stream = pulse::record(source, &self.chosen, half, clock, health);
            let refused = |e| words::refused(Direction::Input, &self.name, "be opened", &e);
            return Ok(Box::new(stream.map_err(refused)?));
        }
        let stream = streams::input(&self.device, &self.chosen, half, clock, health);
        Ok(Box::new(self.start(stream, Direction::Input)?))
    }

    /// Streams are made standing still.
    fn start(
        &self,
        stream: Result<cpal::Stream, cpal::Error>,
        direction: Direction,
    ) -> Result<cpal::Stream, DeviceError> {
        let refused = |what| move |e: cpal::Error| words::refused(direction, &self.name, what, &e);
        let stream = stream.map_err(refused("be opened"))?;
        stream.play().map_err(refused("be started"))?;
        Ok(stream)
    }
}

/// Does `work` on a thread, which is left behind if it does not end in time:
/// a sound server that hangs is waited for without a limit. What it brings too
/// late is dropped there.
fn within_patience<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DeviceError> + Send + 'static,
) -> Result<T, DeviceError> {
    let (done, result) = channel();
    thread::Builder::new()
        .name("chinwag-opener".to_owned())
        .spawn(move || {
            // Or ALSA's library writes a page for each device that is not there.
            #[cfg(target_os = "linux")]
            let _quiet = alsa::Output::local_error_handler();
            let _ = done.send(work());
        })
        .map_err(|e| DeviceError(format!("the system refuses a thread: {e}")))?;
    let late = |_| words::no_answer(PATIENCE_S);
    result.recv_timeout(Duration::from_secs(PATIENCE_S)).map_err(late)?
}

/// Why the sound server that runs is passed over for the device called so, and
/// the next step. None where it is not, or no server runs.
pub fn passed_over(wanted: &str) -> Option<DeviceError> {
    #[cfg(target_os = "linux")]
    if hosts::prefers_server(wanted) {
        return within_patience(pulse::try_out).err();
    }
    let _ = wanted;
    None
}

/// A stream, which ends when it is dropped.
type Sounding = Box<dyn Send>;
/// The speaker's stream and the microphone's.
type Streams = (Option<Sounding>, Option<Sounding>);

struct Running {
    streams: Option<Streams>,
    health: [Arc<Health>; 2],
    undertaker: Undertaker,
}

impl Running {
    /// Callbacks that still come do nothing any more, whatever the sound
    /// system does.
    fn end(&mut self, patience: Duration) {
        if let Some(streams) = self.streams.take() {
            self.health.iter().for_each(|health| health.close());
            self.undertaker.bury(streams, patience);
        }
    }
}

impl Stream for Running {
    fn has_ended(&self) -> bool {
        false
    }

    fn faults(&self) -> Faults {
        let [input, output] = &self.health;
        Faults {
            capture_xruns: input.xruns(),
            render_xruns: output.xruns(),
            errors: input.errors() + output.errors(),
            last: input.last().or(output.last()),
            ordinary: u32::from(input.is_ordinary()) + u32::from(output.is_ordinary()),
            unburied: self.undertaker.unburied(),
        }
    }

    fn close(mut self: Box<Self>) -> Faults {
        // Counted before the end: ending a stream makes some hosts complain.
        let faults = self.faults();
        self.end(BURIAL);
        Faults { unburied: self.undertaker.unburied(), ..faults }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_an_error_and_what_fails_tells_why() {
        assert_eq!(within_patience(|| Ok(1)), Ok(1));
        let error = DeviceError("gone".to_owned());
        let same = error.clone();
        assert_eq!(within_patience::<()>(move || Err(same)), Err(error));
        assert_eq!(
            within_patience::<()>(|| panic!("a host's bug")),
            Err(words::no_answer(PATIENCE_S))
        );
    }
}
