//! `chinwag replay`: recordings through the chain, the endpoint and the floor
//! that run live, and every decision told.

mod decisions;
pub mod live;
mod page;
pub(super) mod recordings;

use std::{fmt::Write as _, fs, path::PathBuf, thread};

use lexopt::Parser;
use serde_json::{Value, json};

use self::{decisions::Decisions, recordings::Recording};
use super::{
    args::{self, Common, Flag, Given},
    exit::{Exit, Failure},
    find::plan_from,
    help::Verb,
    talk::{
        echo::Echo,
        tell::{note_object, rounded},
        teller::Teller,
    },
};
use crate::{
    audio::{NoteKind, Rate},
    config::{Override, Plan},
    device::wave_file::{Channels, WaveWriter},
    sim::replay::{Replayed, Told, replay, replay_beside},
};

const DECISIONS: Flag =
    Flag::with("decisions", "FILE", "write probabilities, speech and ends of turns as JSON");
const APPEND: Flag =
    Flag::plain("append", "add to the file of --decisions instead of writing it anew");
const FAR: Flag =
    Flag::with("far", "FILE", "what the loudspeaker was given meanwhile, for echo_cancel");
const SAVE: Flag =
    Flag::with("save", "DIR", "write what the capture chain made of each recording, at 16 kHz");
const HTML: Flag = Flag::with("html", "DIR", "draw each recording and its decisions as a page");

/// The verb.
pub const VERB: Verb = Verb {
    name: "replay",
    summary: "tell what would be decided about recordings",
    operands: "FILE...",
    about: "WAV or FLAC files, or folders of them, go through the capture chain, the endpoint and the\n\
            floor as a microphone's sound does, faster than it was spoken. No model answers: the floor\n\
            is free again after each end. The same file gives the same decisions, always. Times are\n\
            seconds of the file; a turn that is open at its end has no end.\n\
            A folder that `run --record` wrote is replayed with its replies where they were: with the\n\
            profile and flags of then, what was decided live is decided again.\n\
            With --far the recording is one of a pair, from the same moment on: FILE is the far end of\n\
            the chain, and while it is audible the model is taken to be speaking. The loudspeaker of a\n\
            recording cannot be turned down or cut. The pair is a scene of the decisions, without _mic.",
    flags: &[
        &[&args::CONFIG, &args::PROFILE, &args::TURN, &args::SET],
        &[&FAR, &DECISIONS, &APPEND, &SAVE, &HTML, &args::JSON, &args::HELP],
    ],
    examples: &[
        ("chinwag replay talk.flac", "every decision, one in a line"),
        (
            "chinwag replay recordings/ --set turn.patience=0.2 --decisions out.json",
            "a whole folder, for benches/score/score.py",
        ),
        ("chinwag replay talk.wav --html .", "look at it: talk.html"),
        ("chinwag replay --far far.wav mic.wav --save out", "with the echo cancelled: out/mic.wav"),
    ],
};

/// Runs the verb.
///
/// # Errors
/// Arguments, files or settings that are refused.
pub fn run(parser: &mut Parser) -> Result<Exit, Failure> {
    let Some(given) = args::parse(&VERB, parser)? else { return Ok(Exit::Ok) };
    let plan = plan_of(&given)?;
    let recordings = match given.path(&FAR) {
        Some(far) => recordings::pair(&given.operands, far)?,
        None => recordings::find(&given.operands)?,
    };
    let mut decisions = decisions_of(&given)?;
    let replayed = replay_all(&plan, &recordings)?;
    for (recording, replayed) in recordings.iter().zip(&replayed) {
        let saved = match given.path(&SAVE) {
            Some(folder) => Some(save(recording.beside(&folder, "wav")?, replayed)?),
            None => None,
        };
        match &mut decisions {
            Some(decisions) if given.has(&FAR) => {
                decisions.add_scene(recording.scene(), replayed, saved.as_deref());
            }
            Some(decisions) => decisions.add(recording.key(), replayed),
            None => {}
        }
        if let Some(folder) = given.path(&HTML) {
            let page = page::page(&recording.key(), &plan, replayed, &objects(replayed));
            let path = recording.beside(&folder, "html")?;
            fs::write(&path, page.to_html()).map_err(|e| Failure::file(&path, &e))?;
        }
    }
    if let Some(decisions) = decisions {
        decisions.write()?;
    }
    let mut teller = Teller::new(given.has(&args::JSON));
    for (recording, replayed) in recordings.iter().zip(&replayed) {
        tell(recording, replayed, &mut teller)?;
    }
    Ok(Exit::Ok)
}

/// Where decisions go, if anywhere.
fn decisions_of(given: &Given) -> Result<Option<Decisions>, Failure> {
    match (given.path(&DECISIONS), given.has(&APPEND)) {
        (Some(path), true) => Decisions::of(path).map(Some),
        (Some(path), false) => Ok(Some(Decisions::new(path))),
        (None, false) => Ok(None),
        (None, true) => {
            Err(Failure::usage("--append wants --decisions FILE, the file to be added to"))
        }
    }
}

/// As long as the recording, and aligned with it.
fn save(path: PathBuf, replayed: &Replayed) -> Result<PathBuf, Failure> {
    let written = WaveWriter::create(&path, Rate::UPLINK, Channels::Mono).and_then(|mut writer| {
        writer.write(&replayed.processed)?;
        writer.finish()
    });
    written.map(|()| path).map_err(|e| Failure::usage(e.to_string()))
}

/// The plan asked for; we find the turns unless something else is said.
fn plan_of(given: &Given) -> Result<Plan, Failure> {
    let mut common = Common::of(given)?;
    common.overrides.insert(0, Override::flag("--turn", "turn.mode", "client"));
    plan_from(&common)
}

/// Replays every recording, as many at once as there are processors.
fn replay_all(plan: &Plan, recordings: &[Recording]) -> Result<Vec<Replayed>, Failure> {
    let one = |recording: &Recording| {
        let wave = recording.read()?;
        let failed = |e| Failure::usage(format!("{}: {e}", recording.path.display()));
        let events = recording.live.as_deref().map(live::events);
        match recording.read_far(wave.rate)? {
            Some(far) => replay_beside(plan, &wave.samples, &far, wave.rate, events.as_deref()),
            None => replay(plan, &wave.samples, wave.rate, &events.unwrap_or_default()),
        }
        .map_err(failed)
    };
    let count = thread::available_parallelism().map_or(1, usize::from).min(recordings.len());
    let every = |first| recordings.iter().skip(first).step_by(count).map(one).collect::<Vec<_>>();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|first| scope.spawn(move || every(first))).collect();
        let lost = || Failure::internal("a thread that replayed was lost");
        let joined = threads.into_iter().map(|t| t.join().map(Vec::into_iter).map_err(|_| lost()));
        let mut parts = joined.collect::<Result<Vec<_>, _>>()?;
        (0..recordings.len())
            .map(|i| parts[i % count].next().unwrap_or_else(|| Err(lost())))
            .collect()
    })
}

/// Tells one recording, a decision in a line.
fn tell(recording: &Recording, replayed: &Replayed, teller: &mut Teller) -> Result<(), Failure> {
    let file = recording.path.display().to_string();
    teller.say(&format!("{file}: {:.3} s", replayed.duration_s))?;
    let objects = objects(replayed);
    for object in &objects {
        teller.say(&line(object))?;
        let mut object = object.clone();
        object["file"] = file.as_str().into();
        teller.emit(object)?;
    }
    let mut echo = Echo::default();
    for told in &replayed.told {
        if let NoteKind::Echo(health) = told.note.kind {
            echo.hear(health);
        }
    }
    if let Some(fact) = echo.fact() {
        teller.say(&format!("echo: {fact}"))?;
    }
    let ends = replayed.ends().count();
    let open = if replayed.open { ", one turn open at the end" } else { "" };
    let then = recording.live.as_ref().map(|live| live::compare(live, &objects));
    let as_live = match &then {
        None => String::new(),
        Some(Ok(count)) => format!("; as it was live: {count} decisions"),
        Some(Err(first)) => format!("; NOT as it was live: {first}"),
    };
    teller.say(&format!("turns ended: {ends}{open}{as_live}\n"))?;
    let mut object = json!({
        "event": "replayed",
        "file": file,
        "duration_s": rounded(replayed.duration_s),
        "ends": ends,
        "open": replayed.open,
    });
    if let Some(then) = then {
        object["as_live"] = then.is_ok().into();
    }
    teller.emit(object)
}

/// Every decision in its order.
fn objects(replayed: &Replayed) -> Vec<Value> {
    replayed.told.iter().filter_map(|told| note_at(told, rounded(told.heard_s))).collect()
}

fn note_at(told: &Told, t: f64) -> Option<Value> {
    let mut object = note_object(&told.note, t)?;
    object["t"] = t.into();
    Some(object)
}

/// `    1.080 s  onset           at 1.008`, with whatever else is known of it.
fn line(object: &Value) -> String {
    let (name, details) = words_of(object);
    let t = object["t"].as_f64().unwrap_or_default();
    format!("{t:9.3} s  {name:<14}{details}").trim_end().to_owned()
}

/// The name of a decision, and whatever else is known of it.
fn words_of(object: &Value) -> (String, String) {
    let name = object["event"].as_str().unwrap_or_default().replace('_', " ");
    let mut text = String::new();
    let details = object.as_object().into_iter().flatten();
    let known = ["event", "t", "decided_at"];
    for (key, value) in details.filter(|(key, _)| !known.contains(&key.as_str())) {
        // Writing into a String cannot fail.
        let _ = match value {
            Value::Number(number) if key.ends_with("_ms") => write!(text, "  {key} {number}"),
            Value::Number(number) => write!(text, "  {key} {:.3}", number.as_f64().unwrap_or(0.0)),
            Value::String(word) => write!(text, "  {word}"),
            Value::Object(parts) => {
                let parts: Vec<_> = parts.iter().map(|(name, ms)| format!("{name} {ms}")).collect();
                write!(text, "  ({})", parts.join(", "))
            }
            other => write!(text, "  {key} {other}"),
        };
    }
    (name, text)
}
