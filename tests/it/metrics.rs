//! `--metrics` and the figures: what a Prometheus server, a program and a person are
//! told of one talk is the same, and nobody who asks can hold it up.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use chinwag::{
    net::{
        metrics::{MetricsListener, MetricsPort},
        serve::Server,
    },
    sim::service::{ServiceSettings, Voice},
};
use serde_json::Value;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
const GET: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn port() -> MetricsPort {
    MetricsListener::open(0).unwrap().serve(|| "chinwag_things_total 1\n".to_owned()).unwrap()
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The whole answer.
fn ask(addr: SocketAddr, request: &str) -> String {
    let mut stream = connect(addr);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn body(answer: &str) -> &str {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body
}

#[test]
fn one_reader_after_the_other_gets_the_figures_and_nothing_else_is_there() {
    let port = port();
    assert!(port.addr().ip().is_loopback());
    for _ in 0..3 {
        let answer = ask(port.addr(), GET);
        assert!(answer.contains("text/plain; version=0.0.4"), "{answer}");
        assert_eq!(body(&answer), "chinwag_things_total 1\n");
    }
    assert!(ask(port.addr(), "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    let posted =
        "POST /metrics HTTP/1.1\r\nContent-Length: 60000\r\n\r\n".to_owned() + &"x".repeat(60_000);
    let answer = ask(port.addr(), &posted);
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("Allow: GET"), "{answer}");
}

#[test]
fn a_request_without_end_is_answered_at_its_bound() {
    let port = port();
    let mut stream = connect(port.addr());
    let endless = "GET /metrics HTTP/1.1\r\nX: ".to_owned() + &"x".repeat(20_000);
    stream.write_all(endless.as_bytes()).unwrap();
    let mut answer = [0; 16];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431 Req");
}

#[test]
fn who_says_nothing_or_reads_nothing_is_left_and_the_next_is_served() {
    let large = "chinwag_things_total 1\n".repeat(1 << 20);
    let port = MetricsListener::open(0).unwrap().serve(move || large.clone()).unwrap();
    let silent = connect(port.addr());
    let mut deaf = connect(port.addr());
    deaf.write_all(GET.as_bytes()).unwrap();
    let answer = ask(port.addr(), "GET / HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    drop((silent, deaf));
}

#[test]
fn the_end_waits_for_nobody_and_gives_the_port_back() {
    let port = port();
    let addr = port.addr();
    let mut held = connect(addr);
    held.write_all(b"GET /metrics HT").unwrap();
    let answer = held.try_clone().unwrap();
    drop(port);
    // It was joined: what comes now is the end of the connection.
    assert!(matches!((&answer).read(&mut [0; 1]), Ok(0) | Err(_)));
    drop((held, answer));
    let again = MetricsListener::open(addr.port());
    assert!(again.is_ok(), "{again:?}");
}

/// A running talk with its metrics on a free port.
struct Talk {
    child: Child,
    stdin: ChildStdin,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    metrics: SocketAddr,
}

impl Talk {
    /// With `--json` or without, until it is ready.
    fn start(server: &Server, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_chinwag"))
            .args(["run", "--mic", "null", "--speaker", "null", "--metrics=0"])
            .args(["--url", &format!("ws://{}", server.addr())])
            .args(args)
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.by_ref().map(Result::unwrap).find(|line| line.contains("/metrics"));
        let told = told.expect("it says where");
        let addr = told.split_once("http://").unwrap().1.split_once("/metrics").unwrap().0;
        Self { child, stdin, lines, metrics: addr.parse().unwrap() }
    }

    fn wait_for(&mut self, part: &str) -> String {
        self.lines.by_ref().map(Result::unwrap).find(|line| line.contains(part)).expect(part)
    }

    /// What it says until its end.
    fn end(mut self) -> Vec<String> {
        writeln!(self.stdin, "quit").unwrap();
        let rest = self.lines.by_ref().map(Result::unwrap).collect();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn server() -> Server {
    let voice = Voice::Tone { hz: 330.0, ms: 300 };
    let settings = ServiceSettings { voice, think_ms: 0, ..ServiceSettings::default() };
    Server::start((Ipv4Addr::LOCALHOST, 0).into(), None, settings, |_| ()).unwrap()
}

/// The families of Prometheus' text format, held to its rules: each is described
/// once and before its samples, which follow each other; buckets rise and end with
/// the count.
fn families(text: &str) -> BTreeSet<String> {
    let (mut seen, mut series) = (BTreeSet::new(), BTreeSet::new());
    let (mut family, mut kind, mut bucket) = (String::new(), String::new(), 0.0);
    let mut helped = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            rest.split(' ').next().unwrap().clone_into(&mut helped);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, of) = rest.split_once(' ').unwrap();
            assert_eq!(name, helped, "a type without its help");
            assert!(seen.insert(name.to_owned()), "{name} is described twice");
            (family, kind) = (name.to_owned(), of.to_owned());
        } else {
            let (key, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(series.insert(key.to_owned()), "{key} stands twice");
            let name = key.split('{').next().unwrap();
            let part = name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} in {family}"));
            match (kind.as_str(), part) {
                ("histogram", "_bucket") => {
                    let first = key.contains("le=\"0.000008191\"");
                    assert!(first || value >= bucket, "{line} falls");
                    bucket = value;
                }
                ("histogram", "_count") => assert_eq!(value, bucket, "{line}"),
                ("histogram", "_sum") | ("gauge", "") => {}
                ("counter", "") => assert!(name.ends_with("_total") && value >= 0.0, "{line}"),
                _ => panic!("{line} in a {kind}"),
            }
        }
    }
    assert!(text.ends_with('\n'));
    seen
}

#[test]
fn a_program_and_a_prometheus_server_are_told_the_same_while_the_talk_goes_on() {
    let server = server();
    let mut talk = Talk::start(&server, &["--json"]);
    talk.wait_for("\"ready\"");
    writeln!(talk.stdin, "say hello").unwrap();
    talk.wait_for("reply_finished");
    let text = ask(talk.metrics, GET);
    let shown = families(body(&text));
    let live: Value = serde_json::from_str(&talk.wait_for("\"figures\"")).unwrap();
    assert_eq!((live["event"].as_str(), live["last"].as_bool()), (Some("figures"), Some(false)));
    let told: BTreeSet<String> =
        live["figures"].as_object().unwrap().keys().map(|name| format!("chinwag_{name}")).collect();
    assert_eq!(shown, told);
    let heard = &live["figures"]["ring_to_audible_seconds"];
    assert!(heard["count"].as_u64() == Some(1) && heard["p50"].as_f64() > Some(0.0), "{heard}");
    for work in ["worker_block_seconds", "worker_wake_up_seconds", "wire_to_ring_seconds"] {
        assert!(live["figures"][work]["count"].as_u64() > Some(0), "{work}: {live}");
    }
    let stages = live["figures"]["stage_seconds"].as_array().unwrap();
    assert!(
        stages.iter().any(|stage| stage["stage"] == "vad" && stage["count"].as_u64() > Some(0))
    );

    let rest = talk.end();
    let last = rest.iter().rev().find(|line| line.contains("\"figures\"")).unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["last"].as_bool(), Some(true));
    let steps = |of: &Value| of["figures"]["worker_steps_total"].as_u64().unwrap();
    assert!(steps(&last) > steps(&live));
}

#[test]
fn a_person_is_told_every_figure_at_the_end() {
    let server = server();
    let mut talk = Talk::start(&server, &["-v"]);
    talk.wait_for("ready");
    writeln!(talk.stdin, "say hello").unwrap();
    talk.wait_for("model");
    let text = ask(talk.metrics, GET);
    let told = talk.end().join("\n");
    let told = told[told.find("times\n").unwrap()..].to_owned();
    for family in families(body(&text)) {
        let name = family.strip_prefix("chinwag_").unwrap();
        let name = name.strip_suffix("_total").unwrap_or(name);
        let units = ["_seconds", "_frames", "_ratio", "_ppm"];
        let name = units.iter().find_map(|unit| name.strip_suffix(unit)).unwrap_or(name);
        let title = name.replace('_', " ");
        assert!(told.contains(&title), "no {title:?} in\n{told}");
    }
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_starts() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    for verb in
        [&["run", "--mic", "null", "--speaker", "null", "--url", "ws://127.0.0.1:1"][..], &["demo"]]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_chinwag"))
            .args(verb)
            .arg(format!("--metrics={port}"))
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains(&format!("127.0.0.1:{port}")) && said.contains("another port"),
            "{said}"
        );
    }
}
