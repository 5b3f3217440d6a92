//! A turn model on a thread of the engine's, against the simulator.

use std::{
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use chinwag::{
    audio::{Nanos, NoteKind, Rate},
    config::{ConfigFile, Override},
    device::{
        Clock,
        card::{Card, Room},
    },
    engine::{Consulted, Engine, EngineEvent, Extras, TurnModel},
    net::{Dialer, serve::Server},
    pipeline::Registry,
    protocol::{Credential, Endpoint},
    sim::{babble::babble, service::ServiceSettings},
};

/// Half a second of silence, then speech, then silence for ever.
struct Speaker {
    sound: std::vec::IntoIter<f32>,
}

impl Room for Speaker {
    fn pass(&mut self, _heard: &[f32], microphone: &mut [f32]) -> bool {
        microphone.fill_with(|| self.sound.next().unwrap_or(0.0));
        true
    }
}

/// Holds a talk until its first turn ends; what was told of turns, and of the
/// model at the end.
fn talk(model: impl TurnModel + 'static) -> (Vec<NoteKind>, Consulted) {
    let rate = Rate::new(48_000).unwrap();
    let mut sound = vec![0.0; 24_000];
    sound.extend(babble(rate, Nanos::from_ms(1_500), 1));
    let settings = ServiceSettings { require_key: false, ..ServiceSettings::default() };
    let server = Server::start(([127, 0, 0, 1], 0).into(), None, settings, |_| {}).unwrap();
    let values = [
        format!("link.url=ws://{}", server.addr()),
        "turn.patience=0.1".to_owned(),
        "turn.hangover_max_ms=1500".to_owned(),
    ];
    let overrides: Vec<Override> = values.iter().map(|value| Override::set(value)).collect();
    let plan =
        ConfigFile::shipped(&Registry::shipped()).plan(Some("client-vad"), &overrides).unwrap();
    let credential = Credential::from_secret("any").unwrap();
    let endpoint =
        Endpoint::new(plan.link.url.as_deref(), plan.session.api_version, &credential).unwrap();
    let dialer = Dialer::new(endpoint, credential, &plan.link).unwrap();
    let card = Box::new(Card::new("test", Speaker { sound: sound.into_iter() }));
    let extras = Extras { turn_model: Some(Box::new(model)), ..Extras::default() };
    let mut engine = Engine::start_with(&plan, card, dialer, Clock::start(), extras).unwrap();
    let mut told = Vec::new();
    while told.last() != Some(&NoteKind::EndOfTurn) {
        if let EngineEvent::Note(note) = engine.next_event(Duration::from_secs(20)) {
            told.push(note.note.kind);
        }
        assert!(told.len() < 4_000, "no turn ends");
    }
    let report = engine.stop();
    server.stop();
    told.retain(|kind| !matches!(kind, NoteKind::Voice { .. } | NoteKind::Level { .. }));
    (told, report.turn_model.unwrap())
}

/// Always of the same mind.
struct Sure(f32);

impl TurnModel for Sure {
    fn judge(&mut self, audio: &[f32]) -> f32 {
        assert!(audio.iter().any(|sample| sample.abs() > 0.05), "the speech is not in it");
        self.0
    }
}

/// Never comes back.
struct Hanging(Receiver<()>);

impl TurnModel for Hanging {
    fn judge(&mut self, _audio: &[f32]) -> f32 {
        let _ = self.0.recv();
        1.0
    }
}

/// Breaks.
struct Broken;

impl TurnModel for Broken {
    fn judge(&mut self, _audio: &[f32]) -> f32 {
        panic!("as the test wants it")
    }
}

#[test]
fn a_model_on_its_thread_is_heard_in_the_pause() {
    let (told, consulted) = talk(Sure(0.0));
    assert!(told.iter().any(|kind| matches!(kind, NoteKind::WaitChanged(w) if w.ms == 1_500)));
    assert!(consulted.used >= 1 && consulted.used <= consulted.asked, "{consulted:?}");
    let Consulted { lost_frames, panicked, hangs, .. } = consulted;
    assert_eq!((lost_frames, panicked, hangs), (0, false, false));
}

#[test]
fn a_model_that_hangs_keeps_neither_the_turn_nor_the_stop_from_ending() {
    let (word, waits) = channel();
    let (told, consulted) = talk(Hanging(waits));
    assert!(!told.iter().any(|kind| matches!(kind, NoteKind::WaitChanged(_))), "{told:?}");
    assert!(consulted.hangs && consulted.asked >= 1 && consulted.used == 0, "{consulted:?}");
    drop(word);
}

#[test]
fn a_model_that_breaks_is_not_asked_again_and_told_of() {
    let (_, consulted) = talk(Broken);
    assert!(consulted.panicked && !consulted.hangs && consulted.used == 0, "{consulted:?}");
}
