//! `chinwag bench`: how fast this machine is at what a talk needs, without a key.

mod budget;
mod engine;
mod load;
mod loopback;
mod machine;
mod page;
mod pipeline;
mod speech;
mod table;
mod turns;
mod verdict;

use std::{
    io::{IsTerminal, stdout},
    path::Path,
};

use lexopt::Parser;
use serde_json::json;

use super::{
    args::{self, Common, Flag, Given},
    exit::{Exit, Failure},
    find::{plan_from, text_of},
    help::Verb,
    signals::Signals,
    talk::teller::Teller,
};
use crate::{
    config::{Plan, nearest},
    measure::results::{Comparison, Results},
};

const SECONDS: Flag = Flag::with("seconds", "S", "how long each measurement takes, from 0.5 on");
const SPEECH: Flag = Flag::with(
    "speech",
    "PATH",
    "for turns: WAV or FLAC files, one utterance each, or a folder of them; repeatable",
);
const DEVICE: Flag = Flag::with("device", "WHICH", "card (a virtual one) or real (the profile's)");
const LOAD: Flag =
    Flag::with("load", "WHICH", "for engine: idle, busy (every core loaded) or both, as usual");
const SWEEP: Flag =
    Flag::with("sweep", "WHICH", "for engine: also other periods, chunks, all or none of them");
const SAVE: Flag = Flag::with("save", "DIR", "write bench.html, a page to look at, and bench.json");
const COMPARE: Flag =
    Flag::with("compare", "FILE", "what changed since this file, which --json wrote");

/// The verb.
pub const VERB: Verb = Verb {
    name: "bench",
    summary: "measure this machine: what a talk costs here and how late it is",
    operands: "[PART...]",
    about: "Parts, all without a key and without a network:\n\
            \x20 pipeline  what each stage of the profile costs, how late it is, how often it allocates\n\
            \x20 engine    whole talks against the simulator on this machine, over a virtual card and over\n\
            \x20           the profile's devices: every latency on the way, idle and with every core\n\
            \x20           loaded, then at other periods and chunks; four minutes; the speaker sounds\n\
            \x20 turns     how soon your turn ends and how soon you interrupt, by recorded speech\n\
            \x20 loopback  the round trip from the speaker to the microphone: it sounds\n\
            Without a part: pipeline, turns, and engine over the virtual card; under a minute. What is\n\
            measured while a talk warms up does not count. Ctrl-C ends it with what was measured until then.\n\n\
            A table [profile.NAME.budget] says what a profile may cost: chinwag check --explain lists\n\
            its keys. Where a measurement is over it, the exit code is 6.",
    flags: &[
        &[&args::CONFIG, &args::PROFILE, &args::TURN, &args::CHUNK_MS],
        &[&args::MIC, &args::SPEAKER, &args::SET, &SECONDS, &DEVICE, &LOAD, &SWEEP, &SPEECH],
        &[&SAVE, &COMPARE, &args::JSON, &args::HELP],
    ],
    examples: &[
        ("chinwag bench", "the short set"),
        (
            "chinwag bench engine --sweep none --save out",
            "at the profile's own period: out/bench.html",
        ),
        ("chinwag bench pipeline --set capture.vad.engine=webrtc", "what another detector costs"),
        ("chinwag bench loopback --mic USB --speaker USB", "a cable, or a speaker in the room"),
        ("chinwag bench turns --speech recordings/", "with your own voice"),
        ("chinwag bench --json > before.json", "to be compared with: --compare before.json"),
    ],
};

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Pipeline,
    Engine,
    Turns,
    Loopback,
}

impl Part {
    const ALL: [Self; 4] = [Self::Pipeline, Self::Engine, Self::Turns, Self::Loopback];
    /// What is done unless something else is asked for.
    const USUAL: [Self; 3] = [Self::Pipeline, Self::Turns, Self::Engine];

    const fn name(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Engine => "engine",
            Self::Turns => "turns",
            Self::Loopback => "loopback",
        }
    }

    fn of(name: &str) -> Result<Self, Failure> {
        let names = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|part| part.name() == name).ok_or_else(|| {
            let next = match nearest(name, names) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", names.join(", ")),
            };
            Failure::usage(format!("bench has no part \"{name}\"; {next}"))
        })
    }

    /// How long it takes, about.
    fn seconds(self, asked: &Asked) -> f64 {
        match self {
            Self::Pipeline => pipeline::expected_s(asked),
            Self::Engine => engine::expected_s(asked),
            Self::Turns => turns::EXPECTED_S,
            Self::Loopback => loopback::expected_s(asked),
        }
    }

    fn run(self, bench: &mut Bench) -> Result<(), Failure> {
        match self {
            Self::Pipeline => pipeline::run(bench),
            Self::Engine => engine::run(bench),
            Self::Turns => turns::run(bench),
            Self::Loopback => loopback::run(bench),
        }
    }
}

/// Which device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Device {
    /// A virtual card on the machine's clock.
    Card,
    /// The profile's own.
    Real,
}

/// What else the machine does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoadWish {
    Idle,
    Busy,
    Both,
}

/// What is tried besides the profile's own period and chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sweep {
    None,
    Periods,
    Chunks,
    All,
}

/// What was asked for.
struct Asked {
    parts: Vec<Part>,
    /// No part was named.
    is_usual: bool,
    seconds: Option<f64>,
    speech: Vec<String>,
    device: Option<Device>,
    load: LoadWish,
    sweep: Option<Sweep>,
}

impl Asked {
    fn of(given: &Given) -> Result<Self, Failure> {
        let parts: Result<Vec<_>, _> = given.operands.iter().map(|name| Part::of(name)).collect();
        let mut parts = parts?;
        let is_usual = parts.is_empty();
        if is_usual {
            parts = Part::USUAL.to_vec();
        }
        parts.dedup();
        let loads = [("idle", LoadWish::Idle), ("busy", LoadWish::Busy), ("both", LoadWish::Both)];
        let sweeps = [
            ("all", Sweep::All),
            ("periods", Sweep::Periods),
            ("chunks", Sweep::Chunks),
            ("none", Sweep::None),
        ];
        Ok(Self {
            parts,
            is_usual,
            seconds: given.text(&SECONDS)?.map(|text| seconds(&text)).transpose()?,
            speech: given.texts(&SPEECH)?,
            device: one_of(given, &DEVICE, [("card", Device::Card), ("real", Device::Real)])?,
            load: one_of(given, &LOAD, loads)?.unwrap_or(LoadWish::Both),
            sweep: one_of(given, &SWEEP, sweeps)?,
        })
    }
}

fn seconds(text: &str) -> Result<f64, Failure> {
    let seconds = text.parse().ok().filter(|seconds| (0.5..=3_600.0).contains(seconds));
    seconds.ok_or_else(|| {
        Failure::usage(format!("--seconds: \"{text}\"; expected a number from 0.5 to 3600"))
    })
}

/// The value of a flag that takes one of these words.
fn one_of<T: Copy, const N: usize>(
    given: &Given,
    flag: &Flag,
    words: [(&str, T); N],
) -> Result<Option<T>, Failure> {
    let Some(text) = given.text(flag)? else { return Ok(None) };
    let known = words.iter().find(|(word, _)| *word == text);
    known.map(|(_, value)| Some(*value)).ok_or_else(|| {
        let words = words.map(|(word, _)| word).join(", ");
        Failure::usage(format!("--{}: \"{text}\"; expected one of {words}", flag.name))
    })
}

/// A run under way.
struct Bench<'a> {
    plan: &'a Plan,
    asked: Asked,
    results: Results,
    teller: Teller,
    signals: Signals,
    /// Where the part at hand begins and ends within all of it, 0 to 1.
    within: [f64; 2],
}

impl Bench<'_> {
    /// Shows that the part at hand is so far, 0 to 1, and what it does; whether to
    /// go on.
    fn goes_on(&mut self, share: f64, what: &str) -> Result<bool, Failure> {
        const COLUMNS: usize = 24;
        let [from, to] = self.within;
        let all = (from + share.clamp(0.0, 1.0) * (to - from)).clamp(0.0, 1.0);
        let filled = (all * COLUMNS as f64) as usize;
        let bar = format!("{}{}", "#".repeat(filled), "-".repeat(COLUMNS - filled));
        self.teller.show(format!("[{bar}] {:3.0} %  {what}", 100.0 * all))?;
        if self.signals.stop_asked() {
            self.results.whole = false;
        }
        Ok(self.results.whole)
    }

    fn remark(&mut self, words: impl Into<String>) {
        self.results.remarks.push(words.into());
    }

    /// All parts, one after another.
    fn run(&mut self) -> Result<(), Failure> {
        let parts = self.asked.parts.clone();
        let seconds: Vec<f64> = parts.iter().map(|part| part.seconds(&self.asked)).collect();
        let all: f64 = seconds.iter().sum();
        let mut before = 0.0;
        for (part, seconds) in parts.into_iter().zip(seconds) {
            self.within = [before / all, (before + seconds) / all];
            before += seconds;
            if !self.goes_on(0.0, part.name())? {
                break;
            }
            part.run(self)?;
        }
        Ok(())
    }
}

/// Runs the verb.
///
/// # Errors
/// Arguments, files or devices that are refused.
pub fn run(parser: &mut Parser) -> Result<Exit, Failure> {
    let Some(given) = args::parse(&VERB, parser)? else { return Ok(Exit::Ok) };
    let asked = Asked::of(&given)?;
    let common = Common::of(&given)?;
    let plan = plan_from(&common)?;
    let before = given.path(&COMPARE).map(|path| read(&path)).transpose()?;
    let mut bench = Bench {
        plan: &plan,
        asked,
        results: machine::results(&plan),
        teller: Teller::new(common.json),
        signals: Signals::new(None).map_err(Failure::internal)?,
        within: [0.0, 1.0],
    };
    bench.teller.say(&format!(
        "bench: profile \"{}\" ({}), {}\n",
        plan.profile,
        plan.origin,
        bench.results.machine.words()
    ))?;
    if stdout().is_terminal() {
        bench.teller.open_screen();
    }
    let ran = bench.run();
    bench.teller.close_screen();
    ran?;
    bench.results.verdict = verdict::of(&bench.results);
    let Bench { results, mut teller, .. } = bench;
    let exit = tell(&plan, &results, before.as_ref(), &mut teller)?;
    if let Some(folder) = given.path(&SAVE) {
        teller.say(&page::save(&folder, &plan, &results)?)?;
    }
    Ok(exit)
}

/// Tells what came of it, and whether the budget holds.
fn tell(
    plan: &Plan,
    results: &Results,
    before: Option<&Results>,
    teller: &mut Teller,
) -> Result<Exit, Failure> {
    teller.say(&table::all(results))?;
    for remark in &results.remarks {
        teller.say(&format!("note: {remark}"))?;
    }
    if !results.whole {
        teller.say("stopped: this is what was measured until then")?;
    }
    teller.say(&format!("\n{}", results.verdict.join("\n")))?;
    teller.emit(results.to_json())?;
    if let Some(before) = before {
        let compared = Comparison::between(before, results);
        teller.say(&table::compared(&compared, before))?;
        teller.emit(table::compared_object(&compared, before))?;
    }
    let lines = budget::judge(plan, results);
    for line in &lines {
        teller.say(&line.words())?;
    }
    let over = lines.iter().filter(|line| line.is_over()).count();
    if !lines.is_empty() {
        let objects: Vec<_> = lines.iter().map(budget::Line::object).collect();
        teller.emit(json!({ "event": "budget", "holds": over == 0, "lines": objects }))?;
    }
    Ok(if over > 0 { Exit::Budget } else { Exit::Ok })
}

/// The results of a run before.
fn read(path: &Path) -> Result<Results, Failure> {
    let failed = |why: String| Failure::usage(format!("{}: {why}", path.display()));
    let text = text_of(path).map_err(|e| failed(format!("cannot be read: {e}")))?;
    Results::read(&text).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_not_there_names_the_nearest_one() {
        assert_eq!(Part::of("turns"), Ok(Part::Turns));
        assert!(Part::of("pipelne").unwrap_err().message.contains("did you mean pipeline?"));
        assert!(Part::of("everything").unwrap_err().message.contains("there are pipeline, "));
    }

    #[test]
    fn seconds_have_bounds() {
        assert_eq!(seconds("0.5"), Ok(0.5));
        for wrong in ["0.4", "-1", "NaN", "inf", "3601", "ten", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
