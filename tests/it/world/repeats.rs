//! The same again: from the same seed everything, and whatever the threads and
//! callbacks do, what is decided about the user and what goes up.

use super::*;

/// Three things said at fixed times: the second over the reply to the first.
fn at_fixed_times(mode: &str) -> WorldSettings {
    let mut settings = one_turn(mode, "full", 4_000);
    for (secs, seed) in [(5, 2), (12, 3)] {
        let cue = Cue::At(Nanos::from_secs(secs));
        settings.script.push(Utterance::new(cue, speech(1_300, seed)));
    }
    settings
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let settings = || {
        let mut settings = at_fixed_times("client");
        settings.noise = Some(Dbfs(-60.0));
        settings.microphone.jitter = Nanos::from_ms(3);
        settings.speaker.sizes = CallbackSizes::Drawn(1, 900);
        settings.worker_wake.jitter = Nanos::from_ms(2);
        settings.downlink.jitter = Nanos::from_ms(40);
        settings.service.parts = PartSizes::Ragged;
        settings
    };
    let (a, b) = (run(settings(), 18), run(settings(), 18));
    assert_eq!(a.transcript().to_string(), b.transcript().to_string());
    assert_eq!(a.transcript().uplink, b.transcript().uplink);
    assert!(a.transcript().played == b.transcript().played);
    assert_eq!(a.steps(), b.steps());
    let other = run(WorldSettings { seed: 2, ..settings() }, 18);
    assert_ne!(a.transcript().to_string(), other.transcript().to_string());
}

/// What was decided about the user, each at its position.
fn decided(world: &World) -> Vec<String> {
    let notes = world.transcript().notes.iter().filter(|note| !note.playback);
    let about_user = notes.filter(|note| {
        matches!(
            note.note.kind,
            NoteKind::Voice { .. }
                | NoteKind::Likely
                | NoteKind::FalseAlarm
                | NoteKind::Onset
                | NoteKind::SpeechOff(_)
                | NoteKind::EndOfTurn
                | NoteKind::WindowOpened
                | NoteKind::WindowClosed
        )
    });
    about_user.map(|note| format!("{:?}", note.note)).collect()
}

#[test]
fn wake_latencies_and_callback_sizes_change_nothing_of_what_is_decided_and_sent() {
    let plain = run(at_fixed_times("client"), 18);
    let decisions = decided(&plain);
    assert_eq!(plain.transcript().windows().len(), 3);
    let sizes = [
        CallbackSizes::Fixed(64),
        CallbackSizes::Fixed(480),
        CallbackSizes::Fixed(1_000),
        CallbackSizes::Drawn(1, 1_500),
    ];
    for (index, size) in sizes.into_iter().enumerate() {
        let mut settings = at_fixed_times("client");
        settings.microphone.sizes = size.clone();
        settings.microphone.jitter = Nanos::from_ms(2 * index as u64);
        settings.speaker.sizes = CallbackSizes::Drawn(1, 700);
        settings.worker_wake.least = Nanos::from_ms(3 * index as u64);
        settings.worker_wake.jitter = Nanos::from_ms(index as u64);
        let other = run(settings, 18);
        let others = decided(&other);
        assert!(others.len().min(decisions.len()) > 1_700, "{}", others.len());
        for (one, two) in others.iter().zip(&decisions) {
            assert_eq!(one, two, "{size:?}");
        }
        for (one, two) in other.transcript().uplink.iter().zip(&plain.transcript().uplink) {
            assert_eq!(one, two, "{size:?}");
        }
    }
}

/// A person in a noisy place and a far, ragged service; all by the seed.
fn anything(seed: u64) -> (WorldSettings, &'static str) {
    let mut draw = Seed::new(seed ^ 0x5eed);
    let mode = ["client", "server", "hybrid", "client"][draw.below(4) as usize];
    let duplex = if draw.below(4) == 0 { "half" } else { "full" };
    let mut settings = one_turn(mode, duplex, 2_500);
    settings.seed = seed;
    settings.plan = plan(mode, duplex, &[]);
    let rates = [16_000, 44_100, 48_000, 96_000];
    let mut clock = || ClockSettings {
        rate: Rate::new(rates[draw.below(4) as usize]).unwrap(),
        ppm: 400.0 * draw.unit() - 200.0,
        jitter: Nanos::from_ms(draw.below(8)),
        sizes: CallbackSizes::Drawn(1 + draw.below(64) as usize, 600 + draw.below(3_000) as usize),
    };
    (settings.microphone, settings.speaker) = (clock(), clock());
    settings.speaker_latency = Nanos::from_ms(draw.below(150));
    settings.worker_wake.jitter = Nanos::from_ms(1 + draw.below(4));
    settings.link_wake.jitter = Nanos::from_ms(1 + draw.below(10));
    settings.uplink.jitter = Nanos::from_ms(draw.below(80));
    settings.downlink.jitter = Nanos::from_ms(draw.below(120));
    settings.noise = Some(Dbfs(-75.0 + draw.below(20) as f32));
    settings.service.parts =
        if draw.below(2) == 0 { PartSizes::Ragged } else { PartSizes::Observed };
    settings.service.voice = Voice::Tone { hz: 300.0, ms: 500 + draw.below(6_000) as u32 };
    if duplex == "half" {
        settings.room = RoomSettings::named("laptop");
    }
    let rate = settings.microphone.rate;
    settings.script.clear();
    let mut say = |cue: Cue| {
        let length = Nanos::from_ms(400 + draw.below(2_000));
        settings.script.push(Utterance::new(cue, babble(rate, length, draw.bits())));
    };
    say(Cue::At(Nanos::from_ms(900)));
    for turn in 0..20 {
        let ms = Nanos::from_ms(300 + 137 * turn);
        say(if turn % 3 == 1 && duplex == "full" {
            Cue::IntoReply(ms)
        } else {
            Cue::AfterReply(ms)
        });
    }
    (settings, mode)
}

#[test]
fn ten_conversations_with_bad_clocks_and_ragged_wires_keep_every_promise() {
    let mut turns = 0;
    for seed in 0..10 {
        let (settings, mode) = anything(seed);
        let full = settings.plan.turn.duplex == Duplex::Full;
        let world = run(settings, 60);
        let what = || format!("seed {seed} {mode}\n{}", world.transcript());
        let heard = world.service().unwrap().heard();
        assert!(heard.turns_total >= 3, "{}", what());
        assert_eq!(world.lost_capture_frames(), 0, "{}", what());
        turns += heard.turns_total;
        let samples = world.transcript().uplink_samples().len() as u64;
        if full && mode != "client" {
            let hz = u64::from(world.rates()[0].hz());
            assert_eq!(samples, world.captured_frames() * 16_000 / hz, "{}", what());
        }
        let counters = world.link_counters();
        assert_eq!((counters.refused_items, counters.queue.stale_frames), (0, 0), "{}", what());
    }
    println!("{turns} turns in ten minutes");
}

/// Four mishaps at any time of a conversation.
fn unsettle(world: &mut World, draw: &mut Seed) {
    for _ in 0..4 {
        let at = Nanos::from_ms(draw.below(30_000));
        let until = at + Nanos::from_ms(draw.below(2_500));
        match draw.below(6) {
            0 => world.at(at, World::break_connection),
            1 => world.at(at, move |world| world.stall_worker(until)),
            2 => world.at(at, move |world| world.hold_uplink(until)),
            3 => world.at(at, move |world| world.hold_downlink(until)),
            4 => {
                world.at(at, |world| world.mute(true));
                world.at(until, |world| world.mute(false));
            }
            _ => world.at(at, |world| world.control(Control::Text("go on".to_owned()))),
        }
    }
}

#[test]
fn lost_connections_stalls_and_mutes_break_no_promise_and_end_no_conversation() {
    for seed in 100..110 {
        let (mut settings, mode) = anything(seed);
        settings.record_sound = false;
        // A turn that a mishap swallowed is never answered: nobody waits for it.
        for (turn, utterance) in settings.script.iter_mut().enumerate() {
            utterance.cue = Cue::At(Nanos::from_secs(1 + 6 * turn as u64));
        }
        let mut world = World::new(settings).unwrap();
        unsettle(&mut world, &mut Seed::new(seed + 77));
        world.run_until(Nanos::from_secs(35));
        world.finish();
        let what = || format!("seed {seed} {mode}\n{}", world.transcript());
        assert!(world.service().is_some(), "{}", what());
        let turns: u64 = world.services().map(|service| service.heard().turns_completed).sum();
        assert!(turns >= 1, "{}", what());
    }
}
