//! Whether a stream is alive, and when it is to be opened again where it is
//! not: plain decisions, which whoever holds the devices carries out.
//!
//! ```text
//!        silent, broken, a storm of errors, moved: Drop
//!  Runs ───────────────────────────────────────────────▶ Waits ◀──── refused
//!    ▲                                                     │ the pause is over: Open
//!    └────────────────── opened ───────────────────────────┘
//! ```
//!
//! A dead sound server may give no error at all, so silence of the callbacks is
//! what decides; an error that says so only decides sooner.
//!
//! Runs on: any thread. Never allocates, locks, logs or fails.

use crate::audio::{Nanos, Rate};

/// A stream is dead when its callback has not come for so many periods …
const PERIODS: u64 = 4;
/// … and for at least so long.
const SILENCE_MIN: Nanos = Nanos::from_ms(250);
/// A stream that never called is given so long to begin.
const START_MAX: Nanos = Nanos::from_secs(3);
/// So many errors within a second are a storm.
const STORM: u64 = 50;
const STORM_IN: Nanos = Nanos::from_secs(1);
/// The pause before the first attempt to open it again, and the longest: each
/// is twice the one before.
const PAUSE_MIN: Nanos = Nanos::from_ms(100);
const PAUSE_MAX: Nanos = Nanos::from_secs(5);
/// A young stream whose like fell silent again and again is given more time, so
/// many times what the pause has grown: a device that has made 2 s ahead asks
/// once, and then for nothing until they are over.
const PATIENCE: u64 = 4;
/// A stream that ran for so long is no sign of trouble when it dies.
const SOUND: Nanos = Nanos::from_secs(10);
/// Somebody else became the default: followed when nobody speaks, or after so
/// long.
const FOLLOW_MAX: Nanos = Nanos::from_secs(5);

/// Why a stream is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Its callback does not come any more.
    Silent,
    /// The sound system says that it is over.
    Broken,
    /// Errors come without end.
    Storm,
    /// It works, but the default device is another one now.
    Moved,
}

impl Loss {
    /// The reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Silent => "no sound comes from it or goes to it any more",
            Self::Broken => "the sound system says so",
            Self::Storm => "errors came without end",
            Self::Moved => "the default device is another one now",
        }
    }

    /// What machines call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Broken => "broken",
            Self::Storm => "storm",
            Self::Moved => "moved",
        }
    }
}

/// What is seen of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// Callbacks since it was opened.
    pub callbacks: u64,
    /// When the last of them came.
    pub last_call_at: Nanos,
    /// The longest of them, in frames.
    pub period_frames_max: usize,
    /// Errors since it was opened.
    pub errors: u64,
    /// One of them said that it is over.
    pub is_broken: bool,
    /// It was opened as the default, and the default is another one by now.
    pub is_moved: bool,
    /// Nobody speaks just now.
    pub is_quiet: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Drop the stream.
    Drop {
        /// Why.
        loss: Loss,
        /// It had worked until now, so that it is worth a word.
        is_news: bool,
    },
    /// Try to open it, then say [`Watch::opened`] or [`Watch::refused`].
    Open,
    /// Sound is back after so long: nothing but to tell it.
    Back(Nanos),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Runs { since: Nanos },
    Waits { until: Nanos },
    Opens,
}

/// Watches one stream.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    state: State,
    rate: Rate,
    period_frames: usize,
    pause: Nanos,
    /// Since when there is no sound.
    lost_at: Option<Nanos>,
    moved_at: Option<Nanos>,
    /// When the errors of this second began to count, and how many came before.
    storm: (Nanos, u64),
    /// Silence before this does not count: we were held up, and could not see.
    excused_until: Nanos,
    reopened: u32,
    without: Nanos,
}

impl Watch {
    /// Watches a stream opened at `now` whose callbacks take `period_frames`.
    pub fn new(now: Nanos, period_frames: usize, rate: Rate) -> Self {
        Self {
            state: State::Runs { since: now },
            rate,
            period_frames,
            pause: PAUSE_MIN,
            lost_at: None,
            moved_at: None,
            storm: (now, 0),
            excused_until: now,
            reopened: 0,
            without: Nanos::ZERO,
        }
    }

    /// Judges the stream, or the time since it was lost. To be called again
    /// until it says nothing.
    pub fn look(&mut self, now: Nanos, vitals: &Vitals) -> Option<Deed> {
        match self.state {
            State::Runs { since } => self.judge(now, since, vitals),
            State::Waits { until } if now >= until => {
                self.state = State::Opens;
                Some(Deed::Open)
            }
            State::Waits { .. } | State::Opens => None,
        }
    }

    fn judge(&mut self, now: Nanos, since: Nanos, vitals: &Vitals) -> Option<Deed> {
        let calls = vitals.callbacks > 0;
        if now.since(since) >= SOUND {
            self.pause = PAUSE_MIN;
        }
        if let Some(loss) = self.loss(now, since, vitals) {
            let is_news = self.lost_at.is_none();
            let lost_at = if calls { vitals.last_call_at } else { since };
            self.lost_at.get_or_insert(lost_at.min(now));
            self.moved_at = None;
            // Nothing is wrong with the other device.
            let pause = if loss == Loss::Moved { Nanos::ZERO } else { self.next_pause() };
            self.state = State::Waits { until: now + pause };
            return Some(Deed::Drop { loss, is_news });
        }
        let lost_at = if calls { self.lost_at.take() } else { None }?;
        let after = vitals.last_call_at.since(lost_at);
        self.reopened += 1;
        self.without += after;
        Some(Deed::Back(after))
    }

    fn loss(&mut self, now: Nanos, since: Nanos, vitals: &Vitals) -> Option<Loss> {
        if vitals.is_broken {
            return Some(Loss::Broken);
        }
        if now > self.silent_at(since, vitals) {
            return Some(Loss::Silent);
        }
        let (began, before) = self.storm;
        if vitals.errors.saturating_sub(before) >= STORM {
            return Some(Loss::Storm);
        }
        if now.since(began) >= STORM_IN {
            self.storm = (now, vitals.errors);
        }
        if !vitals.is_moved {
            self.moved_at = None;
            return None;
        }
        let moved_at = *self.moved_at.get_or_insert(now);
        let follows = vitals.is_quiet || now.since(moved_at) >= FOLLOW_MAX;
        follows.then_some(Loss::Moved)
    }

    /// Up to when a stream that does not call may still be alive.
    fn silent_at(&self, since: Nanos, vitals: &Vitals) -> Nanos {
        if vitals.callbacks == 0 {
            return since.max(self.excused_until) + START_MAX;
        }
        let period = self.period_frames.max(vitals.period_frames_max) as u64;
        let usual = self.rate.duration_of(PERIODS * period).max(SILENCE_MIN);
        let is_young = vitals.last_call_at < since + SOUND;
        let grown = if is_young { self.pause.since(PAUSE_MIN) } else { Nanos::ZERO };
        vitals.last_call_at.max(self.excused_until) + usual.max(Nanos(PATIENCE * grown.0))
    }

    fn next_pause(&mut self) -> Nanos {
        let pause = self.pause;
        self.pause = Nanos(2 * pause.0).min(PAUSE_MAX);
        pause
    }

    /// When [`look`](Self::look) has something to say, if no callback comes and
    /// nothing happens meanwhile.
    pub fn next_deadline(&self, vitals: &Vitals) -> Option<Nanos> {
        match self.state {
            State::Runs { .. } if self.lost_at.is_some() && vitals.callbacks > 0 => {
                Some(vitals.last_call_at)
            }
            State::Runs { since } => Some(self.silent_at(since, vitals) + Nanos(1)),
            State::Waits { until } => Some(until),
            State::Opens => None,
        }
    }

    /// It was opened; its callbacks take so many frames.
    pub fn opened(&mut self, now: Nanos, period_frames: usize, rate: Rate) {
        self.state = State::Runs { since: now };
        (self.rate, self.period_frames) = (rate, period_frames);
        self.storm = (now, 0);
    }

    /// It could not be opened.
    pub fn refused(&mut self, now: Nanos) {
        let pause = self.next_pause();
        self.state = State::Waits { until: now + pause };
    }

    /// Who looks was held up until `now`, and perhaps the callbacks with it.
    pub fn held_up(&mut self, now: Nanos) {
        self.excused_until = now;
    }

    /// Whether sound comes or goes, as far as is known.
    pub fn is_running(&self) -> bool {
        self.lost_at.is_none()
    }

    /// How often it was back, and how long there was no sound in all, at `now`.
    pub fn outages(&self, now: Nanos) -> (u32, Nanos) {
        let going_on = self.lost_at.map_or(Nanos::ZERO, |lost_at| now.since(lost_at));
        (self.reopened, self.without + going_on)
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
