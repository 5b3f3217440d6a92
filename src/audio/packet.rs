//! What crosses between the worker and the link: fixed-size packets with the
//! events in band, so that their order against the audio is exact.
//!
//! Runs on: worker, link. Never allocates, locks, logs or fails.

use super::{
    reply::ReplyId,
    time::{FrameTime, Nanos},
    turn_mode::TurnMode,
};

/// The most frames in one uplink packet: 100 ms at 16 kHz.
pub const UPLINK_FRAMES_MAX: usize = 1_600;
/// The most frames in one downlink packet: 20 ms at 24 kHz.
pub const DOWNLINK_FRAMES_MAX: usize = 480;
/// Packets in the uplink ring: 5 s of 20 ms chunks.
pub const UPLINK_PACKETS: usize = 256;
/// Packets in the downlink ring: 1.28 s of full ones.
pub const DOWNLINK_PACKETS: usize = 64;
/// Slots of either ring that audio never takes, so that an event always fits.
pub const RESERVED_PACKETS: usize = 16;

/// Samples with their number, in a place of fixed size.
#[derive(Clone, Copy)]
pub struct Samples<const MAX: usize> {
    samples: [i16; MAX],
    len: u16,
}

impl<const MAX: usize> Samples<MAX> {
    /// The first `MAX` of `samples`.
    pub fn from_iter_max(samples: impl IntoIterator<Item = i16>) -> Self {
        let mut this = Self { samples: [0; MAX], len: 0 };
        for (slot, sample) in this.samples.iter_mut().zip(samples) {
            *slot = sample;
            this.len += 1;
        }
        this
    }

    /// The samples it holds.
    pub fn as_slice(&self) -> &[i16] {
        &self.samples[..usize::from(self.len)]
    }
}

impl<const MAX: usize> std::fmt::Debug for Samples<MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} samples", self.len)
    }
}

impl<const MAX: usize> PartialEq for Samples<MAX> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

/// What goes up.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a box would allocate on the worker")]
pub enum Uplink {
    /// The user began to speak.
    ActivityStart,
    /// Sound, 16 kHz mono.
    Audio(Samples<UPLINK_FRAMES_MAX>),
    /// The user's turn is over.
    ActivityEnd,
    /// The microphone stopped, or the turn ends now (automatic detection).
    StreamEnd,
    /// What comes before was said in one turn mode, what comes after in another.
    ModeChanged(TurnMode),
}

/// One thing for the link, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct UplinkPacket {
    /// What it is.
    pub payload: Uplink,
    /// The position it is about at 16 kHz: of an event, its frame; of audio,
    /// the frame just after its last.
    pub at: FrameTime,
    /// When the device handed over the last sample in it; zero if unknown.
    pub captured_at: Nanos,
}

/// What comes down.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a box would allocate or free on the worker")]
pub enum Downlink {
    /// Sound of a reply, 24 kHz mono.
    Audio(Samples<DOWNLINK_FRAMES_MAX>),
    /// The server cut the reply.
    Interrupted,
    /// All of the reply has been sent.
    GenerationComplete,
    /// The model's turn is over.
    TurnComplete,
}

/// One thing for the worker, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct DownlinkPacket {
    /// What it is.
    pub payload: Downlink,
    /// The reply it belongs to.
    pub reply: ReplyId,
    /// When the first byte of the reply was read from the socket.
    pub first_byte_at: Nanos,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_beyond_the_capacity_are_cut() {
        let samples = Samples::<3>::from_iter_max([1, 2, 3, 4]);
        assert_eq!(samples.as_slice(), [1, 2, 3]);
        assert_ne!(samples, Samples::from_iter_max([1, 2]));
    }
}
