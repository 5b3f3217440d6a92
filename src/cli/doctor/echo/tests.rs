//! The whole of it in virtual time: callbacks, a simulated room, the canceller
//! and the recommendation.

use super::{advice::Way, *};
use crate::{
    cli::test_signal::tests::record_in,
    config::{ConfigFile, Origin},
};

fn plan(profile: &str) -> Plan {
    ConfigFile::shipped(&Registry::shipped()).plan(Some(profile), &[]).unwrap()
}

fn recorded(room: &str, hz: [f64; 2], gain: f32) -> Recorded {
    record_in(room, hz, gain, test_signal)
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
