//! The conversation's machines: [`endpoint`] hears speech begin and end,
//! [`floor`] knows who may speak, [`playout`] holds the reply that waits to be
//! heard. None of them knows a clock, a thread or a device.

pub mod endpoint;
pub mod floor;
pub mod playout;
pub mod settings;

pub use endpoint::Endpoint;
pub use floor::Floor;
pub use playout::Playout;
pub use settings::{BargeIn, Duplex, PlayoutSettings, TurnMode, TurnSettings};
