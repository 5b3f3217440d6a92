//! A story gathers the turns, whoever is faster.

use super::*;
use crate::audio::{EchoHealth, Rate};

const A: ReplyId = ReplyId(0);

fn note(kind: NoteKind, at_ms: i64, decided_ms: i64) -> EngineEvent {
    let at = |ms: i64| FrameTime::start(Rate::UPLINK, 0).plus(ms * 16);
    let note = Note { kind, at: at(at_ms), decided_at: at(decided_ms) };
    let seen_at = Nanos::from_ms(5_000 + decided_ms as u64);
    EngineEvent::Note(WorkerNote { note, seen_at, playback: false })
}

fn now(kind: NoteKind, ms: i64) -> EngineEvent {
    note(kind, ms, ms)
}

fn said(event: Event) -> EngineEvent {
    EngineEvent::Link(LinkEvent::Session(event))
}

fn caption(speaker: Speaker, text: &str) -> EngineEvent {
    let text = text.to_owned();
    said(Event::Caption { speaker, text, interim: false, finished: false })
}

fn first_audio(ms: u64) -> EngineEvent {
    EngineEvent::Link(LinkEvent::ReplyStarted {
        reply: A,
        first_byte_at: Nanos::from_ms(5_000 + ms),
        since_turn_end: Some(Nanos::from_ms(298)),
    })
}

fn turn_complete() -> EngineEvent {
    said(Event::TurnComplete { reply: A, idle: true, reason: None })
}

fn story(mode: TurnMode, events: &[EngineEvent]) -> (Story, Vec<Line>) {
    let mut story = Story::for_page(mode);
    for event in events {
        story.hear(event);
    }
    let lines = std::iter::from_fn(|| story.next_line()).collect();
    (story, lines)
}

fn near(value: Option<f64>, expected: f64) -> bool {
    value.is_some_and(|value| (value - expected).abs() < 1e-6)
}

#[test]
fn a_turn_is_told_with_its_words_and_latencies() {
    let (story, lines) = story(
        TurnMode::Client,
        &[
            note(NoteKind::Onset, 1_000, 1_080),
            note(NoteKind::EndOfTurn, 2_000, 2_800),
            caption(Speaker::User, " Hello"),
            caption(Speaker::User, " there. "),
            first_audio(3_100),
            caption(Speaker::Model, "Hi."),
            now(NoteKind::ReplyStarted(A), 3_110),
            turn_complete(),
            now(NoteKind::ReplyFinished(A), 4_000),
        ],
    );
    let [turn] = story.turns.as_slice() else { panic!("{:?}", story.turns) };
    let felt = Line::Felt { number: 1, turn: Box::new(turn.clone()) };
    assert_eq!(lines, [Line::User("Hello there.".into()), Line::Model("Hi.".into()), felt]);
    assert!(near(turn.deciding(), 0.8));
    assert!(near(turn.sending(), 0.002));
    assert!(near(turn.answering(), 0.298));
    assert!(near(turn.starting(), 0.01));
    assert!(near(turn.response(), 1.11));
    assert!(near(turn.silent_s, 4.0));
}

#[test]
fn an_interruption_belongs_to_the_reply_that_it_cut() {
    let (story, lines) = story(
        TurnMode::Client,
        &[
            note(NoteKind::Onset, 1_000, 1_080),
            note(NoteKind::EndOfTurn, 2_000, 2_800),
            now(NoteKind::ReplyStarted(A), 3_000),
            note(NoteKind::Onset, 4_000, 4_160),
            now(NoteKind::ReplyCut { reply: A, heard_frames: 24_000 }, 4_160),
        ],
    );
    assert_eq!(story.turns.len(), 2);
    let felt = Line::Felt { number: 1, turn: Box::new(story.turns[0].clone()) };
    assert_eq!(lines, [Line::Cut(1.0), felt]);
    assert!(story.turns[0].cut.is_some_and(|(_, heard_s)| near(Some(heard_s), 1.0)));
    assert!(story.turns[1].cut.is_none());
}

#[test]
fn a_server_that_decides_before_us_still_answers_the_same_turn() {
    let (story, _) = story(
        TurnMode::Server,
        &[
            note(NoteKind::Onset, 1_000, 1_080),
            first_audio(2_500),
            now(NoteKind::ReplyStarted(A), 2_510),
            note(NoteKind::EndOfTurn, 2_000, 2_800),
        ],
    );
    assert_eq!(story.turns.len(), 1);
    assert!(near(story.turns[0].response(), 0.51));
}

#[test]
fn with_a_talk_key_the_windows_are_the_turns() {
    let (story, _) = story(
        TurnMode::PushToTalk,
        &[
            now(NoteKind::WindowOpened, 1_000),
            note(NoteKind::Onset, 1_200, 1_280),
            now(NoteKind::WindowClosed, 3_000),
            now(NoteKind::ReplyStarted(A), 3_400),
            note(NoteKind::EndOfTurn, 2_900, 3_700),
        ],
    );
    assert_eq!(story.turns.len(), 1);
    assert!(near(story.turns[0].response(), 0.4));
    assert_eq!(story.windows.len(), 1);
}

#[test]
fn a_reply_that_nobody_asked_for_is_a_turn_of_its_own() {
    let (story, _) = story(TurnMode::Client, &[now(NoteKind::ReplyStarted(A), 3_000)]);
    assert_eq!(story.turns.len(), 1);
    assert!(story.turns[0].speech_end_s.is_none());
}

#[test]
fn the_same_trouble_is_told_once_a_minute() {
    let mut story = Story::new(TurnMode::Client);
    let mut told = |explanation: &str, secs: u64| {
        let redial_at = Some(Nanos::from_secs(secs));
        let explanation = explanation.to_owned();
        story.hear(&EngineEvent::Link(LinkEvent::Down { explanation, redial_at }));
        std::iter::from_fn(|| story.next_line()).count()
    };
    assert_eq!((1..=60).map(|secs| told("no network", secs)).sum::<usize>(), 1);
    assert_eq!(told("no network", 61), 1);
    assert_eq!(told("no name", 62), 1, "another trouble is told at once");
}

#[test]
fn the_health_of_the_echo_is_gathered_and_is_no_news() {
    let health = EchoHealth { return_loss_db: 10.0, ..EchoHealth::default() };
    let events = [now(NoteKind::Onset, 500), now(NoteKind::Echo(health), 9_000)];
    let (story, lines) = story(TurnMode::Client, &events);
    assert_eq!(story.echo.badge().unwrap(), "echo -10 dB");
    assert!(lines.is_empty() && story.last_news_s() < 1.0);
}

/// Sixty probabilities a second are a megabyte in a quarter of an hour.
#[test]
fn without_a_page_nothing_is_kept_for_one() {
    let mut story = Story::new(TurnMode::Client);
    for ms in (0..60_000).step_by(16) {
        story.hear(&now(NoteKind::Voice { probability: 0.5 }, ms));
        story.hear(&now(NoteKind::Floor(FloorState::Free), ms));
        story.hear(&now(NoteKind::WindowOpened, ms));
        story.hear(&now(NoteKind::WindowClosed, ms + 1));
    }
    let kept = [story.voice.capacity(), story.floor.capacity(), story.windows.capacity()];
    assert_eq!((kept, story.moments.capacity()), ([0; 3], 0));
}
