//! A stage of one's own: a crate that depends on chinwag describes it, adds it
//! to the registry, runs it in a chain and checks that it keeps every promise.
//!
//! `cargo run --example custom_stage`

use chinwag::{
    audio::{Block, Dbfs, FrameTime, NoStopwatch, Notes, Rate, convert::tame},
    pipeline::{
        Chain, Format, Param, PrepareError, Prepared, Registry, Stage, StageConfig, StageEntry,
        Values, conformance,
        param::{ParamDefault, ParamKind},
    },
};

/// What the parser, `chinwag stages` and the conformance suite read.
static TREMOLO: StageEntry = StageEntry {
    name: "tremolo",
    summary: "lets the loudness swell and fade",
    params: &[Param {
        name: "rate_hz",
        kind: ParamKind::Float { min: 0.1, max: 20.0 },
        default: ParamDefault::Float(5.0),
        doc: "how often per second",
    }],
    allocates: |_| 0,
    example: "rate_hz = 4.0",
    build: |values| Ok(Box::new(Config { rate_hz: values.float("rate_hz") })),
};

/// The setup half: plain data.
#[derive(Debug)]
struct Config {
    rate_hz: f32,
}

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        let period_frames = (input.rate.hz() as f32 / self.rate_hz) as u32;
        Ok(Prepared::plain(Tremolo { period_frames, frame: 0 }, input))
    }
}

/// The real-time half: counts frames, so that the size of the blocks is no
/// matter.
struct Tremolo {
    period_frames: u32,
    frame: u32,
}

impl Stage for Tremolo {
    fn process(&mut self, block: &mut Block, _notes: &mut Notes) {
        for sample in block.near_mut() {
            let turn = self.frame as f32 / self.period_frames as f32;
            self.frame = (self.frame + 1) % self.period_frames;
            *sample = tame(*sample) * (0.75 + 0.25 * (turn * std::f32::consts::TAU).cos());
        }
    }

    fn reset(&mut self) {
        self.frame = 0;
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registry = Registry::shipped().with(&TREMOLO);
    let mut configs = Vec::new();
    for name in ["highpass", "tremolo", "resample"] {
        let entry = registry.get(name).ok_or_else(|| format!("no stage called {name}"))?;
        configs.push((name, (entry.build)(&Values::defaults(entry.params))?));
    }

    let rate = Rate::new(48_000).ok_or("no such rate")?;
    let stages = configs.iter().map(|(name, config)| (*name, config.as_ref()));
    let mut chain = Chain::prepare(stages, Format::of(rate))?;
    println!("{rate} to {}, {:?} late", chain.rate(), chain.latency());

    let mut block = Block::new(chain.block_capacity());
    let mut notes = Notes::default();
    for i in 0..50 {
        let tone: Vec<f32> = (0..480).map(|k| (k as f32 * 0.065).sin() * 0.5).collect();
        block.fill(&tone, FrameTime::start(rate, 0).plus(i * 480));
        chain.process(&mut block, &mut notes, &NoStopwatch);
        if i % 5 == 4 {
            println!("{:?} {:6.1} dBFS", block.start(), Dbfs::rms_of(block.near()).0);
        }
    }

    let report = conformance::check(&TREMOLO);
    print!("{report}");
    if report.passed() { Ok(()) } else { Err("a promise is broken".into()) }
}
