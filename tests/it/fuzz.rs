//! Hostile bytes: the bodies of the fuzz targets on a corpus that is kept, and
//! on what becomes of it by chance, always the same.

// The targets in fuzz/ are crates of their own.
#![allow(unreachable_pub)]

mod audio;
mod config;
mod downlink;
mod endpoint;
mod recorded;
mod simulator;

use std::{env, fs, panic, path::Path};

/// Marsaglia's xorshift: the same inputs on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}

/// The files of a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path)))
        .map(|(name, bytes)| (name, bytes.unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds nothing", folder.display());
    files
}

/// One file changed a little, or grown together with another.
fn mutated(corpus: &[(String, Vec<u8>)], random: &mut Random) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].1.clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = [0, 0x7f, 0x80, 0xff][random.below(4)],
            2 => drop(bytes.drain(at..(at + random.below(40)).min(bytes.len()))),
            3 => bytes.insert(at, b"{}[]\"'\\:,=.-9e\n\x1e\x00\xc3"[random.below(18)]),
            4 => bytes.truncate(at),
            5 => {
                let end = (at + random.below(60)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                let other = &corpus[random.below(corpus.len())].1;
                let from = random.below(other.len() + 1);
                let end = (from + random.below(200)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
        }
    }
    bytes
}

/// Runs what is kept, then so many changed ones; `CHINWAG_FUZZ_RUNS` is another
/// number. What fails is written to a file that is named.
fn run(target: &str, body: fn(&[u8]), runs: usize) {
    let corpus = corpus(target);
    for (name, bytes) in &corpus {
        let fine = panic::catch_unwind(|| body(bytes)).is_ok();
        assert!(fine, "tests/data/fuzz/{target}/{name} fails");
    }
    let runs = env::var("CHINWAG_FUZZ_RUNS").map_or(runs, |runs| runs.parse().unwrap());
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for number in 0..runs {
        let bytes = mutated(&corpus, &mut random);
        if panic::catch_unwind(|| body(&bytes)).is_err() {
            let path = env::temp_dir().join(format!("chinwag-fuzz-{target}-{number}"));
            fs::write(&path, &bytes).unwrap();
            panic!("{target} fails; what it got is in {}", path.display());
        }
    }
}

#[test]
fn any_bytes_as_a_configuration_are_refused_in_place_or_explain_themselves() {
    run("config", config::run, 150);
}

#[test]
fn any_server_is_survived_by_the_link() {
    run("downlink", downlink::run, 1_500);
}

#[test]
fn any_client_is_survived_by_the_simulator() {
    run("simulator", simulator::run, 400);
}

#[test]
fn any_bytes_as_a_sound_file_are_refused_or_sound() {
    run("audio", audio::run, 1_000);
}

#[test]
fn any_address_is_refused_or_goes_where_it_says() {
    run("endpoint", endpoint::run, 20_000);
}

#[test]
fn any_recorded_talk_is_replayed() {
    run("recorded", recorded::run, 100);
}
