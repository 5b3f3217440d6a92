//! A stream that dies is noticed, and opened again, however it dies.

use super::*;
use proptest::prelude::*;

const MS: fn(u64) -> Nanos = Nanos::from_ms;

fn watch(period_frames: usize) -> Watch {
    Watch::new(Nanos::ZERO, period_frames, Rate::new(48_000).unwrap())
}

/// Of a stream that called last at so many milliseconds.
fn called(ms: u64) -> Vitals {
    Vitals { callbacks: 9, last_call_at: MS(ms), ..Vitals::default() }
}

#[test]
fn a_stream_is_dead_after_four_periods_and_a_quarter_second() {
    let dead = Some(Deed::Drop { loss: Loss::Silent, is_news: true });
    assert_eq!(watch(480).look(MS(5_250), &called(5_000)), None);
    assert_eq!(watch(480).look(MS(5_251), &called(5_000)), dead);
    assert_eq!(watch(8_192).look(MS(5_600), &called(5_000)), None);
    assert_eq!(watch(8_192).look(MS(5_700), &called(5_000)), dead);
    let long = Vitals { period_frames_max: 8_192, ..called(5_000) };
    assert_eq!(watch(480).look(MS(5_600), &long), None, "what it does, not what was asked");
}

#[test]
fn a_stream_may_take_three_seconds_to_begin() {
    let mut watch = watch(480);
    assert_eq!(watch.look(MS(3_000), &Vitals::default()), None);
    assert!(matches!(watch.look(MS(3_001), &Vitals::default()), Some(Deed::Drop { .. })));
}

#[test]
fn it_is_opened_again_ever_more_slowly_and_told_once() {
    let mut watch = watch(480);
    let mut now = MS(5_300);
    let mut lost = called(5_000);
    assert_eq!(watch.look(now, &lost), Some(Deed::Drop { loss: Loss::Silent, is_news: true }));
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let before = now;
        now = watch.next_deadline(&lost).unwrap();
        pauses.push(now.since(before).0 / 1_000_000);
        assert_eq!(watch.look(now, &lost), Some(Deed::Open));
        assert_eq!((watch.look(now, &lost), watch.next_deadline(&lost)), (None, None));
        watch.refused(now);
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    // Opened, and dead before it began: not worth another word.
    now = watch.next_deadline(&lost).unwrap();
    assert_eq!(watch.look(now, &lost), Some(Deed::Open));
    watch.opened(now, 480, Rate::UPLINK);
    lost = Vitals { is_broken: true, ..Vitals::default() };
    assert_eq!(watch.look(now, &lost), Some(Deed::Drop { loss: Loss::Broken, is_news: false }));
    now = watch.next_deadline(&lost).unwrap();
    assert_eq!(watch.look(now, &lost), Some(Deed::Open));
    watch.opened(now, 480, Rate::UPLINK);
    assert_eq!(watch.look(now, &Vitals::default()), None);
    assert!(!watch.is_running());
    let back = called(60_000);
    assert_eq!(watch.next_deadline(&back), Some(MS(60_000)));
    assert_eq!(watch.look(MS(60_000), &back), Some(Deed::Back(MS(55_000))));
    assert_eq!((watch.look(MS(60_000), &back), watch.is_running()), (None, true));
    assert_eq!(watch.outages(MS(60_000)), (1, MS(55_000)));
}

#[test]
fn who_lived_long_is_opened_again_soon() {
    let mut watch = watch(480);
    for cycle in 0..5 {
        let died = 20_000 * (cycle + 1);
        watch.look(MS(died), &called(died));
        watch.look(MS(died + 300), &called(died));
        let at = watch.next_deadline(&called(died)).unwrap();
        assert_eq!(at, MS(died + 400));
        assert_eq!(watch.look(at, &called(died)), Some(Deed::Open));
        watch.opened(at, 480, Rate::UPLINK);
    }
}

/// A null sink that was suspended has made 2 s ahead when it is back: each new
/// stream was dropped after 250 ms of silence, again and again.
#[test]
fn a_device_that_asks_once_and_then_not_for_two_seconds_is_waited_for() {
    let mut watch = watch(480);
    let (mut opened, mut losses) = (None, 0);
    for now in (5_300..60_000).step_by(10) {
        let called_at = match opened {
            None => 5_000,
            Some(at) if now - at < 2_000 => at,
            Some(_) => now,
        };
        while let Some(deed) = watch.look(MS(now), &called(called_at)) {
            match deed {
                Deed::Drop { .. } => losses += 1,
                Deed::Open => {
                    watch.opened(MS(now), 480, Rate::UPLINK);
                    opened = Some(now);
                    break;
                }
                Deed::Back(_) => {}
            }
        }
    }
    assert!((2..=4).contains(&losses), "{losses} losses");
    assert!(watch.is_running());
    let (_, without) = watch.outages(MS(60_000));
    assert!(without < MS(6_000), "{without:?}");
}

#[test]
fn a_storm_of_errors_is_a_loss_and_a_few_are_not() {
    let mut watch = watch(480);
    for second in 1..20 {
        let few = Vitals { errors: 49 * second, ..called(1_000 * second) };
        assert_eq!(watch.look(MS(1_000 * second), &few), None);
    }
    let storm = Vitals { errors: 49 * 19 + 50, ..called(19_500) };
    let lost = Some(Deed::Drop { loss: Loss::Storm, is_news: true });
    assert_eq!(watch.look(MS(19_500), &storm), lost);
}

#[test]
fn another_default_is_followed_when_nobody_speaks_or_after_five_seconds() {
    let moved = |ms, is_quiet| Vitals { is_moved: true, is_quiet, ..called(ms) };
    let follow = Some(Deed::Drop { loss: Loss::Moved, is_news: true });
    let mut speaking = watch(480);
    assert_eq!(speaking.look(MS(1_000), &moved(1_000, false)), None);
    assert_eq!(speaking.look(MS(5_999), &moved(5_999, false)), None);
    assert_eq!(speaking.look(MS(6_000), &moved(6_000, false)), follow);
    let mut quiet = watch(480);
    assert_eq!(quiet.look(MS(1_000), &moved(1_000, true)), follow);
    assert_eq!(quiet.look(MS(1_000), &moved(1_000, true)), Some(Deed::Open), "at once");
    let mut back_again = watch(480);
    assert_eq!(back_again.look(MS(1_000), &moved(1_000, false)), None);
    assert_eq!(back_again.look(MS(2_000), &called(2_000)), None);
    assert_eq!(back_again.look(MS(6_500), &moved(6_500, false)), None);
}

#[test]
fn who_was_held_up_does_not_blame_the_stream() {
    let mut watch = watch(480);
    watch.held_up(MS(9_000));
    assert_eq!(watch.look(MS(9_200), &called(5_000)), None);
    assert!(watch.look(MS(9_251), &called(5_000)).is_some());
}

proptest! {
    /// Whatever happens to a stream: it is never opened twice, each loss that is
    /// told is followed by one return at most, and an attempt is never far.
    #[test]
    fn it_never_stops_trying_and_never_opens_twice(
        events in prop::collection::vec((0u8..6, 1u64..4_000), 1..200)
    ) {
        let mut watch = watch(480);
        let (mut now, mut open, mut told_lost) = (Nanos::ZERO, true, false);
        let mut vitals = called(0);
        for (event, ms) in events {
            now += MS(ms);
            match event {
                0 => vitals.is_broken = open,
                1 => vitals.errors += 100,
                2 => vitals.is_moved = !vitals.is_moved,
                3 if open => vitals = Vitals { is_broken: false, ..called(now.0 / 1_000_000) },
                _ => {}
            }
            while let Some(deed) = watch.look(now, &vitals) {
                match deed {
                    Deed::Drop { is_news, .. } => {
                        prop_assert!(open);
                        prop_assert_eq!(is_news, !told_lost);
                        (open, told_lost) = (false, true);
                        vitals = Vitals::default();
                    }
                    Deed::Open => {
                        prop_assert!(!open);
                        open = ms % 2 == 0;
                        if open { watch.opened(now, 480, Rate::UPLINK) } else { watch.refused(now) }
                    }
                    Deed::Back(_) => {
                        prop_assert!(open && std::mem::take(&mut told_lost));
                    }
                }
            }
            prop_assert_eq!(watch.is_running(), !told_lost);
            let next = watch.next_deadline(&vitals).unwrap();
            prop_assert!(open || next <= now + PAUSE_MAX);
        }
    }
}
