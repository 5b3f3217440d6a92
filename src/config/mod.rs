//! How everything is set up: from `pipeline.toml` and the command line to a
//! [`Plan`], in which every value is known and proven.

//!
//! The file is read strictly (`read`), profiles are resolved along `extends`
//! (`resolve`), the command line is put over them (`overrides`), what does not
//! go together is found (`rules`), and a plan is built (`build`). Every problem
//! is told at once, each with its place.

mod build;
mod device;
pub mod explain;
mod file;
pub mod latency;
mod nearest;
mod overrides;
pub mod plan;
pub mod problem;
mod read;
mod resolve;
mod rules;
pub mod source;
pub mod tables;
pub mod typed;
mod written;

pub use device::{DeviceSettings, WakeBy};
pub use explain::explain;
pub use file::{ConfigFile, SHIPPED};
pub use nearest::nearest;
pub use overrides::Override;
pub use plan::{Origin, Plan, PlannedStage};
pub use problem::{Problem, Problems};
