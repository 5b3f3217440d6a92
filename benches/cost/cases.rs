//! The parts: stages, chains, the whole voice path, messages, hand-overs.

use std::{hint::black_box, sync::Arc};

use chinwag::{
    audio::{
        Block, Doorbell, FrameTime, Nanos, NoStopwatch, Notes, Rate, convert::to_wire, ring::ring,
    },
    config::{ConfigFile, Plan},
    dialog::{Endpoint, settings::TurnSettings},
    duplex::render,
    pipeline::{Format, Prepared, Registry, conformance::Subject},
    protocol::{Session, SessionSettings, Uplink, base64, uplink},
    sim::{
        babble::babble,
        machines::{Bells, Machines},
    },
};

use super::Case;

/// Calls of what takes 10 ms of sound: a second of it.
const SECOND: u32 = 100;
const PROFILES: [&str; 5] = ["speakers", "headset", "server-vad", "half-duplex", "pi"];

fn bell() -> Arc<Doorbell> {
    Arc::new(Doorbell::unanswered())
}

fn device() -> Rate {
    // proven: a rate of every sound card.
    Rate::new(48_000).expect("a valid rate")
}

pub(super) fn plan(profile: &str) -> Plan {
    ConfigFile::shipped(&Registry::shipped()).plan(Some(profile), &[]).expect("a shipped profile")
}

/// Speech, 10 ms at a time, over and over.
struct Speech {
    rate: Rate,
    sound: Vec<f32>,
    frames: usize,
    at: usize,
}

impl Speech {
    fn new(rate: Rate, seed: u64) -> Self {
        let frames = rate.hz() as usize / 100;
        let mut sound = babble(rate, Nanos::from_secs(3), seed);
        sound.truncate(sound.len() / frames * frames);
        Self { rate, sound, frames, at: 0 }
    }

    fn next(&mut self) -> (FrameTime, &[f32]) {
        let at = self.at;
        self.at += self.frames;
        let place = at % self.sound.len();
        let start = FrameTime::start(self.rate, 0).plus(at as i64);
        (start, &self.sound[place..place + self.frames])
    }
}

/// A block of a voice, and what a loudspeaker plays meanwhile.
struct Blocks {
    near: Speech,
    far: Speech,
    block: Block,
}

impl Blocks {
    fn new(rate: Rate, capacity: usize) -> Self {
        let block = Block::new(capacity.max(rate.hz() as usize / 100));
        Self { near: Speech::new(rate, 1), far: Speech::new(rate, 2), block }
    }

    fn next(&mut self) -> &mut Block {
        let (start, near) = self.near.next();
        self.block.fill(near, start);
        self.block.add_far().copy_from_slice(self.far.next().1);
        &mut self.block
    }
}

pub(super) fn all() -> impl Iterator<Item = Case> {
    stages().into_iter().chain(PROFILES.map(chain)).chain(PROFILES.map(voice_path)).chain([
        encode(),
        decode(),
        receive(),
        hand_over(),
        doorbell(),
        flush(),
        endpoint(),
    ])
}

fn stages() -> Vec<Case> {
    let registry = Registry::shipped();
    let mut cases = Vec::new();
    for entry in registry.iter() {
        let subjects = Subject::all(entry).expect("a valid example");
        for (index, subject) in subjects.iter().enumerate() {
            let mut name = format!("stage {}", entry.name);
            if !subject.variant.is_empty() {
                name = format!("{name} {}", subject.variant.replace([' ', '"'], ""));
            }
            cases.push(Case::new(name, SECOND, move || {
                let subject = Subject::all(entry).expect("a valid example").swap_remove(index);
                let (format, prepared) = prepare(&subject);
                let (mut stage, mut notes) = (prepared.stage, Notes::default());
                let mut blocks = Blocks::new(format.rate, prepared.output.block_frames_max);
                Box::new(move || {
                    stage.process(black_box(blocks.next()), &mut notes);
                    notes.clear();
                })
            }));
        }
    }
    cases
}

/// At the rate of the microphone where it leads to another one, or else where a
/// voice is processed, if it runs there.
fn prepare(subject: &Subject) -> (Format, Prepared) {
    let at = |rate| Some((Format::of(rate), subject.prepare(Format::of(rate)).ok()?));
    let from_device = at(device());
    match from_device {
        Some((format, prepared)) if prepared.output.rate != format.rate => (format, prepared),
        other => at(Rate::UPLINK).or(other).expect("one of the two rates"),
    }
}

fn chain(profile: &'static str) -> Case {
    Case::new(format!("chain {profile}"), SECOND, move || {
        let format = Format::of(device());
        let mut chain = plan(profile).capture_chain(format).expect("it runs at 48 kHz");
        let (mut blocks, mut notes) =
            (Blocks::new(format.rate, chain.block_capacity()), Notes::default());
        Box::new(move || {
            chain.process(black_box(blocks.next()), &mut notes, &NoStopwatch);
            notes.clear();
        })
    })
}

/// Both callbacks and the worker, for 10 ms.
fn voice_path(profile: &'static str) -> Case {
    Case::new(format!("voice path {profile}"), SECOND, move || {
        let bells = Bells { callbacks: bell(), worker: bell(), link: bell() };
        let machines = Machines::build(&plan(profile), [device(); 2], &bells);
        let Machines { mut capture, mut render, mut worker, mut notes, mut ends, .. } =
            machines.expect("it runs at 48 kHz");
        let (mut speech, mut played) = (Speech::new(device(), 1), vec![0.0f32; 960]);
        Box::new(move || {
            let (start, near) = speech.next();
            let now = device().duration_of(start.frames as u64 + 480);
            render.process(black_box(&mut played), 2, now, 480);
            capture.process(black_box(near), 1, now);
            worker.step(now, &NoStopwatch);
            while notes.pop().is_some() {}
            while ends.uplink.pop().is_some() {}
        })
    })
}

fn pcm(frames: usize) -> Vec<i16> {
    babble(Rate::DOWNLINK, Nanos::from_secs(1), 3)[..frames].iter().map(|s| to_wire(*s)).collect()
}

fn encode() -> Case {
    Case::new("uplink encode 20 ms", SECOND, || {
        let (samples, mut out) = (pcm(320), String::new());
        Box::new(move || {
            let samples = black_box(samples.as_slice());
            uplink::write(Uplink::Audio { samples, rate: Rate::UPLINK }, &mut out);
            black_box(&out);
        })
    })
}

/// A part of a reply, of 200 ms, as the service sends it.
fn part() -> String {
    let mut data = String::new();
    base64::append_pcm(&pcm(4_800), &mut data);
    format!(
        r#"{{"serverContent":{{"modelTurn":{{"parts":[{{"inlineData":{{"mimeType":"audio/pcm;rate=24000","data":"{data}"}}}}]}}}}}}"#
    )
}

fn decode() -> Case {
    Case::new("downlink base64 200 ms", SECOND, || {
        let (mut data, mut bytes) = (String::new(), Vec::new());
        base64::append_pcm(&pcm(4_800), &mut data);
        Box::new(move || {
            assert!(base64::decode(black_box(&data), &mut bytes));
            black_box(&bytes);
        })
    })
}

fn receive() -> Case {
    Case::new("downlink message 200 ms", SECOND, || {
        let (message, mut session) = (part(), Session::new(SessionSettings::default()));
        session.connected(Nanos::ZERO);
        session.receive(Nanos::ZERO, br#"{"setupComplete":{}}"#);
        Box::new(move || {
            session.receive(Nanos::ZERO, black_box(message.as_bytes()));
            while let Some(event) = session.poll_event() {
                black_box(event);
            }
        })
    })
}

fn hand_over() -> Case {
    Case::new("ring hand-over 480 frames", SECOND, || {
        let (mut writer, mut reader) = ring::<f32>(24_000);
        let (frames, mut out) = ([0.5f32; 480], [0.0f32; 480]);
        Box::new(move || {
            writer.push_slice(black_box(&frames));
            reader.pop_slice(black_box(&mut out));
        })
    })
}

fn doorbell() -> Case {
    Case::new("doorbell armed and rung", SECOND, || {
        let bell = bell();
        Box::new(move || {
            bell.arm();
            black_box(bell.ring());
        })
    })
}

/// A cut with 200 ms in the ring, and the callback that obeys it.
fn flush() -> Case {
    Case::new("flush 200 ms", SECOND, || {
        let (mut half, mut end) = render(device(), 6.0, bell());
        let (frames, mut out) = (vec![0.25f32; 9_600], [0.0f32; 480]);
        Box::new(move || {
            end.push(&frames);
            end.cut();
            half.process(black_box(&mut out), 1, Nanos::ZERO, 0);
            assert_eq!(end.pending_frames(), 0);
        })
    })
}

/// A detector's hop of 16 ms: the sound, and the probability.
fn endpoint() -> Case {
    Case::new("endpoint 16 ms", SECOND, || {
        let mut endpoint = Endpoint::new(&TurnSettings::default());
        let sound = babble(Rate::UPLINK, Nanos::from_ms(2_560), 4);
        let mut at = 0;
        Box::new(move || {
            let place = at % sound.len();
            at += 256;
            endpoint.listen(black_box(&sound[place..place + 256]));
            // Two seconds of speech, then a pause.
            let probability = if place < 32_000 { 0.9 } else { 0.1 };
            let at = FrameTime::start(Rate::UPLINK, 0).plus(at as i64);
            black_box(endpoint.hear(at, probability));
        })
    })
}
