//! Every figure has its name, its meaning, and one place.

use std::collections::BTreeSet;

use super::*;
use crate::{
    audio::{Nanos, Rate},
    config::ConfigFile,
    measure::figures::Value,
    pipeline::Registry,
    sim::{
        babble::babble,
        talker::{Cue, Utterance},
        world::{World, WorldSettings},
    },
};

/// A question, its answer, and an interruption of that.
fn converse() -> World {
    let plan = ConfigFile::shipped(&Registry::shipped()).plan(Some("client-vad"), &[]).unwrap();
    let mut settings = WorldSettings::new(plan);
    let rate = settings.microphone.rate;
    let phrase = |seed, ms| babble(rate, Nanos::from_ms(ms), seed);
    settings.script = vec![
        Utterance::new(Cue::At(Nanos::from_ms(700)), phrase(1, 2_500)),
        Utterance::new(Cue::IntoReply(Nanos::from_ms(800)), phrase(2, 1_200)),
    ];
    settings.speaker_latency = Nanos::from_ms(12);
    let mut world = World::new(settings).unwrap();
    world.run_until(Nanos::from_secs(12));
    world
}

fn read(world: &World) -> Figures {
    figures(world.meters(), &world.link_gauges(), &SoundTotals::default())
}

#[test]
fn a_name_stands_once_and_says_in_a_line_what_it_is() {
    let figures = read(&converse());
    let mut seen = BTreeSet::new();
    let mut last = "";
    for figure in figures.iter() {
        let name = &figure.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(plain) && !name.starts_with('_'), "{name}");
        assert!(!figure.help.is_empty() && figure.help.is_ascii(), "{name}: {}", figure.help);
        assert!(seen.insert((name, &figure.labels)), "{name} stands twice");
        assert!(
            name == last
                || figures.iter().filter(|f| &f.name == name).count() == 1
                || figures.iter().find(|f| &f.name == name) == Some(figure),
            "the figures called {name} do not follow each other"
        );
        last = name;
    }
    assert!(seen.len() > 100, "only {} figures", seen.len());
}

#[test]
fn a_conversation_in_virtual_time_fills_every_time_but_what_work_costs() {
    let figures = read(&converse());
    for figure in figures.iter() {
        let Value::Times(times) = &figure.value else { continue };
        let costs = ["worker_block_seconds", "stage_seconds"].contains(&figure.name.as_str());
        assert_eq!(times.count() == 0, costs, "{}", figure.name);
    }
    assert_eq!(figures.now("worker_block_ratio"), None, "nothing takes time there");
}

#[test]
fn the_steps_from_the_end_of_speech_to_the_answer_add_up() {
    let world = converse();
    let figures = read(&world);
    let mean = |name: &str| figures.times(name).unwrap().mean().unwrap().as_ms();
    let steps =
        ["end_to_decided", "end_to_wire", "end_to_reply", "wire_to_ring", "ring_to_audible"];
    let sum: f64 = steps.iter().map(|name| mean(&format!("{name}_seconds"))).sum();
    let all = mean("speech_to_audible_seconds");
    // A period of the device on each side.
    assert!((sum - all).abs() < 20.0, "{sum} ms in steps, {all} ms in all");
    assert!(mean("ring_to_audible_seconds") >= 12.0, "the speaker's latency is in it");
}

#[test]
fn a_cut_is_silent_within_a_period_and_the_fade_after_the_latency_of_the_device() {
    let figures = read(&converse());
    let cut = figures.times("cut_to_silence_seconds").unwrap();
    assert_eq!(cut.count(), 1);
    let period = Rate::new(48_000).unwrap().duration_of(480).as_ms();
    let silent = cut.max().as_ms() - 12.0;
    assert!(silent > 6.0 && silent <= period + 6.0, "{silent} ms without the latency");
}
