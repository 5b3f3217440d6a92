//! `chinwag run` as a person or a program uses it: keys, lines, signals, what
//! is printed, how it ends.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use chinwag::{
    device::wave_file,
    net::serve::Server,
    sim::service::{ServiceSettings, TurnScript, Voice},
};
use rustix::process::{Pid, Signal, kill_process};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Replies of so many milliseconds.
fn server_at(addr: SocketAddr, reply_ms: u32) -> Server {
    let script = vec![TurnScript { model: Some("Here I am.".to_owned()), ..TurnScript::default() }];
    let voice = Voice::Tone { hz: 330.0, ms: reply_ms };
    let settings = ServiceSettings { voice, script, think_ms: 0, ..ServiceSettings::default() };
    Server::start(addr, None, settings, |_| ()).unwrap()
}

fn server(reply_ms: u32) -> Server {
    server_at((Ipv4Addr::LOCALHOST, 0).into(), reply_ms)
}

fn folder(name: &str) -> PathBuf {
    env::temp_dir().join(format!("chinwag-run-{}-{name}", std::process::id()))
}

fn command(program: &str, url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    if program == "setsid" {
        command.args(["-c", env!("CARGO_BIN_EXE_chinwag")]);
    }
    command
        .args(["run", "--mic", "null", "--speaker", "null", "--url", url])
        .args(args)
        .current_dir(env::temp_dir())
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("TERM", "xterm")
        .env("XDG_CONFIG_HOME", "/nonexistent");
    command
}

/// A running talk, its lines as they come.
struct Talk {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

fn lines_of(source: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

impl Talk {
    fn start(url: &str, args: &[&str]) -> Self {
        let mut command = command(env!("CARGO_BIN_EXE_chinwag"), url, args);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, lines) = (child.stdin.take().unwrap(), lines_of(child.stdout.take().unwrap()));
        Self { child, stdin, lines }
    }

    fn with(server: &Server, args: &[&str]) -> Self {
        Self::start(&format!("ws://{}", server.addr()), args)
    }

    /// Waits for a line with this in it.
    fn wait_for(&self, part: &str) -> String {
        next_with(&self.lines, part)
    }

    fn order(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn next_with(lines: &Receiver<String>, part: &str) -> String {
    let mut before = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if line.contains(part) => return line,
            Ok(line) => before.push(line),
            Err(error) => panic!("no {part:?} ({error}) after {before:#?}"),
        }
    }
}

#[test]
fn the_first_signal_ends_within_a_second_and_well() {
    let server = server(10_000);
    for signal in [Signal::INT, Signal::TERM] {
        let mut talk = Talk::with(&server, &[]);
        talk.wait_for("ready");
        talk.order("say hello");
        talk.wait_for("Here I am");
        let start = Instant::now();
        talk.signal(signal);
        assert_eq!(talk.exit_code(), Some(0));
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
}

#[test]
fn a_server_that_says_nothing_does_not_hold_the_end_up() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut talk = Talk::start(&format!("ws://{}", listener.local_addr().unwrap()), &[]);
    talk.wait_for("key ");
    let _held = listener.accept().unwrap();
    let start = Instant::now();
    talk.signal(Signal::INT);
    assert_eq!(talk.exit_code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn the_second_signal_ends_at_once_with_130() {
    let server = server(100);
    let mut talk = Talk::with(&server, &[]);
    talk.wait_for("ready");
    talk.signal(Signal::INT);
    talk.signal(Signal::TERM);
    assert_eq!(talk.exit_code(), Some(130));
}

#[test]
fn lines_and_a_signal_press_the_talk_key_mute_and_quit() {
    let server = server(100);
    let mut talk = Talk::with(&server, &["--json", "--turn", "push-to-talk"]);
    talk.wait_for("\"ready\"");
    talk.order("talk");
    talk.wait_for("window_opened");
    talk.order("send");
    talk.wait_for("window_closed");
    talk.signal(Signal::USR1);
    talk.wait_for("window_opened");
    talk.signal(Signal::USR1);
    talk.wait_for("window_closed");
    talk.order("mute");
    talk.wait_for("\"muted\"");
    talk.order("unmute");
    talk.wait_for("\"unmuted\"");
    talk.order("quit");
    assert_eq!(talk.exit_code(), Some(0));
}

#[test]
fn a_line_changes_how_turns_are_taken_and_the_talk_goes_on() {
    let server = server(100);
    let mut talk = Talk::with(&server, &["--json", "--turn", "client"]);
    talk.wait_for("\"ready\"");
    talk.order("mode server");
    talk.wait_for("mode_changed");
    let back = talk.wait_for("reconnected");
    assert!(back.contains("\"planned\":true"), "{back}");
    talk.order("mode hybrid");
    talk.wait_for("mode_changed");
    talk.order("mode push-to-talk");
    talk.wait_for("reconnected");
    talk.order("talk");
    talk.wait_for("window_opened");
    talk.order("send");
    talk.wait_for("window_closed");
    talk.order("mode cleint");
    talk.order("say hello");
    talk.wait_for("reply_started");
    talk.order("quit");
    assert_eq!(talk.exit_code(), Some(0));
}

#[test]
fn stop_silences_the_model_here_and_at_the_service() {
    for profile in ["speakers", "client-vad", "server-vad", "push-to-talk"] {
        let server = server(20_000);
        let mut talk = Talk::with(&server, &["--json", "--profile", profile]);
        talk.wait_for("\"ready\"");
        talk.order("say hello");
        talk.wait_for("reply_started");
        talk.order("stop");
        // Worker and link tell of it in any order.
        let mut expected = vec!["reply_cut", "\"interrupted\"", "turn_complete"];
        while !expected.is_empty() {
            let line = talk.wait_for("event");
            assert!(!line.contains("generation_complete"), "the service spoke on");
            expected.retain(|part| !line.contains(part));
        }
        talk.order("quit");
        assert_eq!(talk.exit_code(), Some(0), "{profile}");
    }
}

#[test]
fn quiet_prints_captions_only_and_verbose_explains_on_standard_error() {
    let server = server(100);
    let mut talk = Talk::with(&server, &["-q", "-v"]);
    let errors = lines_of(talk.child.stderr.take().unwrap());
    next_with(&errors, "connected");
    talk.order("say hello");
    assert_eq!(talk.lines.recv_timeout(PATIENCE).unwrap(), "model  Here I am.");
    next_with(&errors, "reply_finished");
    talk.order("quit");
    assert_eq!(talk.exit_code(), Some(0));
    assert_eq!(talk.lines.recv().ok(), None);
}

#[test]
fn a_recording_survives_a_kill() {
    let (server, folder) = (server(2_500), folder("record"));
    let mut talk = Talk::with(&server, &["--json", "--record", folder.to_str().unwrap()]);
    talk.wait_for("\"ready\"");
    talk.order("say hello");
    talk.wait_for("reply_finished");
    talk.signal(Signal::KILL);
    assert_eq!(talk.exit_code(), None);
    let [mic, far] = ["mic.wav", "far.wav"].map(|n| wave_file::read(&folder.join(n)).unwrap());
    assert!(mic.samples.len() > 48_000 && far.samples.len() > 48_000);
    assert!(mic.samples.iter().all(|s| *s == 0.0), "the null microphone");
    assert!(far.samples.iter().any(|s| s.abs() > 0.1), "the reply was played");
    let events = fs::read_to_string(folder.join("events.jsonl")).unwrap();
    for line in events.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("whole lines");
    }
    assert!(events.contains("\"connected\"") && events.ends_with('\n'));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_silent_microphone_is_named_once() {
    let (server, folder) = (server(100), folder("silent"));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("dead.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wave = hound::WavWriter::create(&path, spec).unwrap();
    (0..16_000 * 60).for_each(|_| wave.write_sample(0_i16).unwrap());
    wave.finalize().unwrap();
    let mut talk = Talk::with(&server, &["--mic", path.to_str().unwrap()]);
    let errors = lines_of(talk.child.stderr.take().unwrap());
    let warning = next_with(&errors, "digital silence");
    assert!(warning.contains("dead.wav") && warning.contains("--mic"), "{warning}");
    talk.order("quit");
    assert_eq!(talk.exit_code(), Some(0));
    assert_eq!(errors.recv().ok(), None, "said once");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_kiosk_waits_for_its_network() {
    let addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let quick = ["--set", "link.start=retry", "--set", "link.retry_ms_min=50"];
    let talk = Talk::start(
        &format!("ws://{addr}"),
        &[&quick[..], &["--set", "link.retry_ms_max=50", "--json"]].concat(),
    );
    let told = talk.wait_for("nobody listens");
    assert!(told.contains("trying again"), "{told}");
    let _server = server_at(addr, 100);
    // The same trouble is not told again before that.
    loop {
        let line = talk.lines.recv_timeout(PATIENCE).unwrap();
        assert!(!line.contains("nobody listens"), "{line}");
        if line.contains("\"ready\"") {
            break;
        }
    }
}

#[test]
fn a_kiosk_waits_for_its_device() {
    let (server, folder) = (server(100), folder("device"));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("late.wav");
    let quick = ["--set", "link.start=retry", "--set", "link.retry_ms_min=50"];
    let mut talk = Talk::with(&server, &[&quick[..], &["--mic", path.to_str().unwrap()]].concat());
    let errors = lines_of(talk.child.stderr.take().unwrap());
    next_with(&errors, "trying again until it is there");
    fs::copy("demo/speech/user-1.wav", folder.join("part")).unwrap();
    fs::rename(folder.join("part"), &path).unwrap();
    talk.wait_for("ready");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_kiosk_that_waits_for_its_device_can_be_ended() {
    let server = server(100);
    let mut talk =
        Talk::with(&server, &["--set", "link.start=retry", "--mic", "/nonexistent/late.wav"]);
    let errors = lines_of(talk.child.stderr.take().unwrap());
    next_with(&errors, "trying again until it is there");
    talk.order("mute");
    talk.order("quit");
    assert_eq!(talk.exit_code(), Some(0));
}

#[test]
fn a_talk_that_never_began_has_no_figures() {
    let mut talk = Talk::start("ws://127.0.0.1:1", &["--set", "link.retry_ms_max=500"]);
    let errors = lines_of(talk.child.stderr.take().unwrap());
    next_with(&errors, "nobody listens");
    assert_eq!(talk.exit_code(), Some(4));
    let lines: Vec<String> = talk.lines.iter().collect();
    assert!(lines.iter().all(|line| !line.contains("sound system: ")), "{lines:#?}");
}

#[cfg(target_os = "linux")]
mod on_a_terminal {
    use std::{fs::File, os::fd::OwnedFd};

    use rustix::{
        pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
        termios::{Action, LocalModes, tcflow, tcgetattr},
    };

    use super::*;

    struct OnTerminal {
        child: Child,
        master: File,
        slave: File,
        seen: String,
    }

    impl OnTerminal {
        fn start(server: &Server, args: &[&str]) -> Self {
            let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
            grantpt(&master).unwrap();
            unlockpt(&master).unwrap();
            let name = ptsname(&master, Vec::new()).unwrap();
            let mut both = File::options();
            let slave = both.read(true).write(true).open(name.to_str().unwrap()).unwrap();
            let copy = || Stdio::from(slave.try_clone().unwrap());
            let url = format!("ws://{}", server.addr());
            let mut command = command("setsid", &url, args);
            let child = command.stdin(copy()).stdout(copy()).stderr(copy()).spawn().unwrap();
            Self { child, master: master.into(), slave, seen: String::new() }
        }

        /// Reads until the screen has shown this.
        fn wait_for(&mut self, part: &str) {
            let start = Instant::now();
            let mut bytes = [0; 4_096];
            while !self.seen.contains(part) {
                assert!(start.elapsed() < PATIENCE, "no {part:?} in {:?}", self.seen);
                let count = self.master.read(&mut bytes).unwrap();
                self.seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
            self.seen.clear();
        }

        fn is_by_line(&self) -> bool {
            let modes = tcgetattr(&self.slave).unwrap().local_modes;
            modes.contains(LocalModes::ICANON | LocalModes::ECHO)
        }

        fn exit_code(&mut self) -> Option<i32> {
            self.child.wait().unwrap().code()
        }
    }

    impl Drop for OnTerminal {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    #[test]
    fn keys_are_obeyed_and_the_terminal_is_put_back() {
        let server = server(100);
        let mut talk = OnTerminal::start(&server, &["--turn", "push-to-talk"]);
        talk.wait_for("waiting for space");
        assert!(!talk.is_by_line());
        talk.master.write_all(b" ").unwrap();
        talk.wait_for("]  you");
        talk.master.write_all(b" ").unwrap();
        talk.wait_for("waiting for space");
        talk.master.write_all(b"m").unwrap();
        talk.wait_for("muted");
        talk.master.write_all(b"q").unwrap();
        assert_eq!(talk.exit_code(), Some(0));
        assert!(talk.is_by_line());
    }

    /// As by Ctrl-S.
    #[test]
    fn a_terminal_that_is_held_stops_nothing_but_the_screen() {
        use crate::stalls;
        let ((server, told), folder) = (stalls::server(), stalls::folder("stuck-terminal"));
        let [mic, speaker] = ["question.wav", "speaker.wav"].map(|name| folder.join(name));
        let files = ["--mic", mic.to_str().unwrap(), "--speaker", speaker.to_str().unwrap()];
        let mut talk =
            OnTerminal::start(&server, &[&files[..], &["--profile", "client-vad"]].concat());
        talk.wait_for("listening");
        tcflow(&talk.slave, Action::OOff).unwrap();
        stalls::wait_until_answered(&told, &speaker);
        tcflow(&talk.slave, Action::OOn).unwrap();
        talk.wait_for("s of reply");
        talk.master.write_all(b"q").unwrap();
        assert_eq!(talk.exit_code(), Some(0));
        assert!(talk.is_by_line());
    }

    #[test]
    fn a_second_signal_ends_it_while_the_terminal_is_held() {
        let server = server(100);
        let mut talk = OnTerminal::start(&server, &[]);
        talk.wait_for("listening");
        tcflow(&talk.slave, Action::OOff).unwrap();
        for signal in [Signal::INT, Signal::TERM] {
            kill_process(Pid::from_child(&talk.child), signal).unwrap();
        }
        assert_eq!(talk.exit_code(), Some(130));
        assert!(talk.is_by_line());
    }

    #[test]
    fn the_terminal_is_put_back_where_a_second_signal_ends_it() {
        let server = server(100);
        let mut talk = OnTerminal::start(&server, &[]);
        talk.wait_for("listening");
        for signal in [Signal::INT, Signal::TERM] {
            kill_process(Pid::from_child(&talk.child), signal).unwrap();
        }
        assert_eq!(talk.exit_code(), Some(130));
        assert!(talk.is_by_line());
    }
}
