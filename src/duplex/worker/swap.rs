//! What the worker does where a stream was opened anew.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use std::sync::atomic::Ordering::Relaxed;

use super::Worker;
use crate::{
    audio::{FrameTime, Note, NoteKind},
    duplex::exchange::{Ends, MicrophoneEnds, SpeakerEnds, Swaps},
};

impl Worker {
    /// From now on it takes new ends from there.
    pub fn swap_from(&mut self, swaps: Swaps) {
        self.swaps = Some(swaps);
    }

    /// Takes the ends of streams that were opened anew.
    pub(super) fn take_ends(&mut self) {
        while let Some(mut ends) = self.swaps.as_mut().and_then(Swaps::take) {
            let before = self.refused();
            match &mut ends {
                Ends::Microphone(new) => self.change_microphone(new),
                Ends::Speaker(new) => self.change_speaker(new),
            }
            let refused = before.iter().zip(self.refused());
            for (total, (before, after)) in self.refused_before.iter_mut().zip(refused) {
                *total += before.saturating_sub(after);
            }
            if let Some(swaps) = &mut self.swaps {
                swaps.give_back(ends);
            }
        }
    }

    /// The user's turn, if there was one, ends with what was heard: what comes
    /// now was said later, into another microphone perhaps.
    fn change_microphone(&mut self, new: &mut MicrophoneEnds) {
        self.lose_microphone();
        let lost = self.listener.change(&mut new.listener, self.now);
        self.far.change_near(&mut new.far);
        self.gauges.swap_lost_capture_frames.fetch_add(lost as u64, Relaxed);
    }

    /// A reply that was playing goes on from where it stopped.
    fn change_speaker(&mut self, new: &mut SpeakerEnds) {
        let lost = self.speaker.change(new);
        self.far.change_far(&mut new.far);
        self.set_gain();
        self.gauges.swap_lost_render_frames.fetch_add(lost as u64, Relaxed);
        let lost_frames = lost as u32;
        self.tell(Note::now(NoteKind::SpeakerBack { lost_frames }, self.uplink.newest()));
    }

    /// The first block of a stream that was opened anew, from `start` on.
    pub(super) fn greet(&mut self, start: FrameTime) {
        if start.epoch != self.uplink.newest().epoch {
            self.tell(Note::now(NoteKind::MicrophoneBack, start));
        }
    }
}
