//! One list, three renderings.

use super::*;
use crate::audio::histogram::Histogram;

fn times(nanos: &[u64]) -> Snapshot {
    let histogram = Histogram::new();
    for nanos in nanos {
        histogram.record(Nanos(*nanos));
    }
    histogram.snapshot()
}

fn figures() -> Figures {
    let mut list = Figures::new();
    list.add_times("wait", "from here to there", times(&[1_000_000, 3_000_000]));
    for of in ["a", "b\"\\"] {
        list.add_times_of("stage", "one stage", vec![("stage", of.to_owned())], times(&[]));
    }
    list.add_count("cuts", "how often", 3);
    list.add_frames("lost", "frames at 16 kHz", 0);
    list.add_count_of("refused", "by reason", ("reason", "late"), 1);
    list.add_count_of("refused", "by reason", ("reason", "stray"), 2);
    list.add_now("share", Unit::Ratio, "of a block", 0.25);
    list.add_now("latency", Unit::Seconds, "of the device", None);
    list.add_now("drift", Unit::Ppm, "of the clocks", -1.5);
    list
}

#[test]
fn names_end_with_their_units_and_values_are_found_by_them() {
    let figures = figures();
    assert_eq!(figures.times("wait_seconds").unwrap().count(), 2);
    assert_eq!(figures.count("lost_frames_total"), Some(0));
    assert_eq!(figures.count("refused_total"), Some(3));
    assert_eq!((figures.now("share_ratio"), figures.now("latency_seconds")), (Some(0.25), None));
    assert_eq!((figures.count("wait_seconds"), figures.count("nothing")), (None, None));
}

#[test]
fn text_has_times_in_a_table_and_counts_that_are_zero_in_one_line() {
    let expected = "\
time           p50      p90      p99  longest  times
---------  -------  -------  -------  -------  -----
wait       1.02 ms  3.00 ms  3.00 ms  3.00 ms      2
stage a          -        -        -        -      0
stage b\"\\        -        -        -        -      0

cuts 3; refused late 1; refused stray 2; share 25.0 %; latency not known; drift -1.5 ppm
1 other counts are 0
";
    assert_eq!(figures().to_text(false), expected);
    assert!(figures().to_text(true).contains("lost 0 frames; "));
}

#[test]
fn json_has_a_member_for_each_name_and_null_for_what_is_not_known() {
    let json = figures().to_json();
    let wait = &json["wait_seconds"];
    assert_eq!((wait["count"].as_u64(), wait["sum"].as_f64()), (Some(2), Some(0.004)));
    assert_eq!(wait["max"].as_f64(), Some(0.003));
    assert_eq!(json["cuts_total"], 3);
    assert_eq!(json["refused_total"][1], serde_json::json!({"reason": "stray", "value": 2}));
    assert_eq!(json["stage_seconds"][0]["stage"], "a");
    assert!(json["stage_seconds"][0]["p99"].is_null() && json["latency_seconds"].is_null());
}

#[test]
fn prometheus_gets_each_family_once_with_buckets_that_are_exact_and_never_fall() {
    let text = figures().to_prometheus();
    let families = text.lines().filter(|line| line.starts_with("# TYPE "));
    assert_eq!(families.count(), 8);
    for line in [
        "# HELP chinwag_wait_seconds from here to there",
        "# TYPE chinwag_wait_seconds histogram",
        "chinwag_wait_seconds_bucket{le=\"0.000786431\"} 0",
        "chinwag_wait_seconds_bucket{le=\"0.001048575\"} 1",
        "chinwag_wait_seconds_bucket{le=\"+Inf\"} 2",
        "chinwag_wait_seconds_sum 0.004",
        "chinwag_wait_seconds_count 2",
        "chinwag_stage_seconds_count{stage=\"b\\\"\\\\\"} 0",
        "chinwag_refused_total{reason=\"late\"} 1",
        "chinwag_latency_seconds NaN",
        "chinwag_drift_ppm -1.5",
    ] {
        assert!(text.lines().any(|l| l == line), "no {line:?} in\n{text}");
    }
    let buckets = text.lines().filter(|line| line.starts_with("chinwag_wait_seconds_bucket"));
    let counts: Vec<u64> =
        buckets.map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    assert!(counts.is_sorted() && counts.len() == 45, "{counts:?}");
}
