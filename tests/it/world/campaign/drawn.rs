//! A conversation drawn from a seed: who takes turns how, over which devices,
//! with which service, and the weather.

use std::{fmt, str::FromStr, sync::Arc};

use chinwag::{
    dialog::TurnMode,
    sim::{
        service::{Answer, ToolScript, TurnScript},
        world::{Trouble, Weather},
    },
};

use super::{super::*, marks};

/// How long a conversation lasts.
pub(super) const LENGTH: Nanos = Nanos::from_secs(60);
/// The last words and troubles come before this.
const QUIET_FROM: Nanos = Nanos::from_secs(52);

/// What a conversation is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sound, the chain, the detector and the endpoint.
    Chain,
    /// Protocol, floor and playout; whether the user speaks is scripted.
    Scripted,
}

/// Enough to hold it again: `chain:17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conversation {
    pub(super) kind: Kind,
    pub(super) seed: u64,
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Chain => "chain",
            Kind::Scripted => "scripted",
        };
        write!(f, "{kind}:{}", self.seed)
    }
}

impl FromStr for Conversation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = match text.split_once(':') {
            Some(("chain", seed)) => seed.parse().ok().map(|seed| (Kind::Chain, seed)),
            Some(("scripted", seed)) => seed.parse().ok().map(|seed| (Kind::Scripted, seed)),
            _ => None,
        };
        let (kind, seed) = parsed.ok_or(format!("{text:?}: expected chain:17 or scripted:17"))?;
        Ok(Self { kind, seed })
    }
}

/// All that was drawn.
pub(super) struct Drawn {
    pub(super) settings: WorldSettings,
    pub(super) weather: Weather,
    /// Since when and until when the talk key is down.
    pub(super) talks: Vec<(Nanos, Nanos)>,
    /// When turns begin to be taken in another way, where the plan goes with it.
    pub(super) modes: Vec<(Nanos, TurnMode)>,
    /// In words.
    pub(super) what: String,
}

impl Conversation {
    pub(super) fn draw(self) -> Drawn {
        let mut seed = Seed::new(self.seed ^ 0xca3b_a160);
        let draw = &mut seed;
        let values = values(draw, self.kind);
        let plan = match self.kind {
            Kind::Chain => chain_plan(draw, &values),
            Kind::Scripted => marks::plan(&values),
        };
        let mut settings = WorldSettings::new(plan);
        settings.seed = self.seed;
        settings.record_sound = false;
        settings.distinct_replies = true;
        match self.kind {
            Kind::Chain => hardware(draw, &mut settings),
            Kind::Scripted => {
                settings.microphone = ClockSettings::exact(Rate::UPLINK, 320);
                settings.speaker = ClockSettings::exact(Rate::DOWNLINK, 480);
                settings.noise = None;
            }
        }
        wires(draw, &mut settings);
        service(draw, &mut settings);
        let talks = script(draw, self.kind, &mut settings);
        let count = draw.below(9) as usize;
        let weather = Weather::draw(draw, QUIET_FROM, count);
        let modes = modes(draw);
        forgive_streams(&mut settings, &modes);
        let what = format!(
            "{self}: {}\n{modes:?}\n{:?}\n{:?}\n{weather}",
            values.join(" "),
            settings.microphone,
            settings.speaker
        );
        Drawn { settings, weather, talks, modes, what }
    }
}

/// In a stream there always is audio under way, which a call that blocks does
/// not forgive: no turn would ever be complete.
fn forgive_streams(settings: &mut WorldSettings, modes: &[(Nanos, TurnMode)]) {
    let first = settings.plan.turn.mode;
    if modes.iter().map(|(_, mode)| *mode).chain([first]).all(TurnMode::is_manual) {
        return;
    }
    for tool in settings.service.script.iter_mut().filter_map(|turn| turn.tool.as_mut()) {
        tool.blocking = false;
    }
}

/// In every third conversation, up to three changes of the turn mode.
fn modes(draw: &mut Seed) -> Vec<(Nanos, TurnMode)> {
    let count = if draw.below(3) == 0 { 1 + draw.below(3) } else { 0 };
    (0..count)
        .map(|_| {
            (Nanos::from_ms(draw.below(QUIET_FROM.0 / 1_000_000)), one_of(draw, &TurnMode::ALL))
        })
        .collect()
}

fn one_of<T: Copy>(draw: &mut Seed, choices: &[T]) -> T {
    choices[draw.below(choices.len() as u64) as usize]
}

/// How turns are taken, and how the link is set.
fn values(draw: &mut Seed, kind: Kind) -> Vec<String> {
    let mode = one_of(draw, &["client", "client", "server", "hybrid", "push-to-talk"]);
    let duplex = one_of(draw, &["full", "full", "half"]);
    let barge_in =
        if duplex == "half" { "off" } else { one_of(draw, &["local", "local", "server", "off"]) };
    let mut values = vec![
        format!("turn.mode={mode}"),
        format!("turn.duplex={duplex}"),
        format!("turn.barge_in={barge_in}"),
        format!("turn.endpoint={}", one_of(draw, &["fixed", "adaptive"])),
        format!("turn.hangover_ms={}", one_of(draw, &[400, 800])),
        format!("turn.pre_roll_ms={}", one_of(draw, &[200, 300, 500])),
        format!("turn.patience={}", one_of(draw, &["0.0", "0.4", "1.0"])),
        format!("link.chunk_ms={}", one_of(draw, &[10, 20, 20, 32, 100])),
        format!("link.outage_ms={}", one_of(draw, &[500, 2_000, 2_000])),
        format!("link.live_queue_ms={}", one_of(draw, &[500, 1_000, 1_000])),
        format!("playout.start_ms={}", one_of(draw, &[20, 50, 200])),
        "link.start=retry".to_owned(),
        format!("session.resumption={}", one_of(draw, &["true", "true", "true", "false"])),
    ];
    if kind == Kind::Chain {
        let engine = one_of(draw, &["energy", "energy", "webrtc", "earshot"]);
        values.push(format!("capture.vad.engine={engine}"));
    }
    values
}

fn chain_plan(draw: &mut Seed, values: &[String]) -> Plan {
    let profile = one_of(draw, &["headset", "headset", "headset", "speakers"]);
    let overrides: Vec<Override> = values.iter().map(|value| Override::set(value)).collect();
    let file = ConfigFile::shipped(&Registry::shipped());
    file.plan(Some(profile), &overrides).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Devices with clocks of their own and callbacks of any size.
fn hardware(draw: &mut Seed, settings: &mut WorldSettings) {
    let mut clock = |rates: &[u32]| ClockSettings {
        rate: Rate::new(one_of(draw, rates)).unwrap(),
        ppm: 400.0 * draw.unit() - 200.0,
        jitter: Nanos::from_ms(draw.below(8)),
        sizes: match draw.below(3) {
            0 => CallbackSizes::Fixed(480),
            1 => {
                CallbackSizes::Drawn(1 + draw.below(64) as usize, 600 + draw.below(3_000) as usize)
            }
            _ => CallbackSizes::Listed(vec![441, 1_024, 64, 1, 2_048]),
        },
    };
    settings.microphone = clock(&[16_000, 44_100, 48_000, 96_000]);
    settings.speaker = clock(&[24_000, 44_100, 48_000]);
    settings.speaker_latency = Nanos::from_ms(draw.below(150));
    settings.noise = Some(Dbfs(-75.0 + draw.below(20) as f32));
    if settings.plan.turn.duplex == Duplex::Half || settings.plan.guards_echo() {
        settings.room = RoomSettings::named("laptop");
    }
}

fn wires(draw: &mut Seed, settings: &mut WorldSettings) {
    settings.worker_wake.jitter = Nanos::from_ms(draw.below(4));
    settings.link_wake.jitter = Nanos::from_ms(draw.below(10));
    for delay in [&mut settings.uplink, &mut settings.downlink] {
        delay.least = Nanos::from_ms(1 + draw.below(150));
        delay.jitter = Nanos::from_ms(draw.below(120));
    }
    settings.dial = Nanos::from_ms(20 + draw.below(400));
}

fn service(draw: &mut Seed, settings: &mut WorldSettings) {
    let replies: Vec<Vec<i16>> = (0..6)
        .map(|_| {
            let mut noise = draw.split();
            let frames = 24 * (100 + draw.below(5_000) as usize);
            (0..frames).map(|_| (noise.bits() >> 52) as i16 - 2_048).collect()
        })
        .collect();
    let service = &mut settings.service;
    service.voice = Voice::script(replies);
    service.record_uplink = false;
    service.seed = draw.bits();
    service.burst = one_of(draw, &[0.8, 1.0, 3.0, 3.0, 40.0]);
    service.think_ms = draw.below(1_200) as u32;
    service.silence_ms = one_of(draw, &[400, 800, 1_500]);
    service.ignores_silence_duration = draw.below(2) == 0;
    service.parts = match draw.below(4) {
        0 | 1 => PartSizes::Observed,
        2 => PartSizes::Ragged,
        _ => PartSizes::Fixed(1 + draw.below(20_000) as usize),
    };
    if draw.below(3) == 0 {
        service.go_away_after = Some(Nanos::from_secs(10 + draw.below(30)));
        service.go_away_left = Nanos::from_secs(1 + draw.below(20));
    }
    if draw.below(4) == 0 {
        service.faults.push(Fault::new(When::Age(Nanos::from_ms(1)), Mishap::Strangers));
    }
    service.script = (0..12).map(|_| turn(draw)).collect();
}

fn turn(draw: &mut Seed) -> TurnScript {
    let args = json!({"on": true});
    let tool = || ToolScript { name: "lamp".into(), args: args.clone(), blocking: true };
    let plain = TurnScript::default();
    match draw.below(14) {
        0 => TurnScript { tool: Some(tool()), ..plain },
        1 => TurnScript { tool: Some(ToolScript { blocking: false, ..tool() }), ..plain },
        2 => TurnScript { in_two: true, ..plain },
        3 => TurnScript { answer: Answer::Empty, ..plain },
        4 => TurnScript { answer: Answer::Nothing, ..plain },
        5 => TurnScript {
            user: Some("Is it on?".into()),
            model: Some("Yes, it is on.".into()),
            ..plain
        },
        _ => plain,
    }
}

/// What is said, and when the talk key is down.
fn script(draw: &mut Seed, kind: Kind, settings: &mut WorldSettings) -> Vec<(Nanos, Nanos)> {
    let rate = settings.microphone.rate;
    let mut talks = Vec::new();
    let mut at = Nanos::from_ms(500 + draw.below(2_500));
    while at < QUIET_FROM {
        let length = Nanos::from_ms(200 + draw.below(2_800));
        let sound: Arc<[f32]> = match kind {
            Kind::Chain => babble(rate, length, draw.bits()).into(),
            Kind::Scripted => vec![marks::SAID; rate.frames_in(length) as usize].into(),
        };
        settings.script.push(Utterance::new(Cue::At(at), sound));
        let early = Nanos::from_ms(draw.below(400));
        talks.push((Nanos(at.0.saturating_sub(early.0)), at + length));
        at = at + length + Nanos::from_ms(300 + draw.below(7_000));
    }
    talks
}

/// Whether anything of this conversation may be lost.
pub(super) fn loses_words(weather: &Weather) -> bool {
    weather.troubles().iter().any(|(_, trouble)| Trouble::loses_words(trouble))
}
