//! What is told of a conversation: words for people, objects for machines.

use serde_json::{Map, Value, json};

use super::{sound, story::Line, turn::Turn};
use crate::{
    audio::{Note, NoteKind, Wait},
    engine::EngineEvent,
    link::LinkEvent,
    measure::report::{ms, plain},
    protocol::{Event, Recall},
};

/// A line for people: who, and what.
pub(super) fn line_words(line: &Line) -> (&'static str, String) {
    match line {
        Line::Ready => ("", "ready: speak".to_owned()),
        Line::User(text) => ("you    ", plain(text)),
        Line::Model(text) => ("model  ", plain(text)),
        Line::Cut(heard_s) => ("       ", format!("(cut after {heard_s:.2} s)")),
        Line::Felt { turn, .. } => ("       ", format!("({})", felt_words(turn))),
        Line::Back { gap_s, planned, recall } => ("note   ", back_words(*gap_s, *planned, *recall)),
        Line::Info(text) => ("note   ", plain(text)),
    }
}

fn back_words(gap_s: f64, planned: bool, recall: Recall) -> String {
    let how = if planned { "moved to a new connection" } else { "connected again" };
    let memory = match recall {
        Recall::Whole => "",
        Recall::Text => "; the model has only the text of what was said",
        Recall::Nothing => "; the model has forgotten what was said",
    };
    format!("{how}, {gap_s:.2} s without one{memory}")
}

/// A line for machines.
pub(super) fn line_object(line: &Line, at_s: f64) -> Value {
    let (event, text) = match line {
        Line::Ready => ("ready", String::new()),
        Line::User(text) => ("user", text.clone()),
        Line::Model(text) => ("model", text.clone()),
        Line::Cut(heard_s) => return json!({ "event": "cut", "t": at_s, "heard_s": heard_s }),
        Line::Felt { number, turn } => {
            let mut object = json!({ "event": "latency", "t": at_s, "number": number });
            add_latencies(&mut object, turn);
            return object;
        }
        Line::Back { gap_s, planned, recall } => {
            return json!({
                "event": "reconnected",
                "t": at_s,
                "gap_ms": rounded(gap_s * 1e3),
                "planned": planned,
                "recall": format!("{recall:?}").to_lowercase(),
            });
        }
        Line::Info(text) => ("info", text.clone()),
    };
    json!({ "event": event, "t": at_s, "text": text })
}

/// What the user felt, step by step.
fn felt_words(turn: &Turn) -> String {
    let [decided, sent, first_audio, audible, response] = latencies(turn).map(|(_, s)| ms_of(s));
    format!(
        "{response} after you stopped: end decided {decided}, sent {sent}, \
         first audio {first_audio}, audible {audible}"
    )
}

/// What a turn's steps are called for machines, and what each took, in
/// seconds: from the true end of speech on; the last is all of them.
fn latencies(turn: &Turn) -> [(&'static str, Option<f64>); 5] {
    [
        ("end_decided_ms", turn.deciding()),
        ("sent_ms", turn.sending()),
        ("first_audio_ms", turn.answering()),
        ("audible_ms", turn.starting()),
        ("response_ms", turn.response()),
    ]
}

fn add_latencies(object: &mut Value, turn: &Turn) {
    for (name, seconds) in latencies(turn) {
        object[name] = json!(seconds.map(|s| rounded(s * 1_000.0)));
    }
}

fn ms_of(seconds: Option<f64>) -> String {
    ms(seconds.map(|s| s * 1_000.0))
}

/// The machine's view of an event; none for what is too fine or has no news.
pub(super) fn object_of(event: &EngineEvent, at_s: f64) -> Option<Value> {
    Some(match event {
        EngineEvent::Note(told) => note_object(&told.note, at_s)?,
        EngineEvent::Link(LinkEvent::Connected) => json!({ "event": "connected", "t": at_s }),
        EngineEvent::Link(LinkEvent::Session(event)) => session_object(event, at_s)?,
        EngineEvent::Link(LinkEvent::Switching { cause, quiet }) => {
            json!({ "event": "switching", "t": at_s, "because": cause.words(), "quiet": quiet })
        }
        EngineEvent::Link(_) | EngineEvent::LinkEnded | EngineEvent::Quiet => return None,
        EngineEvent::Sound(event) => sound::object(event, at_s),
    })
}

/// The machine's view of a note; none for a meter's reading, nor for the echo's
/// health: once a second is enough, see `Echo::take`.
pub(in crate::cli) fn note_object(note: &Note, at_s: f64) -> Option<Value> {
    let (name, detail) = match note.kind {
        NoteKind::Voice { .. } | NoteKind::Level { .. } | NoteKind::Echo(_) => return None,
        NoteKind::Floor(state) => ("floor", json!(format!("{state:?}").to_lowercase())),
        NoteKind::ReplyStarted(r) => ("reply_started", json!(r.0)),
        NoteKind::ReplyFinished(r) => ("reply_finished", json!(r.0)),
        NoteKind::Starved(r) => ("starved", json!(r.0)),
        NoteKind::ReplyCut { reply, heard_frames } => {
            ("reply_cut", json!({ "reply": reply.0, "heard_frames": heard_frames }))
        }
        NoteKind::Gap { frames } => ("gap", json!(frames)),
        NoteKind::SpeakerBack { lost_frames } => ("speaker_back", json!(lost_frames)),
        NoteKind::ModeChanged(mode) => ("mode_changed", json!(mode.name())),
        NoteKind::EchoGuard(step) => ("echo_guard", json!(step.name())),
        NoteKind::CancellerRebuilt { times } => ("canceller_rebuilt", json!(times)),
        NoteKind::SpeechOff(wait) => return Some(pause("speech_off", note, wait)),
        NoteKind::WaitChanged(wait) => return Some(pause("wait_changed", note, wait)),
        kind => {
            let name = plain_name(kind);
            return Some(plain_note(name, note.at.as_secs(), note.decided_at.as_secs()));
        }
    };
    Some(json!({ "event": name, "t": at_s, "at": note.at.as_secs(), "detail": detail }))
}

fn plain_note(name: &str, at: f64, decided_at: f64) -> Value {
    json!({ "event": name, "at": at, "decided_at": decided_at })
}

fn plain_name(kind: NoteKind) -> &'static str {
    match kind {
        NoteKind::Likely => "likely",
        NoteKind::FalseAlarm => "false_alarm",
        NoteKind::Onset => "onset",
        NoteKind::SpeechOn => "speech_on",
        NoteKind::EndOfTurn => "end_of_turn",
        NoteKind::WindowOpened => "window_opened",
        NoteKind::WindowClosed => "window_closed",
        NoteKind::PhantomInterrupted => "phantom_interrupted",
        NoteKind::Ducked(true) => "ducked",
        NoteKind::Ducked(false) => "unducked",
        NoteKind::Muted(true) => "muted",
        NoteKind::Muted(false) => "unmuted",
        NoteKind::MicrophoneBack => "microphone_back",
        _ => "note",
    }
}

/// A pause, how long it may last, and why.
fn pause(name: &str, note: &Note, wait: Wait) -> Value {
    let because: Map<String, Value> =
        wait.reasons().map(|(reason, ms)| (reason.name().to_owned(), ms.into())).collect();
    let mut object = plain_note(name, note.at.as_secs(), note.decided_at.as_secs());
    object["wait_ms"] = wait.ms.into();
    object["because_ms"] = because.into();
    object
}

fn session_object(event: &Event, at_s: f64) -> Option<Value> {
    let name = match event {
        Event::Interrupted { .. } => "interrupted",
        Event::GenerationComplete { .. } => "generation_complete",
        Event::TurnComplete { .. } => "turn_complete",
        Event::GoingAway { .. } => "going_away",
        Event::Resumable { .. } => "resumable",
        _ => return None,
    };
    Some(json!({ "event": name, "t": at_s }))
}

/// The cells of a turn in the table of latencies.
pub(in crate::cli) fn turn_cells(number: usize, turn: &Turn) -> [String; 9] {
    let outcome = match (turn.cut, turn.audible_s) {
        (Some((_, heard_s)), _) => format!("cut after {heard_s:.2} s"),
        (None, Some(_)) => "heard whole".to_owned(),
        (None, None) => "no answer".to_owned(),
    };
    [
        number.to_string(),
        format!("{:.2}", turn.start_s),
        ms_of(turn.deciding()),
        ms_of(turn.sending()),
        ms_of(turn.answering()),
        ms_of(turn.starting()),
        ms_of(turn.response()),
        outcome,
        plain(&turn.user),
    ]
}

/// The head of that table.
pub(in crate::cli) const TURN_HEAD: [&str; 9] = [
    "turn",
    "at s",
    "end decided",
    "→ sent",
    "→ first audio",
    "→ audible",
    "you stop → model heard",
    "reply",
    "you said",
];

/// A turn for machines.
pub(in crate::cli) fn turn_object(number: usize, turn: &Turn) -> Value {
    let mut object = json!({
        "event": "turn",
        "number": number,
        "start_s": turn.start_s,
        "speech_end_s": turn.speech_end_s,
        "cut_after_s": turn.cut.map(|(_, heard_s)| heard_s),
        "user": turn.user,
        "model": turn.model,
    });
    add_latencies(&mut object, turn);
    object
}

/// To a thousandth: more digits are not measured.
pub(in crate::cli) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each step from the last frame of speech to the first audible one.
    fn turn() -> Turn {
        Turn {
            speech_end_s: Some(2.0),
            decided_s: Some(2.8),
            sent_s: Some(2.802),
            first_byte_s: Some(3.1),
            audible_s: Some(3.109),
            ..Turn::default()
        }
    }

    #[test]
    fn the_steps_of_a_turn_add_up_to_what_the_user_felt() {
        let object = turn_object(1, &turn());
        let names = ["end_decided_ms", "sent_ms", "first_audio_ms", "audible_ms"];
        assert_eq!(names.map(|name| object[name].as_f64().unwrap()), [800.0, 2.0, 298.0, 9.0]);
        assert_eq!(object["response_ms"], 1_109.0);
        let told = line_object(&Line::Felt { number: 1, turn: Box::new(turn()) }, 4.0);
        assert_eq!(told["event"], "latency");
        for name in names {
            assert_eq!(told[name], object[name], "{name}");
        }
    }

    #[test]
    fn a_turn_that_is_over_is_told_in_one_line() {
        let (_, words) = line_words(&Line::Felt { number: 1, turn: Box::new(turn()) });
        let expected = "(1109 ms after you stopped: end decided 800 ms, sent 2.00 ms, \
                        first audio 298 ms, audible 9.00 ms)";
        assert_eq!(words, expected);
        let unsaid = Turn { sent_s: None, ..turn() };
        assert_eq!(turn_object(1, &unsaid)["sent_ms"], Value::Null);
        assert_eq!(turn_cells(1, &unsaid)[3], "-");
    }
}
