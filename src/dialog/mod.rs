//! The conversation's machines: [`endpoint`] hears turns begin and end, by
//! [`prosody`] and [`patience`]; [`floor`] knows who may speak; [`echo_guard`]
//! knows how careful to be with the echo; [`playout`] holds the reply that waits
//! to be heard. None of them knows a clock, a thread or a device.

pub mod echo_guard;
pub mod endpoint;
pub mod floor;
pub mod patience;
mod pitch;
pub mod playout;
pub mod prosody;
pub mod settings;
mod speech;

pub use echo_guard::EchoGuard;
pub use endpoint::Endpoint;
pub use floor::Floor;
pub use patience::Patience;
pub use playout::Playout;
pub use prosody::{Cues, Prosody};
pub use settings::{BargeIn, Duplex, EndpointKind, PlayoutSettings, TurnMode, TurnSettings};
