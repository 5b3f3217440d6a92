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

use cpal::{Device, Host, HostId, traits::StreamTrait};
use health::Health;
use mode::Chosen;
pub use table::list;
use undertaker::Undertaker;

use super::{
    Backend, Clock, DeviceError, Direction, Faults, Halves, SideOffer, Spec, Stream, Streams,
    Whereabouts,
};
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
    /// The names of input and output.
    wanted: [Option<String>; 2],
    found: [Option<Side>; 2],
    /// The sound system that was used last.
    host: Option<Host>,
    /// Where each was found first, and what it was opened as last.
    hosts: [Option<HostId>; 2],
    opened: [Option<String>; 2],
    #[cfg(target_os = "linux")]
    defaults: pulse::Defaults,
    undertaker: Undertaker,
}

/// A device and how it is opened.
struct Side {
    device: Device,
    name: String,
    host: HostId,
    id: String,
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
        Self {
            wanted: [owned(input), owned(output)],
            found: [None, None],
            host: None,
            hosts: [None; 2],
            opened: [None, None],
            #[cfg(target_os = "linux")]
            defaults: pulse::Defaults::default(),
            undertaker: Undertaker::default(),
        }
    }

    /// Where the device is called so that was opened as the default, or by name.
    #[cfg(target_os = "linux")]
    fn look_for(&mut self, side: Direction, opened: &str, follows: bool) -> Whereabouts {
        // Other sound systems here have one default for ever, and say what is gone.
        match self.hosts[side as usize] {
            Some(HostId::PulseAudio) => self.defaults.look_for(side, opened, follows),
            _ => Whereabouts::Here,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn look_for(&mut self, side: Direction, opened: &str, follows: bool) -> Whereabouts {
        let Some(host) = self.hosts[side as usize].filter(|_| follows) else {
            return Whereabouts::Here;
        };
        match within_patience(move || Ok(hosts::default_id(host, side))) {
            Ok(Some(now)) if now != opened => Whereabouts::Moved,
            _ => Whereabouts::Here,
        }
    }
}

impl Backend for SoundCard {
    fn offer_side(&mut self, side: Direction, spec: &Spec) -> Result<SideOffer, DeviceError> {
        let place = side as usize;
        // proven: 48,000 is within the bounds of a rate.
        let unused = Rate::new(UNUSED_HZ).expect("a valid rate");
        let Some(wanted) = self.wanted[place].clone() else {
            let (period_frames, name) = (spec.period_frames, String::new());
            return Ok(SideOffer { rate: unused, period_frames, name });
        };
        let (spec, before, kept) = (*spec, self.hosts[place], self.host.take());
        let (host, found) = within_patience(move || {
            let (host, rest) = match before {
                Some(id) => hosts::again(id, &wanted, kept)?,
                None => hosts::of_name(&wanted)?,
            };
            let found = Side::find(&wanted, rest, &host, side, &spec);
            Ok((host, found))
        })?;
        self.host = Some(host);
        let found = found?;
        let (rate, name) = (found.chosen.rate, found.name.clone());
        self.hosts[place] = Some(found.host);
        self.found[place] = Some(found);
        Ok(SideOffer { rate, period_frames: spec.period_frames, name })
    }

    fn open(&mut self, halves: Halves, clock: Clock) -> Result<Streams, DeviceError> {
        let asked = || DeviceError("a device is opened as it was offered".to_owned());
        let mut take = |side: Direction| {
            let place = side as usize;
            let found = self.found[place].take();
            self.opened[place] = found.as_ref().map(|side| side.id.clone());
            if found.is_none() && self.wanted[place].is_some() { Err(asked()) } else { Ok(found) }
        };
        let input = halves.capture.map(|half| Ok((take(Direction::Input)?, half))).transpose()?;
        let output = halves.render.map(|half| Ok((take(Direction::Output)?, half))).transpose()?;
        let health = [Arc::new(Health::default()), Arc::new(Health::default())];
        let [of_input, of_output] = health.clone();
        let (input, output) = within_patience(move || {
            let play = |(side, half): (Option<Side>, RenderHalf)| {
                side.map(|side| side.open_output(half, clock, of_output)).transpose()
            };
            let record = |(side, half): (Option<Side>, CaptureHalf)| {
                side.map(|side| side.open_input(half, clock, of_input)).transpose()
            };
            let output = output.map(play).transpose()?.flatten();
            Ok((input.map(record).transpose()?.flatten(), output))
        })?;
        let running = |side, sounding: Option<Sounding>| -> Option<Box<dyn Stream>> {
            let (health, undertaker) = (health[side as usize].clone(), self.undertaker.clone());
            Some(Box::new(Running { sounding: Some(sounding?), side, health, undertaker }))
        };
        let (capture, render) =
            (running(Direction::Input, input), running(Direction::Output, output));
        Ok(Streams { capture, render })
    }

    fn whereabouts(&mut self, side: Direction) -> Whereabouts {
        let place = side as usize;
        let follows = self.wanted[place].as_deref().is_some_and(hosts::is_default);
        match self.opened[place].clone() {
            Some(opened) => self.look_for(side, &opened, follows),
            None => Whereabouts::Here,
        }
    }
}

impl Side {
    fn find(
        wanted: &str,
        rest: &str,
        host: &Host,
        direction: Direction,
        spec: &Spec,
    ) -> Result<Self, DeviceError> {
        let (device, name) = hosts::find(rest, host, direction)?;
        let asks_for_priority = hosts::asks_for_priority(host, wanted, &name.id);
        let chosen = mode::choose(&device, &name.name, direction, spec)?;
        let chosen = Chosen { asks_for_priority, ..chosen };
        #[cfg(target_os = "linux")]
        let pulse = (host.id() == HostId::PulseAudio).then(|| name.id.clone());
        Ok(Self {
            device,
            name: format!("{} ({})", name.name, host.id().name()),
            host: host.id(),
            id: name.id,
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

struct Running {
    sounding: Option<Sounding>,
    side: Direction,
    health: Arc<Health>,
    undertaker: Undertaker,
}

impl Running {
    /// Callbacks that still come do nothing any more, whatever the sound
    /// system does.
    fn end(&mut self, patience: Duration) {
        if let Some(sounding) = self.sounding.take() {
            self.health.close();
            self.undertaker.bury(sounding, patience);
        }
    }
}

impl Stream for Running {
    fn has_ended(&self) -> bool {
        false
    }

    fn faults(&self) -> Faults {
        let xruns = self.health.xruns();
        let is_input = self.side == Direction::Input;
        Faults {
            capture_xruns: if is_input { xruns } else { 0 },
            render_xruns: if is_input { 0 } else { xruns },
            errors: self.health.errors(),
            last: self.health.last(),
            ordinary: u32::from(self.health.is_ordinary()),
            unburied: self.undertaker.unburied(),
            is_broken: self.health.is_broken(),
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
