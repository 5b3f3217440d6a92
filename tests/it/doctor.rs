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

#[test]
fn an_echo_that_is_not_heard_is_told_with_the_next_step_and_needs_no_key() {
    let output = doctor(&["--echo", "--json"], None);
    let (rows, last) = findings(&output);
    let bad = [("profile", "ok"), ("devices", "ok"), ("microphone", "bad")];
    assert_eq!(rows, bad.map(|(check, verdict)| (check.to_owned(), verdict.to_owned())));
    assert_eq!((&last["event"], &last["exit"]), (&"doctor".into(), &3.into()));
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("digital silence") && text.contains("--mic"), "{text}");
}

/// A sound server that answers whoever comes by error 1: access denied.
#[cfg(all(feature = "cpal", target_os = "linux"))]
fn deny_all(listener: &std::os::unix::net::UnixListener) {
    use std::io::{Read, Write};
    // Length, channel, offset and flags; then a command and its number.
    const HEAD: usize = 20;
    while let Ok((mut guest, _)) = listener.accept() {
        let mut asked = [0; HEAD + 10];
        if guest.read_exact(&mut asked).is_err() {
            continue;
        }
        let number = &asked[HEAD + 5..];
        let answer = [b"L\0\0\0\0", number, b"L\0\0\0\x01"].concat();
        let head = [answer.len() as u32, u32::MAX, 0, 0, 0].map(u32::to_be_bytes).concat();
        let _ = guest.write_all(&[head, answer].concat());
    }
}

#[cfg(all(feature = "cpal", target_os = "linux"))]
#[test]
fn a_sound_server_that_runs_but_will_not_have_us_is_told_with_the_cookie() {
    let folder = env::temp_dir().join(format!("chinwag-refused-{}", std::process::id()));
    let [made, odd] = ["made", "odd"].map(|home| folder.join(home));
    fs::create_dir_all(odd.join(".config/pulse")).unwrap();
    fs::write(odd.join(".config/pulse/cookie"), "crumbs").unwrap();
    let listener = std::os::unix::net::UnixListener::bind(folder.join("native")).unwrap();
    std::thread::spawn(move || deny_all(&listener));
    let found = |home: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_chinwag"))
            .args(["doctor", "--json", "--url", "ws://127.0.0.1:1"])
            .args(["--mic", "pulseaudio:any", "--speaker", "null"])
            .env_clear()
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .env("PULSE_SERVER", format!("unix:{}", folder.join("native").display()))
            .env("HOME", home)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let row = rows.find(|row| row["check"] == "pulseaudio").expect("a row");
        [&row["verdict"], &row["found"], &row["next_step"]].map(|v| v.as_str().unwrap().to_owned())
    };
    for (home, why, next) in [
        (made.as_path(), "refuses the cookie", "copy there"),
        (odd.as_path(), "has 6 bytes, not 256", "remove it"),
        // Where nobody can make a folder, root neither.
        (Path::new("/proc/self/none"), "cannot be made", "make that folder writable"),
    ] {
        let [verdict, found, step] = found(home);
        let cookie = home.join(".config/pulse/cookie").display().to_string();
        assert!(found.contains(&cookie) && found.contains(why), "{found}");
        assert!(step.starts_with(next), "{step}");
        assert_eq!(verdict, "odd");
    }
    fs::remove_dir_all(folder).unwrap();
}
