//! The demo's page: the conversation as lanes over one time axis.

use super::person::Recording;
use crate::{
    audio::note::FloorState,
    cli::talk::{story::Story, turn::Turn},
    measure::timeline::{Lane, Latency, Mark, Span, Timeline, Tone, TurnRow},
};

/// What the page says besides the story.
pub(super) struct Facts {
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) figures: Vec<(String, String)>,
    pub(super) rate_hz: u32,
    pub(super) threshold: f32,
}

/// Draws the conversation.
pub(super) fn page(story: &Story, recording: &Recording, facts: Facts) -> Timeline {
    let duration_s = recording.user.len() as f64 / f64::from(facts.rate_hz);
    let end = duration_s;
    let lanes = vec![
        Lane::waveform("you, at the microphone", Tone::User, &recording.user, facts.rate_hz),
        voice_lane(story, facts.threshold),
        Lane::spans("sent to the model", windows(story, end)),
        Lane::spans("the floor", floor(story, end)),
        Lane::spans("reply, received", received(&story.turns)),
        Lane::spans("reply, heard", heard(&story.turns, end)),
        Lane::waveform("model, at the speaker", Tone::Model, &recording.model, facts.rate_hz),
        Lane::marks("messages", messages(story)),
    ];
    Timeline {
        title: facts.title,
        subtitle: facts.subtitle,
        duration_s,
        facts: facts.figures,
        turns: rows(&story.turns, end),
        lanes,
    }
}

fn voice_lane(story: &Story, threshold: f32) -> Lane {
    let values: Vec<f32> = story.voice.iter().map(|v| v.1).collect();
    let hop_s = match story.voice.as_slice() {
        [first, .., last] => (last.0 - first.0) / (values.len() - 1) as f64,
        _ => 0.016,
    };
    Lane::series("voice probability", Tone::User, values, hop_s, Some(threshold))
}

fn windows(story: &Story, end: f64) -> Vec<Span> {
    let spans = story.windows.iter().enumerate().map(|(i, (start, stop))| Span {
        start_s: *start,
        end_s: stop.unwrap_or(end),
        label: format!("turn {}", i + 1),
        tone: Tone::User,
    });
    spans.collect()
}

fn floor(story: &Story, end: f64) -> Vec<Span> {
    let ends = story.floor.iter().skip(1).map(|f| f.0).chain([end]);
    let spans = story.floor.iter().zip(ends).filter_map(|((start_s, state), end_s)| {
        let (label, tone) = match state {
            FloorState::Free => return None,
            FloorState::User => ("you", Tone::User),
            FloorState::Model => ("model", Tone::Model),
            FloorState::Overlap => ("both", Tone::Overlap),
        };
        Some(Span { start_s: *start_s, end_s, label: label.to_owned(), tone })
    });
    spans.collect()
}

fn received(turns: &[Turn]) -> Vec<Span> {
    let spans = turns.iter().enumerate().filter_map(|(i, turn)| {
        let start_s = turn.first_byte_s?;
        let end_s = turn.received_s.or(turn.cut.map(|c| c.0))?.max(start_s);
        Some(Span { start_s, end_s, label: format!("reply {}", i + 1), tone: Tone::Neutral })
    });
    spans.collect()
}

fn heard(turns: &[Turn], end: f64) -> Vec<Span> {
    let spans = turns.iter().enumerate().filter_map(|(i, turn)| {
        let label = match turn.cut {
            Some(_) => format!("reply {}, cut", i + 1),
            None => format!("reply {}", i + 1),
        };
        let end_s = turn.silent_s.unwrap_or(end);
        Some(Span { start_s: turn.audible_s?, end_s, label, tone: Tone::Model })
    });
    spans.collect()
}

fn messages(story: &Story) -> Vec<Mark> {
    let mark = |m: &crate::cli::talk::story::Moment| Mark {
        at_s: m.at_s,
        label: m.label.to_owned(),
        detail: m.detail.clone(),
        tone: match (m.label, m.sent) {
            ("interrupted", _) => Tone::Alert,
            (_, true) => Tone::User,
            (_, false) => Tone::Model,
        },
    };
    story.moments.iter().map(mark).collect()
}

fn rows(turns: &[Turn], end: f64) -> Vec<TurnRow> {
    let starts = turns.iter().skip(1).map(|t| t.start_s).chain([end]);
    let rows = turns.iter().zip(starts).enumerate().map(|(i, (turn, next))| {
        let latency = |name: &str, seconds: Option<f64>| Latency {
            name: name.to_owned(),
            ms: seconds.map(|s| s * 1_000.0),
        };
        let (outcome, tone) = match (turn.cut, turn.audible_s) {
            (Some((_, heard_s)), _) => (format!("cut after {heard_s:.2} s"), Tone::Alert),
            (None, Some(_)) => ("heard whole".to_owned(), Tone::Model),
            (None, None) => ("no answer".to_owned(), Tone::Alert),
        };
        TurnRow {
            number: i as u32 + 1,
            start_s: turn.start_s,
            end_s: next.min(turn.silent_s.unwrap_or(next)).max(turn.start_s),
            user: turn.user.clone(),
            model: turn.model.clone(),
            outcome,
            tone,
            latencies: vec![
                latency("end decided", turn.deciding()),
                latency("→ sent", turn.sending()),
                latency("→ first audio", turn.answering()),
                latency("→ audible", turn.starting()),
                latency("you stop → model heard", turn.response()),
            ],
        }
    });
    rows.collect()
}
