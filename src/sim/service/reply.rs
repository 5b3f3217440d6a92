//! A reply on its way: the steps it is made of, and when each is due.

use std::collections::VecDeque;

use serde_json::Value;

use super::{
    ear::UserTurn,
    messages::Usage,
    settings::{Answer, PartSizes, ServiceSettings, ToolScript, TurnScript},
    setup::Setup,
    voice,
};
use crate::{
    audio::{Nanos, Rate},
    sim::seed::Seed,
};

/// 16 bits at 24 kHz.
const BYTES_PER_S: u64 = 48_000;
const TOKENS_PER_S: f64 = 25.0;

/// One thing that a reply does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Generation begins: the session cannot be resumed from here.
    Begin,
    Part(Vec<u8>),
    Caption(String),
    Text(String),
    Call {
        id: String,
        name: String,
        args: Value,
        blocking: bool,
    },
    /// Waits for the answer to the call.
    AwaitAnswer,
    GenerationComplete,
    TurnComplete {
        reason: Option<&'static str>,
        status: Option<&'static str>,
    },
}

/// The reply to one turn.
#[derive(Debug)]
pub(super) struct Reply {
    steps: VecDeque<Step>,
    /// When the last step was due.
    clock: Nanos,
    /// When the next part may follow.
    part_at: Nanos,
    /// When a client that plays what it gets has played it all.
    plays_until: Nanos,
    burst: f64,
    /// The call that waits for its answer, and whether it blocks.
    pub call: Option<(String, bool)>,
    pub usage: Usage,
    pub bytes_sent: u64,
    pub parts_sent: u64,
}

impl Reply {
    /// Plans the reply to `turn`, the `nth` of its session, from `now` on.
    pub(super) fn plan(
        settings: &ServiceSettings,
        setup: &Setup,
        turn: &UserTurn,
        nth: usize,
        seed: &mut Seed,
        now: Nanos,
    ) -> Self {
        let usage = Usage {
            heard: tokens(turn.rate.duration_of(turn.pcm.len() as u64)),
            read: (turn.text.len() as u64).div_ceil(4),
            ..Usage::default()
        };
        let start = now + Nanos::from_ms(u64::from(settings.think_ms));
        Self {
            steps: steps(settings, setup, turn, nth, seed),
            clock: start,
            part_at: start,
            plays_until: start,
            burst: settings.burst.max(0.01),
            call: None,
            usage,
            bytes_sent: 0,
            parts_sent: 0,
        }
    }

    /// When the next step is due; `None` while a call waits for its answer.
    pub(super) fn due(&self) -> Option<Nanos> {
        match self.steps.front()? {
            Step::AwaitAnswer if self.call.is_some() => None,
            Step::Part(_) => Some(self.clock.max(self.part_at)),
            Step::TurnComplete { .. } => Some(self.clock.max(self.plays_until)),
            _ => Some(self.clock),
        }
    }

    /// Takes the next step, which is due at `at`.
    pub(super) fn step(&mut self, at: Nanos) -> Option<Step> {
        let step = self.steps.pop_front()?;
        self.clock = at;
        match &step {
            Step::Part(bytes) => {
                let ns = bytes.len() as u64 * 1_000_000_000 / BYTES_PER_S;
                self.part_at = at + Nanos((ns as f64 / self.burst) as u64);
                self.plays_until = self.plays_until.max(at) + Nanos(ns);
                self.bytes_sent += bytes.len() as u64;
                self.parts_sent += 1;
                self.usage.spoken = tokens(Rate::DOWNLINK.duration_of(self.bytes_sent / 2));
            }
            Step::Text(text) => self.usage.written += (text.len() as u64).div_ceil(4),
            Step::Call { id, blocking, .. } => self.call = Some((id.clone(), *blocking)),
            _ => {}
        }
        Some(step)
    }

    /// The call `id` is answered; false where another one waits, or none.
    pub(super) fn answer(&mut self, id: &str, now: Nanos) -> bool {
        let is_mine = self.call.as_ref().is_some_and(|(call, _)| call == id);
        if is_mine {
            self.call = None;
            self.clock = self.clock.max(now);
        }
        is_mine
    }
}

/// What so much audio counts as.
fn tokens(audio: Nanos) -> u64 {
    (audio.as_secs() * TOKENS_PER_S).ceil() as u64
}

fn steps(
    settings: &ServiceSettings,
    setup: &Setup,
    turn: &UserTurn,
    nth: usize,
    seed: &mut Seed,
) -> VecDeque<Step> {
    let idle = setup.interaction_status.then_some("IDLE");
    if turn.is_empty() && !settings.answers_silence {
        let reason = Some("NEED_MORE_INPUT");
        return VecDeque::from([Step::TurnComplete { reason, status: idle }]);
    }
    let script = settings.script.get(nth).cloned().unwrap_or_default();
    if script.answer == Answer::Empty {
        return VecDeque::from([Step::TurnComplete { reason: None, status: idle }]);
    }
    let pcm = voice::speak(&settings.voice, turn, nth);
    let caption = script
        .model
        .clone()
        .unwrap_or_else(|| format!("({:.1} s of reply)", pcm.len() as f64 / 24_000.0));
    if setup.text {
        let status = idle;
        return VecDeque::from([
            Step::Begin,
            Step::Text(caption),
            Step::GenerationComplete,
            Step::TurnComplete { reason: None, status },
        ]);
    }
    let bytes: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    // Two generations share no sample, so they share no byte.
    let middle = if script.in_two { bytes.len() / 4 * 2 } else { 0 };
    let mut parts = cut(&bytes[..middle], settings.parts, seed);
    let first_parts = parts.len();
    parts.extend(cut(&bytes[middle..], settings.parts, seed));
    let captioned = setup.output_transcription && settings.transcripts;
    let words: Vec<&str> = if captioned { words(&caption) } else { Vec::new() };
    let mut steps = VecDeque::from([Step::Begin]);
    let count = parts.len();
    let half = if script.in_two { first_parts.saturating_sub(1) } else { count / 2 };
    for (n, part) in parts.into_iter().enumerate() {
        steps.push_back(Step::Part(part));
        let said = words[words.len() * n / count..words.len() * (n + 1) / count].concat();
        if !said.is_empty() {
            steps.push_back(Step::Caption(said));
        }
        if n == half {
            halfway(&mut steps, &script, nth);
        } else if n == half + 1 && script.tool.is_some() {
            steps.push_back(Step::AwaitAnswer);
        }
    }
    if script.tool.is_some() && count < half + 2 {
        steps.push_back(Step::AwaitAnswer);
    }
    steps.push_back(Step::GenerationComplete);
    let status = if script.in_two { Some("IDLE") } else { idle };
    steps.push_back(Step::TurnComplete { reason: None, status });
    steps
}

/// What the script puts into the middle of a reply.
fn halfway(steps: &mut VecDeque<Step>, script: &TurnScript, nth: usize) {
    if script.in_two {
        steps.push_back(Step::TurnComplete { reason: None, status: Some("IN_PROGRESS") });
    }
    if let Some(ToolScript { name, args, blocking }) = script.tool.clone() {
        steps.push_back(Step::Call {
            id: format!("function-call-{}", nth + 1),
            name,
            args,
            blocking,
        });
    }
}

/// `bytes` in parts; one after the other they are `bytes`.
pub(super) fn cut(bytes: &[u8], sizes: PartSizes, seed: &mut Seed) -> Vec<Vec<u8>> {
    const RAGGED: [usize; 8] = [2, 2_400, 7_680, 9_600, 12_000, 15_360, 1, 4_801];
    let mut rest = bytes;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let size = match sizes {
            PartSizes::Observed if parts.is_empty() => 9_600,
            PartSizes::Observed => 11_520,
            PartSizes::Ragged if parts.is_empty() => 2,
            PartSizes::Ragged => RAGGED[seed.below(RAGGED.len() as u64) as usize],
            PartSizes::Fixed(size) => size.max(1),
        };
        let (part, after) = rest.split_at(size.min(rest.len()));
        parts.push(part.to_vec());
        rest = after;
    }
    parts
}

/// The words of a caption, each but the first with the space before it.
pub(super) fn words(caption: &str) -> Vec<&str> {
    let starts = caption.match_indices(' ').map(|(at, _)| at).filter(|&at| at > 0);
    let bounds: Vec<usize> = std::iter::once(0).chain(starts).chain([caption.len()]).collect();
    bounds.windows(2).map(|pair| &caption[pair[0]..pair[1]]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_observed_parts_are_200_ms_and_then_240_ms() {
        let sizes: Vec<usize> = cut(&vec![0; 40_000], PartSizes::Observed, &mut Seed::new(0))
            .iter()
            .map(Vec::len)
            .collect();
        assert_eq!(sizes, [9_600, 11_520, 11_520, 7_360]);
    }

    #[test]
    fn a_caption_in_words_is_the_caption() {
        assert_eq!(words("Hello  there, you."), ["Hello", " ", " there,", " you."]);
        assert_eq!(words(" go").concat(), " go");
        assert_eq!(words("").concat(), "");
    }

    proptest! {
        #[test]
        fn parts_one_after_the_other_are_the_reply(
            bytes in prop::collection::vec(any::<u8>(), 0..60_000),
            fixed in 0..5_000usize,
            seed in any::<u64>(),
        ) {
            for sizes in [PartSizes::Observed, PartSizes::Ragged, PartSizes::Fixed(fixed)] {
                let parts = cut(&bytes, sizes, &mut Seed::new(seed));
                prop_assert!(parts.iter().all(|part| !part.is_empty()));
                prop_assert_eq!(parts.concat(), bytes.clone());
            }
        }
    }
}
