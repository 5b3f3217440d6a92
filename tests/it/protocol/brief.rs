//! A session driven by JSON, with its events in a few words each.

use chinwag::{
    audio::Nanos,
    protocol::{Event, Session, SessionSettings, Speaker},
};

/// One event in a few words.
pub(super) fn brief(event: &Event) -> String {
    let ms = |time: &Option<Nanos>| time.map_or("?".to_owned(), |t| t.as_ms().to_string());
    match event {
        Event::Ready { session_id, .. } => {
            format!("ready {}", session_id.as_deref().unwrap_or("-"))
        }
        Event::SetupTimedOut => "setup timed out".to_owned(),
        Event::Audio { reply, samples, rate } => {
            format!("audio {} {samples:?} {}", reply.0, rate.hz())
        }
        Event::Text { reply, text } => format!("text {} {text}", reply.0),
        Event::Interrupted { reply } => format!("interrupted {}", reply.0),
        Event::GenerationComplete { reply } => format!("generated {}", reply.0),
        Event::TurnComplete { reply, idle, reason } => {
            let on = if *idle { "" } else { " goes on" };
            let why = reason.as_ref().map_or(String::new(), |r| format!(" {r}"));
            format!("turn {}{on}{why}", reply.0)
        }
        Event::ReplyLost { reply } => format!("lost {}", reply.0),
        Event::Idle => "idle".to_owned(),
        Event::Caption { speaker, text, interim, finished } => {
            let who = if *speaker == Speaker::User { "user" } else { "model" };
            let guess = if *interim { "?" } else { "" };
            let end = if *finished { "." } else { "" };
            format!("{who}{guess} \"{text}\"{end}")
        }
        Event::ToolCall { name, id } => format!("call {name} {}", id.as_deref().unwrap_or("-")),
        Event::ToolCancelled { ids } => format!("cancelled {}", ids.join(" ")),
        Event::GoingAway { time_left } => format!("going away {}", ms(time_left)),
        Event::Resumable { handle_known } => format!("resumable {handle_known}"),
        Event::Usage(u) => format!(
            "usage {}+{}+{}+{}={}",
            u.prompt_tokens,
            u.response_tokens,
            u.tool_prompt_tokens,
            u.thought_tokens,
            u.total_tokens
        ),
        Event::VoiceActivity { start, offset } => {
            format!("voice {} {}", if *start { "start" } else { "end" }, ms(offset))
        }
        Event::WaitingForInput => "waiting".to_owned(),
        Event::ServerError { code, status, message } => {
            format!("error {} {} {message}", code.unwrap_or(0), status.as_deref().unwrap_or("-"))
        }
    }
}

/// All waiting events in a few words.
pub(super) fn events(session: &mut Session) -> Vec<String> {
    std::iter::from_fn(|| session.poll_event()).map(|event| brief(&event)).collect()
}

/// A session whose setup was accepted, with its first events and messages taken.
pub(super) fn ready(settings: SessionSettings) -> Session {
    let mut session = Session::new(settings);
    session.connected(Nanos::ZERO);
    let mut out = String::new();
    assert!(session.poll_transmit(&mut out), "no setup");
    session.receive(Nanos::ZERO, br#"{"setupComplete":{}}"#);
    assert_eq!(events(&mut session), ["ready -"]);
    session
}
