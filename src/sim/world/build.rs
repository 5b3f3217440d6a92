//! From settings to a world at time zero.

use std::collections::VecDeque;

use super::{
    Delay, World, WorldSettings, device, invariants::Invariants, suffer::Aftermath, task::Task,
    transcript::Transcript, wire::Pipe,
};
use crate::{
    audio::{
        Nanos, Rate,
        packet::{DOWNLINK_PACKETS, UPLINK_PACKETS},
        ring::ring,
    },
    config::Plan,
    duplex::Taps,
    link::LinkEnds,
    pipeline::PrepareError,
    sim::{
        clock::DeviceClock,
        machines::{self, Bells, Machines},
        room::{Room, RoomSettings},
        seed::Seed,
        service::{Memory, Voice},
        talker::Talker,
    },
};

/// What the worker makes in one step at most.
pub(super) const FAR_SECS: usize = 2;

impl World {
    /// A world at time zero, about to connect.
    ///
    /// # Errors
    /// A stage of the plan that cannot run at the rates of the devices.
    pub fn new(settings: WorldSettings) -> Result<Self, PrepareError> {
        let invariants = invariants(&settings);
        let mut seed = Seed::new(settings.seed);
        let microphone = DeviceClock::microphone(settings.microphone, seed.split());
        let speaker = DeviceClock::speaker(settings.speaker, seed.split());
        let rates = [microphone.rate(), speaker.rate()];
        let worker_task = Task::new(settings.worker_wake, seed.split());
        let link_task = Task::new(settings.link_wake, seed.split());
        let bells = bells(&worker_task, &link_task);
        let Machines { capture, render, worker, controls, notes, meters, ends, renewal } =
            Machines::build(&settings.plan, rates, &bells)?;
        let (far_tap, far) = ring(FAR_SECS * rates[0].hz() as usize);
        let far_tap = settings.record_sound.then_some(far_tap);
        let worker = worker.with_taps(Taps { far: far_tap, ..Taps::default() });
        let (uplink_to_link, uplink) = ring(UPLINK_PACKETS);
        let (downlink, downlink_from_link) = ring(DOWNLINK_PACKETS);
        let link = machines::link(
            &settings.plan,
            LinkEnds { uplink, downlink, flow: ends.flow, worker_bell: ends.worker_bell },
            seed.bits(),
        );
        let [of_mic, of_speaker] = fates(&settings.plan, rates);
        Ok(Self {
            now: Nanos::ZERO,
            capture: device::Microphone::new(capture, of_mic),
            render: device::Speaker::new(render, of_speaker, settings.speaker_latency),
            renewal,
            invariants,
            plan: settings.plan,
            meters,
            worker,
            worker_task,
            controls,
            notes,
            far: vec![far],
            uplink_from_worker: ends.uplink,
            uplink_to_link,
            downlink_from_link,
            downlink_to_worker: ends.downlink,
            link,
            link_task,
            up: Pipe::new(settings.uplink, seed.split()),
            down: Pipe::new(settings.downlink, seed.split()),
            pongs: Pipe::new(Delay::exact(settings.downlink.least), Seed::new(settings.seed)),
            dial: settings.dial,
            dial_at: Some(settings.dial),
            service: None,
            ended_services: Vec::new(),
            forgotten_turns: 0,
            service_settings: settings.service,
            request: settings.request,
            memory: Memory::default(),
            aftermath: Aftermath::default(),
            gave_up: None,
            talker: Talker::new(rates[0], settings.script, settings.noise, seed.split()),
            room: settings.room.map(|room| {
                between([&microphone, &speaker], room, settings.speaker_latency, seed.split())
            }),
            microphone,
            speaker,
            sound: Vec::new(),
            message: String::new(),
            record_sound: settings.record_sound,
            record_all: settings.record_all,
            deeds: VecDeque::new(),
            checks: Vec::new(),
            transcript: Transcript::default(),
            steps: 0,
        })
    }
}

/// What the speaker is late is a part of the echo's way.
fn between(device: [&DeviceClock; 2], room: RoomSettings, late: Nanos, seed: Seed) -> Room {
    let [microphone_hz, speaker_hz] = device.map(DeviceClock::true_hz);
    let room = RoomSettings { delay: room.delay + late, ..room };
    Room::new(&room, microphone_hz, speaker_hz, seed)
}

/// Both sides of the device, running.
fn fates(plan: &Plan, rates: [Rate; 2]) -> [device::Fate; 2] {
    let period_frames = plan.device.period_frames as usize;
    rates.map(|rate| device::Fate::new(period_frames, rate))
}

/// Callbacks and link wake the worker, the worker wakes the link.
fn bells(worker: &Task, link: &Task) -> Bells {
    Bells { callbacks: worker.bell.clone(), worker: worker.bell.clone(), link: link.bell.clone() }
}

/// What is watched in a world of these settings.
fn invariants(settings: &WorldSettings) -> Invariants {
    let replies = match &settings.service.voice {
        Voice::Script(replies) if settings.distinct_replies => Some(replies.clone()),
        _ => None,
    };
    Invariants::new(settings.plan.turn.mode.is_manual(), replies)
}
