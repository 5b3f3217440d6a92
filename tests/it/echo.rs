//! `measure::echo`: recordings made by the simulated room, and what is measured of them.

use chinwag::{
    audio::{
        Dbfs, Nanos, Rate,
        convert::{from_wire, to_wire},
    },
    measure::echo::{Band, Findings, Pair, VOICE_LEVEL, VOICE_S, examine, left, signal},
    sim::{
        babble::babble,
        room::{RoomSettings, microphone},
        seed::Seed,
    },
};

const QUIET_S: f64 = 2.5;

fn far(rate: Rate) -> Vec<i16> {
    let voice = babble(rate, Nanos::from_ms((VOICE_S * 1e3) as u64), 1);
    let quiet = vec![0.0; (QUIET_S * f64::from(rate.hz())) as usize];
    let sound = signal(rate, Band::between(rate, rate), &voice);
    [quiet, sound].concat().into_iter().map(to_wire).collect()
}

fn floats(signal: &[i16]) -> Vec<f32> {
    signal.iter().map(|sample| from_wire(*sample)).collect()
}

/// What is measured of a recording at `hz` after `change`.
fn of(far: &[i16], recorded: &[i16], rate: Rate) -> Findings {
    let (far, recorded) = (floats(far), floats(recorded));
    let pair = Pair { rate, far: &far, microphone: &recorded };
    examine(pair, Band::between(rate, rate)).unwrap()
}

fn in_room(settings: &str, hz: u32) -> Findings {
    let rate = Rate::new(hz).unwrap();
    let settings: RoomSettings = settings.parse().unwrap();
    let far = far(rate);
    of(&far, &microphone(&settings, rate, &far, &[], Seed::new(3)), rate)
}

#[test]
fn the_delay_is_that_of_the_room_within_a_millisecond_at_every_rate() {
    for (settings, delay_ms, hz) in [
        ("laptop", 20.0, 16_000),
        ("laptop,delay_ms=0", 1.0, 48_000),
        ("kiosk,delay_ms=350,echo_db=12,distortion=small", 350.0, 16_000),
        ("speakerphone,delay_ms=120.3", 120.3, 44_100),
        ("speakerphone", 40.0, 8_000),
        ("headset", 20.0, 48_000),
    ] {
        let echo = in_room(settings, hz).echo.unwrap();
        assert!((1e3 * echo.delay_s - delay_ms).abs() < 1.0, "{settings} at {hz}: {echo:?}");
    }
}

#[test]
fn the_level_of_a_voices_echo_is_that_of_the_room_within_a_decibel() {
    for settings in ["laptop", "kiosk,echo_db=12", "speakerphone", "headset"] {
        let found = in_room(settings, 16_000);
        let (room, echo): (RoomSettings, _) = (settings.parse().unwrap(), found.echo.unwrap());
        assert!((echo.level.0 - room.echo.0).abs() < 1.0, "{settings}: {echo:?}");
        assert!((echo.return_loss_db - (VOICE_LEVEL.0 - room.echo.0)).abs() < 1.0, "{echo:?}");
        let noise = room.noise.unwrap();
        assert!((found.noise.0 - noise.0).abs() < 2.0, "{settings}: {noise:?}, {:?}", found.noise);
    }
}

#[test]
fn a_drift_that_the_far_end_did_not_follow_is_found_within_20_ppm() {
    for (drift, ppm) in [("", 0.0), ("drift_ppm=50", 50.0), ("drift_ppm=500", 500.0)] {
        for room in ["laptop", "kiosk"] {
            let echo = in_room(&format!("{room},{drift}"), 16_000).echo.unwrap();
            for found in [echo.drift_ppm, echo.drift_left_ppm] {
                assert!((found.unwrap() - ppm).abs() < 20.0, "{room} {drift}: {found:?}");
            }
        }
    }
}

#[test]
fn a_drift_that_the_far_end_did_follow_is_found_and_none_is_left() {
    let rate = Rate::UPLINK;
    let far = floats(&far(rate));
    // 200 ppm longer, by straight lines between the frames: crude, but even.
    let longer: Vec<f32> = (0..far.len() - 1)
        .map(|frame| {
            let place = frame as f64 / 1.0002;
            let (whole, part) = (place as usize, place.fract() as f32);
            far[whole] + part * (far[whole + 1] - far[whole])
        })
        .collect();
    let late = [vec![0.0; 320], longer.clone()].concat();
    let pair = Pair { rate, far: &longer, microphone: &late[..longer.len()] };
    let echo = examine(pair, Band::between(rate, rate)).unwrap().echo.unwrap();
    let (all, left) = (echo.drift_ppm.unwrap(), echo.drift_left_ppm.unwrap());
    assert!((all - 200.0).abs() < 20.0 && left.abs() < 2.0, "{echo:?}");
}

#[test]
fn a_loudspeakers_distortion_is_told_from_the_room() {
    let of = |kind: &str| {
        let found = in_room(&format!("laptop,distortion={kind}"), 16_000);
        found.echo.unwrap().distortion_db.unwrap_or(f32::NEG_INFINITY)
    };
    let (linear, soft, small) = (of("linear"), of("soft"), of("small"));
    assert!(linear < -45.0, "{linear}");
    // Of a sine as loud as the sweep: -31 dB, and -23.5 dB for both harmonics.
    assert!((soft + 31.0).abs() < 4.0, "{soft}");
    assert!((small + 23.5).abs() < 4.0, "{small}");
}

#[test]
fn a_microphone_that_hears_nothing_of_it_has_no_echo() {
    let rate = Rate::UPLINK;
    let far = far(rate);
    let silent = of(&far, &vec![0; far.len()], rate);
    let nothing =
        Findings { noise: Dbfs::FLOOR, loudest: Dbfs::FLOOR, clipped_frames: 0, echo: None };
    assert_eq!(silent, nothing);
    // Noise, a voice, and nothing played in that room.
    let settings: RoomSettings = "kiosk".parse().unwrap();
    let talk: Vec<i16> =
        babble(rate, Nanos::from_secs(9), 7).into_iter().map(|s| to_wire(0.2 * s)).collect();
    for near in [&[][..], &talk[..]] {
        let other = microphone(&settings, rate, &vec![0; far.len()], near, Seed::new(9));
        let found = of(&far, &other, rate);
        assert_eq!(found.echo, None, "{found:?}");
        assert!(found.loudest > Dbfs(-60.0), "{found:?}");
    }
    assert_eq!(
        examine(Pair { rate, far: &[0.0; 99], microphone: &[0.1; 99] }, Band::between(rate, rate)),
        None
    );
}

#[test]
fn a_microphone_that_clips_is_recognised_and_one_that_does_not_is_not() {
    assert_eq!(in_room("kiosk", 16_000).clipped_frames, 0);
    let rate = Rate::UPLINK;
    let far = far(rate);
    let fine = microphone(&"kiosk".parse().unwrap(), rate, &far, &[], Seed::new(3));
    let loud: Vec<i16> = fine.iter().map(|sample| sample.saturating_mul(20)).collect();
    let found = of(&far, &loud, rate);
    assert!(found.clipped_frames > 1_000, "{found:?}");
    assert!(found.loudest > Dbfs(-0.1), "{found:?}");
}

#[test]
fn an_echo_that_begins_between_the_sweeps_is_found_without_a_drift() {
    let rate = Rate::UPLINK;
    let far = far(rate);
    let mut recorded = microphone(&"laptop".parse().unwrap(), rate, &far, &[], Seed::new(3));
    recorded[..5 * 16_000].fill(0);
    let echo = of(&far, &recorded, rate).echo.unwrap();
    assert!((echo.delay_s - 0.02).abs() < 1e-3, "{echo:?}");
    assert_eq!((echo.drift_ppm, echo.drift_left_ppm), (None, None));
}

#[test]
fn what_is_left_is_judged_by_the_end_of_the_voice() {
    let rate = Rate::UPLINK;
    let far = far(rate);
    let recorded = floats(&microphone(&"laptop".parse().unwrap(), rate, &far, &[], Seed::new(3)));
    let far = floats(&far);
    let pair = Pair { rate, far: &far, microphone: &recorded };
    let echo = examine(pair, Band::between(rate, rate)).unwrap().echo.unwrap();
    let cleaned: Vec<f32> = recorded.iter().map(|sample| 0.1 * sample).collect();
    let left = left(&recorded, &cleaned, rate, &echo);
    assert!((left.enhancement_db - 20.0).abs() < 0.1, "{left:?}");
    assert!((left.level.0 - (echo.level.0 - 20.0)).abs() < 1.5, "{left:?}");
}
