//! Every stage of the registry, over its rates, its variants and block lengths.

use chinwag::{
    audio::{Block, FrameTime, Notes, Rate},
    pipeline::{
        Format, PrepareError, Prepared, Registry, Stage, StageConfig, StageEntry, Value, Values,
        conformance::{self, Subject},
    },
};

use super::counting::{allocations, heap_calls};

#[path = "../data/silero/made.rs"]
mod made;

#[test]
fn no_stage_allocates_in_process_or_reset() {
    for entry in Registry::shipped().iter() {
        for subject in Subject::all(entry).unwrap() {
            let count = if subject.allocates == 0 { heap_calls } else { allocations };
            let finding = conformance::allocations(&subject, &count);
            assert_eq!(finding, Ok(()), "{} {}", entry.name, subject.variant);
        }
    }
}

#[test]
fn silero_does_not_allocate_either() {
    let path = std::env::temp_dir().join(format!("chinwag-weights-{}.onnx", std::process::id()));
    std::fs::write(&path, made::file()).unwrap();
    let entry = Registry::shipped().get("vad").unwrap();
    let mut values = conformance::example_values(entry).unwrap();
    values.set("engine", Value::Text("silero".to_owned()));
    values.set("weights", Value::Text(path.to_str().unwrap().to_owned()));
    let subject = Subject::new(entry, &values, String::new()).unwrap();
    let finding = conformance::allocations(&subject, &heap_calls);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(finding, Ok(()));
}

#[test]
fn what_a_stage_declares_is_the_most_that_10_ms_take() {
    let mut notes = Notes::default();
    let mut signal = (0u32..).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 1.7e7 - 0.5);
    let stages = Registry::shipped();
    let subjects = stages.iter().flat_map(|entry| Subject::all(entry).unwrap());
    for subject in subjects.filter(|subject| subject.allocates > 0) {
        let mut stage = subject.prepare(Format::of(Rate::UPLINK)).unwrap().stage;
        let mut block = Block::new(160);
        let counts = (0..200i64).map(|i| {
            let near: Vec<f32> = signal.by_ref().take(160).collect();
            block.fill(&near, FrameTime::start(Rate::UPLINK, 0).plus(160 * i));
            block.add_far().copy_from_slice(&near);
            let before = allocations();
            stage.process(&mut block, &mut notes);
            allocations() - before
        });
        let in_process = counts.max().unwrap_or(0);
        let before = allocations();
        stage.reset();
        let in_reset = u64::from(allocations() > before);
        assert_eq!(in_process.max(in_reset), u64::from(subject.allocates), "{subject:?}");
    }
}

/// Allocates in `process` or in `reset`.
#[derive(Debug)]
struct Careless {
    in_reset: bool,
    buffer: Vec<f32>,
}

impl StageConfig for Careless {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        let stage = Self { in_reset: self.in_reset, buffer: Vec::new() };
        Ok(Prepared::plain(stage, input))
    }
}

impl Stage for Careless {
    fn process(&mut self, block: &mut Block, _notes: &mut Notes) {
        if !self.in_reset {
            self.buffer = block.near().to_vec();
        }
    }

    fn reset(&mut self) {
        self.buffer = Vec::new();
        if self.in_reset {
            self.buffer.push(0.0);
        }
    }
}

fn careless(allocates: fn(&Values) -> u32, in_reset: bool) -> StageEntry {
    StageEntry {
        name: "careless",
        summary: "allocates",
        params: &[],
        allocates,
        example: "",
        build: if in_reset {
            |_| Ok(Box::new(Careless { in_reset: true, buffer: Vec::new() }))
        } else {
            |_| Ok(Box::new(Careless { in_reset: false, buffer: Vec::new() }))
        },
    }
}

fn finding(entry: &StageEntry) -> Result<(), String> {
    conformance::allocations(&Subject::all(entry).unwrap()[0], &heap_calls)
}

#[test]
fn a_stage_that_allocates_in_process_or_reset_is_caught() {
    assert!(finding(&careless(|_| 0, false)).unwrap_err().contains("expected 0 at most"));
    assert!(finding(&careless(|_| 0, true)).is_err());
}

#[test]
fn a_stage_may_make_as_many_allocations_as_it_declares() {
    assert_eq!(finding(&careless(|_| 10, false)), Ok(()));
}
