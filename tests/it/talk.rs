//! The program as a user runs it: `run` and `demo`, with files for ears.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use chinwag::{
    audio::Dbfs,
    device::wave_file,
    measure::probe,
    net::serve::Server,
    sim::service::{ServiceSettings, Voice},
};
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn speech(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/speech").join(name)
}

fn chinwag(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    for name in ["GEMINI_API_KEY", "GOOGLE_API_KEY", "CHINWAG_KEY_FILE"] {
        command.env_remove(name);
    }
    command.args(args).stdin(std::process::Stdio::null()).output().unwrap()
}

/// The JSON lines, each of which says its version.
fn events(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["v"] == 1), "{text}");
    events
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

fn text_of(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_question_from_a_file_is_answered_into_a_file() {
    let settings = ServiceSettings { require_key: false, ..ServiceSettings::default() };
    let server = Server::start(([127, 0, 0, 1], 0).into(), None, settings, |_| {}).unwrap();
    let (question, answer) = (speech("user-1.wav"), folder("run").join("answer.wav"));
    let url = format!("ws://{}", server.addr());
    let args = ["run", "--profile", "client-vad", "--url", &url, "--json"];
    let files = ["--mic", text_of(&question), "--speaker", text_of(&answer)];
    let output = chinwag(&[&args[..], &files].concat());
    server.stop();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));

    let events = events(&output);
    assert_eq!(named(&events, "ready").len(), 1);
    assert_eq!(named(&events, "window_opened").len(), 1);
    assert_eq!(named(&events, "window_closed").len(), 1);
    assert_eq!(named(&events, "turn").len(), 1);

    // The service repeats what it was sent: the question is in the answer.
    let (asked, heard) = (wave_file::read(&question).unwrap(), wave_file::read(&answer).unwrap());
    let heard: Vec<f32> = heard.samples.into_iter().step_by(3).collect();
    let found = probe::find(&asked.samples[4_000..20_000], &heard).unwrap();
    assert!(found.correlation > 0.9, "{found:?}");
}

#[test]
fn what_is_typed_is_said_and_quit_ends_the_talk() {
    use std::io::Write;
    let settings = ServiceSettings {
        require_key: false,
        voice: Voice::Tone { hz: 300.0, ms: 300 },
        ..ServiceSettings::default()
    };
    let (news, told) = std::sync::mpsc::channel();
    let server = Server::start(([127, 0, 0, 1], 0).into(), None, settings, move |event| {
        let _ = news.send(format!("{:?}", event.what));
    })
    .unwrap();
    let url = format!("ws://{}", server.addr());
    let mut child = Command::new(env!("CARGO_BIN_EXE_chinwag"))
        .args(["run", "--url", &url, "--mic", "null", "--speaker", "null"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "say good morning").unwrap();
    let heard = told.iter().find(|news| news.contains("good morning"));
    assert!(heard.is_some(), "the service read what was typed");
    writeln!(stdin, "quit").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    server.stop();
}

#[test]
fn the_demo_holds_four_turns_and_one_interruption() {
    let folder = folder("demo");
    let output = chinwag(&["demo", "--json", "--save", text_of(&folder)]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));

    let events = events(&output);
    let turns = named(&events, "turn");
    assert_eq!(turns.len(), 4);
    assert!(turns.iter().all(|turn| turn["response_ms"].as_f64().is_some()), "{turns:?}");
    let cut: Vec<bool> = turns.iter().map(|turn| !turn["cut_after_s"].is_null()).collect();
    assert_eq!(cut, [false, true, false, false]);
    assert_eq!(turns[2]["user"], "Wait, just tell me about tomorrow.");

    let sound = wave_file::read(&folder.join("conversation.wav")).unwrap();
    assert!(sound.samples.len() > 20 * 48_000, "{} frames", sound.samples.len());
    assert!(Dbfs::rms_of(&sound.samples) > Dbfs(-45.0));
    let page = std::fs::read_to_string(folder.join("timeline.html")).unwrap();
    assert!(page.contains("Wait, just tell me about tomorrow.") && page.contains("</html>"));
}

#[test]
fn a_server_that_is_not_there_ends_the_talk_with_the_next_step() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    drop(listener);
    let output = chinwag(&["run", "--url", &url, "--mic", "null", "--speaker", "null"]);
    assert_eq!(output.status.code(), Some(4));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("nobody listens at 127.0.0.1"), "{error}");
    assert!(error.contains("check the url, or start the server"), "{error}");
}

#[test]
fn a_microphone_file_that_is_not_there_is_named() {
    let output = chinwag(&[
        "run",
        "--url",
        "ws://127.0.0.1:9",
        "--mic",
        "not there.wav",
        "--speaker",
        "null",
    ]);
    assert_eq!(output.status.code(), Some(3));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("not there.wav"), "{error}");
}
