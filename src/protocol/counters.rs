//! What a session counts, over all its connections.

use super::event::Usage;

/// Everything counted: what came, what was dropped and what was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionCounters {
    /// Connections opened.
    pub connections: u64,
    /// Connections that the server took up again from a handle.
    pub resumed: u64,
    /// Messages from the server, whatever they held.
    pub messages: u64,
    /// Of these, not JSON objects.
    pub garbage_messages: u64,
    /// Of these, holding nothing that we know.
    pub unknown_messages: u64,
    /// Of these, with fields of a wrong type, which were left out.
    pub salvaged_messages: u64,
    /// Texts that were cut, and handles left out, because no sensible one is so long.
    pub overlong_fields: u64,
    /// Messages that came while no connection was open, and a second `setupComplete`.
    pub unexpected_messages: u64,
    /// Audio parts passed on.
    pub audio_parts: u64,
    /// Audio parts of a reply that was cut.
    pub stale_audio_parts: u64,
    /// Text parts of a reply that was cut.
    pub stale_text_parts: u64,
    /// Audio parts that were not base64.
    pub bad_audio_parts: u64,
    /// Parts of another kind than PCM, such as images.
    pub other_media_parts: u64,
    /// Parts with thoughts.
    pub thought_parts: u64,
    /// `interrupted` while its reply was being sent.
    pub interruptions: u64,
    /// `interrupted` for a reply that was already complete.
    pub late_interruptions: u64,
    /// `interrupted` with nothing to interrupt since the last one.
    pub phantom_interruptions: u64,
    /// Replies that we cut ourselves.
    pub cuts: u64,
    /// `turnComplete`.
    pub turns: u64,
    /// Of these, without any content.
    pub empty_turns: u64,
    /// Tool calls, each answered with an error.
    pub tool_calls: u64,
    /// Answers to tool calls that did not fit the queue.
    pub tool_responses_refused: u64,
    /// Texts that did not fit the queue.
    pub texts_refused: u64,
    /// Events that did not fit the queue.
    pub events_refused: u64,
    /// What [`super::Session::write_uplink`] refused.
    pub refused: Refusals,
    /// Tokens of all turns.
    pub usage: Usage,
}

/// Uplink items refused, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// No connection, or no `setupComplete` yet.
    pub not_ready: u64,
    /// Audio without a sample.
    pub empty_audio: u64,
    /// Audio outside a window, manual mode: the server would throw it away.
    pub audio_outside_window: u64,
    /// `activityStart` in an open window.
    pub stray_start: u64,
    /// `activityEnd` without an open window: it can swallow the next utterance.
    pub stray_end: u64,
    /// `activityStart` or `activityEnd` in automatic mode.
    pub activity_in_automatic: u64,
    /// `audioStreamEnd` in manual mode.
    pub stream_end_in_manual: u64,
    /// `audioStreamEnd` without audio since the last one.
    pub stray_stream_end: u64,
}
