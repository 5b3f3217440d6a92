//! What is told of a device that is lost and comes back.

use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Value, json};

use super::tell::rounded;
use crate::{
    audio::Nanos,
    device::Direction,
    duplex::{WorkerGauges, watch::Loss},
    engine::{SoundEvent, SoundTotals},
};

fn thing(side: Direction) -> &'static str {
    match side {
        Direction::Input => "microphone",
        Direction::Output => "speaker",
    }
}

/// One line for people; none for what is a detail.
pub(super) fn words(event: &SoundEvent) -> Option<String> {
    Some(match event {
        SoundEvent::Lost { side, loss: Loss::Moved } => {
            format!("the default {} is another one now: going over to it", thing(*side))
        }
        SoundEvent::Lost { side, loss } => {
            let thing = thing(*side);
            format!("the {thing} is gone ({}); looking for it again", loss.words())
        }
        SoundEvent::Refused { .. } => return None,
        SoundEvent::Back { side, name, rate, after } => {
            let (thing, after_s) = (thing(*side), after.as_secs());
            format!("the {thing} is back after {after_s:.1} s: {name} at {rate}")
        }
    })
}

/// The machine's view.
pub(super) fn object(event: &SoundEvent, at_s: f64) -> Value {
    match event {
        SoundEvent::Lost { side, loss } => {
            json!({ "event": "sound_lost", "t": at_s, "side": side.to_string(), "loss": loss.name() })
        }
        SoundEvent::Refused { side, error } => json!({
            "event": "sound_refused", "t": at_s, "side": side.to_string(), "text": error.to_string(),
        }),
        SoundEvent::Back { side, name, rate, after } => json!({
            "event": "sound_back",
            "t": at_s,
            "side": side.to_string(),
            "name": name,
            "rate_hz": rate.hz(),
            "after_s": rounded(after.as_secs()),
        }),
    }
}

/// The outages of a talk in one line; none where there was none.
pub(super) fn fact(sound: &SoundTotals, gauges: &WorkerGauges) -> Option<String> {
    let [mic, speaker] = sound.outages;
    if [mic, speaker].iter().all(|(_, without)| *without == Nanos::ZERO) {
        return None;
    }
    let side = |thing, (times, without): (u32, Nanos)| {
        format!("the {thing} was back {times} times, {:.1} s without it", without.as_secs())
    };
    let captured = gauges.swap_lost_capture_frames.load(Relaxed);
    let played = gauges.swap_lost_render_frames.load(Relaxed);
    Some(format!(
        "{}; {}; {captured} captured and {played} unplayed frames went with them",
        side("microphone", mic),
        side("speaker", speaker)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audio::Rate, device::DeviceError};

    #[test]
    fn a_loss_and_a_return_are_one_line_each_and_a_refusal_is_for_machines() {
        let lost = SoundEvent::Lost { side: Direction::Input, loss: Loss::Silent };
        let said = words(&lost).unwrap();
        assert!(said.starts_with("the microphone is gone (no sound"), "{said}");
        assert!(said.ends_with("looking for it again"), "{said}");
        let (side, name) = (Direction::Output, "USB".to_owned());
        let back =
            SoundEvent::Back { side, name, rate: Rate::UPLINK, after: Nanos::from_ms(2_149) };
        assert_eq!(words(&back).unwrap(), "the speaker is back after 2.1 s: USB at 16000 Hz");
        assert_eq!(object(&back, 7.0)["after_s"], 2.149);
        let error = DeviceError("no USB".to_owned());
        let refused = SoundEvent::Refused { side, error };
        assert_eq!((words(&refused), &object(&refused, 7.0)["text"]), (None, &json!("no USB")));
    }

    #[test]
    fn outages_are_in_the_summary_where_there_were_any() {
        let gauges = WorkerGauges::default();
        let mut totals = SoundTotals::default();
        assert_eq!(fact(&totals, &gauges), None);
        totals.outages[0] = (2, Nanos::from_ms(3_400));
        gauges.swap_lost_capture_frames.store(77, Relaxed);
        let fact = fact(&totals, &gauges).unwrap();
        assert!(
            fact.starts_with("the microphone was back 2 times, 3.4 s without it; the"),
            "{fact}"
        );
        assert!(fact.contains("77 captured and 0 unplayed"), "{fact}");
    }
}
