//! A server that means harm, and the real program: what it shows, and what it
//! leaves behind.

use std::{
    env, fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use chinwag::measure::{
    report::steers,
    timeline::{Timeline, TurnRow},
};
use tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// Clears the screen, renames the window, moves up, asks for an answer that is
/// typed, turns the direction of text; in C0 and in C1.
const STEERING: &str = "A\u{1b}[2JB\u{1b}]0;owned\u{7}C\u{9b}1AD\u{1b}P$q\"p\u{1b}\\E\u{202e}F\u{2066}G\rH\u{8}I\u{85}J\u{2028}K";

fn folder(name: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("chinwag-hostile-{}-{name}", std::process::id()));
    fs::create_dir_all(&path).unwrap();
    path
}

/// The address of a server that does this to each of its connections.
fn server(each: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            each(stream);
        }
    });
    url
}

/// Accepts a session, says `messages`, and ends it for good with `reason`.
fn says(messages: Vec<String>, reason: String) -> String {
    server(move |stream| {
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        let _ = socket.read();
        for message in &messages {
            let _ = socket.send(Message::text(message));
        }
        let reason = reason.clone().into();
        let _ = socket.close(Some(CloseFrame { code: CloseCode::Policy, reason }));
        while socket.read().is_ok() {}
    })
}

fn run(folder: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_chinwag"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

fn is_plain(what: &str, text: &str) {
    let found = text.chars().find(|c| *c != '\n' && steers(*c));
    assert_eq!(found, None, "{what}: {text:?}");
}

const TALK: [&str; 5] = ["run", "--mic", "null", "--speaker", "null"];

#[test]
fn nothing_that_a_server_says_steers_the_terminal() {
    let folder = folder("terminal");
    let text = serde_json::to_string(STEERING).unwrap();
    let messages = [
        "{\"setupComplete\":{}}".to_owned(),
        format!("{{\"serverContent\":{{\"inputTranscription\":{{\"text\":{text}}}}}}}"),
        format!("{{\"serverContent\":{{\"outputTranscription\":{{\"text\":{text}}}}}}}"),
        format!("{{\"toolCall\":{{\"functionCalls\":[{{\"name\":{text},\"id\":{text}}}]}}}}"),
        format!("{{\"error\":{{\"code\":3,\"message\":{text},\"status\":{text}}}}}"),
        format!("{{\"serverContent\":{{\"turnComplete\":true,\"turnCompleteReason\":{text}}}}}"),
    ];
    let url = says(messages.to_vec(), format!("API key not valid {STEERING}"));
    for (extra, shown) in [(&[][..], "A [2JB"), (&["-v"], "A [2JB"), (&["-q"], "A [2JB")] {
        let said = run(&folder, &[&TALK[..], &["--url", &url], extra].concat());
        is_plain(&format!("run {extra:?}"), &said);
        assert!(said.contains(shown), "{said}");
        assert!(said.contains("API key not valid"), "{said}");
    }
    let said = run(&folder, &[&TALK[..], &["--url", &url, "--json", "--record", "r"]].concat());
    is_plain("run --json", &said);
    let caption = said.lines().filter_map(|line| serde_json::from_str(line).ok());
    let is_caption = |line: &serde_json::Value| line["event"] == "user" && line["text"] == STEERING;
    assert!(caption.into_iter().any(|line| is_caption(&line)), "{said}");
    is_plain("events.jsonl", &fs::read_to_string(folder.join("r/events.jsonl")).unwrap());

    let url = says(Vec::new(), format!("API key not valid {STEERING}"));
    let said = run(&folder, &[&["doctor"], &TALK[1..], &["--url", &url]].concat());
    is_plain("doctor", &said);
    assert!(said.contains("API key not valid A [2JB"), "{said}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_answer_to_the_upgrade_does_not_steer_the_terminal_either() {
    let folder = folder("upgrade");
    let url = server(|mut stream| {
        let _ = stream.read(&mut [0; 4_096]);
        let _ = write!(
            stream,
            "HTTP/1.1 403 {STEERING}\r\nDate: {STEERING}\r\nContent-Length: 9\r\n\r\n{STEERING}"
        );
    });
    for args in [&TALK[..], &["doctor", "--mic", "null", "--speaker", "null"]] {
        is_plain(args[0], &run(&folder, &[args, &["--url", &url]].concat()));
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn no_name_that_a_server_gives_becomes_a_file() {
    let (folder, outside) = (folder("files"), "../../../../../../../tmp/chinwag-owned");
    let name = serde_json::to_string(outside).unwrap();
    let messages = [
        format!("{{\"setupComplete\":{{\"sessionId\":{name}}}}}"),
        format!(
            "{{\"toolCall\":{{\"functionCalls\":[{{\"name\":{name},\"args\":{{\"path\":{name},\"command\":\"touch owned\"}}}}]}}}}"
        ),
        format!("{{\"sessionResumptionUpdate\":{{\"newHandle\":{name},\"resumable\":true}}}}"),
        format!(
            "{{\"serverContent\":{{\"modelTurn\":{{\"parts\":[{{\"inlineData\":{{\"mimeType\":\"image/png\",\"data\":\"AAEC\"}}}},{{\"fileData\":{{\"fileUri\":{name}}}}},{{\"executableCode\":{{\"language\":\"PYTHON\",\"code\":\"open('owned','w')\"}}}}]}}}}}}"
        ),
    ];
    let url = says(messages.to_vec(), "API key not valid".to_owned());
    run(&folder, &[&TALK[..], &["--url", &url]].concat());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    run(&folder, &[&TALK[..], &["--url", &url, "--record", "r"]].concat());
    let mut names: Vec<_> =
        fs::read_dir(folder.join("r")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["events.jsonl", "far.wav", "mic.wav"]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert!(!Path::new("/tmp/chinwag-owned").exists());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_caption_is_text_in_the_page_and_no_markup() {
    let evil = "</title><script>alert(1)</script><img src=x onerror='alert(2)'>\"{{plot}}";
    let row =
        TurnRow { user: evil.into(), model: evil.into(), outcome: evil.into(), ..<_>::default() };
    let page = Timeline {
        title: evil.to_owned(),
        subtitle: evil.to_owned(),
        duration_s: 1.0,
        facts: vec![(evil.to_owned(), evil.to_owned())],
        turns: vec![row],
        lanes: Vec::new(),
    };
    let (clean, html) = (Timeline { duration_s: 1.0, ..<_>::default() }.to_html(), page.to_html());
    assert_eq!(html.matches("<script").count(), clean.matches("<script").count());
    assert_eq!(html.matches("<img").count() + html.matches("onerror='").count(), 0);
    assert!(html.contains("&lt;script&gt;alert(1)"));
}
