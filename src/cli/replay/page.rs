//! A recording and what was decided about it, as lanes over one time axis.

use serde_json::Value;

use super::words_of;
use crate::{
    audio::{NoteKind, Rate},
    config::Plan,
    dialog::{EndpointKind, TurnSettings},
    measure::timeline::{Lane, Latency, Mark, Span, Timeline, Tone, TurnRow},
    sim::replay::{Replayed, Told},
};

/// One turn, in seconds at the microphone but for what is said to be heard.
struct Turn {
    onset_s: f64,
    onset_heard_s: f64,
    /// Where what is sent begins: the onset less its pre-roll.
    sent_from_s: Option<f64>,
    end: Option<End>,
}

#[derive(Clone, Copy)]
struct End {
    last_speech_s: f64,
    decided_s: f64,
    /// When it was decided, as heard.
    heard: f64,
}

/// Draws a recording; `objects` are its decisions as they are told.
pub(super) fn page(name: &str, plan: &Plan, replayed: &Replayed, objects: &[Value]) -> Timeline {
    let (turns, end_s) = (turns(&replayed.told), replayed.duration_s);
    let threshold = plan.turn.threshold;
    let probabilities: Vec<f32> = replayed.voice.iter().map(|v| v.probability).collect();
    let hop_s = match replayed.voice.as_slice() {
        [first, second, ..] => second.at.as_secs() - first.at.as_secs(),
        _ => end_s,
    };
    let microphone = &replayed.processed;
    let mut lanes = vec![
        Lane::waveform("microphone, processed", Tone::User, microphone, Rate::UPLINK.hz()),
        Lane::series("voice probability", Tone::User, probabilities, hop_s, Some(threshold)),
        Lane::spans("speech, as decided", speech(replayed)),
        Lane::spans("turns", sent(&turns, end_s)),
        Lane::spans("waiting in silence", silences(replayed, &turns)),
        Lane::marks("decisions", marks(objects)),
    ];
    let replies = replies(&replayed.told, end_s);
    if !replies.is_empty() {
        lanes.push(Lane::spans("reply, heard", replies));
    }
    Timeline {
        title: name.to_owned(),
        subtitle: format!("replayed with profile {}", plan.profile),
        duration_s: end_s,
        facts: facts(plan, replayed),
        turns: rows(&turns, replayed),
        lanes,
    }
}

fn facts(plan: &Plan, replayed: &Replayed) -> Vec<(String, String)> {
    let ends = replayed.ends().count();
    let open = if replayed.open { ", one open at the end" } else { "" };
    let turn = &plan.turn;
    let facts = [
        ("length", format!("{:.2} s", replayed.duration_s)),
        ("turns ended", format!("{ends}{open}")),
        ("speech from", format!("{} for {} ms", turn.threshold, turn.onset_ms)),
        ("silence under", turn.threshold_off.to_string()),
        ("pre-roll", format!("{} ms", turn.pre_roll_ms)),
        ("end of turn", ending(turn)),
    ];
    facts.map(|(name, value)| (name.to_owned(), value)).into()
}

fn ending(turn: &TurnSettings) -> String {
    match turn.endpoint {
        EndpointKind::Fixed => format!("after {} ms", turn.hangover_ms),
        EndpointKind::Adaptive => format!(
            "after {} to {} ms, patience {}",
            turn.hangover_min_ms, turn.hangover_max_ms, turn.patience
        ),
    }
}

fn turns(told: &[Told]) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for Told { note, heard_s } in told {
        let at_s = note.at.as_secs();
        match (note.kind, turns.last_mut()) {
            (NoteKind::Onset, _) => turns.push(Turn {
                onset_s: at_s,
                onset_heard_s: *heard_s,
                sent_from_s: None,
                end: None,
            }),
            (NoteKind::WindowOpened, Some(turn)) => turn.sent_from_s = Some(at_s),
            (NoteKind::EndOfTurn, Some(turn)) => {
                let decided_s = note.decided_at.as_secs();
                turn.end = Some(End { last_speech_s: at_s, decided_s, heard: *heard_s });
            }
            _ => {}
        }
    }
    turns
}

fn span(start_s: f64, end_s: f64, label: impl Into<String>, tone: Tone) -> Span {
    Span { start_s, end_s, label: label.into(), tone }
}

fn speech(replayed: &Replayed) -> Vec<Span> {
    replayed.speech.iter().map(|[on, off]| span(*on, *off, "speech", Tone::User)).collect()
}

fn sent(turns: &[Turn], end_s: f64) -> Vec<Span> {
    let of = |(i, turn): (usize, &Turn)| {
        let pre_roll = turn.sent_from_s.filter(|from| *from < turn.onset_s);
        let pre_roll = pre_roll.map(|from| span(from, turn.onset_s, "pre-roll", Tone::Neutral));
        let until = turn.end.map_or(end_s, |end| end.decided_s);
        let whole = span(turn.onset_s, until, format!("turn {}", i + 1), Tone::User);
        pre_roll.into_iter().chain([whole])
    };
    turns.iter().enumerate().flat_map(of).collect()
}

/// From each end of speech to where it went on, or to the end of the turn.
fn silences(replayed: &Replayed, turns: &[Turn]) -> Vec<Span> {
    let starts = replayed.speech.iter().skip(1).map(|s| s[0]).chain([replayed.duration_s]);
    let spans = replayed.speech.iter().map(|s| s[1]).zip(starts).map(|(off_s, next_s)| {
        let ends = turns.iter().filter_map(|turn| Some(turn.end?.heard));
        let end = ends.into_iter().find(|end_s| (off_s..=next_s).contains(end_s));
        let until = end.unwrap_or(next_s);
        let (what, tone) =
            if end.is_some() { ("end", Tone::User) } else { ("hold", Tone::Neutral) };
        span(off_s, until, format!("{what}, {:.2} s", until - off_s), tone)
    });
    spans.filter(|span| span.end_s > span.start_s).collect()
}

/// What was decided about the user, where it was decided.
fn marks(objects: &[Value]) -> Vec<Mark> {
    let mark = |object: &Value| {
        let tone = match object["event"].as_str()? {
            "likely" | "speech_off" | "speech_on" => Tone::Neutral,
            "onset" | "end_of_turn" => Tone::User,
            "false_alarm" => Tone::Alert,
            _ => return None,
        };
        let (label, detail) = words_of(object);
        Some(Mark { at_s: object["t"].as_f64()?, label, detail: detail.trim().to_owned(), tone })
    };
    objects.iter().filter_map(mark).collect()
}

fn replies(told: &[Told], end_s: f64) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for Told { note, .. } in told {
        let at_s = note.at.as_secs();
        match (note.kind, spans.last_mut()) {
            (NoteKind::ReplyStarted(reply), _) => {
                spans.push(span(at_s, end_s, format!("reply {}", reply.0 + 1), Tone::Model));
            }
            (NoteKind::ReplyFinished(_), Some(last)) => last.end_s = last.end_s.min(at_s),
            (NoteKind::ReplyCut { .. }, Some(last)) => {
                last.end_s = at_s;
                last.label += ", cut";
            }
            _ => {}
        }
    }
    spans
}

fn rows(turns: &[Turn], replayed: &Replayed) -> Vec<TurnRow> {
    let end_s = replayed.duration_s;
    let row = |(i, turn): (usize, &Turn)| {
        let latency = |name: &str, s: Option<f64>| Latency {
            name: name.to_owned(),
            ms: s.map(|s| s * 1_000.0),
        };
        let until = turn.end.map_or(end_s, |end| end.heard);
        let parts =
            replayed.speech.iter().filter(|s| (turn.onset_s..until).contains(&s[0])).count();
        let length_s = turn.end.map_or(end_s, |end| end.last_speech_s) - turn.onset_s;
        TurnRow {
            number: i as u32 + 1,
            user: format!("{length_s:.2} s of speech, pauses: {}", parts.saturating_sub(1)),
            start_s: turn.sent_from_s.unwrap_or(turn.onset_s),
            end_s: turn.end.map_or(end_s, |end| end.decided_s),
            outcome: if turn.end.is_some() { "ended" } else { "open" }.to_owned(),
            tone: if turn.end.is_some() { Tone::User } else { Tone::Alert },
            latencies: vec![
                latency("onset decided", Some(turn.onset_heard_s - turn.onset_s)),
                latency("end decided", turn.end.map(|end| end.heard - end.last_speech_s)),
            ],
            ..TurnRow::default()
        }
    };
    turns.iter().enumerate().map(row).collect()
}
