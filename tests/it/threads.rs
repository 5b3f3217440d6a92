//! The engine's worker thread and the virtual world make the same of the same:
//! a conversation is held in virtual time, then the same sound and the same
//! packets go through a worker on a thread of its own, callback by callback.

use std::{
    sync::{Arc, atomic::Ordering::Acquire},
    time::{Duration, Instant},
};

use chinwag::{
    audio::{Doorbell, Nanos, Note, Rate, ring::ring},
    config::{ConfigFile, Plan},
    device::Clock,
    duplex::Taps,
    engine::worker_thread::{ThreadWaker, WorkerThread},
    pipeline::Registry,
    sim::{
        babble::babble,
        machines::{Bells, Machines},
        talker::{Cue, Utterance},
        world::{Op, Sent, Transcript, World, WorldSettings},
    },
};

fn plan(profile: &str) -> Plan {
    ConfigFile::shipped(&Registry::shipped()).plan(Some(profile), &[]).unwrap()
}

/// Two turns, the second of which interrupts the reply to the first.
fn converse(profile: &str) -> (Transcript, [Rate; 2]) {
    let mut settings = WorldSettings::new(plan(profile));
    // No two callbacks at the same moment once the talk begins, so that the
    // worker steps between them in both worlds.
    settings.speaker.ppm = 137.0;
    let rate = settings.microphone.rate;
    let phrase = |seed, ms| babble(rate, Nanos::from_ms(ms), seed);
    settings.script = vec![
        Utterance::new(Cue::At(Nanos::from_ms(700)), phrase(1, 2_500)),
        Utterance::new(Cue::IntoReply(Nanos::from_ms(800)), phrase(2, 1_200)),
    ];
    let mut world = World::new(settings).unwrap();
    world.run_until(Nanos::from_ms(9_005));
    let rates = world.rates();
    (world.transcript().clone(), rates)
}

/// Waits until the worker has begun and ended a step after now.
fn settle(steps: impl Fn() -> u64, bell: &Doorbell) {
    let after = steps() + 2;
    let patience = Instant::now();
    while steps() < after {
        bell.ring();
        assert!(patience.elapsed() < Duration::from_secs(20), "the worker does not step");
        std::thread::yield_now();
    }
}

/// The same on threads: this one is the card and the link.
fn replay(
    profile: &str,
    transcript: &Transcript,
    rates: [Rate; 2],
) -> (Vec<Note>, Vec<Sent>, Vec<f32>) {
    let waker = ThreadWaker::default();
    let bell = Arc::new(Doorbell::new(waker.clone()));
    let bells = Bells {
        callbacks: bell.clone(),
        worker: bell.clone(),
        link: Arc::new(Doorbell::unanswered()),
    };
    let Machines { mut capture, mut render, worker, mut notes, mut ends, .. } =
        Machines::build(&plan(profile), rates, &bells).unwrap();
    let (tap, mut beside) = ring(rates[0].hz() as usize);
    let worker = worker.with_taps(Taps { far: Some(tap), ..Taps::default() });
    let gauges = worker.gauges();
    let steps = || gauges.steps.load(Acquire);
    let thread = WorkerThread::spawn(worker, bell.clone(), &waker, false, Clock::start()).unwrap();
    let (mut noted, mut sent, mut far) = (Vec::new(), Vec::new(), Vec::new());
    let mut played = vec![0.0f32; 8_192];
    let mut at = 0;
    for op in &transcript.ops {
        match op {
            Op::Capture(frames, now) => {
                capture.process(&transcript.captured[at..at + frames], 1, *now);
                at += frames;
            }
            Op::Render(frames, now) => render.process(&mut played[..*frames], 1, *now, 0),
            Op::Downlink(packet) => assert_eq!(ends.downlink.push(packet.clone()), Ok(())),
        }
        settle(steps, &bell);
        while let Some(told) = notes.pop() {
            noted.push(told.note);
        }
        while let Some(frame) = beside.pop() {
            far.push(frame);
        }
        while let Some(packet) = ends.uplink.pop() {
            sent.push(Sent::of(&packet));
        }
    }
    thread.stop();
    (noted, sent, far)
}

fn threads_do_as_the_world_does(profile: &str) {
    let (transcript, rates) = converse(profile);
    let (notes, sent, far) = replay(profile, &transcript, rates);
    let expected: Vec<Note> = transcript.notes.iter().map(|told| told.note).collect();
    let first = expected.iter().zip(&notes).position(|(a, b)| a != b);
    assert_eq!(first.map(|i| (expected[i], notes[i])), None, "{profile}: notes differ");
    assert_eq!(notes.len(), expected.len(), "{profile}");
    assert!(sent.len() > 100, "{profile}: only {} packets", sent.len());
    assert!(sent == transcript.uplink, "{profile}: packets differ");
    // At the end of the talk the world has not processed what it captured last.
    assert!(far.iter().any(|frame| *frame != 0.0), "{profile}: nothing was played");
    assert!(far[..transcript.far.len()] == transcript.far, "{profile}: the far ends differ");
}

#[test]
fn the_same_sound_and_replies_give_the_same_notes_and_packets_in_client_mode() {
    threads_do_as_the_world_does("client-vad");
}

#[test]
fn the_same_sound_and_replies_give_the_same_notes_and_packets_in_server_mode() {
    threads_do_as_the_world_does("server-vad");
}

#[test]
fn the_same_sound_and_replies_give_the_same_notes_and_packets_in_half_duplex() {
    threads_do_as_the_world_does("half-duplex");
}
