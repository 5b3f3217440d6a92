//! The engine over a virtual card that is lost in the middle of a talk: it is
//! opened again, and the talk goes on.

use std::time::{Duration, Instant};

use chinwag::{
    audio::{Nanos, NoteKind, Rate},
    config::{ConfigFile, Override},
    device::{
        Clock, Direction,
        card::{Card, CardFault, Room},
    },
    engine::{Engine, EngineEvent, Extras, Report, SoundEvent},
    net::{Dialer, serve::Server},
    pipeline::Registry,
    protocol::{Credential, Endpoint},
    sim::{
        babble::babble,
        service::{ServiceSettings, Voice},
    },
};

/// Nothing that this waits for takes so long on any machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Says something whenever so many seconds of the microphone have passed.
struct Talker {
    sound: Vec<f32>,
    at: usize,
    every: usize,
}

impl Room for Talker {
    fn pass(&mut self, _: &[f32], microphone: &mut [f32]) -> bool {
        for slot in microphone {
            *slot = self.sound.get(self.at).copied().unwrap_or(0.0);
            self.at = (self.at + 1) % self.every;
        }
        true
    }
}

/// Talks over a card with this fault until there were two answers after both
/// sides were back; what was told of the sound, and the rest.
fn talk_over(fault: CardFault, record_to: Option<&std::path::Path>) -> (Vec<SoundEvent>, Report) {
    let settings = ServiceSettings {
        require_key: false,
        voice: Voice::Tone { hz: 440.0, ms: 400 },
        ..ServiceSettings::default()
    };
    let server = Server::start(([127, 0, 0, 1], 0).into(), None, settings, |_| {}).unwrap();
    let url = Override::set(&format!("link.url=ws://{}", server.addr()));
    let patience = Override::set("turn.patience=0.1");
    let file = ConfigFile::shipped(&Registry::shipped());
    let plan = file.plan(Some("client-vad"), &[url, patience]).unwrap();
    let credential = Credential::from_secret("any").unwrap();
    let endpoint =
        Endpoint::new(plan.link.url.as_deref(), plan.session.api_version, &credential).unwrap();
    let dialer = Dialer::new(endpoint, credential, &plan.link).unwrap();
    let rate = Rate::new(48_000).unwrap();
    let sound = babble(rate, Nanos::from_ms(900), 3);
    let talker = Talker { sound, at: 0, every: 48_000 * 3 };
    let card = Box::new(Card::new("test", talker).with_capture_rate(rate).with_fault(fault));
    let extras = Extras { record_to, ..Extras::default() };
    let mut engine = Engine::start_with(&plan, card, dialer, Clock::start(), extras).unwrap();
    let wanted = if fault.side.is_none() { 2 } else { 1 };
    let (mut told, mut backs, mut answers) = (Vec::new(), 0, 0);
    let began = Instant::now();
    while answers < 2 {
        match engine.next_event(Duration::from_millis(50)) {
            EngineEvent::Sound(event) => {
                backs += usize::from(matches!(event, SoundEvent::Back { .. }));
                told.push(event);
            }
            EngineEvent::Note(note) if backs == wanted => {
                answers += usize::from(matches!(note.note.kind, NoteKind::ReplyFinished(_)));
            }
            _ => {}
        }
        assert!(began.elapsed() < PATIENCE, "{backs} back, {answers} answers: {told:?}");
    }
    let report = engine.stop();
    server.stop();
    (told, report)
}

fn fault(side: Option<Direction>, is_told: bool) -> CardFault {
    let at = Nanos::from_ms(1_500);
    CardFault { at, side, is_told, refusals: 2, rate: Rate::new(44_100) }
}

#[test]
fn a_card_that_falls_silent_is_opened_again_at_another_rate_and_the_talk_goes_on() {
    let (told, report) = talk_over(fault(None, false), None);
    let backs = told.iter().filter_map(|event| match event {
        SoundEvent::Back { side, rate, .. } => Some((*side, rate.hz())),
        _ => None,
    });
    let mut backs: Vec<_> = backs.collect();
    backs.sort_unstable_by_key(|(side, _)| side.to_string());
    assert_eq!(backs, [(Direction::Input, 48_000), (Direction::Output, 44_100)]);
    let refusals = told.iter().filter(|event| matches!(event, SoundEvent::Refused { .. }));
    assert!((1..=2).contains(&refusals.count()), "said once for each side: {told:?}");
    let [mic, speaker] = report.sound.outages;
    assert!(mic.0 == 1 && speaker.0 == 1 && mic.1 > Nanos::ZERO, "{:?}", report.sound);
    assert_eq!(report.sound.faults.unburied, 0);
}

#[test]
fn a_speaker_that_is_gone_by_its_own_word_comes_back_alone() {
    let (told, report) = talk_over(fault(Some(Direction::Output), true), None);
    let sides = |event: &SoundEvent| match event {
        SoundEvent::Lost { side, .. }
        | SoundEvent::Refused { side, .. }
        | SoundEvent::Back { side, .. } => *side,
    };
    assert!(told.iter().all(|event| sides(event) == Direction::Output), "{told:?}");
    assert_eq!(report.sound.outages.map(|(times, _)| times), [0, 1]);
}

#[test]
fn a_recording_goes_on_after_a_loss_and_keeps_its_time() {
    let folder = std::env::temp_dir().join(format!("chinwag-lost-{}", std::process::id()));
    let (_, report) = talk_over(fault(None, false), Some(&folder));
    let recorded = report.recorded.unwrap();
    assert_eq!((recorded.problem, recorded.lost_frames), (None, 0));
    // Both at the microphone's rate, silence where there was none.
    assert_eq!(recorded.mic_frames, recorded.far_frames);
    let mic = chinwag::device::wave_file::read(&folder.join("mic.wav")).unwrap();
    let (_, without) = report.sound.outages[0];
    let silent = mic.samples.split(|sample| *sample != 0.0).map(<[f32]>::len).max().unwrap();
    assert!(silent as f64 / 48_000.0 >= 0.8 * without.as_secs(), "{silent} of {without:?}");
    std::fs::remove_dir_all(folder).unwrap();
}
