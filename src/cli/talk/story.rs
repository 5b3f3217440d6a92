//! The conversation as it went: turns, captions and latencies, gathered from
//! what the engine reports.
//!
//! Everything is placed on one axis, the microphone's stream in seconds: notes
//! carry their frame, and the smallest delay between a frame and its note
//! gives the moment of the clock at which the stream began.

use std::collections::VecDeque;

use super::{echo::Echo, sound, turn::Turn};
use crate::{
    audio::{FrameTime, Nanos, Note, NoteKind, ReplyId, note::FloorState},
    dialog::TurnMode,
    duplex::WorkerNote,
    engine::EngineEvent,
    link::LinkEvent,
    protocol::{Event, Recall, Speaker},
};

/// Probabilities, spans and marks kept for a page: an hour of them.
const PAGE_MAX: usize = 240_000;
/// Turns kept: three days of talk. A server that begins replies without end gets
/// no more of our memory.
const TURNS_MAX: usize = 10_000;
/// The longest caption of a turn; what goes on after it is not kept.
const CAPTION_BYTES_MAX: usize = 64 << 10;

/// The same trouble is told again after so long.
const TROUBLE_AGAIN: Nanos = Nanos::from_secs(60);

/// Something worth a line.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cli) enum Line {
    /// The service is ready.
    Ready,
    /// The user's words of a turn.
    User(String),
    /// The model's words of a turn, as far as they came.
    Model(String),
    /// A reply was cut after so many seconds.
    Cut(f64),
    /// A turn is over, the reply heard or cut: how long each step took.
    Felt {
        /// Counted from 1.
        number: usize,
        turn: Box<Turn>,
    },
    /// The service listens again.
    Back {
        /// How long it did not.
        gap_s: f64,
        /// The connection before was left by plan; otherwise it was lost.
        planned: bool,
        /// What the model knows of what was said before.
        recall: Recall,
    },
    /// Anything else, in words.
    Info(String),
}

/// A moment that a page shows.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cli) struct Moment {
    pub(in crate::cli) at_s: f64,
    pub(in crate::cli) label: &'static str,
    pub(in crate::cli) detail: String,
    /// From us to the service.
    pub(in crate::cli) sent: bool,
}

/// What has been gathered so far.
#[derive(Debug, Default)]
pub(in crate::cli) struct Story {
    pub(in crate::cli) turns: Vec<Turn>,
    /// A detector's answers: the end of each hop, and the probability.
    pub(in crate::cli) voice: Vec<(f64, f32)>,
    /// When the floor changed hands.
    pub(in crate::cli) floor: Vec<(f64, FloorState)>,
    /// Windows that were sent, the last perhaps still open.
    pub(in crate::cli) windows: Vec<(f64, Option<f64>)>,
    pub(in crate::cli) moments: Vec<Moment>,
    /// Tokens in all, as the service counted them.
    pub(in crate::cli) tokens: u64,
    /// How the echo did.
    pub(in crate::cli) echo: Echo,
    /// Windows are turns, whatever the voice detector says.
    by_key: bool,
    begun: bool,
    /// The clock at stream time zero.
    origin_s: Option<f64>,
    now_s: f64,
    last_news_s: f64,
    /// The trouble with the connection that was told last, and when.
    trouble: Option<(String, Nanos)>,
    /// How many probabilities, spans and marks are kept of each kind.
    page_max: usize,
    lines: VecDeque<Line>,
    user: String,
    model: String,
}

/// Who finds the bounds of speech.
fn who_finds(mode: TurnMode) -> &'static str {
    match mode {
        TurnMode::Server => "the service finds when you speak",
        TurnMode::Hybrid => "the service finds when you begin, we when you have finished",
        TurnMode::Client => "we find when you speak",
        TurnMode::PushToTalk => "you say so with the talk key",
    }
}

impl Story {
    /// A story of nothing yet. With a talk key, its windows are the turns.
    /// Nothing is kept for a page: a talk may last all day.
    pub(in crate::cli) fn new(mode: TurnMode) -> Self {
        Self { by_key: mode == TurnMode::PushToTalk, ..Self::default() }
    }

    /// The same, for a page.
    pub(in crate::cli) fn for_page(mode: TurnMode) -> Self {
        Self { page_max: PAGE_MAX, ..Self::new(mode) }
    }

    /// Whether the service was ever ready.
    pub(in crate::cli) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Takes the next event.
    pub(in crate::cli) fn hear(&mut self, event: &EngineEvent) {
        self.hear_event(event);
        let is_news = match event {
            EngineEvent::Note(told) => {
                use NoteKind::{Echo, Level, Voice};
                !matches!(told.note.kind, Voice { .. } | Level { .. } | Echo(_))
            }
            EngineEvent::Quiet => false,
            _ => true,
        };
        if is_news {
            self.last_news_s = self.now_s;
        }
    }

    fn hear_event(&mut self, event: &EngineEvent) {
        match event {
            EngineEvent::Note(note) => self.hear_note(note),
            EngineEvent::Link(event) => self.hear_link(event),
            EngineEvent::Sound(event) => sound::words(event).into_iter().for_each(|w| self.info(w)),
            EngineEvent::LinkEnded | EngineEvent::Quiet => {}
        }
    }

    /// The next line to be shown.
    pub(in crate::cli) fn next_line(&mut self) -> Option<Line> {
        self.lines.pop_front()
    }

    /// Where the newest event lies, in seconds of the stream.
    pub(in crate::cli) fn now_s(&self) -> f64 {
        self.now_s
    }

    /// Where the newest event lies that is more than a meter's reading.
    pub(in crate::cli) fn last_news_s(&self) -> f64 {
        self.last_news_s
    }

    /// A moment of the clock, in seconds of the stream.
    pub(in crate::cli) fn at(&self, clock: Nanos) -> f64 {
        clock.as_secs() - self.origin_s.unwrap_or_default()
    }

    fn info(&mut self, text: String) {
        self.lines.push_back(Line::Info(text));
    }

    fn hear_note(&mut self, told: &WorkerNote) {
        let Note { kind, at, decided_at } = told.note;
        let began = told.seen_at.as_secs() - FrameTime::as_secs(decided_at);
        self.origin_s = Some(self.origin_s.map_or(began, |o| o.min(began)));
        self.now_s = self.at(told.seen_at);
        let at_s = at.as_secs();
        match kind {
            NoteKind::Voice { probability } if self.voice.len() < self.page_max => {
                self.voice.push((at_s, probability));
            }
            NoteKind::Onset if !self.by_key => self.begin(at_s),
            NoteKind::EndOfTurn if !self.by_key => self.end(at_s, decided_at.as_secs()),
            NoteKind::Floor(state) if self.floor.len() < self.page_max => {
                self.floor.push((at_s, state));
            }
            NoteKind::WindowOpened => {
                if self.windows.len() < self.page_max {
                    self.windows.push((at_s, None));
                }
                if self.by_key {
                    self.begin(at_s);
                }
                self.moment(self.now_s, "activityStart", String::new(), true);
            }
            NoteKind::WindowClosed => {
                if let Some(window) = self.windows.last_mut() {
                    window.1 = Some(at_s);
                }
                if self.by_key {
                    self.end(at_s, at_s);
                }
                self.moment(self.now_s, "activityEnd", String::new(), true);
            }
            NoteKind::ReplyStarted(reply) => {
                // One that was given up may begin again.
                let now_s = self.now_s;
                self.reply(reply).audible_s.get_or_insert(now_s);
            }
            NoteKind::ReplyFinished(reply) => {
                self.reply(reply).silent_s = Some(self.now_s);
                self.say_felt(reply);
            }
            NoteKind::ReplyCut { reply, heard_frames } => self.cut(reply, heard_frames),
            NoteKind::Starved(_) => self.info("the reply ran dry: waiting for more".to_owned()),
            NoteKind::PhantomInterrupted => self.info(
                "the server said that it was interrupted, but nothing was playing".to_owned(),
            ),
            NoteKind::Gap { frames } => {
                self.info(format!("{frames} frames of the microphone were lost"));
            }
            NoteKind::Echo(health) => self.echo.hear(health),
            NoteKind::EchoGuard(step) => {
                let words = self.echo.go_to(step);
                self.info(words.to_owned());
            }
            NoteKind::CancellerRebuilt { times } => self.info(format!(
                "the echo canceller failed and starts anew (time {times}); please report it"
            )),
            NoteKind::ModeChanged(mode) => {
                self.by_key = mode == TurnMode::PushToTalk;
                self.info(format!("turn mode {}: {}", mode.name(), who_finds(mode)));
            }
            NoteKind::Muted(muted) => {
                let text = if muted { "the microphone is muted" } else { "the microphone is live" };
                self.info(text.to_owned());
            }
            _ => {}
        }
    }

    fn begin(&mut self, at_s: f64) {
        // The last one is then written over.
        self.turns.truncate(TURNS_MAX - 1);
        self.turns.push(Turn { start_s: at_s, ..Turn::default() });
    }

    fn end(&mut self, at_s: f64, decided_s: f64) {
        if let Some(turn) = self.turns.last_mut() {
            turn.speech_end_s = Some(at_s);
            turn.decided_s = Some(decided_s);
        }
    }

    fn cut(&mut self, reply: ReplyId, heard_frames: u32) {
        let (now_s, heard_s) = (self.now_s, f64::from(heard_frames) / 24_000.0);
        let turn = self.reply(reply);
        turn.cut = Some((now_s, heard_s));
        turn.silent_s = Some(now_s);
        self.lines.push_back(Line::Cut(heard_s));
        self.say_felt(reply);
    }

    fn say_felt(&mut self, reply: ReplyId) {
        let index = self.turns.iter().rposition(|turn| turn.reply == Some(reply));
        if let Some((index, turn)) = index.and_then(|i| Some((i, self.turns.get(i)?)))
            && turn.response().is_some()
        {
            let turn = Box::new(turn.clone());
            self.lines.push_back(Line::Felt { number: index + 1, turn });
        }
    }

    /// The turn that this reply answers: the one that has it, or else the
    /// newest without a reply, best one whose end we decided (the server may
    /// have decided before us).
    fn reply(&mut self, reply: ReplyId) -> &mut Turn {
        let newest = |is: &dyn Fn(&Turn) -> bool| self.turns.iter().rposition(is);
        let index = newest(&|t| t.reply == Some(reply))
            .or_else(|| newest(&|t| t.reply.is_none() && t.decided_s.is_some()))
            .or_else(|| newest(&|t| t.reply.is_none()));
        let index = index.unwrap_or_else(|| {
            self.begin(self.now_s);
            self.turns.len() - 1
        });
        let turn = &mut self.turns[index];
        turn.reply = Some(reply);
        turn
    }

    fn hear_link(&mut self, event: &LinkEvent) {
        match event {
            LinkEvent::Session(event) => self.hear_session(event),
            LinkEvent::ReplyStarted { reply, first_byte_at, since_turn_end } => {
                let at_s = self.at(*first_byte_at);
                let turn = self.reply(*reply);
                turn.first_byte_s = Some(at_s);
                turn.sent_s = since_turn_end.map(|since| at_s - since.as_secs());
                self.moment(at_s, "first audio", format!("reply {}", reply.0 + 1), false);
            }
            LinkEvent::ReplyTooLong { .. } => self.info(
                "the reply is longer than is kept; its end is lost: see playout.reply_minutes_max"
                    .to_owned(),
            ),
            LinkEvent::Down { explanation, redial_at } => {
                let next = match redial_at {
                    Some(_) => "trying again",
                    None => "giving up",
                };
                if redial_at.is_none_or(|at| self.is_new_trouble(explanation, at)) {
                    self.info(format!("{explanation}; {next}"));
                }
            }
            LinkEvent::Switching { cause, quiet } => {
                self.moment(self.now_s, "switch", cause.words().to_owned(), true);
                if !cause.is_planned() {
                    self.info(format!("{}; moving to another connection", cause.words()));
                } else if !quiet {
                    self.info(format!("{}; no pause came to move in", cause.words()));
                }
            }
            LinkEvent::Unanswered { waited, nudged } => {
                let then = if *nudged { "asking the model to go on" } else { "say it again" };
                self.info(format!("no answer for {:.0} s; {then}", waited.as_secs()));
            }
            LinkEvent::WindowLeft => {
                self.info("your turn was left open and is closed; please report it".to_owned());
            }
            LinkEvent::Back { gap, planned, recall } => {
                self.lines.push_back(Line::Back {
                    gap_s: gap.as_secs(),
                    planned: *planned,
                    recall: *recall,
                });
            }
            LinkEvent::Connected => {}
        }
    }

    /// Whether this is not what was told less than a minute ago.
    fn is_new_trouble(&mut self, explanation: &str, at: Nanos) -> bool {
        let told = self.trouble.as_ref();
        let is_old =
            told.is_some_and(|(text, told)| text == explanation && at.since(*told) < TROUBLE_AGAIN);
        if !is_old {
            self.trouble = Some((explanation.to_owned(), at));
        }
        !is_old
    }

    fn hear_session(&mut self, event: &Event) {
        let now_s = self.now_s;
        match event {
            Event::Ready { .. } => {
                if !std::mem::replace(&mut self.begun, true) {
                    self.lines.push_back(Line::Ready);
                }
                self.moment(now_s, "setupComplete", String::new(), false);
            }
            Event::Caption { speaker, text, interim: false, .. } => match speaker {
                Speaker::User => append(&mut self.user, text),
                Speaker::Model => {
                    self.say_user();
                    append(&mut self.model, text);
                }
            },
            Event::Interrupted { .. } => {
                self.moment(now_s, "interrupted", String::new(), false);
                self.say_model();
            }
            Event::GenerationComplete { reply } => {
                if let Some(turn) = self.turns.iter_mut().rfind(|t| t.reply == Some(*reply)) {
                    turn.received_s = Some(now_s);
                }
                self.moment(now_s, "generationComplete", String::new(), false);
            }
            Event::TurnComplete { .. } => {
                self.moment(now_s, "turnComplete", String::new(), false);
                self.say_user();
                self.say_model();
            }
            Event::ReplyLost { reply } => {
                let lost = self.turns.iter().rfind(|turn| turn.reply == Some(*reply));
                if lost.is_some_and(|turn| turn.received_s.is_none()) {
                    self.info("the rest of the reply is lost with its connection".to_owned());
                }
                self.say_user();
                self.say_model();
            }
            Event::ToolCall { name, .. } => self.info(format!(
                "the model called the tool \"{name}\"; it was told that there is none"
            )),
            Event::GoingAway { .. } => {
                self.moment(now_s, "goAway", String::new(), false);
                self.info("the server will close this connection soon".to_owned());
            }
            Event::Usage(usage) => self.tokens = self.tokens.saturating_add(usage.total_tokens),
            Event::ServerError { message, .. } => {
                self.info(format!("the server reports an error: {message}"));
            }
            _ => {}
        }
    }

    fn say_user(&mut self) {
        let text = std::mem::take(&mut self.user).trim().to_owned();
        if text.is_empty() {
            return;
        }
        let silent = |t: &&mut Turn| t.user.is_empty();
        if let Some(turn) = self.turns.iter_mut().rev().find(silent) {
            turn.user.clone_from(&text);
        }
        self.lines.push_back(Line::User(text));
    }

    fn say_model(&mut self) {
        let text = std::mem::take(&mut self.model).trim().to_owned();
        if text.is_empty() {
            return;
        }
        if let Some(turn) = self.turns.iter_mut().rev().find(|t| t.reply.is_some()) {
            turn.model.clone_from(&text);
        }
        self.lines.push_back(Line::Model(text));
    }

    fn moment(&mut self, at_s: f64, label: &'static str, detail: String, sent: bool) {
        if self.moments.len() < self.page_max {
            self.moments.push(Moment { at_s, label, detail, sent });
        }
    }
}

fn append(caption: &mut String, text: &str) {
    let room = CAPTION_BYTES_MAX.saturating_sub(caption.len()).min(text.len());
    caption.push_str(&text[..text.floor_char_boundary(room)]);
}

#[cfg(test)]
#[path = "story_tests.rs"]
mod tests;
