//! The engine on its threads: nobody asks it for events, every core computes for
//! others, or the worker comes late.

use std::{
    hint::black_box,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
        mpsc::Receiver,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use chinwag::{
    audio::{Block, Nanos, NoteKind, Notes, Rate},
    config::{ConfigFile, Origin, Override, Plan},
    device::{
        Clock,
        card::{Card, Room},
    },
    duplex::WorkerNote,
    engine::{Engine, EngineEvent},
    link::LinkEvent,
    measure::figures::Figures,
    net::{Dialer, serve::Server},
    pipeline::{Format, PrepareError, Prepared, Registry, Stage, StageConfig, StageEntry},
    protocol::{Credential, Endpoint, Event},
    sim::babble::babble,
};

use super::{PATIENCE, REPLY_MS, server};

/// Of the virtual card.
const HZ: u32 = 48_000;
/// The frames of the reply at that rate.
const REPLY_FRAMES: u64 = REPLY_MS as u64 * HZ as u64 / 1_000;
/// Notes that wait for the supervisor at the most.
const NOTES: usize = 4_096;

/// Asks one question into the microphone, and notes what is heard.
struct Asker {
    question: std::vec::IntoIter<f32>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    captured: AtomicU64,
    sounding: AtomicU64,
    heard: Mutex<Vec<f32>>,
}

impl Room for Asker {
    fn pass(&mut self, heard: &[f32], microphone: &mut [f32]) -> bool {
        microphone.fill_with(|| self.question.next().unwrap_or(0.0));
        self.seen.captured.fetch_add(microphone.len() as u64, Relaxed);
        let sounding = heard.iter().filter(|sample| sample.abs() > 1e-3).count();
        self.seen.heard.lock().unwrap().extend_from_slice(heard);
        self.seen.sounding.fetch_add(sounding as u64, Release);
        true
    }
}

struct Talk {
    engine: Engine,
    clock: Clock,
    seen: Arc<Seen>,
}

impl Talk {
    fn start(plan: &Plan) -> Self {
        let mut sound = vec![0.0; HZ as usize / 2];
        sound.extend(babble(Rate::new(HZ).unwrap(), Nanos::from_ms(1_500), 1));
        let seen = Arc::new(Seen::default());
        let asker = Asker { question: sound.into_iter(), seen: seen.clone() };
        let credential = Credential::from_secret("any").unwrap();
        let endpoint =
            Endpoint::new(plan.link.url.as_deref(), plan.session.api_version, &credential).unwrap();
        let dialer = Dialer::new(endpoint, credential, &plan.link).unwrap();
        let (card, clock) = (Box::new(Card::new("test", asker)), Clock::start());
        Self { engine: Engine::start(plan, card, dialer, clock).unwrap(), clock, seen }
    }

    fn figures(&self) -> Figures {
        self.engine.meter().read()
    }

    /// Waits until the question was answered and the answer was heard, without
    /// asking the engine for an event.
    fn wait_until_heard(&self, told: &Receiver<String>) {
        while !told.recv_timeout(PATIENCE).expect("it is answered").contains("TurnCompleted") {}
        wait_until("the answer is heard", || {
            self.seen.sounding.load(Acquire) > REPLY_FRAMES * 98 / 100
                && self.figures().now("render_ring_frames") == Some(0.0)
        });
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < 2 * PATIENCE, "it did not come to it that {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn count(figures: &Figures, name: &str) -> u64 {
    figures.count(name).unwrap_or_else(|| panic!("there is no figure {name}"))
}

#[test]
fn who_never_asks_for_events_loses_only_notes_which_are_counted_and_can_ask_again() {
    let (server, told) = server();
    // Thirty meters tell more in three seconds than may wait.
    let meter = "[[profile.telling.capture]]\nstage = \"meter\"\ninterval_ms = 20\n";
    let profile = format!(
        "[profile.telling.turn]\nmode = \"client\"\n\
         [[profile.telling.capture]]\nstage = \"resample\"\nrate_hz = 16000\n\
         [[profile.telling.capture]]\nstage = \"vad\"\nengine = \"energy\"\n{}",
        meter.repeat(30)
    );
    let url = Override::set(&format!("link.url=ws://{}", server.addr()));
    let file = ConfigFile::parse(Origin::Shipped, &profile, &Registry::shipped());
    let mut talk = Talk::start(&file.plan(Some("telling"), &[url]).unwrap());
    talk.wait_until_heard(&told);
    wait_until("a note is refused", || count(&talk.figures(), "notes_refused_total") > 0);

    // Somebody asks: what was kept is the oldest, and what happens now is told.
    let woke_at = talk.clock.now();
    let (mut kept, mut answered, mut goes_on): (Vec<WorkerNote>, _, _) = (Vec::new(), false, false);
    while !answered || !goes_on {
        match talk.engine.next_event(PATIENCE) {
            EngineEvent::Note(note) if note.seen_at < woke_at => kept.push(note),
            EngineEvent::Note(_) => goes_on = true,
            EngineEvent::Link(LinkEvent::Session(Event::TurnComplete { .. })) => answered = true,
            EngineEvent::Quiet => panic!("it is told no more"),
            _ => {}
        }
    }
    assert_eq!(kept.len(), NOTES);
    assert!(kept.iter().any(|note| note.note.kind == NoteKind::Onset), "the oldest are kept");
    let refused = count(&talk.figures(), "notes_refused_total");
    let mut more = 0;
    while more < NOTES {
        more += usize::from(matches!(talk.engine.next_event(PATIENCE), EngineEvent::Note(_)));
    }
    assert_eq!(count(&talk.figures(), "notes_refused_total"), refused, "who asks loses nothing");

    let figures = talk.engine.stop().figures;
    server.stop();
    for name in [
        "capture_lost_frames_total",
        "uplink_lost_frames_total",
        "playout_refused_frames_total",
        "reply_overflow_frames_total",
        "link_events_untaken_total",
    ] {
        assert_eq!(count(&figures, name), 0, "{name}");
    }
    assert_eq!(count(&figures, "reply_delivered_frames_total"), u64::from(REPLY_MS) * 24);
}

/// Threads that only compute, two for each core.
struct Load {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let compute = |_| {
            let over = over.clone();
            thread::spawn(move || {
                while !over.load(Relaxed) {
                    (0..1_000u64).for_each(|n| _ = black_box(n * n));
                }
            })
        };
        let threads = (0..2 * cores).map(compute).collect();
        Self { over, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

/// What has been heard, and the figures at the end.
fn ended(talk: Talk, server: Server) -> (Arc<Seen>, Figures) {
    let seen = talk.seen.clone();
    let figures = talk.engine.stop().figures;
    server.stop();
    (seen, figures)
}

/// Of a talk that streams: what was captured went out and the reply was heard, but
/// for what was counted.
fn assert_that_what_is_lost_is_counted(seen: &Seen, figures: &Figures) {
    let of = |name: &str| count(figures, name);
    // What is lost between the callback and the worker is silence of its length.
    let captured = (seen.captured.load(Relaxed) + of("capture_missing_frames_total")) / 3;
    let processed = of("queue_pushed_frames_total") + of("uplink_lost_frames_total");
    assert!(processed.abs_diff(captured) <= 480, "{processed} of {captured}");
    let dropped = of("queue_overflow_frames_total") + of("queue_stale_frames_total");
    assert_eq!(of("queue_taken_frames_total") + dropped, of("queue_pushed_frames_total"));

    assert_eq!(of("reply_delivered_frames_total"), u64::from(REPLY_MS) * 24);
    assert_eq!(of("playout_refused_frames_total"), 0);
    // Where the ring runs dry the sound fades, and rises when it goes on.
    let sounding = seen.sounding.load(Relaxed);
    let fades = (of("underruns_total") + 2) * u64::from(HZ) / 100;
    assert!(sounding.abs_diff(REPLY_FRAMES) <= fades, "{sounding} of {REPLY_FRAMES}, {fades}");
    let heard = seen.heard.lock().unwrap();
    let steps = heard.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    let steepest = steps.fold(0.0, f32::max);
    assert!(steepest < 0.03, "a click of {steepest}");
}

#[test]
fn with_every_core_loaded_each_frame_is_heard_and_sent_or_counted() {
    let (server, told) = server();
    let url = Override::set(&format!("link.url=ws://{}", server.addr()));
    let shipped = ConfigFile::shipped(&Registry::shipped());
    let load = Load::start();
    let talk = Talk::start(&shipped.plan(Some("server-vad"), &[url]).unwrap());
    talk.wait_until_heard(&told);
    let (seen, figures) = ended(talk, server);
    drop(load);
    assert_that_what_is_lost_is_counted(&seen, &figures);
}

/// A worker that gets its processor too late, while this is set: each block takes
/// thrice as long as it lasts.
static LATE: AtomicBool = AtomicBool::new(false);

static LATE_STAGE: StageEntry = StageEntry {
    name: "late",
    summary: "takes its time",
    params: &[],
    allocates: |_| 0,
    example: "",
    build: |_| Ok(Box::new(LateConfig)),
};

#[derive(Debug)]
struct LateConfig;

impl StageConfig for LateConfig {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        Ok(Prepared::plain(Late, input))
    }
}

struct Late;

impl Stage for Late {
    fn process(&mut self, _block: &mut Block, _notes: &mut Notes) {
        if LATE.load(Relaxed) {
            thread::sleep(Duration::from_millis(30));
        }
    }

    fn reset(&mut self) {}
}

#[test]
fn a_worker_that_is_late_holds_up_no_callback_and_what_it_misses_is_counted() {
    let (server, told) = server();
    let profile = "[profile.late.turn]\nmode = \"server\"\n\
                   [[profile.late.capture]]\nstage = \"late\"\n\
                   [[profile.late.capture]]\nstage = \"resample\"\nrate_hz = 16000\n";
    let url = Override::set(&format!("link.url=ws://{}", server.addr()));
    let registry = Registry::shipped().with(&LATE_STAGE);
    let file = ConfigFile::parse(Origin::Shipped, profile, &registry);
    let talk = Talk::start(&file.plan(Some("late"), &[url]).unwrap());
    wait_until("the answer begins", || talk.seen.sounding.load(Relaxed) > 0);
    let blocks = || count(&talk.figures(), "worker_blocks_total");
    let (captured, processed) = (talk.seen.captured.load(Relaxed), blocks());
    LATE.store(true, Relaxed);
    wait_until("frames are lost", || count(&talk.figures(), "capture_lost_frames_total") > 0);
    let processed = blocks() - processed;
    let captured = (talk.seen.captured.load(Relaxed) - captured) / 480;
    LATE.store(false, Relaxed);
    // The callbacks went on: the worker is behind by nearly the half second that
    // there is room for.
    assert!(captured > processed + 40, "{captured} periods, {processed} blocks");
    talk.wait_until_heard(&told);
    let (seen, figures) = ended(talk, server);
    assert!(count(&figures, "worker_slow_blocks_total") > 0);
    assert_that_what_is_lost_is_counted(&seen, &figures);
}
