//! Two hours of talk in virtual time, with a new connection every nine minutes:
//! memory, words, latency and connections stay as they were.

use std::sync::Arc;

use chinwag::{
    audio::{Nanos, NoteKind, Rate},
    config::{ConfigFile, Override},
    pipeline::Registry,
    sim::{
        World, WorldSettings,
        babble::babble,
        clock::ClockSettings,
        service::Voice,
        talker::{Cue, Utterance},
    },
};

use super::counting::live_bytes;

const HOURS: u64 = 2;
/// Something is said this often.
const EVERY_SECS: u64 = 12;
const TURNS: u64 = HOURS * 3_600 / EVERY_SECS - 1;
/// The speaker's crystal is as much too fast as the microphone's is too slow.
const PPM: f64 = 100.0;

fn settings() -> WorldSettings {
    let set = ["turn.mode=client", "capture.vad.engine=energy", "turn.endpoint=fixed"];
    let overrides: Vec<Override> = set.iter().map(|value| Override::set(value)).collect();
    let file = ConfigFile::shipped(&Registry::shipped());
    let mut settings = WorldSettings::new(file.plan(Some("headset"), &overrides).unwrap());
    settings.record_sound = false;
    settings.record_all = false;
    settings.microphone = ClockSettings { ppm: -PPM, ..ClockSettings::exact(Rate::UPLINK, 160) };
    settings.speaker = ClockSettings { ppm: PPM, ..ClockSettings::exact(Rate::DOWNLINK, 240) };
    settings.service.voice = Voice::Tone { hz: 440.0, ms: 2_000 };
    settings.service.record_uplink = false;
    settings.service.turns_kept = 2;
    settings.service.go_away_after = Some(Nanos::from_secs(540));
    let sound: Arc<[f32]> = babble(Rate::UPLINK, Nanos::from_ms(1_500), 1).into();
    settings.script = (0..TURNS).map(|n| Utterance::new(said_at(n), sound.clone())).collect();
    settings
}

fn said_at(turn: u64) -> Cue {
    Cue::At(Nanos::from_secs(1 + EVERY_SECS * turn))
}

/// What was seen of one turn.
#[derive(Debug)]
struct Turn {
    /// Samples that the service heard of it.
    samples: u64,
    /// From the first word to the first sound of the reply, in seconds.
    delay_secs: f64,
}

/// Lets a turn go by and looks at it.
fn turn(world: &mut World, n: u64) -> Turn {
    // Before what is kept of it is forgotten.
    world.run_until(Nanos::from_secs(EVERY_SECS * n + 5));
    let began = world.transcript().notes.iter().rev().find_map(|note| match note.note.kind {
        NoteKind::ReplyStarted(_) => Some(note.seen_at.as_secs()),
        _ => None,
    });
    world.run_until(Nanos::from_secs(EVERY_SECS * (n + 1)));
    let said = (1 + EVERY_SECS * n) as f64 / (1.0 - PPM * 1e-6);
    let heard = world.services().filter_map(|service| service.heard().turns.back()).last().unwrap();
    Turn {
        samples: heard.samples.end - heard.samples.start,
        delay_secs: began.unwrap_or_default() - said,
    }
}

#[test]
fn two_hours_with_a_new_connection_every_nine_minutes_leave_everything_as_it_was() {
    let mut world = World::new(settings()).unwrap();
    let first = turn(&mut world, 0);
    let (mut least, mut most) = (isize::MAX, isize::MIN);
    for n in 1..TURNS {
        let now = turn(&mut world, n);
        let what = || format!("turn {n}: {now:?}, at first {first:?}\n{}", world.transcript());
        // A window begins and ends with a block, whose bounds the noise may move.
        assert!(now.samples.abs_diff(first.samples) <= 640, "{}", what());
        assert!((now.delay_secs - first.delay_secs).abs() < 0.06, "{}", what());
        if n * EVERY_SECS >= 60 {
            let bytes = live_bytes();
            (least, most) = (least.min(bytes), most.max(bytes));
        }
    }
    println!(
        "{TURNS} turns, {} connections, {} resumed; {least} to {most} bytes alive after a minute",
        world.link_counters().session.connections,
        world.link_counters().session.resumed,
    );
    assert!(most - least < 1 << 20, "{least} to {most} bytes");
    assert_eq!(world.turns_completed(), TURNS);
    let counters = world.link_counters();
    let queue = counters.queue;
    let lost = queue.overflow_frames + queue.stale_frames + counters.refused_frames;
    assert_eq!((lost, queue.windows_reopened, queue.windows_cut), (0, 0, 0));
    let switches = HOURS * 3_600 / 540;
    assert_eq!(counters.session.connections, switches + 1);
    assert_eq!(counters.session.resumed, switches);
    let open = world.services().filter(|service| !service.is_closed()).count();
    assert_eq!(open, 1);
}
