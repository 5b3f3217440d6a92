//! What the measurements come to, in plain words. Nothing here is said that was
//! not measured.

use super::{loopback, pipeline, table::milliseconds, turns};
use crate::measure::results::{Measurement, Results, Spread};

/// A block may take so much of the time that it lasts: the rest is for the
/// decisions, the playback side and everybody else.
const SHARE_MAX: f64 = 0.5;

/// One sentence for each part that was measured.
pub(super) fn of(results: &Results) -> Vec<String> {
    let sentences = [of_pipeline(results), of_turns(results), of_loopback(results)];
    let verdict: Vec<_> = sentences.into_iter().flatten().collect();
    if verdict.is_empty() { vec!["nothing was measured".to_owned()] } else { verdict }
}

fn spread<'a>(results: &'a Results, part: &str, name: &str) -> Option<&'a Spread> {
    results.of(part).find(|measured| measured.name == name)?.as_spread()
}

fn number(results: &Results, part: &str, name: &str) -> Option<f64> {
    results.of(part).find(|measured| measured.name == name)?.as_number()
}

/// By the slow blocks, not by the mean: it is these that are heard.
fn of_pipeline(results: &Results) -> Option<String> {
    let share = results.measurement(pipeline::PART, pipeline::WHOLE, "share")?.as_number()?;
    let slow = |case: &str| {
        let block = results.measurement(pipeline::PART, case, "block");
        block.and_then(Measurement::as_spread).map_or(0.0, Spread::p999_or_less)
    };
    let slow_ms = slow("capture.together") + slow("playback.together");
    let whole = results.measurement(pipeline::PART, "capture.together", "block");
    let is_known = whole.and_then(Measurement::as_spread).is_some_and(|s| s.p999.is_some());
    let often = if is_known { "in 999 of 1,000 blocks" } else { "at most" };
    let words = format!(
        "the pipeline takes {share:.1} % of one core, {} of each {:.0} ms {often}",
        milliseconds(slow_ms),
        pipeline::BLOCK_MS
    );
    let judged = if slow_ms > SHARE_MAX * pipeline::BLOCK_MS {
        "too slow to be safe: choose cheaper stages, such as --profile pi"
    } else {
        "this machine is fast enough for this profile"
    };
    Some(format!("{words}: {judged}"))
}

fn of_turns(results: &Results) -> Option<String> {
    let end = spread(results, turns::PART, "end_of_turn")?;
    let cut = spread(results, turns::PART, "barge_in").map_or_else(String::new, |cut| {
        format!(", and the model is cut {} after you interrupt it", milliseconds(cut.p50))
    });
    let words = format!("your turn ends {} after your last sound{cut}", milliseconds(end.p50));
    let odd = ["cut_pauses", "missed_ends", "missed_cuts", "false_cuts"];
    let wrong = odd.iter().filter_map(|name| number(results, turns::PART, name)).sum::<f64>();
    let judged = match wrong as u32 {
        0 => "nothing was misunderstood".to_owned(),
        1 => "1 thing was misunderstood, see above".to_owned(),
        many => format!("{many} things were misunderstood, see above"),
    };
    Some(format!("{words}: {judged}"))
}

fn of_loopback(results: &Results) -> Option<String> {
    let trip = spread(results, loopback::PART, "round_trip")?;
    let of = |name| number(results, loopback::PART, name).unwrap_or_default();
    let broken = of("missed") + of("lost_frames") + of("underruns");
    let drift = number(results, loopback::PART, "drift");
    let drift = drift
        .map_or_else(String::new, |ppm| format!(", clocks {:+.0} ppm apart", ppm.round() + 0.0));
    let judged = if broken > 0.0 {
        "sound was lost on the way, see above"
    } else if of("jitter") > 1.0 {
        "it moves by more than a millisecond: close what keeps the machine busy and try again"
    } else {
        "it is steady"
    };
    Some(format!(
        "the round trip takes {:.1} ms ± {:.1}{drift}: {judged}",
        trip.p50,
        of("jitter").max(0.1)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::results::{Machine, Unit};

    fn results(measurements: Vec<Measurement>) -> Results {
        let new = Results::new(String::new(), String::new(), Machine::default());
        Results { measurements, ..new }
    }

    fn ms(part: &str, case: &str, name: &str, value: f64) -> Measurement {
        let spread = Spread::of_values(vec![value; 1_000]).unwrap();
        Measurement::spread([part, case, name, name], Unit::Ms, spread)
    }

    fn count(part: &str, name: &str, value: f64) -> Measurement {
        Measurement::number([part, "x", name, name], Unit::Count, value)
    }

    #[test]
    fn a_pipeline_is_judged_by_its_slow_blocks() {
        let share =
            Measurement::number(["pipeline", "whole profile", "share", ""], Unit::Percent, 7.0);
        let of = |slow_ms| {
            let block = ms("pipeline", "capture.together", "block", slow_ms);
            super::of(&results(vec![share.clone(), block])).remove(0)
        };
        assert!(of(0.7).ends_with("fast enough for this profile"), "{}", of(0.7));
        assert!(
            of(0.7).starts_with("the pipeline takes 7.0 % of one core, 0.70 ms of each 10 ms in")
        );
        assert!(of(6.0).contains("too slow to be safe"), "{}", of(6.0));
    }

    #[test]
    fn turns_and_round_trips_are_judged_by_what_went_wrong() {
        let end = ms("turns", "x", "end_of_turn", 1_232.0);
        let good = of(&results(vec![end.clone(), count("turns", "cut_pauses", 0.0)]));
        assert!(good[0].ends_with("nothing was misunderstood"), "{good:?}");
        let bad = of(&results(vec![end, count("turns", "cut_pauses", 2.0)]));
        assert!(bad[0].ends_with("2 things were misunderstood, see above"), "{bad:?}");

        let trip = ms("loopback", "x", "round_trip", 65.04);
        let steady = of(&results(vec![trip.clone(), count("loopback", "jitter", 0.02)]));
        assert_eq!(steady, ["the round trip takes 65.0 ms ± 0.1: it is steady"]);
        let lost = of(&results(vec![trip, count("loopback", "missed", 1.0)]));
        assert!(lost[0].ends_with("sound was lost on the way, see above"), "{lost:?}");
    }

    #[test]
    fn of_nothing_nothing_is_said() {
        assert_eq!(of(&results(Vec::new())), ["nothing was measured"]);
    }
}
