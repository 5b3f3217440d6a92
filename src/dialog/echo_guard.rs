//! Whether the echo of the loudspeaker is under control, and how careful to be
//! where it is not.
//!
//! ```text
//!            uncontrolled for 1.5 s    2 s more        2 s more
//!       Free ─────────────▶ Quieter ────────▶ Strict ────────▶ Half
//!         ◀───────────────────── ◀─────────────── ◀───────────────
//!            a step back after 5 s under control, while it plays
//! ```
//!
//! A reply that was cut while the echo was not under control was cut by its own
//! echo, as far as one can tell: that is a step, and the second of them within
//! 20 s the last one. Where it seemed to be under control, but nothing was said
//! after the cut, four soon after each other are enough. From then on, and until
//! all was well for a minute, one is.
//!
//! Who comes back and has to go again comes back half as fast: a canceller that
//! works now and then is none.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use crate::audio::{EchoHealth, FrameTime, Rate, note::EchoStep};

/// So much quieter than it was played, an echo is not to speak of.
const FAINT_DB: f32 = 25.0;
/// A canceller that works takes so much away, and more where it does not believe
/// in itself: then it lets nothing through.
const TRUST_MIN: f32 = 0.5;
const ENHANCEMENT_DB_MIN: f32 = 6.0;
const UNTRUSTED_DB_MIN: f32 = 15.0;

/// A canceller may need so long to find the echo.
const PATIENCE: i64 = frames(1_500);
/// Less is no reason to take a cut for the echo's.
const DOUBT: i64 = frames(800);
/// The next step comes so much later.
const EACH: i64 = frames(2_000);
/// Under control for so long is a step back; at most, and forgotten after.
const BACK: i64 = frames(5_000);
const BACK_MAX: i64 = frames(160_000);
const FORGIVEN: i64 = frames(60_000);
/// Two words of the canceller are not further apart while it has something to
/// say.
const APART_MAX: i64 = frames(250);
/// Speech that ends so soon after a cut may have been what was cut.
const ECHO_MAX: i64 = frames(700);
/// How long a cut by the echo counts, surely and perhaps one; together more
/// than the first is too much.
const SURELY: i64 = frames(20_000);
const PERHAPS: i64 = frames(8_000);

const fn frames(ms: u32) -> i64 {
    Rate::UPLINK.frames_in_ms(ms) as i64
}

/// Judges the echo and steps up and down. Time passes while the model is audible;
/// everything is at 16 kHz.
#[derive(Debug)]
pub struct EchoGuard {
    step: EchoStep,
    /// What was heard of the canceller last, and whether that was well.
    heard: Option<FrameTime>,
    controlled: bool,
    /// It was under control once.
    proven: bool,
    /// Frames out of control, less those under it, since the last step.
    bad: i64,
    /// Frames under control without a break, since the last step.
    good: i64,
    /// How many of them are a step back, and whether one was made.
    back: i64,
    came_back: bool,
    /// The last cut of which it is not known yet what was said.
    cut: Option<FrameTime>,
    /// How much suspicion there was, and when.
    suspicion: Option<(FrameTime, i64)>,
    /// It was too much, not long ago.
    convicted: bool,
}

impl Default for EchoGuard {
    fn default() -> Self {
        Self {
            step: EchoStep::Free,
            heard: None,
            controlled: true,
            proven: false,
            bad: 0,
            good: 0,
            back: BACK,
            came_back: false,
            cut: None,
            suspicion: None,
            convicted: false,
        }
    }
}

impl EchoGuard {
    /// How careful to be now.
    pub fn step(&self) -> EchoStep {
        self.step
    }

    /// Takes the canceller's word, up to frame `at`, while the model is audible.
    /// Returns the new step.
    pub fn hear(&mut self, at: FrameTime, health: EchoHealth) -> Option<EchoStep> {
        let since = self.heard.and_then(|heard| at.frames_since(heard));
        let passed = since.unwrap_or_default().clamp(0, APART_MAX);
        self.heard = Some(at);
        // What is no number is not under control.
        let needed_db =
            if health.trust >= TRUST_MIN { ENHANCEMENT_DB_MIN } else { UNTRUSTED_DB_MIN };
        self.controlled = health.return_loss_db >= FAINT_DB || health.enhancement_db >= needed_db;
        if !self.controlled {
            return self.worsen(passed);
        }
        self.proven = true;
        self.bad = (self.bad - passed).max(0);
        self.good = (self.good + passed).min(FORGIVEN);
        match self.step {
            EchoStep::Free if self.good == FORGIVEN => {
                (self.back, self.came_back, self.convicted) = (BACK, false, false);
            }
            EchoStep::Free => {}
            step if self.good >= self.back => {
                self.came_back = true;
                return self.go(step.down());
            }
            _ => {}
        }
        None
    }

    /// The model was audible for so many frames, and nobody knows what was
    /// played.
    pub fn miss(&mut self, frames: i64) -> Option<EchoStep> {
        self.controlled = false;
        self.worsen(frames)
    }

    /// The canceller failed and begins anew.
    pub fn rebuilt(&mut self) -> Option<EchoStep> {
        self.controlled = false;
        self.worsen(PATIENCE)
    }

    /// A voice cut the reply, which is known since `at`.
    pub fn cut(&mut self, at: FrameTime) -> Option<EchoStep> {
        // Between two words any canceller may lose its trust for a moment.
        let is_doubtful = !self.proven || self.bad >= DOUBT || self.step > EchoStep::Free;
        if self.controlled || !is_doubtful {
            self.cut = Some(at);
            return None;
        }
        self.cut = None;
        self.suspect(at, SURELY).or_else(|| self.go(self.step.up()))
    }

    /// The voice spoke up to frame `last`.
    pub fn spoken(&mut self, last: FrameTime) -> Option<EchoStep> {
        let after = last.frames_since(self.cut.take()?)?;
        if after < ECHO_MAX { self.suspect(last, PERHAPS) } else { None }
    }

    fn worsen(&mut self, frames: i64) -> Option<EchoStep> {
        self.good = 0;
        self.bad += frames;
        let patience = if self.step == EchoStep::Free { PATIENCE } else { EACH };
        if self.bad >= patience { self.go(self.step.up()) } else { None }
    }

    fn suspect(&mut self, at: FrameTime, weight: i64) -> Option<EchoStep> {
        let before = self.suspicion.and_then(|(then, suspicion)| {
            let passed = at.frames_since(then)?;
            Some((suspicion - passed).max(0))
        });
        let suspicion = before.unwrap_or_default() + weight;
        if suspicion <= SURELY && !self.convicted {
            self.suspicion = Some((at, suspicion));
            return None;
        }
        self.suspicion = None;
        self.convicted = true;
        self.go(EchoStep::Half)
    }

    fn go(&mut self, step: EchoStep) -> Option<EchoStep> {
        (self.bad, self.good) = (0, 0);
        if step > self.step && std::mem::take(&mut self.came_back) {
            self.back = (2 * self.back).min(BACK_MAX);
        }
        (std::mem::replace(&mut self.step, step) != step).then_some(step)
    }
}

#[cfg(test)]
#[path = "echo_guard_tests.rs"]
mod tests;
