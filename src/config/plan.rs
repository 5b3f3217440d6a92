//! What will run: one profile with every value known.

use std::{fmt, path::PathBuf};

use super::DeviceSettings;
use crate::{
    audio::Rate,
    dialog::{PlayoutSettings, TurnSettings},
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
}

impl Plan {
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
        let input = Format::of(Rate::DOWNLINK);
        let chain = chain_of(&self.playback, input)?;
        if chain.rate() == device {
            return Ok(chain);
        }
        let mut stages = self.playback.clone();
        stages.push(resample_to(device)?);
        chain_of(&stages, input)
    }
}

/// A chain that only converts from one rate to another.
///
/// # Errors
/// Rates that the `resample` stage does not convert.
pub fn resample_chain(from: Rate, to: Rate) -> Result<Chain, PrepareError> {
    chain_of(&[resample_to(to)?], Format::of(from))
}

fn chain_of(stages: &[PlannedStage], input: Format) -> Result<Chain, PrepareError> {
    let configs: Vec<_> = stages.iter().map(|s| (s.name(), s.config())).collect();
    Chain::prepare(configs.iter().map(|(name, config)| (*name, config.as_ref())), input)
}

/// The stage that brings a chain to `rate`, with its defaults.
fn resample_to(rate: Rate) -> Result<PlannedStage, PrepareError> {
    let registry = Registry::shipped();
    let entry = registry
        .get("resample")
        .ok_or_else(|| PrepareError("there is no resample stage".to_owned()))?;
    let mut values = Values::defaults(entry.params);
    values.set("rate_hz", Value::Int(i64::from(rate.hz())));
    PlannedStage::new(entry, values).map_err(PrepareError)
}

/// The lines that bring a capture chain to 16 kHz.
pub(super) fn resample_lines(profile: &str) -> String {
    format!("[[profile.{profile}.capture]]\nstage = \"resample\"\nrate_hz = 16000")
}
