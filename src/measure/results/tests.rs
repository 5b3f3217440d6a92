//! Results are written, read back and compared.

use super::*;
use crate::audio::{Nanos, histogram::Histogram};

fn results(measurements: Vec<Measurement>) -> Results {
    let machine = Machine { cores: 2, system: "linux x86_64".to_owned(), ..Machine::default() };
    let new = Results::new("chinwag 0.1.0".to_owned(), "2026-11-22T00:00:00Z".to_owned(), machine);
    Results { profile: "speakers".to_owned(), measurements, ..new }
}

fn wire(values: Vec<f64>) -> Measurement {
    let names = ["engine", "period 10 ms", "capture_to_wire", "capture → wire"];
    Measurement::spread(names, Unit::Ms, Spread::of_values(values).unwrap())
}

fn xruns(many: f64) -> Measurement {
    Measurement::number(["engine", "period 10 ms", "xruns", "xruns"], Unit::Count, many)
}

#[test]
fn what_is_written_is_read_back_the_same() {
    let written = results(vec![wire(vec![0.1, 0.2]), xruns(0.0)]);
    let text = written.to_json().to_string();
    assert_eq!(Results::read(&text), Ok(written.clone()));
    let among_others = format!("{{\"v\":1,\"event\":\"progress\"}}\n{text}\n");
    assert_eq!(Results::read(&among_others), Ok(written));
}

#[test]
fn what_is_no_result_says_so() {
    for (text, told) in [
        ("", "it holds no results"),
        ("{\"event\":\"demo\"}", "it holds no results"),
        ("{\"event\":\"bench\",\"v\":7}", "its version is 7, expected 1"),
        ("{\"event\":\"bench\",\"v\":1}", "it is damaged: missing field"),
    ] {
        let error = Results::read(text).unwrap_err();
        assert!(error.contains(told), "{text}: {error}");
    }
}

#[test]
fn few_values_have_no_tail() {
    let spread = |count: u32| Spread::of_values((1..=count).map(f64::from).collect()).unwrap();
    let few = spread(99);
    assert_eq!((few.p50, few.p99, few.max, few.p99_or_max()), (50.0, None, 99.0, 99.0));
    assert_eq!((spread(100).p99, spread(100).p999), (Some(99.0), None));
    assert_eq!(spread(1_000).p999, Some(999.0));
    assert_eq!(spread(1_000).p999_or_less(), 999.0);
    assert_eq!(Spread::of_values(vec![f64::NAN]), None);
}

#[test]
fn a_histogram_keeps_its_quantiles_and_all_of_its_bars() {
    let histogram = Histogram::new();
    assert_eq!(Spread::of_durations(&histogram.snapshot()), None);
    for micros in 1..=2_000 {
        histogram.record(Nanos(1_000 * micros));
    }
    let spread = Spread::of_durations(&histogram.snapshot()).unwrap();
    assert!((1.0..1.04).contains(&spread.p50) && spread.max == 2.0, "{spread:?}");
    assert!(spread.p999.unwrap() >= spread.p99.unwrap());
    assert_eq!(spread.bars.iter().map(|bar| bar.1).sum::<u64>(), 2_000);
    let share = spread.times(10.0);
    assert_eq!((share.count, share.max), (2_000, 20.0));
}

#[test]
fn what_changed_by_more_than_noise_is_told_and_whether_it_is_better() {
    let then = results(vec![wire(vec![1.0; 100]), xruns(0.0)]);
    let now = results(vec![wire(vec![1.05; 100]), xruns(3.0)]);
    let compared = Comparison::between(&then, &now);
    assert_eq!((compared.same, compared.alone, compared.changes.len()), (2, 0, 1));
    let change = &compared.changes[0];
    assert_eq!((change.what.as_str(), change.is_better()), ("xruns", false));
    assert_eq!(change.share(), f64::INFINITY);

    let now = results(vec![wire(vec![0.5; 100])]);
    let compared = Comparison::between(&then, &now);
    assert_eq!(compared.alone, 1);
    let changes: Vec<_> = compared.changes.iter().map(|c| (c.what.as_str(), c.share())).collect();
    assert_eq!(changes, [("capture → wire p50", -0.5), ("capture → wire p99", -0.5)]);
    assert!(compared.changes[0].is_better() && compared.remarks.is_empty());
}

#[test]
fn more_of_a_speed_is_better_and_a_microsecond_is_nothing() {
    let speed = |times: f64| {
        let names = ["pipeline", "vad", "speed", "× real time"];
        results(vec![Measurement::number(names, Unit::TimesRealTime, times)])
    };
    assert!(Comparison::between(&speed(50.0), &speed(100.0)).changes[0].is_better());
    let (then, now) = (results(vec![wire(vec![0.002])]), results(vec![wire(vec![0.003])]));
    assert!(Comparison::between(&then, &now).changes.is_empty());
}

#[test]
fn what_makes_two_runs_hard_to_compare_is_said() {
    let then = results(Vec::new());
    let mut now = results(Vec::new());
    now.machine.cores = 8;
    now.machine.optimised = true;
    now.profile = "pi".to_owned();
    now.whole = false;
    let told = Comparison::between(&then, &now).remarks.join("\n");
    for words in ["another machine: then linux x86_64, 2 cores", "optimisation", "then speakers"] {
        assert!(told.contains(words), "{told}");
    }
    assert!(told.contains("stopped before its end"), "{told}");
}

#[test]
fn a_page_draws_what_is_much_and_escapes_what_devices_are_called() {
    let few = Measurement::number(["loopback", "<b>mic", "drift", "drift"], Unit::Ppm, 3.0);
    let mut of = results(vec![wire((1..=100).map(f64::from).collect()), few]);
    of.verdict.push("this & that".to_owned());
    let step = |name: &str, ms, is_measured| Step { name: name.to_owned(), ms, is_measured };
    let steps = vec![step("period", 30.0, false), step("socket", 10.0, true)];
    let html = page(&of, &[Waterfall { title: "lips → wire".to_owned(), steps }]);
    for words in [
        "<p>this &amp; that</p>",
        "&lt;b&gt;mic",
        "<dd>3.00 ppm</dd>",
        "40.0 ms together",
        "margin-left:75.00%;width:25.00%",
        "p50 50.0 ms, p99 99.0 ms, 100 times",
        "<rect ",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
    assert_eq!(html.matches("<svg").count(), 1);
}
