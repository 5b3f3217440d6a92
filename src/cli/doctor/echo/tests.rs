//! The whole of it in virtual time: callbacks, a simulated room, the canceller
//! and the recommendation.

use std::sync::Arc;

use super::{advice::Way, record::Recording, *};
use crate::{
    audio::{Doorbell, Nanos, Wake, convert::InputChannel},
    config::{ConfigFile, Origin},
    device::Offer,
    duplex::{Sounding, capture, render},
    sim::{room::Room, seed::Seed},
};

struct Nobody;

impl Wake for Nobody {
    fn wake(&self) {}
}

fn plan(profile: &str) -> Plan {
    ConfigFile::shipped(&Registry::shipped()).plan(Some(profile), &[]).unwrap()
}

/// Records in that room with devices that really run at these rates, by 10 ms,
/// what is captured times `gain`.
fn recorded(settings: &str, hz: [f64; 2], gain: f32) -> Recorded {
    let bell = Arc::new(Doorbell::new(Nobody));
    // What they are called: crystals are off by less than 1,000 ppm.
    let [near, far] = hz.map(|hz| Rate::new((hz / 100.0).round() as u32 * 100).unwrap());
    let (mut capture_half, captured) = capture(near, 0, InputChannel::Mix, bell.clone());
    let (mut render_half, played) = render(far, 6.0, bell);
    let offer = Offer {
        capture_rate: near,
        render_rate: far,
        period_frames: 480,
        capture_name: "microphone".to_owned(),
        render_name: "speaker".to_owned(),
    };
    let mut room = Room::new(&settings.parse().unwrap(), hz[0], hz[1], Seed::new(5));
    let mut recording = Recording::new(Sounding::new(captured, played).unwrap(), &offer);
    let mut passed = [0u64; 2];
    for block in 1..2_000u64 {
        let until = hz.map(|hz| (hz * block as f64 / 100.0) as u64);
        // Each callback comes when its frames are full, or empty.
        let at = |side: usize, frames: u64| Nanos((1e9 * frames as f64 / hz[side]) as u64);
        let mut out = vec![0.0f32; (until[1] - passed[1]) as usize];
        render_half.process(&mut out, 1, at(1, passed[1]), 0);
        room.play(&out);
        let mut heard = vec![0.0f32; (until[0] - passed[0]) as usize];
        room.hear(&mut heard);
        for sample in &mut heard {
            *sample = (*sample * gain).clamp(-1.0, 1.0);
        }
        capture_half.process(&heard, 1, at(0, until[0]));
        passed = until;
        if recording.step() {
            return recording.finish(offer);
        }
    }
    panic!("it never ended");
}

fn advice_for(profile: &str, settings: &str, gain: f32) -> (Way, String, Measured) {
    let plan = plan(profile);
    let recorded = recorded(settings, [48e3, 48e3], gain);
    let measured = measured(&plan, &recorded).unwrap();
    let echo = measured.found.echo.clone().unwrap();
    let advice = advise(&plan, &measured, &echo);
    (advice.way, advice.lines, measured)
}

#[test]
fn a_laptops_echo_is_controlled_and_speakers_does_as_it_is() {
    let (way, lines, measured) = advice_for("speakers", "laptop", 1.0);
    let echo = measured.found.echo.unwrap();
    assert_eq!((way, lines.as_str()), (Way::Full, ""));
    // 20 ms in the room; the callback gives its frames as the period begins.
    assert!((1e3 * echo.delay_s + measured.margin_ms - 20.0).abs() < 1.0, "{echo:?}");
    assert!(measured.left.unwrap().enhancement_db > 20.0, "{:?}", measured.left);
}

#[test]
fn clocks_that_differ_are_measured_through_the_whole_path() {
    let found = measured(&plan("speakers"), &recorded("laptop", [48_004.8, 48e3], 1.0)).unwrap();
    let echo = found.found.echo.unwrap();
    assert!((echo.drift_ppm.unwrap() - 100.0).abs() < 20.0, "{echo:?}");
}

#[test]
fn a_leak_is_a_headset_and_what_clips_is_to_be_quieter() {
    let (way, lines, _) = advice_for("speakers", "headset", 1.0);
    assert_eq!((way, lines.as_str()), (Way::Headset, ""));
    let (_, lines, measured) = advice_for("speakers", "kiosk,echo_db=12", 8.0);
    assert!(measured.found.clipped_frames > 0);
    assert!(lines.contains("gain_db = -"), "{lines}");
}

#[test]
fn every_recommendation_is_a_profile_once_it_is_pasted() {
    let mut measured = advice_for("speakers", "laptop", 1.0).2;
    let registry = Registry::shipped();
    for profile in ["speakers", "headset", "half-duplex", "pi"] {
        for (enhancement_db, delay_s, clipped) in
            [(30.0, 0.02, 0), (30.0, 0.02, 9), (5.0, 0.02, 0), (5.0, 0.02, 9), (30.0, 0.45, 0)]
        {
            let plan = plan(profile);
            let level = Dbfs(-40.0);
            measured.left = Some(Left { enhancement_db, level });
            measured.found.clipped_frames = clipped;
            let mut echo = measured.found.echo.clone().unwrap();
            echo.delay_s = delay_s;
            let advice = advise(&plan, &measured, &echo);
            let full = enhancement_db > 20.0 && delay_s < 0.4;
            assert_eq!(advice.way == Way::Full, full, "{advice:?}");
            if advice.lines.is_empty() {
                continue;
            }
            let text = format!("{}\n{}", crate::config::explain(&plan), advice.lines);
            let file = ConfigFile::parse(Origin::Shipped, &text, &registry);
            let pasted = file.plan(Some("mine"), &[]).expect(&text);
            let is_full = pasted.turn.duplex == crate::dialog::Duplex::Full;
            assert_eq!(is_full, full, "{text}");
            let cancels = pasted.capture.iter().any(|stage| stage.name() == "echo_cancel");
            assert!(cancels || !full, "{text}");
        }
    }
}

#[test]
fn a_microphone_that_hears_nothing_has_nothing_to_be_measured() {
    let found = measured(&plan("speakers"), &recorded("laptop", [48e3, 48e3], 0.0)).unwrap();
    assert!(found.found.echo.is_none() && found.found.loudest < SILENT && found.left.is_none());
}
