//! When to dial again: pauses that double up to a limit, each shortened by a
//! random share so that many clients do not come back at the same moment; and
//! when not any more.

use crate::{
    audio::Nanos,
    protocol::{LinkSettings, Reaction, StartPolicy, Verdict},
};

/// Attempts before the conversation has ever begun.
const FIRST_ATTEMPTS_MAX: u32 = 4;
/// Attempts end after so long without a connection: the service has forgotten
/// the session by then (reference §4.5).
const OUTAGE_MAX: Nanos = Nanos::from_secs(2 * 60 * 60);
/// A connection that talked for so long has earned a new start without pause.
const SETTLED: Nanos = Nanos::from_secs(10);

/// What to do after a connection ended or could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Dial again then, and not before the old socket is closed.
    Redial {
        /// When.
        at: Nanos,
        /// Why, for people.
        verdict: Verdict,
    },
    /// Stop: dialling again would not help.
    GiveUp {
        /// Why, for people.
        verdict: Verdict,
    },
    /// The conversation ended as it was asked to.
    Done,
}

/// The memory of attempts.
#[derive(Debug)]
pub(super) struct Reconnect {
    pause_min: Nanos,
    pause_max: Nanos,
    random: u64,
    /// Attempts since a connection last settled.
    attempts: u32,
    ready_since: Option<Nanos>,
    /// Since when there is none.
    down_since: Option<Nanos>,
    ever_ready: bool,
    /// Somebody is there to begin again: attempts end.
    may_fail: bool,
}

impl Reconnect {
    pub(super) fn new(settings: &LinkSettings, seed: u64) -> Self {
        let pause_min = Nanos::from_ms(settings.retry_ms_min.into());
        Self {
            pause_min,
            pause_max: Nanos::from_ms(settings.retry_ms_max.into()).max(pause_min),
            random: seed,
            attempts: 0,
            ready_since: None,
            down_since: None,
            ever_ready: false,
            may_fail: settings.start == StartPolicy::Fail,
        }
    }

    /// The service accepted the setup.
    pub(super) fn ready(&mut self, now: Nanos) {
        self.ready_since = Some(now);
        self.down_since = None;
        self.ever_ready = true;
    }

    /// What a verdict leads to at `now`.
    pub(super) fn decide(&mut self, now: Nanos, verdict: Verdict) -> Decision {
        let settled = self.ready_since.take().is_some_and(|since| now.since(since) >= SETTLED);
        if settled {
            self.attempts = 0;
        }
        let at_once = match verdict.reaction {
            Reaction::Normal => return Decision::Done,
            // Nobody is there to set the clock or to leave a captive portal: what
            // makes the service unreachable now may pass.
            Reaction::Fatal if self.may_fail || verdict.by_service || self.ever_ready => {
                return Decision::GiveUp { verdict };
            }
            Reaction::Resume | Reaction::Fresh => true,
            Reaction::Fatal | Reaction::Retry => false,
        };
        let down_since = *self.down_since.get_or_insert(now);
        let lasts_too_long = if self.ever_ready {
            now.since(down_since) >= OUTAGE_MAX
        } else {
            self.attempts + 1 >= FIRST_ATTEMPTS_MAX
        };
        if self.may_fail && lasts_too_long {
            return Decision::GiveUp { verdict };
        }
        let pause =
            if at_once && self.attempts == 0 { Nanos::ZERO } else { self.pause(self.attempts) };
        self.attempts += 1;
        Decision::Redial { at: now + pause, verdict }
    }

    /// Between a half and the whole of the doubled pause.
    fn pause(&mut self, doublings: u32) -> Nanos {
        let doubled = self.pause_min.0.saturating_mul(1 << doublings.min(20));
        let whole = doubled.min(self.pause_max.0);
        Nanos(whole - self.draw() % (whole / 2 + 1))
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(reaction: Reaction) -> Verdict {
        let explanation = "it broke".to_owned();
        Verdict { reaction, by_service: false, explanation, next_step: String::new() }
    }

    fn pause_of(decision: Decision, now: Nanos) -> Nanos {
        match decision {
            Decision::Redial { at, .. } => at.since(now),
            other => panic!("expected to redial, not {other:?}"),
        }
    }

    fn once_ready(seed: u64) -> Reconnect {
        let mut reconnect = Reconnect::new(&LinkSettings::default(), seed);
        reconnect.ready(Nanos::ZERO);
        reconnect
    }

    #[test]
    fn pauses_double_up_to_the_limit_and_are_drawn_from_their_upper_half() {
        for seed in 0..100 {
            let mut reconnect = once_ready(seed);
            for whole_ms in [500, 1_000, 2_000, 4_000, 4_000, 4_000] {
                let pause = pause_of(
                    reconnect.decide(Nanos::from_secs(1), verdict(Reaction::Retry)),
                    Nanos::from_secs(1),
                );
                assert!(pause <= Nanos::from_ms(whole_ms), "{pause:?} of {whole_ms}");
                assert!(pause >= Nanos::from_ms(whole_ms / 2), "{pause:?} of {whole_ms}");
            }
        }
    }

    #[test]
    fn two_clients_do_not_come_back_together() {
        let first = |seed| once_ready(seed).decide(Nanos::ZERO, verdict(Reaction::Retry));
        assert_ne!(first(1), first(2));
        assert_eq!(first(1), first(1));
    }

    #[test]
    fn a_resumable_end_is_resumed_at_once_but_not_in_a_circle() {
        let now = Nanos::from_secs(60);
        let mut reconnect = once_ready(1);
        assert_eq!(pause_of(reconnect.decide(now, verdict(Reaction::Resume)), now), Nanos::ZERO);
        reconnect.ready(now);
        let pause = pause_of(reconnect.decide(now, verdict(Reaction::Resume)), now);
        assert!(pause > Nanos::ZERO);
        reconnect.ready(now);
        let later = now + SETTLED;
        let pause = pause_of(reconnect.decide(later, verdict(Reaction::Resume)), later);
        assert_eq!(pause, Nanos::ZERO);
    }

    #[test]
    fn a_conversation_that_never_began_is_given_up_after_a_few_attempts() {
        let mut reconnect = Reconnect::new(&LinkSettings::default(), 1);
        for _ in 1..FIRST_ATTEMPTS_MAX {
            pause_of(reconnect.decide(Nanos::ZERO, verdict(Reaction::Retry)), Nanos::ZERO);
        }
        let last = reconnect.decide(Nanos::ZERO, verdict(Reaction::Retry));
        assert_eq!(last, Decision::GiveUp { verdict: verdict(Reaction::Retry) });
    }

    #[test]
    fn a_kiosk_never_gives_up_a_network_but_does_a_wrong_key() {
        let settings = LinkSettings { start: StartPolicy::Retry, ..LinkSettings::default() };
        let mut reconnect = Reconnect::new(&settings, 1);
        for _ in 0..10_000 {
            let pause =
                pause_of(reconnect.decide(Nanos::ZERO, verdict(Reaction::Retry)), Nanos::ZERO);
            assert!(pause <= Nanos::from_ms(settings.retry_ms_max.into()));
        }
        let clock_is_wrong = verdict(Reaction::Fatal);
        pause_of(reconnect.decide(Nanos::ZERO, clock_is_wrong.clone()), Nanos::ZERO);
        let wrong_key = Verdict { by_service: true, ..clock_is_wrong };
        let decision = reconnect.decide(Nanos::ZERO, wrong_key);
        assert!(matches!(decision, Decision::GiveUp { .. }));
    }

    #[test]
    fn an_outage_ends_the_attempts_when_the_session_is_forgotten_but_not_of_a_kiosk() {
        let attempts = |start| {
            let settings = LinkSettings { start, ..LinkSettings::default() };
            let mut reconnect = Reconnect::new(&settings, 1);
            reconnect.ready(Nanos::ZERO);
            let mut now = Nanos::from_secs(60);
            while let Decision::Redial { at, .. } = reconnect.decide(now, verdict(Reaction::Retry))
                && at < Nanos::from_secs(24 * 60 * 60)
            {
                now = at.max(now + Nanos::from_ms(1));
            }
            now
        };
        let given_up_at = attempts(StartPolicy::Fail);
        let since = given_up_at.since(Nanos::from_secs(60));
        assert!(since >= OUTAGE_MAX && since < OUTAGE_MAX + Nanos::from_secs(5), "{since:?}");
        assert!(attempts(StartPolicy::Retry) > Nanos::from_secs(23 * 60 * 60));
    }

    #[test]
    fn a_connection_in_between_begins_a_new_outage() {
        let mut reconnect = once_ready(1);
        let before = OUTAGE_MAX.since(Nanos::from_secs(1));
        pause_of(reconnect.decide(Nanos::ZERO, verdict(Reaction::Retry)), Nanos::ZERO);
        pause_of(reconnect.decide(before, verdict(Reaction::Retry)), before);
        reconnect.ready(before);
        let after = OUTAGE_MAX + Nanos::from_secs(60);
        pause_of(reconnect.decide(after, verdict(Reaction::Retry)), after);
    }

    #[test]
    fn what_would_not_help_is_not_tried() {
        let decide = |reaction| once_ready(1).decide(Nanos::ZERO, verdict(reaction));
        assert_eq!(decide(Reaction::Normal), Decision::Done);
        assert!(matches!(decide(Reaction::Fatal), Decision::GiveUp { .. }));
    }
}
