//! Whole conversations in virtual time.

use serde_json::json;

use chinwag::{
    audio::{Dbfs, Nanos, NoteKind, Rate, Resampler, convert::from_wire, resampler::Quality},
    config::{ConfigFile, Override, Plan},
    dialog::settings::Duplex,
    link::Control,
    pipeline::Registry,
    sim::{
        World, WorldSettings,
        babble::babble,
        clock::{CallbackSizes, ClockSettings},
        room::RoomSettings,
        seed::Seed,
        service::{Fault, Mishap, PartSizes, Voice, When},
        talker::{Cue, Utterance},
        world::{Delay, Entry, SentKind},
    },
};

mod campaign;
mod devices;
mod echo_guard;
mod golden;
mod manners;
mod modes;
mod network;
mod open_speakers;
mod opinions;
mod reference;
mod repeats;
mod replayed;
mod replies;
mod room;
mod sizes;
mod switches;
mod turns;

/// A client of the shipped profile `headset` with a detector by energy and
/// these values over it, each as after `--set`.
fn plan(mode: &str, duplex: &str, values: &[&str]) -> Plan {
    let barge_in = if duplex == "half" { "off" } else { "local" };
    let mut all = vec![
        format!("turn.mode={mode}"),
        format!("turn.duplex={duplex}"),
        format!("turn.barge_in={barge_in}"),
        "capture.vad.engine=energy".to_owned(),
        "turn.endpoint=fixed".to_owned(),
    ];
    all.extend(values.iter().map(|value| (*value).to_owned()));
    let overrides: Vec<Override> = all.iter().map(|value| Override::set(value)).collect();
    let file = ConfigFile::shipped(&Registry::shipped());
    file.plan(Some("headset"), &overrides).unwrap_or_else(|problems| panic!("{problems}"))
}

/// So much speech at 48 kHz.
fn speech(ms: u64, seed: u64) -> Vec<f32> {
    babble(Rate::new(48_000).unwrap(), Nanos::from_ms(ms), seed)
}

/// A talker who says one thing of 1.5 s at 1 s, and a model that answers with
/// a tone of `reply_ms`.
fn one_turn(mode: &str, duplex: &str, reply_ms: u32) -> WorldSettings {
    let mut settings = WorldSettings::new(plan(mode, duplex, &[]));
    settings.service.voice = Voice::Tone { hz: 440.0, ms: reply_ms };
    settings.script = vec![Utterance::new(Cue::At(Nanos::from_secs(1)), speech(1_500, 1))];
    settings
}

/// Runs so long, and to the last captured sample.
fn run(settings: WorldSettings, secs: u64) -> World {
    let mut world = World::new(settings).unwrap();
    world.run_until(Nanos::from_secs(secs));
    world.finish();
    world
}

/// How many notes of a kind there are.
fn count(world: &World, is: impl Fn(&NoteKind) -> bool) -> usize {
    world.transcript().decisions().iter().filter(|kind| is(kind)).count()
}
