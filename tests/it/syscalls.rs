//! What a talk over the virtual card asks of the kernel, thread by thread:
//! `strace` watches a whole run. Skipped, with a line, where it is not there.

use std::{
    collections::{BTreeMap, HashMap},
    env, fs,
    io::{self, Write},
    net::Ipv4Addr,
    path::Path,
    process::{Command, Stdio},
};

use chinwag::{
    net::serve::Server,
    sim::service::{ServiceSettings, Voice},
};

/// Calls with their numbers.
type Calls = BTreeMap<String, usize>;

/// Sleeps of a thread while it starts, and while it ends: not looked at.
const STARTS: usize = 20;
const ENDS: usize = 20;
/// Fewer periods than these prove nothing.
const PERIODS_MIN: usize = 100;

const SLEEP: &str = "futex wait";
const WAKE: &str = "futex wake";
/// The link waits in `poll`; its bell is an eventfd.
const RING: &str = "write";

/// Said past the test harness, which keeps to itself what passing tests print.
fn skip(why: &str) {
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{why}");
    let _ = writeln!(io::stderr(), "system calls not looked at: {why}");
}

fn can_trace() -> bool {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            skip(&format!("strace fails: {}", String::from_utf8_lossy(&output.stderr).trim()));
            false
        }
        Err(error) => {
            skip(&format!("no strace ({error}); apt-get install strace"));
            false
        }
    }
}

/// One call of a line: a futex is told by what it does, the second half of a
/// call that was interrupted is none.
fn call(text: &str) -> Option<String> {
    let (name, arguments) = text.split_once('(')?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return None;
    }
    Some(match name {
        "futex" if arguments.contains("FUTEX_WAIT") => SLEEP.to_owned(),
        "futex" if arguments.contains("FUTEX_WAKE") => WAKE.to_owned(),
        name => name.to_owned(),
    })
}

/// The calls of each thread that has a name, in their order.
fn threads(trace: &str) -> HashMap<String, Vec<String>> {
    let (mut names, mut calls) = (HashMap::new(), HashMap::<&str, Vec<String>>::new());
    for (pid, text) in trace.lines().filter_map(|line| line.split_once(' ')) {
        let text = text.trim_start();
        if let Some(rest) = text.strip_prefix("prctl(PR_SET_NAME, \"") {
            names.insert(pid, rest.split('"').next().unwrap_or_default().to_owned());
        }
        calls.entry(pid).or_default().extend(call(text));
    }
    calls.into_iter().filter_map(|(pid, calls)| Some((names.remove(pid)?, calls))).collect()
}

/// What a thread asked for once it ran and before it ended.
fn steady(calls: &[String]) -> Calls {
    let sleeps: Vec<usize> = (0..calls.len()).filter(|i| calls[*i] == SLEEP).collect();
    assert!(sleeps.len() >= STARTS + PERIODS_MIN + ENDS, "it slept {} times", sleeps.len());
    let mut counts = Calls::new();
    for call in &calls[sleeps[STARTS]..sleeps[sleeps.len() - ENDS]] {
        *counts.entry(call.clone()).or_default() += 1;
    }
    counts
}

/// A question from a file, answered: the calls of the card's thread, which runs
/// both callbacks, and of the worker.
fn talk(wake: &str) -> [Calls; 2] {
    let voice = Voice::Tone { hz: 330.0, ms: 1_000 };
    let settings = ServiceSettings { require_key: false, voice, ..ServiceSettings::default() };
    let server = Server::start((Ipv4Addr::LOCALHOST, 0).into(), None, settings, |_| ()).unwrap();
    let path = env::temp_dir().join(format!("chinwag-strace-{}-{wake}", std::process::id()));
    let question = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/speech/user-1.wav");
    let output = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&path)
        .arg(env!("CARGO_BIN_EXE_chinwag"))
        .args(["run", "--profile", "client-vad", "--speaker", "null", "--json"])
        .args(["--set", &format!("device.wake={wake}"), "--url"])
        .arg(format!("ws://{}", server.addr()))
        .arg("--mic")
        .arg(question)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("reply_finished"), "{said}");
    let trace = fs::read_to_string(&path).unwrap();
    fs::remove_file(path).unwrap();
    let threads = threads(&trace);
    ["chinwag-card", "chinwag-worker"].map(|name| steady(&threads[name]))
}

fn only(calls: &Calls, known: &[&str]) {
    let unknown: Vec<_> = calls.keys().filter(|call| !known.contains(&call.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?} in {calls:?}");
}

#[test]
fn callbacks_that_wake_the_worker_make_no_other_system_call() {
    if !can_trace() {
        return;
    }
    let [card, worker] = talk("bell");
    // The card sleeps once in a period; in each of the two callbacks at most one
    // wake.
    only(&card, &[SLEEP, WAKE]);
    let (sleeps, wakes) = (card[SLEEP], card.get(WAKE).copied().unwrap_or(0));
    assert!(wakes > sleeps / 4 && wakes <= 2 * sleeps, "{card:?}");
    only(&worker, &[SLEEP, RING]);
}

#[test]
fn callbacks_beside_a_worker_on_a_timer_make_no_system_call() {
    if !can_trace() {
        return;
    }
    let [card, worker] = talk("timer");
    only(&card, &[SLEEP]);
    only(&worker, &[SLEEP, RING]);
}

#[test]
fn a_trace_is_read_thread_by_thread() {
    let sleep = "futex(0x5, FUTEX_WAIT_BITSET_PRIVATE, 4294967295, {tv_sec=1}, 0xffff) = -1";
    let mut trace =
        String::from("7 prctl(PR_SET_NAME, \"chinwag-card\") = 0\n8 read(3, \"a\") = 1\n");
    let periods = |count| format!("7  {sleep}\n8  brk(NULL) = 1\n").repeat(count);
    trace += &periods(STARTS + 3);
    trace += "7  write(1, \"oh (no)\" <unfinished ...>\n7  <... write resumed>) = 7\n";
    trace += &periods(PERIODS_MIN + ENDS - 3);
    let threads = threads(&trace);
    assert_eq!(threads.len(), 1, "a thread without a name is none of ours");
    let calls = steady(&threads["chinwag-card"]);
    assert_eq!(calls, Calls::from([(SLEEP.to_owned(), PERIODS_MIN), ("write".to_owned(), 1)]));
    assert!(std::panic::catch_unwind(|| only(&calls, &[SLEEP])).is_err());
}
