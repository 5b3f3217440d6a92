//! A loudspeaker and a microphone in one room: who is taken for the user.

use std::sync::Arc;

use chinwag::{
    config::Origin,
    sim::room::{MODEL_LEVEL, USER_LEVEL},
};

use super::*;

/// A model that answers with a long voice at its reference level, and a user
/// who asks and once interrupts, both over the echo of a room.
fn interrupted_in(room: Option<&str>, plan: Plan) -> WorldSettings {
    let mut settings = WorldSettings::new(plan);
    settings.room = room.map(|text| text.parse().unwrap());
    settings.service.voice = Voice::script(vec![model_voice(6_000), model_voice(2_000)]);
    let say = |cue, seed| Utterance::new(cue, speech(1_500, seed)).at_level(USER_LEVEL);
    settings.script =
        vec![say(Cue::At(Nanos::from_secs(1)), 1), say(Cue::IntoReply(Nanos::from_ms(2_500)), 2)];
    settings
}

pub(super) fn model_voice(ms: u64) -> Vec<i16> {
    let voice = babble(Rate::DOWNLINK, Nanos::from_ms(ms), 77);
    let loud = Utterance::new(Cue::At(Nanos::ZERO), voice).at_level(MODEL_LEVEL);
    loud.sound.iter().map(|sample| chinwag::audio::convert::to_wire(*sample)).collect()
}

fn cuts(settings: WorldSettings) -> (World, usize) {
    let world = run(settings, 16);
    let cuts = world.transcript().cuts.len();
    (world, cuts)
}

#[test]
fn a_user_interrupts_over_the_leak_of_a_headset_and_nobody_else_does() {
    let (world, cuts) = cuts(interrupted_in(Some("headset"), plan("client", "full", &[])));
    assert_eq!(cuts, 1, "{}", world.transcript());
    assert_eq!(world.transcript().windows().len(), 2);
    assert!(world.is_all_said());
}

#[test]
fn over_open_speakers_and_without_a_canceller_the_model_interrupts_itself() {
    let mut settings = interrupted_in(Some("laptop"), plan("client", "full", &[]));
    settings.script.truncate(1);
    let (world, cuts) = cuts(settings);
    assert!(cuts >= 1, "{}", world.transcript());
}

#[test]
fn with_a_canceller_the_user_interrupts_over_open_speakers_and_the_model_does_not() {
    const CANCELLING: &str = "default_profile = \"open\"\n\n[profile.open]\n\n\
        [[profile.open.capture]]\nstage = \"resample\"\nrate_hz = 16000\n\n\
        [[profile.open.capture]]\nstage = \"echo_cancel\"\n\n\
        [[profile.open.capture]]\nstage = \"vad\"\n";
    let file = ConfigFile::parse(Origin::Shipped, CANCELLING, &Registry::shipped());
    for room in ["laptop", "laptop,delay_ms=0", "headset"] {
        let plan = file.plan(None, &[]).unwrap_or_else(|problems| panic!("{problems}"));
        let (world, cuts) = cuts(interrupted_in(Some(room), plan));
        assert_eq!(cuts, 1, "{room}\n{}", world.transcript());
        assert!(world.is_all_said(), "{room}");
    }
}

#[test]
fn a_world_with_a_room_repeats_to_the_bit() {
    let settings = || {
        let text = "kiosk,echo_db=12,change_at_s=4,jump_at_s=6,distortion=small";
        let mut settings = interrupted_in(Some(text), plan("client", "half", &[]));
        settings.speaker.ppm = 300.0;
        settings.microphone.jitter = Nanos::from_ms(2);
        settings.speaker.sizes = CallbackSizes::Drawn(100, 900);
        settings
    };
    let (a, b) = (cuts(settings()).0, cuts(settings()).0);
    assert!(a.transcript().captured == b.transcript().captured);
    assert_eq!(a.transcript().to_string(), b.transcript().to_string());
}

/// The echo in a world, against what the loudspeaker played.
#[test]
fn the_echo_in_a_world_is_late_by_latency_and_delay_and_follows_the_clocks() {
    let text = "laptop,distortion=linear,noise_dbfs=-120,delay_ms=30,direct_db=30";
    let mut settings = interrupted_in(Some(text), plan("client", "half", &[]));
    settings.script.truncate(1);
    settings.noise = None;
    settings.speaker_latency = Nanos::from_ms(15);
    settings.speaker.ppm = -400.0;
    let (world, _) = cuts(settings);
    let transcript = world.transcript();
    let [played, captured]: [Arc<[f32]>; 2] =
        [transcript.played.as_slice().into(), transcript.captured.as_slice().into()];
    let first = played.iter().position(|x| x.abs() > 0.01).unwrap();
    for begin in [first + 4_800, first + 240_000] {
        let part = &played[begin..begin + 9_600];
        // Frame n of the loudspeaker is heard at n / 0.9996 + 45 ms.
        let expected = (begin as f64 / 0.9996 + 0.045 * 48e3).round() as usize;
        let likeness =
            |at: usize| -> f32 { part.iter().zip(&captured[at..]).map(|(a, b)| a * b).sum() };
        let best = (expected - 60..expected + 60)
            .max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)))
            .unwrap();
        // Within the part the two drift by another four frames.
        assert!(best.abs_diff(expected) <= 4, "{best}, not {expected}");
    }
}
