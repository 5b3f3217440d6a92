//! The edge to threads: starts the callbacks, the worker and the link on
//! threads of their own, and stops them.
//!
//! | thread | runs | may block | may allocate |
//! |---|---|---|---|
//! | the device's | the callback halves | never | never |
//! | `chinwag-sound` | opens and ends the devices | yes | yes |
//! | `chinwag-worker` | `duplex::Worker` | on its bell only | never |
//! | `chinwag-link` | `net::client` | in one poll | yes |
//! | `chinwag-turn`, with a [`TurnModel`] | the model | yes | yes |
//! | `chinwag-record`, with `--record` | the files | yes | yes |
//! | the caller's | [`Engine`], the supervisor | yes | yes |
// The edge: it runs the machines on threads and in real time.
#![allow(clippy::disallowed_methods)]

mod figures;
mod record;
mod sound;
mod start;
mod turn_model;
pub mod worker_thread;

pub use crate::device::Priority;
pub use figures::{Meter, figures};
pub use record::{Recorded, Recorder};
pub use sound::{SoundEvent, SoundTotals};
pub use start::{Engine, EngineError, EngineEvent, Extras, Report, spec_of};
pub use turn_model::{Consulted, TurnModel};
