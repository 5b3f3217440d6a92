//! A talk that `run --record` wrote down: what befell it, and whether the same
//! is decided about it again.

use serde_json::Value;

use crate::{
    audio::{Rate, ReplyId, TurnMode},
    sim::replay::{Event, Happened},
};

/// The lines of `events.jsonl`; the last may have been cut by a kill.
pub fn lines(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// What befell the talk besides what its microphone heard, in order.
pub fn events(lines: &[Value]) -> Vec<Event> {
    lines.iter().filter_map(event).collect()
}

fn event(line: &Value) -> Option<Event> {
    let reply = |number: &Value| Some(ReplyId(u32::try_from(number.as_u64()?).ok()?));
    let detail = &line["detail"];
    let what = match line["event"].as_str()? {
        "reply_started" => Happened::Started(reply(detail)?),
        "reply_finished" => Happened::Finished(reply(detail)?),
        "reply_cut" => Happened::Cut(reply(&detail["reply"])?),
        "muted" => Happened::Muted(true),
        "unmuted" => Happened::Muted(false),
        "mode_changed" => Happened::ModeChanged(TurnMode::of_name(detail.as_str()?)?),
        _ => return None,
    };
    let at = line["at"].as_f64()? * f64::from(Rate::UPLINK.hz());
    Some(Event { at: at.round() as i64, what })
}

/// Compares what was decided then with what is decided now, as far as both go.
/// The number of decisions that are the same.
///
/// # Errors
/// The first that differs, in words.
pub fn compare(then: &[Value], now: &[Value]) -> Result<usize, String> {
    let (then, now) = (decisions(then), decisions(now));
    let both = then.iter().zip(&now);
    match both.clone().find(|(then, now)| then != now) {
        None => Ok(both.count()),
        Some((then, now)) => Err(format!("then {}, now {}", words(then), words(now))),
    }
}

/// Its name, what it is about and when it was decided, in seconds.
type Decision = (&'static str, f64, f64);

fn decisions(lines: &[Value]) -> Vec<Decision> {
    let names = ["likely", "false_alarm", "onset", "speech_off", "end_of_turn"];
    let decision = |line: &Value| -> Option<Decision> {
        let name = names.into_iter().find(|name| line["event"] == *name)?;
        Some((name, line["at"].as_f64()?, line["decided_at"].as_f64()?))
    };
    lines.iter().filter_map(decision).collect()
}

fn words((name, at, decided_at): &Decision) -> String {
    format!("{} at {at:.3} s decided at {decided_at:.3} s", name.replace('_', " "))
}
