//! What only certain files may do, so that a server can reach none of it: write
//! files, start programs, connect, judge certificates.

use super::source::Source;

/// What is named, and where alone it may stand.
const ONLY: [(&str, &[&str]); 15] = [
    ("process::Command", &[]),
    ("Command::new", &[]),
    ("unsafe ", &["ffi/src/"]),
    ("fs::write", &["src/cli/bench/", "src/cli/sim", "src/cli/replay/", "src/cli/demo/"]),
    ("fs::copy", &[]),
    ("fs::rename", &[]),
    ("fs::remove", &[]),
    ("File::create", &["src/engine/record.rs"]),
    ("create_dir", &["src/engine/record.rs", "src/cli/bench/", "src/cli/replay/", "src/cli/demo/"]),
    ("OpenOptions", &["src/device/cpal/pulse/access.rs"]),
    ("WavWriter::create", &["src/device/wave_file.rs"]),
    ("TcpStream::connect", &[]),
    // What was asked for, and the waker of systems without an eventfd.
    (".connect(&", &["src/net/connect.rs"]),
    ("to_socket_addrs", &["src/net/resolve.rs"]),
    // The system's own judge, given to rustls by the one name that it has for that.
    ("dangerous()", &["src/net/tls.rs"]),
];

/// Each place outside tests at which a file does what it may not.
pub(super) fn violations(source: &Source) -> Vec<String> {
    let is_ours = source.path.starts_with("src/") || source.path.starts_with("ffi/src/");
    let forbidden = |&&(_, homes): &&(&str, &[&str])| {
        is_ours && !homes.iter().any(|home| source.path.starts_with(home))
    };
    let at = |(what, _): &(&'static str, &[&str])| {
        let what = *what;
        let places = source.code.match_indices(what).filter(|(at, _)| !source.is_test(*at));
        places.map(|(at, _)| (source.line_of(at), what)).collect::<Vec<_>>()
    };
    let broken = ONLY.iter().filter(forbidden).flat_map(at);
    broken.map(|(line, what)| format!("{}:{line}: does {what}", source.path)).collect()
}

#[test]
fn a_file_that_starts_a_program_or_trusts_anybody_is_found() {
    let broken = |path: &str, text: &str| violations(&Source::new(path, text)).len();
    assert_eq!(broken("src/net/a.rs", "fn a() { process::Command::new(\"x\"); }"), 2);
    assert_eq!(broken("src/link/a.rs", "fn a() { std::fs::write(name, text); }"), 1);
    assert_eq!(broken("src/net/error.rs", "fn a() { config.dangerous(); }"), 1);
    assert_eq!(broken("src/net/tls.rs", "fn a() { config.dangerous(); }"), 0);
    assert_eq!(
        broken("src/net/a.rs", "#[cfg(test)]\nmod tests { fn a() { fs::write(a, b); } }"),
        0
    );
}
