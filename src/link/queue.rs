//! The uplink's own queue: what the worker said, until the socket takes it.
//!
//! Audio is bounded in length and, on a live link, in age: the oldest goes
//! first and is counted. Events are never dropped, but for a window or a pause
//! that lost all of its audio: an empty turn would ask the model to answer
//! nothing. A window that was open on a connection that died is opened once
//! more, before the audio that was kept.

use std::collections::VecDeque;

use crate::audio::{FrameTime, Nanos, Rate, Uplink, UplinkPacket};

/// Events in the queue from which on empty windows are looked for and dropped.
const EVENTS_MAX: usize = 64;

/// What goes up, in the smallest place that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    ActivityStart,
    Audio(Box<[i16]>),
    ActivityEnd,
    StreamEnd,
}

/// One thing to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    pub item: Item,
    /// As in [`UplinkPacket`].
    pub at: FrameTime,
    /// As in [`UplinkPacket`].
    pub captured_at: Nanos,
    since: Nanos,
}

impl Queued {
    /// Audio frames in it.
    pub(super) fn frames(&self) -> usize {
        if let Item::Audio(samples) = &self.item { samples.len() } else { 0 }
    }
}

/// What became of the audio and the events, in frames at 16 kHz where audio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounters {
    /// Frames that the worker handed over.
    pub pushed_frames: u64,
    /// Frames taken to be sent.
    pub taken_frames: u64,
    /// Frames dropped because more than the kept length waited.
    pub overflow_frames: u64,
    /// Frames dropped because they were too old on a live link.
    pub stale_frames: u64,
    /// Windows opened again on a new connection.
    pub windows_reopened: u64,
    /// Windows whose connection died and of which no audio was left to send.
    pub windows_cut: u64,
    /// Windows dropped whole, with all of their audio.
    pub windows_dropped: u64,
    /// Pauses said twice with no audio left between them.
    pub pauses_merged: u64,
}

/// The window as the server of the current connection knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    Closed,
    Open,
    /// It was open on a connection that died.
    Lost,
}

/// Bounds of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Most audio that is kept, in frames at 16 kHz.
    pub kept_frames_max: usize,
    /// The longest that audio may wait on a live link.
    pub live_age_max: Nanos,
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct UplinkQueue {
    items: VecDeque<Queued>,
    frames: usize,
    audio_items: usize,
    bounds: Bounds,
    window: Window,
    counters: QueueCounters,
}

impl UplinkQueue {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            items: VecDeque::new(),
            frames: 0,
            audio_items: 0,
            bounds,
            window: Window::Closed,
            counters: QueueCounters::default(),
        }
    }

    /// Takes what the worker said.
    pub(super) fn push(&mut self, now: Nanos, packet: &UplinkPacket) {
        let item = match &packet.payload {
            Uplink::ActivityStart => Item::ActivityStart,
            Uplink::Audio(samples) => Item::Audio(samples.as_slice().into()),
            Uplink::ActivityEnd => Item::ActivityEnd,
            Uplink::StreamEnd => Item::StreamEnd,
        };
        let UplinkPacket { at, captured_at, .. } = *packet;
        let queued = Queued { item, at, captured_at, since: now };
        let frames = queued.frames();
        self.frames += frames;
        self.counters.pushed_frames += frames as u64;
        self.audio_items += usize::from(frames > 0);
        self.items.push_back(queued);
        if self.items.len() - self.audio_items > EVENTS_MAX {
            (1..self.items.len()).rev().for_each(|index| self.collapse(index));
        }
    }

    /// Drops what is too much, and on a link that is live since then, what is
    /// too old. Audio kept over an outage counts as fresh when it ends.
    pub(super) fn trim(&mut self, now: Nanos, live_since: Option<Nanos>) {
        while self.frames > self.bounds.kept_frames_max {
            self.counters.overflow_frames += self.drop_oldest_audio() as u64;
        }
        let Some(live_since) = live_since else { return };
        while self.oldest_audio().is_some_and(|index| {
            now.since(self.items[index].since.max(live_since)) > self.bounds.live_age_max
        }) {
            self.counters.stale_frames += self.drop_oldest_audio() as u64;
        }
    }

    /// The next thing to send.
    pub(super) fn pop(&mut self) -> Option<Queued> {
        loop {
            let front = self.items.front()?;
            match (&front.item, self.window) {
                (Item::Audio(samples), Window::Lost) => {
                    let at = front.at.plus(-(samples.len() as i64));
                    let (captured_at, since) = (Nanos::ZERO, front.since);
                    self.window = Window::Open;
                    self.counters.windows_reopened += 1;
                    return Some(Queued { item: Item::ActivityStart, at, captured_at, since });
                }
                (Item::ActivityEnd, Window::Lost) => {
                    self.window = Window::Closed;
                    self.counters.windows_cut += 1;
                    self.items.pop_front();
                    continue;
                }
                (Item::ActivityStart, _) => self.window = Window::Open,
                (Item::ActivityEnd, _) => self.window = Window::Closed,
                _ => {}
            }
            let taken = self.items.pop_front()?;
            self.forget(taken.frames());
            self.counters.taken_frames += taken.frames() as u64;
            return Some(taken);
        }
    }

    /// The connection is gone, and with it the server's idea of a window.
    pub(super) fn disconnected(&mut self) {
        if self.window == Window::Open {
            self.window = Window::Lost;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Audio that waits, in frames at 16 kHz.
    pub(super) fn frames(&self) -> usize {
        self.frames
    }

    pub(super) fn counters(&self) -> QueueCounters {
        self.counters
    }

    fn forget(&mut self, frames: usize) {
        self.frames -= frames;
        self.audio_items -= usize::from(frames > 0);
    }

    /// At most a few events stand before the oldest audio.
    fn oldest_audio(&self) -> Option<usize> {
        self.items.iter().position(|queued| queued.frames() > 0)
    }

    fn drop_oldest_audio(&mut self) -> usize {
        let Some(index) = self.oldest_audio() else { return 0 };
        let frames = self.items.remove(index).map_or(0, |dropped| dropped.frames());
        self.forget(frames);
        self.collapse(index);
        frames
    }

    /// Drops the two events around `index` where they say nothing any more.
    fn collapse(&mut self, index: usize) {
        let Some(before) = index.checked_sub(1).and_then(|i| self.items.get(i)) else { return };
        let Some(after) = self.items.get(index) else { return };
        match (&before.item, &after.item) {
            (Item::ActivityStart, Item::ActivityEnd) => {
                self.items.drain(index - 1..=index);
                self.counters.windows_dropped += 1;
            }
            (Item::StreamEnd, Item::StreamEnd) => {
                self.items.remove(index);
                self.counters.pauses_merged += 1;
            }
            _ => {}
        }
    }
}

/// The bounds for audio at 16 kHz from their lengths in milliseconds.
impl Bounds {
    pub(super) fn from_ms(kept_ms: u32, live_ms: u32) -> Self {
        Self {
            kept_frames_max: Rate::UPLINK.frames_in_ms(kept_ms),
            live_age_max: Nanos::from_ms(live_ms.into()),
        }
    }
}

#[cfg(test)]
mod tests;
