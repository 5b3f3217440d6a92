//! What a chain makes of its stages.

use std::cell::Cell;

use super::*;
use crate::{
    audio::{FrameTime, NoStopwatch, Note, NoteKind},
    pipeline::{Prepared, Registry, Value, Values},
};

/// Adds to each sample, is late, and makes `growth` times as many frames.
#[derive(Clone, Debug)]
struct Add {
    amount: f32,
    latency_frames: usize,
    growth: usize,
    control: Option<LiveValue>,
}

const ADD: Add = Add { amount: 1.0, latency_frames: 0, growth: 1, control: None };

impl StageConfig for Add {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        if self.amount < 0.0 {
            return Err(PrepareError("amount: expected 0 or more".to_owned()));
        }
        let growth = self.growth as u32;
        let output = Format {
            rate: Rate::new(input.rate.hz() * growth).unwrap(),
            block_frames_max: input.block_frames_max * self.growth,
        };
        let controls = self.control.iter().map(|value| ("amount", value.clone())).collect();
        let stage = Box::new(Adding { config: self.clone(), blocks: 0 });
        Ok(Prepared { stage, output, latency_frames: self.latency_frames, controls })
    }
}

struct Adding {
    config: Add,
    blocks: i64,
}

impl Stage for Adding {
    fn process(&mut self, block: &mut Block, notes: &mut Notes) {
        self.blocks += 1;
        block.resize(block.len() * self.config.growth);
        for sample in block.near_mut() {
            *sample = 2.0 * *sample + self.config.amount;
        }
        notes.push(Note::now(NoteKind::Likely, block.start().plus(self.blocks)));
    }

    fn reset(&mut self) {
        self.blocks = 0;
    }
}

fn chain(stages: &[(&str, Add)]) -> Result<Chain, PrepareError> {
    let stages = stages.iter().map(|(name, add)| (*name, add as &dyn StageConfig));
    Chain::prepare(stages, Format::of(Rate::UPLINK))
}

fn block_of(samples: &[f32], chain: &Chain) -> Block {
    let mut block = Block::new(chain.block_capacity());
    block.fill(samples, FrameTime::start(Rate::UPLINK, 0));
    block
}

/// Gains as many nanoseconds at each reading as it was read before.
struct Ticking(Cell<u64>, Cell<u64>);

impl Stopwatch for Ticking {
    fn now(&self) -> Nanos {
        self.1.set(self.1.get() + self.0.get());
        self.0.set(self.0.get() + 1);
        Nanos(self.1.get())
    }
}

#[test]
fn stages_work_one_after_the_other_in_their_order() {
    let double = Add { amount: 0.0, ..ADD };
    let mut chain = chain(&[("add", ADD), ("double", double)]).unwrap();
    let mut block = block_of(&[0.0, 1.0], &chain);
    chain.process(&mut block, &mut Notes::default(), &NoStopwatch);
    assert_eq!(block.near(), [2.0, 6.0]);
}

#[test]
fn an_empty_chain_leaves_everything_as_it_is() {
    let mut chain = chain(&[]).unwrap();
    let mut block = block_of(&[0.5], &chain);
    chain.process(&mut block, &mut Notes::default(), &NoStopwatch);
    assert_eq!(block.near(), [0.5]);
    assert_eq!((chain.latency(), chain.output()), (Nanos::ZERO, chain.input()));
    assert_eq!(chain.block_capacity(), 160);
}

#[test]
fn latencies_add_up_each_at_the_rate_that_its_stage_puts_out() {
    let late = |latency_frames, growth| Add { latency_frames, growth, ..ADD };
    let chain = chain(&[("one", late(16, 1)), ("two", late(96, 3)), ("three", late(48, 1))]);
    let chain = chain.unwrap();
    assert_eq!(chain.latency(), Nanos::from_ms(1 + 2 + 1));
    let each: Vec<_> = chain.costs().map(|cost| (cost.name, cost.latency.as_ms())).collect();
    assert_eq!(each, [("one", 1.0), ("two", 2.0), ("three", 1.0)]);
}

#[test]
fn the_block_must_hold_the_longest_that_any_stage_makes() {
    let chain = chain(&[("tripled", Add { growth: 3, ..ADD })]).unwrap();
    assert_eq!((chain.block_capacity(), chain.output().block_frames_max), (480, 480));
    assert_eq!(chain.rate().hz(), 48_000);
    // Up and down again: the middle is the longest.
    let registry = Registry::shipped();
    let configs = [48_000, 8_000].map(|rate_hz| {
        let entry = registry.get("resample").unwrap();
        let mut values = Values::defaults(entry.params);
        values.set("rate_hz", Value::Int(rate_hz));
        (entry.build)(&values).unwrap()
    });
    let stages = configs.iter().map(|config| ("resample", config.as_ref()));
    let chain = Chain::prepare(stages, Format::of(Rate::UPLINK)).unwrap();
    assert_eq!((chain.block_capacity(), chain.output().block_frames_max), (480, 80));
}

#[test]
fn an_error_names_the_stage_and_its_place() {
    let bad = Add { amount: -1.0, ..ADD };
    let error = chain(&[("good", ADD), ("bad", bad)]).err().unwrap();
    assert_eq!(error.to_string(), "stage 2 (bad): amount: expected 0 or more");
}

#[test]
fn a_reset_reaches_every_stage() {
    let mut chain = chain(&[("a", ADD), ("b", ADD)]).unwrap();
    let run = |chain: &mut Chain| {
        let (mut block, mut notes) = (block_of(&[0.0], chain), Notes::default());
        chain.process(&mut block, &mut notes, &NoStopwatch);
        notes.iter().map(|note| note.at.frames).collect::<Vec<_>>()
    };
    assert_eq!(run(&mut chain), [1, 1]);
    assert_eq!(run(&mut chain), [2, 2]);
    chain.reset();
    assert_eq!(run(&mut chain), [1, 1]);
}

#[test]
fn each_stage_is_charged_with_its_own_time_in_sum_and_at_most() {
    let mut chain = chain(&[("a", ADD), ("b", ADD)]).unwrap();
    let clock = Ticking(Cell::new(0), Cell::new(0));
    for _ in 0..2 {
        let mut block = block_of(&[0.0], &chain);
        chain.process(&mut block, &mut Notes::default(), &clock);
    }
    // Readings: 0, 1, 3 in the first block and 6, 10, 15 in the second.
    let costs: Vec<_> = chain.costs().map(|c| (c.name, c.spent.0, c.spent_max.0)).collect();
    assert_eq!(costs, [("a", 1 + 4, 4), ("b", 2 + 5, 5)]);
}

#[test]
fn a_chain_counts_on_where_one_of_the_same_stages_stopped() {
    let clock = Ticking(Cell::new(0), Cell::new(0));
    let run = |chain: &mut Chain| {
        let mut block = block_of(&[0.0], chain);
        chain.process(&mut block, &mut Notes::default(), &clock);
    };
    let mut first = chain(&[("a", ADD)]).unwrap();
    run(&mut first);
    let late = Add { latency_frames: 16, ..ADD };
    let mut next = chain(&[("a", late)]).unwrap().counting_on(&first.gauges());
    run(&mut next);
    let [stage] = &first.gauges()[..] else { panic!("one stage") };
    assert_eq!((stage.time.snapshot().count(), stage.latency()), (2, Nanos::from_ms(1)));
    let other = chain(&[("b", ADD)]).unwrap().counting_on(&first.gauges());
    assert_eq!(other.gauges()[0].name, "b", "another pipeline counts by itself");
}

#[test]
fn where_time_stands_still_no_stage_is_measured() {
    let mut chain = chain(&[("a", ADD)]).unwrap();
    let mut block = block_of(&[0.0], &chain);
    chain.process(&mut block, &mut Notes::default(), &NoStopwatch);
    assert_eq!(chain.gauges()[0].time.snapshot().count(), 0);
}

#[test]
fn controls_are_named_by_stage_and_parameter_and_reach_the_stage() {
    let value = LiveValue::new(3.0);
    let live = Add { control: Some(value.clone()), ..ADD };
    let chain = chain(&[("plain", ADD), ("live", live)]).unwrap();
    let [(name, control)] = chain.controls() else { panic!("{:?}", chain.controls()) };
    assert_eq!(name, "live.amount");
    control.set(4.0);
    assert_eq!(value.get(), 4.0);
}
