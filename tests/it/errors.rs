//! What a person reads when it does not work: each trouble provoked with the
//! real program; its exit code, its words, its next step.

use std::{
    env, fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use chinwag::{
    net::{certificate::ServerTls, serve::Server},
    sim::service::{Fault, Mishap, ServiceSettings, When},
};

const CONFIG: i32 = 2;
const DEVICE: i32 = 3;
const LINK: i32 = 4;
const REFUSED: i32 = 5;

fn server(settings: ServiceSettings, tls: Option<ServerTls>) -> Server {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Server::start(any, tls, settings, |_| ()).unwrap()
}

/// The exit code of a talk with these arguments, and its last line of errors.
fn talk(args: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let quick = ["--set", "link.retry_ms_min=50", "--set", "link.retry_ms_max=50"];
    let output = Command::new(env!("CARGO_BIN_EXE_chinwag"))
        .args(["run", "--mic", "null", "--speaker", "null"])
        .args(quick)
        .args(args)
        .current_dir(env::temp_dir())
        .env_clear()
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let last = errors.lines().last().unwrap_or_default().to_owned();
    (output.status.code().unwrap(), last)
}

fn expect((code, words): (i32, String), expected: i32, parts: &[&str]) {
    assert_eq!(code, expected, "{words}");
    for part in parts {
        assert!(words.contains(part), "no {part:?} in {words:?}");
    }
    assert!(words.starts_with("chinwag: "), "{words}");
}

/// A talk with a simulator of these settings.
fn against(settings: ServiceSettings, args: &[&str]) -> (i32, String) {
    let server = server(settings, None);
    let url = format!("ws://{}", server.addr());
    let all = [&["--url", &url], args].concat();
    talk(&all, &[("GEMINI_API_KEY", "AIzaTest")])
}

fn closes(code: u16, reason: &str) -> ServiceSettings {
    let what = Mishap::Close { code, reason: reason.to_owned() };
    let faults = vec![Fault::new(When::Received(1), what)];
    ServiceSettings { faults, ..ServiceSettings::default() }
}

#[test]
fn no_key_says_where_to_put_one() {
    expect(talk(&[], &[]), CONFIG, &["there is no API key", "set GEMINI_API_KEY"]);
}

#[test]
fn a_wrong_key_is_refused_and_never_shown() {
    let settings = ServiceSettings { key: Some("right".to_owned()), ..ServiceSettings::default() };
    let (code, words) = against(settings, &[]);
    assert!(!words.contains("AIzaTest"), "{words}");
    expect((code, words), REFUSED, &["the api key was not accepted", "check the key"]);
}

#[test]
fn a_leaked_key_and_an_exhausted_one_are_told_apart() {
    let leaked = closes(1008, "Your API key was reported as leaked. Please use another API key.");
    expect(against(leaked, &[]), REFUSED, &["reported as leaked", "create a new key"]);
    let spent = closes(1011, "You exceeded your current quota, please check your plan and billing");
    expect(against(spent, &[]), REFUSED, &["quota", "raise the quota or the budget"]);
}

#[test]
fn a_model_that_is_gone_names_its_successor_before_anything_is_dialled() {
    let (code, words) = talk(&["--model", "gemini-2.0-flash-live-001"], &[]);
    assert_eq!((code, words.trim()), (CONFIG, "= use gemini-3.8-live"));
}

#[test]
fn an_unknown_model_names_the_two_keys_to_check() {
    let refused = against(ServiceSettings::default(), &["--model", "gemini-nonsense"]);
    expect(refused, REFUSED, &["check session.model (\"gemini-nonsense\")", "session.api_version"]);
}

#[test]
fn an_address_without_the_service_names_the_api_version() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let gateway = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.read(&mut [0; 4_096]);
        socket.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let refused = talk(&["--url", &url, "--set", "session.api_version=v1"], &[]);
    gateway.join().unwrap();
    expect(refused, REFUSED, &["http 404", "check link.url and session.api_version"]);
}

#[test]
fn a_port_where_nobody_listens_is_given_up() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let url = format!("ws://{free}");
    let refused = talk(&["--url", &url], &[]);
    expect(
        refused,
        LINK,
        &[&format!("nobody listens at {free}"), "check the url, or start the server"],
    );
}

#[test]
fn a_place_without_a_way_to_it_is_no_network() {
    // The system refuses to connect to a broadcast address by itself.
    let url = "wss://255.255.255.255";
    let refused = talk(&["--url", url], &[("GEMINI_API_KEY", "k")]);
    expect(refused, LINK, &["255.255.255.255", "check"]);
}

#[test]
fn a_name_that_cannot_be_resolved_is_said() {
    // A label over 63 characters never leaves this machine.
    let host = "x".repeat(64);
    let url = format!("wss://{host}.invalid");
    let refused = talk(&["--url", &url], &[("GEMINI_API_KEY", "k")]);
    expect(refused, LINK, &[&host, "check"]);
}

/// A certificate for `name` by an authority of our own, whose file is trusted.
fn certificate(
    file: &str,
    name: &str,
    change: impl FnOnce(&mut rcgen::CertificateParams),
) -> (PathBuf, ServerTls) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    // Each its own name, or the wrong one is taken for the issuer.
    params.distinguished_name.push(rcgen::DnType::CommonName, file);
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap();
    let path = env::temp_dir().join(format!("chinwag-errors-{}-{file}.pem", std::process::id()));
    fs::write(&path, authority.pem()).unwrap();
    let issuer = rcgen::Issuer::new(params, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let pem = params.signed_by(&key, &issuer).unwrap().pem();
    (path, ServerTls::from_pem(&pem, &key.serialize_pem()).unwrap())
}

/// A talk over TLS, whose authority is trusted.
fn secured((path, tls): (PathBuf, ServerTls)) -> (i32, String) {
    let server = server(ServiceSettings::default(), Some(tls));
    let url = format!("wss://localhost:{}", server.addr().port());
    let trusted = path.to_str().unwrap();
    let judged = talk(&["--url", &url, "--ca-file", trusted], &[("GEMINI_API_KEY", "k")]);
    fs::remove_file(path).unwrap();
    judged
}

#[test]
fn a_certificate_that_does_not_hold_says_why() {
    let expired = certificate("expired", "localhost", |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    expect(secured(expired), LINK, &["not valid at this time", "check this machine's clock"]);
    let other = certificate("other", "example.com", |_| {});
    expect(secured(other), LINK, &["is not for \"localhost\"", "check the host in the url"]);
    let early = certificate("early", "localhost", |params| {
        params.not_before = rcgen::date_time_ymd(3001, 1, 1);
        params.not_after = rcgen::date_time_ymd(3002, 1, 1);
    });
    expect(secured(early), LINK, &["not valid at this time", "check this machine's clock"]);
    let client = certificate("client", "localhost", |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    expect(secured(client), LINK, &["does not hold", "the server must replace it"]);
}

#[test]
fn a_certificate_of_nobody_we_trust_asks_for_its_issuer() {
    let (path, tls) = certificate("issuer", "localhost", |_| {});
    let server = server(ServiceSettings::default(), Some(tls));
    let url = format!("wss://localhost:{}", server.addr().port());
    // Some roots have to be there, or that would be the complaint.
    let roots = certificate("roots", "localhost", |_| {}).0;
    let variables = [("GEMINI_API_KEY", "k"), ("SSL_CERT_FILE", roots.to_str().unwrap())];
    let refused = talk(&["--url", &url], &variables);
    for path in [path, roots] {
        fs::remove_file(path).unwrap();
    }
    expect(refused, LINK, &["nobody that this machine trusts", "--ca-file"]);
}

#[test]
fn a_machine_without_certificates_is_told_the_package() {
    let variables = [("GEMINI_API_KEY", "k"), ("SSL_CERT_FILE", "/nonexistent")];
    let refused = talk(&["--url", "wss://localhost:1"], &variables);
    expect(refused, LINK, &["certificates", "install the package ca-certificates"]);
    let refused = talk(
        &["--url", "wss://localhost:1", "--set", "link.ca_file=/nonexistent"],
        &[("GEMINI_API_KEY", "k")],
    );
    expect(refused, LINK, &["the certificates in /nonexistent", "give a file of PEM certificates"]);
}

#[test]
fn a_file_as_microphone_that_cannot_be_used_is_a_device_error() {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 77,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let path = env::temp_dir().join(format!("chinwag-errors-{}-odd.wav", std::process::id()));
    let mut wave = hound::WavWriter::create(&path, spec).unwrap();
    wave.write_sample(1_i16).unwrap();
    wave.finalize().unwrap();
    let odd = against(ServiceSettings::default(), &["--mic", path.to_str().unwrap()]);
    fs::remove_file(path).unwrap();
    expect(odd, DEVICE, &["has a rate of 77 Hz", "expected"]);
    let missing = against(ServiceSettings::default(), &["--mic", "/nonexistent.wav"]);
    expect(missing, DEVICE, &["/nonexistent.wav: cannot open", "check the path"]);
}
