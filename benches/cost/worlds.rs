//! How much faster than the clock a world runs: ten turns, each answered.

use std::time::Instant;

use chinwag::{
    audio::{Nanos, Rate},
    config::{ConfigFile, Origin, Override, Plan, SHIPPED},
    pipeline::Registry,
    sim::{
        World, WorldSettings,
        babble::babble,
        clock::ClockSettings,
        service::Voice,
        talker::{Cue, Utterance},
    },
};

use super::Case;

/// What runs in it, and how fast it must at least.
const KINDS: [(&str, f64); 3] = [("cheap", 1_000.0), ("client-vad", 100.0), ("all stages", 30.0)];
/// In a bench, so many seconds; where the speed is printed, a minute.
const SECS: u64 = 10;

fn plan(profile: &str, values: &[&str]) -> Plan {
    let overrides: Vec<Override> = values.iter().map(|value| Override::set(value)).collect();
    let file = ConfigFile::shipped(&Registry::shipped());
    file.plan(Some(profile), &overrides).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Every stage there is, in one chain.
fn all_stages() -> Plan {
    let first = ["highpass", "resample", "echo_cancel", "denoise", "agc"];
    let stage = |name: &str| {
        let rate = if name == "resample" { "rate_hz = 16000\n" } else { "" };
        format!("[[profile.all.capture]]\nstage = \"{name}\"\n{rate}")
    };
    let then = ["gate", "limiter", "gain", "meter", "vad"];
    let chain: String = first.into_iter().chain(then).map(stage).collect();
    let shipped = Registry::shipped();
    let text = format!("{SHIPPED}\n[profile.all]\nextends = \"speakers\"\n{chain}");
    let file = ConfigFile::parse(Origin::Shipped, &text, &shipped);
    file.plan(Some("all"), &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

fn settings(kind: &str) -> WorldSettings {
    let plan = match kind {
        "cheap" => plan("headset", &["capture.vad.engine=energy", "turn.endpoint=fixed"]),
        "all stages" => all_stages(),
        profile => plan(profile, &[]),
    };
    let mut settings = WorldSettings::new(plan);
    if kind == "cheap" {
        settings.microphone = ClockSettings::exact(Rate::UPLINK, 160);
        settings.speaker = ClockSettings::exact(Rate::DOWNLINK, 240);
    }
    settings.record_sound = false;
    settings.service.voice = Voice::Tone { hz: 440.0, ms: 2_500 };
    let rate = settings.microphone.rate;
    settings.script = (0..10)
        .map(|turn| {
            let pause = Nanos::from_ms(500);
            let cue = if turn == 0 { Cue::At(pause) } else { Cue::AfterReply(pause) };
            Utterance::new(cue, babble(rate, Nanos::from_ms(1_500), turn))
        })
        .collect();
    settings
}

fn run(settings: WorldSettings, secs: u64) {
    let mut world = World::new(settings).expect("a world of shipped stages");
    world.run_until(Nanos::from_secs(secs));
    world.finish();
    let turns = world.service().map_or(0, |service| service.heard().turns_completed);
    assert!(turns * 10 >= secs, "{turns} turns in {secs} s");
}

pub(super) fn all() -> impl Iterator<Item = Case> {
    KINDS.into_iter().map(|(kind, _)| {
        Case::new(format!("world {kind}, {SECS} s"), 1, move || {
            let settings = settings(kind);
            Box::new(move || run(settings.clone(), SECS))
        })
    })
}

/// A virtual minute of each.
#[allow(clippy::disallowed_methods)] // It times a run, as criterion does.
pub(super) fn print_speeds() {
    for (kind, asked) in KINDS {
        let settings = settings(kind);
        let begun = Instant::now();
        run(settings, 60);
        let speed = 60.0 / begun.elapsed().as_secs_f64();
        println!("world {kind}: {speed:.0} x real time; asked: {asked}");
    }
}
