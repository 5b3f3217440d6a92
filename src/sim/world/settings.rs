//! What a world is made of, as plain data.

use crate::{
    audio::{Dbfs, Nanos, Rate},
    config::Plan,
    sim::{
        clock::ClockSettings,
        room::RoomSettings,
        service::{ServiceSettings, UpgradeRequest},
        talker::Utterance,
    },
};

/// A delay: at least so long, and up to so much longer, drawn each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delay {
    /// Always.
    pub least: Nanos,
    /// Up to so much more.
    pub jitter: Nanos,
}

impl Delay {
    /// Always the same.
    pub const fn exact(least: Nanos) -> Self {
        Self { least, jitter: Nanos::ZERO }
    }
}

/// Everything that a world is made of. Equal settings give equal worlds.
#[derive(Clone, Debug)]
pub struct WorldSettings {
    /// Where every random choice comes from.
    pub seed: u64,
    /// Profile of the client.
    pub plan: Plan,
    /// The microphone.
    pub microphone: ClockSettings,
    /// The loudspeaker.
    pub speaker: ClockSettings,
    /// From the render callback to the ear.
    pub speaker_latency: Nanos,
    /// What is between the loudspeaker and the microphone. Its delay comes on
    /// top of the speaker's latency, its drift on top of that of the clocks.
    pub room: Option<RoomSettings>,
    /// From a ring of the worker's bell to its step.
    pub worker_wake: Delay,
    /// From a ring of the link's bell to its step.
    pub link_wake: Delay,
    /// From the client to the service; messages never overtake each other.
    pub uplink: Delay,
    /// From the service to the client.
    pub downlink: Delay,
    /// From the attempt to the open connection.
    pub dial: Nanos,
    /// The other end.
    pub service: ServiceSettings,
    /// What the client asks it for.
    pub request: UpgradeRequest,
    /// What is said.
    pub script: Vec<Utterance>,
    /// The noise of the microphone itself, RMS.
    pub noise: Option<Dbfs>,
    /// Keeps what was captured and played, sample by sample.
    pub record_sound: bool,
    /// Keeps all that happened; otherwise the last of it.
    pub record_all: bool,
    /// No two replies of a scripted voice have eight samples in common: it is
    /// asserted that none is heard twice.
    pub distinct_replies: bool,
}

impl WorldSettings {
    /// A quiet room, exact clocks of 48 kHz with callbacks of 10 ms, a near
    /// service; nobody speaks.
    pub fn new(plan: Plan) -> Self {
        // 48,000 lies within the bounds of a rate.
        let rate = Rate::new(48_000).unwrap_or(Rate::UPLINK);
        Self {
            seed: 1,
            plan,
            microphone: ClockSettings::exact(rate, 480),
            speaker: ClockSettings::exact(rate, 480),
            speaker_latency: Nanos::ZERO,
            room: None,
            worker_wake: Delay::exact(Nanos(50_000)),
            link_wake: Delay::exact(Nanos(50_000)),
            uplink: Delay::exact(Nanos::from_ms(20)),
            downlink: Delay::exact(Nanos::from_ms(20)),
            dial: Nanos::from_ms(60),
            service: ServiceSettings { record_uplink: true, ..ServiceSettings::default() },
            request: UpgradeRequest::with_key("world"),
            script: Vec::new(),
            noise: Some(Dbfs(-70.0)),
            record_sound: true,
            record_all: true,
            distinct_replies: false,
        }
    }
}
