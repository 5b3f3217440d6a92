//! The shipped stages keep every promise, and flawed ones are found out.

use super::*;
use crate::{
    audio::{Block, Note, NoteKind, Notes},
    pipeline::{Param, Prepared, Registry, Stage, param::ParamDefault},
};

#[test]
fn every_shipped_stage_keeps_every_promise() {
    for entry in Registry::shipped().iter() {
        let report = check(entry);
        assert!(report.passed(), "{report}");
    }
}

/// A stage that keeps every promise but one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    UnclearRefusal,
    TooLong,
    LosesFrames,
    TooManyNotes,
    WrongStart,
    PassesNan,
    InfinityLater,
    LooksAtBlockLength,
    NotesByBlock,
    ForgetsToReset,
    LaterThanClaimed,
    EarlierThanClaimed,
    NeverQuiet,
    LingersAsSubnormals,
}

#[derive(Debug)]
struct Config(Flaw);

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        if self.0 == Flaw::UnclearRefusal && input.rate.hz() == 24_000 {
            return Err(PrepareError("Bad rate.".to_owned()));
        }
        let mut prepared =
            Prepared::plain(Flawed { flaw: self.0, memory: [0.0; 4], seen: 0 }, input);
        if self.0 == Flaw::EarlierThanClaimed {
            prepared.latency_frames = 20;
        }
        Ok(prepared)
    }
}

struct Flawed {
    flaw: Flaw,
    memory: [f32; 4],
    seen: usize,
}

impl Flawed {
    fn sample(&mut self, input: f32, frames: usize) -> f32 {
        let clean = crate::audio::convert::tame(input);
        match self.flaw {
            Flaw::PassesNan => input,
            Flaw::InfinityLater if self.seen == 3_000 => f32::NEG_INFINITY,
            Flaw::LooksAtBlockLength => clean * (1.0 + frames as f32 * 1e-6),
            Flaw::ForgetsToReset => clean + if self.seen == 2 { self.memory[0] } else { 0.0 },
            Flaw::LaterThanClaimed => {
                self.memory.rotate_right(1);
                std::mem::replace(&mut self.memory[0], clean)
            }
            Flaw::NeverQuiet => clean + 1e-9,
            Flaw::LingersAsSubnormals => {
                self.memory[0] = 0.999 * self.memory[0] + 0.001 * clean.abs();
                clean + self.memory[0]
            }
            _ => clean,
        }
    }
}

impl Stage for Flawed {
    fn process(&mut self, block: &mut Block, notes: &mut Notes) {
        let (frames, start) = (block.len(), block.start());
        for i in 0..frames {
            self.seen += 1;
            let input = block.near()[i];
            block.near_mut()[i] = self.sample(input, frames);
            if self.flaw == Flaw::ForgetsToReset && self.seen == 5 {
                self.memory[0] = 0.25;
            }
            if self.flaw == Flaw::TooManyNotes {
                notes.push(Note::now(NoteKind::Likely, start.plus(i as i64)));
            }
        }
        match self.flaw {
            Flaw::TooLong => block.resize(frames + 1),
            Flaw::LosesFrames => block.resize(frames / 2),
            Flaw::WrongStart => block.set_start(start.plus(1)),
            Flaw::EarlierThanClaimed => block.set_start(start.plus(-20)),
            Flaw::NotesByBlock if frames > 0 => notes.push(Note::now(NoteKind::Likely, start)),
            _ => {}
        }
    }

    fn reset(&mut self) {
        self.seen = 0;
        if self.flaw != Flaw::ForgetsToReset {
            self.memory = [0.0; 4];
        }
    }
}

macro_rules! flawed {
    ($($flaw:ident breaks $broken:expr),* $(,)?) => {
        [$((&$broken[..], StageEntry {
            name: stringify!($flaw),
            summary: "keeps every promise but one",
            params: &[],
            allocates: |_| 0,
            example: "",
            build: |_| Ok(Box::new(Config(Flaw::$flaw))),
        })),*]
    };
}

#[test]
fn each_promise_that_a_stage_breaks_is_reported_and_no_other() {
    let [prepares, length, stamps, finite, cut, reset, late, silence] =
        PROMISES.map(|(name, _)| name);
    let flawed = flawed![
        None breaks [],
        UnclearRefusal breaks [prepares],
        // Where there are more or fewer frames, nothing stands where it should.
        TooLong breaks [length, stamps, cut, late],
        LosesFrames breaks [length, stamps, cut, late],
        // What found no room in a long block found some in short ones.
        TooManyNotes breaks [length, cut],
        WrongStart breaks [stamps],
        PassesNan breaks [finite],
        InfinityLater breaks [finite, late],
        LooksAtBlockLength breaks [cut],
        NotesByBlock breaks [cut],
        ForgetsToReset breaks [reset],
        LaterThanClaimed breaks [late],
        EarlierThanClaimed breaks [late],
        NeverQuiet breaks [silence],
        LingersAsSubnormals breaks [silence],
    ];
    for (expected, entry) in &flawed {
        let report = check(entry);
        assert_eq!(report.broken().collect::<Vec<_>>(), *expected, "{report}");
        assert_eq!(report.passed(), expected.is_empty());
    }
}

const BOUNDED: Param = Param {
    name: "hold_ms",
    kind: ParamKind::Int { min: 0, max: 10 },
    default: ParamDefault::Required,
    doc: "how long",
};

const OUT_OF_BOUNDS: Param = Param { default: ParamDefault::Int(11), ..BOUNDED };
const CAPITAL: Param = Param { name: "Hold", ..BOUNDED };

fn described(summary: &'static str, params: &'static [Param], example: &'static str) -> StageEntry {
    StageEntry {
        name: "described",
        summary,
        params,
        allocates: |_| 0,
        example,
        build: |_| Ok(Box::new(Config(Flaw::None))),
    }
}

#[test]
fn an_example_must_be_made_of_the_parameters_and_within_their_bounds() {
    let fault = |example| {
        let report = check(&described("fine", &[BOUNDED], example));
        report.findings[1].1.clone().unwrap_err()
    };
    assert!(fault("").contains("must give hold_ms"));
    assert!(fault("hold_ms 3").contains("expected key = value"));
    assert!(fault("hold = 3").contains("the stage's own parameters"));
    assert!(fault("hold_ms = 11").contains("max: 10"));
    assert!(fault("hold_ms = \"3\"").contains("max: 10"));
    let values = example_values(&described("fine", &[BOUNDED], "# so long\n hold_ms = 3\n"));
    assert_eq!(values.unwrap().int("hold_ms"), 3);
}

#[test]
fn documentation_is_one_line_in_lower_case_without_a_full_stop() {
    for summary in ["", "Makes it louder", "makes it louder.", "makes\nit louder"] {
        assert!(documented(&described(summary, &[], "")).is_err(), "{summary:?}");
    }
    assert!(documented(&described("fine", &[OUT_OF_BOUNDS], "")).is_err());
    assert!(documented(&described("fine", &[CAPITAL], "")).is_err());
    assert!(documented(&described("fine", &[BOUNDED], "")).is_ok());
}

#[test]
fn a_report_reads_as_a_list_of_promises() {
    let text = check(&described("Not fine", &[], "")).to_string();
    assert!(text.starts_with("described\n  BROKEN  is documented: summary: expected"), "{text}");
    assert!(text.contains("\n  ok      settles to exact silence\n"), "{text}");
}
