//! The stage around a canceller that fails on purpose, and the real one in a
//! room of one reflection.

use super::*;
use crate::audio::{FrameTime, Rate};

pub(super) const HZ: usize = 16_000;

const ENGINES: [Engine; 2] = [kalman::ENGINE, aec3::ENGINE];

fn prepare(engine: Engine) -> Box<dyn Stage> {
    Config { engine }.prepare(Format::of(Rate::UPLINK)).unwrap().stage
}

fn latency_frames(engine: Engine) -> usize {
    HOP_FRAMES - 1 + engine.latency_frames
}

/// Noise in -1 to 1 that swells four times a second, as speech does.
pub(super) fn noise(frames: usize, mut seed: u32) -> Vec<f32> {
    let mut sample = |i: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let swell = (i as f32 / HZ as f32 * 4.0 * std::f32::consts::PI).sin().abs();
        swell * (seed as f32 / (1u64 << 31) as f32 - 1.0)
    };
    (0..frames).map(&mut sample).collect()
}

/// A voice of sorts: harmonics of a pitch that glides, four syllables a second.
pub(super) fn voice(frames: usize, pitch_hz: f32) -> Vec<f32> {
    let mut phase = 0.0;
    let sample = |i: usize| {
        let t = i as f32 / HZ as f32;
        phase += pitch_hz * (1.0 + 0.2 * (3.0 * t).sin()) / HZ as f32;
        let tone = |n: u8| (std::f32::consts::TAU * f32::from(n) * phase).sin() / f32::from(n);
        let syllable = (4.0 * std::f32::consts::PI * t).sin().powi(2);
        0.2 * syllable * (1..20).map(tone).sum::<f32>()
    };
    (0..frames).map(sample).collect()
}

pub(super) fn dbfs(signal: &[f32]) -> f32 {
    let power = signal.iter().map(|s| s * s).sum::<f32>() / signal.len() as f32;
    10.0 * (power + 1e-12).log10()
}

/// What came out: near-end, far-end, notes.
#[derive(Default)]
struct Out {
    near: Vec<f32>,
    far: Vec<f32>,
    notes: Vec<Note>,
}

/// Blocks of 10 ms, with a far end where there is one.
fn run(stage: &mut dyn Stage, near: &[f32], far: Option<&[f32]>) -> Out {
    let (mut block, mut notes, mut out) = (Block::new(160), Notes::default(), Out::default());
    for from in (0..near.len()).step_by(160) {
        let to = near.len().min(from + 160);
        block.fill(&near[from..to], FrameTime::start(Rate::UPLINK, 0).plus(from as i64));
        if let Some(far) = far {
            block.add_far().copy_from_slice(&far[from..to]);
        }
        notes.clear();
        stage.process(&mut block, &mut notes);
        out.near.extend_from_slice(block.near());
        out.far.extend_from_slice(block.far().unwrap_or_default());
        out.notes.extend(notes.iter());
    }
    out
}

/// The far end at half its level, so many frames later, in a quiet room.
fn echo(far: &[f32], delay: usize) -> Vec<f32> {
    let room = noise(far.len(), 7);
    let late = std::iter::repeat_n(&0.0, delay).chain(far);
    late.zip(&room).map(|(far, room)| 0.5 * far + 1e-4 * room).collect()
}

#[test]
fn an_echo_of_any_delay_is_removed_and_of_none_too() {
    let far: Vec<f32> = noise(6 * HZ, 1).iter().map(|s| 0.3 * s).collect();
    for (engine, delay) in ENGINES.into_iter().flat_map(|e| [0, 320, 5_600].map(|d| (e, d))) {
        let near = echo(&far, delay);
        let out = run(&mut *prepare(engine), &near, Some(&far));
        let gone = dbfs(&near[3 * HZ..]) - dbfs(&out.near[3 * HZ..]);
        assert!(gone > 25.0, "{gone} dB at {delay} frames, {engine:?}");
        assert!(out.notes.iter().all(|note| matches!(note.kind, NoteKind::Echo(_))));
    }
}

#[test]
fn the_user_over_the_echo_comes_out_as_she_went_in() {
    let far: Vec<f32> = noise(8 * HZ, 1).iter().map(|s| 0.3 * s).collect();
    let mut near = echo(&far, 700);
    let user: Vec<f32> = noise(2 * HZ, 5).iter().map(|s| 0.15 * s).collect();
    let from = 5 * HZ;
    for (sample, user) in near[from..].iter_mut().zip(&user) {
        *sample += user;
    }
    let out = run(&mut *prepare(kalman::ENGINE), &near, Some(&far)).near;
    let late = from + latency_frames(kalman::ENGINE);
    // After the 0.2 s in which she is recognised.
    let heard = &out[late + HZ / 5..late + 2 * HZ];
    let harm: Vec<f32> = heard.iter().zip(&user[HZ / 5..]).map(|(o, u)| o - u).collect();
    let ratio = dbfs(&user[HZ / 5..]) - dbfs(&harm);
    assert!(ratio > 10.0, "{ratio} dB");
}

#[test]
fn its_health_tells_how_loud_the_echo_is_when_it_comes_and_how_much_of_it_goes() {
    let far: Vec<f32> = noise(6 * HZ, 1).iter().map(|s| 0.3 * s).collect();
    for engine in ENGINES {
        let out = run(&mut *prepare(engine), &echo(&far, 1_600), Some(&far));
        let last = out.notes.last().map(|note| note.kind);
        let Some(NoteKind::Echo(health)) = last else { panic!("{last:?}, {engine:?}") };
        assert!((health.return_loss_db - 6.0).abs() < 4.0, "{health:?}, {engine:?}");
        assert!(health.enhancement_db > 6.0 && health.trust > 0.9, "{health:?}, {engine:?}");
        assert!((health.delay_ms - 100.0).abs() <= 12.0, "{health:?}, {engine:?}");
    }
}

#[test]
fn a_path_that_moves_is_not_trusted_and_learnt_again() {
    let far = voice(10 * HZ, 130.0);
    let mut near = echo(&far, 320);
    near[5 * HZ..].copy_from_slice(&echo(&far, 1_344)[5 * HZ..]);
    let out = run(&mut *prepare(kalman::ENGINE), &near, Some(&far));
    let trust = |from_s: f64, to_s: f64| {
        let inside = move |at: f64| at >= from_s && at < to_s;
        let kinds = out.notes.iter().filter(move |note| inside(note.at.as_secs())).map(|n| n.kind);
        kinds.filter_map(|kind| match kind {
            NoteKind::Echo(health) => Some(health.trust),
            _ => None,
        })
    };
    assert!(trust(4.0, 5.0).all(|trust| trust > 0.9));
    assert!(trust(5.0, 5.5).any(|trust| trust < 0.5));
    assert!(trust(9.0, 10.0).all(|trust| trust > 0.9));
    // Closed meanwhile: what is not trusted does not pass.
    let gone = dbfs(&near[5 * HZ + 1_600..]) - dbfs(&out.near[5 * HZ + 1_600..]);
    assert!(gone > 15.0, "{gone} dB");
}

#[test]
fn without_a_far_end_the_microphone_passes_at_its_level() {
    let near: Vec<f32> = noise(2 * HZ, 2).iter().map(|s| 0.1 * s).collect();
    for engine in ENGINES {
        let out = run(&mut *prepare(engine), &near, None).near;
        let (was, is) = (dbfs(&near[HZ - latency_frames(engine)..]), dbfs(&out[HZ..]));
        assert!((was - is).abs() < 1.0, "{was} dBFS became {is}, {engine:?}");
    }
}

#[test]
fn a_microphone_of_zeros_stays_so_whatever_is_played() {
    let far = noise(HZ, 3);
    for engine in ENGINES {
        let out = run(&mut *prepare(engine), &vec![0.0; HZ], Some(&far));
        assert!(out.near.iter().all(|sample| *sample == 0.0), "{engine:?}");
    }
}

#[test]
fn the_far_end_leaves_as_late_as_the_near_end() {
    let far = noise(1_600, 4);
    for engine in ENGINES {
        let late = latency_frames(engine);
        let out = run(&mut *prepare(engine), &vec![0.0; 1_600], Some(&far));
        assert_eq!(out.far[late..], far[..1_600 - late]);
        assert!(out.far[..late].iter().all(|sample| *sample == 0.0));
    }
}

#[test]
fn another_rate_is_refused_with_the_stage_that_is_missing() {
    let input = Format::of(Rate::new(48_000).unwrap());
    let error = Config { engine: kalman::ENGINE }.prepare(input).err().unwrap();
    assert!(error.0.contains("48000 Hz, expected 16000"), "{error}");
    assert!(error.0.ends_with("stage = \"resample\"\nrate_hz = 16000"), "{error}");
}

/// Passes on what it hears, a hop later; does not survive a full-scale sample,
/// and makes no sound of half of one.
struct Fragile(Hop);

impl Canceller for Fragile {
    fn cancel(&mut self, near: &mut Hop, _far: &Hop) {
        assert!(!near.contains(&1.0), "on purpose");
        std::mem::swap(near, &mut self.0);
        if near.contains(&0.5) {
            near[0] = f32::NAN;
        }
    }

    fn health(&self) -> Option<EchoHealth> {
        None
    }

    fn reset(&mut self) {
        *self = Self([0.0; HOP_FRAMES]);
    }
}

const FRAGILE: Engine = Engine {
    make: || Box::new(Fragile([0.0; HOP_FRAMES])),
    latency_frames: HOP_FRAMES,
    allocates: 0,
};

#[test]
fn a_canceller_that_panics_is_made_anew_and_the_talk_goes_on() {
    let mut stage = prepare(FRAGILE);
    let mut near = vec![0.25; 1_600];
    // The sixth hop panics; the one that leaves the fifteenth is no sound.
    near[5 * HOP_FRAMES + 9] = 1.0;
    near[14 * HOP_FRAMES + 9] = 0.5;
    let out = run(&mut *stage, &near, None);
    let rebuilt: Vec<_> = out.notes.iter().map(|note| (note.kind, note.at.frames)).collect();
    let last_of = |hop: i64| (hop + 1) * HOP_FRAMES as i64 - 1;
    assert_eq!(
        rebuilt,
        [
            (NoteKind::CancellerRebuilt { times: 1 }, last_of(5)),
            (NoteKind::CancellerRebuilt { times: 2 }, last_of(15)),
        ]
    );
    // What was in it is lost: the hop before, and the one that it did not survive.
    let hop =
        |number: usize| &out.near[latency_frames(FRAGILE) + number * HOP_FRAMES..][..HOP_FRAMES];
    for number in 0..near.len() / HOP_FRAMES - 3 {
        let lost = [4, 5, 14, 15].contains(&number);
        let expected = if lost { 0.0 } else { 0.25 };
        assert!(hop(number).iter().all(|sample| *sample == expected), "hop {number}");
    }
    assert_eq!(out.near.len(), near.len());
}

#[test]
fn after_a_reset_the_count_of_failures_goes_on() {
    let mut stage = prepare(FRAGILE);
    let mut fail = || run(&mut *stage, &[1.0; 160], None).notes.last().map(|note| note.kind);
    assert_eq!(fail(), Some(NoteKind::CancellerRebuilt { times: 2 }));
    stage.reset();
    let mut fail = || run(&mut *stage, &[1.0; 160], None).notes.last().map(|note| note.kind);
    assert_eq!(fail(), Some(NoteKind::CancellerRebuilt { times: 4 }));
}
