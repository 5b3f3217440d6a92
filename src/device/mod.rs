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

/// What one side of a device will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideOffer {
    /// Its rate.
    pub rate: Rate,
    /// Frames per callback, most likely.
    pub period_frames: u32,
    /// What it is, for people.
    pub name: String,
}

/// The callback halves of the sides that are to be opened.
#[derive(Debug, Default)]
pub struct Halves {
    /// The microphone's.
    pub capture: Option<CaptureHalf>,
    /// The speaker's.
    pub render: Option<RenderHalf>,
}

impl Halves {
    /// Of both sides.
    pub fn both(capture: CaptureHalf, render: RenderHalf) -> Self {
        Self { capture: Some(capture), render: Some(render) }
    }
}

/// The sides of a device that run.
#[derive(Default)]
pub struct Streams {
    /// The microphone.
    pub capture: Option<Box<dyn Stream>>,
    /// The speaker.
    pub render: Option<Box<dyn Stream>>,
}

impl Streams {
    /// Whether the microphone has nothing more to say, ever.
    pub fn has_ended(&self) -> bool {
        self.capture.as_ref().is_some_and(|stream| stream.has_ended())
    }

    /// What the sound system complained of so far.
    pub fn faults(&self) -> Faults {
        let of = |stream: &Option<Box<dyn Stream>>| {
            stream.as_ref().map(|stream| stream.faults()).unwrap_or_default()
        };
        of(&self.capture).and(of(&self.render))
    }
}

/// Where a device is that was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whereabouts {
    /// Where it was, or nobody knows better.
    #[default]
    Here,
    /// It was the system's default, and the default is another one by now that
    /// can be used.
    Moved,
    /// It is not there any more, whatever its stream does: a sound server hands
    /// it to another device without a word.
    Gone,
}

/// Something with a microphone and a speaker. Either side may be opened again,
/// by itself, after its stream was dropped.
pub trait Backend: Send {
    /// What one side will do with this request.
    ///
    /// # Errors
    /// Where the device is missing or refuses.
    fn offer_side(&mut self, side: Direction, spec: &Spec) -> Result<SideOffer, DeviceError>;

    /// Starts these sides, the speaker first, as their last offers said.
    ///
    /// # Errors
    /// Where the device is missing or refuses.
    fn open(&mut self, halves: Halves, clock: Clock) -> Result<Streams, DeviceError>;

    /// Where the device of a side is that was opened. May wait for the sound
    /// system, a moment.
    fn whereabouts(&mut self, side: Direction) -> Whereabouts {
        let _ = side;
        Whereabouts::Here
    }

    /// What both sides will do with this request.
    ///
    /// # Errors
    /// Where a device is missing or refuses.
    fn offer(&mut self, spec: &Spec) -> Result<Offer, DeviceError> {
        let input = self.offer_side(Direction::Input, spec)?;
        let output = self.offer_side(Direction::Output, spec)?;
        Ok(Offer {
            capture_rate: input.rate,
            render_rate: output.rate,
            period_frames: output.period_frames,
            capture_name: input.name,
            render_name: output.name,
        })
    }
}

/// One side of a device that runs; dropping it stops its callback.
pub trait Stream: Send {
    /// Whether the microphone has nothing more to say, ever: a file at its end.
    fn has_ended(&self) -> bool;

    /// What the sound system complained of so far.
    fn faults(&self) -> Faults {
        Faults::default()
    }

    /// Stops the callback, waiting a moment for it, and tells the last of its
    /// faults.
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
    /// The stream is over, says the sound system.
    pub is_broken: bool,
}

impl Faults {
    /// These and those of another stream.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            capture_xruns: self.capture_xruns + other.capture_xruns,
            render_xruns: self.render_xruns + other.render_xruns,
            errors: self.errors + other.errors,
            last: other.last.or(self.last),
            ordinary: self.ordinary + other.ordinary,
            // Each stream tells of all.
            unburied: self.unburied.max(other.unburied),
            is_broken: self.is_broken || other.is_broken,
        }
    }
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
