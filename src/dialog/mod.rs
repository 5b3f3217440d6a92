//! Who speaks when: the machines of turn taking, and their settings.

pub mod settings;

pub use settings::{BargeIn, Duplex, PlayoutSettings, TurnMode, TurnSettings};
