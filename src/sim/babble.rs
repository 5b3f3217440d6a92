//! A signal that voice detectors take for speech, made of nothing but a seed:
//! syllables of a buzz with a falling pitch under two moving resonances, parted
//! by short closures and a hiss now and then. It says nothing.

use std::f32::consts::TAU;

use super::seed::Seed;
use crate::audio::{Nanos, Rate};

/// Vowels as their first two formants, in hertz.
const VOWELS: [(f32, f32); 6] = [
    (730.0, 1_090.0),
    (270.0, 2_290.0),
    (530.0, 1_840.0),
    (570.0, 840.0),
    (300.0, 870.0),
    (660.0, 1_720.0),
];
/// A syllable and the closure after it.
const SYLLABLE_MS: (u64, u64) = (140, 220);
const CLOSURE_MS: (u64, u64) = (10, 35);

/// Speech-like sound of this length, peaking near −6 dBFS. It begins and ends
/// within a syllable: sound from its first 20 ms to its last.
pub fn babble(rate: Rate, length: Nanos, seed: u64) -> Vec<f32> {
    let mut seed = Seed::new(seed);
    let frames = rate.frames_in(length) as usize;
    let mut out = Vec::with_capacity(frames);
    let mut voice = Voice::new(rate);
    while out.len() < frames {
        let vowel = VOWELS[seed.below(VOWELS.len() as u64) as usize];
        let ms = SYLLABLE_MS.0 + seed.below(SYLLABLE_MS.1 - SYLLABLE_MS.0);
        let hisses = seed.below(4) == 0;
        voice.syllable(
            &mut out,
            rate.frames_in(Nanos::from_ms(ms)) as usize,
            vowel,
            hisses,
            &mut seed,
        );
        let ms = CLOSURE_MS.0 + seed.below(CLOSURE_MS.1 - CLOSURE_MS.0);
        let closure = rate.frames_in(Nanos::from_ms(ms)) as usize;
        if out.len() + 2 * closure < frames {
            out.resize(out.len() + closure, 0.0);
        }
    }
    out.truncate(frames);
    let fade = (rate.frames_in(Nanos::from_ms(5)) as usize).min(frames / 2);
    for i in 0..fade {
        let last = frames - 1 - i;
        out[last] *= i as f32 / fade as f32;
    }
    let peak = out.iter().fold(1e-6f32, |peak, s| peak.max(s.abs()));
    for sample in &mut out {
        *sample *= 0.5 / peak;
    }
    out
}

/// What goes on from syllable to syllable.
struct Voice {
    hz: f32,
    pulse: f32,
    formants: [Resonance; 3],
}

impl Voice {
    fn new(rate: Rate) -> Self {
        Self { hz: rate.hz() as f32, pulse: 0.0, formants: [Resonance::default(); 3] }
    }

    fn syllable(
        &mut self,
        out: &mut Vec<f32>,
        frames: usize,
        (first, second): (f32, f32),
        hisses: bool,
        seed: &mut Seed,
    ) {
        let pitch = 105.0 + 45.0 * seed.unit() as f32;
        let hiss_frames = if hisses { frames / 4 } else { 0 };
        for i in 0..frames {
            let through = i as f32 / frames as f32;
            self.pulse += pitch * (1.0 - 0.15 * through) / self.hz;
            let beat = self.pulse >= 1.0;
            self.pulse -= f32::from(u8::from(beat));
            let noise = seed.unit() as f32 - 0.5;
            let excitation = f32::from(u8::from(beat)) + 0.02 * noise;
            let glide = 0.9 + 0.2 * through;
            let mut voiced = self.formants[0].pass(excitation, first * glide, 90.0, self.hz);
            voiced += 0.6 * self.formants[1].pass(excitation, second / glide, 120.0, self.hz);
            voiced += 0.3 * self.formants[2].pass(excitation, 2_600.0, 180.0, self.hz);
            let rise = (through * frames as f32 / (0.02 * self.hz)).min(1.0);
            let envelope = rise * (1.0 - 0.75 * through * through);
            let hiss = if i < hiss_frames { 0.15 * noise } else { 0.0 };
            out.push(envelope * voiced + hiss);
        }
    }
}

/// A resonance of two poles, of unit gain at its centre.
#[derive(Clone, Copy, Default)]
struct Resonance {
    last: [f32; 2],
}

impl Resonance {
    fn pass(&mut self, input: f32, centre_hz: f32, width_hz: f32, rate_hz: f32) -> f32 {
        let radius = (-std::f32::consts::PI * width_hz / rate_hz).exp();
        let centre = (centre_hz / rate_hz).min(0.49);
        let [a, b] = self.last;
        let output =
            (1.0 - radius) * input + 2.0 * radius * (TAU * centre).cos() * a - radius * radius * b;
        self.last = [output, a];
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audio::{Block, FrameTime, NoStopwatch, NoteKind, Notes},
        pipeline::{Chain, Format, Registry, Value, Values},
    };

    /// Probabilities of an engine for the whole signal.
    fn probabilities(engine: &str, signal: &[f32]) -> Vec<f32> {
        let entry = Registry::shipped().get("vad").unwrap();
        let mut values = Values::defaults(entry.params);
        values.set("engine", Value::Text(engine.to_owned()));
        let config = (entry.build)(&values).unwrap();
        let format = Format::of(Rate::UPLINK);
        let mut chain = Chain::prepare([("vad", config.as_ref())], format).unwrap();
        let mut block = Block::new(chain.block_capacity());
        let mut notes = Notes::default();
        let mut found = Vec::new();
        let mut at = FrameTime::start(Rate::UPLINK, 0);
        for piece in signal.chunks(160) {
            block.fill(piece, at);
            at = at.plus(piece.len() as i64);
            chain.process(&mut block, &mut notes, &NoStopwatch);
            found.extend(notes.iter().filter_map(|note| match note.kind {
                NoteKind::Voice { probability } => Some(probability),
                _ => None,
            }));
            notes.clear();
        }
        found
    }

    #[test]
    fn every_engine_takes_it_for_speech_and_the_silence_after_for_silence() {
        for engine in ["earshot", "webrtc", "energy"] {
            for seed in 0..8 {
                let mut signal = vec![0.0; 8_000];
                signal.extend(babble(Rate::UPLINK, Nanos::from_ms(1_500), seed));
                signal.extend(std::iter::repeat_n(0.0, 16_000));
                let p = probabilities(engine, &signal);
                let hop = signal.len() / p.len();
                let share = |from: usize, to: usize| {
                    let hops = &p[from / hop..to / hop];
                    hops.iter().filter(|&&p| p >= 0.5).count() as f32 / hops.len() as f32
                };
                let (speech, silence) = (share(8_000, 32_000), share(40_000, 48_000));
                assert!(speech > 0.7, "{engine} {seed}: {speech:.2} of the speech");
                assert!(silence < 0.1, "{engine} {seed}: {silence:.2} of the silence");
            }
        }
    }

    #[test]
    fn it_is_as_long_as_asked_at_any_rate_and_repeats_with_its_seed() {
        for hz in [8_000, 44_100, 48_000] {
            let rate = Rate::new(hz).unwrap();
            let signal = babble(rate, Nanos::from_ms(333), 5);
            assert_eq!(signal.len() as u64, rate.frames_in(Nanos::from_ms(333)));
            assert!(signal.iter().all(|s| s.abs() <= 0.5));
            assert_eq!(signal, babble(rate, Nanos::from_ms(333), 5));
        }
    }
}
