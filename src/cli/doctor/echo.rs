//! `--echo`: how the echo of the speaker reaches the microphone, what
//! `echo_cancel` leaves of it, and with which profile to talk therefore.

mod advice;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use self::advice::advise;
use super::{
    findings::{Finding, Verdict},
    sound::dead,
};
use crate::{
    audio::{Block, Dbfs, FrameTime, Nanos, NoStopwatch, Notes, Rate},
    cli::{
        exit::{Exit, Failure},
        sound,
        talk::{
            silence::{self, SILENT},
            teller::Teller,
        },
        test_signal::{Recorded, Stopped, TestSignal, record},
    },
    config::{Plan, PlannedStage},
    device::{Clock, Offer},
    engine::spec_of,
    measure::echo::{Band, Echo, Findings, Left, Pair, VOICE_S, examine as measure, left, signal},
    pipeline::{Chain, Format, Registry, Values},
    sim::{babble::babble, replay::far::at_rate},
};

/// Quiet before the sound: the noise is heard, and the far end finds its place.
const QUIET_S: f64 = 2.5;
/// After the sound, for devices that have some of it still.
const TAIL_S: f64 = 0.7;
/// What the canceller covers, in milliseconds.
const COVERED_MS: f64 = 512.0;
/// Noise over which figures are not to be trusted.
const LOUD_ROOM: Dbfs = Dbfs(-40.0);
/// An echo path that moves faster than this by the far end is not steady, in
/// parts per million.
const UNSTEADY_PPM: f64 = 100.0;

/// All that was measured.
struct Measured {
    found: Findings,
    /// How much later than its callback the far end is, in milliseconds.
    margin_ms: f64,
    left: Option<Left>,
}

/// Plays, listens, tells what it finds and recommends.
///
/// # Errors
/// Nobody reads any more.
pub(super) fn examine(plan: &Plan, clock: Clock, teller: &mut Teller) -> Result<Exit, Failure> {
    let mut told = Told { teller, exit: Exit::Ok };
    told.tell(&Finding::ok("profile", format!("{} ({})", plan.profile, plan.origin)))?;
    match play(plan, clock, &mut told) {
        Err(Stopped::Device(error)) => {
            told.tell(&Finding::bad("devices", &Failure::device(error)))?;
        }
        Err(Stopped::Told(failure)) => return Err(failure),
        Ok(Some(recorded)) => findings(plan, recorded, &mut told)?,
        Ok(None) => {}
    }
    let exit = told.exit;
    told.teller.emit(json!({
        "event": "doctor", "works": exit == Exit::Ok, "exit": exit.code()
    }))?;
    Ok(exit)
}

/// Says what will be used and how long it takes, plays and records.
fn play(plan: &Plan, clock: Clock, told: &mut Told) -> Result<Option<Recorded>, Stopped> {
    let mut backend = sound::backend(&plan.device)?;
    let offer = backend.offer(&spec_of(plan))?;
    let signal = test_signal(&offer);
    announce(&offer, signal.secs(&offer), told).map_err(Stopped::Told)?;
    record(plan, backend.as_mut(), clock, offer, signal, |_| Ok(true))
}

fn announce(offer: &Offer, secs: f64, told: &mut Told) -> Result<(), Failure> {
    let devices = format!(
        "{} at {}, {} at {}",
        offer.capture_name, offer.capture_rate, offer.render_name, offer.render_rate
    );
    told.tell(&Finding::ok("devices", devices))?;
    told.teller.say(&format!(
        "\nfor {secs:.0} s please be quiet, with the volume as in a talk: after {QUIET_S} s it plays \
         a rising tone, a voice-like sound, and the tone again\n"
    ))
}

fn test_signal(offer: &Offer) -> TestSignal {
    let band = Band::between(offer.capture_rate, offer.render_rate);
    let voice = babble(offer.render_rate, Nanos((1e9 * VOICE_S) as u64), 1);
    let sound = signal(offer.render_rate, band, &voice);
    TestSignal { sound, before_s: QUIET_S, after_s: TAIL_S }
}

/// Whom findings are told to, and what they come to.
struct Told<'a> {
    teller: &'a mut Teller,
    exit: Exit,
}

impl Told<'_> {
    fn tell(&mut self, finding: &Finding) -> Result<(), Failure> {
        if finding.verdict == Verdict::Bad && self.exit == Exit::Ok {
            self.exit = finding.exit;
        }
        self.teller.say(&finding.line())?;
        self.teller.emit(finding.object())
    }
}

fn findings(plan: &Plan, recorded: Recorded, told: &mut Told) -> Result<(), Failure> {
    let device = &plan.device;
    let [hears, plays] = recorded.runs;
    let Some(measured) = measured(plan, &recorded).filter(|_| hears && plays) else {
        let (check, name) =
            if hears { ("speaker", &device.output) } else { ("microphone", &device.input) };
        return told.tell(&dead(check, name));
    };
    let found = &measured.found;
    if found.loudest < SILENT {
        let words = silence::words(&recorded.offer.capture_name, found.loudest, "the whole time");
        return told.tell(&Finding::bad("microphone", &Failure::new(Exit::Device, words)));
    }
    told.tell(&microphone(found))?;
    let Some(echo) = &found.echo else {
        return told.tell(&Finding::bad("echo", &unheard(&recorded.offer.render_name)));
    };
    for row in rows(&measured, echo, &recorded) {
        told.tell(&row)?;
    }
    told.teller.emit(object(&measured, echo, &recorded))?;
    let advice = advise(plan, &measured, echo);
    told.teller.say(&advice.words())?;
    told.teller.emit(advice.object())
}

fn measured(plan: &Plan, recorded: &Recorded) -> Option<Measured> {
    let rate = recorded.offer.capture_rate;
    let band = Band::between(rate, recorded.offer.render_rate);
    let pair = Pair { rate, far: &recorded.far, microphone: &recorded.microphone };
    let found = measure(pair, band)?;
    let left = found.echo.as_ref().and_then(|echo| cancelled(plan, pair, echo));
    Some(Measured { found, margin_ms: recorded.margin_ms, left })
}

/// The recording through the profile's canceller, or the usual one.
fn cancelled(plan: &Plan, pair: Pair, echo: &Echo) -> Option<Left> {
    let at_16_khz = |signal: &[f32]| at_rate(signal.to_vec(), pair.rate, Rate::UPLINK).ok();
    let (far, microphone) = (at_16_khz(pair.far)?, at_16_khz(pair.microphone)?);
    let usual = || {
        let entry = Registry::shipped().get("echo_cancel")?;
        PlannedStage::new(entry, Values::defaults(entry.params)).ok()
    };
    let own = plan.capture.iter().find(|stage| stage.name() == "echo_cancel");
    let config = own.cloned().or_else(usual)?.config();
    let format = Format::of(Rate::UPLINK);
    let mut chain = Chain::prepare([("echo_cancel", config.as_ref())], format).ok()?;
    let late = Rate::UPLINK.frames_in(chain.latency()) as usize;
    let (mut block, mut notes) = (Block::new(chain.block_capacity()), Notes::default());
    let (mut cleaned, mut at) = (Vec::new(), FrameTime::start(Rate::UPLINK, 0));
    let step = format.block_frames_max;
    for (near, far) in microphone.chunks(step).zip(far.chunks(step)) {
        block.fill(near, at);
        at = at.plus(near.len() as i64);
        let frames = near.len().min(far.len());
        block.add_far()[..frames].copy_from_slice(&far[..frames]);
        chain.process(&mut block, &mut notes, &NoStopwatch);
        notes.clear();
        cleaned.extend_from_slice(block.near());
    }
    cleaned.drain(..late.min(cleaned.len()));
    Some(left(&microphone, &cleaned, Rate::UPLINK, echo))
}

fn microphone(found: &Findings) -> Finding {
    let Findings { noise, loudest, clipped_frames, .. } = found;
    let levels = format!("noise at {:.0} dBFS, at most {:.0} dBFS", noise.0, loudest.0);
    if *clipped_frames > 0 {
        let found = format!("{levels}, {clipped_frames} frames clipped");
        return Finding::odd("microphone", &found, "turn the microphone or the speaker down");
    }
    if *noise > LOUD_ROOM {
        let next = "run this again when it is quiet: figures are worth less in noise";
        return Finding::odd("microphone", &levels, next);
    }
    Finding::ok("microphone", format!("{levels}, nothing clipped"))
}

fn unheard(speaker: &str) -> Failure {
    Failure::new(
        Exit::Device,
        format!(
            "nothing of what \"{speaker}\" played came back to the microphone; unmute the speaker or \
             turn it up, or choose another with --speaker; if you heard it in a headset, all is \
             well: chinwag run --profile headset"
        ),
    )
}

fn rows(measured: &Measured, echo: &Echo, recorded: &Recorded) -> Vec<Finding> {
    let (delay_ms, whole_ms) = (1e3 * echo.delay_s, 1e3 * echo.delay_s + measured.margin_ms);
    let delay = format!(
        "{whole_ms:.1} ms from the speaker's callback to the microphone, {delay_ms:.1} of the \
         {COVERED_MS:.0} ms that are covered"
    );
    let over = echo.level.0 - measured.found.noise.0;
    let level = format!(
        "a voice comes back at {:.0} dBFS: return loss {:.1} dB, {over:.0} dB over the noise",
        echo.level.0, echo.return_loss_db
    );
    let distortion = match echo.distortion_db.zip(echo.distortion_percent()) {
        Some((db, percent)) => format!("{percent:.1} % harmonics ({db:.0} dB)"),
        None => "no harmonics over the noise".to_owned(),
    };
    let mut rows = vec![
        Finding::ok("delay", delay),
        Finding::ok("echo", level),
        Finding::ok("distortion", distortion),
        drift(echo),
    ];
    if let Some(left) = &measured.left {
        let words = "dB quieter by echo_cancel; what is left is at";
        let found = format!("{:.1} {words} {:.0} dBFS", left.enhancement_db, left.level.0);
        rows.push(Finding::ok("cancelled", found));
    }
    let Recorded { lost_frames, underruns, .. } = recorded;
    if lost_frames + underruns > 0 {
        let found = format!("{lost_frames} captured frames lost, ran dry {underruns} times");
        rows.push(Finding::odd("streams", &found, "run this again on a machine that is not busy"));
    }
    rows
}

fn drift(echo: &Echo) -> Finding {
    let Some((all, left)) = echo.drift_ppm.zip(echo.drift_left_ppm) else {
        let next = "run this again in quiet: only one of the two tones was heard";
        return Finding::odd("drift", "not known", next);
    };
    let moved_ms = short(echo.moved_ms().unwrap_or_default());
    let found = format!(
        "{:+.0} ppm between the clocks; beside the far end the echo moved by {moved_ms} ms",
        all.round() + 0.0
    );
    if left.abs() > UNSTEADY_PPM {
        let next =
            "run this again: a sound server may only have been settling, or the machine is busy";
        return Finding::odd("drift", &found, next);
    }
    Finding::ok("drift", found)
}

/// Rounded to hundredths.
fn short(value: f64) -> f64 {
    (100.0 * value).round() / 100.0
}

fn object(measured: &Measured, echo: &Echo, recorded: &Recorded) -> Value {
    let Measured { found, margin_ms, left } = measured;
    let db = |db: f32| short(f64::from(db));
    json!({
        "event": "echo",
        "delay_ms": short(1e3 * echo.delay_s + margin_ms),
        "far_end_delay_ms": short(1e3 * echo.delay_s),
        "echo_dbfs": db(echo.level.0),
        "echo_return_loss_db": db(echo.return_loss_db),
        "noise_dbfs": db(found.noise.0),
        "microphone_peak_dbfs": db(found.loudest.0),
        "clipped_frames": found.clipped_frames,
        "distortion_db": echo.distortion_db.map(db),
        "distortion_percent": echo.distortion_percent().map(db),
        "drift_ppm": echo.drift_ppm.map(short),
        "drift_left_ppm": echo.drift_left_ppm.map(short),
        "enhancement_db": left.map(|left| db(left.enhancement_db)),
        "left_dbfs": left.map(|left| db(left.level.0)),
        "lost_frames": recorded.lost_frames,
        "underruns": recorded.underruns,
    })
}
