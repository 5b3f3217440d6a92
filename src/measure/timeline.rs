//! A conversation as one picture: who spoke when, and where the time went.
//!
//! [`Timeline`] is plain data. [`Timeline::to_html`] draws it as one file that
//! fetches nothing and needs no script to be read (the script adds zoom and
//! read-outs); [`Timeline::to_json`] gives the same data to programs. It knows
//! nothing of conversations: lanes of four kinds over one axis of seconds.

pub(super) mod draw;
mod lanes;

use serde::Serialize;

/// The version of the JSON that [`Timeline::to_json`] writes.
pub const VERSION: u32 = 1;

const TEMPLATE: &str = include_str!("timeline/timeline.html");

/// What is shown: a heading, facts, a table of turns and lanes over time.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Timeline {
    /// The heading.
    pub title: String,
    /// One line under the heading.
    pub subtitle: String,
    /// Where the time axis ends; what lies beyond is cut.
    pub duration_s: f64,
    /// Names and values that stand above the table.
    pub facts: Vec<(String, String)>,
    /// The rows of the table, and the bands behind the lanes.
    pub turns: Vec<TurnRow>,
    /// From top to bottom.
    pub lanes: Vec<Lane>,
}

/// One exchange: what was said, and what took how long.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TurnRow {
    /// Counted from 1.
    pub number: u32,
    /// Where its band begins.
    pub start_s: f64,
    /// Where its band ends.
    pub end_s: f64,
    /// What the user said; empty if unknown.
    pub user: String,
    /// What the model said; empty if unknown.
    pub model: String,
    /// How it ended, such as `heard whole` or `interrupted`.
    pub outcome: String,
    /// The colour of the outcome.
    pub tone: Tone,
    /// A column of the table for each name, in the order of first appearance.
    pub latencies: Vec<Latency>,
}

/// A named duration of a turn.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    /// The head of its column.
    pub name: String,
    /// In milliseconds; `None` where it did not happen.
    pub ms: Option<f64>,
}

/// One row of the picture.
#[derive(Clone, Debug, Serialize)]
pub struct Lane {
    /// What stands to its left.
    pub name: String,
    /// The colour of a waveform or series; spans and marks have their own.
    pub tone: Tone,
    /// What it shows.
    pub kind: LaneKind,
}

/// What a lane shows.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum LaneKind {
    /// Sound, as its lowest and highest sample in equal steps.
    Waveform {
        /// Lowest and highest, full scale being -1 to 1.
        peaks: Vec<(f32, f32)>,
        /// The length of a step.
        seconds_per_peak: f64,
    },
    /// A value in equal steps, drawn from 0 to the greater of 1 and its maximum.
    Series {
        /// The values; what is not finite leaves a gap.
        values: Vec<f32>,
        /// The length of a step.
        seconds_per_value: f64,
        /// Drawn as a line, if any.
        threshold: Option<f32>,
    },
    /// Stretches of time; those that overlap stand one above the other.
    Spans {
        /// In any order.
        spans: Vec<Span>,
    },
    /// Moments. Labels that occur rarely are written out. Where there are
    /// thousands, neighbours of one label are drawn as one.
    Marks {
        /// In any order.
        marks: Vec<Mark>,
    },
}

/// A stretch of time.
#[derive(Clone, Debug, Serialize)]
pub struct Span {
    /// First moment.
    pub start_s: f64,
    /// Last moment.
    pub end_s: f64,
    /// Written inside, as far as it fits.
    pub label: String,
    /// Its colour.
    pub tone: Tone,
}

/// A moment.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    /// When.
    pub at_s: f64,
    /// What happened, in a word or two.
    pub label: String,
    /// More of it, shown on hovering.
    pub detail: String,
    /// Its colour.
    pub tone: Tone,
}

/// Whose something is. Colours after Okabe and Ito (2008), which the
/// colour-blind tell apart; overlap and alert have a pattern as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Nobody's.
    #[default]
    Neutral,
    /// The user's.
    User,
    /// The model's.
    Model,
    /// Both speak.
    Overlap,
    /// Worth a look: an interruption, an error, a loss.
    Alert,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::User => "user",
            Self::Model => "model",
            Self::Overlap => "overlap",
            Self::Alert => "alert",
        }
    }
}

impl Lane {
    /// The waveform of `samples` at `rate_hz`, in steps of 10 ms.
    pub fn waveform(name: &str, tone: Tone, samples: &[f32], rate_hz: u32) -> Self {
        let step = (rate_hz as usize / 100).max(1);
        let peak = |chunk: &[f32]| {
            chunk.iter().fold((0.0_f32, 0.0_f32), |(low, high), &x| (low.min(x), high.max(x)))
        };
        let peaks = samples.chunks(step).map(peak).collect();
        let seconds_per_peak = step as f64 / f64::from(rate_hz.max(1));
        Self { name: name.to_owned(), tone, kind: LaneKind::Waveform { peaks, seconds_per_peak } }
    }

    /// A lane of values, one per `seconds_per_value`.
    pub fn series(
        name: &str,
        tone: Tone,
        values: Vec<f32>,
        seconds_per_value: f64,
        threshold: Option<f32>,
    ) -> Self {
        let kind = LaneKind::Series { values, seconds_per_value, threshold };
        Self { name: name.to_owned(), tone, kind }
    }

    /// A lane of stretches.
    pub fn spans(name: &str, spans: Vec<Span>) -> Self {
        let kind = LaneKind::Spans { spans };
        Self { name: name.to_owned(), tone: Tone::Neutral, kind }
    }

    /// A lane of moments.
    pub fn marks(name: &str, marks: Vec<Mark>) -> Self {
        let kind = LaneKind::Marks { marks };
        Self { name: name.to_owned(), tone: Tone::Neutral, kind }
    }
}

impl Timeline {
    /// One self-contained HTML file. Every text is escaped: captions come from
    /// a server.
    pub fn to_html(&self) -> String {
        let picture = draw::picture(self);
        fill(TEMPLATE, |name| match name {
            "title" => draw::escape(&self.title),
            "subtitle" => draw::escape(&self.subtitle),
            "facts" => draw::facts(&self.facts),
            "turns" => draw::turn_table(&self.turns),
            "names" => picture.names.clone(),
            "plot" => picture.plot.clone(),
            _ => String::new(),
        })
    }

    /// The same data as JSON, with its `version`.
    pub fn to_json(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.insert("version".to_owned(), VERSION.into());
        }
        value
    }
}

/// Replaces each `{{name}}` of the template once, so that nothing inserted is
/// looked at again.
fn fill(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            rest = after;
            break;
        };
        out.push_str(&value(name));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;
