//! Each trouble alone: what is noticed, what is lost, and that the
//! conversation goes on.

use chinwag::{
    link::LinkEvent,
    protocol::Event,
    sim::world::{Trouble, Weather},
};

use super::*;

fn secs(secs: f64) -> Nanos {
    Nanos((secs * 1e9) as u64)
}

/// Two turns, the second 12 s after the first, each answered with a tone of
/// `reply_ms`; one trouble.
fn talk(mode: &str, reply_ms: u32, at: f64, trouble: Trouble) -> World {
    let mut settings = one_turn(mode, "full", reply_ms);
    let cue = Cue::At(Nanos::from_secs(13));
    settings.script.push(Utterance::new(cue, speech(1_500, 2)));
    let mut world = World::new(settings).unwrap();
    world.suffer(&Weather::fair().and(secs(at), trouble));
    world.run_until(Nanos::from_secs(22));
    world.finish();
    world
}

/// Milliseconds of the model's voice that were heard.
fn heard_ms(world: &World) -> f64 {
    let played = world.transcript().played.iter();
    played.filter(|sample| sample.abs() > 1e-4).count() as f64 / 48.0
}

fn finished(world: &World) -> usize {
    count(world, |kind| matches!(kind, NoteKind::ReplyFinished(_)))
}

fn told(world: &World, is: impl Fn(&LinkEvent) -> bool) -> usize {
    let entries = world.transcript().entries.iter();
    entries.filter(|(_, entry)| matches!(entry, Entry::Link(event) if is(event))).count()
}

fn connections(world: &World) -> (u64, u64) {
    let session = world.link_counters().session;
    (session.connections, session.resumed)
}

/// How long the sound in each turn was that the service heard, in seconds.
fn heard_turns(world: &World) -> Vec<f64> {
    let turns = world.services().flat_map(|service| &service.heard().turns);
    turns.map(|turn| turn.speech_secs).collect()
}

#[test]
fn a_reply_that_was_sent_whole_plays_on_over_a_break() {
    let world = talk("client", 3_000, 5.0, Trouble::Break);
    let what = world.transcript().to_string();
    assert_eq!((connections(&world), finished(&world)), ((2, 0), 2), "{what}");
    assert!((heard_ms(&world) - 6_000.0).abs() < 30.0, "{} {what}", heard_ms(&world));
}

#[test]
fn words_at_a_break_are_delivered_after_it() {
    for mode in ["client", "server", "hybrid"] {
        let world = talk(mode, 1_000, 1.8, Trouble::NoNetwork { attempts: 1 });
        let what = format!("{mode}\n{}", world.transcript());
        let queue = world.link_counters().queue;
        assert_eq!((queue.overflow_frames, queue.stale_frames), (0, 0), "{what}");
        assert_eq!(finished(&world), 2, "{what}");
        let whole = heard_turns(&world).into_iter().filter(|secs| (1.3..1.8).contains(secs));
        assert_eq!(whole.count(), 2, "{what}");
    }
}

#[test]
fn no_network_for_long_loses_the_oldest_words_counts_them_and_is_tried_again() {
    let world = talk("server", 1_000, 6.0, Trouble::NoNetwork { attempts: 3 });
    let what = world.transcript().to_string();
    let queue = world.link_counters().queue;
    assert!(queue.overflow_frames > 16_000, "{queue:?} {what}");
    assert_eq!((finished(&world), world.gave_up()), (2, None), "{what}");
    assert_eq!(told(&world, |event| matches!(event, LinkEvent::Down { .. })), 4, "{what}");
}

#[test]
fn a_service_that_refuses_for_a_while_is_asked_again() {
    for http_status in [409, 429, 500, 503] {
        let world = talk("client", 1_000, 6.0, Trouble::Refused { attempts: 2, http_status });
        let what = format!("{http_status}\n{}", world.transcript());
        assert_eq!((finished(&world), world.gave_up()), (2, None), "{what}");
    }
}

#[test]
fn a_service_that_refuses_the_key_is_not_asked_again() {
    let world = talk("client", 1_000, 6.0, Trouble::Refused { attempts: 9, http_status: 403 });
    let why = world.gave_up().unwrap();
    assert!(why.contains("http 403") && why.contains("key"), "{why}");
}

#[test]
fn a_setup_that_is_not_answered_is_given_up_after_ten_seconds_and_made_again() {
    let world = talk("client", 1_000, 5.0, Trouble::Unanswered);
    let what = world.transcript().to_string();
    let timed_out = |event: &LinkEvent| *event == LinkEvent::Session(Event::SetupTimedOut);
    assert_eq!(told(&world, timed_out), 1, "{what}");
    assert_eq!((finished(&world), connections(&world).0), (2, 3), "{what}");
}

#[test]
fn a_handle_that_is_refused_costs_the_memory_and_not_the_conversation() {
    for (code, reason) in [
        (1007, "Request contains an invalid argument."),
        (1008, "Requested entity was not found"),
        (1011, "Internal error encountered."),
    ] {
        let mut settings = one_turn("client", "full", 1_000);
        let cue = Cue::At(Nanos::from_secs(13));
        settings.script.push(Utterance::new(cue, speech(1_500, 2)));
        let mut world = World::new(settings).unwrap();
        let weather = Weather::fair()
            .and(Nanos::from_secs(5), Trouble::NotResumed { code, reason })
            .and(Nanos::from_secs(6), Trouble::Break);
        world.suffer(&weather);
        world.run_until(Nanos::from_secs(22));
        world.finish();
        let what = format!("{code}\n{}", world.transcript());
        assert_eq!((finished(&world), connections(&world).1), (2, 0), "{what}");
        assert_eq!(world.gave_up(), None, "{what}");
    }
}

#[test]
fn a_session_that_the_service_still_holds_is_resumed_once_it_does_not() {
    let world = talk("client", 1_000, 5.0, Trouble::HalfOpen(Nanos::from_ms(300)));
    let what = world.transcript().to_string();
    assert_eq!(connections(&world), (3, 1), "{what}");
    assert_eq!(finished(&world), 2, "{what}");
}

#[test]
fn words_that_wait_too_long_on_a_stalled_connection_are_dropped_and_counted() {
    let world = talk("server", 1_000, 6.0, Trouble::StallUp(Nanos::from_ms(4_000)));
    let what = world.transcript().to_string();
    let queue = world.link_counters().queue;
    assert!(queue.stale_frames > 16_000, "{queue:?} {what}");
    assert_eq!(finished(&world), 2, "{what}");
    // Nothing reaches the service that waited for longer than that.
    let heard: u64 = world.services().map(|service| service.heard().samples).sum();
    let sent = world.transcript().uplink_samples().len() as u64;
    assert!(heard + queue.stale_frames + 1_600 >= sent, "{heard} of {sent} {what}");
}

#[test]
fn a_reply_that_comes_in_fits_and_starts_is_heard_whole() {
    let mut settings = one_turn("client", "full", 4_000);
    settings.service.burst = 1.0;
    let mut world = World::new(settings).unwrap();
    world.suffer(&Weather::fair().and(Nanos::from_ms(4_500), Trouble::StallDown(secs(1.5))));
    world.run_until(Nanos::from_secs(14));
    world.finish();
    let what = world.transcript().to_string();
    assert!(count(&world, |kind| matches!(kind, NoteKind::Starved(_))) >= 1, "{what}");
    assert_eq!(finished(&world), 1, "{what}");
    assert!((heard_ms(&world) - 4_000.0).abs() < 60.0, "{} {what}", heard_ms(&world));
}

#[test]
fn garbage_repeated_and_unknown_messages_cost_at_most_themselves() {
    let mishaps = [
        Mishap::Garbage(b"\xff\x00{".to_vec()),
        Mishap::Truncate,
        Mishap::Strangers,
        Mishap::Say(serde_json::json!({"serverContent": {}})),
        Mishap::Say(serde_json::json!({"serverContent": {"turnComplete": true}})),
    ];
    for mishap in mishaps {
        let world = talk("client", 1_000, 8.0, Trouble::Service(mishap.clone()));
        let what = format!("{mishap:?}\n{}", world.transcript());
        assert_eq!((finished(&world), connections(&world).0), (2, 1), "{what}");
    }
}

#[test]
fn a_worker_without_time_loses_no_more_than_what_no_longer_fits_and_counts_it() {
    let world = talk("server", 1_000, 6.0, Trouble::WorkerStall(Nanos::from_ms(800)));
    let what = world.transcript().to_string();
    let lost = world.lost_capture_frames();
    // Half a second fits, and the callbacks go on.
    assert!((9_600..=16_800).contains(&lost), "{lost} {what}");
    assert!(count(&world, |kind| matches!(kind, NoteKind::Gap { .. })) >= 1, "{what}");
    assert_eq!(finished(&world), 2, "{what}");
}

/// The steepest step between two samples that were played.
fn steepest(world: &World) -> f32 {
    let played = &world.transcript().played;
    played.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
}

#[test]
fn a_processor_with_half_the_time_leaves_gaps_that_fade_and_loses_no_reply() {
    let fair = talk("client", 3_000, 3.5, Trouble::WorkerStall(Nanos::ZERO));
    let mut settings = one_turn("client", "full", 3_000);
    settings.script.push(Utterance::new(Cue::At(Nanos::from_secs(13)), speech(1_500, 2)));
    let mut world = World::new(settings).unwrap();
    // From within the first reply on the worker gets 40 of each 80 ms.
    let weather = (0..40).fold(Weather::fair(), |weather, n| {
        let at = Nanos::from_ms(3_500 + 80 * n);
        weather.and(at, Trouble::WorkerStall(Nanos::from_ms(40)))
    });
    world.suffer(&weather);
    world.run_until(Nanos::from_secs(25));
    world.finish();
    let what = world.transcript().to_string();
    assert_eq!((finished(&fair), finished(&world)), (2, 2), "{what}");
    assert_eq!(world.lost_capture_frames(), 0, "{what}");
    // The reply is as long as ever, with silence in between, and nothing clicks.
    assert!(heard_ms(&world) >= heard_ms(&fair) - 1.0, "{} {what}", heard_ms(&world));
    let (longest, before) = (last_sound(&world), last_sound(&fair));
    assert!(longest > before, "no gap: {longest} and {before}");
    assert!(steepest(&world) <= 1.5 * steepest(&fair), "{} a click", steepest(&world));
}

/// Frames from the first to the last sound of the first reply.
fn last_sound(world: &World) -> usize {
    let first_reply = &world.transcript().played[..13 * 48_000];
    let sounds = |sample: &f32| sample.abs() > 1e-4;
    let first = first_reply.iter().position(sounds).unwrap();
    first_reply.iter().rposition(sounds).unwrap() - first
}

#[test]
fn a_reply_that_is_here_plays_on_while_the_link_is_blocked() {
    let fair = talk("client", 3_000, 5.0, Trouble::LinkStall(Nanos::ZERO));
    let world = talk("client", 3_000, 5.0, Trouble::LinkStall(Nanos::from_ms(900)));
    let what = world.transcript().to_string();
    assert_eq!(count(&world, |kind| matches!(kind, NoteKind::Starved(_))), 0, "{what}");
    assert!(world.transcript().played == fair.transcript().played, "{what}");
}

#[test]
fn a_link_without_time_for_a_second_loses_nothing() {
    let world = talk("server", 1_000, 6.0, Trouble::LinkStall(Nanos::from_ms(900)));
    let what = world.transcript().to_string();
    let counters = world.link_counters();
    let queue = counters.queue;
    assert_eq!((queue.stale_frames, queue.overflow_frames), (0, 0), "{what}");
    assert_eq!(world.lost_capture_frames(), 0, "{what}");
    assert_eq!(world.transcript().uplink_samples().len() as u64, world.captured_frames() / 3);
    assert_eq!(finished(&world), 2, "{what}");
}

#[test]
fn devices_that_call_late_and_all_at_once_lose_nothing() {
    for late in [Trouble::CaptureStall(secs(0.2)), Trouble::RenderStall(secs(0.2))] {
        let world = talk("server", 3_000, 1.5, late.clone());
        let what = format!("{late}\n{}", world.transcript());
        assert_eq!((world.lost_capture_frames(), finished(&world)), (0, 2), "{what}");
        assert_eq!(world.transcript().uplink_samples().len() as u64, world.captured_frames() / 3);
    }
}
