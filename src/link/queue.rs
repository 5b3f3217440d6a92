//! The uplink's own queue: what the worker said, until the socket takes it.
//!
//! Audio is bounded in length and, on a live link, in age: the oldest goes
//! first and is counted. Events are never dropped, but for a window or a pause
//! that lost all of its audio: an empty turn would ask the model to answer
//! nothing. A window that was open on a connection that died is sent again as
//! far as it was kept (`resend`), or opened once more before the audio that
//! waits.

use std::collections::VecDeque;

use crate::audio::{FrameTime, Nanos, Rate, TurnMode, Uplink, UplinkPacket};

/// Events in the queue from which on empty windows are looked for and dropped.
const EVENTS_MAX: usize = 64;

/// What goes up, in the smallest place that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    ActivityStart,
    Audio(Box<[i16]>),
    ActivityEnd,
    StreamEnd,
    /// It is taken by [`UplinkQueue::pass_mode`].
    ModeChanged(TurnMode),
}

/// One thing to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    pub item: Item,
    /// As in [`UplinkPacket`].
    pub at: FrameTime,
    /// As in [`UplinkPacket`].
    pub captured_at: Nanos,
    pub since: Nanos,
}

impl Queued {
    /// Queued since `since`, without a moment of its capture.
    pub(super) fn new(item: Item, at: FrameTime, since: Nanos) -> Self {
        Self { item, at, captured_at: Nanos::ZERO, since }
    }

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
    /// Frames that had been sent on a connection that ended and were queued
    /// once more, as the turn was not over or not answered.
    pub resent_frames: u64,
    /// Frames of such a turn that were not kept for long enough.
    pub forgotten_frames: u64,
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
    /// The first so many items, and their frames, are sent again: they do not
    /// count as kept over the outage.
    again_items: usize,
    again_frames: usize,
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
            again_items: 0,
            again_frames: 0,
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
            Uplink::ModeChanged(mode) => Item::ModeChanged(*mode),
        };
        let UplinkPacket { at, captured_at, .. } = *packet;
        let queued = Queued { captured_at, ..Queued::new(item, at, now) };
        let frames = queued.frames();
        self.frames += frames;
        self.counters.pushed_frames += frames as u64;
        self.audio_items += usize::from(frames > 0);
        self.items.push_back(queued);
        if self.items.len() - self.audio_items > EVENTS_MAX {
            let first = self.again_items + 1;
            (first..self.items.len()).rev().for_each(|index| self.collapse(index));
        }
    }

    /// Drops what is too much, and on a link that is live since then, what is
    /// too old. Audio kept over an outage counts as fresh when it ends.
    pub(super) fn trim(&mut self, now: Nanos, live_since: Option<Nanos>) {
        while self.frames - self.again_frames > self.bounds.kept_frames_max
            && let Some(index) = self.audio_from(self.again_items)
        {
            self.counters.overflow_frames += self.drop_audio(index) as u64;
        }
        let Some(live_since) = live_since else { return };
        while let Some(index) = self.audio_from(0)
            && now.since(self.items[index].since.max(live_since)) > self.bounds.live_age_max
        {
            self.counters.stale_frames += self.drop_audio(index) as u64;
        }
    }

    /// The turn mode that comes next, once all that was said in the one before
    /// has been taken.
    pub(super) fn next_mode(&self) -> Option<TurnMode> {
        match self.items.front()?.item {
            Item::ModeChanged(mode) => Some(mode),
            _ => None,
        }
    }

    /// Goes on with what was said in that mode.
    pub(super) fn pass_mode(&mut self) {
        if self.next_mode().is_some() {
            self.remove(0);
            self.window = Window::Closed;
        }
    }

    /// Whether there is something to send.
    pub(super) fn has_next(&self) -> bool {
        !self.is_empty() && self.next_mode().is_none()
    }

    /// The next thing to send; nothing before a change of the turn mode.
    pub(super) fn pop(&mut self) -> Option<Queued> {
        loop {
            let front = self.items.front()?;
            match (&front.item, self.window) {
                (Item::Audio(samples), Window::Lost) => {
                    let at = front.at.plus(-(samples.len() as i64));
                    let since = front.since;
                    self.window = Window::Open;
                    self.counters.windows_reopened += 1;
                    return Some(Queued::new(Item::ActivityStart, at, since));
                }
                (Item::ActivityEnd, Window::Lost) => {
                    self.window = Window::Closed;
                    self.counters.windows_cut += 1;
                    self.remove(0);
                    continue;
                }
                (Item::ModeChanged(_), _) => return None,
                (Item::ActivityStart, _) => self.window = Window::Open,
                (Item::ActivityEnd, _) => self.window = Window::Closed,
                _ => {}
            }
            let taken = self.remove(0)?;
            self.counters.taken_frames += taken.frames() as u64;
            return Some(taken);
        }
    }

    /// The connection is gone, and with it the server's idea of a window. What
    /// of the turn at hand had been sent comes first `again`; so many frames
    /// of it were `forgotten`.
    pub(super) fn disconnected(&mut self, now: Nanos, again: VecDeque<Queued>, forgotten: u64) {
        self.counters.forgotten_frames += forgotten;
        if !again.is_empty() {
            self.window = Window::Closed;
        } else if self.window == Window::Open {
            self.window = Window::Lost;
        }
        for queued in again.into_iter().rev() {
            let frames = queued.frames();
            self.frames += frames;
            self.again_frames += frames;
            self.audio_items += usize::from(frames > 0);
            self.again_items += 1;
            self.counters.resent_frames += frames as u64;
            self.items.push_front(Queued { captured_at: Nanos::ZERO, since: now, ..queued });
        }
    }

    /// The window was closed behind the worker's back: what it still says of it
    /// opens another.
    pub(super) fn leave_window(&mut self) {
        self.window = Window::Lost;
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

    fn remove(&mut self, index: usize) -> Option<Queued> {
        let removed = self.items.remove(index)?;
        let frames = removed.frames();
        self.frames -= frames;
        self.audio_items -= usize::from(frames > 0);
        if index < self.again_items {
            self.again_items -= 1;
            self.again_frames -= frames;
        }
        Some(removed)
    }

    /// The oldest audio from an item on; at most a few events stand before it.
    fn audio_from(&self, first: usize) -> Option<usize> {
        let found = self.items.iter().skip(first).position(|queued| queued.frames() > 0);
        found.map(|index| first + index)
    }

    fn drop_audio(&mut self, index: usize) -> usize {
        let frames = self.remove(index).map_or(0, |dropped| dropped.frames());
        self.collapse(index);
        frames
    }

    fn collapse(&mut self, index: usize) {
        let gone = match collapse(&mut self.items, index) {
            Collapsed::Window => {
                self.counters.windows_dropped += 1;
                index - 1..index + 1
            }
            Collapsed::Pause => {
                self.counters.pauses_merged += 1;
                index..index + 1
            }
            Collapsed::Nothing => return,
        };
        self.again_items -= gone.filter(|index| *index < self.again_items).count();
    }
}

/// What [`collapse`] dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collapsed {
    Nothing,
    Window,
    Pause,
}

/// Drops the two events around `index` where they say nothing any more.
pub(super) fn collapse(items: &mut VecDeque<Queued>, index: usize) -> Collapsed {
    let before = index.checked_sub(1).and_then(|before| items.get(before));
    match (before.map(|queued| &queued.item), items.get(index).map(|queued| &queued.item)) {
        (Some(Item::ActivityStart), Some(Item::ActivityEnd)) => {
            items.drain(index - 1..=index);
            Collapsed::Window
        }
        (Some(Item::StreamEnd), Some(Item::StreamEnd)) => {
            items.remove(index);
            Collapsed::Pause
        }
        _ => Collapsed::Nothing,
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
