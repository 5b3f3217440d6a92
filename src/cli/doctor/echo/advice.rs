//! With which profile to talk, by what was measured of the echo.

use serde_json::{Value, json};

use super::Measured;
use crate::{
    config::{Origin, Plan},
    dialog::Duplex,
    measure::echo::Echo,
};

/// An echo so much quieter than what was played is what a headset leaks.
const LEAK_DB: f32 = 30.0;
/// An echo is controlled where so much of it is taken away, or where so little
/// over the noise is left.
const CONTROLLED_DB: f32 = 20.0;
const HIDDEN_DB: f32 = 3.0;
/// A voice's echo should not be louder than this: 6 dB over a user's voice.
const LOUDEST_DBFS: f32 = -20.0;
/// How much quieter it should at least be where the microphone clips.
const CLIPPED_DB: f32 = 6.0;
/// With more harmonics than this, no canceller that adds and multiplies can
/// follow: they grow with the level.
const DISTORTED_DB: f32 = -20.0;
/// The canceller covers 512 ms, of which a room needs some.
const LATEST_S: f64 = 0.4;
const PERIOD_FRAMES: u32 = 480;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing needs to be cancelled.
    Headset,
    /// With the echo cancelled.
    Full,
    /// With the microphone closed while the model is audible.
    Half,
}

/// The recommendation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Advice<'a> {
    pub(super) way: Way,
    pub(super) why: Vec<String>,
    /// What to write into the file; empty where the profile does as it is.
    pub(super) lines: String,
    plan: &'a Plan,
}

pub(super) fn advise<'a>(plan: &'a Plan, measured: &Measured, echo: &Echo) -> Advice<'a> {
    let found = &measured.found;
    let mut why = Vec::new();
    if echo.return_loss_db >= LEAK_DB {
        why.push(format!(
            "next to nothing of what is played reaches the microphone (return loss {:.0} dB)",
            echo.return_loss_db
        ));
        return Advice { way: Way::Headset, why, lines: String::new(), plan };
    }
    let is_late = echo.delay_s > LATEST_S;
    if is_late {
        why.push(format!(
            "the echo comes after {:.0} ms, too late to be cancelled: a Bluetooth speaker, or a long \
             queue; with a shorter one, or another speaker, look again",
            1e3 * echo.delay_s
        ));
    }
    let is_controlled = measured.left.is_some_and(|left| {
        left.enhancement_db >= CONTROLLED_DB || left.level.0 <= found.noise.0 + HIDDEN_DB
    });
    if !is_late {
        why.push(match measured.left {
            Some(left) if is_controlled => {
                format!("the echo is controlled: {:.0} dB are taken away", left.enhancement_db)
            }
            Some(left) => {
                format!("only {:.0} dB of the echo are taken away", left.enhancement_db)
            }
            None => "the microphone's rate cannot be brought to 16 kHz".to_owned(),
        });
    }
    let way = if is_controlled && !is_late { Way::Full } else { Way::Half };
    let quieter_db = quieter_db(measured, echo, way, &mut why);
    let lines = lines(plan, way, quieter_db, is_late);
    Advice { way, why, lines, plan }
}

/// How much quieter the speaker should be, in whole decibels.
fn quieter_db(measured: &Measured, echo: &Echo, way: Way, why: &mut Vec<String>) -> Option<f32> {
    let mut quieter = (echo.level.0 - LOUDEST_DBFS).ceil().max(0.0);
    if measured.found.clipped_frames > 0 {
        quieter = quieter.max(CLIPPED_DB);
        why.push("the microphone clips".to_owned());
    } else if quieter > 0.0 {
        why.push(format!("a voice comes back at {:.0} dBFS, which is loud", echo.level.0));
    }
    if way == Way::Half && echo.distortion_db.is_some_and(|db| db > DISTORTED_DB) {
        quieter = quieter.max(CLIPPED_DB);
        why.push("the speaker distorts, the louder the more".to_owned());
    }
    if quieter > 0.0 && way == Way::Half {
        why.push("quieter, it may do better: then run this again".to_owned());
    }
    (quieter > 0.0).then_some(quieter)
}

/// What differs from the plan.
fn lines(plan: &Plan, way: Way, quieter_db: Option<f32>, is_late: bool) -> String {
    let mut tables = Vec::new();
    let cancels = plan.capture.iter().any(|stage| stage.name() == "echo_cancel");
    match (way, plan.turn.duplex) {
        (Way::Full, Duplex::Half) => {
            tables
                .push("[profile.mine.turn]\nduplex = \"full\"\nbarge_in = \"local\"\n".to_owned());
        }
        (Way::Half, Duplex::Full) => {
            tables.push("[profile.mine.turn]\nduplex = \"half\"\nbarge_in = \"off\"\n".to_owned());
        }
        _ => {}
    }
    if is_late && plan.device.period_frames > PERIOD_FRAMES {
        tables.push(format!("[profile.mine.device]\nperiod_frames = {PERIOD_FRAMES}\n"));
    }
    if way == Way::Full && !cancels {
        let stages =
            ["resample\"\nrate_hz = 16000", "echo_cancel\"", "vad\"\nengine = \"earshot\""];
        let table = |stage| format!("[[profile.mine.capture]]\nstage = \"{stage}\n");
        tables.extend(stages.map(table));
    }
    if let Some(quieter_db) = quieter_db {
        let place = match plan.playback.as_slice() {
            [] => "or turn the speaker down by as much",
            _ => "after the playback stages of the profile, to be repeated here",
        };
        tables.push(format!(
            "# {place}\n[[profile.mine.playback]]\nstage = \"gain\"\ngain_db = -{quieter_db:.1}\n"
        ));
    }
    if tables.is_empty() {
        return String::new();
    }
    tables.insert(0, format!("[profile.mine]\nextends = \"{}\"\n", plan.profile));
    tables.join("\n")
}

impl Advice<'_> {
    /// The profile to talk with.
    fn profile(&self) -> &str {
        match (self.way, self.lines.is_empty()) {
            (Way::Headset, _) => "headset",
            (_, true) => &self.plan.profile,
            (_, false) => "mine",
        }
    }

    fn way_words(&self) -> &'static str {
        match self.way {
            Way::Headset => "full duplex without echo_cancel",
            Way::Full => "full duplex with echo_cancel: you can interrupt",
            Way::Half => "half duplex: the microphone is closed while the model is audible",
        }
    }

    /// For people.
    pub(super) fn words(&self) -> String {
        let (profile, way, why) = (self.profile(), self.way_words(), self.why.join("; "));
        let command = format!("    chinwag run --profile {profile}");
        if self.lines.is_empty() {
            return format!("\nrecommended: {profile} as it is, {way}\n  {why}\n\n{command}");
        }
        let place = match &self.plan.origin {
            Origin::File(file) => format!("add to {}:", file.display()),
            Origin::Shipped => format!(
                "chinwag check --explain {} > pipeline.toml, and add to it:",
                self.plan.profile
            ),
        };
        let lines = self.lines.trim_end().lines();
        let lines: Vec<_> = lines.map(|line| format!("    {line}").trim_end().to_owned()).collect();
        let lines = lines.join("\n");
        format!("\nrecommended: {way}\n  {why}\n  {place}\n\n{lines}\n\n{command}")
    }

    /// For machines.
    pub(super) fn object(&self) -> Value {
        let duplex = if self.way == Way::Half { "half" } else { "full" };
        json!({
            "event": "recommendation",
            "profile": self.profile(),
            "duplex": duplex,
            "why": self.why,
            "lines": self.lines,
        })
    }
}
