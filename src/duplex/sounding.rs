//! A known sound, played through the callback halves of a talk, and beside it
//! what the microphone captured: frame by frame as the capture chain would get
//! them, but no chain, no dialog and no link.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

use super::{
    CaptureEnd, RenderEnd,
    capture::CaptureGauges,
    far::FarEnd,
    gauges::FarGauges,
    listen::{Heard, Listener},
    render::RenderGauges,
};
use crate::{
    audio::NoStopwatch,
    pipeline::{Chain, Format, PrepareError},
};

/// How much waits for the render callback, in milliseconds: whoever plays may be
/// late by that.
const AHEAD_MS: u32 = 300;

/// The far side of both callbacks.
pub struct Sounding {
    listener: Listener,
    far: FarEnd,
    render: RenderEnd,
    gauges: FarGauges,
}

impl Sounding {
    /// Between these two. Allocates.
    ///
    /// # Errors
    /// None that is known: a chain without stages can be prepared.
    pub fn new(capture: CaptureEnd, render: RenderEnd) -> Result<Self, PrepareError> {
        let chain = Chain::prepare(std::iter::empty(), Format::of(capture.rate()))?;
        Ok(Self {
            far: FarEnd::new(capture.rate(), render.rate()),
            listener: Listener::new(capture, chain),
            render,
            gauges: FarGauges::default(),
        })
    }

    /// Has this played after all before, as much of it as there is need for now;
    /// returns how many frames.
    pub fn play(&mut self, sound: &[f32]) -> usize {
        let wanted = self.render.rate().frames_in_ms(AHEAD_MS);
        let missing = wanted.saturating_sub(self.render.pending_frames());
        let frames = missing.min(self.render.room()).min(sound.len());
        self.render.push(&sound[..frames]);
        frames
    }

    /// Whether all of it was played.
    pub fn is_played(&self) -> bool {
        self.render.pending_frames() == 0
    }

    /// The next 10 ms: what was captured, and what was played meanwhile.
    pub fn take(&mut self) -> Option<(&[f32], &[f32])> {
        self.far.take(&mut self.render);
        let mut heard = Heard::Restart;
        while heard == Heard::Restart {
            heard = self.listener.next(&mut self.far, &NoStopwatch);
        }
        self.far.show(&self.gauges);
        let block = &self.listener.block;
        block.far().filter(|_| heard != Heard::Nothing).map(|far| (block.near(), far))
    }

    /// How much later than its callback what was played is placed beside the newest
    /// 10 ms, in seconds.
    pub fn far_behind_s(&self) -> f64 {
        self.far.behind_s()
    }

    /// How the far end is aligned.
    pub fn far(&self) -> &FarGauges {
        &self.gauges
    }

    /// How the microphone's stream is doing.
    pub fn capture(&self) -> &CaptureGauges {
        self.listener.capture().gauges()
    }

    /// How the speaker's stream is doing.
    pub fn render(&self) -> &RenderGauges {
        self.render.gauges()
    }
}
