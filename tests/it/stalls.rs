//! What stands beside the sound stops: whoever reads our lines or our events, the
//! disk; or the processor is busy. The voice path goes on, or loses what it counts.

mod engine;

use std::{
    fs,
    io::{BufRead, BufReader, PipeReader, Write, pipe},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use chinwag::{
    audio::{Nanos, Rate},
    device::wave_file,
    net::serve::Server,
    sim::{
        babble::babble,
        service::{ServiceSettings, Voice},
    },
};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
const REPLY_MS: u32 = 2_500;

/// A server that answers, and what happens there.
pub(super) fn server() -> (Server, Receiver<String>) {
    let (news, told) = channel();
    let voice = Voice::Tone { hz: 330.0, ms: REPLY_MS };
    let settings =
        ServiceSettings { require_key: false, voice, think_ms: 0, ..ServiceSettings::default() };
    let server = Server::start((Ipv4Addr::LOCALHOST, 0).into(), None, settings, move |event| {
        let _ = news.send(format!("{:?}", event.what));
    });
    (server.unwrap(), told)
}

/// A folder with `question.wav`: two seconds to get stuck in, a question, and
/// half a minute in which the talk does not end.
pub(super) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let mut sound = vec![0.0; 32_000];
    sound.extend(babble(Rate::UPLINK, Nanos::from_ms(1_500), 1));
    sound.resize(sound.len() + 480_000, 0.0);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: Rate::UPLINK.hz(),
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wave = hound::WavWriter::create(folder.join("question.wav"), spec).unwrap();
    for sample in sound {
        wave.write_sample((sample * 32_767.0) as i16).unwrap();
    }
    wave.finalize().unwrap();
    folder
}

/// Waits until the question was answered and the answer was played whole, as
/// the speaker's file tells.
pub(super) fn wait_until_answered(told: &Receiver<String>, speaker: &Path) {
    let begun = Instant::now();
    loop {
        let news = told.recv_timeout(PATIENCE).expect("the question is answered");
        if news.contains("TurnCompleted") {
            break;
        }
    }
    // The file is written once a second.
    let whole = REPLY_MS as usize * 48 * 98 / 100;
    loop {
        let played = wave_file::read(speaker).map(|wave| wave.samples).unwrap_or_default();
        let sounding = played.iter().filter(|sample| sample.abs() > 1e-3).count();
        if sounding > whole {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "only {sounding} of {whole} frames were played");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A talk that ends with the test.
struct Talk(Child);

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn next_with(lines: &mut BufReader<PipeReader>, part: &str) -> String {
    let mut line = String::new();
    while !line.contains(part) {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "no {part:?}");
    }
    line
}

#[test]
fn who_stops_reading_our_lines_stops_nothing_else() {
    let ((server, told), folder) = (server(), folder("stuck-reader"));
    let (reader, writer) = pipe().unwrap();
    let speaker = folder.join("speaker.wav");
    let mut talk = Talk(
        Command::new(env!("CARGO_BIN_EXE_chinwag"))
            .args(["run", "--profile", "client-vad", "--url"])
            .arg(format!("ws://{}", server.addr()))
            .arg("--mic")
            .arg(folder.join("question.wav"))
            .arg("--speaker")
            .arg(&speaker)
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().unwrap())
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(reader);
    next_with(&mut lines, "ready");
    // The pipe is filled up: from now on the supervisor waits in its next line.
    let mut writer = writer;
    let filler = thread::spawn(move || {
        let _ = writer.write_all(&vec![b'\n'; 1 << 20]);
    });
    wait_until_answered(&told, &speaker);
    assert!(!filler.is_finished(), "the pipe is full, and nobody has read");
    // Somebody reads again, and all is told.
    next_with(&mut lines, "s of reply");
    writeln!(talk.0.stdin.as_mut().unwrap(), "quit").unwrap();
    let lost = next_with(&mut lines, "lost: ");
    assert!(lost.contains(" 0 uplink frames") && lost.contains(" 0 notes"), "{lost}");
    assert_eq!(talk.0.wait().unwrap().code(), Some(0));
    filler.join().unwrap();
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_talk() {
    let ((server, _told), folder) = (server(), folder("full-disk"));
    let (reader, writer) = pipe().unwrap();
    // No file may grow beyond 32 or 64 KiB: what a shell's block is differs.
    let limited = "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"";
    let mut talk = Talk(
        Command::new("sh")
            .args(["-c", limited, env!("CARGO_BIN_EXE_chinwag")])
            .args(["run", "--profile", "client-vad", "--json", "--url"])
            .arg(format!("ws://{}", server.addr()))
            .arg("--mic")
            .arg(folder.join("question.wav"))
            .args(["--speaker", "null", "--record"])
            .arg(folder.join("record"))
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer)
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(reader);
    let problem = next_with(&mut lines, "the recording ends here");
    assert!(problem.contains("cannot write"), "{problem}");
    next_with(&mut lines, "\"reply_finished\"");
    writeln!(talk.0.stdin.as_mut().unwrap(), "quit").unwrap();
    assert_eq!(talk.0.wait().unwrap().code(), Some(0));
}
