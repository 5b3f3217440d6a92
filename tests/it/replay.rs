//! `chinwag replay`: recordings through what runs live, and what it decides.

mod pairs;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use chinwag::{
    audio::{
        NoteKind, Rate,
        convert::{from_wire, to_wire},
    },
    config::{ConfigFile, Override, Plan},
    device::wave_file::{self, Channels, WaveWriter},
    net::serve::Server,
    pipeline::Registry,
    sim::{
        replay::{Replayed, replay, replay_beside},
        service::{ServiceSettings, Voice, resample},
    },
};
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("replay").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn own(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn chinwag(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chinwag")).arg("replay").args(args).output().unwrap()
}

/// What `--decisions` writes about these files.
fn decisions(folder: &Path, files: &[&Path]) -> Value {
    let out = folder.join("decisions.json");
    let mut args = vec!["--profile", "client-vad", "--decisions", out.to_str().unwrap()];
    args.extend(files.iter().map(|file| file.to_str().unwrap()));
    let output = chinwag(&args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&fs::read(out).unwrap()).unwrap()
}

fn plan() -> Plan {
    let shipped = ConfigFile::shipped(&Registry::shipped());
    shipped.plan(Some("client-vad"), &[Override::set("turn.endpoint=fixed")]).unwrap()
}

/// Half a second of nothing, a question of 1.8 s at 16 kHz, `after_s` of nothing.
fn question(after_s: f64) -> Vec<f32> {
    let spoken = wave_file::read(&own("demo/speech/user-1.wav")).unwrap().samples;
    let silence = |s: f64| vec![0.0; (s * 16_000.0) as usize];
    [silence(0.5), spoken, silence(after_s)].concat()
}

fn replayed(samples: &[f32], hz: u32) -> Replayed {
    replay(&plan(), samples, Rate::new(hz).unwrap(), &[]).unwrap()
}

#[test]
fn a_turn_ends_its_hangover_after_the_speech_and_the_next_can_begin() {
    let one = question(1.2);
    let length_s = one.len() as f64 / 16_000.0;
    let replayed = replayed(&[one.clone(), one].concat(), 16_000);
    let kinds: Vec<_> = replayed.told.iter().map(|told| told.note.kind).collect();
    let count = |kind| kinds.iter().filter(|k| **k == kind).count();
    assert_eq!((count(NoteKind::Onset), count(NoteKind::EndOfTurn)), (2, 2), "{kinds:?}");
    assert!(!replayed.open);
    let ends: Vec<_> = replayed.ends().collect();
    let off = replayed.speech.iter().map(|s| s[1]).rfind(|off| *off < ends[0]).unwrap();
    // Silence is certain after 32 ms of it, and told at the end of a block.
    assert!((ends[0] - off - 0.768).abs() < 0.03, "{off} {ends:?}");
    assert!((ends[1] - ends[0] - length_s).abs() < 0.03, "{ends:?}");
}

#[test]
fn a_turn_that_is_open_at_the_end_of_the_file_has_no_end() {
    let replayed = replayed(&question(0.3), 16_000);
    assert_eq!((replayed.onsets().count(), replayed.ends().count()), (1, 0));
    assert!(replayed.open);
    assert!(replayed.speech.iter().all(|[on, off]| on < off && *off <= replayed.duration_s));
}

#[test]
fn what_the_chain_made_is_as_long_as_the_recording_and_aligned_with_it() {
    let spoken = question(0.5);
    let wire: Vec<i16> = spoken.iter().copied().map(to_wire).collect();
    let at_48k = resample(&wire, Rate::UPLINK, Rate::new(48_000).unwrap()).unwrap();
    let at_48k: Vec<f32> = at_48k.into_iter().map(from_wire).collect();
    let replayed = replayed(&at_48k, 48_000);
    assert_eq!(replayed.processed.len(), at_48k.len() / 3);
    let pairs = replayed.processed.iter().zip(&spoken);
    let (mut error, mut power) = (0.0, 0.0);
    for (made, was) in pairs {
        error += (made - was).powi(2);
        power += was.powi(2);
    }
    assert!(error < 0.05 * power, "error {error}, power {power}");
}

#[test]
fn the_same_sound_has_the_same_decisions_as_wav_and_as_flac() {
    let folder = folder("same");
    let (wav, flac) = (own("demo/speech/user-1.wav"), own("tests/data/replay/user-1.flac"));
    let (by_wav, by_flac) = (decisions(&folder, &[&wav]), decisions(&folder, &[&flac]));
    assert_eq!(by_wav["vad"]["user-1"], by_flac["vad"]["user-1.flac"]);
    assert_eq!(by_wav["turns"]["user-1"], by_flac["turns"]["user-1.flac"]);
    let voice = &by_wav["vad"]["user-1"];
    assert_eq!(voice["hop_s"], 0.016);
    let first_s = voice["first_s"].as_f64().unwrap();
    assert!((-0.02..=0.0).contains(&first_s), "{first_s}");
    let hops = voice["prob"].as_array().unwrap().len();
    let seconds = wave_file::read(&wav).unwrap().samples.len() as f64 / 16_000.0;
    assert!((hops as f64 * 0.016 - seconds).abs() < 0.04, "{hops} hops in {seconds} s");
    assert_eq!(by_wav, decisions(&folder, &[&wav]), "always the same");
}

#[test]
fn pages_and_processed_sound_are_written_but_never_over_the_recording() {
    let folder = folder("saved");
    let recording = folder.join("user-1.wav");
    fs::copy(own("demo/speech/user-1.wav"), &recording).unwrap();
    let to = folder.join("out");
    let [recording, to] = [&recording, &to].map(|path| path.to_str().unwrap());
    let output = chinwag(&[recording, "--save", to, "--html", to]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    // At 16 kHz already: what goes through is what came in.
    let saved = wave_file::read(&folder.join("out/user-1.wav")).unwrap();
    assert!(saved == wave_file::read(Path::new(recording)).unwrap());
    let page = fs::read_to_string(folder.join("out/user-1.html")).unwrap();
    for word in ["pre-roll", "turn 1", "voice probability", "onset"] {
        assert!(page.contains(word), "{word}");
    }
    let refused = chinwag(&[recording, "--save", folder.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is the recording"));
}

#[test]
fn a_folder_is_replayed_file_by_file_and_prefers_flac_to_its_copy() {
    let folder = folder("folder");
    let set = folder.join("set");
    fs::create_dir(&set).unwrap();
    for name in ["b.wav", "a.wav"] {
        fs::copy(own("demo/speech/user-1.wav"), set.join(name)).unwrap();
    }
    fs::copy(own("tests/data/replay/user-1.flac"), set.join("b.flac")).unwrap();
    fs::write(set.join("labels.json"), "{}").unwrap();
    let found = decisions(&folder, &[&set]);
    let names: Vec<_> = found["turns"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["a", "b.flac"]);
}

#[test]
fn stereo_at_a_card_s_rate_is_heard_as_well() {
    let folder = folder("stereo");
    let path = folder.join("talk.wav");
    let rate = Rate::new(48_000).unwrap();
    let mut writer = WaveWriter::create(&path, rate, Channels::Stereo).unwrap();
    let twice: Vec<f32> = question(1.6).into_iter().flat_map(|s| [s; 6]).collect();
    writer.write(&twice).unwrap();
    writer.finish().unwrap();
    let ends = decisions(&folder, &[&path])["turns"]["talk"]["ends"].clone();
    assert_eq!(ends.as_array().unwrap().len(), 1, "{ends}");
}

#[test]
fn what_cannot_be_replayed_is_named() {
    let folder = folder("refused");
    let refused = |args: &[&str]| {
        let output = chinwag(args);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&[]).contains("replay wants recordings"));
    assert!(refused(&["/nowhere.flac"]).contains("/nowhere.flac: cannot"));
    assert!(refused(&[folder.to_str().unwrap()]).contains("holds no sound"));
    let path = folder.join("not.flac");
    fs::write(&path, "RIFF").unwrap();
    assert!(refused(&[path.to_str().unwrap()]).contains("not.flac: is not a FLAC file"));
    let copy = folder.join("user-1.wav");
    fs::copy(own("demo/speech/user-1.wav"), &copy).unwrap();
    let twice = refused(&[copy.to_str().unwrap(), own("demo/speech/user-1.wav").to_str().unwrap()]);
    assert!(twice.contains("replay them apart"), "{twice}");
}

#[test]
fn short_answers_have_one_start_and_one_end_each_clean_and_in_noise() {
    let set = folder("answers");
    let has_espeak = Command::new("espeak-ng").arg("--version").output().is_ok();
    let made = Command::new(own("benches/endpoint/make-set")).arg(&set).arg("vad").output();
    let Some(made) = made.ok().filter(|_| has_espeak) else {
        eprintln!("skipped: short answers are made by espeak-ng and Python 3, which are not here");
        return;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let output = chinwag(&["--profile", "client-vad", "--json", set.join("vad").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mut counts: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let (starts, ends) = counts.entry(event["file"].as_str().unwrap().to_owned()).or_default();
        match event["event"].as_str().unwrap() {
            "onset" => *starts += 1,
            "end_of_turn" => *ends += 1,
            _ => {}
        }
    }
    assert_eq!(counts.len(), 40);
    let wrong: Vec<_> = counts.iter().filter(|(_, counted)| **counted != (1, 1)).collect();
    assert!(wrong.is_empty(), "starts and ends: {wrong:?}");
}

#[test]
fn a_talk_that_was_recorded_is_decided_as_it_was_live() {
    let folder = folder("live");
    // A question, and words over its answer.
    let mic = folder.join("mic-in.wav");
    let mut writer = WaveWriter::create(&mic, Rate::UPLINK, Channels::Mono).unwrap();
    writer.write(&[question(2.0), question(2.0)].concat()).unwrap();
    writer.finish().unwrap();
    let settings = ServiceSettings {
        require_key: false,
        voice: Voice::Tone { hz: 300.0, ms: 2_500 },
        ..ServiceSettings::default()
    };
    let server = Server::start(([127, 0, 0, 1], 0).into(), None, settings, |_| {}).unwrap();
    let recorded = folder.join("talk");
    let output = Command::new(env!("CARGO_BIN_EXE_chinwag"))
        .args(["run", "--profile", "client-vad", "--url", &format!("ws://{}", server.addr())])
        .args(["--mic", mic.to_str().unwrap(), "--speaker", "null"])
        .args(["--record", recorded.to_str().unwrap()])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    server.stop();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let args = ["--profile", "client-vad", "--json", recorded.to_str().unwrap()];
    let output = chinwag(&args);
    let text = String::from_utf8(output.stdout).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((count("onset"), count("end_of_turn")), (2, 2), "{text}");
    assert!(count("reply_started") >= 2 && count("reply_cut") == 1, "{text}");
    assert_eq!(events.last().unwrap()["as_live"], true, "{text}");
    // Other settings decide otherwise, and that is said.
    let output = chinwag(&[&args[..], &["--set", "turn.patience=0"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().last().unwrap().contains("\"as_live\":false"), "{text}");
}
