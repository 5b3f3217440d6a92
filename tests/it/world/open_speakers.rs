//! Talks over open speakers with our own canceller: the model never takes its
//! own voice for the user, and every interruption cuts its reply.

use std::{path::Path, sync::Arc};

use chinwag::{
    audio::convert::to_wire,
    device::wave_file,
    sim::{
        room::{MODEL_LEVEL, USER_LEVEL},
        service::resample,
        world::{DeviceLoss, HowLost, LostSides},
    },
};

use super::*;

const MICROPHONE_HZ: u32 = 48_000;
/// Into every other reply the user speaks after so long.
const INTO_REPLY: Nanos = Nanos::from_secs(4);
const AFTER_REPLY: Nanos = Nanos::from_ms(1_500);

/// Two people: what the model answers, at 24 kHz, and what the user says, at
/// 48 kHz, each at its reference level.
struct Voices {
    model: Vec<Vec<i16>>,
    user: Vec<Arc<[f32]>>,
}

/// The voices of the demo, which have those levels; each reply is two of the
/// model's, over 10 s long.
fn demo_voices() -> Voices {
    let read = |name: String, rate: u32| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/speech").join(name);
        let wave = wave_file::read(&file).unwrap();
        let wire: Vec<i16> = wave.samples.into_iter().map(to_wire).collect();
        resample(&wire, wave.rate, Rate::new(rate).unwrap()).unwrap()
    };
    let model = |n: usize| read(format!("model-{n}.wav"), 24_000);
    let user = |n: usize| read(format!("user-{n}.wav"), MICROPHONE_HZ);
    Voices {
        model: [[2, 1], [3, 2], [2, 4]].map(|pair| pair.map(model).concat()).into(),
        user: (1..=4).map(|n| user(n).into_iter().map(from_wire).collect()).collect(),
    }
}

/// Voices that say nothing, of one kind: nobody tells them apart by their pitch.
fn babbling_voices() -> Voices {
    let say = |rate, ms, seed, level| {
        let sound = babble(Rate::new(rate).unwrap(), Nanos::from_ms(ms), seed);
        Utterance::new(Cue::At(Nanos::ZERO), sound).at_level(level).sound
    };
    let model =
        |seed| say(24_000, 11_000, seed, MODEL_LEVEL).iter().copied().map(to_wire).collect();
    Voices {
        model: (70..73).map(model).collect(),
        user: (1..=4).map(|seed| say(MICROPHONE_HZ, 1_500, seed, USER_LEVEL)).collect(),
    }
}

/// How much of the user's voice cuts a reply, where the room is harder than
/// the profile's 64 ms are made for; docs/echo.md tells which of these talks it
/// would not hold.
const PATIENT_MS: u32 = 160;

fn patient(mut settings: WorldSettings) -> WorldSettings {
    settings.plan.turn.confirm_ms = PATIENT_MS;
    settings
}

/// The user asks, breaks into the answer, hears the next one to its end, and
/// asks again, so many times.
fn talk(room: &str, voices: Voices, times: usize) -> WorldSettings {
    let plan = ConfigFile::shipped(&Registry::shipped()).plan(Some("speakers"), &[]).unwrap();
    let mut settings = WorldSettings::new(plan);
    settings.room = Some(room.parse().unwrap());
    settings.record_sound = false;
    (settings.microphone.jitter, settings.speaker.jitter) = (Nanos::from_ms(2), Nanos::from_ms(2));
    settings.speaker_latency = Nanos::from_ms(15);
    settings.speaker.ppm = 100.0;
    let cues = (0..2 * times).map(|n| match n {
        0 => Cue::At(Nanos::from_secs(1)),
        _ if n % 2 == 0 => Cue::AfterReply(AFTER_REPLY),
        _ => Cue::IntoReply(INTO_REPLY),
    });
    let said = voices.user.iter().cloned().cycle();
    settings.script = cues.zip(said).map(|(cue, sound)| Utterance { cue, sound }).collect();
    settings.service.voice = Voice::script(voices.model);
    settings
}

/// What became of a reply, in seconds: when it began, how long it was heard,
/// and whether it was cut.
#[derive(Debug)]
struct Heard {
    began: f64,
    for_secs: f64,
    was_cut: bool,
}

fn replies(world: &World) -> Vec<Heard> {
    let mut replies: Vec<Heard> = Vec::new();
    for note in &world.transcript().notes {
        let now = note.seen_at.as_secs();
        let was_cut = match note.note.kind {
            NoteKind::ReplyStarted(_) => {
                replies.push(Heard { began: now, for_secs: f64::INFINITY, was_cut: false });
                continue;
            }
            NoteKind::ReplyCut { .. } => true,
            NoteKind::ReplyFinished(_) => false,
            _ => continue,
        };
        let last = replies.last_mut().unwrap();
        (last.for_secs, last.was_cut) = (now - last.began, was_cut);
    }
    replies
}

/// Holds the talk, and checks that the user cut every other reply within what
/// she said into it, and nothing else did. Returns how many windows opened
/// beyond one for each thing she said, too.
fn holds(room: &str, settings: WorldSettings) -> (World, usize) {
    holds_over(room, settings, &[])
}

/// The same while the device is lost at these times.
fn holds_over(
    room: &str,
    settings: WorldSettings,
    losses: &[(Nanos, DeviceLoss)],
) -> (World, usize) {
    let said: Vec<_> = settings.script.iter().map(|utterance| utterance.sound.len()).collect();
    let longest = said.iter().max().map_or(0.0, |frames| *frames as f64 / f64::from(MICROPHONE_HZ));
    let mut world = World::new(settings).unwrap();
    for (at, loss) in losses.iter().copied() {
        world.at(at, move |world| world.lose_device(loss));
    }
    let limit = Nanos::from_secs(25 * said.len() as u64);
    while !world.is_all_said() && world.now() < limit {
        world.run_until(world.now() + Nanos::from_secs(1));
    }
    // The last reply, to its end.
    world.run_until(world.now() + Nanos::from_secs(16));
    world.finish();
    let replies = replies(&world);
    assert!(world.is_all_said(), "{room}: {replies:.1?}");
    assert_eq!(replies.len(), said.len(), "{room}: {replies:.1?}");
    for (n, reply) in replies.iter().enumerate() {
        let into = reply.for_secs - INTO_REPLY.as_secs();
        if n % 2 == 0 {
            assert!(reply.was_cut && (0.0..longest).contains(&into), "{room}, {n}: {replies:.1?}");
        } else {
            assert!(!reply.was_cut && into > 6.0, "{room}, {n}: {replies:.1?}");
        }
    }
    let windows_too_many = world.transcript().windows().len() - said.len();
    (world, windows_too_many)
}

#[test]
fn for_ten_minutes_every_interruption_cuts_its_reply_and_the_model_never_does() {
    let (world, windows_too_many) = holds("laptop", talk("laptop", demo_voices(), 25));
    assert!(world.now() >= Nanos::from_secs(600), "{:.0} s", world.now().as_secs());
    assert_eq!(windows_too_many, 0);
}

#[test]
fn so_it_is_with_voices_of_one_kind() {
    for room in ["laptop", "kiosk"] {
        assert_eq!(holds(room, patient(talk(room, babbling_voices(), 2))).1, 0, "{room}");
    }
}

#[test]
fn so_it_is_in_any_room_at_any_level_with_any_delay() {
    for room in [
        "kiosk",
        "speakerphone",
        "laptop,echo_db=6",
        "laptop,echo_db=12",
        "laptop,delay_ms=0",
        "laptop,delay_ms=350",
        "speakerphone,echo_db=12",
    ] {
        assert_eq!(holds(room, patient(talk(room, demo_voices(), 2))).1, 0, "{room}");
    }
}

#[test]
fn so_it_is_with_a_drift_that_no_clock_shows_and_after_the_path_moved() {
    // All within the second reply, which is heard whole.
    for room in ["laptop,drift_ppm=300", "laptop,jump_at_s=14,jump_ms=64", "kiosk,change_at_s=14"] {
        assert_eq!(holds(room, patient(talk(room, demo_voices(), 2))).1, 0, "{room}");
    }
}

#[test]
fn so_it_is_after_the_device_was_opened_anew_at_whatever_rate() {
    use LostSides::{Both, Microphone, Speaker};
    let cases =
        [(Both, 48_000), (Both, 44_100), (Microphone, 16_000), (Speaker, 44_100), (Both, 16_000)];
    for (sides, hz) in cases {
        let loss = DeviceLoss {
            sides,
            how: HowLost::Silent,
            lasts: Nanos::from_secs(1),
            rate: Rate::new(hz),
        };
        // Within the second reply, which is heard whole, and the fourth.
        let losses = [(Nanos::from_secs(16), loss), (Nanos::from_secs(42), loss)];
        let settings = patient(talk("laptop", demo_voices(), 2));
        let (world, _) = holds_over(&format!("{sides:?} at {hz} Hz"), settings, &losses);
        assert!(world.has_sound());
        let backs: u32 = world.outages().iter().map(|(times, _)| times).sum();
        assert_eq!(backs, if sides == Both { 4 } else { 2 }, "{sides:?} at {hz} Hz");
    }
}
