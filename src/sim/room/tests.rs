//! A room as a whole, measured from outside: by clicks, by voices, by tones.

use std::f64::consts::TAU;

use super::*;

const HZ: f64 = 16_000.0;

fn quiet(text: &str) -> RoomSettings {
    RoomSettings { noise: None, ..text.parse().unwrap() }
}

/// What the microphone hears while `far` is played, both by 10 ms.
fn heard(settings: &RoomSettings, [microphone_hz, speaker_hz]: [f64; 2], far: &[f32]) -> Vec<f32> {
    let mut room = Room::new(settings, microphone_hz, speaker_hz, Seed::new(7));
    let mut heard = Vec::new();
    let mut played = 0;
    for block in 1.. {
        let until = |hz: f64| (hz * f64::from(block) / 100.0) as usize;
        if until(speaker_hz) > far.len() {
            break;
        }
        room.play(&far[played..until(speaker_hz)]);
        played = until(speaker_hz);
        let from = heard.len();
        heard.resize(until(microphone_hz), 0.0);
        room.hear(&mut heard[from..]);
    }
    heard
}

/// A click on the frame at each of these seconds, in so many seconds.
fn clicks(at: &[f64], secs: f64, hz: f64) -> Vec<f32> {
    let mut sound = vec![0.0; (secs * hz) as usize];
    for at in at {
        sound[(at * hz) as usize] = 0.1;
    }
    sound
}

/// When the loudest frame after `from` comes, in seconds, to a part of a frame.
fn loudest(sound: &[f32], from: f64, hz: f64) -> f64 {
    let first = (from * hz) as usize;
    let part = &sound[first..(first + (0.6 * hz) as usize).min(sound.len())];
    let at = (0..part.len()).max_by(|a, b| part[*a].abs().total_cmp(&part[*b].abs())).unwrap();
    let [a, b, c] = [at - 1, at, at + 1].map(|i| f64::from(part[i].abs()));
    ((first + at) as f64 + 0.5 * (a - c) / (a - 2.0 * b + c)) / hz
}

/// A voice at the reference level.
fn voice(secs: u64, hz: f64, seed: u64) -> Vec<f32> {
    let voice = babble(Rate::new(hz as u32).unwrap(), Nanos::from_secs(secs), seed);
    let scale = MODEL_LEVEL.amplitude() / Dbfs::rms_of(&voice).amplitude();
    voice.iter().map(|sample| scale * sample).collect()
}

#[test]
fn the_direct_sound_arrives_after_the_stated_delay() {
    for rates in [[HZ, HZ], [48e3, 48e3], [16e3, 48e3], [48e3, 24e3]] {
        for (delay_ms, expected_ms) in [(0.0, 1.0), (20.0, 20.0), (120.3, 120.3), (350.0, 350.0)] {
            let settings = quiet(&format!("laptop,distortion=linear,delay_ms={delay_ms}"));
            let echo = heard(&settings, rates, &clicks(&[0.5], 1.0, rates[1]));
            let late_ms = 1e3 * (loudest(&echo, 0.4, rates[0]) - 0.5);
            assert!((late_ms - expected_ms).abs() < 0.03, "{rates:?}: {late_ms}, {expected_ms}");
        }
    }
}

#[test]
fn a_voice_comes_back_at_the_stated_level_in_every_room_from_every_loudspeaker() {
    for (name, echo_db, kind) in [
        ("laptop", 0.0, "linear"),
        ("laptop", 6.0, "small"),
        ("kiosk", 12.0, "soft"),
        ("speakerphone", 6.0, "small"),
    ] {
        let settings = quiet(&format!("{name},echo_db={echo_db},distortion={kind}"));
        let echo = heard(&settings, [HZ, HZ], &voice(6, HZ, 5));
        let over_user = Dbfs::rms_of(&echo[8_000..]).0 - USER_LEVEL.0;
        assert!((over_user - echo_db).abs() < 1.5, "{name} {kind}: {over_user} dB");
    }
    let leak = heard(&quiet("headset"), [HZ, HZ], &voice(6, HZ, 5));
    assert!((Dbfs::rms_of(&leak[8_000..]).0 - MODEL_LEVEL.0 + 35.0).abs() < 1.5);
}

#[test]
fn drift_makes_the_echo_later_by_parts_of_a_frame() {
    let at = [1.0, 2.0, 10.0, 20.0];
    let late = |settings: &RoomSettings, rates: [f64; 2]| {
        let echo = heard(settings, rates, &clicks(&at, 21.0, HZ));
        at.map(|at| loudest(&echo, at, rates[0]))
    };
    let settings = quiet("laptop,distortion=linear,drift_ppm=300");
    for (clicked, came) in at.into_iter().zip(late(&settings, [HZ, HZ])) {
        let (late_ms, want_ms) = (1e3 * (came - clicked), (20.0 + 1e3 * clicked * 300e-6) / 0.9997);
        assert!((late_ms - want_ms).abs() < 0.02, "{late_ms}, not {want_ms}");
    }
    // The same by clocks: the loudspeaker's frames pass at another pace.
    let settings = quiet("laptop,distortion=linear");
    for ppm in [-500.0, 500.0] {
        let echo_at = late(&settings, [HZ, HZ * (1.0 + ppm * 1e-6)]);
        for (clicked, came) in at.into_iter().zip(echo_at) {
            let want_s = clicked / (1.0 + ppm * 1e-6) + 0.02;
            assert!((came - want_s).abs() < 2e-5, "{ppm} ppm: {came}, not {want_s}");
        }
    }
}

#[test]
fn a_jump_makes_the_echo_later_from_its_time_on() {
    let settings = quiet("laptop,distortion=linear,jump_at_s=2");
    let echo = heard(&settings, [HZ, HZ], &clicks(&[1.0, 3.0], 4.0, HZ));
    let late_ms = [1.0, 3.0].map(|at| (1e3 * (loudest(&echo, at, HZ) - at)).round());
    assert_eq!(late_ms, [20.0, 84.0]);
}

#[test]
fn the_response_changes_at_its_time_without_a_click() {
    let settings = quiet("kiosk,distortion=linear,change_at_s=2");
    let echo = heard(&settings, [HZ, HZ], &clicks(&[1.0, 3.0], 4.0, HZ));
    let answer = |secs: f64| &echo[(secs * HZ) as usize..][..12_000];
    let (before, after) = (answer(1.06), answer(3.06));
    let product: f32 = before.iter().zip(after).skip(40).map(|(a, b)| a * b).sum();
    let powers = [before, after].map(|a| a.iter().skip(40).map(|x| x * x).sum::<f32>());
    assert!(product.abs() < 0.2 * (powers[0] * powers[1]).sqrt(), "the responses are alike");

    // A click is wide: there would be sound far from the only tone that is played.
    let tone: Vec<f32> =
        (0..64_000).map(|i| (TAU * 300.0 * f64::from(i) / HZ).sin() as f32).collect();
    let echo = heard(&settings, [HZ, HZ], &tone);
    let mut high = crate::audio::Biquad::highpass(0.25, 0.7);
    let mut higher = high.clone();
    let rest: Vec<f32> =
        echo.iter().map(|x| higher.next(high.next(f64::from(*x))) as f32).collect();
    let level = |sound: &[f32]| Dbfs::rms_of(sound).0;
    let changing = level(&rest[31_900..32_500]) - level(&echo[31_900..32_500]);
    assert!(changing < -80.0, "{changing} dB");
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_does_not() {
    let settings: RoomSettings = "kiosk,change_at_s=1,drift_ppm=100".parse().unwrap();
    let far = voice(2, HZ, 1);
    let hear = |seed| {
        let mut room = Room::new(&settings, HZ, HZ, Seed::new(seed));
        let mut heard = vec![0.0; far.len()];
        room.play(&far);
        room.hear(&mut heard);
        heard
    };
    assert!(hear(1) == hear(1));
    assert!(hear(1) != hear(2));
}

#[test]
fn no_cut_of_the_sound_changes_a_bit() {
    let settings: RoomSettings =
        "speakerphone,change_at_s=0.7,jump_at_s=1.1,drift_ppm=250".parse().unwrap();
    let rates = [48e3 * 1.0001, 44.1e3];
    let far = voice(2, 44.1e3, 1);
    let whole = heard(&settings, rates, &far);
    let mut room = Room::new(&settings, rates[0], rates[1], Seed::new(7));
    let mut sizes = Seed::new(9);
    let (mut pieces, mut played) = (vec![0.0; whole.len()], 0);
    let mut done = 0;
    while done < pieces.len() {
        let end = (done + 1 + sizes.below(1_500) as usize).min(pieces.len());
        // As far ahead as it happens to be.
        let needed = (end as f64 / rates[0] * rates[1]) as usize + 1 + sizes.below(3_000) as usize;
        let until = needed.clamp(played, far.len());
        room.play(&far[played..until]);
        room.hear(&mut pieces[done..end]);
        (done, played) = (end, until);
    }
    assert!(pieces == whole);
}

#[test]
fn a_recording_is_the_near_voice_and_the_room_to_the_bit() {
    let settings: RoomSettings = "laptop,echo_db=6".parse().unwrap();
    let wire = |sound: Vec<f32>| -> Vec<i16> {
        sound.into_iter().map(crate::audio::convert::to_wire).collect()
    };
    let (far, near) = (wire(voice(2, HZ, 1)), wire(voice(1, HZ, 2)));
    let record = |near: &[i16]| microphone(&settings, Rate::UPLINK, &far, near, Seed::new(3));
    let (both, room) = (record(&near), record(&[]));
    assert_eq!(both.len(), far.len());
    let near = near.iter().copied().chain(std::iter::repeat(0));
    assert!(both.iter().zip(&room).zip(near).all(|((both, room), near)| both - room == near));
}
