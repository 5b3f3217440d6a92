//! `loopback`: the round trip from the speaker to the microphone, through the
//! callback halves of a talk.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
};

use super::{Asked, Bench, Device};
use crate::{
    audio::{Doorbell, Nanos, Rate, convert::tame_all},
    cli::{
        doctor::sound::{LOOK, PATIENCE, Unanswered, spec_of},
        exit::{Exit, Failure},
        sound,
    },
    device::{
        Backend, Clock, Halves, Offer,
        card::{Card, Room},
    },
    duplex::{Sounding, capture, render},
    measure::{
        loopback::{APART_S, Found, Trip, bursts, examine},
        results::{Measurement, Unit},
    },
    sim::{
        replay::far::at_rate,
        room::{self, RoomSettings},
        seed::Seed,
    },
};

/// The part's name in the results.
pub(super) const PART: &str = "loopback";
/// How long it sounds, in seconds.
const SECONDS: f64 = 10.0;
/// Before that, streams settle and the far end finds its place.
const WARM_S: f64 = 2.0;
/// After it, what is still on its way comes in.
const TAIL_S: f64 = 1.2;
/// How much longer than it should take is waited for a device.
const SLACK_S: f64 = 10.0;
/// The room around the virtual card: 20 ms of air and an echo of −26 dBFS.
const ROOM: &str = "laptop";

fn sounding_s(asked: &Asked) -> f64 {
    asked.seconds.unwrap_or(SECONDS)
}

/// About.
pub(super) fn expected_s(asked: &Asked) -> f64 {
    WARM_S + sounding_s(asked) + TAIL_S + 2.0
}

/// Plays bursts of noise and finds them.
pub(super) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let mut backend: Box<dyn Backend> = match bench.asked.device {
        Some(Device::Card) => Box::new(card()?),
        Some(Device::Real) | None => sound::backend(&bench.plan.device).map_err(Failure::device)?,
    };
    let offer = backend.offer(&spec_of(bench.plan)).map_err(Failure::device)?;
    bench.remark(format!(
        "loopback: {} at {}, {} at {}; the first {WARM_S:.0} s do not count",
        offer.capture_name, offer.capture_rate, offer.render_name, offer.render_rate
    ));
    let Some(recorded) = record(bench, backend.as_mut(), &offer)? else { return Ok(()) };
    let Some(found) = recorded.examine(&offer)? else {
        return Err(Failure::new(
            Exit::Device,
            format!(
                "nothing of what \"{}\" played came back to \"{}\"; turn the speaker up, hold the \
                 microphone to it, or join them by a cable",
                offer.render_name, offer.capture_name
            ),
        ));
    };
    let case = format!("{} → {}", offer.render_name, offer.capture_name);
    bench.results.measurements.extend(measured(&case, &found, &recorded));
    Ok(())
}

/// A virtual card with a known way from the speaker to the microphone.
fn card() -> Result<Card, Failure> {
    let settings = RoomSettings::named(ROOM);
    let settings = settings.ok_or_else(|| Failure::internal("there is no such room"))?;
    Ok(Card::new("virtual card", Around(room::Room::new(&settings, 48e3, 48e3, Seed::new(1)))))
}

struct Around(room::Room);

impl Room for Around {
    fn pass(&mut self, heard: &[f32], microphone: &mut [f32]) -> bool {
        self.0.play(heard);
        self.0.hear(microphone);
        true
    }
}

/// What came in.
struct Recorded {
    far: Vec<f32>,
    microphone: Vec<f32>,
    margins: Vec<(usize, f64)>,
    sound: Vec<f32>,
    lost_frames: u64,
    underruns: u64,
}

/// A recording under way.
struct Loop {
    sounding: Sounding,
    recorded: Recorded,
    rate: Rate,
    played: usize,
    /// The frames recorded by when all was played.
    played_at: Option<usize>,
}

fn record(
    bench: &mut Bench,
    backend: &mut dyn Backend,
    offer: &Offer,
) -> Result<Option<Recorded>, Failure> {
    let clock = Clock::start();
    let bell = Arc::new(Doorbell::new(Unanswered));
    let channel = bench.plan.device.input_channel;
    let (capture_half, captured) = capture(offer.capture_rate, 0, channel, bell.clone());
    let (render_half, played) = render(offer.render_rate, bench.plan.playout.fade_ms, bell);
    let sounding = Sounding::new(captured, played).map_err(Failure::internal)?;
    let seconds = sounding_s(&bench.asked);
    let many = ((seconds / APART_S).round() as usize).max(1);
    let mut recording = Loop::new(sounding, offer, many);
    let halves = Halves::both(capture_half, render_half);
    let streams = backend.open(halves, clock).map_err(Failure::device)?;
    let start = clock.now();
    while !recording.step() && !streams.has_ended() {
        let waited_s = clock.now().since(start).as_secs();
        let all_s = WARM_S + seconds + TAIL_S;
        if !bench.goes_on(waited_s / (all_s + 1.0), "loopback: it sounds")? {
            return Ok(None);
        }
        let runs = recording.runs();
        if waited_s > if runs { all_s + SLACK_S } else { Nanos::as_secs(PATIENCE) } {
            let why = if runs { "stands still" } else { "was opened, but no callback came" };
            return Err(Failure::device(format!(
                "\"{}\" or \"{}\" {why}; choose another device, or restart the sound server",
                offer.capture_name, offer.render_name
            )));
        }
        thread::sleep(LOOK);
    }
    drop(streams);
    bench.goes_on(0.95, "loopback: looking for the bursts")?;
    Ok(Some(recording.finish()))
}

impl Loop {
    fn new(sounding: Sounding, offer: &Offer, many: usize) -> Self {
        let recorded = Recorded {
            far: Vec::new(),
            microphone: Vec::new(),
            margins: Vec::new(),
            sound: bursts(offer.render_rate, many),
            lost_frames: 0,
            underruns: 0,
        };
        Self { sounding, recorded, rate: offer.capture_rate, played: 0, played_at: None }
    }

    /// Takes what was captured and plays on; `true` when all is over.
    fn step(&mut self) -> bool {
        let recorded = &mut self.recorded;
        while let Some((microphone, far)) = self.sounding.take() {
            recorded.microphone.extend_from_slice(microphone);
            recorded.far.extend_from_slice(far);
            recorded.margins.push((recorded.far.len(), self.sounding.far_behind_s()));
        }
        let captured = recorded.far.len();
        let frames = |seconds: f64| (seconds * f64::from(self.rate.hz())) as usize;
        if captured >= frames(WARM_S) {
            self.played += self.sounding.play(&recorded.sound[self.played..]);
        }
        if self.played == recorded.sound.len() && self.sounding.is_played() {
            let played_at = *self.played_at.get_or_insert(captured);
            return captured >= played_at + frames(TAIL_S);
        }
        false
    }

    /// Whether both callbacks have come.
    fn runs(&self) -> bool {
        let (capture, render) = (self.sounding.capture(), self.sounding.render());
        [&capture.callbacks, &render.callbacks].iter().all(|count| count.load(Relaxed) > 0)
    }

    fn finish(mut self) -> Recorded {
        tame_all(&mut self.recorded.microphone);
        let capture = self.sounding.capture();
        let lost = [&capture.lost_frames, &capture.missing_frames];
        self.recorded.lost_frames = lost.iter().map(|frames| frames.load(Relaxed)).sum();
        self.recorded.underruns = self.sounding.render().underruns.load(Relaxed);
        self.recorded
    }
}

impl Recorded {
    /// None where no burst was heard.
    fn examine(&self, offer: &Offer) -> Result<Option<Found>, Failure> {
        let rate = offer.capture_rate;
        let sound =
            at_rate(self.sound.clone(), offer.render_rate, rate).map_err(Failure::device)?;
        let Self { far, microphone, margins, .. } = self;
        Ok(examine(Trip { rate, far, microphone, margins, sound: &sound }))
    }
}

fn measured(case: &str, found: &Found, recorded: &Recorded) -> Vec<Measurement> {
    let names = |name, what| [PART, case, name, what];
    let number = Measurement::number;
    let missed = found.played as u64 - found.delay_ms.count;
    let mut measured = vec![
        Measurement::spread(
            names("round_trip", "speaker's callback → microphone"),
            Unit::Ms,
            found.delay_ms.clone(),
        ),
        number(names("jitter", "the farthest burst from the median"), Unit::Ms, found.jitter_ms),
    ];
    if let Some(ppm) = found.drift_ppm {
        let what = "the microphone's clock, faster than the speaker's";
        measured.push(number(names("drift", what), Unit::Ppm, ppm));
    }
    let counts = [
        ("missed", "bursts that were not heard", missed),
        ("lost_frames", "captured frames lost", recorded.lost_frames),
        ("underruns", "times that the speaker ran dry", recorded.underruns),
    ];
    let count = |(name, what, many): (&'static str, &'static str, u64)| {
        number(names(name, what), Unit::Count, many as f64)
    };
    measured.extend(counts.map(count));
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audio::Wake, audio::convert::InputChannel};

    struct Nobody;

    impl Wake for Nobody {
        fn wake(&self) {}
    }

    /// In virtual time: callbacks of 10 ms, devices that really run at these rates,
    /// and a room that is `late_ms` long.
    fn found(hz: [f64; 2], late_ms: f64) -> Found {
        let bell = Arc::new(Doorbell::new(Nobody));
        let [near, far] = hz.map(|hz| Rate::new((hz / 100.0).round() as u32 * 100).unwrap());
        let (mut capture_half, captured) = capture(near, 0, InputChannel::Mix, bell.clone());
        let (mut render_half, played) = render(far, 6.0, bell);
        let name = || "a device".to_owned();
        let offer = Offer {
            capture_rate: near,
            render_rate: far,
            period_frames: 480,
            capture_name: name(),
            render_name: name(),
        };
        let room = format!("laptop,delay_ms={late_ms},direct_db=30,rt60_ms=10");
        let mut room = room::Room::new(&room.parse().unwrap(), hz[0], hz[1], Seed::new(5));
        let mut recording = Loop::new(Sounding::new(captured, played).unwrap(), &offer, 6);
        let mut passed = [0u64; 2];
        for block in 1..2_000u64 {
            let until = hz.map(|hz| (hz * block as f64 / 100.0) as u64);
            let at = |side: usize, frames: u64| Nanos((1e9 * frames as f64 / hz[side]) as u64);
            let mut out = vec![0.0f32; (until[1] - passed[1]) as usize];
            render_half.process(&mut out, 1, at(1, passed[1]), 0);
            room.play(&out);
            let mut heard = vec![0.0f32; (until[0] - passed[0]) as usize];
            room.hear(&mut heard);
            capture_half.process(&heard, 1, at(0, until[0]));
            passed = until;
            if recording.step() {
                return recording.finish().examine(&offer).unwrap().unwrap();
            }
        }
        panic!("it never ended");
    }

    #[test]
    fn a_known_way_is_measured_to_a_tenth_of_a_millisecond() {
        for (hz, late_ms) in [([48e3, 48e3], 20.0), ([48e3, 48e3], 137.3), ([16e3, 48e3], 61.7)] {
            let found = found(hz, late_ms);
            assert_eq!(found.delay_ms.count, 6, "{found:?}");
            assert!((found.delay_ms.p50 - late_ms).abs() < 0.1, "{late_ms}: {found:?}");
            assert!(found.jitter_ms < 0.1 && found.drift_ppm.unwrap().abs() < 5.0, "{found:?}");
        }
    }

    #[test]
    fn clocks_that_differ_are_seen() {
        let found = found([48_004.8, 48e3], 40.0);
        assert!((found.drift_ppm.unwrap() - 100.0).abs() < 10.0, "{found:?}");
        assert!((found.delay_ms.p50 - 40.0).abs() < 0.1, "{found:?}");
    }
}
