//! The stage around a canceller that fails on purpose, and the real one in a
//! room of one reflection.

use super::*;
use crate::audio::{FrameTime, Rate};

const HZ: usize = 16_000;

fn prepare(canceller: Make) -> Box<dyn Stage> {
    Config { canceller }.prepare(Format::of(Rate::UPLINK)).unwrap().stage
}

/// Noise in -1 to 1 that swells four times a second, as speech does.
fn noise(frames: usize, mut seed: u32) -> Vec<f32> {
    let mut sample = |i: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let swell = (i as f32 / HZ as f32 * 4.0 * std::f32::consts::PI).sin().abs();
        swell * (seed as f32 / (1u64 << 31) as f32 - 1.0)
    };
    (0..frames).map(&mut sample).collect()
}

fn dbfs(signal: &[f32]) -> f32 {
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
    for delay in [0, 320, 5_000] {
        let near = echo(&far, delay);
        let out = run(&mut *prepare(aec3::canceller), &near, Some(&far));
        let gone = dbfs(&near[3 * HZ..]) - dbfs(&out.near[3 * HZ..]);
        assert!(gone > 25.0, "{gone} dB at {delay} frames");
        assert!(out.notes.is_empty());
    }
}

#[test]
fn without_a_far_end_the_microphone_passes_at_its_level() {
    let near: Vec<f32> = noise(2 * HZ, 2).iter().map(|s| 0.1 * s).collect();
    let out = run(&mut *prepare(aec3::canceller), &near, None).near;
    let (was, is) = (dbfs(&near[HZ - LATENCY_FRAMES..]), dbfs(&out[HZ..]));
    assert!((was - is).abs() < 1.0, "{was} dBFS became {is}");
}

#[test]
fn a_microphone_of_zeros_stays_so_whatever_is_played() {
    let far = noise(HZ, 3);
    let out = run(&mut *prepare(aec3::canceller), &vec![0.0; HZ], Some(&far));
    assert!(out.near.iter().all(|sample| *sample == 0.0));
}

#[test]
fn the_far_end_leaves_as_late_as_the_near_end() {
    let far = noise(1_600, 4);
    let out = run(&mut *prepare(aec3::canceller), &vec![0.0; 1_600], Some(&far));
    assert_eq!(out.far[LATENCY_FRAMES..], far[..1_600 - LATENCY_FRAMES]);
    assert_eq!(out.far[..LATENCY_FRAMES], [0.0; LATENCY_FRAMES]);
}

#[test]
fn another_rate_is_refused_with_the_stage_that_is_missing() {
    let input = Format::of(Rate::new(48_000).unwrap());
    let error = Config { canceller: aec3::canceller }.prepare(input).err().unwrap();
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
}

#[test]
fn a_canceller_that_panics_is_made_anew_and_the_talk_goes_on() {
    let mut stage = prepare(|| Box::new(Fragile([0.0; HOP_FRAMES])));
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
    let hop = |number: usize| &out.near[LATENCY_FRAMES + number * HOP_FRAMES..][..HOP_FRAMES];
    for number in 0..near.len() / HOP_FRAMES - 3 {
        let lost = [4, 5, 14, 15].contains(&number);
        let expected = if lost { 0.0 } else { 0.25 };
        assert!(hop(number).iter().all(|sample| *sample == expected), "hop {number}");
    }
    assert_eq!(out.near.len(), near.len());
}

#[test]
fn after_a_reset_the_count_of_failures_goes_on() {
    let mut stage = prepare(|| Box::new(Fragile([0.0; HOP_FRAMES])));
    let mut fail = || run(&mut *stage, &[1.0; 160], None).notes.last().map(|note| note.kind);
    assert_eq!(fail(), Some(NoteKind::CancellerRebuilt { times: 2 }));
    stage.reset();
    let mut fail = || run(&mut *stage, &[1.0; 160], None).notes.last().map(|note| note.kind);
    assert_eq!(fail(), Some(NoteKind::CancellerRebuilt { times: 4 }));
}
