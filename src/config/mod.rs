//! How everything is set up: from `pipeline.toml` and the command line to a
//! [`Plan`], in which every value is known and proven.

mod device;
mod nearest;
pub mod plan;
pub mod problem;
pub mod source;
pub mod tables;
mod typed;

pub use device::{DeviceSettings, WakeBy};
pub use plan::{Origin, Plan, PlannedStage};
