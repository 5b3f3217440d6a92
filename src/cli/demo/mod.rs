//! `chinwag demo`: a conversation with an interruption, without a key and
//! without a sound card.
//!
//! Nothing is faked but the ends: the engine runs on its threads against the
//! simulator on a socket of this machine; a virtual card plays a person who
//! listens, answers, and once interrupts.

mod page;
pub(super) mod person;
pub(super) mod script;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::PoisonError,
    time::Duration,
};

use lexopt::Parser;
use serde_json::json;

use self::{
    page::{Facts, page},
    person::{Person, Recording, Shared},
};
use super::{
    args::{self, Common, Flag},
    exit::{Exit, Failure},
    find::plan_from,
    help::Verb,
    metrics::{self, METRICS},
    signals::Signals,
    talk::{
        facts::facts,
        pulse::{self, Pulse},
        story::Story,
        tell::{TURN_HEAD, rounded, turn_cells, turn_object},
        teller::Teller,
    },
};
use crate::{
    audio::{Nanos, Rate, level::Dbfs},
    config::Plan,
    device::{
        Clock,
        card::Card,
        wave_file::{Channels, WaveWriter},
    },
    dialog::{Duplex, TurnMode},
    engine::{Engine, EngineEvent, Report},
    measure::report::Table,
    net::{Dialer, metrics::MetricsListener, serve::Server},
    protocol::{Credential, Endpoint},
    sim::{
        room::RoomSettings,
        service::{ServiceSettings, Voice},
    },
};

/// The demo's card.
const RATE_HZ: u32 = 48_000;
/// The demo gives up after so long; it takes about 28 s.
const LENGTH_MAX: Nanos = Nanos::from_secs(38);
/// How often the talk key is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// Where the files go unless `--save` says otherwise.
const FOLDER: &str = "chinwag-demo";

/// Where the person sits.
const ROOM: Flag = Flag::with(
    "room",
    "ROOM",
    "the microphone hears the speaker: laptop, kiosk, speakerphone or headset, and settings",
);

/// The verb.
pub const VERB: Verb = Verb {
    name: "demo",
    summary: "hear a conversation without a key and without a sound card",
    operands: "",
    about: "The whole engine runs on its threads against the simulator on this machine; a virtual\n\
            card plays a person who asks, listens and once interrupts. It takes half a minute and\n\
            writes conversation.wav and timeline.html to ./chinwag-demo, or to --save DIR.\n\n\
            A room may be changed by KEY=VALUE after its name: delay_ms, rt60_ms, direct_db,\n\
            echo_db (over the user's voice), noise_dbfs, distortion (linear, soft, small), drift_ppm,\n\
            change_at_s (another response), jump_at_s and jump_ms (the echo is later at once).",
    flags: &[
        &[&args::CONFIG, &args::PROFILE, &args::TURN, &args::CHUNK_MS, &args::SET],
        &[&ROOM, &args::SAVE, &METRICS, &args::JSON, &args::HELP],
    ],
    examples: &[
        ("chinwag demo", "the profile client-vad; with --room, speakers"),
        ("chinwag demo --profile server-vad --save /tmp/server", "the server takes the turns"),
        ("chinwag demo --set turn.patience=0.2", "a shorter wait before the end of a turn"),
        (
            "chinwag demo --room laptop,delay_ms=120,echo_db=6,distortion=small",
            "open speakers: the model at the microphone, 6 dB louder than the user",
        ),
    ],
};

/// What is run unless `--profile` says otherwise: without a room, and in one,
/// where the model's voice comes back.
const PROFILE: &str = "client-vad";
const PROFILE_IN_ROOM: &str = "speakers";

/// Runs the verb.
///
/// # Errors
/// Arguments, files or sockets that are refused.
pub fn run(parser: &mut Parser) -> Result<Exit, Failure> {
    let Some(given) = args::parse(&VERB, parser)? else { return Ok(Exit::Ok) };
    let mut common = Common::of(&given)?;
    let room = given.text(&ROOM)?.map(|text| text.parse::<RoomSettings>());
    let room = room.transpose().map_err(|e| Failure::usage(format!("--room: {e}")))?;
    let profile = if room.is_some() { PROFILE_IN_ROOM } else { PROFILE };
    common.profile.get_or_insert_with(|| profile.to_owned());
    let mut plan = plan_from(&common)?;
    let listener = metrics::open(&given)?;
    let server = serve(&plan)?;
    plan.link.url = Some(format!("ws://{}", server.addr()));
    plan.device.rate_hz = Some(RATE_HZ);
    let folder = common.save.clone().unwrap_or_else(|| PathBuf::from(FOLDER));
    let mut teller = Teller::new(common.json);
    teller.say(&format!(
        "demo: profile \"{}\" against the simulator at ws://{}; a virtual card, no key, no cost\n",
        plan.profile,
        server.addr()
    ))?;
    if let Some(room) = &room {
        teller.say(&format!("in a room: {room}\n"))?;
    }
    let recording = Shared::default();
    let (story, report) = converse(&plan, room.as_ref(), &recording, listener, &mut teller)?;
    server.stop();
    let recording = recording.lock().unwrap_or_else(PoisonError::into_inner);
    finish(&plan, room.as_ref(), &story, &report, &recording, &folder, &mut teller)
}

fn rate() -> Rate {
    // proven: 48,000 is within the bounds of a rate.
    Rate::new(RATE_HZ).expect("a valid rate")
}

fn serve(plan: &Plan) -> Result<Server, Failure> {
    let interrupted = may_interrupt(plan);
    let settings = ServiceSettings {
        voice: Voice::script(script::model(interrupted)?),
        script: script::captions(interrupted),
        ..ServiceSettings::default()
    };
    Server::start(([127, 0, 0, 1], 0).into(), None, settings, |_| {})
        .map_err(|e| Failure::new(Exit::Link, format!("the simulator cannot listen: {e}")))
}

/// Whether the profile hears the user while the model speaks.
fn may_interrupt(plan: &Plan) -> bool {
    plan.turn.duplex == Duplex::Full || plan.turn.mode == TurnMode::PushToTalk
}

/// The conversation itself, in real time.
fn converse(
    plan: &Plan,
    room: Option<&RoomSettings>,
    recording: &Shared,
    listener: Option<MetricsListener>,
    teller: &mut Teller,
) -> Result<(Story, Report), Failure> {
    let clock = Clock::start();
    let lines = script::user(rate())?;
    let person = Person::new(lines, RATE_HZ, recording.clone());
    let person = if let Some(room) = room { person.in_room(room) } else { person };
    let card = Box::new(Card::new("demo", person));
    let credential = Credential::from_secret("demo").map_err(Failure::internal)?;
    let endpoint = Endpoint::new(plan.link.url.as_deref(), plan.session.api_version, &credential)
        .map_err(Failure::internal)?;
    let dialer = Dialer::new(endpoint, credential, &plan.link).map_err(Failure::internal)?;
    let mut engine = Engine::start(plan, card, dialer, clock)?;
    let metrics = metrics::serve(listener, engine.meter())?;
    if let Some(url) = metrics::url(metrics.as_ref()) {
        teller.say(&format!("metrics: {url}\n"))?;
    }
    let mut pulse = Pulse::default();
    let signals = Signals::new(None).map_err(Failure::internal)?;
    let mut story = Story::for_page(plan.turn.mode);
    while !engine.microphone_ended() && clock.now() < LENGTH_MAX && !signals.stop_asked() {
        let event = engine.next_event(LOOK);
        engine.talk(recording.lock().unwrap_or_else(PoisonError::into_inner).speaking);
        story.hear(&event);
        teller.tell(&mut story, &event, None)?;
        if teller.is_json() && pulse.is_due(clock.now()) {
            let at_s = rounded(story.now_s());
            teller.emit(pulse::object(&engine.meter().read(), at_s, false))?;
        }
        if event == EngineEvent::LinkEnded {
            break;
        }
    }
    let report = engine.stop();
    if let Some(verdict) = report.link.as_ref().and_then(|l| l.gave_up.as_ref()) {
        return Err(Failure::of_verdict(verdict));
    }
    Ok((story, report))
}

/// Tells the figures and writes the files.
fn finish(
    plan: &Plan,
    room: Option<&RoomSettings>,
    story: &Story,
    report: &Report,
    recording: &Recording,
    folder: &Path,
    teller: &mut Teller,
) -> Result<Exit, Failure> {
    let mut table = Table::new(TURN_HEAD);
    for (index, turn) in story.turns.iter().enumerate() {
        table.row(turn_cells(index + 1, turn));
        teller.emit(turn_object(index + 1, turn))?;
    }
    teller.say(&format!("\n{table}"))?;
    let facts = all_facts(plan, story, report, recording);
    for (name, value) in &facts {
        teller.say(&format!("{name}: {value}"))?;
    }
    teller.emit(json!({ "event": "summary", "facts": facts }))?;
    teller.say(&format!("\n{}", report.figures.to_text(false)))?;
    teller.emit(pulse::object(&report.figures, rounded(story.now_s()), true))?;
    let [sound, picture] = ["conversation.wav", "timeline.html"].map(|name| folder.join(name));
    fs::create_dir_all(folder).map_err(|e| Failure::file(folder, &e))?;
    write_sound(&sound, recording)?;
    let place = room.map_or_else(String::new, |room| format!("; in a room: {room}"));
    let timeline = page(
        story,
        recording,
        Facts {
            title: "chinwag demo".to_owned(),
            subtitle: format!(
                "profile {}, against the simulator on this machine{place}",
                plan.profile
            ),
            figures: facts,
            rate_hz: RATE_HZ,
            threshold: plan.turn.threshold,
        },
    );
    fs::write(&picture, timeline.to_html()).map_err(|e| Failure::file(&picture, &e))?;
    teller.say(&format!(
        "\nlisten: {} (you left, the model right)\nlook:   {}",
        sound.display(),
        picture.display()
    ))?;
    teller.emit(json!({ "event": "files", "sound": sound, "timeline": picture }))?;
    let answered = story.turns.iter().filter(|t| t.audible_s.is_some()).count();
    let cuts = story.turns.iter().filter(|t| t.cut.is_some()).count();
    if !may_interrupt(plan) {
        teller.say("half duplex: the interruption at about 12 s was not heard, as it should be")?;
    }
    if answered >= 3 && cuts == usize::from(may_interrupt(plan)) {
        return Ok(Exit::Ok);
    }
    Err(Failure::new(
        Exit::Conversation,
        format!(
            "the conversation did not come about: {answered} answers, {cuts} interruptions{}",
            room.map_or("", |_| "; in this room the model may have heard itself: see the timeline")
        ),
    ))
}

fn all_facts(
    plan: &Plan,
    story: &Story,
    report: &Report,
    recording: &Recording,
) -> Vec<(String, String)> {
    let period_ms = f64::from(plan.device.period_frames) * 1e3 / f64::from(RATE_HZ);
    let cuts = story.turns.iter().filter_map(|turn| turn.cut);
    let cuts = cuts.filter_map(|(cut_s, _)| silence_after(recording, cut_s)).map(|silent_ms| {
        let fade_ms = plan.playout.fade_ms;
        let bound = format!("period {period_ms:.0} ms, fade {fade_ms} ms");
        ("interruption decided → speaker silent".to_owned(), format!("{silent_ms:.0} ms ({bound})"))
    });
    cuts.chain(facts(report, story)).collect()
}

/// How long after `cut_s` the speaker was last heard, in milliseconds.
fn silence_after(recording: &Recording, cut_s: f64) -> Option<f64> {
    let hz = f64::from(RATE_HZ);
    let from = (cut_s * hz) as usize;
    let until = (from + RATE_HZ as usize / 4).min(recording.model.len());
    let floor = Dbfs(-60.0).amplitude();
    let last = recording.model.get(from..until)?.iter().rposition(|s| s.abs() > floor)?;
    Some(last as f64 * 1e3 / hz)
}

fn write_sound(path: &Path, recording: &Recording) -> Result<(), Failure> {
    let mut writer = WaveWriter::create(path, rate(), Channels::Stereo).map_err(Failure::device)?;
    let frames = recording.user.iter().zip(&recording.model);
    let interleaved: Vec<f32> = frames.flat_map(|(user, model)| [*user, *model]).collect();
    writer.write(&interleaved).and_then(|()| writer.finish()).map_err(Failure::device)
}
