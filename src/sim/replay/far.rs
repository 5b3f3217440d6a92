//! The loudspeaker of a recorded pair: its sound goes beside the microphone's,
//! and where nothing else is known of the model, it tells when it was audible.
//!
//! A recording cannot be turned down or cut: what a decision would have done to
//! the echo after it is not replayed.

use crate::audio::{
    Dbfs, Rate, Resampler,
    resampler::{Quality, UnevenRates},
    ring::{Reader, Writer, ring},
};

/// A far end as loud as this is a voice, or the beginning of one.
const AUDIBLE: Dbfs = Dbfs(-55.0);
/// A pause so long is the end of a reply: longer than most between two
/// sentences, and than an echo lasts.
const PAUSE_MS: u32 = 400;
/// Longer than any block.
const RING_FRAMES: usize = 8_192;

/// What it plays, block by block.
#[derive(Debug)]
pub(super) struct Loudspeaker<'a> {
    rest: &'a [f32],
    played: Writer<f32>,
    /// Frames since it was last loud, and how many of them end a reply.
    quiet_frames: usize,
    pause_frames: usize,
}

impl<'a> Loudspeaker<'a> {
    /// One that plays `samples` at `rate`, and where they come out.
    pub(super) fn new(samples: &'a [f32], rate: Rate) -> (Self, Reader<f32>) {
        let (played, out) = ring(RING_FRAMES);
        let pause_frames = rate.frames_in_ms(PAUSE_MS);
        (Self { rest: samples, played, quiet_frames: pause_frames, pause_frames }, out)
    }

    /// Plays the next `frames`, silence after the last; tells whether whoever
    /// speaks through it is to be taken for audible.
    pub(super) fn play(&mut self, frames: usize) -> bool {
        let (block, rest) = self.rest.split_at(frames.min(self.rest.len()));
        self.rest = rest;
        self.played.push_slice(block);
        let is_loud = Dbfs::rms_of(block) >= AUDIBLE;
        self.quiet_frames = if is_loud { 0 } else { self.quiet_frames.saturating_add(frames) };
        self.quiet_frames < self.pause_frames
    }
}

/// The whole signal at another rate, nothing of it later.
///
/// # Errors
/// Where the two rates have too small a common divisor.
pub fn at_rate(samples: Vec<f32>, from: Rate, to: Rate) -> Result<Vec<f32>, UnevenRates> {
    if from == to {
        return Ok(samples);
    }
    let block = from.block_frames_max();
    let mut resampler = Resampler::new(from, to, Quality::Fine, block)?;
    let late = resampler.latency_frames();
    let frames = (samples.len() as u64 * u64::from(to.hz()) / u64::from(from.hz())) as usize;
    let mut out = Vec::with_capacity(late + frames + block);
    let mut blocks = samples.chunks(block);
    while out.len() < late + frames {
        let from = out.len();
        let made = match blocks.next() {
            Some(block) => resampler.push(block),
            None => resampler.push_silence(block),
        };
        out.resize(from + made, 0.0);
        resampler.take(&mut out[from..]);
    }
    out.drain(..late);
    out.truncate(frames);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: Rate, frames: usize) -> Vec<f32> {
        let turn = |i| i as f32 * std::f32::consts::TAU * 500.0 / rate.hz() as f32;
        (0..frames).map(|i| 0.1 * turn(i).sin()).collect()
    }

    #[test]
    fn a_voice_is_audible_through_its_pauses_and_not_for_long_after_it() {
        let sound = [vec![0.0; 3_200], sine(Rate::UPLINK, 3_200), vec![1e-4; 16_000]].concat();
        let (mut speaker, mut out) = Loudspeaker::new(&sound, Rate::UPLINK);
        let mut heard = Vec::new();
        let audible: Vec<bool> = (0..150)
            .map(|_| {
                let audible = speaker.play(160);
                let mut block = vec![0.0; out.len()];
                out.pop_slice(&mut block);
                heard.extend(block);
                audible
            })
            .collect();
        let blocks = |from, to| (from..to).collect::<Vec<_>>();
        let on: Vec<_> = (0..150).filter(|&block| audible[block]).collect();
        assert_eq!(on, blocks(20, 40 + PAUSE_MS as usize / 10 - 1));
        assert_eq!(heard, sound, "frame by frame, and nothing after its end");
    }

    #[test]
    fn another_rate_keeps_length_and_place() {
        let card = Rate::new(48_000).unwrap();
        let there = at_rate(sine(Rate::UPLINK, 1_601), Rate::UPLINK, card).unwrap();
        assert_eq!(there.len(), 4_803);
        let expected = sine(card, 4_803);
        let wrong = (600..4_000).find(|&i| (there[i] - expected[i]).abs() > 1e-3);
        assert_eq!(wrong, None);
    }
}
