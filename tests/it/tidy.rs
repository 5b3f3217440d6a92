//! The house rules that a compiler does not keep: who may import whom, how long
//! a file may be, what real-time files promise, which crates are absent.

mod rules;
mod source;
mod trust;

use std::{fs, path::Path};

use source::Source;

/// Crates that run futures; none may come in, not even by way of others.
const ASYNC_RUNTIMES: [&str; 9] = [
    "tokio",
    "async-std",
    "smol",
    "async-executor",
    "async-io",
    "futures-executor",
    "glommio",
    "monoio",
    "compio",
];

/// Of those, what one certain crate may depend on, and nothing else: cpal's
/// PulseAudio host, by way of `futures`, waits for each answer of the server
/// with `block_on`, which parks its thread and runs nothing besides.
const ALLOWED_BELOW: [(&str, &str); 1] = [("futures-executor", "futures")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, into: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            if path
                .file_name()
                .is_some_and(|name| name != "target" && name != "data" && name != "corpus")
            {
                rust_files(&path, into);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            into.push(Source::new(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_tree_keeps_the_house_rules() {
    let mut sources = Vec::new();
    for folder in ["src", "ffi/src", "tests", "benches", "examples", "fuzz"] {
        rust_files(&root().join(folder), &mut sources);
    }
    assert!(sources.len() > 10, "only {} files found", sources.len());
    let mut violations: Vec<String> = sources.iter().flat_map(rules::violations).collect();
    violations.extend(sources.iter().flat_map(trust::violations));
    violations.sort();
    assert!(
        violations.is_empty(),
        "{} house rules broken:\n{}\n",
        violations.len(),
        violations.join("\n")
    );
}

#[test]
fn the_lock_file_holds_no_async_runtime() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    assert_eq!(runtimes_in(&lock), Vec::<&str>::new());
    let package = |name: &str, below: &str| {
        format!("[[package]]\nname = \"{name}\"\ndependencies = [\"{below} 1.0.0\"]\n")
    };
    assert_eq!(runtimes_in(&package("tokio", "bytes")), ["tokio"]);
    assert_eq!(runtimes_in(&package("tokio-util-like", "bytes")), Vec::<&str>::new());
    let executor = package("futures-executor", "futures-core");
    let allowed = executor.clone() + &package("futures", "futures-executor");
    assert_eq!(runtimes_in(&allowed), Vec::<&str>::new());
    let other = allowed + &package("other", "futures-executor");
    assert_eq!(runtimes_in(&other), ["futures-executor"]);
}

fn runtimes_in(lock: &str) -> Vec<&'static str> {
    let lock: toml::Table = lock.parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let holds = |name: &str| packages.iter().any(|p| p["name"].as_str() == Some(name));
    let stray = |name: &&str| {
        let above = ALLOWED_BELOW.iter().find(|(below, _)| below == name).map(|(_, above)| *above);
        let mut users = packages.iter().filter(|p| depends_on(p, name));
        holds(name) && (above.is_none() || users.any(|user| user["name"].as_str() != above))
    };
    ASYNC_RUNTIMES.into_iter().filter(stray).collect()
}

fn depends_on(package: &toml::Value, name: &str) -> bool {
    let below = package.get("dependencies").and_then(toml::Value::as_array);
    let names = below.into_iter().flatten().filter_map(toml::Value::as_str);
    names.into_iter().any(|below| below.split(' ').next() == Some(name))
}

#[test]
fn every_direct_dependency_has_its_notice() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let notices = fs::read_to_string(root().join("THIRD-PARTY-NOTICES.md")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    for name in manifest["dependencies"].as_table().unwrap().keys() {
        let known = name == "chinwag-ffi" || notices.contains(&format!("\n| {name} | "));
        assert!(known, "{name} has no notice; run scripts/notices.sh");
    }
}
