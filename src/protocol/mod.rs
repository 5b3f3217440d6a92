//! The Gemini Live API (BidiGenerateContent), without a socket.
//!
//! [`Session`] is the client: messages and the time go in; messages, events,
//! the next deadline and a verdict on every close come out. [`Endpoint`] and
//! [`Credential`] say where to connect, [`SessionSettings`] what to ask for.
//!
//! [`wire`] reads what the server says, leniently: several fields at once,
//! unknown fields and values, either base64 alphabet. [`uplink`] writes what
//! the client says, into one reused buffer.

pub mod base64;
pub mod close;
mod counters;
pub mod downlink;
pub mod endpoint;
mod event;
mod link_settings;
pub mod models;
mod session;
mod settings;
pub mod setup;
pub mod uplink;
pub mod wire;

pub use close::{Close, Phase, Reaction, Verdict};
pub use counters::{Refusals, SessionCounters};
pub use endpoint::{ApiVersion, Credential, Endpoint, EndpointError};
pub use event::{Event, Speaker, Usage};
pub use link_settings::{LinkSettings, StartPolicy};
pub use models::{ModelConflict, refused_for_model, successor_of};
pub use session::{Recall, SETUP_TIMEOUT, Session, TEXT_BYTES_MAX, TEXTS_MAX};
pub use settings::{
    ActivityDetection, ActivityHandling, AutomaticDetection, Compression, Handle, MediaResolution,
    Modality, Sampling, Sensitivity, SessionSettings, Thinking, ThinkingLevel, Transcription,
    TranscriptionMode, TurnCoverage,
};
pub use uplink::Uplink;
