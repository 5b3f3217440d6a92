//! One conversation, at one point.

use std::{sync::PoisonError, time::Duration};

use super::{
    super::{Bench, load::Load, speech},
    nanos,
    points::Point,
};
use crate::{
    audio::{Nanos, NoteKind, Rate},
    cli::{
        demo::person::{Cue, Person, Shared},
        exit::{Exit, Failure},
        sound,
    },
    config::Plan,
    device::{Backend, Clock, card::Card},
    dialog::{Duplex, TurnMode},
    engine::{Engine, EngineEvent},
    measure::figures::Figures,
    net::{Dialer, serve::Server},
    protocol::{Credential, Endpoint},
    sim::service::{ServiceSettings, Voice},
};

/// The virtual card's rate where the profile names none.
const RATE_HZ: u32 = 48_000;
/// The simulator thinks for so long.
const THINK_MS: u32 = 100;
/// A reply is interrupted after so long; where nobody can, it lasts as long.
const OVER_S: f64 = 0.8;
const REPLY_S: f64 = 4.0;
/// From the end of a reply to the next sentence.
const PAUSE_S: f64 = 0.4;
/// How long the talk key is held.
const HELD: Nanos = Nanos::from_ms(1_000);
/// A reply that has not come by then does not.
const PATIENCE: Nanos = Nanos::from_secs(4);
const LOOK: Duration = Duration::from_millis(5);

/// What came of it.
pub(super) struct Held {
    pub(super) case: String,
    /// The figures when it was warm, and at its end.
    pub(super) before: Figures,
    pub(super) after: Figures,
    pub(super) period_ms: f64,
    pub(super) loaded: usize,
    pub(super) remark: Option<String>,
    /// The user wants no more.
    pub(super) is_stopped: bool,
}

/// Holds it; none where it was stopped before anything was measured.
pub(super) fn hold(
    bench: &mut Bench,
    point: &Point,
    [from, to]: [f64; 2],
) -> Result<Option<Held>, Failure> {
    let mut plan = plan_at(bench.plan, point)?;
    let recording = Shared::default();
    let backend = if point.is_real {
        sound::backend(&plan.device).map_err(Failure::device)?
    } else {
        Box::new(Card::new("virtual card", person(&plan, point, &recording)?))
    };
    let server = serve(&plan)?;
    plan.link.url = Some(format!("ws://{}", server.addr()));
    let load = point.is_busy.then(Load::start).transpose().map_err(Failure::internal)?;
    let mut talk = Talk::start(&plan, backend, recording, point.is_real)?;
    let period_ms = talk.period_ms();
    let case = case(&plan, point, period_ms);
    let what = format!("engine: {case}");
    let all_s = point.warm_s() + point.seconds;
    let mut before = None;
    let mut is_stopped = false;
    while talk.age_s() < all_s {
        if !talk.step() {
            break;
        }
        if before.is_none() && talk.age_s() >= point.warm_s() {
            before = Some(talk.engine.meter().read());
        }
        let share = from + (to - from) * talk.age_s() / all_s;
        if !bench.goes_on(share, &what)? {
            is_stopped = true;
            break;
        }
    }
    let remark = talk.remark(point);
    let report = talk.engine.stop();
    let loaded = load.as_ref().map_or(0, Load::threads);
    drop(load);
    server.stop();
    if let Some(verdict) = report.link.as_ref().and_then(|link| link.gave_up.as_ref()) {
        return Err(Failure::of_verdict(verdict));
    }
    let held = |before| Held {
        case,
        before,
        after: report.figures,
        period_ms,
        loaded,
        remark: Some(remark),
        is_stopped,
    };
    Ok(before.map(held))
}

/// The profile at another period or chunk. Over real devices a key takes the
/// turns, so that nobody has to speak.
fn plan_at(plan: &Plan, point: &Point) -> Result<Plan, Failure> {
    let mut plan = if point.is_real {
        plan.in_mode(TurnMode::PushToTalk).map_err(Failure::usage)?
    } else {
        plan.clone()
    };
    if !point.is_real {
        plan.device.rate_hz = Some(plan.device.rate_hz.unwrap_or(RATE_HZ));
    }
    if let Some(ms) = point.period_ms {
        plan.device.period_frames = (ms * f64::from(plan.device_rate().hz()) / 1e3) as u32;
    }
    plan.link.chunk_ms = point.chunk_ms.unwrap_or(plan.link.chunk_ms);
    Ok(plan)
}

fn case(plan: &Plan, point: &Point, period_ms: f64) -> String {
    let device = if point.is_real { "real device" } else { "virtual card" };
    let load = if point.is_busy { "every core loaded" } else { "idle" };
    let digits = usize::from(period_ms.fract() > 0.01);
    let chunk_ms = plan.link.chunk_ms;
    format!("{device}, period {period_ms:.digits$} ms, chunk {chunk_ms} ms, {load}")
}

/// Whether the user is heard while the model speaks.
fn may_interrupt(plan: &Plan) -> bool {
    plan.turn.duplex == Duplex::Full || plan.turn.mode == TurnMode::PushToTalk
}

fn serve(plan: &Plan) -> Result<Server, Failure> {
    let seconds = if may_interrupt(plan) { REPLY_S } else { OVER_S };
    let reply = speech::model(Rate::DOWNLINK, (seconds * 24e3) as usize)?;
    let settings = ServiceSettings {
        voice: Voice::script(vec![reply]),
        think_ms: THINK_MS,
        answers_silence: true,
        ..ServiceSettings::default()
    };
    Server::start(([127, 0, 0, 1], 0).into(), None, settings, |_| {})
        .map_err(|e| Failure::new(Exit::Link, format!("the simulator cannot listen: {e}")))
}

/// Who speaks into the virtual card: sentence after sentence, each over the reply
/// to the one before it.
fn person(plan: &Plan, point: &Point, recording: &Shared) -> Result<Person, Failure> {
    let rate = plan.device_rate();
    let cue = |number: usize| match number {
        0 => Cue::Silence { seconds: PAUSE_S },
        _ if may_interrupt(plan) => Cue::Over { seconds: OVER_S },
        _ => Cue::Silence { seconds: PAUSE_S },
    };
    // A sentence and the wait for its answer take over two seconds.
    let many = (0.5 * (point.warm_s() + point.seconds)) as usize + 2;
    let lines = speech::utterances(&[], rate)?.into_iter().map(|utterance| utterance.samples);
    let lines: Vec<_> = lines.collect();
    let lines = lines.iter().cycle().take(many).enumerate();
    let lines = lines.map(|(number, line)| (cue(number), line.clone())).collect();
    Ok(Person::new(lines, rate.hz(), recording.clone()))
}

/// A conversation under way.
struct Talk {
    engine: Engine,
    clock: Clock,
    recording: Shared,
    keys: Option<Keys>,
}

/// The talk key, where nobody speaks.
struct Keys {
    is_down: bool,
    since: Nanos,
    reply_at: Option<Nanos>,
}

impl Talk {
    fn start(
        plan: &Plan,
        backend: Box<dyn Backend>,
        recording: Shared,
        by_key: bool,
    ) -> Result<Self, Failure> {
        let clock = Clock::start();
        let credential = Credential::from_secret("bench").map_err(Failure::internal)?;
        let version = plan.session.api_version;
        let endpoint = Endpoint::new(plan.link.url.as_deref(), version, &credential);
        let endpoint = endpoint.map_err(Failure::internal)?;
        let dialer = Dialer::new(endpoint, credential, &plan.link).map_err(Failure::internal)?;
        let engine = Engine::start(plan, backend, dialer, clock)?;
        let keys = by_key.then_some(Keys { is_down: false, since: Nanos::ZERO, reply_at: None });
        Ok(Self { engine, clock, recording, keys })
    }

    fn age_s(&self) -> f64 {
        self.clock.now().as_secs()
    }

    /// What the speaker was offered.
    fn period_ms(&self) -> f64 {
        let offer = self.engine.offer();
        f64::from(offer.period_frames) * 1e3 / f64::from(offer.render_rate.hz())
    }

    /// A few milliseconds of it; whether it goes on.
    fn step(&mut self) -> bool {
        let event = self.engine.next_event(LOOK);
        let now = self.clock.now();
        let is_down = match &mut self.keys {
            Some(keys) => keys.step(&event, now),
            None => self.recording.lock().unwrap_or_else(PoisonError::into_inner).speaking,
        };
        self.engine.talk(is_down);
        event != EngineEvent::LinkEnded && !self.engine.microphone_ended()
    }

    /// What has to be known of it.
    fn remark(&self, point: &Point) -> String {
        let offer = self.engine.offer();
        let priority = self.engine.priority();
        if point.is_real {
            return format!(
                "engine, real device: {} and {}; a key takes the turns; worker's priority {priority}",
                offer.capture_name, offer.render_name
            );
        }
        format!(
            "engine, virtual card: recorded speech against the simulator on this machine, which thinks \
             for {THINK_MS} ms; the first {:.1} s do not count; worker's priority {priority}",
            point.warm_s()
        )
    }
}

impl Keys {
    /// Whether the key is down: a second at a time, and again over the reply.
    fn step(&mut self, event: &EngineEvent, now: Nanos) -> bool {
        if let EngineEvent::Note(told) = event
            && matches!(told.note.kind, NoteKind::ReplyStarted(_))
        {
            self.reply_at = Some(now);
        }
        let waited = now.since(self.since);
        let turns = match (self.is_down, self.reply_at) {
            (true, _) => waited >= HELD,
            (false, Some(reply_at)) => now.since(reply_at) >= nanos(OVER_S),
            (false, None) => self.since == Nanos::ZERO || waited >= PATIENCE,
        };
        if turns {
            (self.is_down, self.since, self.reply_at) = (!self.is_down, now, None);
        }
        self.is_down
    }
}
