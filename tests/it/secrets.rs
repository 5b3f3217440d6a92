//! The key and the session's handle are secrets: with both marked, every verb
//! that touches them is run, well and badly, and all that it leaves is searched.

use std::{
    env, fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::{self, JoinHandle},
};

use chinwag::{
    audio::Nanos,
    cli::key::Key,
    net::{Dialer, certificate::ServerTls, serve::Server},
    protocol::{
        ApiVersion, Close, Credential, Endpoint, EndpointError, LinkSettings, Session,
        SessionSettings, wire,
    },
    sim::service::{Memory, Service, ServiceSettings, UpgradeRequest},
};
use tungstenite::{
    Message, WebSocket,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// As long as a real one, and nowhere else in the program.
const KEY: &str = "AIzaMARKED-key-MARKED-key-MARKED-key-00";
const HANDLE: &str = "MARKED-handle-7c1f";
/// In both, and in nothing else.
const MARK: &str = "MARKED";

fn folder(name: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("chinwag-secrets-{}-{name}", std::process::id()));
    fs::create_dir_all(&path).unwrap();
    path
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Runs the program with the key; all that it says, and its exit code.
fn run(folder: &Path, args: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chinwag"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("RUST_BACKTRACE", "full")
        .env("RUST_LOG", "trace")
        .env("GEMINI_API_KEY", KEY)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

fn is_clean(what: &str, text: &str) {
    assert!(!text.contains(MARK), "{what} tells a secret:\n{text}");
}

/// Runs it, and neither what it says nor any file it leaves holds a secret.
fn clean(folder: &Path, args: &[&str]) -> (i32, String) {
    let (code, said) = run(folder, args);
    is_clean(&args.join(" "), &said);
    for path in files(folder) {
        is_clean(&path.display().to_string(), &String::from_utf8_lossy(&fs::read(&path).unwrap()));
    }
    (code, said)
}

const NULL: [&str; 4] = ["--mic", "null", "--speaker", "null"];
const QUICK: [&str; 4] = ["--set", "link.retry_ms_min=50", "--set", "link.retry_ms_max=50"];

/// The verbs that dial, in each form in which they tell.
fn dialling(folder: &Path, url: &str) -> Vec<String> {
    let forms: [&[&str]; 4] =
        [&["run"], &["run", "-v"], &["run", "--json", "--record", "recorded"], &["doctor"]];
    let told = forms.iter().map(|form| {
        let args = [*form, &NULL, &QUICK, &["--url", url]].concat();
        clean(folder, &args).1
    });
    let mut told: Vec<_> = told.collect();
    let args = [&["doctor", "--json"], &NULL[..], &QUICK, &["--url", url]].concat();
    told.push(clean(folder, &args).1);
    told
}

#[test]
fn a_talk_that_goes_well_leaves_no_secret_anywhere() {
    let folder = folder("well");
    let settings = ServiceSettings { key: Some(KEY.to_owned()), ..ServiceSettings::default() };
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::start(any, None, settings, |_| ()).unwrap();
    let url = format!("ws://{}", server.addr());
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wave = hound::WavWriter::create(folder.join("mic.wav"), spec).unwrap();
    (0..1_600).for_each(|_| wave.write_sample(0_i16).unwrap());
    wave.finalize().unwrap();
    let talk = ["--mic", "mic.wav", "--speaker", "out.wav", "--url", &url];
    let (code, said) =
        clean(&folder, &[&["run", "--json", "--record", "recorded"][..], &talk].concat());
    assert!(code == 0 && said.contains("ready"), "{said}");
    let (_, said) = clean(&folder, &["replay", "recorded", "--html", "page", "--decisions", "d"]);
    assert!(folder.join("page/recorded.html").exists(), "{said}");
    for args in [&["check"][..], &["check", "--explain", "speakers"], &["check", "--json"]] {
        assert_eq!(clean(&folder, args).0, 0);
    }
    server.stop();
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_key_file_is_named_and_what_it_holds_is_not() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, elsewhere) = (folder("file"), folder("key"));
    let path = elsewhere.join("key");
    fs::write(&path, format!("{KEY}\n{KEY}\n")).unwrap();
    for mode in [0o644, 0o600] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let (code, said) = clean(&folder, &["run", "--key-file", path.to_str().unwrap()]);
        assert!(code == 2 && said.contains(path.to_str().unwrap()), "{said}");
    }
    for folder in [folder, elsewhere] {
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_key_in_the_configuration_or_in_an_address_is_refused_and_not_repeated() {
    let (folder, elsewhere) = (folder("given"), folder("config"));
    let path = elsewhere.join("pipeline.toml");
    let config = format!("api_key = \"{KEY}\"\n[profile.a.session]\nvoice = \"{KEY}\"\n");
    fs::write(&path, config).unwrap();
    let config = ["check", "--config", path.to_str().unwrap()];
    assert_eq!(clean(&folder, &config).0, 2);
    assert_eq!(clean(&folder, &[&config[..], &["--json"]].concat()).0, 2);
    for url in [format!("wss://host/?key={KEY}"), format!("wss://{KEY}@host/")] {
        assert_eq!(clean(&folder, &["run", "--url", &url]).0, 2);
    }
    for folder in [folder, elsewhere] {
        fs::remove_dir_all(folder).unwrap();
    }
}

/// A server that does the same to each of its connections.
fn server(each: impl Fn(TcpStream) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            each(stream);
        }
    });
    (addr, thread)
}

/// Waits for the setup; whether it carried a handle.
fn accept(stream: TcpStream) -> Option<(WebSocket<TcpStream>, bool)> {
    let mut socket = tungstenite::accept(stream).ok()?;
    let setup = socket.read().ok()?.into_text().ok()?;
    Some((socket, setup.contains("\"handle\"")))
}

#[test]
fn a_server_that_repeats_the_key_cannot_make_us_tell_it() {
    let folder = folder("repeats");
    let (addr, _) = server(|mut stream| {
        let _ = stream.read(&mut [0; 4_096]);
        let body = format!("{{\"error\":\"API key not valid: {KEY}\"}}");
        let _ = write!(
            stream,
            "HTTP/1.1 401 {KEY}\r\nX-Key: {KEY}\r\nDate: {KEY}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
    });
    for told in dialling(&folder, &format!("ws://{addr}")) {
        assert!(told.contains("http 401"), "{told}");
    }
    let (addr, _) = server(|stream| {
        let Some((mut socket, _)) = accept(stream) else { return };
        let reason = format!("API key not valid: {KEY}").into();
        let _ = socket.close(Some(CloseFrame { code: CloseCode::Policy, reason }));
        while socket.read().is_ok() {}
    });
    for told in dialling(&folder, &format!("ws://{addr}")) {
        assert!(told.contains("API key not valid: …"), "{told}");
    }
    fs::remove_dir_all(folder).unwrap();
}

/// What a Prometheus server reads at `url`.
fn scraped(url: &str) -> String {
    let addr = url.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap();
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("\nchinwag_connections_total "), "{text}");
    text
}

#[test]
fn a_server_that_says_key_and_handle_in_the_talk_cannot_either() {
    let folder = folder("says");
    let (addr, _) = server(|stream| {
        let Some((mut socket, resumes)) = accept(stream) else { return };
        let said = format!("you said {KEY} and {HANDLE}");
        let update =
            format!(r#"{{"sessionResumptionUpdate":{{"newHandle":"{HANDLE}","resumable":true}}}}"#);
        let content = format!(
            r#"{{"serverContent":{{"inputTranscription":{{"text":"{said}"}},"outputTranscription":{{"text":"{said}"}},"turnComplete":true,"turnCompleteReason":"{said}"}},"toolCall":{{"functionCalls":[{{"name":"{said}","id":"{HANDLE}"}}]}},"error":{{"code":3,"message":"{said}"}}}}"#
        );
        for message in ["{\"setupComplete\":{}}", &update, &content] {
            let _ = socket.send(Message::text(message));
        }
        // The second time, with the handle given back, for good.
        let code = if resumes { CloseCode::Invalid } else { CloseCode::Restart };
        let reason = format!("Requested entity was not found: {HANDLE}").into();
        let _ = socket.close(Some(CloseFrame { code, reason }));
        while socket.read().is_ok() {}
    });
    let url = format!("ws://{addr}");
    let mut child = Command::new(env!("CARGO_BIN_EXE_chinwag"))
        .args(
            [
                &["run", "--json", "-v", "--record", "recorded", "--metrics=0"],
                &NULL[..],
                &["--url", &url],
            ]
            .concat(),
        )
        .current_dir(&folder)
        .env_clear()
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("GEMINI_API_KEY", KEY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    // Until it has gone through both ends and is there again.
    let (mut connections, mut metrics) = (0, String::new());
    while connections < 3
        && let Some(Ok(line)) = lines.next()
    {
        connections += usize::from(line.contains("\"connected\""));
        if line.contains("\"start\"") {
            let start: serde_json::Value = serde_json::from_str(&line).unwrap();
            start["metrics"].as_str().unwrap().clone_into(&mut metrics);
        }
        said += &(line + "\n");
    }
    is_clean("--metrics", &scraped(&metrics));
    drop(child.stdin.take());
    let _ = rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::INT,
    );
    lines.map_while(Result::ok).for_each(|line| said += &(line + "\n"));
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    child.wait().unwrap();
    assert!(said.contains("you said … and …"), "{said}{errors}");
    is_clean("run --json", &said);
    is_clean("run -v", &errors);
    for path in files(&folder) {
        is_clean(&path.display().to_string(), &String::from_utf8_lossy(&fs::read(&path).unwrap()));
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_connection_that_cannot_be_made_tells_no_key() {
    let folder = folder("broken");
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let tls = ServerTls::self_signed().unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::start(any, Some(tls), ServiceSettings::default(), |_| ()).unwrap();
    let (plain, _) = self::server(|mut stream| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n\r\n");
    });
    for url in [
        format!("ws://{free}"),
        format!("wss://{}.invalid", "x".repeat(64)),
        format!("wss://localhost:{}", server.addr().port()),
        format!("wss://{plain}"),
        format!("ws://{plain}"),
    ] {
        for told in dialling(&folder, &url) {
            assert!(!told.contains("ready"), "{told}");
        }
    }
    server.stop();
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn no_public_type_shows_a_secret_and_so_no_panic_can() {
    let credential = Credential::from_secret(KEY).unwrap();
    let key = Key { credential: credential.clone(), found_in: "here".to_owned() };
    let endpoint = Endpoint::new(None, ApiVersion::default(), &credential).unwrap();
    let url = "ws://127.0.0.1:1";
    let local = Endpoint::new(Some(url), ApiVersion::default(), &credential).unwrap();
    let dialer = Dialer::new(local, credential.clone(), &LinkSettings::default()).unwrap();
    let refused: EndpointError = Credential::from_secret(&format!("{KEY} {KEY}")).unwrap_err();
    let mut session = Session::new(SessionSettings::default());
    session.connected(Nanos::ZERO);
    let update =
        format!(r#"{{"sessionResumptionUpdate":{{"newHandle":"{HANDLE}","resumable":true}}}}"#);
    session.receive(Nanos::ZERO, update.as_bytes());
    assert_eq!(session.resumption_handle(), Some(HANDLE));
    let setup = session.setup_for_display();
    let mut request = UpgradeRequest::with_key(KEY);
    request.path = format!("{}?key={KEY}", request.path);
    let settings = ServiceSettings::default();
    let service = Service::open(&settings, &Memory::new(), &request, Nanos::ZERO).unwrap();
    let mut spare = serde_json::Value::Null;
    let shown = [
        format!("{credential:?} {key:?} {endpoint:?} {endpoint} {dialer:?} {refused:?} {refused}"),
        format!("{session:?} {setup} {request:?} {service:?}"),
        format!("{:?}", wire::read(update.as_bytes(), &mut spare)),
    ];
    for shown in &shown {
        is_clean("Debug", shown);
    }
    // A panic says no more than what it is given.
    let panicked = thread::spawn(move || panic!("{key:?} {dialer:?} {session:?} {service:?}"));
    let payload = panicked.join().unwrap_err();
    is_clean("a panic", payload.downcast_ref::<String>().unwrap());

    let close = Close::new(1_008, format!("Requested entity was not found: {HANDLE}"));
    let mut session = Session::new(SessionSettings::default());
    session.connected(Nanos::ZERO);
    session.receive(Nanos::ZERO, update.as_bytes());
    is_clean("a verdict", &session.disconnected(Nanos::ZERO, close).explanation);
}
