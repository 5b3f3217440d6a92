//! What the worker is told by others, and what it lets them see.
//!
//! Runs on: worker, supervisor. Never allocates, locks, logs or fails.

use std::sync::Arc;

use super::audible::AudibleTimes;
use crate::{
    audio::{
        Nanos, Note, TurnMode,
        atomic::{
            AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Relaxed},
        },
        histogram::Histogram,
        level::Dbfs,
        ring::Writer,
    },
    pipeline::chain::StageGauges,
};

/// What control threads tell the worker: values, the newest wins.
#[derive(Debug, Default)]
pub struct WorkerControls {
    /// The microphone does not count.
    pub muted: AtomicBool,
    /// The talk key is down.
    pub talking: AtomicBool,
    /// How often the user asked the model to be silent.
    pub stops: AtomicU32,
    /// How turns are to be taken from now on.
    pub mode: ModeWish,
}

/// A turn mode on its way to the worker; a newer one replaces it.
#[derive(Debug, Default)]
pub struct ModeWish(AtomicU8);

impl ModeWish {
    /// Asks for a mode.
    pub fn ask(&self, mode: TurnMode) {
        let number = TurnMode::ALL.iter().position(|known| *known == mode);
        // A swap, not a store: its place among the takes is one that loom knows.
        self.0.swap(number.map_or(0, |number| number as u8 + 1), AcqRel);
    }

    /// Worker: what was asked for since the last call.
    pub fn take(&self) -> Option<TurnMode> {
        let number = self.0.swap(0, AcqRel).checked_sub(1)?;
        TurnMode::ALL.get(usize::from(number)).copied()
    }
}

/// Copies of what passes by, for a recording. What finds no room is counted
/// and missing.
#[derive(Debug, Default)]
pub struct Taps {
    /// The microphone as captured, at the capture rate.
    pub mic: Option<Writer<f32>>,
    /// What the speaker was given, at the capture rate: the frame that the
    /// capture chain got with the same frame of the microphone.
    pub far: Option<Writer<f32>>,
    /// What the capture chain made, at 16 kHz.
    pub processed: Option<Writer<f32>>,
}

/// How well what was played is aligned with what is captured.
#[derive(Debug, Default)]
pub struct FarGauges {
    /// Frames at the capture rate that were not known when they were needed.
    pub missing_frames: AtomicU64,
    /// Times that a stream had lost or gained time, and the far end was
    /// aligned anew.
    pub realignments: AtomicU64,
    /// How much faster the speaker's clock runs than the microphone's, in
    /// parts per billion.
    pub drift_ppb: AtomicI32,
    /// How much later than the speaker was given it the reference is, in
    /// microseconds: as much as its callbacks are late.
    pub margin_us: AtomicU32,
}

/// What the worker lets others see.
#[derive(Default)]
pub struct WorkerGauges {
    /// First byte of a reply read from the socket → in the render ring.
    pub wire_to_ring: Histogram,
    /// The time that one block took, capture chain and decisions.
    pub block_time: Histogram,
    /// Blocks that took longer than they last.
    pub slow_blocks: AtomicU64,
    /// A callback ringing the worker's bell → the worker running.
    pub wake_up: Histogram,
    /// A voice's first frame → the frame with which that was decided.
    pub onset_to_decided: Histogram,
    /// The last frame of speech → the frame with which the end of the turn was
    /// decided, where ends are ours to decide.
    pub end_to_decided: Histogram,
    /// Steps made.
    pub steps: AtomicU64,
    /// Blocks processed.
    pub blocks: AtomicU64,
    /// Captured frames that are through, at the device's rate (wrapping).
    pub heard_frames: AtomicUsize,
    /// Frames of a microphone that were not heard any more when it was opened
    /// anew, at its rate.
    pub swap_lost_capture_frames: AtomicU64,
    /// Frames that a speaker did not play any more when it was opened anew, at
    /// its rate.
    pub swap_lost_render_frames: AtomicU64,
    /// Frames at 16 kHz that found no room towards the link.
    pub uplink_lost_frames: AtomicU64,
    /// The far end beside the microphone.
    pub far: FarGauges,
    /// Frames at 24 kHz that the playout had no room for.
    pub playout_refused_frames: AtomicU64,
    /// Notes that found no room within their block.
    pub block_notes_refused: AtomicU64,
    /// Callbacks' stamps and marks that found no room: what is timed by them is
    /// late or missing.
    pub stamps_refused: AtomicU64,
    /// Frames at 24 kHz in the playout.
    pub staged_frames: AtomicUsize,
    /// Frames in the render ring, just after it was topped up.
    pub render_pending_frames: AtomicUsize,
    /// The microphone as captured, before any stage.
    pub level: LevelGauge,
}

/// What of a conversation's sound is counted for as long as it lasts, whatever
/// its devices do.
#[derive(Clone)]
pub struct Meters {
    /// The worker's.
    pub worker: Arc<WorkerGauges>,
    /// From the render ring to the ear.
    pub audible: Arc<AudibleTimes>,
    /// The stages of the capture chain and of the playback chain.
    pub stages: [Arc<[StageGauges]>; 2],
}

/// The loudest block since somebody last looked.
#[derive(Debug, Default)]
pub struct LevelGauge(AtomicU32);

impl LevelGauge {
    /// Worker: a block of this amplitude went by. What is no number, and no
    /// amplitude, counts as silence.
    pub fn raise(&self, amplitude: f32) {
        let amplitude = if amplitude > 0.0 { amplitude.min(f32::MAX) } else { 0.0 };
        // The bits of positive floats are in the order of their values; 0 is
        // kept for no block at all.
        self.0.fetch_max(amplitude.to_bits() + 1, Relaxed);
    }

    /// The loudest since the last call; none where no block went by. One
    /// reader only.
    pub fn take(&self) -> Option<Dbfs> {
        let bits = self.0.swap(0, Relaxed).checked_sub(1)?;
        Some(Dbfs::of_amplitude(f32::from_bits(bits)))
    }
}

/// A note, and when the worker had it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerNote {
    /// What happened.
    pub note: Note,
    /// The time that was passed to the step it came of.
    pub seen_at: Nanos,
    /// Whether a stage of the playback chain made it.
    pub playback: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_mode_is_taken_once() {
        let wish = ModeWish::default();
        assert_eq!(wish.take(), None);
        for mode in TurnMode::ALL {
            wish.ask(TurnMode::Hybrid);
            wish.ask(mode);
            assert_eq!([wish.take(), wish.take()], [Some(mode), None]);
        }
    }

    #[test]
    fn the_loudest_block_is_seen_once() {
        let gauge = LevelGauge::default();
        assert_eq!(gauge.take(), None);
        for amplitude in [0.0, 0.1, 0.01, f32::NAN, -1.0] {
            gauge.raise(amplitude);
        }
        assert!((gauge.take().unwrap().0 + 20.0).abs() < 1e-3);
        gauge.raise(0.0);
        assert_eq!(gauge.take(), Some(Dbfs::FLOOR));
        assert_eq!(gauge.take(), None);
    }
}
