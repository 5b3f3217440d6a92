//! The devices: a second of microphone and of a soft tone, through the same
//! callbacks as a talk.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use super::findings::Finding;
use crate::{
    audio::{Doorbell, Nanos, level::Dbfs},
    cli::{
        exit::{Exit, Failure},
        sound,
        talk::silence::{self, SILENT},
    },
    config::Plan,
    device::{Backend, Clock, DeviceError, Halves, Offer},
    duplex::{CaptureEnd, RenderEnd, capture, capture::Captured, render},
    engine::spec_of,
};

/// So long, after the streams have begun.
const LENGTH: Nanos = Nanos::from_ms(1_000);
/// Streams that have not begun by then never will.
pub(in crate::cli) const PATIENCE: Nanos = Nanos::from_secs(5);
pub(in crate::cli) const LOOK: Duration = Duration::from_millis(2);
/// The tone.
const TONE: Dbfs = Dbfs(-30.0);
const TONE_HZ: f64 = 440.0;

/// Tells what it finds of the profile's devices.
pub(super) fn examine(
    plan: &Plan,
    clock: Clock,
    tell: &mut impl FnMut(Finding) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if let Some(DeviceError(why)) = sound::passed_over(&plan.device) {
        let (found, next_step) = why.split_once("; ").unwrap_or((&why, ""));
        tell(Finding::odd("pulseaudio", found, next_step))?;
    }
    match listen(plan, clock) {
        Ok((offer, heard)) => heard.findings(plan, &offer).into_iter().try_for_each(tell),
        Err(error) => tell(Finding::bad("devices", &Failure::device(error))),
    }
}

/// What came of a second.
struct Heard {
    loudest: Option<Dbfs>,
    played_frames: usize,
    lost_frames: u64,
    underruns: u64,
    periods: [u32; 2],
}

fn listen(plan: &Plan, clock: Clock) -> Result<(Offer, Heard), DeviceError> {
    let mut backend: Box<dyn Backend> = sound::backend(&plan.device)?;
    let offer = backend.offer(&spec_of(plan))?;
    let bell = Arc::new(Doorbell::unanswered());
    let (capture_half, mut captured) =
        capture(offer.capture_rate, 0, plan.device.input_channel, bell.clone());
    let (render_half, mut played) = render(offer.render_rate, plan.playout.fade_ms, bell);
    let streams = backend.open(Halves::both(capture_half, render_half), clock)?;
    let mut tone = Tone { frame: 0, hz: f64::from(offer.render_rate.hz()) };
    let mut loudest: Option<Dbfs> = None;
    let start = clock.now();
    let mut began = None;
    while began.is_none_or(|began: Nanos| clock.now().since(began) < LENGTH)
        && (began.is_some() || clock.now().since(start) < PATIENCE)
    {
        if let Some(level) = level_of(&mut captured) {
            loudest = Some(loudest.map_or(level, |l| if level > l { level } else { l }));
        }
        tone.fill(&mut played);
        let runs = captured.gauges().callbacks.load(Relaxed) > 0
            && played.gauges().callbacks.load(Relaxed) > 0;
        began = began.or(runs.then(|| clock.now()));
        thread::sleep(LOOK);
    }
    drop(streams);
    let heard = Heard {
        loudest,
        played_frames: played.played(),
        lost_frames: captured.gauges().lost_frames.load(Relaxed),
        underruns: played.gauges().underruns.load(Relaxed),
        periods: [
            captured.gauges().period_frames_max.load(Relaxed),
            played.gauges().period_frames_max.load(Relaxed),
        ],
    };
    Ok((offer, heard))
}

/// The level of what waits; none where nothing does.
fn level_of(captured: &mut CaptureEnd) -> Option<Dbfs> {
    let mut samples = [0.0; 4_096];
    match captured.take(&mut samples) {
        Captured::Frames { frames, .. } => Some(Dbfs::rms_of(&samples[..frames])),
        _ => None,
    }
}

struct Tone {
    frame: u64,
    hz: f64,
}

impl Tone {
    /// Keeps 100 ms waiting.
    fn fill(&mut self, played: &mut RenderEnd) {
        let wanted = (self.hz / 10.0) as usize;
        while played.pending_frames() < wanted.min(played.pending_frames() + played.room()) {
            let turns = self.frame as f64 * TONE_HZ / self.hz;
            let sample = (turns * std::f64::consts::TAU).sin() as f32 * TONE.amplitude();
            played.push(&[sample]);
            self.frame += 1;
        }
    }
}

impl Heard {
    fn findings(&self, plan: &Plan, offer: &Offer) -> Vec<Finding> {
        let device = &plan.device;
        let given = format!(
            "{} at {}, {} at {}; {} frames per period asked for, at most {} and {} given",
            offer.capture_name,
            offer.capture_rate,
            offer.render_name,
            offer.render_rate,
            device.period_frames,
            self.periods[0],
            self.periods[1]
        );
        vec![Finding::ok("devices", given), self.microphone(plan, offer), self.speaker(plan)]
    }

    fn microphone(&self, plan: &Plan, offer: &Offer) -> Finding {
        let name = &plan.device.input;
        match self.loudest {
            None => dead("microphone", name),
            Some(loudest) if loudest < SILENT && name != "null" => {
                let words = silence::words(&offer.capture_name, loudest, "1 s");
                let (found, next_step) = words.split_once("; ").unwrap_or((&words, ""));
                Finding::odd("microphone", found, next_step)
            }
            Some(loudest) => {
                let lost = self.lost_frames;
                let found = format!("{name}: at most {:.0} dBFS, {lost} frames lost", loudest.0);
                Finding::ok("microphone", found)
            }
        }
    }

    fn speaker(&self, plan: &Plan) -> Finding {
        let name = &plan.device.output;
        if self.periods[1] == 0 {
            return dead("speaker", name);
        }
        let Self { played_frames, underruns, .. } = self;
        let found = format!("{name}: a tone of {played_frames} frames, ran dry {underruns} times");
        Finding::ok("speaker", found)
    }
}

pub(super) fn dead(check: &'static str, name: &str) -> Finding {
    let message = format!(
        "\"{name}\" was opened, but no callback came in {} s; choose another device, or restart the sound server",
        PATIENCE.as_secs()
    );
    Finding::bad(check, &Failure::new(Exit::Device, message))
}
