//! `chinwag run`: talk.

use std::{path::Path, thread, time::Duration};

use lexopt::Parser;
use serde_json::json;

use super::{
    args::{self, Common},
    exit::{Exit, Failure},
    find::plan_from,
    help::Verb,
    key::{self, Key},
    metrics::{self, METRICS},
    signals::Signals,
    sound,
    talk::{
        conversation::Conversation,
        facts::facts,
        orders::Orders,
        pulse,
        story::Story,
        tell::{TURN_HEAD, rounded, turn_cells, turn_object},
        teller::Teller,
        terminal::Terminal,
    },
    waiting::Waiting,
};
use crate::{
    config::Plan,
    device::Clock,
    engine::{Engine, EngineError, Extras, Report},
    measure::report::Table,
    net::Dialer,
    protocol::{Credential, Endpoint, StartPolicy},
};

/// How often a signal is looked for while a device is missing.
const LOOK: Duration = Duration::from_millis(20);

/// The verb.
pub const VERB: Verb = Verb {
    name: "run",
    summary: "talk with the model",
    operands: "",
    about: "On a terminal, keys: space talks and sends (push-to-talk), m mutes, s silences the model,\n\
            t changes how turns are taken, q quits. Otherwise lines on standard input: talk, send, mute,\n\
            unmute, stop, say TEXT, mode server|hybrid|client|push-to-talk, quit.\n\
            SIGUSR1 talks and sends. A WAV file as microphone is played once; the talk ends when the\n\
            model has answered.",
    flags: &[
        &args::PLAN_FLAGS,
        &[
            &args::CA_FILE,
            &args::KEY_FILE,
            &args::RECORD,
            &METRICS,
            &args::QUIET,
            &args::VERBOSE,
            &args::JSON,
            &args::HELP,
        ],
    ],
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
        ("chinwag run --metrics", "and, meanwhile: curl http://127.0.0.1:9464/metrics"),
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
    let mut teller =
        Teller::new(common.json).with_detail(given.has(&args::QUIET), given.has(&args::VERBOSE));
    let clock = Clock::start();
    let listener = metrics::open(&given)?;
    let dialer = dialer(&plan, credential)?;
    let url = dialer.endpoint().url();
    let terminal = if common.json { None } else { Terminal::enter() };
    let signals =
        Signals::new(terminal.as_ref().map(Terminal::restorer)).map_err(Failure::internal)?;
    let folder = given.path(&args::RECORD);
    let start = Start { plan: &plan, dialer: &dialer, clock, folder: folder.as_deref() };
    let mut orders = terminal.as_ref().map_or_else(Orders::default, |_| Orders::by_keys());
    let Some(mut engine) = start.run(&signals, &mut orders, &mut teller)? else {
        return Ok(Exit::Ok);
    };
    let metrics = metrics::serve(listener, engine.meter())?;
    let from =
        From { plan: &plan, url: &url, key: &key_from, metrics: metrics::url(metrics.as_ref()) };
    introduce(&from, &engine, &mut teller)?;
    let mut story = Story::new(plan.turn.mode);
    let conversation = Conversation {
        engine: &mut engine,
        story: &mut story,
        teller: &mut teller,
        signals: &signals,
        terminal: terminal.as_ref(),
        orders: &mut orders,
        clock,
        plan: &plan,
    };
    let ended = conversation.hold();
    let report = engine.stop();
    drop((terminal, metrics));
    conclude(&story, &report, &mut teller)?;
    ended?;
    match report.link.as_ref().and_then(|l| l.gave_up.as_ref()) {
        Some(verdict) => Err(Failure::of_verdict(verdict)),
        None => Ok(Exit::Ok),
    }
}

/// What a start needs.
struct Start<'a> {
    plan: &'a Plan,
    dialer: &'a Dialer,
    clock: Clock,
    folder: Option<&'a Path>,
}

impl Start<'_> {
    fn once(&self) -> Result<Engine, EngineError> {
        let backend = sound::backend(&self.plan.device).map_err(EngineError::Device)?;
        let dialer = self.dialer.clone();
        let extras = Extras { record_to: self.folder, ..Extras::default() };
        Engine::start_with(self.plan, backend, dialer, self.clock, extras)
    }

    /// Starts; a missing device is waited for where `link.start` says so, and
    /// said once a minute. `None` where the user ends it.
    fn run(
        &self,
        signals: &Signals,
        orders: &mut Orders,
        teller: &mut Teller,
    ) -> Result<Option<Engine>, Failure> {
        let mut waiting = Waiting::new(&self.plan.link);
        loop {
            match self.once() {
                Ok(engine) => return Ok(Some(engine)),
                Err(EngineError::Device(error)) if self.plan.link.start == StartPolicy::Retry => {
                    let (tell, next_at) = waiting.missed(self.clock.now());
                    if tell {
                        teller.warn(&format!("chinwag: {error}; trying again until it is there"));
                    }
                    while self.clock.now() < next_at {
                        if signals.stop_asked() || orders.take_quit() {
                            return Ok(None);
                        }
                        thread::sleep(LOOK);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The key, or any word for a server on this machine.
pub(super) fn key_for(common: &Common, plan: &Plan) -> Result<Key, Failure> {
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

pub(super) fn dialer(plan: &Plan, credential: Credential) -> Result<Dialer, Failure> {
    let version = plan.session.api_version;
    let endpoint = Endpoint::new(plan.link.url.as_deref(), version, &credential)
        .map_err(|e| Failure::usage(e.to_string()))?;
    Dialer::new(endpoint, credential, &plan.link)
        .map_err(|e| Failure::of_verdict(&e.verdict(&plan.session)))
}

/// What a talk is made of, for people.
struct From<'a> {
    plan: &'a Plan,
    url: &'a str,
    key: &'a str,
    metrics: Option<String>,
}

fn introduce(from: &From<'_>, engine: &Engine, teller: &mut Teller) -> Result<(), Failure> {
    let From { plan, url, key, metrics } = from;
    teller.say(&format!(
        "profile    {} ({})\nmicrophone {} at {}\nspeaker    {} at {}\nservice    {}, {}\nkey        {}",
        plan.profile,
        plan.origin,
        engine.offer().capture_name,
        engine.offer().capture_rate,
        engine.offer().render_name,
        engine.offer().render_rate,
        url,
        plan.session.model,
        key,
    ))?;
    if let Some(metrics) = metrics {
        teller.say(&format!("metrics    {metrics}"))?;
    }
    let offer = engine.offer();
    teller.diagnose(&format!(
        "device {} to {}: {} frames per period, {} in, {} out",
        offer.capture_name,
        offer.render_name,
        offer.period_frames,
        offer.capture_rate,
        offer.render_rate
    ));
    if let Some(next) = engine.priority().next_step() {
        teller.say(&format!("priority   ordinary, real-time was refused; to allow it, {next}"))?;
    }
    teller.emit(json!({
        "event": "start",
        "profile": plan.profile,
        "config": plan.origin.to_string(),
        "input": engine.offer().capture_name,
        "output": engine.offer().render_name,
        "priority": engine.priority().to_string(),
        "capture_hz": engine.offer().capture_rate.hz(),
        "render_hz": engine.offer().render_rate.hz(),
        "url": url,
        "model": plan.session.model,
        "key_from": key,
        "metrics": metrics,
    }))?;
    Ok(())
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
    // A conversation that never began has none.
    let facts = if story.has_begun() { facts(report, story) } else { Vec::new() };
    for (name, value) in facts {
        teller.say(&format!("{name}: {value}"))?;
        teller.emit(json!({ "event": "fact", "name": name, "value": value }))?;
    }
    if story.has_begun() {
        teller.say(&format!("\n{}", report.figures.to_text(teller.is_verbose())))?;
    }
    teller.emit(pulse::object(&report.figures, rounded(story.now_s()), true))
}
