//! Tests of the timeline's HTML and JSON.

use super::*;

fn span(start_s: f64, end_s: f64, label: &str, tone: Tone) -> Span {
    Span { start_s, end_s, label: label.to_owned(), tone }
}

fn mark(at_s: f64, label: &str, tone: Tone) -> Mark {
    Mark { at_s, label: label.to_owned(), detail: format!("detail of {label}"), tone }
}

fn turn(number: u32, start_s: f64, end_s: f64) -> TurnRow {
    TurnRow {
        number,
        start_s,
        end_s,
        user: "Hello there".to_owned(),
        model: "Loud and clear".to_owned(),
        outcome: "heard whole".to_owned(),
        tone: Tone::Neutral,
        latencies: vec![
            Latency { name: "end of turn".to_owned(), ms: Some(412.0) },
            Latency { name: "silence after cut".to_owned(), ms: None },
        ],
    }
}

fn speech(seconds: f64, rate_hz: u32) -> Vec<f32> {
    let count = (seconds * f64::from(rate_hz)) as usize;
    (0..count).map(|i| (i as f32 * 0.05).sin() * (i as f32 * 0.0007).sin() * 0.4).collect()
}

fn small() -> Timeline {
    Timeline {
        title: "A conversation".to_owned(),
        subtitle: "two turns".to_owned(),
        duration_s: 10.0,
        facts: vec![("model".to_owned(), "simulator".to_owned())],
        turns: vec![turn(1, 0.0, 4.0), turn(2, 5.0, 9.0)],
        lanes: vec![
            Lane::waveform("User speech", Tone::User, &speech(10.0, 16_000), 16_000),
            Lane::series("Voice", Tone::User, vec![0.1, 0.9, f32::NAN, 0.4], 2.5, Some(0.5)),
            Lane::spans(
                "Floor",
                vec![
                    span(0.5, 2.0, "user", Tone::User),
                    span(1.5, 4.0, "model", Tone::Model),
                    span(4.0, 4.5, "both", Tone::Overlap),
                ],
            ),
            Lane::marks(
                "Messages",
                vec![mark(0.1, "setup", Tone::User), mark(3.0, "cut", Tone::Alert)],
            ),
        ],
    }
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn every_lane_turn_and_fact_is_drawn() {
    let html = small().to_html();
    assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"));
    assert!(!html.contains("{{"), "a placeholder is left");
    assert_eq!(count(&html, "<g class=\"lane "), 4);
    assert_eq!(count(&html, "<svg class=\"span "), 3);
    assert_eq!(count(&html, "<line class=\"mark "), 2);
    assert_eq!(count(&html, "<svg class=\"band\""), 2);
    assert_eq!(count(&html, "<tr data-start="), 2);
    assert_eq!(count(&html, "class=\"threshold\""), 1);
    assert!(html.contains("<dt>model</dt><dd>simulator</dd>"));
    assert!(html.contains("<th scope=\"col\" class=\"number\">end of turn</th>"));
    assert!(html.contains("412 <small>ms</small>"));
    assert!(html.contains("x=\"5.0000%\" width=\"15.0000%\" y=\"2\""), "the first span's place");
    assert!(
        html.contains("x=\"15.0000%\" width=\"25.0000%\" y=\"28\""),
        "overlap moves a row down"
    );
}

#[test]
fn the_markup_is_balanced() {
    let html = small().to_html();
    for tag in ["svg", "g", "text", "title", "div", "table", "tr", "td", "th", "section", "p", "dl"]
    {
        let opened = count(&html, &format!("<{tag} ")) + count(&html, &format!("<{tag}>"));
        assert_eq!(opened, count(&html, &format!("</{tag}>")), "{tag}");
    }
}

#[test]
fn text_from_outside_stays_text() {
    let evil = "</title></script><script>alert(1)</script>\" onload='x' {{plot}} \u{1b}[2J &amp;";
    let mut timeline = small();
    timeline.title = evil.to_owned();
    timeline.subtitle = evil.to_owned();
    timeline.facts = vec![(evil.to_owned(), evil.to_owned())];
    timeline.turns[0].user = evil.to_owned();
    timeline.turns[0].model = evil.to_owned();
    timeline.turns[0].outcome = evil.to_owned();
    timeline.turns[0].latencies[0].name = evil.to_owned();
    for lane in &mut timeline.lanes {
        lane.name = evil.to_owned();
        match &mut lane.kind {
            LaneKind::Spans { spans } => spans[0].label = evil.to_owned(),
            LaneKind::Marks { marks } => {
                marks[0].label = evil.to_owned();
                marks[0].detail = evil.to_owned();
            }
            LaneKind::Waveform { .. } | LaneKind::Series { .. } => {}
        }
    }
    let html = timeline.to_html();
    assert_eq!(count(&html, "<script>"), 1, "only the template's own");
    assert_eq!(count(&html, "</script>"), 1);
    assert!(!html.contains("onload='") && !html.contains("\" onload"));
    assert!(!html.contains('\u{1b}'));
    assert_eq!(count(&html, "<svg id=\"plot\""), 1, "inserted text is not a template");
}

#[test]
fn nothing_is_fetched_from_outside() {
    let html = small().to_html();
    for part in
        ["http:", "https:", "//cdn", "@import", "src=", "fetch(", "XMLHttpRequest", "import("]
    {
        assert!(!html.contains(part), "{part}");
    }
    assert_eq!(count(&html, "url("), count(&html, "url(#"), "only patterns of this file");
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn an_empty_timeline_is_still_a_page() {
    let html = Timeline::default().to_html();
    assert!(html.contains("<svg id=\"plot\"") && !html.contains("NaN%"));
    let lanes = vec![
        Lane::waveform("a", Tone::User, &[], 16_000),
        Lane::series("b", Tone::User, vec![], 0.0, None),
        Lane::spans("c", vec![]),
        Lane::marks("d", vec![]),
    ];
    let html = Timeline { lanes, ..Timeline::default() }.to_html();
    assert_eq!(count(&html, "<g class=\"lane "), 4);
}

#[test]
fn times_that_are_no_numbers_or_outside_are_left_out() {
    let mut timeline = small();
    timeline.lanes = vec![
        Lane::spans(
            "s",
            vec![
                span(f64::NAN, 1.0, "x", Tone::User),
                span(3.0, 2.0, "x", Tone::User),
                span(11.0, 12.0, "x", Tone::User),
                span(9.0, 12.0, "kept", Tone::User),
            ],
        ),
        Lane::marks("m", vec![mark(f64::NAN, "x", Tone::User), mark(-1.0, "x", Tone::User)]),
        Lane::waveform("w", Tone::User, &[f32::NAN; 1_000], 100),
    ];
    let html = timeline.to_html();
    assert_eq!((count(&html, "<svg class=\"span "), count(&html, "<line class=\"mark ")), (1, 0));
    assert!(!html.contains("NaN%") && !html.contains("VNaN"));
    timeline.duration_s = f64::INFINITY;
    assert!(timeline.to_html().contains("data-duration=\"0.001\""));
}

#[test]
fn sound_longer_than_the_axis_is_cut_at_its_end() {
    let mut timeline = small();
    timeline.lanes = vec![Lane::waveform("w", Tone::User, &speech(20.0, 8_000), 8_000)];
    let html = timeline.to_html();
    assert!(html.contains("width=\"100.0000%\" height=\"64\" viewBox=\"0 0 1000 200\""));
}

#[test]
fn ten_minutes_stay_under_two_megabytes() {
    let every = |step: f64, label: &str| -> Vec<Mark> {
        (0..(600.0 / step) as usize).map(|i| mark(i as f64 * step, label, Tone::User)).collect()
    };
    let spans = (0..600).map(|i| span(f64::from(i), f64::from(i) + 0.6, "talk", Tone::User));
    let timeline = Timeline {
        duration_s: 600.0,
        turns: (0..100)
            .map(|i| turn(i + 1, f64::from(i) * 6.0, f64::from(i) * 6.0 + 5.0))
            .collect(),
        lanes: vec![
            Lane::waveform("user", Tone::User, &speech(600.0, 16_000), 16_000),
            Lane::waveform("model", Tone::Model, &speech(600.0, 16_000), 16_000),
            Lane::series("voice", Tone::User, vec![0.123_456; 37_500], 0.016, Some(0.5)),
            Lane::spans("floor", spans.collect()),
            Lane::marks("sent", every(0.02, "audio")),
            Lane::marks("received", every(0.04, "part")),
        ],
        ..small()
    };
    let html = timeline.to_html();
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    assert!(html.contains("audio \u{d7} "), "neighbours are drawn as one");
}

#[test]
fn rare_labels_are_written_and_frequent_ones_are_not() {
    let mut marks: Vec<Mark> =
        (0..200).map(|i| mark(f64::from(i) * 0.04, "audio", Tone::User)).collect();
    marks.push(mark(5.0, "interrupted", Tone::Alert));
    let html = Timeline { lanes: vec![Lane::marks("m", marks)], ..small() }.to_html();
    assert_eq!((count(&html, ">interrupted</text>"), count(&html, ">audio</text>")), (1, 0));
    assert_eq!(count(&html, "<line class=\"mark "), 201);
}

#[test]
fn the_json_carries_its_version_and_all_data() {
    let json = small().to_json();
    assert_eq!(json["version"], VERSION);
    assert_eq!(json["lanes"][2]["kind"]["type"], "spans");
    assert_eq!(json["lanes"][2]["kind"]["spans"][2]["tone"], "overlap");
    assert_eq!(json["turns"][0]["latencies"][0]["ms"], 412.0);
    assert_eq!(json["lanes"][0]["kind"]["peaks"].as_array().unwrap().len(), 1_000);
}
