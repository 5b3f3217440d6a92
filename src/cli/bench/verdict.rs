//! What the measurements come to, in plain words. Nothing here is said that was
//! not measured.

use super::{engine, loopback, pipeline, table::milliseconds, turns};
use crate::measure::results::{Results, Spread};

/// A block may take so much of the time that it lasts: the rest is for the
/// decisions, the playback side and everybody else.
const SHARE_MAX: f64 = 0.5;

/// One sentence for each part that was measured.
pub(super) fn of(results: &Results) -> Vec<String> {
    let sentences =
        [of_engine(results), of_pipeline(results), of_turns(results), of_loopback(results)];
    let verdict: Vec<_> = sentences.into_iter().flatten().collect();
    if verdict.is_empty() { vec!["nothing was measured".to_owned()] } else { verdict }
}

pub(super) fn spread<'a>(results: &'a Results, part: &str, name: &str) -> Option<&'a Spread> {
    results.of(part).find(|measured| measured.name == name)?.as_spread()
}

fn number(results: &Results, part: &str, name: &str) -> Option<f64> {
    results.of(part).find(|measured| measured.name == name)?.as_number()
}

/// What one talk says of the period that it had.
struct Judged {
    period_ms: f64,
    is_busy: bool,
    is_own: bool,
    /// What speaks against that period; none where it is fine.
    against: Option<String>,
}

/// A period is fine where nothing was lost, blocks leave half of their time, and the
/// worker wakes within half of a period.
fn judge(results: &Results, part: &str, case: &str) -> Option<Judged> {
    let number = |name: &str| results.measurement(part, case, name)?.as_number();
    let spread = |name: &str| results.measurement(part, case, name)?.as_spread();
    let period_ms = number("period")?;
    let block_ms = spread("worker_block").map_or(0.0, Spread::p999_or_less);
    let wake_ms = spread("wake_up").map_or(0.0, Spread::p99_or_max);
    let (xruns, lost) = (number("xruns")?, number("lost_frames")?);
    let against = if xruns > 0.0 {
        Some(format!("sound broke up {xruns:.0} times"))
    } else if lost > 0.0 {
        Some(format!("{lost:.0} frames were lost"))
    } else if block_ms > SHARE_MAX * pipeline::BLOCK_MS {
        Some(format!("the worker took {} of a block", milliseconds(block_ms)))
    } else if wake_ms > period_ms / 2.0 {
        Some(format!("the worker woke {} late", milliseconds(wake_ms)))
    } else {
        None
    };
    let is_busy = number("loaded")? > 0.0;
    Some(Judged { period_ms, is_busy, is_own: part == engine::PART, against })
}

/// The shortest period that is fine, as is every longer one that was tried.
fn shortest(judged: &[Judged], is_busy: bool) -> Option<f64> {
    let of_load = || judged.iter().filter(|one| one.is_busy == is_busy);
    let worst = of_load().filter(|one| one.against.is_some()).map(|one| one.period_ms);
    let worst = worst.fold(0.0, f64::max);
    let fine = of_load().filter(|one| one.against.is_none() && one.period_ms > worst);
    fine.map(|one| one.period_ms).min_by(f64::total_cmp)
}

fn of_engine(results: &Results) -> Option<String> {
    let of = |part: &'static str| {
        let cases = results.cases(part);
        cases.into_iter().filter_map(|case| judge(results, part, case)).collect::<Vec<_>>()
    };
    let judged: Vec<_> = of(engine::PART).into_iter().chain(of(engine::SWEEP)).collect();
    let wire = spread(results, engine::PART, "capture_to_wire");
    let wire = wire.map_or_else(String::new, |wire| {
        let which = if wire.p99.is_some() { "p99" } else { "at most" };
        format!("capture → wire {which} {}: ", milliseconds(wire.p99_or_max()))
    });
    let tried = |is_busy| judged.iter().any(|one| one.is_busy == is_busy);
    let words = |is_busy| match shortest(&judged, is_busy) {
        Some(ms) => Some(format!("fine for {ms} ms periods")),
        None if tried(is_busy) => Some("not fine for any period that was tried".to_owned()),
        None => None,
    };
    let verdict = match (words(false), words(true)) {
        (None, None) => return None,
        (Some(idle), None) => format!("this machine is {idle}"),
        (None, Some(busy)) => format!("with every core loaded, this machine is {busy}"),
        (Some(idle), Some(busy)) if idle == busy => {
            format!("this machine is {idle}, also with every core loaded")
        }
        (Some(idle), Some(busy)) => {
            format!("this machine is {idle}, and with every core loaded {busy}")
        }
    };
    let against = judged.iter().find(|one| one.is_own && one.against.is_some());
    let why = against.and_then(|one| Some((one, one.against.as_ref()?)));
    let why = why.map_or_else(String::new, |(one, why)| {
        let load = if one.is_busy { ", loaded" } else { "" };
        format!(" (at {} ms{load}: {why})", one.period_ms)
    });
    Some(format!("{wire}{verdict}{why}"))
}

/// By the median: this runs at ordinary priority, and what a slow block takes more is
/// mostly what others took away. Of the worker, which has priority, `engine` tells.
fn of_pipeline(results: &Results) -> Option<String> {
    let share = results.measurement(pipeline::PART, pipeline::WHOLE, "share")?.as_number()?;
    let both = |of: fn(&Spread) -> f64| {
        let chains = ["capture.together", "playback.together"].into_iter();
        let block = |case| results.measurement(pipeline::PART, case, "block")?.as_spread();
        chains.filter_map(block).map(of).sum::<f64>()
    };
    let (p50, slow) = (both(|block| block.p50), both(Spread::p99_or_max));
    let words = format!(
        "the pipeline takes {share:.1} % of one core, {} of each {:.0} ms",
        milliseconds(p50),
        pipeline::BLOCK_MS
    );
    let most = SHARE_MAX * pipeline::BLOCK_MS;
    let judged = if p50 > most {
        "too slow to be safe: choose cheaper stages, such as --profile pi".to_owned()
    } else if slow > most {
        format!(
            "fast enough, but other programs held it up, for {} in one block of 100: run this again \
             when the machine is quiet",
            milliseconds(slow)
        )
    } else {
        "this machine is fast enough for this profile".to_owned()
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
    use crate::measure::results::{Machine, Measurement, Unit};

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
    fn a_pipeline_is_judged_by_its_median_and_what_held_it_up_is_told() {
        let share =
            Measurement::number(["pipeline", "whole profile", "share", ""], Unit::Percent, 7.0);
        let of = |slow_ms| {
            let block = ms("pipeline", "capture.together", "block", slow_ms);
            super::of(&results(vec![share.clone(), block])).remove(0)
        };
        assert!(of(0.7).ends_with("fast enough for this profile"), "{}", of(0.7));
        assert!(
            of(0.7).starts_with("the pipeline takes 7.0 % of one core, 0.70 ms of each 10 ms: ")
        );
        assert!(of(6.0).contains("too slow to be safe"), "{}", of(6.0));
        let values = (0..200).map(|n| if n < 195 { 0.1 } else { 9.0 }).collect();
        let names = ["pipeline", "capture.together", "block", "block"];
        let block = Measurement::spread(names, Unit::Ms, Spread::of_values(values).unwrap());
        let held_up = super::of(&results(vec![share.clone(), block])).remove(0);
        assert!(held_up.contains("held it up, for 9.00 ms in one block of 100"), "{held_up}");
    }

    fn talk(period_ms: f64, loaded: f64, wake_ms: f64, xruns: f64) -> Vec<Measurement> {
        let case = format!("period {period_ms}, {loaded}");
        let part = if period_ms == 10.0 { "engine" } else { "sweep" };
        let number =
            |name, value: f64| Measurement::number([part, &case, name, name], Unit::Count, value);
        vec![
            number("period", period_ms),
            number("loaded", loaded),
            number("xruns", xruns),
            number("lost_frames", 0.0),
            ms(part, &case, "wake_up", wake_ms),
            ms(part, &case, "capture_to_wire", 0.25),
            ms(part, &case, "worker_block", 1.0),
        ]
    }

    #[test]
    fn a_machine_is_fine_for_the_shortest_period_that_it_keeps_and_all_longer_ones() {
        let idle = [talk(10.0, 0.0, 0.2, 0.0), talk(5.0, 0.0, 0.2, 0.0), talk(2.5, 0.0, 1.3, 0.0)];
        assert_eq!(
            of(&results(idle.concat())),
            ["capture → wire p99 0.25 ms: this machine is fine for 5 ms periods"]
        );
        let busy = [talk(10.0, 2.0, 0.2, 1.0), talk(5.0, 2.0, 0.2, 0.0), talk(20.0, 2.0, 4.0, 0.0)];
        let both = of(&results([idle.concat(), busy.concat()].concat())).remove(0);
        assert!(both.contains("5 ms periods, and with every core loaded fine for 20 ms"), "{both}");
        assert!(both.ends_with("(at 10 ms, loaded: sound broke up 1 times)"), "{both}");
        let same = of(&results([idle[0].clone(), talk(10.0, 2.0, 0.2, 0.0)].concat())).remove(0);
        assert!(same.ends_with("for 10 ms periods, also with every core loaded"), "{same}");
        let none = of(&results(talk(10.0, 0.0, 6.0, 0.0))).remove(0);
        assert!(none.contains("not fine for any period that was tried (at 10 ms: "), "{none}");
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
