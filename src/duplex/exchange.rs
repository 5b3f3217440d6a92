//! New ends for the worker where a stream was opened anew, and the old ones
//! back: made and dropped elsewhere, exchanged on the worker in one step.
//!
//! Runs on: worker ([`Swaps`]), supervisor ([`Exchange`], [`Ends`]). Never
//! allocates, locks, logs or fails, but for what the supervisor makes and drops.

use super::{capture::CaptureEnd, far::FarEnd, listen::Listener, render::RenderEnd};
use crate::{
    audio::{
        Block, Rate,
        ring::{Reader, Writer, ring},
    },
    duplex::Taps,
    pipeline::Chain,
};

/// Ends that may wait for the worker, and of the worker's for whoever drops
/// them.
const WAITING_MAX: usize = 8;

/// The worker's side of one stream, ready to be used.
pub enum Ends {
    /// Of a microphone.
    Microphone(Box<MicrophoneEnds>),
    /// Of a speaker.
    Speaker(Box<SpeakerEnds>),
}

/// See [`Ends::microphone`].
pub struct MicrophoneEnds {
    pub(super) listener: Listener,
    pub(super) far: FarEnd,
}

/// See [`Ends::speaker`].
pub struct SpeakerEnds {
    pub(super) render: RenderEnd,
    pub(super) chain: Chain,
    pub(super) block: Block,
    pub(super) far: FarEnd,
}

impl Ends {
    /// Of a microphone with its chain, beside a speaker of that rate. Allocates.
    pub fn microphone(capture: CaptureEnd, chain: Chain, speaker: Rate, taps: Taps) -> Self {
        let far = FarEnd::new(capture.rate(), speaker);
        let mut listener = Listener::new(capture, chain);
        listener.record(taps.mic, taps.far);
        Self::Microphone(Box::new(MicrophoneEnds { listener, far }))
    }

    /// Of a speaker with its chain, beside a microphone of that rate. Allocates.
    pub fn speaker(render: RenderEnd, chain: Chain, microphone: Rate) -> Self {
        let far = FarEnd::new(microphone, render.rate());
        let block = Block::new(chain.block_capacity());
        Self::Speaker(Box::new(SpeakerEnds { render, chain, block, far }))
    }
}

/// The two halves of an exchange. Allocates.
pub fn exchange() -> (Exchange, Swaps) {
    let ((new_in, new), (old_in, old)) = (ring(WAITING_MAX), ring(WAITING_MAX));
    (Exchange { new: new_in, old }, Swaps { new, old: old_in })
}

/// Where the worker gets new ends from.
pub struct Exchange {
    new: Writer<Ends>,
    old: Reader<Ends>,
}

impl Exchange {
    /// Hands them over, and drops what the worker has given back. `false` where
    /// too many wait: the worker does not run.
    pub fn give(&mut self, ends: Ends) -> bool {
        self.collect();
        self.new.push(ends).is_ok()
    }

    /// Drops what the worker has given back.
    pub fn collect(&mut self) {
        while self.old.pop().is_some() {}
    }
}

/// The worker's half.
pub struct Swaps {
    new: Reader<Ends>,
    old: Writer<Ends>,
}

impl Swaps {
    /// New ends, as long as there is room for the old ones.
    pub(super) fn take(&mut self) -> Option<Ends> {
        if self.old.room() > 0 { self.new.pop() } else { None }
    }

    /// Gives back what they replaced.
    pub(super) fn give_back(&mut self, ends: Ends) {
        // `take` saw that there is room, and only this end writes.
        if let Err(ends) = self.old.push(ends) {
            std::mem::forget(ends);
        }
    }
}
