//! The wire of the virtual world: two pipes that delay, and what the messages
//! in them are called.

use std::collections::VecDeque;

use super::settings::Delay;
use crate::{audio::Nanos, sim::seed::Seed};

/// Messages that a connection takes while nothing arrives.
const HELD_MAX: usize = 48;

/// One direction: first in, first out, each thing late by itself.
#[derive(Debug)]
pub(super) struct Pipe<T> {
    delay: Delay,
    seed: Seed,
    waiting: VecDeque<(Nanos, T)>,
    newest: Nanos,
    held_until: Nanos,
    slow_until: Nanos,
    slower_by: Nanos,
}

impl<T> Pipe<T> {
    pub(super) fn new(delay: Delay, seed: Seed) -> Self {
        Self {
            delay,
            seed,
            waiting: VecDeque::new(),
            newest: Nanos::ZERO,
            held_until: Nanos::ZERO,
            slow_until: Nanos::ZERO,
            slower_by: Nanos::ZERO,
        }
    }

    pub(super) fn send(&mut self, now: Nanos, item: T) {
        let slower = if now < self.slow_until { self.slower_by } else { Nanos::ZERO };
        let late = self.delay.least + Nanos(self.seed.below((self.delay.jitter + slower).0 + 1));
        self.newest = self.newest.max(now + late);
        self.waiting.push_back((self.newest, item));
    }

    /// Nothing arrives before `until`; then everything at once.
    pub(super) fn hold(&mut self, until: Nanos) {
        self.held_until = until;
    }

    /// Whether nothing more can be sent for now: nothing has arrived for a while.
    pub(super) fn is_full(&self, now: Nanos) -> bool {
        self.held_until > now && self.waiting.len() >= HELD_MAX
    }

    /// Until then what is sent takes up to so much longer.
    pub(super) fn slow_down(&mut self, until: Nanos, extra: Nanos) {
        (self.slow_until, self.slower_by) = (until, extra);
    }

    pub(super) fn next_at(&self) -> Option<Nanos> {
        self.waiting.front().map(|(at, _)| (*at).max(self.held_until))
    }

    pub(super) fn pop(&mut self, now: Nanos) -> Option<T> {
        self.next_at().filter(|at| *at <= now)?;
        self.waiting.pop_front().map(|(_, item)| item)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

/// What a message of the client is called, by its first key or two.
pub(super) fn kind_of_uplink(message: &str) -> &'static str {
    const KINDS: [(&str, &str); 8] = [
        (r#"{"realtimeInput":{"audio""#, "audio"),
        (r#"{"realtimeInput":{"activityStart""#, "activityStart"),
        (r#"{"realtimeInput":{"activityEnd""#, "activityEnd"),
        (r#"{"realtimeInput":{"audioStreamEnd""#, "audioStreamEnd"),
        (r#"{"realtimeInput":{"text""#, "text"),
        (r#"{"setup""#, "setup"),
        (r#"{"clientContent""#, "clientContent"),
        (r#"{"toolResponse""#, "toolResponse"),
    ];
    let found = KINDS.iter().find(|(start, _)| message.starts_with(start));
    found.map_or("something else", |(_, kind)| kind)
}

/// How many frames of audio a message of the client holds.
pub(super) fn audio_frames(message: &str) -> usize {
    let Some((_, rest)) = message.split_once(r#""data":""#) else { return 0 };
    let encoded = rest.split('"').next().unwrap_or_default();
    let padding = encoded.bytes().rev().take_while(|byte| *byte == b'=').count();
    (encoded.len() * 3 / 4).saturating_sub(padding) / 2
}

/// What a message of the service is called, by what it has.
pub(super) fn kind_of_downlink(message: &[u8]) -> &'static str {
    const KINDS: [&str; 11] = [
        "setupComplete",
        "interrupted",
        "turnComplete",
        "generationComplete",
        "inputTranscription",
        "outputTranscription",
        "modelTurn",
        "sessionResumptionUpdate",
        "toolCall",
        "goAway",
        "voiceActivity",
    ];
    let start = String::from_utf8_lossy(&message[..message.len().min(200)]);
    KINDS.into_iter().find(|kind| start.contains(kind)).unwrap_or("something else")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_delays_and_keeps_the_order() {
        let delay = Delay { least: Nanos(10), jitter: Nanos(20) };
        let mut pipe = Pipe::new(delay, Seed::new(1));
        for item in 0..50 {
            pipe.send(Nanos(item), item);
        }
        let mut before = Nanos::ZERO;
        for item in 0..50 {
            let at = pipe.next_at().unwrap();
            assert!(at >= before.max(Nanos(item + 10)) && at <= Nanos(item + 30).max(before));
            assert_eq!(pipe.pop(Nanos(at.0 - 1)), None);
            assert_eq!(pipe.pop(at), Some(item));
            before = at;
        }
    }

    #[test]
    fn a_pipe_that_is_held_gives_everything_at_once() {
        let mut pipe = Pipe::new(Delay::exact(Nanos(10)), Seed::new(1));
        pipe.hold(Nanos(100));
        pipe.send(Nanos(0), 1);
        pipe.send(Nanos(60), 2);
        assert_eq!(pipe.next_at(), Some(Nanos(100)));
        assert_eq!((pipe.pop(Nanos(100)), pipe.pop(Nanos(100))), (Some(1), Some(2)));
        pipe.hold(Nanos(300));
        (0..HELD_MAX).for_each(|_| pipe.send(Nanos(100), 3));
        assert!(pipe.is_full(Nanos(299)) && !pipe.is_full(Nanos(300)));
    }

    #[test]
    fn a_pipe_that_is_slow_for_a_while_is_as_before_afterwards() {
        let mut pipe = Pipe::new(Delay::exact(Nanos(10)), Seed::new(1));
        pipe.slow_down(Nanos(100), Nanos(1_000));
        (0..20).for_each(|_| pipe.send(Nanos(0), 0));
        let newest = pipe.newest;
        assert!(newest > Nanos(500) && newest <= Nanos(1_010), "{newest:?}");
        pipe.send(Nanos(2_000), 1);
        assert_eq!(pipe.newest, Nanos(2_010));
    }

    #[test]
    fn messages_have_names() {
        assert_eq!(
            kind_of_uplink(r#"{"realtimeInput":{"audioStreamEnd":true}}"#),
            "audioStreamEnd"
        );
        assert_eq!(kind_of_uplink("{}"), "something else");
        let two = r#"{"realtimeInput":{"audio":{"mimeType":"audio/pcm","data":"AQIDBA=="}}}"#;
        assert_eq!((audio_frames(two), audio_frames("{}")), (2, 0));
        let message = b"{\n  \"serverContent\": {\n    \"modelTurn\": {}}}";
        assert_eq!(kind_of_downlink(message), "modelTurn");
    }
}
