//! What the loudspeaker was given, at the microphone's rate, beside the block
//! that was captured meanwhile: never later than its echo, always as much
//! earlier, at the ratio of the two clocks.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

mod align;
mod played;

use std::sync::atomic::Ordering::Relaxed;

use self::{align::Alignment, played::Played};
use super::{capture::CaptureEnd, frames::Taken, gauges::FarGauges, pace::Pace, render::RenderEnd};
use crate::audio::{Block, Rate};

/// The far end between the render callback and the capture chain.
pub(super) struct FarEnd {
    near_pace: Pace,
    far_pace: Pace,
    alignment: Alignment,
    played: Played,
    missing_frames: u64,
    /// The newest block has its far end whole.
    known: bool,
}

impl FarEnd {
    /// For a microphone at `near` and a loudspeaker at `far`.
    pub(super) fn new(near: Rate, far: Rate) -> Self {
        let played = Played::new(far, near);
        Self {
            near_pace: Pace::new(near),
            far_pace: Pace::new(far),
            alignment: Alignment::new(near, far, played.reach()),
            played,
            missing_frames: 0,
            known: true,
        }
    }

    /// The microphone was opened anew: this becomes `new`, which was made for its
    /// rate, and keeps what is known of the loudspeaker's clock.
    pub(super) fn change_near(&mut self, new: &mut Self) {
        std::mem::swap(self, new);
        std::mem::swap(&mut self.far_pace, &mut new.far_pace);
        self.played.skip(new.played.end());
        self.go_on_counting(new);
    }

    /// The loudspeaker was opened anew: likewise.
    pub(super) fn change_far(&mut self, new: &mut Self) {
        std::mem::swap(self, new);
        std::mem::swap(&mut self.near_pace, &mut new.near_pace);
        self.go_on_counting(new);
    }

    fn go_on_counting(&mut self, before: &Self) {
        self.missing_frames = before.missing_frames;
        self.alignment.count_from(before.alignment.realignments());
    }

    /// Takes what was played since the last time.
    pub(super) fn take(&mut self, render: &mut RenderEnd) {
        self.far_pace.follow(render.readings());
        let far = render.far();
        let mut piece = [0.0; 256];
        loop {
            match far.take(&mut piece) {
                Taken::Frames(frames) => self.played.push(&piece[..frames]),
                Taken::Gap(frames) => {
                    self.played.skip(frames);
                    far.pass(frames);
                }
                Taken::Nothing => break,
            }
        }
    }

    /// Gives the block, just captured, its far end. What is not known of it is
    /// silent.
    pub(super) fn give(&mut self, block: &mut Block, capture: &mut CaptureEnd) {
        self.near_pace.follow(capture.readings());
        let (start, frames) = (block.start().frames - capture.origin(), block.len());
        let far = block.add_far();
        let (near_pace, far_pace) = (&self.near_pace, &self.far_pace);
        let places = self.alignment.places(start, frames, near_pace, far_pace);
        self.known = places.is_some();
        let Some(places) = places else { return };
        let place = |frame: usize| places.first + places.step * frame as f64;
        if !self.played.is_silent_from(places.first) {
            for (frame, slot) in far.iter_mut().enumerate() {
                *slot = self.played.read(place(frame));
            }
        }
        // What is known is in one piece.
        if ![0, frames.saturating_sub(1)].iter().all(|frame| self.played.knows(place(*frame))) {
            let missing = (0..frames).filter(|frame| !self.played.knows(place(*frame)));
            self.missing_frames += missing.count() as u64;
            self.known = false;
        }
    }

    /// Whether it is known what was played beside the newest block.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    /// How much later than its callback the far end of the newest block is, in
    /// seconds.
    pub(super) fn behind_s(&self) -> f64 {
        self.alignment.margin() / 1e9 + self.alignment.error()
    }

    pub(super) fn show(&self, gauges: &FarGauges) {
        gauges.missing_frames.store(self.missing_frames, Relaxed);
        gauges.realignments.store(self.alignment.realignments(), Relaxed);
        gauges.drift_ppb.store((self.alignment.drift() * 1e9) as i32, Relaxed);
        gauges.margin_us.store((self.alignment.margin() / 1e3) as u32, Relaxed);
    }
}

#[cfg(test)]
#[path = "far_tests.rs"]
mod tests;
