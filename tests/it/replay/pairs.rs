//! Pairs: a microphone and what the loudspeaker was given meanwhile.

use super::*;

const CANCELLING: &str = "[profile.open.turn]\nmode = \"client\"\n\n\
    [[profile.open.capture]]\nstage = \"resample\"\nrate_hz = 16000\n\n\
    [[profile.open.capture]]\nstage = \"echo_cancel\"\n\n\
    [[profile.open.capture]]\nstage = \"vad\"\n";

const HZ: usize = 16_000;
/// The user begins over the reply.
const OVER: usize = 7 * HZ / 2;

fn write(path: &Path, samples: &[f32]) {
    let mut writer = WaveWriter::create(path, Rate::UPLINK, Channels::Mono).unwrap();
    writer.write(samples).unwrap();
    writer.finish().unwrap();
}

fn dbfs(samples: &[f32]) -> f32 {
    10.0 * (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).log10()
}

/// A reply, and a room that gives it back 30 ms later while a user asks something.
fn scene() -> [Vec<f32>; 2] {
    let reply = wave_file::read(&own("demo/speech/model-2.wav")).unwrap();
    let wire: Vec<i16> = reply.samples.iter().copied().map(to_wire).collect();
    let mut far: Vec<f32> =
        resample(&wire, reply.rate, Rate::UPLINK).unwrap().into_iter().map(from_wire).collect();
    far.resize(8 * HZ, 0.0);
    let user = wave_file::read(&own("demo/speech/user-1.wav")).unwrap().samples;
    let mut seed = 1u32;
    let mic = (0..far.len()).map(|i| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let room = 3e-4 * (seed as f32 / (1u64 << 31) as f32 - 1.0);
        let echo = if i < 480 { 0.0 } else { 0.3 * far[i - 480] };
        echo + room + i.checked_sub(OVER).and_then(|at| user.get(at)).copied().unwrap_or(0.0)
    });
    [mic.collect(), far]
}

#[test]
fn a_pair_is_saved_without_its_echo_and_added_to_the_scenes() {
    let folder = folder("pair");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    fs::write(folder.join("pipeline.toml"), CANCELLING).unwrap();
    let [mic, far] = scene();
    write(&folder.join("talk_mic.wav"), &mic);
    write(&folder.join("talk_far.wav"), &far);
    fs::write(folder.join("all.json"), "{\"echo\":{\"other\":{}},\"turns\":{\"t\":1}}").unwrap();
    let [config, mic_path, far_path] = ["pipeline.toml", "talk_mic.wav", "talk_far.wav"].map(path);
    let [save, all] = ["out", "all.json"].map(path);
    let output = chinwag(&[
        "--config",
        &config,
        "--profile",
        "open",
        "--json",
        "--far",
        &far_path,
        &mic_path,
        "--save",
        &save,
        "--decisions",
        &all,
        "--append",
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));

    let all: Value = serde_json::from_slice(&fs::read(folder.join("all.json")).unwrap()).unwrap();
    assert_eq!(all["turns"]["t"], 1, "what was there stays");
    assert!(all["echo"]["other"].is_object());
    let talk = &all["echo"]["talk"];
    assert_eq!((&talk["out"], &talk["out_delay_s"]), (&"out/talk_mic.wav".into(), &0.0.into()));

    // The model speaks, and only the user is heard: interrupting it.
    let segments = talk["segments"].as_array().unwrap();
    let onset = segments[0][0].as_f64().unwrap() - OVER as f64 / HZ as f64;
    assert!((0.0..1.0).contains(&onset), "{onset} s: {talk}");
    let names: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].clone())
        .filter(|name| ["reply_started", "onset", "reply_cut"].iter().any(|n| name == n))
        .collect();
    assert_eq!(names[..3], ["reply_started", "onset", "reply_cut"], "{text}");

    let saved = wave_file::read(&folder.join("out/talk_mic.wav")).unwrap().samples;
    assert_eq!(saved.len(), mic.len());
    let (before, after) = (dbfs(&mic[2 * HZ..3 * HZ]), dbfs(&saved[2 * HZ..3 * HZ]));
    assert!(before - after > 20.0, "{before} and {after} dBFS");
}

#[test]
fn what_is_no_pair_is_refused() {
    let folder = folder("no-pair");
    let user = own("demo/speech/user-1.wav");
    let user = user.to_str().unwrap();
    let not = folder.join("not.json");
    fs::write(&not, "[1]").unwrap();
    let refused = |args: &[&str]| {
        let output = chinwag(args);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let speech = own("demo/speech");
    let many = refused(&["--far", user, speech.to_str().unwrap()]);
    assert!(many.contains("--far goes with one recording, and there are 8"), "{many}");
    assert!(refused(&["--far", "/nowhere.wav", user]).contains("/nowhere.wav"));
    assert!(refused(&["--append", user]).contains("--append wants --decisions"));
    let other = refused(&["--append", "--decisions", not.to_str().unwrap(), user]);
    assert!(other.contains("expected decisions to add to"), "{other}");
}

#[test]
fn while_the_loudspeaker_is_audible_the_model_has_the_floor_before_and_after_a_cut() {
    let [_, reply] = scene();
    let reply = &reply[..6 * HZ];
    let silence = vec![0.0; 2 * HZ];
    let far = [&silence[..], reply, reply, &silence].concat();
    // Nothing of the loudspeaker is heard: a headset.
    let user = wave_file::read(&own("demo/speech/user-1.wav")).unwrap().samples;
    let mut mic = vec![0.0; far.len()];
    mic[2 * HZ + OVER..][..user.len()].copy_from_slice(&user);
    let replayed = replay_beside(&plan(), &mic, &far, Rate::UPLINK, None).unwrap();
    let replies: Vec<_> = replayed
        .told
        .iter()
        .filter_map(|told| match told.note.kind {
            NoteKind::ReplyStarted(_) => Some(("started", told.heard_s)),
            NoteKind::ReplyFinished(_) => Some(("finished", told.heard_s)),
            NoteKind::ReplyCut { .. } => Some(("cut", told.heard_s)),
            NoteKind::EndOfTurn => Some(("end of turn", told.heard_s)),
            _ => None,
        })
        .collect();
    let names: Vec<_> = replies.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["started", "cut", "end of turn", "started", "finished"], "{replies:?}");
    let [started, cut, end, again, finished] = [0, 1, 2, 3, 4].map(|i| replies[i].1);
    assert!((2.0..2.5).contains(&started) && (5.5..6.5).contains(&cut), "{replies:?}");
    assert!((end..end + 0.02).contains(&again), "{replies:?}");
    assert!((13.5..14.5).contains(&finished), "{replies:?}");
}

/// A Python that has numpy, and the program that makes rooms, where all that
/// the scores of a set need is here.
fn echo_bench() -> Option<[PathBuf; 2]> {
    let runs = |program: &Path, args: &[&str]| {
        let output = Command::new(program).args(args).output();
        output.is_ok_and(|output| output.status.success())
    };
    let built = Path::new(env!("CARGO_BIN_EXE_chinwag")).parent().unwrap();
    let own_python = built.parent().unwrap().join("score-python/bin/python");
    let pythons = [PathBuf::from("python3"), own_python];
    let python = pythons.into_iter().find(|python| runs(python, &["-c", "import numpy"]))?;
    let room = built.join("examples").join("room");
    (room.exists() && runs(Path::new("espeak-ng"), &["--version"])).then_some([python, room])
}

#[test]
fn the_bench_scores_two_rooms_that_it_made() {
    let Some([python, room]) = echo_bench() else {
        eprintln!("skipped: it takes espeak-ng, a Python with numpy, and examples/room");
        return;
    };
    let set = folder("echo-set");
    let ran = |script: &str, args: &[&str]| {
        let mut command = Command::new(&python);
        command.arg(own(script)).arg(&set).args(args).env("CHINWAG_ROOM", &room);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    ran("benches/echo/make-set", &["laptop", "no-delay"]);
    let scores = ran("benches/echo/run", &["--chinwag", env!("CARGO_BIN_EXE_chinwag")]);
    // What stands between a row's name and what is asked.
    let found = |name: &str| -> String {
        let row = scores.lines().find_map(|line| line.trim_start().strip_prefix(name));
        row.unwrap_or_else(|| panic!("no {name} in\n{scores}")).trim().to_owned()
    };
    let number = |name: &str| -> f64 { found(name).split(' ').next().unwrap().parse().unwrap() };
    assert!(number("echo return loss enhancement after 3 s, mean") > 25.0, "{scores}");
    assert!(number("near-end in double talk, best linear fit") > 6.0, "{scores}");
    assert!(number("near-end alone: level").abs() < 1.0, "{scores}");
    assert_eq!(number("near-end alone: later than claimed, at most"), 0.0, "{scores}");
    assert_eq!(number("interrupted while only the model talks"), 0.0, "{scores}");
    assert_eq!(number("with no delay, later than 4 s"), 0.0, "{scores}");
    assert!(found("interruption heard").starts_with("2 of 2"), "{scores}");
}
