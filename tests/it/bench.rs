//! `chinwag bench` as a user runs it: never how long something took, only that it
//! was measured, told and judged.

use std::{fs, process::Output};

use serde_json::Value;

use super::program::{Folder, command, err, out};

/// A cheap profile, so that a build without optimisation is soon done.
const CHEAP: &str = "
[profile.cheap.turn]
mode = \"client\"
barge_in = \"local\"
[[profile.cheap.capture]]
stage = \"resample\"
rate_hz = 16000
[[profile.cheap.capture]]
stage = \"vad\"
engine = \"energy\"
";

fn bench(folder: &Folder, args: &[&str]) -> Output {
    if !folder.0.join("pipeline.toml").exists() {
        fs::write(folder.0.join("pipeline.toml"), CHEAP).unwrap();
    }
    command(folder).arg("bench").args(args).output().unwrap()
}

/// The objects of a run that went well.
fn objects(output: &Output) -> Vec<Value> {
    let lines = out(output);
    lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn measurement<'a>(results: &'a Value, case: &str, name: &str) -> &'a Value {
    let all = results["measurements"].as_array().unwrap();
    let of_name = |m: &&Value| m["case"] == case && m["name"] == name;
    &all.iter().find(of_name).unwrap_or_else(|| panic!("{case}: {name}"))["value"]
}

#[test]
fn the_pipeline_is_measured_stage_by_stage_and_told_as_a_table_and_a_verdict() {
    let folder = Folder::new("bench-table");
    let output = bench(&folder, &["pipeline", "--seconds", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    for words in [
        "bench: profile \"cheap\" (./pipeline.toml)",
        "capture.resample",
        "capture.vad",
        "playback.together",
        "whole profile",
        "do not count",
        "\nthe pipeline takes ",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let widest = text.lines().skip(1).take_while(|line| !line.starts_with("note:"));
    assert!(widest.map(|line| line.chars().count()).max() <= Some(100), "{text}");
}

#[test]
fn the_program_counts_its_own_allocations() {
    let folder = Folder::new("bench-allocations");
    let output = bench(&folder, &["pipeline", "--seconds", "1", "--json"]);
    let results = &objects(&output)[0];
    assert_eq!((&results["event"], &results["v"]), (&"bench".into(), &1.into()));
    assert_eq!(measurement(results, "capture.together", "allocations"), 0.0);
    assert_eq!(measurement(results, "capture.vad", "block")["count"], 75);
    // One that declares that it allocates is caught doing so.
    let agc = "default_profile = \"cheap\"\n".to_owned()
        + CHEAP
        + "[[profile.cheap.capture]]\nstage = \"agc\"\n";
    fs::write(folder.0.join("pipeline.toml"), agc).unwrap();
    let output = bench(&folder, &["pipeline", "--seconds", "1", "--json"]);
    let results = &objects(&output)[0];
    assert!(measurement(results, "capture.agc", "allocations").as_f64() > Some(0.0));
    assert_eq!(measurement(results, "capture.vad", "allocations"), 0.0);
}

#[test]
fn turns_are_measured_with_the_sentences_that_come_with_it_and_with_the_users() {
    let folder = Folder::new("bench-turns");
    let output = bench(&folder, &["turns", "--json"]);
    let results = &objects(&output)[0];
    assert_eq!(measurement(results, "recorded speech", "end_of_turn")["count"], 4);
    assert_eq!(measurement(results, "recorded speech", "missed_ends"), 0.0);

    let speech = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/speech/user-1.wav");
    let output = bench(&folder, &["turns", "--json", "--speech", speech]);
    let results = &objects(&output)[0];
    assert_eq!(measurement(results, "recorded speech", "end_of_turn")["count"], 1);
}

#[test]
fn where_the_service_takes_the_turns_it_is_said_how_they_were_measured() {
    let folder = Folder::new("bench-server");
    let output = bench(&folder, &["turns", "--turn", "server"]);
    assert!(out(&output).contains("as with --turn client; the profile's mode is server"));
}

/// Over the virtual card.
const ENGINE: [&str; 5] = ["engine", "--device", "card", "--seconds", "4"];

#[test]
fn whole_talks_are_measured_on_the_way_idle_and_with_every_core_loaded() {
    let folder = Folder::new("bench-engine");
    let output = bench(&folder, &[&ENGINE[..], &["--sweep", "none", "--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let results = &objects(&output)[0];
    for (load, cores) in [("idle", false), ("every core loaded", true)] {
        let case = format!("virtual card, period 10 ms, chunk 20 ms, {load}");
        assert_eq!(measurement(results, &case, "loaded").as_f64() > Some(0.0), cores);
        for name in ["capture_to_wire", "worker_block", "wake_up"] {
            assert!(measurement(results, &case, name)["count"].as_u64() > Some(0), "{name}");
        }
        assert!(
            measurement(results, &case, "stage_capture_1_resample")["count"].as_u64() > Some(99)
        );
        assert!(measurement(results, &case, "xruns").is_f64());
    }
    let verdict = results["verdict"][0].as_str().unwrap();
    assert!(
        verdict.starts_with("capture → wire ") && verdict.contains("this machine is "),
        "{verdict}"
    );
}

#[test]
fn a_talk_is_answered_and_cut_and_drawn_as_a_page() {
    let folder = Folder::new("bench-page");
    let flags = ["--seconds", "9", "--sweep", "none", "--load", "idle", "--save", "out"];
    let output = bench(&folder, &[&ENGINE[..3], &flags].concat());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    for words in ["first audible reply", "barge-in decided → silence", "look:"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let page = fs::read_to_string(folder.0.join("out/bench.html")).unwrap();
    for words in ["lips → wire", "wire → ear", "your last sound → the answer", "<rect "] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
    let saved = fs::read_to_string(folder.0.join("out/bench.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&saved).unwrap()["event"], "bench");
}

#[test]
fn other_periods_are_tried_and_the_verdict_names_one() {
    let folder = Folder::new("bench-sweep");
    let flags = ["--seconds", "1", "--sweep", "periods", "--load", "idle"];
    let text = out(&bench(&folder, &[&ENGINE[..3], &flags].concat()));
    for words in ["period 2.5 ms, chunk 20 ms, idle", "period 40 ms", "other periods and chunks"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(text.contains(" periods") || text.contains("not fine for any period"), "{text}");
}

#[test]
fn over_a_device_that_hears_nobody_a_key_takes_the_turns_and_cuts_the_replies() {
    let folder = Folder::new("bench-keys");
    let null = ["--device", "real", "--mic", "null", "--speaker", "null", "--json"];
    let flags = ["engine", "--seconds", "7", "--sweep", "none", "--load", "idle"];
    let output = bench(&folder, &[&flags[..], &null].concat());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let results = &objects(&output)[0];
    let case = "real device, period 10 ms, chunk 20 ms, idle";
    for name in ["end_to_wire", "end_to_reply", "wire_to_ring", "ring_to_audible", "cut_to_silence"]
    {
        assert!(measurement(results, case, name)["count"].as_u64() > Some(0), "{name}");
    }
}

#[test]
fn without_a_device_the_virtual_card_is_measured_and_it_is_said() {
    let folder = Folder::new("bench-no-device");
    let flags = ["engine", "--seconds", "0.5", "--sweep", "none", "--load", "idle"];
    let nowhere = ["--mic", "no such device", "--speaker", "no such device"];
    let output = bench(&folder, &[&flags[..], &nowhere].concat());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let text = out(&output);
    assert!(text.contains("note: engine: measured with the virtual card only: "), "{text}");
    let output = bench(&folder, &[&flags[..], &nowhere, &["--device", "real"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", out(&output));
}

#[test]
fn a_virtual_card_has_its_known_round_trip() {
    let folder = Folder::new("bench-loopback");
    let output = bench(&folder, &["loopback", "--device", "card", "--seconds", "2", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let results = &objects(&output)[0];
    let case = "virtual card → virtual card";
    let trip = &measurement(results, case, "round_trip");
    assert_eq!(trip["count"], 4);
    // 20 ms of air; a busy machine's callbacks come late.
    assert!((15.0..80.0).contains(&trip["p50"].as_f64().unwrap()), "{trip}");
}

#[test]
fn devices_that_hear_nothing_say_what_to_do() {
    let folder = Folder::new("bench-deaf");
    let null = ["loopback", "--seconds", "0.5", "--mic", "null", "--speaker", "null"];
    let output = bench(&folder, &null);
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("join them by a cable"), "{}", err(&output));
}

#[test]
fn what_changed_since_a_file_is_told() {
    let folder = Folder::new("bench-compare");
    let before = bench(&folder, &["pipeline", "--seconds", "1", "--json"]);
    fs::write(folder.0.join("before.json"), &before.stdout).unwrap();
    let args = ["pipeline", "--seconds", "1", "--compare", "before.json"];
    let text = out(&bench(&folder, &args));
    assert!(text.contains("\ncompared with chinwag "), "{text}");
    assert!(text.contains("numbers within 10 %"), "{text}");

    // The same run as if everything had been a hundred times as fast.
    let mut faster = objects(&before).remove(0);
    for measured in faster["measurements"].as_array_mut().unwrap() {
        if let Some(p50) = measured["value"].get_mut("p50") {
            *p50 = (p50.as_f64().unwrap() / 100.0).into();
        }
    }
    faster["profile"] = "other".into();
    fs::write(folder.0.join("before.json"), faster.to_string()).unwrap();
    let output = bench(&folder, &[&args[..], &["--json"]].concat());
    let compared = objects(&output).remove(1);
    assert_eq!(compared["event"], "compared");
    assert_eq!(compared["remarks"][0], "another profile: then other");
    let changes = compared["changes"].as_array().unwrap();
    assert!(changes.iter().any(|change| change["better"] == false), "{compared}");
}

#[test]
fn what_is_over_the_budget_ends_with_6() {
    let folder = Folder::new("bench-budget");
    let budget = |line: &str| format!("{CHEAP}[profile.cheap.budget]\n{line}\n");
    fs::write(folder.0.join("pipeline.toml"), budget("pipeline_latency_ms = 0.001")).unwrap();
    let over = bench(&folder, &["pipeline", "--seconds", "1"]);
    assert_eq!(over.status.code(), Some(6), "{}", err(&over));
    assert!(out(&over).contains("budget: pipeline_latency_ms = 0.001 OVER: "), "{}", out(&over));

    fs::write(folder.0.join("pipeline.toml"), budget("pipeline_latency_ms = 500")).unwrap();
    let set = ["--set", "budget.round_trip_p50_ms=9"];
    let holds = bench(&folder, &[&["pipeline", "--seconds", "1", "--json"], &set[..]].concat());
    assert_eq!(holds.status.code(), Some(0), "{}", err(&holds));
    let budget = objects(&holds).remove(1);
    assert_eq!((&budget["event"], &budget["holds"]), (&"budget".into(), &true.into()));
    assert_eq!(budget["lines"][1]["measured"], Value::Null);
}

#[test]
fn wrong_words_name_the_way_out() {
    let folder = Folder::new("bench-wrong");
    fs::write(folder.0.join("notes.txt"), "nothing\n").unwrap();
    for (args, told) in [
        (&["pipelin"][..], "did you mean pipeline?"),
        (&["--seconds", "0"], "expected a number from 0.5 to 3600"),
        (&["--device", "usb"], "expected one of card, real"),
        (&["--sweep", "some"], "expected one of all, periods, chunks, none"),
        (&["--comparr", "a"], "did you mean --compare?"),
        (&["--compare", "none.json"], "none.json: cannot be read"),
        (&["--compare", "notes.txt"], "it holds no results; chinwag bench --json writes them"),
        (&["--set", "budget.pipline_percent=1"], "did you mean \"pipeline_percent\"?"),
        (&["--set", "budget.pipeline_percent=-1"], "expected"),
        (&["turns", "--speech", "none.wav"], "none.wav"),
        (&["turns", "--speech", "."], "holds no sound"),
    ] {
        let output = bench(&folder, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", err(&output));
        assert!(err(&output).contains(told), "{args:?}: {}", err(&output));
    }
}
