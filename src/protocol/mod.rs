//! The Gemini Live API (BidiGenerateContent), without a socket.

mod link_settings;

pub use link_settings::LinkSettings;
