//! `pipeline`: the stages of the profile by themselves, on one thread.

use std::{cell::RefCell, hint::black_box};

use super::{Asked, Bench, speech};
use crate::{
    audio::{
        Block, FrameTime, Nanos, Notes, Rate, Stopwatch,
        convert::{from_wire, tame_all},
        histogram::Histogram,
    },
    cli::exit::Failure,
    device::Clock,
    measure::results::{Measurement, Spread, Unit},
    pipeline::{Chain, Format},
    sim::room::RoomSettings,
};

/// The part's name in the results.
pub(super) const PART: &str = "pipeline";
/// The case of both chains together.
pub(super) const WHOLE: &str = "whole profile";
/// How long a talk is worked on, in seconds.
const SECONDS: f64 = 20.0;
/// Blocks that do not count: caches and filters fill.
const WARM_BLOCKS: usize = 100;
/// Blocks between two looks at the signals.
const LOOK_BLOCKS: usize = 50;
/// What one block is, in milliseconds.
pub(super) const BLOCK_MS: f64 = 10.0;

/// About.
pub(super) fn expected_s(asked: &Asked) -> f64 {
    2.0 + asked.seconds.unwrap_or(SECONDS) / 10.0
}

/// Both chains, block by block.
pub(super) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let plan = bench.plan;
    let rate = plan.device_rate();
    let seconds = bench.asked.seconds.unwrap_or(SECONDS);
    let cancels = plan.capture.iter().any(|stage| stage.name() == "echo_cancel");
    let room = RoomSettings::named(if cancels { "laptop" } else { "headset" });
    let room = room.ok_or_else(|| Failure::internal("there is no such room"))?;
    let [near, far] = speech::talk(rate, seconds, &room)?;
    let failed = |e| Failure::usage(format!("the profile \"{}\": {e}", plan.profile));
    let capture = plan.capture_chain(Format::of(rate)).map_err(failed)?;
    let playback = plan.playback_chain(rate).map_err(failed)?;
    // As the worker's thread does.
    chinwag_ffi::flush_subnormals();
    bench.remark(format!(
        "pipeline: {seconds:.0} s of a talk at {rate} in which both speak all the time; the first {} \
         blocks do not count",
        warm_of(blocks(&near, rate))
    ));
    let mut run = Run { bench, from: 0.0, to: 0.8, whole: Spent::default() };
    let mut goes_on = run.chain("capture", capture, &near, Some(&far))?;
    if goes_on {
        let model = speech::model(Rate::DOWNLINK, (seconds * 24e3) as usize)?;
        (run.from, run.to) = (0.8, 1.0);
        goes_on = run.chain("playback", playback, &model, None)?;
    }
    let whole = run.whole;
    if goes_on && whole.blocks > 0 {
        let mut all = |name, what, unit, value| {
            let measured = Measurement::number([PART, WHOLE, name, what], unit, value);
            bench.results.measurements.push(measured);
        };
        all("latency", "latency, both ways", Unit::Ms, whole.latency.as_ms());
        all("share", "share of one core", Unit::Percent, 100.0 / whole.speed());
        all("speed", "× real time", Unit::TimesRealTime, whole.speed());
        if let Some(allocations) = whole.allocations_per_block() {
            all("allocations", "allocations", Unit::AllocationsPerBlock, allocations);
        }
    }
    Ok(())
}

fn blocks(sound: &[i16], rate: Rate) -> usize {
    sound.len() / Format::of(rate).block_frames_max
}

/// Of a short run a quarter.
fn warm_of(blocks: usize) -> usize {
    WARM_BLOCKS.min(blocks / 4)
}

/// What some blocks took.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    blocks: u64,
    time: Nanos,
    latency: Nanos,
    allocations: u64,
}

impl Spent {
    /// Seconds of sound in a second.
    fn speed(&self) -> f64 {
        BLOCK_MS * self.blocks as f64 / self.time.as_ms().max(1e-6)
    }

    /// None where nobody counts: the library under another allocator.
    fn allocations_per_block(&self) -> Option<f64> {
        let before = chinwag_ffi::allocations();
        drop(black_box(Box::new(0u8)));
        let counts = chinwag_ffi::allocations() != before;
        counts.then(|| self.allocations as f64 / self.blocks as f64)
    }
}

/// A moment between two stages.
#[derive(Clone, Copy)]
struct Reading {
    at: Nanos,
    allocations: u64,
}

/// Notes when each stage begins and how often the thread had allocated by then.
struct Readings {
    clock: Clock,
    of_block: RefCell<Vec<Reading>>,
}

impl Stopwatch for Readings {
    fn now(&self) -> Nanos {
        let reading = Reading { at: self.clock.now(), allocations: chinwag_ffi::allocations() };
        self.of_block.borrow_mut().push(reading);
        reading.at
    }
}

/// What one stage took.
struct Stage {
    name: String,
    time: Histogram,
    spent: Spent,
}

struct Run<'a, 'b> {
    bench: &'a mut Bench<'b>,
    /// What of the part is done before and after the chain at hand.
    from: f64,
    to: f64,
    whole: Spent,
}

impl Run<'_, '_> {
    /// Works on all of a sound; whether to go on.
    fn chain(
        &mut self,
        list: &str,
        mut chain: Chain,
        near: &[i16],
        far: Option<&[i16]>,
    ) -> Result<bool, Failure> {
        let mut stages = stages_of(&chain);
        let mut together =
            Stage { name: "together".to_owned(), time: Histogram::new(), spent: Spent::default() };
        together.spent.latency = chain.latency();
        let readings = Readings {
            clock: Clock::start(),
            of_block: RefCell::new(Vec::with_capacity(stages.len() + 1)),
        };
        let (mut block, mut notes) = (Block::new(chain.block_capacity()), Notes::default());
        let step = chain.input().block_frames_max;
        let mut at = FrameTime::start(chain.input().rate, 0);
        let (all, mut sound) = (blocks(near, chain.input().rate), Vec::with_capacity(step));
        let mut goes_on = true;
        for (number, part) in near.chunks_exact(step).enumerate() {
            if number % LOOK_BLOCKS == 0 {
                let share = self.from + (self.to - self.from) * number as f64 / all as f64;
                goes_on = self.bench.goes_on(share, &format!("pipeline: {list}"))?;
                if !goes_on {
                    break;
                }
            }
            sound.clear();
            sound.extend(part.iter().map(|sample| from_wire(*sample)));
            tame_all(&mut sound);
            block.fill(&sound, at);
            at = at.plus(step as i64);
            if let Some(far) = far.and_then(|far| far.get(number * step..(number + 1) * step)) {
                let slots = block.add_far().iter_mut();
                slots.zip(far).for_each(|(slot, sample)| *slot = from_wire(*sample));
            }
            readings.of_block.borrow_mut().clear();
            chain.process(&mut block, &mut notes, &readings);
            notes.clear();
            if number >= warm_of(all) {
                take(&readings.of_block.borrow(), &mut stages, &mut together);
            }
        }
        self.tell(list, &stages, &together);
        Ok(goes_on)
    }

    fn tell(&mut self, list: &str, stages: &[Stage], together: &Stage) {
        for stage in stages.iter().chain([together]) {
            let Some(time) = Spread::of_durations(&stage.time.snapshot()) else { continue };
            let case = format!("{list}.{}", stage.name);
            let names = |name, what| [PART, case.as_str(), name, what];
            let spent = &stage.spent;
            let measured = &mut self.bench.results.measurements;
            let number = Measurement::number;
            measured.push(number(names("latency", "latency"), Unit::Ms, spent.latency.as_ms()));
            measured.push(Measurement::spread(names("block", "one block"), Unit::Ms, time));
            let speed = names("speed", "× real time");
            measured.push(number(speed, Unit::TimesRealTime, spent.speed()));
            if let Some(allocations) = spent.allocations_per_block() {
                let names = names("allocations", "allocations");
                measured.push(number(names, Unit::AllocationsPerBlock, allocations));
            }
        }
        let Spent { blocks, time, latency, allocations } = together.spent;
        self.whole.blocks = self.whole.blocks.max(blocks);
        self.whole.time += time;
        self.whole.latency += latency;
        self.whole.allocations += allocations;
    }
}

fn stages_of(chain: &Chain) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for cost in chain.costs() {
        let again = stages.iter().filter(|stage| stage.name.split(' ').next() == Some(cost.name));
        let name = match again.count() {
            0 => cost.name.to_owned(),
            before => format!("{} {}", cost.name, before + 1),
        };
        let spent = Spent { latency: cost.latency, ..Spent::default() };
        stages.push(Stage { name, time: Histogram::new(), spent });
    }
    stages
}

/// Adds one block's readings: one before the first stage, one after each.
fn take(readings: &[Reading], stages: &mut [Stage], together: &mut Stage) {
    let add = |stage: &mut Stage, from: Reading, to: Reading| {
        let time = to.at.since(from.at);
        stage.time.record(time);
        stage.spent.blocks += 1;
        stage.spent.time += time;
        stage.spent.allocations += to.allocations - from.allocations;
    };
    for (stage, pair) in stages.iter_mut().zip(readings.windows(2)) {
        add(stage, pair[0], pair[1]);
    }
    if let (Some(first), Some(last)) = (readings.first(), readings.last()) {
        add(together, *first, *last);
    }
}
