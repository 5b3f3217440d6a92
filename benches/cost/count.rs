//! Instructions of each case, counted by callgrind, against `baseline.json`.
//!
//! Callgrind counts only within `calls_of_one_case`, and writes what it has
//! whenever that returns: one run counts all cases, set-up not included.

use std::{collections::BTreeMap, env, fs, io, path::Path, process::Command};

use serde::{Deserialize, Serialize};

use super::Case;

/// A rise by more than this share fails.
const RISE_MAX: f64 = 0.05;
/// Calls before counting: buffers that grow have grown.
const WARM: u32 = 5;
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/baseline.json");

/// Instructions per call, and what they depend on.
#[derive(Debug, Serialize, Deserialize)]
struct Counts {
    toolchain: String,
    target: String,
    /// What is used of the processor, as some crates choose their arithmetic by it.
    cpu: String,
    instructions_per_call: BTreeMap<String, u64>,
}

impl Counts {
    fn is_alike(&self, other: &Self) -> bool {
        (&self.toolchain, &self.target, &self.cpu) == (&other.toolchain, &other.target, &other.cpu)
    }

    fn describe(&self) -> String {
        format!("{}, {}, {}", self.toolchain, self.target, self.cpu)
    }
}

#[inline(never)]
fn calls_of_one_case(body: &mut dyn FnMut(), times: u32) {
    for _ in 0..times {
        body();
    }
}

/// Within callgrind: every case, its name first.
pub(super) fn run(cases: &[Case]) {
    println!("{}", cpu());
    for case in cases {
        println!("{}", case.name);
        let mut body = (case.make)();
        if case.times > 1 {
            (0..WARM).for_each(|_| body());
        }
        calls_of_one_case(&mut body, case.times);
    }
}

#[cfg(target_arch = "x86_64")]
fn cpu() -> String {
    let known = [
        ("sse4.1", is_x86_feature_detected!("sse4.1")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
    ];
    let here: Vec<&str> = known.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    here.join(" ")
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu() -> String {
    env::consts::ARCH.to_owned()
}

/// Counts, prints both, and returns the exit code.
pub(super) fn compare(cases: &[Case]) -> i32 {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("instructions not counted: no valgrind; apt-get install valgrind");
        return i32::from(env::var_os("CI").is_some_and(|ci| ci == "true"));
    }
    let folder = env::temp_dir().join(format!("chinwag-count-{}", std::process::id()));
    let counted = fs::create_dir_all(&folder).and_then(|()| count(cases, &folder));
    let _ = fs::remove_dir_all(&folder);
    let now = match counted {
        Ok(counts) => counts,
        Err(error) => {
            println!("instructions not counted: {error}");
            return 1;
        }
    };
    if env::var_os("BLESS").is_some() {
        // proven: a map of strings to numbers is JSON.
        let text = serde_json::to_string_pretty(&now).expect("counts are JSON") + "\n";
        fs::write(BASELINE, text).expect("baseline.json can be written");
    }
    let before = fs::read_to_string(BASELINE)
        .map_err(|error| error.to_string())
        .and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
    match before {
        Ok(before) => judge(&before, &now),
        Err(error) => {
            println!("{BASELINE}: {error}; BLESS=1 make bench-count writes it");
            1
        }
    }
}

fn count(cases: &[Case], folder: &Path) -> io::Result<Counts> {
    // Its whole name: dump-after takes no pattern.
    let counted = std::any::type_name_of_val(&calls_of_one_case);
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--toggle-collect={counted}"))
        .arg(format!("--dump-after={counted}"))
        .arg(format!("--callgrind-out-file={}", folder.join("out").display()))
        .arg(env::current_exe()?)
        .arg("--counted")
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = || io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned());
    let cpu = said.lines().next().filter(|_| output.status.success()).ok_or_else(failed)?;
    let mut counts = Counts {
        toolchain: told_by_rustc("")?,
        target: told_by_rustc("host: ")?,
        cpu: cpu.to_owned(),
        instructions_per_call: BTreeMap::new(),
    };
    for (index, case) in cases.iter().enumerate() {
        let total = total(&folder.join(format!("out.{}", index + 1)))?;
        counts.instructions_per_call.insert(case.name.clone(), total / u64::from(case.times));
    }
    Ok(counts)
}

/// What one file of callgrind's says it counted.
fn total(file: &Path) -> io::Result<u64> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
    totals
        .and_then(|total| total.trim().parse().ok())
        .ok_or_else(|| io::Error::other(format!("{}: callgrind wrote no totals", file.display())))
}

/// The first line of `rustc -vV` that begins so, without that.
fn told_by_rustc(prefix: &str) -> io::Result<String> {
    let output =
        Command::new("rustc").arg("-vV").current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().find_map(|line| line.strip_prefix(prefix));
    line.map(str::to_owned).ok_or_else(|| io::Error::other("rustc does not say what it is"))
}

fn judge(before: &Counts, now: &Counts) -> i32 {
    let is_alike = before.is_alike(now);
    let mut broken = Vec::new();
    println!("{:<36} {:>14} {:>14} {:>8}", "instructions per call", "baseline", "now", "change");
    for (name, count) in &now.instructions_per_call {
        let known = before.instructions_per_call.get(name).copied();
        let change = known.map(|known| *count as f64 / known.max(1) as f64 - 1.0);
        let shown = change.map_or("new".to_owned(), |change| format!("{:+.1} %", 100.0 * change));
        let known = known.map_or("-".to_owned(), |known| known.to_string());
        println!("{name:<36} {known:>14} {count:>14} {shown:>8}");
        if change.is_none_or(|change| change > RISE_MAX) {
            broken.push(name.as_str());
        }
    }
    if !is_alike {
        println!(
            "not compared: the baseline is of {}; this is {}",
            before.describe(),
            now.describe()
        );
        return 0;
    }
    if broken.is_empty() {
        return 0;
    }
    println!("over {:.0} % more, or without a baseline: {}", 100.0 * RISE_MAX, broken.join("; "));
    println!("where that is meant: BLESS=1 make bench-count");
    1
}
