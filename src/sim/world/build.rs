//! From settings to a world at time zero.

use std::{collections::VecDeque, sync::Arc};

use super::{
    World, WorldSettings, invariants::Invariants, task::Task, transcript::Transcript, wire::Pipe,
};
use crate::{
    audio::{
        Doorbell, Flow, Nanos, Rate, UplinkPacket,
        packet::{DOWNLINK_PACKETS, UPLINK_PACKETS},
        ring::{Reader, Writer, ring},
    },
    config::plan::{Plan, resample_chain},
    duplex::{
        CaptureHalf, RenderHalf, Worker, WorkerControls, WorkerNote, WorkerParts, capture, render,
    },
    link::{Link, LinkEnds},
    pipeline::{Format, PrepareError},
    protocol::Session,
    sim::{clock::DeviceClock, room::Room, seed::Seed, service::Memory, talker::Talker},
};

/// Notes that may wait for the world, which takes them after each step.
const NOTES: usize = 4_096;
/// What a room remembers of its loudspeaker, in seconds.
const ROOM_SECS: usize = 1;

/// The bodies, and the queues that the world looks into.
struct Machines {
    capture: CaptureHalf,
    render: RenderHalf,
    worker: Worker,
    controls: Arc<WorkerControls>,
    notes: Reader<WorkerNote>,
    uplink_from_worker: Reader<UplinkPacket>,
    uplink_to_link: Writer<UplinkPacket>,
    link: Link,
}

/// Builds the bodies for microphone and speaker of these rates.
fn machines(
    plan: &Plan,
    [capture_rate, render_rate]: [Rate; 2],
    [worker_bell, link_bell]: [&Arc<Doorbell>; 2],
    seed: u64,
) -> Result<Machines, PrepareError> {
    let channel = plan.device.input_channel;
    let (capture, capture_end) = capture(capture_rate, 0, channel, worker_bell.clone());
    let (render, render_end) = render(render_rate, plan.playout.fade_ms, worker_bell.clone());
    let (uplink, uplink_from_worker) = ring(UPLINK_PACKETS);
    let (uplink_to_link, uplink_end) = ring(UPLINK_PACKETS);
    let (downlink, downlink_end) = ring(DOWNLINK_PACKETS);
    let (notes_in, notes) = ring(NOTES);
    let flow = Arc::new(Flow::default());
    let controls = Arc::new(WorkerControls::default());
    let worker = Worker::new(WorkerParts {
        capture: capture_end,
        render: render_end,
        capture_chain: plan.capture_chain(Format::of(capture_rate))?,
        playback_chain: plan.playback_chain(render_rate)?,
        far_chain: resample_chain(render_rate, capture_rate)?,
        uplink,
        downlink: downlink_end,
        flow: flow.clone(),
        link: link_bell.clone(),
        notes: notes_in,
        controls: controls.clone(),
        turn: plan.turn.clone(),
        playout: plan.playout.clone(),
        chunk_ms: plan.link.chunk_ms,
        period_frames: plan.device.period_frames as usize,
    });
    let worker_bell = worker_bell.clone();
    let ends = LinkEnds { uplink: uplink_end, downlink, flow, worker_bell };
    let link = Link::new(Session::new(plan.session.clone()), &plan.link, ends, seed);
    Ok(Machines {
        capture,
        render,
        worker,
        controls,
        notes,
        uplink_from_worker,
        uplink_to_link,
        link,
    })
}

impl World {
    /// A world at time zero, about to connect.
    ///
    /// # Errors
    /// A stage of the plan that cannot run at the rates of the devices.
    pub fn new(settings: WorldSettings) -> Result<Self, PrepareError> {
        let mut seed = Seed::new(settings.seed);
        let microphone = DeviceClock::microphone(settings.microphone, seed.split());
        let speaker = DeviceClock::speaker(settings.speaker, seed.split());
        let rates = [microphone.rate(), speaker.rate()];
        let worker_task = Task::new(settings.worker_wake, seed.split());
        let link_task = Task::new(settings.link_wake, seed.split());
        let bells = [&worker_task.bell, &link_task.bell];
        let machines = machines(&settings.plan, rates, bells, seed.bits())?;
        let manual = settings.plan.turn.mode.is_manual();
        let room_frames = ROOM_SECS * rates[1].hz() as usize;
        Ok(Self {
            now: Nanos::ZERO,
            capture: machines.capture,
            render: machines.render,
            gauges: machines.worker.gauges(),
            worker: machines.worker,
            worker_task,
            controls: machines.controls,
            notes: machines.notes,
            uplink_from_worker: machines.uplink_from_worker,
            uplink_to_link: machines.uplink_to_link,
            link: machines.link,
            link_task,
            up: Pipe::new(settings.uplink, seed.split()),
            down: Pipe::new(settings.downlink, seed.split()),
            dial: settings.dial,
            dial_at: Some(settings.dial),
            service: None,
            ended_services: Vec::new(),
            service_settings: settings.service,
            request: settings.request,
            memory: Memory::default(),
            room: Room::new(settings.echo, room_frames),
            talker: Talker::new(rates[0], settings.script, settings.noise, seed.split()),
            speaker_latency: settings.speaker_latency,
            microphone,
            speaker,
            sound: Vec::new(),
            message: String::new(),
            record_sound: settings.record_sound,
            invariants: Invariants::new(manual),
            deeds: VecDeque::new(),
            checks: Vec::new(),
            transcript: Transcript::default(),
            steps: 0,
        })
    }
}
