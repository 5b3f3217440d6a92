//! Turns in all modes, full and half duplex.

use super::*;

const MODES: [&str; 4] = ["server", "hybrid", "client", "push-to-talk"];

/// One turn, with the talk key where the mode needs it.
fn turn_in(mode: &str, duplex: &str) -> World {
    let mut world = World::new(one_turn(mode, duplex, 2_000)).unwrap();
    if mode == "push-to-talk" {
        world.at(Nanos::from_ms(900), |world| world.talk(true));
        world.at(Nanos::from_ms(2_600), |world| world.talk(false));
    }
    world.run_until(Nanos::from_secs(10));
    world.finish();
    world
}

#[test]
fn every_mode_holds_a_whole_turn_in_full_and_half_duplex() {
    for mode in MODES {
        for duplex in ["full", "half"] {
            let world = turn_in(mode, duplex);
            let what = format!("{mode} {duplex}\n{}", world.transcript());
            let heard = world.service().unwrap().heard();
            assert_eq!((heard.turns.len(), heard.turns_completed), (1, 1), "{what}");
            assert!((1.3..1.8).contains(&heard.turns[0].speech_secs), "{what}");
            let manual = u64::from(matches!(mode, "client" | "push-to-talk"));
            let starts = (heard.messages.activity_start, heard.messages.activity_end);
            assert_eq!(starts, (manual, manual), "{what}");
            let finished = count(&world, |kind| matches!(kind, NoteKind::ReplyFinished(_)));
            assert_eq!(finished, 1, "{what}");
            let sounding = world.transcript().played.iter().filter(|s| s.abs() > 1e-4).count();
            assert!((95_000..=96_400).contains(&sounding), "{sounding} {what}");
        }
    }
}

#[test]
fn the_samples_of_a_window_are_those_that_streaming_sends() {
    let everything = turn_in("server", "full").transcript().uplink_samples();
    for mode in ["client", "push-to-talk"] {
        let world = turn_in(mode, "full");
        let windows = world.transcript().windows();
        let (first, samples, end) = &windows[0];
        let range = *first as usize..end.unwrap() as usize;
        assert_eq!(everything[range], samples[..], "{mode}");
        let heard = &world.service().unwrap().heard().turns[0];
        assert_eq!(heard.pcm[..], samples[..], "{mode}");
    }
}

#[test]
fn a_window_opens_a_pre_roll_before_the_onset_and_closes_a_hangover_after_the_last_speech() {
    let world = turn_in("client", "full");
    let at = |is: fn(&NoteKind) -> bool| {
        let note = world.transcript().notes.iter().find(|note| is(&note.note.kind));
        note.unwrap().note
    };
    let onset = at(|kind| *kind == NoteKind::Onset);
    let end = at(|kind| *kind == NoteKind::EndOfTurn);
    let (first, _, closed) = world.transcript().windows()[0].clone();
    assert_eq!(onset.at.frames - first, 4_800);
    assert_eq!(end.decided_at.frames + 1, closed.unwrap());
    assert_eq!(end.decided_at.frames - end.at.frames, 12_800);
    assert!((15_950..16_300).contains(&onset.at.frames), "{onset:?}");
}

#[test]
fn only_an_end_that_was_heard_counts_for_how_soon_ends_are_decided() {
    let decided = |world: &World| {
        let ends = count(world, |kind| *kind == NoteKind::EndOfTurn);
        (ends, world.meters().worker.end_to_decided.snapshot().count())
    };
    assert_eq!(decided(&turn_in("client", "full")), (1, 1));
    // In the middle of speech, and in the wait after it.
    for ms in [2_000, 2_700] {
        let talk = || {
            let mut world = World::new(one_turn("client", "full", 2_000)).unwrap();
            world.run_until(Nanos::from_ms(ms));
            world
        };
        let mut muted = talk();
        muted.mute(true);
        muted.run_until(Nanos::from_ms(ms + 100));
        assert_eq!(decided(&muted), (1, 0), "muted at {ms} ms");
        let mut over = talk();
        over.finish();
        assert_eq!(decided(&over), (1, 0), "over at {ms} ms");
    }
}

#[test]
fn in_the_streaming_modes_every_captured_sample_goes_up_once() {
    for mode in ["server", "hybrid"] {
        let world = turn_in(mode, "full");
        let sent = &world.transcript().uplink;
        let mut next = 0;
        for packet in sent.iter().filter(|packet| !packet.samples.is_empty()) {
            assert_eq!(packet.first(), next, "{mode}: {next}");
            next = packet.at.frames;
        }
        assert_eq!(next as u64, world.captured_frames() / 3, "{mode}");
    }
}

#[test]
fn half_duplex_sends_nothing_while_the_model_is_audible_and_all_after_its_echo() {
    for mode in MODES {
        let world = turn_in(mode, "half");
        let at = |is: fn(&NoteKind) -> bool| {
            let note = world.transcript().notes.iter().find(|note| is(&note.note.kind));
            note.unwrap().note.at.frames
        };
        let began = at(|kind| matches!(kind, NoteKind::ReplyStarted(_)));
        let ended = at(|kind| matches!(kind, NoteKind::ReplyFinished(_)));
        let mut after = None;
        for sent in world.transcript().uplink.iter().filter(|sent| !sent.samples.is_empty()) {
            assert!(sent.at.frames <= began || sent.first() >= ended, "{mode} {:?}", sent.at);
            after = after.or((sent.first() >= ended).then(|| sent.first()));
        }
        if matches!(mode, "server" | "hybrid") {
            // turn.echo_tail_ms is 300.
            assert_eq!(after, Some(ended + 4_800), "{mode}");
        }
    }
}

#[test]
fn half_duplex_waits_until_the_device_has_played_what_it_was_given() {
    let mut settings = one_turn("server", "half", 1_000);
    settings.speaker_latency = Nanos::from_ms(200);
    let world = run(settings, 8);
    let played = &world.transcript().played;
    let last = played.iter().rposition(|sample| sample.abs() > 1e-3).unwrap();
    let heard_at = last as f64 / 48_000.0 + 0.2;
    let is_end = |kind: &NoteKind| matches!(kind, NoteKind::ReplyFinished(_));
    let note = world.transcript().notes.iter().find(|note| is_end(&note.note.kind)).unwrap();
    let late = note.seen_at.as_secs() - heard_at;
    assert!((-0.001..0.025).contains(&late), "{late} s after the last sound");
}

#[test]
fn muting_in_the_middle_of_a_turn_ends_it_there() {
    for mode in MODES {
        let mut world = World::new(one_turn(mode, "full", 500)).unwrap();
        if mode == "push-to-talk" {
            world.at(Nanos::from_ms(900), |world| world.talk(true));
        }
        world.at(Nanos::from_ms(1_600), |world| world.mute(true));
        world.at(Nanos::from_ms(4_000), |world| world.mute(false));
        world.run_until(Nanos::from_secs(6));
        world.finish();
        let muted = 16 * 1_600..16 * 4_000;
        for sent in world.transcript().uplink.iter().filter(|sent| !sent.samples.is_empty()) {
            let before = sent.at.frames <= muted.start;
            assert!(before || sent.first() >= muted.end - 320, "{mode} {:?}", sent.at);
        }
        let heard = world.service().unwrap().heard();
        assert_eq!(heard.turns.len(), 1, "{mode}\n{}", world.transcript());
        assert!(heard.turns[0].speech_secs < 1.0, "{mode} {}", heard.turns[0].speech_secs);
        let stream_ends = u64::from(matches!(mode, "server" | "hybrid"));
        assert!(heard.messages.stream_end >= stream_ends, "{mode}");
    }
}

#[test]
fn the_talk_key_opens_a_window_where_it_went_down_and_keeps_a_tail_after_it_went_up() {
    let world = turn_in("push-to-talk", "full");
    let (first, _, end) = world.transcript().windows()[0].clone();
    assert!((first - 900 * 16).abs() <= 320, "{first}");
    assert!((end.unwrap() - 2_750 * 16).abs() <= 320, "{end:?}");
}

#[test]
fn a_lost_microphone_closes_the_window_and_a_lost_second_is_not_sent() {
    let mut world = World::new(one_turn("client", "full", 500)).unwrap();
    world.at(Nanos::from_ms(1_500), |world| world.stall_worker(Nanos::from_ms(3_500)));
    world.run_until(Nanos::from_secs(8));
    world.finish();
    let windows = world.transcript().windows();
    assert!(!windows.is_empty() && windows.iter().all(|window| window.2.is_some()));
    let gaps = world.transcript().notes.iter().filter_map(|note| match note.note.kind {
        NoteKind::Gap { frames } => Some(u64::from(frames)),
        _ => None,
    });
    let (noted, lost) = (gaps.sum::<u64>(), world.lost_capture_frames());
    // What was collected of a block before the gap goes with it.
    assert!((lost..lost + 480).contains(&noted), "{noted} of {lost} frames");
}

#[test]
fn what_a_stalled_worker_could_not_take_is_noted_and_stands_as_silence() {
    for frames in [64, 100, 480, 4_096] {
        let mut settings = one_turn("server", "full", 500);
        settings.microphone.sizes = CallbackSizes::Fixed(frames);
        let mut world = World::new(settings).unwrap();
        world.at(Nanos::from_ms(1_500), |world| world.stall_worker(Nanos::from_ms(2_200)));
        world.run_until(Nanos::from_secs(5));
        world.finish();
        let gaps = world.transcript().notes.iter().filter_map(|note| match note.note.kind {
            NoteKind::Gap { frames } => Some(u64::from(frames)),
            _ => None,
        });
        assert_eq!(gaps.sum::<u64>(), world.lost_capture_frames(), "{frames}");
        assert!((5_000..11_000).contains(&world.lost_capture_frames()), "{frames}");
        let samples = world.transcript().uplink_samples().len() as u64;
        assert_eq!(samples, world.captured_frames() / 3, "{frames}");
    }
}

/// A pre-roll that reached back over the cut would send what the model said.
#[test]
fn after_a_cut_in_half_duplex_a_pre_roll_does_not_reach_into_the_reply() {
    let mut settings = one_turn("client", "half", 6_000);
    settings.service.faults =
        vec![Fault::new(When::Age(Nanos::from_ms(5_000)), Mishap::Interrupted)];
    settings.script.push(Utterance::new(Cue::At(Nanos::from_ms(5_120)), speech(1_200, 3)));
    let world = run(settings, 14);
    let cut = world.transcript().notes.iter().find_map(|note| match note.note.kind {
        NoteKind::ReplyCut { .. } => Some(note.note.at.frames),
        _ => None,
    });
    let windows = world.transcript().windows();
    let (cut, second) = (cut.expect("the service cut the reply"), windows[1].0);
    assert!(second >= cut, "the window starts at {second}, the cut was at {cut}");
    assert!(second < cut + 16_000, "soon after it");
}
