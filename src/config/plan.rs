//! What will run: one profile with every value known.

use std::{fmt, path::PathBuf};

use super::{
    DeviceSettings,
    build::USUAL_RATE_HZ,
    explain::header,
    tables::{self, TableId},
};
use crate::{
    audio::{Nanos, Rate},
    dialog::{BargeIn, Duplex, PlayoutSettings, TurnMode, TurnSettings},
    pipeline::{Chain, Format, PrepareError, Registry, StageConfig, StageEntry, Value, Values},
    protocol::{LinkSettings, SessionSettings},
};

/// Where a configuration was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// The one that is compiled in.
    Shipped,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Shipped => f.write_str("the built-in pipeline.toml"),
        }
    }
}

/// A stage and its values, of which its setup half is known to build.
#[derive(Clone, Debug)]
pub struct PlannedStage {
    entry: &'static StageEntry,
    values: Values,
}

impl PlannedStage {
    /// A stage with checked values.
    ///
    /// # Errors
    /// What the stage says of values that do not fit together.
    pub fn new(entry: &'static StageEntry, values: Values) -> Result<Self, String> {
        (entry.build)(&values).map(|_| Self { entry, values })
    }

    /// What `stage = "…"` says.
    pub fn name(&self) -> &'static str {
        self.entry.name
    }

    /// The kind of stage.
    pub fn entry(&self) -> &'static StageEntry {
        self.entry
    }

    /// Its values, defaults included.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Its setup half.
    pub fn config(&self) -> Box<dyn StageConfig> {
        // proven: `new` built it from the same values.
        (self.entry.build)(&self.values).expect("built before")
    }
}

impl PartialEq for PlannedStage {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name() && self.values == other.values
    }
}

/// A resolved profile: all there is to know to start.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The profile's name.
    pub profile: String,
    /// Where it was read.
    pub origin: Origin,
    /// What is asked of the service.
    pub session: SessionSettings,
    /// The devices.
    pub device: DeviceSettings,
    /// The connection.
    pub link: LinkSettings,
    /// Turn taking.
    pub turn: TurnSettings,
    /// How replies are played.
    pub playout: PlayoutSettings,
    /// From the microphone to 16 kHz.
    pub capture: Vec<PlannedStage>,
    /// From 24 kHz to the speaker.
    pub playback: Vec<PlannedStage>,
    /// What the settings were made of, table by table.
    pub(super) values: [Values; TableId::ALL.len()],
}

impl Plan {
    /// The values of a table, defaults included.
    pub fn values(&self, id: TableId) -> &Values {
        &self.values[id as usize]
    }

    /// Prepares the capture chain for blocks of `input`; it makes 16 kHz.
    ///
    /// # Errors
    /// A stage that cannot run at this format, or a chain that ends at another
    /// rate.
    pub fn capture_chain(&self, input: Format) -> Result<Chain, PrepareError> {
        let chain = chain_of(&self.capture, input)?;
        if chain.rate() == Rate::UPLINK {
            return Ok(chain);
        }
        Err(PrepareError(format!(
            "the capture chain ends at {}, but the service hears {}; add to the profile:\n\n{}",
            chain.rate(),
            Rate::UPLINK,
            resample_lines(&self.profile)
        )))
    }

    /// Prepares the playback chain from 24 kHz to the device's rate, by a last
    /// `resample` where the profile ends elsewhere.
    ///
    /// # Errors
    /// A stage that cannot run at this format.
    pub fn playback_chain(&self, device: Rate) -> Result<Chain, PrepareError> {
        chain_of(&self.playback_to(device)?, Format::of(Rate::DOWNLINK))
    }

    /// The playback stages, and a last `resample` where they end elsewhere.
    pub(super) fn playback_to(&self, device: Rate) -> Result<Vec<PlannedStage>, PrepareError> {
        let mut stages = self.playback.clone();
        let steps = steps(&stages, Format::of(Rate::DOWNLINK)).map_err(|(_, error)| error)?;
        let end = steps.last().map_or(Rate::DOWNLINK, |step| step.output.rate);
        if end != device {
            stages.push(resample_to(device)?);
        }
        Ok(stages)
    }

    /// The rate that the devices are asked for, or what they usually have.
    pub fn device_rate(&self) -> Rate {
        let asked = self.device.rate_hz.and_then(Rate::new);
        asked.or(Rate::new(USUAL_RATE_HZ)).unwrap_or(Rate::UPLINK)
    }

    /// Whether the echo is to be guarded against: the microphone is open while
    /// the model is audible, and all that helps is a canceller.
    pub fn guards_echo(&self) -> bool {
        self.has("echo_cancel") && self.turn.duplex == Duplex::Full
    }

    fn has(&self, stage: &str) -> bool {
        self.capture.iter().any(|planned| planned.name() == stage)
    }

    /// The same plan with turns taken in another way.
    ///
    /// # Errors
    /// In words, what of the profile that way does not go with.
    pub fn in_mode(&self, mode: TurnMode) -> Result<Self, String> {
        let (name, profile) = (mode.name(), &self.profile);
        if mode.needs_detector() && !self.has("vad") {
            return Err(format!(
                "turn mode {name} needs to hear your voice, but the profile \"{profile}\" has no vad \
                 stage; add one, or take server or push-to-talk"
            ));
        }
        let cuts = self.turn.barge_in == BargeIn::Local && mode != TurnMode::PushToTalk;
        if cuts && self.turn.duplex == Duplex::Half {
            return Err(format!(
                "turn mode {name} does not go with the profile \"{profile}\": in half duplex nothing \
                 can cut a reply; write turn.barge_in = \"off\""
            ));
        }
        let mut plan = self.clone();
        plan.values[TableId::Turn as usize].set("mode", Value::Text(name.to_owned()));
        plan.turn = tables::turn::settings(plan.values(TableId::Turn));
        plan.session = tables::session::settings(plan.values(TableId::Session), &plan.turn);
        Ok(plan)
    }

    /// What is legal but may surprise.
    pub fn remarks(&self) -> Vec<&'static str> {
        let hears = self.has("vad");
        let by_hand = self.turn.mode == TurnMode::PushToTalk;
        let local = self.turn.barge_in == BargeIn::Local;
        let mut remarks = Vec::new();
        if !hears && local && !by_hand {
            remarks.push(
                "no vad listens, so barge_in = \"local\" never cuts a reply; the service does",
            );
        }
        if self.values[TableId::Turn as usize].get("barge_in").is_some() && by_hand && !local {
            remarks.push("push-to-talk cuts a reply by its key, whatever barge_in says");
        }
        remarks
    }
}

/// What a stage does to the stream, where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub output: Format,
    pub latency: Nanos,
}

/// Prepares stages one after another.
///
/// # Errors
/// The place of the first that cannot run, and why.
pub(super) fn steps(
    stages: &[PlannedStage],
    input: Format,
) -> Result<Vec<Step>, (usize, PrepareError)> {
    let mut format = input;
    let mut steps = Vec::new();
    for (place, stage) in stages.iter().enumerate() {
        let prepared = stage.config().prepare(format).map_err(|error| (place, error))?;
        format = prepared.output;
        let latency = format.rate.duration_of(prepared.latency_frames as u64);
        steps.push(Step { output: format, latency });
    }
    Ok(steps)
}

fn chain_of(stages: &[PlannedStage], input: Format) -> Result<Chain, PrepareError> {
    let configs: Vec<_> = stages.iter().map(|s| (s.name(), s.config())).collect();
    Chain::prepare(configs.iter().map(|(name, config)| (*name, config.as_ref())), input)
}

/// The stage that brings a chain to `rate`, with its defaults.
fn resample_to(rate: Rate) -> Result<PlannedStage, PrepareError> {
    let entry = Registry::shipped().get("resample");
    let entry = entry.ok_or_else(|| PrepareError("there is no resample stage".to_owned()))?;
    let mut values = Values::defaults(entry.params);
    values.set("rate_hz", Value::Int(i64::from(rate.hz())));
    PlannedStage::new(entry, values).map_err(PrepareError)
}

/// The lines that bring a capture chain to 16 kHz.
pub(super) fn resample_lines(profile: &str) -> String {
    format!("[[{}]]\nstage = \"resample\"\nrate_hz = 16000\n", header(profile, "capture"))
}
