//! How turns are taken and how replies are played: the plain data that the
//! machines of this layer are built from. `config` fills it.
//!
//! Runs on: set-up; plain data.

pub use crate::audio::TurnMode;

/// Whether both sides may speak at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Duplex {
    /// The microphone stays open while the model is audible.
    #[default]
    Full,
    /// The microphone is closed while the model is audible.
    Half,
}

/// What cuts a reply when the user starts to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BargeIn {
    /// Our own onset, in the block that decides it.
    #[default]
    Local,
    /// The service's `interrupted`.
    Server,
    /// Nothing: replies are spoken to their end.
    Off,
}

/// How the end of a turn is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EndpointKind {
    /// After the same silence every time.
    Fixed,
    /// After a silence that depends on what was heard before it.
    #[default]
    Adaptive,
}

/// How turns are taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TurnSettings {
    /// Who finds the bounds of speech.
    pub mode: TurnMode,
    /// Whether both sides may speak at once.
    pub duplex: Duplex,
    /// In half duplex the microphone stays closed for so long after a reply, in
    /// milliseconds: the room goes on sounding.
    pub echo_tail_ms: u32,
    /// What cuts a reply.
    pub barge_in: BargeIn,
    /// A hop whose voice probability is at least this is speech.
    pub threshold: f32,
    /// Within speech, a hop is silence only below this; not above `threshold`.
    pub threshold_off: f32,
    /// Speech needed before an onset is decided, in milliseconds.
    pub onset_ms: u32,
    /// Sound without any pitch needed before it is speech all the same, in
    /// milliseconds.
    pub unvoiced_ms: u32,
    /// Speech needed before a reply is cut, in milliseconds from the onset.
    pub confirm_ms: u32,
    /// Over a reply, humming that is shorter does not cut it, in milliseconds;
    /// 0 takes a hum for speech.
    pub backchannel_ms: u32,
    /// After a false alarm over a reply it is not turned down again for so
    /// long, in milliseconds.
    pub cooldown_ms: u32,
    /// Audio from before the onset that opens a turn, in milliseconds.
    pub pre_roll_ms: u32,
    /// How the end of a turn is found.
    pub endpoint: EndpointKind,
    /// Silence waited for before a turn is ended, in milliseconds; fixed
    /// endpoint only.
    pub hangover_ms: u32,
    /// From 0, answer fast, to 1, let me think; adaptive endpoint only.
    pub patience: f32,
    /// The least silence that ends a turn, in milliseconds; adaptive only.
    pub hangover_min_ms: u32,
    /// The silence that ends a turn whatever was heard, in milliseconds;
    /// adaptive only.
    pub hangover_max_ms: u32,
    /// How loud a reply is while it is not yet sure that the user speaks, in
    /// decibels.
    pub duck_db: f32,
    /// A window that is open for so long is closed, in milliseconds.
    pub window_ms_max: u32,
}

impl Default for TurnSettings {
    fn default() -> Self {
        Self {
            mode: TurnMode::Client,
            duplex: Duplex::Full,
            echo_tail_ms: 300,
            barge_in: BargeIn::Local,
            threshold: 0.6,
            threshold_off: 0.5,
            onset_ms: 48,
            unvoiced_ms: 400,
            confirm_ms: 160,
            backchannel_ms: 500,
            cooldown_ms: 500,
            pre_roll_ms: 300,
            endpoint: EndpointKind::Adaptive,
            hangover_ms: 800,
            patience: 0.4,
            hangover_min_ms: 250,
            hangover_max_ms: 1_400,
            duck_db: -20.0,
            window_ms_max: 60_000,
        }
    }
}

/// How replies are played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlayoutSettings {
    /// Staged audio that a reply starts with, in milliseconds.
    pub start_ms: u32,
    /// How far underruns may raise `start_ms`, in milliseconds.
    pub start_ms_max: u32,
    /// Length of the fade when a reply is cut or runs dry, in milliseconds.
    pub fade_ms: f32,
    /// The longest reply that is kept, in minutes; what is beyond is counted.
    pub reply_minutes_max: u32,
    /// The least latency that the output device is believed to have, in
    /// milliseconds; what it reports counts where it is more.
    pub device_latency_ms: u32,
}

impl Default for PlayoutSettings {
    fn default() -> Self {
        Self {
            start_ms: 50,
            start_ms_max: 300,
            fade_ms: 6.0,
            reply_minutes_max: 10,
            device_latency_ms: 0,
        }
    }
}
