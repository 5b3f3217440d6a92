//! The floor's table, row by row, and its invariants.

use super::*;
use Input::*;
use proptest::prelude::*;

fn floor(mode: TurnMode, duplex: Duplex, barge_in: BargeIn) -> Floor {
    Floor::new(&TurnSettings { mode, duplex, barge_in, ..TurnSettings::default() })
}

/// So many milliseconds into the microphone's stream.
fn at(ms: i64) -> FrameTime {
    FrameTime::start(Rate::UPLINK, 0).plus(16 * ms)
}

fn run(floor: &mut Floor, inputs: &[Input]) -> Actions {
    inputs.iter().map(|i| floor.on(*i)).last().unwrap_or_default()
}

const OPEN: Actions = Actions {
    window: Some(Window::Open),
    stream_end: false,
    flush: false,
    duck: None,
    phantom: false,
};
const CLOSE: Actions = Actions { window: Some(Window::Close), ..OPEN };
const NOTHING: Actions = Actions { window: None, ..OPEN };

#[test]
fn client_mode_opens_and_closes_a_window() {
    let mut floor = floor(TurnMode::Client, Duplex::Full, BargeIn::Local);
    assert_eq!(floor.on(Likely(at(0))), NOTHING);
    assert_eq!(floor.on(Onset), OPEN);
    assert_eq!(floor.state(), FloorState::User);
    assert_eq!(floor.on(EndOfTurn), CLOSE);
    assert_eq!(floor.on(EndOfTurn), NOTHING);
}

#[test]
fn speech_over_the_model_ducks_it_then_cuts_it() {
    let mut floor = floor(TurnMode::Client, Duplex::Full, BargeIn::Local);
    floor.on(ModelAudible);
    assert!(floor.must_confirm());
    assert_eq!(floor.on(Likely(at(0))), Actions { duck: Some(true), ..NOTHING });
    assert_eq!(floor.on(Onset), Actions { flush: true, duck: Some(false), ..OPEN });
    assert_eq!(floor.state(), FloorState::User);
}

#[test]
fn a_false_alarm_brings_the_reply_back() {
    let mut floor = floor(TurnMode::Client, Duplex::Full, BargeIn::Local);
    run(&mut floor, &[ModelAudible, Likely(at(0))]);
    assert_eq!(floor.on(FalseAlarm(at(50))), Actions { duck: Some(false), ..NOTHING });
    assert_eq!(floor.state(), FloorState::Model);
}

#[test]
fn a_fit_of_coughing_turns_the_reply_down_once_and_speech_after_it_still_cuts() {
    let mut floor = floor(TurnMode::Client, Duplex::Full, BargeIn::Local);
    run(&mut floor, &[ModelAudible, Likely(at(0)), FalseAlarm(at(100))]);
    for ms in [300, 700, 1_100] {
        assert_eq!(floor.on(Likely(at(ms))), NOTHING, "{ms}");
        assert_eq!(floor.on(FalseAlarm(at(ms + 100))), NOTHING, "{ms}");
    }
    assert_eq!(floor.on(Likely(at(1_700))), Actions { duck: Some(true), ..NOTHING }, "500 ms on");
    run(&mut floor, &[FalseAlarm(at(1_800)), Likely(at(1_900))]);
    assert_eq!(floor.on(Onset), Actions { flush: true, ..OPEN });
}

#[test]
fn without_local_barge_in_both_may_speak_until_the_server_interrupts() {
    let mut floor = floor(TurnMode::Client, Duplex::Full, BargeIn::Server);
    assert_eq!(run(&mut floor, &[ModelAudible, Likely(at(0)), Onset]), OPEN);
    assert_eq!(floor.state(), FloorState::Overlap);
    assert!(floor.on(Interrupted).flush);
    assert_eq!(floor.state(), FloorState::User);
}

#[test]
fn server_mode_has_no_window_and_hybrid_ends_the_stream() {
    let mut server = floor(TurnMode::Server, Duplex::Full, BargeIn::Server);
    assert_eq!(run(&mut server, &[Onset]), NOTHING);
    assert_eq!(server.on(EndOfTurn), NOTHING);
    let mut hybrid = floor(TurnMode::Hybrid, Duplex::Full, BargeIn::Server);
    assert_eq!(run(&mut hybrid, &[Onset, EndOfTurn]), Actions { stream_end: true, ..NOTHING });
}

#[test]
fn half_duplex_hears_nobody_while_the_model_is_audible() {
    let mut floor = floor(TurnMode::Client, Duplex::Half, BargeIn::Off);
    floor.on(Onset);
    assert_eq!(floor.on(ModelAudible), CLOSE);
    assert!(!floor.hears_user());
    assert_eq!(floor.on(Onset), NOTHING);
    floor.on(ModelSilent);
    assert_eq!(floor.on(Onset), NOTHING, "the room still sounds");
    floor.on(EchoOver);
    assert_eq!(floor.on(Onset), OPEN);
}

#[test]
fn a_key_opens_cuts_and_closes() {
    let mut floor = floor(TurnMode::PushToTalk, Duplex::Full, BargeIn::Local);
    floor.on(ModelAudible);
    assert_eq!(floor.on(Onset), NOTHING);
    assert_eq!(floor.on(TalkPressed), Actions { flush: true, ..OPEN });
    assert_eq!(floor.on(TalkPressed), NOTHING);
    assert_eq!(floor.on(TalkReleased), CLOSE);
    assert_eq!(floor.on(TalkReleased), NOTHING);
}

#[test]
fn muting_ends_what_the_user_was_saying() {
    let mut client = floor(TurnMode::Client, Duplex::Full, BargeIn::Local);
    assert_eq!(run(&mut client, &[Onset, Muted]), CLOSE);
    assert_eq!(client.on(Onset), NOTHING);
    assert_eq!(run(&mut client, &[Unmuted, Onset]), OPEN);
    let mut server = floor(TurnMode::Server, Duplex::Full, BargeIn::Local);
    assert_eq!(server.on(Muted), Actions { stream_end: true, ..NOTHING });
    assert_eq!(server.on(Muted), NOTHING);
}

#[test]
fn a_stop_cuts_what_is_audible_and_nothing_else() {
    for mode in [TurnMode::Server, TurnMode::Client, TurnMode::PushToTalk] {
        let mut floor = floor(mode, Duplex::Half, BargeIn::Off);
        assert_eq!(floor.on(Stop), NOTHING);
        floor.on(ModelAudible);
        assert_eq!(floor.on(Stop), Actions { flush: true, ..NOTHING });
        assert_eq!(floor.on(Stop), NOTHING);
        floor.on(EchoOver);
        assert!(floor.hears_user());
    }
}

#[test]
fn a_reply_is_refused_only_while_a_window_that_cuts_is_open() {
    let refuses = |mode, barge_in, input| {
        let mut floor = floor(mode, Duplex::Full, barge_in);
        assert!(!floor.refuses_replies());
        floor.on(input);
        let refuses = floor.refuses_replies();
        run(&mut floor, &[EndOfTurn, TalkReleased]);
        assert!(!floor.refuses_replies());
        refuses
    };
    assert!(refuses(TurnMode::Client, BargeIn::Local, Onset));
    assert!(!refuses(TurnMode::Client, BargeIn::Server, Onset));
    assert!(!refuses(TurnMode::Client, BargeIn::Off, Onset));
    assert!(refuses(TurnMode::PushToTalk, BargeIn::Off, TalkPressed));
    for mode in [TurnMode::Server, TurnMode::Hybrid] {
        assert!(!refuses(mode, BargeIn::Local, Onset), "{mode:?}");
    }
}

#[test]
fn an_interruption_of_nothing_is_a_phantom() {
    let mut floor = floor(TurnMode::Client, Duplex::Full, BargeIn::Local);
    assert_eq!(floor.on(Interrupted), Actions { phantom: true, ..NOTHING });
    floor.on(Onset);
    assert_eq!(floor.on(Interrupted), NOTHING);
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let all = prop::sample::select(vec![
        Likely(at(0)),
        Likely(at(700)),
        FalseAlarm(at(300)),
        Onset,
        EndOfTurn,
        TalkPressed,
        TalkReleased,
        Muted,
        Unmuted,
        ModelAudible,
        ModelSilent,
        Interrupted,
        Stop,
        EchoOver,
        Guarded(true),
        Guarded(false),
        Lost,
    ]);
    prop::collection::vec(all, 0..200)
}

fn modes() -> impl Strategy<Value = (TurnMode, Duplex, BargeIn)> {
    use prop::sample::select;
    (
        select(vec![TurnMode::Server, TurnMode::Hybrid, TurnMode::Client, TurnMode::PushToTalk]),
        select(vec![Duplex::Full, Duplex::Half]),
        select(vec![BargeIn::Local, BargeIn::Server, BargeIn::Off]),
    )
}

proptest! {
    #[test]
    fn windows_open_and_close_in_turn_and_only_what_is_audible_is_cut(
        (mode, duplex, barge_in) in modes(), inputs in inputs()
    ) {
        let mut floor = floor(mode, duplex, barge_in);
        let (mut open, mut ducked) = (false, false);
        for input in inputs {
            let audible = matches!(floor.state(), FloorState::Model | FloorState::Overlap);
            let actions = floor.on(input);
            match actions.window {
                Some(Window::Open) => prop_assert!(!std::mem::replace(&mut open, true)),
                Some(Window::Close) => prop_assert!(std::mem::replace(&mut open, false)),
                None => {}
            }
            if let Some(down) = actions.duck {
                prop_assert_ne!(std::mem::replace(&mut ducked, down), down);
            }
            prop_assert!(!actions.flush || audible);
            prop_assert!(!actions.stream_end || floor.streams());
            prop_assert!(!open || !floor.streams());
        }
    }
}

#[test]
fn half_duplex_stays_closed_until_the_room_is_silent() {
    for mode in [TurnMode::Client, TurnMode::Server] {
        let mut floor = floor(mode, Duplex::Half, BargeIn::Off);
        floor.on(ModelAudible);
        floor.on(ModelSilent);
        assert!(floor.hears_echo() && !floor.hears_user());
        assert_eq!(floor.state(), FloorState::Free);
        floor.on(EchoOver);
        assert!(!floor.hears_echo() && floor.hears_user());
        run(&mut floor, &[ModelAudible, Stop]);
        assert!(floor.hears_echo(), "after a cut too");
        floor.on(ModelAudible);
        assert!(!floor.hears_echo(), "the next reply is heard");
    }
    let mut floor = floor(TurnMode::PushToTalk, Duplex::Half, BargeIn::Local);
    run(&mut floor, &[ModelAudible, ModelSilent]);
    assert!(floor.hears_user(), "a key says who speaks");
}

#[test]
fn a_guarded_floor_is_a_half_duplex_one() {
    let mut floor = floor(TurnMode::Client, Duplex::Full, BargeIn::Local);
    run(&mut floor, &[ModelAudible, Likely(at(0))]);
    assert_eq!(floor.on(Guarded(true)), Actions { duck: Some(false), ..NOTHING });
    assert!(!floor.hears_user());
    assert_eq!(floor.on(Onset), NOTHING);
    floor.on(ModelSilent);
    assert!(!floor.hears_user(), "the room still sounds");
    floor.on(Guarded(false));
    assert!(floor.hears_user());
}
