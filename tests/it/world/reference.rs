//! What the capture chain gets as far end stays beside its echo.

use std::sync::atomic::Ordering::Relaxed;

use super::*;
use chinwag::sim::{
    room::Loudspeaker,
    world::{DeviceLoss, HowLost, LostSides},
};

/// A long reply that is like itself at no other moment.
fn noise_reply(seconds: usize) -> Voice {
    let mut seed = Seed::new(11);
    Voice::script(vec![(0..24_000 * seconds).map(|_| seed.below(12_000) as i16 - 6_000).collect()])
}

/// How many frames the echo in `mic` is later than `far`, from frame `from` on:
/// the peak of their correlation, between two frames by a parabola.
fn echo_delay(mic: &[f32], far: &[f32], from: usize, frames_max: usize) -> f64 {
    let length = 8_192;
    let at = |lag: usize| -> f64 {
        let pairs = mic[from + lag..from + lag + length].iter().zip(&far[from..from + length]);
        pairs.map(|(mic, far)| f64::from(mic * far)).sum()
    };
    let correlation: Vec<f64> = (0..frames_max).map(at).collect();
    let best = |(lag, _): &(usize, &f64)| (1..frames_max - 1).contains(lag);
    let peak = correlation.iter().enumerate().filter(best).max_by(|a, b| a.1.total_cmp(b.1));
    let peak = peak.unwrap().0;
    let [before, top, after] = [peak - 1, peak, peak + 1].map(|lag| correlation[lag]);
    peak as f64 + 0.5 * (before - after) / (before - 2.0 * top + after)
}

/// A laptop without noise, whose callbacks jitter, and a reply of noise of so
/// many seconds.
fn beside_a_long_reply(seconds: usize) -> WorldSettings {
    let mut settings = WorldSettings::new(plan("client", "half", &[]));
    settings.microphone.jitter = Nanos::from_ms(3);
    settings.speaker.jitter = Nanos::from_ms(3);
    settings.speaker_latency = Nanos::from_ms(20);
    settings.room = Some(RoomSettings {
        loudspeaker: Loudspeaker::Linear,
        noise: None,
        ..RoomSettings::named("laptop").unwrap()
    });
    settings.noise = None;
    settings.service.voice = noise_reply(seconds);
    settings.script = vec![Utterance::new(Cue::At(Nanos::from_secs(1)), speech(1_500, 1))];
    settings
}

#[test]
fn a_speaker_whose_clock_drifts_stays_beside_its_echo_for_minutes() {
    for [mic_ppm, speaker_ppm] in [[0.0, 300.0], [80.0, -420.0]] {
        let mut settings = beside_a_long_reply(100);
        (settings.microphone.ppm, settings.speaker.ppm) = (mic_ppm, speaker_ppm);
        let mut world = World::new(settings).unwrap();
        world.run_until(Nanos::from_secs(100));
        let far_gauges = &world.gauges().far;
        let drift_ppm = f64::from(far_gauges.drift_ppb.load(Relaxed)) / 1e3;
        let true_ppm = ((1.0 + speaker_ppm * 1e-6) / (1.0 + mic_ppm * 1e-6) - 1.0) * 1e6;
        assert!((drift_ppm - true_ppm).abs() < 3.0, "{drift_ppm} of {true_ppm} ppm");
        let counted = [&far_gauges.realignments, &far_gauges.missing_frames];
        assert_eq!(counted.map(|count| count.load(Relaxed)), [0, 0]);
        let transcript = world.transcript();
        let delay = |second: usize| {
            echo_delay(&transcript.captured, &transcript.far, second * 48_000, 4_800) / 48.0
        };
        let delays: Vec<f64> = [10, 20, 40, 60, 80, 95].map(delay).to_vec();
        let settled = &delays[1..];
        let [least, most] =
            [f64::min, f64::max].map(|f| settled.iter().copied().reduce(f).unwrap());
        assert!(most - least < 0.2 && least > 10.0, "{speaker_ppm} ppm: {delays:.3?} ms");
    }
}

#[test]
fn a_device_that_was_opened_anew_has_its_echo_beside_what_it_played_again() {
    for (sides, hz) in [
        (LostSides::Both, 48_000),
        (LostSides::Microphone, 48_000),
        (LostSides::Speaker, 48_000),
        (LostSides::Speaker, 44_100),
        (LostSides::Speaker, 16_000),
    ] {
        let mut settings = beside_a_long_reply(60);
        settings.speaker.ppm = 150.0;
        let rate = Rate::new(hz);
        let lasts = Nanos::from_secs(2);
        let loss = DeviceLoss { sides, how: HowLost::Silent, lasts, rate };
        let mut world = World::new(settings).unwrap();
        world.at(Nanos::from_secs(20), move |world| world.lose_device(loss));
        world.run_until(Nanos::from_secs(50));
        world.finish();
        let transcript = world.transcript();
        let (mic, far) = (&transcript.captured, &transcript.far);
        // Before the loss they go side by side from the beginning, after it to
        // the end: all that was captured was processed.
        let begun = |second: usize| echo_delay(mic, far, second * 48_000, 4_800) / 48.0;
        let (mic_end, far_end) = (mic.len(), far.len());
        let ending = |back: usize| {
            let (mic, far) = (&mic[mic_end - back * 48_000..], &far[far_end - back * 48_000..]);
            echo_delay(mic, far, 0, 4_800) / 48.0
        };
        let before = begun(15);
        let after = [24, 15, 5, 2].map(ending);
        let what = format!("{sides:?} at {hz} Hz: {before:.3} ms before, {after:.3?} after");
        // A device at another rate is later by its converter.
        let moved = if hz == 48_000 { 0.5 } else { 5.0 };
        assert!(after.iter().all(|delay| (delay - before).abs() < moved), "{what}");
        assert!((after[1] - after[3]).abs() < 0.2 && before > 10.0, "{what}");
        assert_eq!(world.gauges().far.realignments.load(Relaxed), 0, "{what}");
    }
}
