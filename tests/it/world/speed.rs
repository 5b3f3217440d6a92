//! How much faster than the clock a world runs: printed, never asserted.

use std::time::Instant;

use super::*;

fn ratio(mut settings: WorldSettings) -> f64 {
    settings.record_sound = false;
    let rate = settings.microphone.rate;
    settings.script.clear();
    for turn in 0..10 {
        let cue = if turn == 0 {
            Cue::At(Nanos::from_ms(500))
        } else {
            Cue::AfterReply(Nanos::from_ms(500))
        };
        let sound = babble(rate, Nanos::from_ms(1_500), turn);
        settings.script.push(Utterance::new(cue, sound));
    }
    let mut world = World::new(settings).unwrap();
    let begun = Instant::now();
    world.run_until(Nanos::from_secs(60));
    world.finish();
    assert!(world.service().unwrap().heard().turns_completed >= 8);
    60.0 / begun.elapsed().as_secs_f64()
}

#[test]
fn a_world_tells_how_fast_it_runs() {
    let mut cheap = one_turn("client", "full", 2_500);
    cheap.microphone = ClockSettings::exact(Rate::UPLINK, 160);
    cheap.speaker = ClockSettings::exact(Rate::DOWNLINK, 240);
    println!("16 kHz, energy: {:.0} x real time", ratio(cheap));
    let mut neural = one_turn("client", "full", 2_500);
    neural.plan = plan("client", "full", &["capture.vad.engine=earshot"]);
    println!("48 kHz, earshot: {:.0} x real time", ratio(neural));
    let mut room = one_turn("client", "half", 2_500);
    room.plan = plan("client", "half", &["capture.vad.engine=earshot"]);
    room.room = RoomSettings::named("kiosk");
    println!("48 kHz, earshot, a room of 0.55 s: {:.0} x real time", ratio(room));
}
