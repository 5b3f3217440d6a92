//! What of the uplink may be sent when. Source: reference §4.1.

use crate::protocol::{counters::Refusals, uplink::Uplink};

/// The window of manual detection, or the stream of automatic detection.
#[derive(Debug)]
pub(super) struct Gate {
    manual: bool,
    window_open: bool,
    /// Automatic: audio was sent since the last `audioStreamEnd`.
    streaming: bool,
}

impl Gate {
    pub(super) fn new(manual: bool) -> Self {
        Self { manual, window_open: false, streaming: false }
    }

    /// Back to the state of a new connection.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.manual);
    }

    pub(super) fn window_open(&self) -> bool {
        self.window_open
    }

    pub(super) fn is_manual(&self) -> bool {
        self.manual
    }

    /// Whether `item` may be sent, assuming that it then is.
    pub(super) fn pass(&mut self, item: Uplink<'_>, refused: &mut Refusals) -> bool {
        let reason = match (item, self.manual) {
            (Uplink::Audio { samples: [], .. }, _) => Some(&mut refused.empty_audio),
            (Uplink::Audio { .. }, true) if !self.window_open => {
                Some(&mut refused.audio_outside_window)
            }
            (Uplink::ActivityStart, true) if self.window_open => Some(&mut refused.stray_start),
            (Uplink::ActivityEnd, true) if !self.window_open => Some(&mut refused.stray_end),
            (Uplink::StreamEnd, true) => Some(&mut refused.stream_end_in_manual),
            (Uplink::ActivityStart | Uplink::ActivityEnd, false) => {
                Some(&mut refused.activity_in_automatic)
            }
            (Uplink::StreamEnd, false) if !self.streaming => Some(&mut refused.stray_stream_end),
            _ => None,
        };
        if let Some(count) = reason {
            *count += 1;
            return false;
        }
        match item {
            Uplink::ActivityStart => self.window_open = true,
            Uplink::ActivityEnd => self.window_open = false,
            Uplink::Audio { .. } => self.streaming = true,
            Uplink::StreamEnd => self.streaming = false,
        }
        true
    }
}
