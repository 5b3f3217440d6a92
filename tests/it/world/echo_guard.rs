//! An echo that no canceller keeps under control: the model must not talk to
//! itself for longer than it takes to notice.

use chinwag::{
    audio::{Block, EchoHealth, FrameTime, Note, Notes, note::EchoStep},
    config::Origin,
    pipeline::{
        Format, Param, PrepareError, Prepared, Stage, StageConfig, StageEntry, Values,
        param::{ParamDefault, ParamKind},
    },
};

use super::*;

/// A canceller that lets the echo pass for so long, and from then on nothing
/// at all while the loudspeaker is active.
static PASSING: StageEntry = StageEntry {
    name: "echo_cancel",
    summary: "passes the echo",
    params: &[
        Param {
            name: "works_from_s",
            kind: ParamKind::Int { min: 0, max: 1_000 },
            default: ParamDefault::Int(1_000),
            doc: "when it begins to work",
        },
        Param {
            name: "lies",
            kind: ParamKind::Int { min: 0, max: 1 },
            default: ParamDefault::Int(0),
            doc: "1: it says that it works all the time",
        },
        Param {
            name: "fails_each_s",
            kind: ParamKind::Int { min: 0, max: 1_000 },
            default: ParamDefault::Int(0),
            doc: "how often its core fails and is made anew, 0: never",
        },
    ],
    allocates: |_| 0,
    example: "",
    build: |values| Ok(Box::new(Config(values.clone()))),
};

#[derive(Debug)]
struct Config(Values);

impl StageConfig for Config {
    fn prepare(&self, input: Format) -> Result<Prepared, PrepareError> {
        let works_from = input.rate.hz() as i64 * self.0.int("works_from_s");
        let fails_each = input.rate.hz() as i64 * self.0.int("fails_each_s");
        let stage = Passing { works_from, lies: self.0.int("lies") == 1, fails_each, active: 0 };
        Ok(Prepared::plain(stage, input))
    }
}

struct Passing {
    works_from: i64,
    lies: bool,
    fails_each: i64,
    /// Blocks that the loudspeaker may still be heard.
    active: u32,
}

impl Stage for Passing {
    fn process(&mut self, block: &mut Block, notes: &mut Notes) {
        let at: FrameTime = block.end().plus(-1);
        let (near, far) = block.near_and_far_mut();
        let loud = far.is_some_and(|far| far.iter().any(|x| x.abs() > 1e-3));
        self.active = if loud { 60 } else { self.active.saturating_sub(1) };
        let works = at.frames >= self.works_from;
        if works && self.active > 0 {
            near.fill(0.0);
        }
        if loud && at.frames / 1_600 != (at.frames - 160) / 1_600 {
            let (enhancement_db, trust) = if works || self.lies { (40.0, 0.9) } else { (0.0, 0.1) };
            let health = EchoHealth { return_loss_db: 0.0, enhancement_db, trust, delay_ms: 20.0 };
            notes.push(Note::now(NoteKind::Echo(health), at));
        }
        if self.fails_each > 0 && at.frames / self.fails_each != (at.frames - 160) / self.fails_each
        {
            notes.push(Note::now(NoteKind::CancellerRebuilt { times: 1 }, at));
        }
    }

    fn reset(&mut self) {
        self.active = 0;
    }
}

/// A loud room, and a model that answers whatever it hears with 8 s of speech.
fn talk(stage: &str) -> WorldSettings {
    let text = format!(
        "default_profile = \"open\"\n\n[profile.open]\n\n\
         [[profile.open.capture]]\nstage = \"resample\"\nrate_hz = 16000\n\n\
         [[profile.open.capture]]\nstage = \"echo_cancel\"\n{stage}\n\
         [[profile.open.capture]]\nstage = \"vad\"\nengine = \"energy\"\n"
    );
    let registry = Registry::shipped().with(&PASSING);
    let file = ConfigFile::parse(Origin::Shipped, &text, &registry);
    let plan = file.plan(None, &[]).unwrap_or_else(|problems| panic!("{problems}"));
    let mut settings = WorldSettings::new(plan);
    settings.room = Some("laptop,echo_db=12".parse().unwrap());
    settings.service.voice = Voice::script(vec![room::model_voice(8_000)]);
    settings.script = vec![Utterance::new(Cue::At(Nanos::from_secs(1)), speech(1_500, 1))];
    settings
}

/// The steps, and the times of the cuts, in seconds.
fn told(world: &World) -> (Vec<(f64, EchoStep)>, Vec<f64>) {
    let steps = world.transcript().notes.iter().filter_map(|told| match told.note.kind {
        NoteKind::EchoGuard(step) => Some((told.seen_at.as_secs(), step)),
        _ => None,
    });
    let cuts = world.transcript().cuts.iter().map(|cut| cut.at.as_secs());
    (steps.collect(), cuts.collect())
}

#[test]
fn a_model_that_hears_itself_is_in_half_duplex_within_seconds_and_stays_there() {
    let world = run(talk(""), 60);
    let (steps, cuts) = told(&world);
    assert_eq!(steps.last().map(|(_, step)| *step), Some(EchoStep::Half), "{steps:?}");
    let half_s = steps[steps.len() - 1].0;
    assert!(half_s - cuts[0] < 6.0, "{steps:?}, {cuts:?}");
    assert!(cuts.len() <= 2 && cuts.iter().all(|cut| *cut <= half_s), "{steps:?}, {cuts:?}");
    // What was heard of the reply that was cut is answered, and nothing else.
    let late = world
        .transcript()
        .notes
        .iter()
        .filter(|told| told.note.kind == NoteKind::Onset && told.seen_at.as_secs() > half_s);
    assert_eq!(late.count(), 0, "{}", world.transcript());
}

#[test]
fn a_canceller_that_only_says_that_it_works_is_found_out_by_the_cuts() {
    let (steps, cuts) = told(&run(talk("lies = 1"), 120));
    let half_s = steps.iter().find(|(_, step)| *step == EchoStep::Half).unwrap().0;
    assert!(half_s - cuts[0] < 15.0, "{steps:?}, {cuts:?}");
    let later: Vec<_> = cuts.iter().filter(|cut| **cut > half_s).collect();
    assert!(later.len() <= 4, "{steps:?}, {cuts:?}");
}

#[test]
fn a_canceller_that_fails_again_and_again_is_not_trusted_and_one_failure_is_forgiven() {
    // Each failure weighs as much as it takes a canceller to find the echo.
    let steps = told(&run(talk("lies = 1\nworks_from_s = 0\nfails_each_s = 1"), 40)).0;
    assert_eq!(steps.last().map(|(_, step)| *step), Some(EchoStep::Half), "{steps:?}");
    let mut settings = talk("works_from_s = 0\nfails_each_s = 30");
    settings.script.push(Utterance::new(Cue::At(Nanos::from_secs(32)), speech(1_500, 2)));
    let steps = told(&run(settings, 58)).0;
    let worst = steps.iter().map(|(_, step)| *step).max();
    assert_eq!(worst, Some(EchoStep::Quieter), "{steps:?}");
    assert_eq!(steps.last().map(|(_, step)| *step), Some(EchoStep::Free), "{steps:?}");
}

#[test]
fn over_a_loudspeaker_that_takes_half_a_second_at_once_the_model_stops_answering_itself() {
    let mut settings = talk("");
    let file = ConfigFile::shipped(&Registry::shipped());
    settings.plan = file.plan(Some("speakers"), &[]).unwrap();
    // Its echo moves about by more than any canceller can follow.
    settings.speaker = ClockSettings::exact(Rate::UPLINK, 8_192);
    let (steps, cuts) = told(&run(settings, 60));
    let half_s = steps.iter().find(|(_, step)| *step == EchoStep::Half).unwrap().0;
    assert!(half_s - cuts[0] < 10.0, "{steps:?}, {cuts:?}");
    assert!(cuts.iter().all(|cut| *cut <= half_s), "{steps:?}, {cuts:?}");
}

#[test]
fn over_a_canceller_that_works_nobody_is_careful() {
    for room in ["laptop", "kiosk", "speakerphone", "headset"] {
        let mut settings = talk("");
        let file = ConfigFile::shipped(&Registry::shipped());
        settings.plan = file.plan(Some("speakers"), &[]).unwrap();
        settings.room = Some(room.parse().unwrap());
        let (steps, cuts) = told(&run(settings, 20));
        assert!(steps.is_empty() && cuts.is_empty(), "{room}: {steps:?}, {cuts:?}");
    }
}

#[test]
fn when_the_canceller_works_again_the_user_can_interrupt_again() {
    let mut settings = talk("works_from_s = 12");
    for s in [20, 32, 44] {
        settings.script.push(Utterance::new(Cue::At(Nanos::from_secs(s)), speech(1_500, s)));
    }
    settings.script.push(Utterance::new(Cue::IntoReply(Nanos::from_ms(3_000)), speech(1_500, 9)));
    let world = run(settings, 80);
    let (steps, cuts) = told(&world);
    assert!(steps.iter().any(|(_, step)| *step == EchoStep::Half), "{steps:?}");
    assert_eq!(steps.last().map(|(_, step)| *step), Some(EchoStep::Free), "{steps:?}, {cuts:?}");
}

#[test]
fn half_duplex_does_not_answer_what_a_kiosk_sounds_of_the_reply() {
    for tail in [0, 300] {
        let tail_ms = format!("turn.echo_tail_ms={tail}");
        let mut settings = WorldSettings::new(plan("client", "half", &[&tail_ms]));
        settings.room = Some("kiosk".parse().unwrap());
        settings.service.voice = Voice::script(vec![room::model_voice(3_000)]);
        settings.script = vec![Utterance::new(Cue::At(Nanos::from_secs(1)), speech(1_500, 1))];
        let world = run(settings, 20);
        let windows = world.transcript().windows().len();
        assert_eq!(windows == 1, tail > 0, "{tail} ms\n{}", world.transcript());
    }
}
