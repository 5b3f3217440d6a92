//! The guard goes up and comes down, by what it is told alone.

use super::*;
use EchoStep::{Free, Half, Quieter, Strict};
use proptest::prelude::*;

const GOOD: EchoHealth =
    EchoHealth { return_loss_db: 8.0, enhancement_db: 30.0, trust: 0.9, delay_ms: 30.0 };
const LOST: EchoHealth = EchoHealth { trust: 0.2, enhancement_db: 10.0, ..GOOD };
const SHUT: EchoHealth = EchoHealth { trust: 0.2, ..GOOD };
const USELESS: EchoHealth = EchoHealth { enhancement_db: 3.0, ..GOOD };
const FAINT: EchoHealth = EchoHealth { return_loss_db: 33.0, trust: 0.0, ..USELESS };

/// So many seconds into the microphone's stream.
fn at(s: f64) -> FrameTime {
    FrameTime::start(Rate::UPLINK, 0).plus((s * 16e3) as i64)
}

/// The canceller says so ten times a second, from one second to another.
/// Returns the steps, with the tenths of a second.
fn hear(guard: &mut EchoGuard, health: EchoHealth, from: u32, to: u32) -> Vec<(u32, EchoStep)> {
    let told = |tenth: u32| Some((tenth, guard.hear(at(f64::from(tenth) / 10.0), health)?));
    (10 * from..10 * to).filter_map(told).collect()
}

#[test]
fn out_of_control_it_goes_up_a_step_after_1_5_s_and_each_2_s_more() {
    for bad in [LOST, USELESS, EchoHealth { return_loss_db: f32::NAN, trust: f32::NAN, ..USELESS }]
    {
        let mut guard = EchoGuard::default();
        let steps = hear(&mut guard, bad, 0, 20);
        assert_eq!(steps, [(15, Quieter), (35, Strict), (55, Half)]);
        assert_eq!(guard.step(), Half);
    }
}

#[test]
fn a_good_canceller_a_slow_start_and_a_headset_are_left_alone() {
    for health in [GOOD, FAINT, SHUT] {
        let mut guard = EchoGuard::default();
        assert_eq!(hear(&mut guard, LOST, 0, 1), []);
        assert_eq!(hear(&mut guard, health, 1, 60), []);
        assert_eq!(guard.cut(at(60.0)), None);
    }
}

#[test]
fn it_comes_back_a_step_each_5_s_under_control() {
    let mut guard = EchoGuard::default();
    hear(&mut guard, LOST, 0, 10);
    let steps = hear(&mut guard, GOOD, 10, 40);
    assert_eq!(steps, [(149, Strict), (199, Quieter), (249, Free)]);
}

#[test]
fn who_has_to_go_up_again_comes_back_half_as_fast_until_it_was_well_for_a_minute() {
    let mut guard = EchoGuard::default();
    let mut waits = Vec::new();
    for round in 0..3 {
        let begin = 100 * round;
        hear(&mut guard, LOST, begin, begin + 2);
        let steps = hear(&mut guard, GOOD, begin + 2, begin + 100);
        waits.push(steps[0].0 - 10 * (begin + 2));
    }
    assert_eq!(waits, [49, 49, 49], "a minute of health between them");
    let mut guard = EchoGuard::default();
    let mut now = 0;
    let waits = [0; 4].map(|_| {
        hear(&mut guard, LOST, now, now + 2);
        let steps = hear(&mut guard, GOOD, now + 2, now + 50);
        let wait = steps[0].0 - 10 * (now + 2);
        now += 50;
        wait
    });
    assert_eq!(waits, [49, 99, 199, 399]);
}

#[test]
fn two_cuts_out_of_control_within_20_s_are_half_duplex_at_once() {
    let mut guard = EchoGuard::default();
    hear(&mut guard, LOST, 0, 1);
    assert_eq!(guard.cut(at(1.0)), Some(Quieter));
    assert_eq!(guard.cut(at(20.0)), Some(Half));
    let mut guard = EchoGuard::default();
    hear(&mut guard, LOST, 0, 1);
    assert_eq!(guard.cut(at(1.0)), Some(Quieter));
    assert_eq!(guard.cut(at(22.0)), Some(Strict), "too far apart");
}

#[test]
fn a_moment_without_trust_makes_no_cut_suspicious() {
    let mut guard = EchoGuard::default();
    hear(&mut guard, GOOD, 0, 5);
    for tenth in 50..55 {
        assert_eq!(guard.hear(at(f64::from(tenth) / 10.0), LOST), None);
    }
    assert_eq!((guard.cut(at(5.5)), guard.spoken(at(7.0))), (None, None));
    assert_eq!(guard.cut(at(8.0)), None);
}

#[test]
fn four_cuts_after_which_nobody_spoke_are_too_many_whatever_the_canceller_says() {
    let mut guard = EchoGuard::default();
    hear(&mut guard, GOOD, 0, 1);
    let steps = [0.0, 3.0, 6.0, 9.0].map(|s| {
        assert_eq!(guard.cut(at(s)), None);
        guard.spoken(at(s + 0.3))
    });
    assert_eq!(steps, [None, None, None, Some(Half)]);
    assert_eq!(hear(&mut guard, GOOD, 10, 17), [(148, Strict)]);
    assert_eq!(guard.cut(at(17.0)), None);
    assert_eq!(guard.spoken(at(17.3)), Some(Half), "one is enough now");
}

#[test]
fn a_user_who_interrupts_again_and_again_is_no_echo() {
    let mut guard = EchoGuard::default();
    hear(&mut guard, GOOD, 0, 1);
    for round in 0..20 {
        let s = 3.0 * f64::from(round);
        assert_eq!(guard.cut(at(s)), None);
        assert_eq!(guard.spoken(at(s + 1.0)), None);
    }
}

#[test]
fn without_a_reference_and_after_a_failure_nothing_is_under_control() {
    let mut guard = EchoGuard::default();
    let steps: Vec<_> = (0..600).filter_map(|_| guard.miss(160)).collect();
    assert_eq!(steps, [Quieter, Strict, Half]);
    let mut guard = EchoGuard::default();
    assert_eq!(guard.rebuilt(), Some(Quieter));
    assert_eq!(guard.rebuilt(), None);
    assert_eq!(hear(&mut guard, GOOD, 0, 9), [(50, Free)]);
}

proptest! {
    #[test]
    fn it_goes_up_by_the_worse_and_down_by_the_better_only(
        told in proptest::collection::vec((any::<bool>(), 0i64..20_000), 0..200)
    ) {
        let (mut guard, mut now) = (EchoGuard::default(), at(0.0));
        for (well, later) in told {
            now = now.plus(later);
            let before = guard.step();
            let after = guard.hear(now, if well { GOOD } else { LOST }).unwrap_or(before);
            prop_assert_eq!(after, guard.step());
            let allowed = if well { before.down() } else { before.up() };
            prop_assert!(after == before || after == allowed);
        }
    }
}
