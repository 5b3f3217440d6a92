//! Any text as the `events.jsonl` of a recorded talk: replayed without a fault.

use std::sync::OnceLock;

use chinwag::{
    audio::Rate,
    cli::replay::live,
    config::{ConfigFile, Plan},
    pipeline::Registry,
    sim::replay::replay,
};

/// A quarter of a second.
const FRAMES: usize = 4_000;

/// Replays a short sound to which that happened.
pub fn run(bytes: &[u8]) {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    let plan = PLAN.get_or_init(|| {
        let shipped = ConfigFile::shipped(&Registry::shipped());
        shipped.plan(Some("headset"), &[]).expect("the shipped file has it")
    });
    let lines = live::lines(&String::from_utf8_lossy(bytes));
    let events = live::events(&lines);
    assert!(events.len() <= lines.len());
    assert!(live::compare(&lines, &lines).is_ok());
    let sound: Vec<f32> = (0..FRAMES).map(|i| ((i * i % 97) as f32 - 48.0) / 480.0).collect();
    let replayed = replay(plan, &sound, Rate::UPLINK, &events).expect("the plan is prepared");
    assert_eq!(replayed.processed.len(), FRAMES);
}
