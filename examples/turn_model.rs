//! A turn model of one's own: it says whether the user has finished, and here
//! it only knows that who was heard for a short time wants to say more. The
//! talk is with the built-in simulator, on a virtual card, in real time.
//!
//! `cargo run --example turn_model`

use std::time::Duration;

use chinwag::{
    audio::{Nanos, NoteKind, Rate},
    config::{ConfigFile, Override},
    device::{
        Clock,
        card::{Card, Room},
    },
    engine::{Engine, EngineEvent, Extras, TurnModel},
    net::{Dialer, serve::Server},
    pipeline::Registry,
    protocol::{Credential, Endpoint},
    sim::{babble::babble, service::ServiceSettings},
};

/// At 16 kHz.
const SECOND: usize = 16_000;

/// Judges by the length of what was heard.
struct ByLength;

impl TurnModel for ByLength {
    fn judge(&mut self, audio: &[f32]) -> f32 {
        let over = if audio.len() < 3 * SECOND { 0.2 } else { 0.9 };
        println!("{:4.1} s heard: over by {over}", audio.len() as f32 / SECOND as f32);
        over
    }
}

/// Someone at the microphone who says this and then nothing.
struct Talker(std::vec::IntoIter<f32>);

impl Room for Talker {
    fn pass(&mut self, _heard: &[f32], microphone: &mut [f32]) -> bool {
        microphone.fill_with(|| self.0.next().unwrap_or(0.0));
        self.0.len() > 0
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = ServiceSettings { require_key: false, ..ServiceSettings::default() };
    let server = Server::start(([127, 0, 0, 1], 0).into(), None, settings, |_| {})?;
    let url = Override::set(&format!("link.url=ws://{}", server.addr()));
    let patience = Override::set("turn.patience=0.2");
    let file = ConfigFile::shipped(&Registry::shipped());
    let plan =
        file.plan(Some("client-vad"), &[url, patience]).map_err(|problems| problems.to_string())?;
    let credential = Credential::from_secret("none")?;
    let version = plan.session.api_version;
    let endpoint = Endpoint::new(plan.link.url.as_deref(), version, &credential)?;
    let dialer = Dialer::new(endpoint, credential, &plan.link)?;

    let rate = Rate::new(48_000).ok_or("no such rate")?;
    let silence = |ms: usize| vec![0.0; 48 * ms];
    let said = |seed| babble(rate, Nanos::from_ms(1_500), seed);
    let sound = [silence(500), said(1), silence(2_500), said(2), silence(2_500)].concat();
    let card = Box::new(Card::new("talker", Talker(sound.into_iter())));

    let extras = Extras { turn_model: Some(Box::new(ByLength)), ..Extras::default() };
    let mut engine = Engine::start_with(&plan, card, dialer, Clock::start(), extras)?;
    while !engine.microphone_ended() {
        let EngineEvent::Note(told) = engine.next_event(Duration::from_millis(50)) else {
            continue;
        };
        if let NoteKind::SpeechOff(_) | NoteKind::WaitChanged(_) | NoteKind::EndOfTurn =
            told.note.kind
        {
            println!("{:6.2} s {:?}", told.note.decided_at.as_secs(), told.note.kind);
        }
    }
    println!("{:?}", engine.stop().turn_model);
    server.stop();
    Ok(())
}
