//! What is heard of replies: all of them, without a gap, and nothing of those
//! that were cut.

use std::f64::consts::TAU;

use super::*;

/// The largest deviation of `heard` from the sine of `hz` at `rate_hz` that
/// fits each window of 10 ms best with the phase and level of the whole, over
/// the sine's peak.
fn residual(heard: &[f32], hz: f64, rate_hz: f64) -> f64 {
    let step = TAU * hz / rate_hz;
    let (mut sin, mut cos) = (0.0, 0.0);
    for (n, sample) in heard.iter().enumerate() {
        sin += f64::from(*sample) * (step * n as f64).sin();
        cos += f64::from(*sample) * (step * n as f64).cos();
    }
    let half = heard.len() as f64 / 2.0;
    let (sin, cos) = (sin / half, cos / half);
    let peak = sin.hypot(cos);
    let ideal = |n: usize| sin * (step * n as f64).sin() + cos * (step * n as f64).cos();
    let window = (rate_hz / 100.0) as usize;
    let rms = |from: usize, to: usize| {
        let square = |n: usize| (f64::from(heard[n]) - ideal(n)).powi(2);
        ((from..to).map(square).sum::<f64>() / (to - from) as f64).sqrt()
    };
    let windows = (0..heard.len() / window).map(|w| rms(w * window, (w + 1) * window));
    windows.fold(0.0, f64::max) / peak
}

#[test]
fn a_sine_of_a_minute_is_heard_without_a_gap_or_a_jump() {
    for rate_hz in [44_100, 48_000] {
        for frames in [64, 441, 480, 1_000, 4_096] {
            let mut settings = one_turn("client", "full", 60_000);
            let rate = Rate::new(rate_hz).unwrap();
            settings.speaker = ClockSettings::exact(rate, frames);
            settings.plan.device.period_frames = frames as u32;
            let world = run(settings, 66);
            let played = &world.transcript().played;
            let first = played.iter().position(|sample| sample.abs() > 1e-3).unwrap();
            let last = played.iter().rposition(|sample| sample.abs() > 1e-3).unwrap();
            let sounding = (last - first) as f64 / f64::from(rate_hz);
            assert!((59.99..60.01).contains(&sounding), "{rate_hz} {frames}: {sounding} s");
            let edge = rate_hz as usize / 50;
            let heard = &played[first + edge..last - edge];
            let residual_db = 20.0 * residual(heard, 440.0, f64::from(rate_hz)).log10();
            assert!(residual_db < -60.0, "{rate_hz} {frames}: {residual_db:.1} dB");
            assert!(heard.windows(3).all(|w| w != [0.0; 3]), "{rate_hz} {frames}");
        }
    }
}

/// A reply of 120 s whose every sample differs from its neighbours.
fn long_reply() -> Vec<i16> {
    let mut state = 1u32;
    let noise = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*state >> 16) as i16 / 8
    };
    let mut smooth = 0.0;
    (0..120 * 24_000)
        .map(|_| {
            smooth += 0.25 * (f32::from(noise(&mut state)) - smooth);
            smooth as i16
        })
        .collect()
}

/// As the playback chain makes it at 48 kHz.
fn resampled(reply: &[i16]) -> Vec<f32> {
    let (from, to) = (Rate::DOWNLINK, Rate::new(48_000).unwrap());
    let mut resampler = Resampler::new(from, to, Quality::default(), 240).unwrap();
    let samples: Vec<f32> = reply.iter().map(|sample| from_wire(*sample)).collect();
    let mut out = Vec::new();
    for piece in samples.chunks(240) {
        let made = resampler.push(piece);
        let end = out.len();
        out.resize(end + made, 0.0);
        resampler.take(&mut out[end..]);
    }
    out
}

fn long(reply: &[i16]) -> WorldSettings {
    let mut settings = one_turn("client", "full", 0);
    settings.service.voice = Voice::script(vec![reply.to_vec()]);
    settings.service.burst = 40.0;
    settings.noise = None;
    settings
}

#[test]
fn two_minutes_sent_in_three_seconds_are_heard_to_the_last_sample() {
    let reply = long_reply();
    let world = run(long(&reply), 130);
    let sent: Vec<Nanos> = world
        .transcript()
        .entries
        .iter()
        .filter(|(_, entry)| *entry == Entry::Down("modelTurn"))
        .map(|(at, _)| *at)
        .collect();
    let took = sent.last().unwrap().since(sent[0]);
    assert!(took < Nanos::from_ms(3_100), "{took:?}");
    let ideal = resampled(&reply);
    let played = &world.transcript().played;
    let from_ideal = ideal.iter().position(|sample| *sample != 0.0).unwrap();
    let from_played = played.iter().position(|sample| *sample != 0.0).unwrap();
    let heard = &played[from_played..from_played + ideal.len() - from_ideal];
    let differs = heard.iter().zip(&ideal[from_ideal..]).position(|(a, b)| a != b);
    assert_eq!(differs, None, "of {} frames", heard.len());
    assert_eq!(world.link_counters().staging.overflow_frames, 0);
}

/// From the moment at which something happened to the last sound of a reply,
/// in frames of the speaker.
fn sounds_after(world: &World, played_before: u64, until: usize) -> usize {
    let played = &world.transcript().played;
    let rest = &played[played_before as usize..until.min(played.len())];
    rest.iter().rposition(|sample| sample.abs() > 1e-3).map_or(0, |last| last + 1)
}

#[test]
fn an_interruption_in_the_middle_silences_the_device_within_a_period_and_eight_ms() {
    let reply = long_reply();
    for frames in [64, 480, 1_000, 4_096] {
        let mut settings = long(&reply);
        settings.speaker = ClockSettings::exact(Rate::new(48_000).unwrap(), frames);
        settings.plan.device.period_frames = frames as u32;
        settings.service.faults =
            vec![Fault::new(When::Age(Nanos::from_secs(60)), Mishap::Interrupted)];
        let world = run(settings, 130);
        let arrived = world
            .transcript()
            .entries
            .iter()
            .find_map(|(at, entry)| (*entry == Entry::Down("interrupted")).then_some(*at));
        let [cut] = world.transcript().cuts[..] else { panic!("{:?}", world.transcript().cuts) };
        assert!(cut.at.since(arrived.unwrap()) < Nanos::from_ms(1));
        let sounds = sounds_after(&world, cut.played, usize::MAX);
        assert!(sounds <= frames + 384, "{frames}: {sounds} frames");
        assert!(sounds > 0, "{frames}: it was audible");
        let heard_frames = world.transcript().notes.iter().find_map(|note| match note.note.kind {
            NoteKind::ReplyCut { heard_frames, .. } => Some(heard_frames),
            _ => None,
        });
        let first = world.transcript().played.iter().position(|s| *s != 0.0).unwrap() as u64;
        let expected = (cut.played - first) / 2;
        let off = u64::from(heard_frames.unwrap()).abs_diff(expected);
        assert!(off <= 100 + frames as u64 / 2, "{frames}: {heard_frames:?} for {expected}");
    }
}

/// Two turns: 1.5 s of speech at 1 s, another 500 ms after the reply ended.
fn two_turns(mode: &str, reply_ms: u32) -> WorldSettings {
    let mut settings = one_turn(mode, "full", reply_ms);
    let cue = Cue::AfterReply(Nanos::from_ms(500));
    settings.script.push(Utterance::new(cue, speech(1_200, 2)));
    settings
}

#[test]
fn an_interruption_after_the_turn_is_complete_does_not_mute_the_next_reply() {
    for mode in ["client", "server"] {
        let mut settings = two_turns(mode, 2_000);
        let when = When::TurnComplete(1);
        settings.service.faults = vec![Fault::new(when, Mishap::Interrupted)];
        let world = run(settings, 14);
        let what = world.transcript().to_string();
        assert_eq!(world.service().unwrap().heard().turns_completed, 2, "{what}");
        let finished = count(&world, |kind| matches!(kind, NoteKind::ReplyFinished(_)));
        let cut = count(&world, |kind| matches!(kind, NoteKind::ReplyCut { .. }));
        assert_eq!((finished + cut, finished >= 1), (2, true), "{what}");
        let loud = world.transcript().played.iter().filter(|s| s.abs() > 1e-4).count();
        assert!(loud > 96_000 + 80_000, "{mode}: {loud}\n{what}");
    }
}

#[test]
fn a_phantom_interruption_is_noted_and_changes_nothing() {
    let mut settings = two_turns("client", 1_000);
    let age = |ms| When::Age(Nanos::from_ms(ms));
    settings.service.faults = vec![
        Fault::new(age(500), Mishap::Interrupted),
        Fault::new(age(4_900), Mishap::Interrupted),
        Fault::new(age(5_000), Mishap::Interrupted),
    ];
    let world = run(settings, 12);
    let what = world.transcript().to_string();
    assert!(count(&world, |kind| *kind == NoteKind::PhantomInterrupted) >= 1, "{what}");
    assert_eq!(world.service().unwrap().heard().turns_completed, 2, "{what}");
    assert_eq!(count(&world, |kind| matches!(kind, NoteKind::ReplyFinished(_))), 2, "{what}");
}

/// An interruption by the talker 1 s into a reply of 6 s.
fn interrupted(mode: &str, barge_in: &str) -> World {
    let mut settings = one_turn(mode, "full", 6_000);
    settings.plan = plan(mode, "full", &[&format!("turn.barge_in={barge_in}")]);
    let cue = Cue::IntoReply(Nanos::from_secs(1));
    settings.script.push(Utterance::new(cue, speech(1_200, 3)));
    let mut world = World::new(settings).unwrap();
    if mode == "push-to-talk" {
        world.at(Nanos::from_ms(900), |world| world.talk(true));
        world.at(Nanos::from_ms(2_600), |world| world.talk(false));
        world.at(Nanos::from_ms(4_100), |world| world.talk(true));
        world.at(Nanos::from_ms(5_400), |world| world.talk(false));
    }
    world.run_until(Nanos::from_secs(16));
    world.finish();
    world
}

#[test]
fn the_users_own_onset_cuts_the_reply_and_nothing_of_it_is_heard_afterwards() {
    for mode in ["client", "server", "hybrid", "push-to-talk"] {
        let world = interrupted(mode, "local");
        let what = format!("{mode}\n{}", world.transcript());
        let cut = world.transcript().cuts[0];
        assert_eq!(world.transcript().cuts.len(), 1, "{what}");
        let next = cut.played as usize + 48_000;
        assert!(sounds_after(&world, cut.played, next) <= 480 + 384, "{what}");
        let heard = world.service().unwrap().heard();
        assert_eq!((heard.turns.len(), heard.turns_completed), (2, 2), "{what}");
        assert_eq!(count(&world, |kind| matches!(kind, NoteKind::ReplyFinished(_))), 1, "{what}");
    }
}

#[test]
fn a_reply_that_is_stopped_before_it_is_audible_is_never_heard() {
    for mode in ["client", "server", "push-to-talk"] {
        let start = |stop: bool| {
            let mut settings = one_turn(mode, "full", 6_000);
            // In real time, so that half a second passes before it starts.
            settings.plan.playout.start_ms = 500;
            settings.plan.playout.start_ms_max = 500;
            settings.service.burst = 1.0;
            let mut world = World::new(settings).unwrap();
            world.at(Nanos::from_ms(900), |world| world.talk(true));
            world.at(Nanos::from_ms(2_600), |world| world.talk(false));
            let first = |world: &World| {
                let mut entries = world.transcript().entries.iter();
                entries.find_map(|(at, e)| (*e == Entry::Down("modelTurn")).then_some(*at))
            };
            while first(&world).is_none() {
                world.step();
            }
            if stop {
                let soon = first(&world).unwrap() + Nanos::from_ms(200);
                // The service hears of it late and speaks on: ours is the cut.
                world.at(soon, |world| world.hold_uplink(Nanos::from_secs(6)));
                world.at(soon, World::interrupt);
            }
            world.run_until(Nanos::from_secs(12));
            world.finish();
            world
        };
        let is_loud = |world: &World| world.transcript().played.iter().any(|s| *s != 0.0);
        assert!(is_loud(&start(false)), "{mode}");
        let stopped = start(true);
        let what = format!("{mode}\n{}", stopped.transcript());
        assert!(!is_loud(&stopped), "{what}");
        assert_eq!(stopped.service().unwrap().heard().interruptions, 1, "{what}");
    }
}

#[test]
fn the_service_cuts_where_it_is_left_to_the_service() {
    for mode in ["client", "server", "hybrid"] {
        let world = interrupted(mode, "server");
        let what = format!("{mode}\n{}", world.transcript());
        assert_eq!(world.service().unwrap().heard().interruptions, 1, "{what}");
        assert_eq!(world.transcript().cuts.len(), 1, "{what}");
        assert_eq!(count(&world, |kind| matches!(kind, NoteKind::Ducked(true))), 0, "{what}");
    }
}

/// cookbook #1346: no turnComplete for 50 s. In half duplex the microphone
/// stayed closed as long.
#[test]
fn a_reply_that_stops_without_a_word_of_its_end_gives_the_floor_back() {
    for duplex in ["full", "half"] {
        let mut settings = one_turn("server", duplex, 4_000);
        let stall = Mishap::Stall(Nanos::from_secs(30));
        settings.service.faults = vec![Fault::new(When::Age(Nanos::from_ms(4_300)), stall)];
        settings.script.push(Utterance::new(Cue::At(Nanos::from_secs(15)), speech(1_500, 2)));
        let world = run(settings, 60);
        let what = format!("{duplex}\n{}", world.transcript());
        let notes = &world.transcript().notes;
        let at = |kind: fn(&NoteKind) -> bool| {
            let note = notes.iter().find(|note| kind(&note.note.kind));
            note.unwrap_or_else(|| panic!("{what}")).seen_at.as_secs()
        };
        let dry = at(|kind| matches!(kind, NoteKind::Starved(_)));
        let over = at(|kind| matches!(kind, NoteKind::ReplyFinished(_)));
        assert!((4.9..5.6).contains(&(over - dry)), "{dry} {over} {what}");
        let heard = world.services().flat_map(|service| &service.heard().turns);
        let secs: f64 = heard.map(|turn| turn.speech_secs).sum();
        assert!((2.6..3.4).contains(&secs), "{secs} {what}");
        // What comes of it after all is heard.
        let sounding = world.transcript().played.iter().filter(|s| s.abs() > 1e-4).count();
        assert!(sounding > 4 * 47_000, "{sounding} {what}");
    }
}
