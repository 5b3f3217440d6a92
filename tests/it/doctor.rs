//! `chinwag doctor` against the simulator: what is well, and what is not.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, Output, Stdio},
};

use chinwag::{
    net::{certificate::ServerTls, serve::Server},
    sim::service::ServiceSettings,
};
use serde_json::Value;

fn server(settings: ServiceSettings, tls: Option<ServerTls>) -> Server {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Server::start(any, tls, settings, |_| ()).unwrap()
}

fn doctor(args: &[&str], key: Option<&str>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chinwag"))
        .args(["doctor", "--mic", "null", "--speaker", "null"])
        .args(args)
        .current_dir(env::temp_dir())
        .env_clear()
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .envs(key.map(|key| ("GEMINI_API_KEY", key)))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The findings as check and verdict, and the last line.
fn findings(output: &Output) -> (Vec<(String, String)>, Value) {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let mut objects: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = objects.pop().unwrap();
    let word = |object: &Value, key: &str| object[key].as_str().unwrap().to_owned();
    let rows = objects.iter().map(|o| (word(o, "check"), word(o, "verdict"))).collect();
    (rows, last)
}

#[test]
fn every_row_is_green_over_tls_and_files() {
    let tls = ServerTls::self_signed().unwrap();
    let folder = env::temp_dir().join(format!("chinwag-doctor-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("ca.pem"), tls.trusted_pem()).unwrap();
    let server = server(ServiceSettings::default(), Some(tls));
    let url = format!("wss://localhost:{}", server.addr().port());
    let trusted = format!("link.ca_file={}", folder.join("ca.pem").display());
    let spoken = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/speech/user-1.wav");
    let spoken = spoken.to_str().unwrap();
    let args = ["--url", &url, "--set", &trusted, "--mic", spoken];
    let words = doctor(&args, Some("AIzaTest"));
    let output = doctor(&[&args[..], &["--json"]].concat(), Some("AIzaTest"));
    fs::remove_dir_all(folder).unwrap();
    let (mut rows, last) = findings(&output);
    // Real-time priority is this machine's to grant.
    let priority = rows.pop().unwrap();
    assert_eq!(priority.0, "priority");
    assert!(["ok", "odd"].contains(&priority.1.as_str()), "{priority:?}");
    let checks = [
        "profile",
        "key",
        "name",
        "connect",
        "tls",
        "upgrade",
        "session",
        "devices",
        "microphone",
        "speaker",
    ];
    let green = checks.map(|check| (check.to_owned(), "ok".to_owned()));
    assert_eq!(rows, green);
    assert_eq!((&last["event"], &last["works"]), (&"doctor".into(), &true.into()));
    assert_eq!((output.status.code(), words.status.code()), (Some(0), Some(0)));
    let words = String::from_utf8(words.stdout).unwrap();
    for check in checks {
        assert!(words.lines().any(|line| line.starts_with(&format!("ok  {check}"))), "{words}");
    }
    assert!(words.ends_with("\na talk would work\n"), "{words}");
    assert!(!words.contains("AIzaTest"), "the key is never shown");
}

#[test]
fn what_is_not_well_is_the_exit_code_of_a_talk_and_the_rest_is_looked_at_still() {
    let refusing = server(
        ServiceSettings { key: Some("right".to_owned()), ..ServiceSettings::default() },
        None,
    );
    let refusing = format!("ws://{}", refusing.addr());
    let fine = server(ServiceSettings::default(), None);
    let fine = format!("ws://{}", fine.addr());
    for (args, key, bad, code) in [
        (&["--url", "wss://localhost:1"][..], None, "key", 2),
        (&["--url", &fine, "--mic", "/nonexistent.wav"], Some("k"), "devices", 3),
        (&["--url", "ws://127.0.0.1:1"], Some("k"), "connect", 4),
        (&["--url", &refusing], Some("wrong"), "session", 5),
    ] {
        let (rows, last) = findings(&doctor(&[args, &["--json"]].concat(), key));
        let first = rows.iter().find(|(_, verdict)| verdict == "bad");
        assert_eq!(first.map(|(check, _)| check.as_str()), Some(bad), "{rows:?}");
        assert!(rows.iter().any(|(check, _)| check == "priority"), "to the end: {rows:?}");
        assert_eq!((&last["works"], &last["exit"]), (&false.into(), &code.into()));
        let output = doctor(args, key);
        assert_eq!(output.status.code(), Some(code));
        let words = String::from_utf8(output.stdout).unwrap();
        let row = words.lines().position(|line| line.starts_with(&format!("BAD {bad}")));
        let next = row.and_then(|row| words.lines().nth(row + 1));
        assert!(next.is_some_and(|next| next.trim_start().starts_with("→ ")), "{words}");
        assert!(words.contains("a talk would not work: "), "{words}");
    }
}
