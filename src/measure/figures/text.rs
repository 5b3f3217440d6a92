//! Figures for people.

use super::{Figure, Figures, Unit, Value};
use crate::{
    audio::Nanos,
    measure::report::{Table, ms},
};

/// The longest line of counts, in characters.
const WIDTH: usize = 100;

impl Figures {
    /// The times as a table, then all else in a few lines. Of counts that are zero
    /// only their number is told, unless it is to be the `whole` list.
    pub fn to_text(&self, whole: bool) -> String {
        let mut times = Table::new(["time", "p50", "p90", "p99", "longest", "times"]);
        let mut others = Vec::new();
        let mut zero = 0;
        for figure in self.iter() {
            match &figure.value {
                Value::Times(of) => {
                    let of_ms = |nanos: Option<Nanos>| ms(nanos.map(Nanos::as_ms));
                    let longest = (of.count() > 0).then_some(of.max());
                    times.row([
                        title(figure),
                        of_ms(of.p50()),
                        of_ms(of.quantile(0.9)),
                        of_ms(of.p99()),
                        of_ms(longest),
                        of.count().to_string(),
                    ]);
                }
                Value::Count(0) if !whole => zero += 1,
                _ => others.push(format!("{} {}", title(figure), words(figure))),
            }
        }
        if zero > 0 {
            others.push(format!("{zero} other counts are 0"));
        }
        let mut out = if times.is_empty() { String::new() } else { times.to_string() + "\n" };
        let mut line = String::new();
        for other in others {
            if !line.is_empty() && line.len() + 2 + other.len() > WIDTH {
                out += &std::mem::take(&mut line);
                out.push('\n');
            }
            line += if line.is_empty() { "" } else { "; " };
            line += &other;
        }
        out + &line + "\n"
    }
}

/// `stage capture 2 vad` for `stage_seconds` with those labels.
fn title(figure: &Figure) -> String {
    let name = figure.name.strip_suffix("_total").unwrap_or(&figure.name);
    let name = name.strip_suffix(figure.unit.suffix()).unwrap_or(name).replace('_', " ");
    let labels = figure.labels.iter().map(|(_, of)| of.clone());
    [name].into_iter().chain(labels).collect::<Vec<_>>().join(" ")
}

fn words(figure: &Figure) -> String {
    let number = match &figure.value {
        Value::Count(count) => count.to_string(),
        Value::Now(None) => return "not known".to_owned(),
        Value::Now(Some(now)) => match figure.unit {
            Unit::Seconds => return ms(now * 1e3),
            Unit::Ratio => return format!("{:.1} %", now * 1e2),
            Unit::Ppm => format!("{now:+.1}"),
            Unit::Frames | Unit::Things => format!("{now}"),
        },
        Value::Times(_) => String::new(),
    };
    match figure.unit {
        Unit::Frames => format!("{number} frames"),
        Unit::Ppm => format!("{number} ppm"),
        _ => number,
    }
}
