//! The profiles that come with chinwag.

use super::*;
use chinwag::{
    audio::Rate,
    dialog::{BargeIn, Duplex, TurnMode},
    pipeline::Format,
    protocol::ActivityDetection,
};

const PROFILES: [&str; 7] =
    ["speakers", "headset", "server-vad", "client-vad", "half-duplex", "push-to-talk", "pi"];

fn plan(profile: &str) -> Plan {
    shipped_plan(profile, &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_shipped_file_is_right_in_every_profile() {
    let file = ConfigFile::shipped(&Registry::shipped());
    assert_eq!(file.profiles().collect::<Vec<_>>(), PROFILES);
    let plans = file.plans(None, &[]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(plans[0].profile, "speakers");
}

#[test]
fn every_shipped_profile_builds_its_chains_at_every_device_rate() {
    for profile in PROFILES {
        let plan = plan(profile);
        for hz in [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000] {
            let rate = Rate::new(hz).unwrap();
            let capture = plan.capture_chain(Format::of(rate)).unwrap();
            assert_eq!(capture.rate(), Rate::UPLINK, "{profile} {hz}");
            assert_eq!(plan.playback_chain(rate).unwrap().rate(), rate, "{profile} {hz}");
        }
    }
}

#[test]
fn every_turn_mode_works_on_every_shipped_profile() {
    for profile in PROFILES {
        for mode in ["server", "hybrid", "client", "push-to-talk"] {
            let plan = shipped_plan(profile, &[&format!("turn.mode={mode}")]);
            assert!(plan.is_ok(), "{profile} {mode}: {}", plan.unwrap_err());
        }
    }
}

#[test]
fn a_profile_for_open_speakers_cancels_the_echo_or_closes_the_microphone() {
    let cancels = |plan: &Plan| plan.capture.iter().any(|stage| stage.name() == "echo_cancel");
    let speakers = plan("speakers");
    assert_eq!((speakers.turn.duplex, speakers.turn.barge_in), (Duplex::Full, BargeIn::Local));
    assert!(cancels(&speakers));
    for profile in ["half-duplex", "pi"] {
        let turn = plan(profile).turn;
        assert_eq!((turn.duplex, turn.barge_in), (Duplex::Half, BargeIn::Off), "{profile}");
    }
    assert!(!cancels(&plan("headset")));
}

#[test]
fn the_visible_pair_differs_in_who_takes_turns_and_in_nothing_else() {
    let (server, mut client) = (plan("server-vad"), plan("client-vad"));
    assert_eq!((server.turn.mode, client.turn.mode), (TurnMode::Server, TurnMode::Client));
    assert!(matches!(server.session.activity_detection, Some(ActivityDetection::Automatic(_))));
    assert!(client.session.is_manual());
    client.turn.mode = server.turn.mode;
    client.turn.barge_in = server.turn.barge_in;
    assert_eq!(client.turn, server.turn);
    assert_eq!((client.device, client.link), (server.device, server.link));
    assert_eq!(client.capture, server.capture);
}

#[test]
fn half_duplex_sends_what_a_simple_client_sends() {
    let plan = plan("half-duplex");
    assert_eq!(plan.link.chunk_ms, 32);
    assert_eq!(plan.session.voice.as_deref(), Some("Puck"));
    assert_eq!(plan.session.activity_detection, None);
    assert_eq!(plan.session.activity_handling, None);
    assert_eq!((plan.turn.mode, plan.turn.duplex), (TurnMode::Server, Duplex::Half));
}
