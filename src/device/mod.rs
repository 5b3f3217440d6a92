//! The edge to sound: what drives the two callback halves.
//!
//! A [`Backend`] first says which rates it will use, then takes the halves
//! that were made for them. [`card::Card`] is a virtual card on the machine's
//! clock: with a [`card::Room`] around it, it stands in for any device.
//! `cpal::SoundCard`, with the feature of that name, is the machine's own.
// The edge: it runs on the sound system's clock and threads.
#![allow(clippy::disallowed_methods)]

pub mod card;
pub mod clock;
#[cfg(feature = "cpal")]
pub mod cpal;
pub mod files;
pub mod flac_file;
pub mod listing;
pub mod pair;
pub mod priority;
pub mod wave_file;

use std::fmt;

pub use clock::Clock;
pub use listing::{Direction, Listing, Mode};
pub use priority::Priority;

use crate::{
    audio::{Rate, convert::InputChannel},
    duplex::{CaptureHalf, RenderHalf},
};

/// What is asked of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Frames per callback; a request.
    pub period_frames: u32,
    /// The rate; `None` takes the device's own.
    pub rate: Option<Rate>,
    /// Which input channel is the microphone.
    pub input_channel: InputChannel,
}

/// What a device will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The microphone's rate.
    pub capture_rate: Rate,
    /// The speaker's rate.
    pub render_rate: Rate,
    /// Frames per render callback, most likely.
    pub period_frames: u32,
    /// What the microphone is, for people.
    pub capture_name: String,
    /// What the speaker is, for people.
    pub render_name: String,
}

/// Something with a microphone and a speaker.
pub trait Backend: Send {
    /// What it will do with this request.
    ///
    /// # Errors
    /// Where the device is missing or refuses.
    fn offer(&mut self, spec: &Spec) -> Result<Offer, DeviceError>;

    /// Starts both streams, render before capture, as the last offer said.
    ///
    /// # Errors
    /// Where the device is missing or refuses.
    fn open(
        &mut self,
        capture: CaptureHalf,
        render: RenderHalf,
        clock: Clock,
    ) -> Result<Box<dyn Stream>, DeviceError>;
}

/// A running device; dropping it stops the callbacks.
pub trait Stream: Send {
    /// Whether the microphone has nothing more to say, ever: a file at its end.
    fn has_ended(&self) -> bool;

    /// What the sound system complained of so far.
    fn faults(&self) -> Faults {
        Faults::default()
    }

    /// Stops the callbacks, waiting a moment for it, and tells the last of
    /// its faults.
    fn close(self: Box<Self>) -> Faults {
        self.faults()
    }
}

/// What a sound system complained of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Times that it lost what the microphone captured.
    pub capture_xruns: u64,
    /// Times that it had nothing to play.
    pub render_xruns: u64,
    /// All other errors.
    pub errors: u64,
    /// The last of those.
    pub last: Option<&'static str>,
    /// Streams whose callback asked for real-time priority and was refused.
    pub ordinary: u32,
    /// Streams that have not ended although they were asked to: their threads
    /// hang in the sound system.
    pub unburied: u32,
}

/// Why a device cannot be used; names it, and the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceError(pub String);

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DeviceError {}
