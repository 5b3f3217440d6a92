//! The user's speech on its way to the link: a history that windows reach back
//! into, cut into chunks that begin and end on exact samples.
//!
//! Runs on: worker. Never allocates, locks, logs or fails, but for `new`.

use std::sync::Arc;

use crate::audio::{
    Doorbell, FrameTime, Nanos, Rate, TurnMode, Uplink, UplinkPacket,
    convert::to_wire,
    packet::{RESERVED_PACKETS, Samples, UPLINK_FRAMES_MAX},
    ring::Writer,
};

/// How far a window may reach back: 2 s at 16 kHz, for the longest pre-roll
/// (0.5 s), the longest confirmation and the detector's own delay.
const HISTORY_FRAMES: usize = 32_768;

/// Cuts the worker's processed microphone into packets.
#[derive(Debug)]
pub(super) struct UplinkWriter {
    packets: Writer<UplinkPacket>,
    link: Arc<Doorbell>,
    chunk_frames: i64,
    history: Box<[i16]>,
    /// The oldest frame in the history, and the frame after the newest.
    oldest: FrameTime,
    newest: FrameTime,
    captured_at: Nanos,
    /// The first frame that was not sent and may be.
    next: FrameTime,
    open: bool,
    /// Whether chunks end where blocks do.
    aligned: bool,
    lost_frames: u64,
}

impl UplinkWriter {
    pub(super) fn new(packets: Writer<UplinkPacket>, link: Arc<Doorbell>, chunk_ms: u32) -> Self {
        let chunk = Rate::UPLINK.frames_in_ms(chunk_ms).clamp(1, UPLINK_FRAMES_MAX);
        let start = FrameTime::start(Rate::UPLINK, 0);
        Self {
            packets,
            link,
            chunk_frames: chunk as i64,
            history: vec![0; HISTORY_FRAMES].into(),
            oldest: start,
            newest: start,
            captured_at: Nanos::ZERO,
            next: start,
            open: false,
            aligned: false,
            lost_frames: 0,
        }
    }

    /// Whether audio is being sent.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// The position after the newest frame.
    pub(super) fn newest(&self) -> FrameTime {
        self.newest
    }

    /// When the device handed over the newest frame.
    pub(super) fn captured_at(&self) -> Nanos {
        self.captured_at
    }

    /// Frames that found no room in the ring.
    pub(super) fn lost_frames(&self) -> u64 {
        self.lost_frames
    }

    /// Adds the next frames of the stream; where they do not follow on, what
    /// came before is forgotten.
    pub(super) fn append(&mut self, samples: &[f32], start: FrameTime, captured_at: Nanos) {
        if start != self.newest {
            self.oldest = start;
            self.newest = start;
            self.next = start;
        }
        for sample in samples {
            let slot = self.newest.frames.rem_euclid(HISTORY_FRAMES as i64) as usize;
            self.history[slot] = to_wire(*sample);
            self.newest.frames += 1;
        }
        self.captured_at = captured_at;
        let oldest = self.newest.plus(-(HISTORY_FRAMES as i64));
        self.oldest.frames = self.oldest.frames.max(oldest.frames);
    }

    /// Starts to send from `from` on, or from as near as the history and what
    /// was already sent allow, announced by `event`. Returns the position of
    /// the first frame.
    pub(super) fn open(&mut self, from: FrameTime, event: Option<Uplink>) -> FrameTime {
        let bounds = self.next.frames.max(self.oldest.frames)..=self.newest.frames;
        self.next.frames = from.frames.clamp(*bounds.start(), *bounds.end());
        self.open = true;
        self.aligned = false;
        if let Some(event) = event {
            self.announce(event, self.next);
        }
        self.next
    }

    /// Sends the whole chunks that have come together. The first is shorter,
    /// so that the last ends with the newest block: a chunk that ended within
    /// one would wait for the next, up to 10 ms.
    pub(super) fn send_chunks(&mut self) {
        let waiting = self.newest.frames - self.next.frames;
        if self.open && !self.aligned && waiting > 0 {
            self.aligned = true;
            let odd = waiting % self.chunk_frames;
            if odd > 0 {
                self.send(odd);
            }
        }
        while self.open && self.newest.frames - self.next.frames >= self.chunk_frames {
            self.send(self.chunk_frames);
        }
        self.link.ring();
    }

    /// Sends what is left before `at`, then `event`; nothing from `at` on will
    /// be sent, in this window or the next.
    pub(super) fn close(&mut self, at: FrameTime, event: Option<Uplink>) -> FrameTime {
        let end = at.frames.clamp(self.next.frames, self.newest.frames.max(self.next.frames));
        while self.open && self.next.frames < end {
            self.send(self.chunk_frames.min(end - self.next.frames));
        }
        self.open = false;
        if let Some(event) = event {
            self.announce(event, self.next);
        }
        self.link.ring();
        self.next
    }

    /// Says where one turn mode ends and the next begins.
    pub(super) fn change_mode(&mut self, mode: TurnMode) {
        self.announce(Uplink::ModeChanged(mode), self.next);
        self.link.ring();
    }

    fn announce(&mut self, payload: Uplink, at: FrameTime) {
        let _ = self.packets.push(UplinkPacket { payload, at, captured_at: self.captured_at });
    }

    fn send(&mut self, frames: i64) {
        let first = self.next.frames.max(self.oldest.frames);
        let end = self.next.plus(frames);
        self.next = end;
        if self.packets.room() <= RESERVED_PACKETS {
            self.packets.count_refused(1);
            self.lost_frames += frames as u64;
            return;
        }
        let history = &self.history;
        let slot = |position: i64| position.rem_euclid(HISTORY_FRAMES as i64) as usize;
        let samples = Samples::from_iter_max((first..end.frames).map(|p| history[slot(p)]));
        self.announce(Uplink::Audio(samples), end);
    }
}

#[cfg(test)]
#[path = "uplink_tests.rs"]
mod tests;
