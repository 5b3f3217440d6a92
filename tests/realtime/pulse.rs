//! The threads that speak PulseAudio, over a server of our own with null
//! sinks: once they run they leave the heap alone. Skipped where there is no
//! `pulseaudio` program.
// It waits for callbacks that come from threads.
#![allow(clippy::disallowed_methods)]

use std::{
    env, fs,
    io::{BufRead, BufReader, ErrorKind},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, Thread},
    time::Duration,
};

use chinwag::{
    audio::{Doorbell, Wake, convert::InputChannel},
    device::{Backend, Clock, Halves, Spec, cpal::SoundCard},
    duplex::{capture, capture::Captured, render},
};

use super::counting::heap_calls;

const THIS: &str = "pulse::the_threads_that_speak_pulseaudio_leave_the_heap_alone_once_they_run";
/// Callbacks, of 10 ms, before it counts, and while it does.
const FIRST: u64 = 100;
const COUNTED: u64 = 500;
/// A stream that has not called for so many seconds never will.
const PATIENCE: u32 = 20;

/// What the thread of one stream has asked of the heap, seen by itself.
struct Watch {
    name: &'static str,
    is_there: AtomicBool,
    callbacks: AtomicU64,
    heap_calls: AtomicU64,
    sleeper: Thread,
}

impl Watch {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            name,
            is_there: AtomicBool::new(false),
            callbacks: AtomicU64::new(0),
            heap_calls: AtomicU64::new(0),
            sleeper: thread::current(),
        })
    }

    fn bell(self: &Arc<Self>) -> Arc<Doorbell> {
        Arc::new(Doorbell::new(Ringer(self.clone())))
    }
}

struct Ringer(Arc<Watch>);

impl Wake for Ringer {
    fn wake(&self) {
        let watch = &self.0;
        watch.is_there.store(thread::current().name() == Some(watch.name), SeqCst);
        watch.heap_calls.store(heap_calls(), SeqCst);
        watch.callbacks.fetch_add(1, SeqCst);
        watch.sleeper.unpark();
    }
}

/// Both streams through their first callbacks and those that count.
fn count() {
    let watches = ["chinwag-mic", "chinwag-speaker"].map(Watch::new);
    let bells = watches.each_ref().map(Watch::bell);
    let names = ["pulseaudio:microphone.monitor", "pulseaudio:speaker"];
    let mut card = SoundCard::new(Some(names[0]), Some(names[1]));
    let input_channel = InputChannel::default();
    let offer = card.offer(&Spec { period_frames: 480, rate: None, input_channel }).unwrap();
    let (capture_half, mut captured) =
        capture(offer.capture_rate, 0, input_channel, bells[0].clone());
    let (render_half, mut played) = render(offer.render_rate, 6.0, bells[1].clone());
    let streams = card.open(Halves::both(capture_half, render_half), Clock::start()).unwrap();
    let callbacks = || watches.each_ref().map(|watch| watch.callbacks.load(SeqCst));
    let (mut before, mut last, mut idle, mut samples) = (None, [0; 2], 0, vec![0.0; 4_800]);
    while callbacks().iter().any(|n| *n < FIRST + COUNTED) {
        for bell in &bells {
            bell.arm();
        }
        while matches!(captured.take(&mut samples), Captured::Frames { .. }) {}
        let wanted = samples.len().saturating_sub(played.pending_frames());
        samples.fill(0.1);
        played.push(&samples[..wanted]);
        if before.is_none() && callbacks().iter().all(|n| *n >= FIRST) {
            before = Some(watches.each_ref().map(|watch| watch.heap_calls.load(SeqCst)));
        }
        thread::park_timeout(Duration::from_secs(1));
        idle = if callbacks() == last { idle + 1 } else { 0 };
        last = callbacks();
        assert!(idle < PATIENCE, "no callback comes: {last:?}, {:?}", streams.faults());
    }
    let after = watches.each_ref().map(|watch| watch.heap_calls.load(SeqCst));
    assert_eq!(before, Some(after), "of microphone and speaker");
    assert!(watches.iter().all(|watch| watch.is_there.load(SeqCst)), "on threads of their own");
    assert_eq!(streams.faults().errors, 0);
}

/// A server that runs until this is dropped; none where the program is not here.
struct Server(Child);

impl Server {
    fn start(folder: &Path, socket: &Path) -> Option<Self> {
        let protocol =
            format!("module-native-protocol-unix auth-anonymous=1 socket={}", socket.display());
        let modules = [
            protocol.as_str(),
            "module-null-sink sink_name=microphone rate=48000",
            "module-null-sink sink_name=speaker rate=48000",
        ];
        let started = Command::new("pulseaudio")
            .args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"])
            .args(["--log-level=info", "--log-target=stderr"])
            .args(modules.map(|module| format!("--load={module}")))
            .envs(["HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH"].map(|name| (name, folder)))
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut server = match started {
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            started => Self(started.unwrap()),
        };
        let mut said =
            BufReader::new(server.0.stderr.take().unwrap()).lines().map_while(Result::ok);
        let is_up = said.any(|line| line.contains("startup complete"));
        assert!(is_up, "pulseaudio does not start");
        // Or it waits for somebody to read what it says.
        thread::spawn(move || said.count());
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_threads_that_speak_pulseaudio_leave_the_heap_alone_once_they_run() {
    const INSIDE: &str = "CHINWAG_TEST_INSIDE";
    if env::var_os(INSIDE).is_some() {
        return count();
    }
    let folder = env::temp_dir().join(format!("chinwag-pulse-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let socket = folder.join("native");
    let Some(server) = Server::start(&folder, &socket) else {
        return eprintln!("skipped: there is no program pulseaudio here");
    };
    // The environment names the server, and is one for the whole process.
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture"])
        .envs([(INSIDE, Path::new("1")), ("HOME", &folder)])
        .env("PULSE_SERVER", format!("unix:{}", socket.display()))
        .output()
        .unwrap();
    drop(server);
    fs::remove_dir_all(folder).unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
