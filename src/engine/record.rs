//! Writes a conversation to a folder as it goes: `mic.wav` as captured, to the
//! bit, `far.wav` beside it, and `events.jsonl`.
//!
//! Frame `n` of `far.wav` is what the capture chain got as far end with frame
//! `n` of `mic.wav`: what was played, at the microphone's rate and clock, before
//! its echo. So the pair gives an echo canceller again what it had live.
//!
//! A microphone that was lost and opened anew leaves silence of that length in
//! both, so that a frame's number is its time; one with another rate is converted
//! to the first's.
//!
//! The worker copies into bounded rings, the supervisor into a bounded
//! channel; a thread of its own waits for the disk. What finds no room is
//! counted and missing. After a kill at most the last second is lost.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed},
        },
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::{
    audio::{
        Rate, Resampler,
        resampler::Quality,
        ring::{Reader, Writer, ring},
    },
    device::wave_file::WaveWriter,
    duplex::{Taps, capture::CaptureGauges},
};

/// What the rings hold: a disk may be busy for so long.
const RING_SECS: usize = 4;
/// Lines that may wait.
const LINES: usize = 4_096;
/// How often the rings are emptied.
const LOOK: Duration = Duration::from_millis(50);
/// Written at once.
const PART_FRAMES: usize = 1_024;
/// How often lines go to the disk.
const FLUSH: Duration = Duration::from_secs(1);

/// What became of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Frames in `mic.wav`.
    pub mic_frames: u64,
    /// Frames in `far.wav`.
    pub far_frames: u64,
    /// Frames that found no room, of both.
    pub lost_frames: u64,
    /// Events that found no room.
    pub lost_events: u64,
    /// What ended it before its time.
    pub problem: Option<String>,
}

/// What a recording lets others see.
#[derive(Debug, Default)]
pub(super) struct RecorderGauges {
    /// Frames that found no room, of both files.
    pub(super) lost_frames: AtomicU64,
    /// Events that found no room.
    pub(super) lost_events: AtomicU64,
}

/// A recording under way.
#[derive(Debug)]
pub struct Recorder {
    lines: Sender<String>,
    gauges: Arc<RecorderGauges>,
    problem: Arc<Mutex<Option<String>>>,
    segments: Sender<Segment>,
    thread: JoinHandle<Recorded>,
}

/// The rings of a microphone and its far end.
type Rings = [Reader<f32>; 2];

/// What a microphone that was opened anew is recorded by.
struct Segment {
    rings: Rings,
    rate: Rate,
    gauges: Arc<CaptureGauges>,
}

/// Where a microphone that was opened anew is announced.
pub(super) struct Segments(Sender<Segment>);

impl Segments {
    /// The taps for a microphone at `rate`, and where they lead. Allocates.
    pub(super) fn rings(rate: Rate) -> (Taps, Rings) {
        let [(mic, mic_end), (far, far_end)] = rings(rate);
        let taps = Taps { mic: Some(mic), far: Some(far), ..Taps::default() };
        (taps, [mic_end, far_end])
    }

    /// It runs: what comes by these goes on in the files.
    pub(super) fn follow(&self, rings: Rings, rate: Rate, gauges: Arc<CaptureGauges>) {
        // Nobody records any more where the disk has failed.
        let _ = self.0.send(Segment { rings, rate, gauges });
    }
}

fn rings(rate: Rate) -> [(Writer<f32>, Reader<f32>); 2] {
    [(); 2].map(|()| ring(rate.hz() as usize * RING_SECS))
}

impl Recorder {
    /// Creates the folder and its files and starts the thread.
    ///
    /// # Errors
    /// A folder or file that cannot be written, for people.
    pub fn start(folder: &Path, capture_rate: Rate) -> Result<(Self, Taps), String> {
        let refused = |path: &Path, error: &dyn std::fmt::Display| {
            format!("cannot record to {}: {error}", path.display())
        };
        fs::create_dir_all(folder).map_err(|e| refused(folder, &e))?;
        let wave = |name: &str| {
            let path = folder.join(name);
            WaveWriter::create_exact(&path, capture_rate).map_err(|e| refused(&path, &e))
        };
        let (mic_wave, far_wave) = (wave("mic.wav")?, wave("far.wav")?);
        let path = folder.join("events.jsonl");
        let events = File::create(&path).map_err(|e| refused(&path, &e))?;

        let [(mic, mic_end), (far, far_end)] = rings(capture_rate);
        let (segments, following) = crossbeam_channel::unbounded();
        let (lines, waiting) = crossbeam_channel::bounded(LINES);
        let problem = Arc::new(Mutex::new(None));
        let gauges = Arc::<RecorderGauges>::default();
        let disk = Disk {
            rate: capture_rate,
            tracks: [Track::new(mic_end, mic_wave), Track::new(far_end, far_wave)],
            following,
            next: None,
            events,
            waiting,
            text: Vec::new(),
            problem: problem.clone(),
            gauges: gauges.clone(),
        };
        let thread = thread::Builder::new()
            .name("chinwag-record".to_owned())
            .spawn(move || disk.run())
            .map_err(|e| refused(folder, &e))?;
        let recorder = Self { lines, gauges, problem, segments, thread };
        Ok((recorder, Taps { mic: Some(mic), far: Some(far), ..Taps::default() }))
    }

    /// Where a microphone that is opened anew is announced.
    pub(super) fn segments(&self) -> Segments {
        Segments(self.segments.clone())
    }

    /// Adds a line to the events; never waits.
    pub fn event(&self, line: String) {
        if self.lines.try_send(line).is_err() {
            self.gauges.lost_events.fetch_add(1, Relaxed);
        }
    }

    /// What others may see of it.
    pub(super) fn gauges(&self) -> Arc<RecorderGauges> {
        self.gauges.clone()
    }

    /// What ended the recording, said once.
    pub fn take_problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Writes what is left, after the worker has ended.
    pub fn finish(self) -> Recorded {
        let Self { lines, gauges, thread, .. } = self;
        drop(lines);
        let recorded = thread.join().unwrap_or_default();
        Recorded { lost_events: gauges.lost_events.load(Relaxed), ..recorded }
    }
}

/// One sound file and the ring that feeds it.
struct Track {
    ring: Reader<f32>,
    wave: Option<WaveWriter>,
    frames: u64,
    /// From the ring's rate to the file's.
    converter: Option<Resampler>,
    /// Frames that found no room in the rings before this one.
    lost_before: u64,
}

impl Track {
    fn new(ring: Reader<f32>, wave: WaveWriter) -> Self {
        Self { ring, wave: Some(wave), frames: 0, converter: None, lost_before: 0 }
    }

    /// Empties the ring; says what the disk refuses, once.
    fn drain(&mut self) -> Option<String> {
        let mut part = [0.0; PART_FRAMES];
        let mut converted = Vec::new();
        loop {
            let count = part.len().min(self.ring.len());
            let frames = self.ring.pop_slice(&mut part[..count]);
            if frames == 0 {
                return None;
            }
            let problem = match &mut self.converter {
                None => self.write(&part[..frames]),
                Some(converter) => {
                    converted.resize(converter.push(&part[..frames]), 0.0);
                    converter.take(&mut converted);
                    self.write(&converted)
                }
            };
            if problem.is_some() {
                return problem;
            }
        }
    }

    fn write(&mut self, samples: &[f32]) -> Option<String> {
        let wave = self.wave.as_mut()?;
        if let Err(error) = wave.write(samples) {
            self.wave = None;
            return Some(error.to_string());
        }
        self.frames += samples.len() as u64;
        None
    }

    /// Goes on with this ring, whose first frame is number `first` of the file.
    fn go_on(&mut self, ring: Reader<f32>, first: u64, converter: Option<Resampler>) {
        let silence = [0.0; PART_FRAMES];
        while self.frames < first && self.wave.is_some() {
            let count = (first - self.frames).min(PART_FRAMES as u64) as usize;
            // What the disk refuses is told of the next sound.
            let _ = self.write(&silence[..count]);
        }
        self.lost_before += self.ring.refused();
        (self.ring, self.converter) = (ring, converter);
    }

    /// Whether nothing more comes by this ring.
    fn is_over(&self) -> bool {
        self.ring.is_abandoned() && self.ring.is_empty()
    }
}

/// The thread that waits for the disk.
struct Disk {
    /// Of the files.
    rate: Rate,
    tracks: [Track; 2],
    following: Receiver<Segment>,
    /// Waits for the end of what is recorded now, and for its own first frame.
    next: Option<Segment>,
    events: File,
    waiting: Receiver<String>,
    /// Whole lines that are not written yet.
    text: Vec<u8>,
    problem: Arc<Mutex<Option<String>>>,
    gauges: Arc<RecorderGauges>,
}

impl Disk {
    fn run(mut self) -> Recorded {
        let mut first = None;
        let mut flushed_at = Instant::now();
        let mut drained_at = flushed_at;
        loop {
            let ended = match self.waiting.recv_timeout(LOOK) {
                Ok(line) => {
                    self.text.extend_from_slice(line.as_bytes());
                    self.text.push(b'\n');
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            if !ended && drained_at.elapsed() < LOOK {
                continue;
            }
            drained_at = Instant::now();
            let mut problem = self.drain();
            self.gauges.lost_frames.store(self.lost_frames(), Relaxed);
            if ended || flushed_at.elapsed() >= FLUSH {
                flushed_at = drained_at;
                problem = problem.or(self.write_events());
            }
            if let Some(problem) = problem.filter(|_| first.is_none()) {
                *self.problem.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(problem.clone());
                first = Some(problem);
            }
            if ended {
                return self.finish(first);
            }
        }
    }

    fn drain(&mut self) -> Option<String> {
        loop {
            let problem = self.tracks.iter_mut().find_map(Track::drain);
            if problem.is_some() || !self.tracks.iter().all(Track::is_over) || !self.go_on() {
                return problem;
            }
        }
    }

    /// Goes on with the microphone that was opened next; `false` while there is
    /// none, or nothing came from it.
    fn go_on(&mut self) -> bool {
        let waiting = self.next.take().or_else(|| self.following.try_recv().ok());
        let Some(Segment { rings, rate, gauges }) = waiting else { return false };
        let is_empty = rings.iter().any(Reader::is_empty);
        if is_empty && !rings.iter().all(Reader::is_abandoned) {
            self.next = Some(Segment { rings, rate, gauges });
            return false;
        }
        if is_empty {
            return true;
        }
        let origin = u128::from(gauges.origin.load(Acquire));
        let first = (origin * u128::from(self.rate.hz()) / u128::from(rate.hz())) as u64;
        let to = self.rate;
        for (track, ring) in self.tracks.iter_mut().zip(rings) {
            // Two rates of devices have a common divisor that is large enough.
            let converter = Resampler::new(rate, to, Quality::Fine, PART_FRAMES).ok();
            track.go_on(ring, first, converter.filter(|_| rate != to));
        }
        true
    }

    /// Whole lines at once, so that a kill cuts none.
    fn write_events(&mut self) -> Option<String> {
        let written = self.events.write_all(&self.text);
        self.text.clear();
        written.err().map(|error| format!("events.jsonl: cannot write: {error}"))
    }

    fn lost_frames(&self) -> u64 {
        let lost = |track: &Track| track.lost_before + track.ring.refused();
        self.tracks.iter().map(lost).sum()
    }

    fn finish(self, mut problem: Option<String>) -> Recorded {
        let lost_frames = self.lost_frames();
        let [mic_frames, far_frames] = [0, 1].map(|index: usize| self.tracks[index].frames);
        for wave in self.tracks.into_iter().filter_map(|track| track.wave) {
            problem = problem.or(wave.finish().err().map(|error| error.to_string()));
        }
        Recorded { mic_frames, far_frames, lost_frames, lost_events: 0, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::wave_file;

    fn rate() -> Rate {
        Rate::new(8_000).unwrap()
    }

    fn folder(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("chinwag-record-{}-{name}", std::process::id()))
    }

    #[test]
    fn what_went_into_the_taps_is_in_the_files_to_the_last_frame() {
        let folder = folder("whole");
        let (recorder, mut taps) = Recorder::start(&folder, rate()).unwrap();
        taps.mic.as_mut().unwrap().push_slice(&[1.1e-5; 3_000]);
        taps.far.as_mut().unwrap().push_slice(&vec![-0.25; 5_001]);
        recorder.event("{\"event\":\"ready\"}".to_owned());
        let recorded = recorder.finish();
        let expected = Recorded { mic_frames: 3_000, far_frames: 5_001, ..Recorded::default() };
        assert_eq!(recorded, expected);
        let mic = wave_file::read(&folder.join("mic.wav")).unwrap();
        assert_eq!((mic.rate, mic.samples.len(), mic.samples[2_999]), (rate(), 3_000, 1.1e-5));
        assert_eq!(wave_file::read(&folder.join("far.wav")).unwrap().samples.len(), 5_001);
        let events = fs::read_to_string(folder.join("events.jsonl")).unwrap();
        assert_eq!(events, "{\"event\":\"ready\"}\n");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let folder = folder("full");
        let (recorder, mut taps) = Recorder::start(&folder, rate()).unwrap();
        let surplus = rate().hz() as usize * (RING_SECS + 1);
        taps.mic.as_mut().unwrap().push_slice(&vec![0.1; surplus]);
        let recorded = recorder.finish();
        assert_eq!(recorded.lost_frames, u64::from(rate().hz()));
        assert_eq!(recorded.mic_frames + recorded.lost_frames, surplus as u64);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_microphone_that_was_opened_anew_goes_on_at_its_time_at_the_files_rate() {
        let folder = folder("segments");
        let (recorder, taps) = Recorder::start(&folder, rate()).unwrap();
        let [mut mic, mut far] = [taps.mic, taps.far].map(Option::unwrap);
        mic.push_slice(&[0.5; 800]);
        far.push_slice(&[0.25; 800]);
        let (segments, gauges) = (recorder.segments(), Arc::new(CaptureGauges::default()));
        // It begins a second after the beginning of the talk, at twice the rate.
        gauges.origin.store(16_000, Relaxed);
        let fast = Rate::UPLINK;
        let (again, rings) = Segments::rings(fast);
        segments.follow(rings, fast, gauges);
        drop((mic, far));
        let [mut mic, mut far] = [again.mic, again.far].map(Option::unwrap);
        mic.push_slice(&[0.5; 3_200]);
        far.push_slice(&[-0.5; 3_200]);
        drop((mic, far));
        let recorded = recorder.finish();
        assert_eq!((recorded.mic_frames, recorded.far_frames), (9_600, 9_600));
        let mic = wave_file::read(&folder.join("mic.wav")).unwrap();
        assert_eq!((mic.samples[799], mic.samples[800], mic.samples[7_990]), (0.5, 0.0, 0.0));
        assert!((mic.samples[9_000] - 0.5).abs() < 1e-3);
        let far = wave_file::read(&folder.join("far.wav")).unwrap();
        assert!((far.samples[9_000] + 0.5).abs() < 1e-3);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = Recorder::start(Path::new("/dev/null/here"), rate()).unwrap_err();
        assert!(error.starts_with("cannot record to /dev/null/here: "), "{error}");
    }
}
