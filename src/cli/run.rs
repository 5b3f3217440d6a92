//! `chinwag run`: talk.

use std::time::Duration;

use lexopt::Parser;
use serde_json::json;

use super::{
    args::{self, Common},
    exit::{Exit, Failure},
    find::plan_from,
    help::Verb,
    key::{self, Key},
    signals::Signals,
    sound,
    talk::{
        facts::facts,
        orders::{Order, Orders},
        story::Story,
        tell::{TURN_HEAD, Teller, turn_cells, turn_object},
    },
};
use crate::{
    config::Plan,
    device::Clock,
    engine::{Engine, EngineEvent, Report},
    measure::report::Table,
    net::Dialer,
    protocol::{Credential, Endpoint},
};

/// How often orders and signals are looked for.
const LOOK: Duration = Duration::from_millis(20);
/// A file as microphone has ended: so long after the last event, and so long
/// after a turn that is not answered, the conversation is over.
const QUIET_S: f64 = 3.0;
const UNANSWERED_S: f64 = 20.0;

/// The verb.
pub const VERB: Verb = Verb {
    name: "run",
    summary: "talk with the model",
    operands: "",
    about: "Lines on standard input: talk and send (push-to-talk), mute, unmute, say TEXT, quit.\n\
            A WAV file as microphone is played once; the talk ends when the model has answered.",
    flags: &[&args::PLAN_FLAGS, &[&args::KEY_FILE, &args::JSON, &args::HELP]],
    examples: &[
        (
            "chinwag run --mic question.wav --speaker answer.wav",
            "ask with a file, and write what the model says to another",
        ),
        (
            "chinwag run --url ws://127.0.0.1:8765 --mic question.wav --speaker null",
            "the same against chinwag sim, without a key",
        ),
        ("chinwag run --profile server-vad", "let the server find the ends of your turns"),
        ("chinwag run --turn push-to-talk --voice Kore", "change one thing of the profile"),
    ],
};

/// Runs the verb.
///
/// # Errors
/// Everything that keeps a conversation from starting or going on.
pub fn run(parser: &mut Parser) -> Result<Exit, Failure> {
    let Some(given) = args::parse(&VERB, parser)? else { return Ok(Exit::Ok) };
    if let Some(surplus) = given.operands.first() {
        return Err(Failure::usage(format!("run takes flags only; what is \"{surplus}\"?")));
    }
    let common = Common::of(&given)?;
    let plan = plan_from(&common)?;
    let Key { credential, found_in: key_from } = key_for(&common, &plan)?;
    let mut teller = Teller::new(common.json);
    let clock = Clock::start();
    let mut backend =
        sound::backend(&plan.device).map_err(|e| Failure::new(Exit::Device, e.to_string()))?;
    let dialer = dialer(&plan, credential)?;
    let url = dialer.endpoint().url();
    let signals = Signals::new().map_err(Failure::internal)?;
    let mut engine = Engine::start(&plan, backend.as_mut(), dialer, clock)?;
    introduce(&plan, &engine, &url, &key_from, &mut teller)?;
    let mut story = Story::new(plan.turn.mode);
    let ended = converse(&mut engine, &mut story, &signals, &mut teller);
    let report = engine.stop();
    conclude(&story, &report, &mut teller)?;
    ended?;
    match report.link.as_ref().and_then(|l| l.gave_up.as_ref()) {
        Some(verdict) => Err(Failure::of_verdict(verdict)),
        None => Ok(Exit::Ok),
    }
}

/// The key, or any word for a server on this machine.
fn key_for(common: &Common, plan: &Plan) -> Result<Key, Failure> {
    if let Some(key) = key::key_of(common)? {
        return Ok(key);
    }
    let simulator = plan.link.url.as_deref().is_some_and(|url| url.starts_with("ws://"));
    match Credential::from_secret("none") {
        Ok(credential) if simulator => {
            let found_in = "none, which a simulator does not mind".to_owned();
            Ok(Key { credential, found_in })
        }
        _ => Err(key::missing()),
    }
}

fn dialer(plan: &Plan, credential: Credential) -> Result<Dialer, Failure> {
    let version = plan.session.api_version;
    let endpoint = Endpoint::new(plan.link.url.as_deref(), version, &credential)
        .map_err(|e| Failure::usage(e.to_string()))?;
    Dialer::new(endpoint, credential, &plan.link)
        .map_err(|e| Failure::of_verdict(&e.verdict(&plan.session)))
}

fn introduce(
    plan: &Plan,
    engine: &Engine,
    url: &str,
    key_from: &str,
    teller: &mut Teller,
) -> Result<(), Failure> {
    teller.say(&format!(
        "profile    {} ({})\nmicrophone {} at {}\nspeaker    {} at {}\nservice    {}, {}\nkey        {}",
        plan.profile,
        plan.origin,
        plan.device.input,
        engine.offer().capture_rate,
        plan.device.output,
        engine.offer().render_rate,
        url,
        plan.session.model,
        key_from,
    ))?;
    teller.emit(json!({
        "event": "start",
        "profile": plan.profile,
        "config": plan.origin.to_string(),
        "input": plan.device.input,
        "output": plan.device.output,
        "capture_hz": engine.offer().capture_rate.hz(),
        "render_hz": engine.offer().render_rate.hz(),
        "url": url,
        "model": plan.session.model,
        "key_from": key_from,
    }))?;
    Ok(())
}

/// Until the user, the service or the microphone's file ends it.
fn converse(
    engine: &mut Engine,
    story: &mut Story,
    signals: &Signals,
    teller: &mut Teller,
) -> Result<(), Failure> {
    let mut orders = Orders::default();
    while !signals.stop_asked() {
        let event = engine.next_event(LOOK);
        story.hear(&event);
        teller.tell(story, &event)?;
        while let Some(order) = orders.next() {
            if obey(engine, order, teller)? {
                return Ok(());
            }
        }
        if event == EngineEvent::LinkEnded {
            return Ok(());
        }
        if let EngineEvent::DeviceDead { .. } = event {
            return Err(Failure::new(Exit::Device, "the sound device has stopped"));
        }
        if engine.microphone_ended() && is_over(story) {
            return Ok(());
        }
    }
    Ok(())
}

/// Does what a line asks for; `true` where it asks to end.
fn obey(engine: &Engine, order: Order, teller: &mut Teller) -> Result<bool, Failure> {
    match order {
        Order::Talk => engine.talk(true),
        Order::Send => engine.talk(false),
        Order::Mute => engine.mute(true),
        Order::Unmute => engine.mute(false),
        Order::Say(text) => _ = engine.say(&text),
        Order::Quit => return Ok(true),
        Order::Unknown(line) => teller.say(&format!(
            "\"{line}\" is no order; there are: talk, send, mute, unmute, say TEXT, quit"
        ))?,
    }
    Ok(false)
}

/// Whether nothing more will come of a microphone that has ended.
fn is_over(story: &Story) -> bool {
    let waits = story.turns.last().is_some_and(|t| t.audible_s.is_none());
    let speaks = story.turns.iter().any(|t| t.audible_s.is_some() && t.silent_s.is_none());
    let patience = if waits { UNANSWERED_S } else { QUIET_S };
    !speaks && story.now_s() - story.last_news_s() > patience
}

fn conclude(story: &Story, report: &Report, teller: &mut Teller) -> Result<(), Failure> {
    let mut table = Table::new(TURN_HEAD);
    for (index, turn) in story.turns.iter().enumerate() {
        table.row(turn_cells(index + 1, turn));
        teller.emit(turn_object(index + 1, turn))?;
    }
    if !table.is_empty() {
        teller.say(&format!("\n{table}"))?;
    }
    for (name, value) in facts(report, story.tokens) {
        teller.say(&format!("{name}: {value}"))?;
        teller.emit(json!({ "event": "fact", "name": name, "value": value }))?;
    }
    Ok(())
}
