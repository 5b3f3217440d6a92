//! What the user sees of the conversation: whose turn it is, how loud the
//! microphone is.

use crate::{
    audio::{Nanos, NoteKind, level::Dbfs, note::FloorState},
    dialog::TurnMode,
    engine::EngineEvent,
    link::LinkEvent,
    protocol::Event,
};

/// An answer that has not come after so long will not.
const THINKING_MAX: Nanos = Nanos::from_secs(15);
/// The meter: characters, and the level of the first.
const METER: usize = 10;
const METER_FLOOR_DB: f32 = -60.0;

/// Where the conversation stands.
#[derive(Debug, Default)]
pub(in crate::cli) struct Phase {
    by_key: bool,
    ready: bool,
    floor: FloorState,
    muted: bool,
    thinking_since: Option<Nanos>,
}

impl Phase {
    pub(in crate::cli) fn new(mode: TurnMode) -> Self {
        Self { by_key: mode == TurnMode::PushToTalk, ..Self::default() }
    }

    /// Takes the next event, seen at `now`.
    pub(in crate::cli) fn hear(&mut self, event: &EngineEvent, now: Nanos) {
        match event {
            EngineEvent::Note(told) => match told.note.kind {
                NoteKind::Floor(state) => self.floor = state,
                NoteKind::Muted(muted) => self.muted = muted,
                NoteKind::ModeChanged(mode) => {
                    self.by_key = mode == TurnMode::PushToTalk;
                    self.thinking_since = None;
                }
                NoteKind::EndOfTurn if !self.by_key => self.asked(now),
                NoteKind::WindowClosed if self.by_key => self.asked(now),
                NoteKind::ReplyStarted(_) => self.thinking_since = None,
                _ => {}
            },
            EngineEvent::Link(LinkEvent::Session(Event::Ready { .. })) => self.ready = true,
            EngineEvent::Link(LinkEvent::Session(
                Event::TurnComplete { .. } | Event::Interrupted { .. },
            )) => self.thinking_since = None,
            EngineEvent::Link(LinkEvent::Down { .. } | LinkEvent::Switching { .. })
            | EngineEvent::LinkEnded => {
                self.ready = false;
                self.thinking_since = None;
            }
            _ => {}
        }
    }

    /// An answer is due.
    pub(in crate::cli) fn asked(&mut self, now: Nanos) {
        self.thinking_since = Some(now);
    }

    fn word(&self, now: Nanos) -> &'static str {
        let thinking = self.thinking_since.is_some_and(|since| now.since(since) < THINKING_MAX);
        match self.floor {
            FloorState::User | FloorState::Overlap => "you",
            FloorState::Model => "model",
            FloorState::Free if !self.ready => "connecting",
            FloorState::Free if thinking => "thinking",
            FloorState::Free if self.by_key => "waiting for space",
            FloorState::Free => "listening",
        }
    }

    /// The status line, with what is known of the `echo`, and with the keys
    /// where `columns` hold them.
    pub(in crate::cli) fn line(
        &self,
        level: Option<Dbfs>,
        echo: Option<&str>,
        now: Nanos,
        columns: usize,
    ) -> String {
        let word = self.word(now);
        let muted = if self.muted { ", muted" } else { "" };
        let space = if self.by_key { "space: talk, " } else { "" };
        let mute = if self.muted { "unmute" } else { "mute" };
        let echo = echo.map_or_else(String::new, |echo| format!("{echo:<12}  "));
        let line = format!("mic [{}]  {echo}{word}{muted}", meter(level));
        let whole = format!("{line:<36}  {space}m: {mute}, s: stop, t: turns, q: quit");
        if whole.len() < columns { whole } else { line }
    }
}

fn meter(level: Option<Dbfs>) -> String {
    let share = level.map_or(0.0, |level| 1.0 - level.0 / METER_FLOOR_DB);
    let full = (share.clamp(0.0, 1.0) * METER as f32).round() as usize;
    "#".repeat(full) + &"-".repeat(METER - full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audio::{FrameTime, Note, Rate, ReplyId},
        duplex::WorkerNote,
    };

    const NOW: Nanos = Nanos::from_secs(100);

    fn note(kind: NoteKind) -> EngineEvent {
        let note = Note::now(kind, FrameTime::start(Rate::UPLINK, 0));
        EngineEvent::Note(WorkerNote { note, seen_at: NOW, playback: false })
    }

    fn ready() -> EngineEvent {
        EngineEvent::Link(LinkEvent::Session(Event::Ready { session_id: None, resumed: false }))
    }

    #[test]
    fn a_turn_goes_from_listening_over_you_and_thinking_to_the_model() {
        let mut phase = Phase::new(TurnMode::Client);
        assert_eq!(phase.word(NOW), "connecting");
        let floor = |state| note(NoteKind::Floor(state));
        let steps = [
            (ready(), "listening"),
            (floor(FloorState::User), "you"),
            (note(NoteKind::EndOfTurn), "you"),
            (floor(FloorState::Free), "thinking"),
            (note(NoteKind::ReplyStarted(ReplyId(0))), "listening"),
            (floor(FloorState::Model), "model"),
            (floor(FloorState::Free), "listening"),
        ];
        for (event, word) in steps {
            phase.hear(&event, NOW);
            assert_eq!(phase.word(NOW), word, "{event:?}");
        }
        phase.asked(NOW);
        assert_eq!(phase.word(NOW + THINKING_MAX), "listening", "no answer came");
    }

    #[test]
    fn in_another_mode_it_waits_for_another_thing() {
        let mut phase = Phase::new(TurnMode::Client);
        phase.hear(&ready(), NOW);
        for (mode, word) in
            [(TurnMode::PushToTalk, "waiting for space"), (TurnMode::Server, "listening")]
        {
            phase.asked(NOW);
            phase.hear(&note(NoteKind::ModeChanged(mode)), NOW);
            assert_eq!(phase.word(NOW), word);
        }
    }

    #[test]
    fn the_line_shows_level_state_and_keys() {
        let mut phase = Phase::new(TurnMode::PushToTalk);
        phase.hear(&ready(), NOW);
        phase.hear(&note(NoteKind::Muted(true)), NOW);
        assert_eq!(
            phase.line(Some(Dbfs(-30.0)), None, NOW, 120),
            "mic [#####-----]  waiting for space, muted  space: talk, m: unmute, s: stop, t: turns, q: quit"
        );
        assert_eq!(phase.line(None, None, NOW, 60), "mic [----------]  waiting for space, muted");
        assert_eq!(
            phase.line(None, Some("echo -9 dB"), NOW, 60),
            "mic [----------]  echo -9 dB    waiting for space, muted"
        );
        assert_eq!(meter(None), "----------");
        assert_eq!(meter(Some(Dbfs(3.0))), "##########");
    }
}
