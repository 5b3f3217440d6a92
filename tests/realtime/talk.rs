//! A minute of talk through both callbacks and the worker: turns, replies,
//! interruptions, a mute, odd callback sizes. What they do is counted, what
//! link and service do between them is not.

use std::sync::Arc;

use chinwag::{
    audio::{
        Doorbell, Nanos, NoteKind, Rate, TurnMode,
        ring::{Reader, ring},
    },
    config::{ConfigFile, Plan},
    device::Clock,
    duplex::{
        CaptureHalf, Ends, Questions, RenderHalf, Taps, Worker, WorkerControls, WorkerNote, opinion,
    },
    link::Link,
    pipeline::Registry,
    sim::{
        babble::babble,
        machines::{self, Bells, Machines, Renewal},
        service::{Memory, Service, ServiceSettings, Transmit, UpgradeRequest, Voice},
    },
};

use super::counting::heap_calls;

/// The heap calls of real-time code, by who made them.
#[derive(Debug, Default, PartialEq)]
struct Calls {
    capture: u64,
    render: u64,
    worker: u64,
}

fn counted<T>(calls: &mut u64, body: impl FnOnce() -> T) -> T {
    let before = heap_calls();
    let result = body();
    *calls += heap_calls() - before;
    result
}

fn plan(profile: &str) -> Plan {
    ConfigFile::shipped(&Registry::shipped()).plan(Some(profile), &[]).unwrap()
}

/// One second of silence, two of speech, two of silence, over and over: each
/// second phrase falls into a reply.
fn microphone(rate: Rate, seconds: usize) -> Vec<f32> {
    let mut sound = vec![0.0; rate.hz() as usize * seconds];
    for (i, at) in (1..seconds.saturating_sub(3)).step_by(5).enumerate() {
        let phrase = babble(rate, Nanos::from_secs(2), i as u64 + 1);
        let start = at * rate.hz() as usize;
        sound[start..start + phrase.len()].copy_from_slice(&phrase);
    }
    sound
}

struct Talk {
    capture: CaptureHalf,
    render: RenderHalf,
    worker: Worker,
    questions: Questions,
    notes: Reader<WorkerNote>,
    controls: Arc<WorkerControls>,
    renewal: Renewal,
    link: Link,
    service: Service,
    text: String,
    calls: Calls,
    told: usize,
    replies: usize,
    advised: usize,
    back: usize,
    now: Nanos,
    /// Work takes its true time, so that what measures it is run too.
    clock: Clock,
}

impl Talk {
    fn new(profile: &str, [capture_hz, render_hz]: [u32; 2]) -> Self {
        let bell = || Arc::new(Doorbell::unanswered());
        let bells = Bells { callbacks: bell(), worker: bell(), link: bell() };
        let rates = [capture_hz, render_hz].map(|hz| Rate::new(hz).unwrap());
        let plan = plan(profile);
        let Machines { capture, render, worker, notes, controls, ends, renewal, .. } =
            Machines::build(&plan, rates, &bells).unwrap();
        // Taps that nobody empties: a recording on a disk that hangs.
        let [mic, far] = [(); 2].map(|()| Some(ring(rates[0].hz() as usize).0));
        let (opinion, questions) = opinion(bell());
        let mut worker = worker.with_taps(Taps { mic, far, ..Taps::default() });
        worker.consult(opinion);
        let mut link = machines::link(&plan, ends, 1);
        link.connected(Nanos::ZERO);
        let settings = ServiceSettings {
            voice: Voice::Tone { hz: 330.0, ms: 4_000 },
            ..ServiceSettings::default()
        };
        let request = UpgradeRequest::with_key("key");
        let service = Service::open(&settings, &Memory::new(), &request, Nanos::ZERO).unwrap();
        Self {
            capture,
            render,
            worker,
            questions,
            notes,
            controls,
            renewal,
            link,
            service,
            text: String::new(),
            calls: Calls::default(),
            told: 0,
            replies: 0,
            advised: 0,
            back: 0,
            now: Nanos::ZERO,
            clock: Clock::start(),
        }
    }

    /// Both callbacks and the worker, counted.
    fn sound(&mut self, captured: &[f32], played: &mut [f32]) {
        let Self { capture, render, worker, notes, clock, .. } = self;
        let now = self.now;
        counted(&mut self.calls.render, || render.process(played, 2, now, 480));
        counted(&mut self.calls.capture, || capture.process(captured, 1, now));
        counted(&mut self.calls.worker, || worker.step(now, clock));
        while let Some(told) = notes.pop() {
            self.told += 1;
            match told.note.kind {
                NoteKind::ReplyStarted(_) => self.replies += 1,
                NoteKind::WaitChanged(_) => self.advised += 1,
                NoteKind::MicrophoneBack | NoteKind::SpeakerBack { .. } => self.back += 1,
                _ => {}
            }
        }
    }

    /// One of the two streams is opened anew, at `rate`.
    fn reopen(&mut self, microphone: bool, rate: Rate) {
        let ends: Ends;
        if microphone {
            (self.capture, ends) = self.renewal.microphone(rate, Taps::default()).unwrap();
        } else {
            (self.render, ends) = self.renewal.speaker(rate).unwrap();
        }
        assert!(self.renewal.give(ends, rate));
    }

    /// Link, service and a turn model, which may allocate. The model wakes up
    /// after half a minute.
    fn wire(&mut self) {
        if self.now > Nanos::from_secs(30)
            && let Some(pause) = self.questions.next_pause()
        {
            self.questions.answer(pause, 0.9);
        }
        let (link, now) = (&mut self.link, self.now);
        link.step(now);
        while link.poll_transmit(now, &mut self.text) {
            self.service.receive(now, self.text.as_bytes());
            link.transmitted(now);
        }
        while self.service.next_deadline().is_some_and(|at| at <= now) {
            self.service.handle_deadline(now);
        }
        while let Some(Transmit::Message(message)) = self.service.poll_transmit(now) {
            link.receive(now, &message);
        }
        link.step(now);
        while link.poll_event().is_some() {}
    }
}

/// The mode that the service need not be told of.
fn beside(mode: TurnMode) -> TurnMode {
    match mode {
        TurnMode::Server => TurnMode::Hybrid,
        TurnMode::Hybrid => TurnMode::Server,
        TurnMode::Client => TurnMode::PushToTalk,
        TurnMode::PushToTalk => TurnMode::Client,
    }
}

fn talk_for_a_minute(profile: &str, rates: [u32; 2]) {
    const SECONDS: usize = 60;
    let mode = plan(profile).turn.mode;
    let mut talk = Talk::new(profile, rates);
    let sound = microphone(Rate::new(rates[0]).unwrap(), SECONDS);
    let sizes = [480, 441, 64, 1_000, 7, 480, 2_048, 333];
    let mut played = vec![0.0f32; 2 * 4 * 2_048];
    let (mut at, mut turn) = (0, 0);
    while at < sound.len() {
        let end = (at + sizes[turn % sizes.len()]).min(sound.len());
        let frames = (end - at) * rates[1] as usize / rates[0] as usize;
        talk.now = Rate::new(rates[0]).unwrap().duration_of(end as u64);
        let muted = (29_000..29_500).contains(&(talk.now.0 / 1_000_000));
        talk.controls.muted.store(muted, std::sync::atomic::Ordering::Release);
        let changed = (44_000..44_500).contains(&(talk.now.0 / 1_000_000));
        talk.controls.mode.ask(if changed { beside(mode) } else { mode });
        talk.sound(&sound[at..end], &mut played[..2 * frames]);
        talk.wire();
        (at, turn) = (end, turn + 1);
    }
    assert_eq!(talk.calls, Calls::default(), "{profile} at {rates:?}");
    assert!(talk.replies >= 5, "{profile}: only {} replies", talk.replies);
    assert!(talk.advised >= 2, "{profile}: the model was heard {} times", talk.advised);
    assert!(talk.told > 1_000, "{profile}: only {} notes", talk.told);
}

/// Each of the streams dies in turn and is opened anew, the speaker at another
/// rate: in silence, in the user's words, in a reply.
fn talk_over_streams_that_die(profile: &str) {
    const SECONDS: u64 = 40;
    let hz = 48_000;
    let mut talk = Talk::new(profile, [hz; 2]);
    let sound = microphone(Rate::new(hz).unwrap(), SECONDS as usize);
    let mut played = vec![0.0f32; 2 * 480];
    let mut speaker_frames = 480;
    for (turn, captured) in sound.chunks(480).enumerate() {
        talk.now = Nanos::from_ms(10 * (turn as u64 + 1));
        if turn % 170 == 169 {
            let n = turn / 170;
            speaker_frames = [480, 441, 160][n / 2 % 3];
            let rate = if n % 2 == 0 { hz } else { speaker_frames as u32 * 100 };
            talk.reopen(n % 2 == 0, Rate::new(rate).unwrap());
        }
        talk.sound(captured, &mut played[..2 * speaker_frames]);
        talk.wire();
    }
    assert_eq!(talk.calls, Calls::default(), "{profile}");
    assert!(talk.back >= 20, "{profile}: back only {} times", talk.back);
    assert!(talk.replies >= 3, "{profile}: only {} replies", talk.replies);
}

#[test]
fn callbacks_and_worker_leave_the_heap_alone_while_streams_are_opened_anew() {
    talk_over_streams_that_die("client-vad");
    talk_over_streams_that_die("speakers");
}

#[test]
fn callbacks_and_worker_leave_the_heap_alone_for_a_minute_in_client_mode() {
    talk_for_a_minute("client-vad", [48_000, 48_000]);
}

#[test]
fn callbacks_and_worker_leave_the_heap_alone_for_a_minute_over_open_speakers() {
    talk_for_a_minute("speakers", [48_000, 48_000]);
}

#[test]
fn callbacks_and_worker_leave_the_heap_alone_for_a_minute_in_server_mode() {
    talk_for_a_minute("server-vad", [44_100, 48_000]);
}

#[test]
fn callbacks_and_worker_leave_the_heap_alone_for_a_minute_in_half_duplex() {
    talk_for_a_minute("half-duplex", [16_000, 44_100]);
}

#[test]
fn callbacks_and_worker_leave_the_heap_alone_for_a_minute_on_a_pi() {
    talk_for_a_minute("pi", [22_050, 24_000]);
}
