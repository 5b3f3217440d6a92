//! Every figure of a conversation, in one list: what the machines count, by name.
//!
//! Each struct of counters is taken apart field by field, without a rest: who adds
//! a counter has to give it a name here.

mod link;
mod session;
mod sound;

use std::sync::{Arc, Mutex, atomic::Ordering::Relaxed};

use super::{
    record::RecorderGauges,
    sound::{SoundTotals, locked},
};
use crate::{
    audio::ring::Refusals,
    duplex::{Meters, opinion::OpinionGauges},
    link::LinkGauges,
    measure::figures::Figures,
};

/// Reads a running conversation, from any thread and without holding it up. A clone
/// reads the same.
#[derive(Clone)]
pub struct Meter {
    pub(super) meters: Meters,
    pub(super) link: Arc<LinkGauges>,
    pub(super) sound: Arc<Mutex<SoundTotals>>,
    pub(super) notes: Refusals,
    pub(super) recorder: Option<Arc<RecorderGauges>>,
    pub(super) turn_model: Option<Arc<OpinionGauges>>,
}

impl Meter {
    /// All figures as they are now. Those of one moment may be a few microseconds
    /// apart; the link's counters are as of its last turn.
    pub fn read(&self) -> Figures {
        let sound = locked(&self.sound).clone();
        let mut list = figures(&self.meters, &self.link, &sound);
        list.add_count(
            "notes_refused",
            "notes of the worker that the supervisor did not take in time",
            self.notes.get(),
        );
        let recorder = self.recorder.as_deref();
        list.add_frames(
            "recording_lost",
            "frames that the disk was too slow for, of both files",
            recorder.map_or(0, |gauges| gauges.lost_frames.load(Relaxed)),
        );
        list.add_count(
            "recording_lost_events",
            "events that the disk was too slow for",
            recorder.map_or(0, |gauges| gauges.lost_events.load(Relaxed)),
        );
        let model = self.turn_model.as_deref();
        list.add_frames(
            "turn_model_lost",
            "frames at 16 kHz that the turn model had no time for",
            model.map_or(0, |gauges| gauges.lost_frames.load(Relaxed)),
        );
        list
    }
}

/// What machines count that are run by whoever: [`Meter`] reads an engine, this a
/// world in virtual time too, which has no sound system and no supervisor.
///
/// ```
/// use chinwag::{
///     audio::Nanos,
///     config::ConfigFile,
///     engine::{SoundTotals, figures},
///     pipeline::Registry,
///     sim::world::{World, WorldSettings},
/// };
///
/// let plan = ConfigFile::shipped(&Registry::shipped()).plan(Some("server-vad"), &[]).unwrap();
/// let mut world = World::new(WorldSettings::new(plan)).unwrap();
/// world.run_until(Nanos::from_secs(2));
/// let figures = figures(world.meters(), &world.link_gauges(), &SoundTotals::default());
/// assert!(figures.times("capture_to_wire_seconds").unwrap().p99().is_some());
/// assert_eq!(figures.count("uplink_lost_frames_total"), Some(0));
/// ```
pub fn figures(meters: &Meters, link: &LinkGauges, sound: &SoundTotals) -> Figures {
    let mut list = Figures::new();
    latencies(&mut list, meters, link);
    sound::work(&mut list, meters);
    sound::far(&mut list, &meters.worker.far);
    sound::devices(&mut list, sound);
    sound::worker(&mut list, &meters.worker);
    let counters = link.counters();
    link::link(&mut list, link, &counters);
    link::queue(&mut list, &counters.queue);
    link::staging(&mut list, &counters.staging);
    session::session(&mut list, &counters.session);
    list
}

/// Where the time goes between lips and ear.
fn latencies(list: &mut Figures, meters: &Meters, link: &LinkGauges) {
    let (worker, audible) = (&meters.worker, &meters.audible);
    for (name, help, times) in [
        (
            "capture_to_wire",
            "the device hands over a chunk's last sample -> the socket has the chunk",
            &link.capture_to_wire,
        ),
        (
            "wire_to_ring",
            "a reply's first byte is read from the socket -> its first frame enters the render ring",
            &worker.wire_to_ring,
        ),
        (
            "ring_to_audible",
            "a reply's first frame enters the render ring -> audible, device latency included",
            &audible.ring_to_audible,
        ),
        (
            "end_to_decided",
            "the last frame of speech -> the frame with which we decided that the turn is over",
            &worker.end_to_decided,
        ),
        (
            "end_to_wire",
            "the device hands over the block that decided the end -> the socket has our end of turn",
            &link.end_to_wire,
        ),
        (
            "end_to_reply",
            "the socket has our end of turn -> the first byte of the reply is read",
            &link.end_to_reply,
        ),
        (
            "speech_to_audible",
            "the device hands over the last frame of speech -> the answer is audible",
            &audible.speech_to_audible,
        ),
        (
            "onset_to_decided",
            "the first frame of speech -> the frame with which we decided that it is speech",
            &worker.onset_to_decided,
        ),
        (
            "cut_to_silence",
            "a reply is cut -> silence, in frames from the start of that period on",
            &audible.cut_to_silence,
        ),
        (
            "worker_wake_up",
            "a callback rings the worker's bell -> the worker runs",
            &worker.wake_up,
        ),
    ] {
        list.add_times(name, help, times.snapshot());
    }
}

#[cfg(test)]
mod tests;
