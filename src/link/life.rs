//! How long a connection is kept: until it is told to go, or has grown old, and
//! then a quiet moment comes, or the last moment does.
//!
//! A plain machine. It acts by the time it was given, never by the next
//! message: after a goAway the service may fall silent.

use crate::{audio::Nanos, protocol::LinkSettings};

/// So long before the connection is closed from the other side, we leave it.
const MARGIN: Nanos = Nanos::from_secs(5);
/// The least that a goAway leaves for a quiet moment, however little it says.
const LEAST: Nanos = Nanos::from_secs(1);
/// What a goAway that does not say so leaves: 30 s and 50 s were seen.
const UNSAID: Nanos = Nanos::from_secs(10);
/// A connection past its age may wait so long for a quiet moment: services
/// close at ten minutes.
const OLD_AGE: Nanos = Nanos::from_secs(40);
/// Quiet counts once it has lasted: right after a reply people answer it, and
/// the handle that knows of the reply is on its way.
const QUIET: Nanos = Nanos::from_ms(300);
/// How often is looked whether it is quiet, once that matters.
const LOOK: Nanos = Nanos::from_ms(100);

/// Why the link moves to another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SwitchCause {
    /// The service said that it will close this one.
    GoAway,
    /// The connection reached `link.connection_age_s`.
    Age,
    /// Turns are taken in another way, which is said in the setup.
    TurnMode,
    /// Nothing came for `link.silence_timeout_ms`, not even a pong.
    Silent,
    /// The connection took nothing for `link.stall_timeout_ms`.
    Stalled,
    /// A turn was not answered, and a nudge did not help.
    Unanswered,
}

impl SwitchCause {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::GoAway => "the service closes this connection soon",
            Self::Age => "this connection is old",
            Self::TurnMode => "the service has to be told of the turn mode",
            Self::Silent => "nothing comes from the service any more, not even a pong",
            Self::Stalled => "the connection takes nothing any more",
            Self::Unanswered => "your turn was not answered, and will be sent again",
        }
    }

    /// Whether the connection was fine; otherwise a watchdog gave it up.
    pub fn is_planned(self) -> bool {
        matches!(self, Self::GoAway | Self::Age | Self::TurnMode)
    }
}

/// A switch that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub cause: SwitchCause,
    /// Nobody speaks; otherwise it could not be put off any longer.
    pub quiet: bool,
}

/// What the machine is told at each look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Nobody speaks, nothing plays, nothing is owed, and the session can be
    /// resumed from here.
    pub quiet: bool,
    /// There is something to resume from: without it, age is no reason.
    pub resumable: bool,
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Life {
    age_max: Option<Nanos>,
    ready_at: Option<Nanos>,
    /// When we must have left by the service's word.
    go_by: Option<Nanos>,
    quiet_since: Option<Nanos>,
    looked_at: Nanos,
    resumable: bool,
}

impl Life {
    pub(super) fn new(settings: &LinkSettings) -> Self {
        let age_max = (settings.connection_age_s > 0)
            .then(|| Nanos::from_secs(settings.connection_age_s.into()));
        Self {
            age_max,
            ready_at: None,
            go_by: None,
            quiet_since: None,
            looked_at: Nanos::ZERO,
            resumable: false,
        }
    }

    /// The service accepted the setup.
    pub(super) fn began(&mut self, now: Nanos) {
        (self.ready_at, self.go_by, self.quiet_since) = (Some(now), None, None);
        self.looked_at = now;
    }

    /// The connection is gone, or about to be left.
    pub(super) fn ended(&mut self) {
        (self.ready_at, self.go_by) = (None, None);
    }

    /// The service will close the connection; it says when, or does not.
    pub(super) fn going_away(&mut self, now: Nanos, time_left: Option<Nanos>) {
        let left = time_left.unwrap_or(UNSAID);
        let by = now + left.since(MARGIN).max(LEAST);
        self.go_by = Some(self.go_by.map_or(by, |before| before.min(by)));
    }

    /// Takes what is seen at `now`; the switch that is due by that.
    pub(super) fn look(&mut self, now: Nanos, seen: Seen) -> Option<Due> {
        self.looked_at = now;
        self.resumable = seen.resumable;
        let since = self.quiet_since.filter(|_| seen.quiet);
        self.quiet_since = seen.quiet.then(|| since.unwrap_or(now));
        let (cause, by) = self.wanted(now)?;
        let quiet = self.quiet_since.is_some_and(|since| now.since(since) >= QUIET);
        (quiet || now >= by).then_some(Due { cause, quiet })
    }

    /// When to look again, without anything having happened.
    pub(super) fn next_look(&self) -> Option<Nanos> {
        match self.wanted(self.looked_at) {
            Some((_, by)) => Some(by.min(self.looked_at + LOOK)),
            None => self.old_at(),
        }
    }

    /// Whether a switch is wanted: why, and by when.
    fn wanted(&self, now: Nanos) -> Option<(SwitchCause, Nanos)> {
        self.ready_at?;
        match (self.go_by, self.old_at()) {
            (Some(by), _) => Some((SwitchCause::GoAway, by)),
            (None, Some(old)) if now >= old => Some((SwitchCause::Age, old + OLD_AGE)),
            _ => None,
        }
    }

    fn old_at(&self) -> Option<Nanos> {
        self.resumable.then_some(self.ready_at? + self.age_max?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET_NOW: Seen = Seen { quiet: true, resumable: true };
    const BUSY: Seen = Seen { quiet: false, resumable: true };

    fn life() -> Life {
        let mut life = Life::new(&LinkSettings::default());
        life.began(Nanos::ZERO);
        life
    }

    /// Looks as often as it asks to, until a switch is due, at most to `end`.
    fn due(
        life: &mut Life,
        mut now: Nanos,
        end: Nanos,
        seen: impl Fn(Nanos) -> Seen,
    ) -> Option<(Nanos, Due)> {
        while now <= end {
            if let Some(due) = life.look(now, seen(now)) {
                return Some((now, due));
            }
            now = life.next_look().map_or(end + LOOK, |at| at.max(now + Nanos(1)));
        }
        None
    }

    fn secs(s: u64) -> Nanos {
        Nanos::from_secs(s)
    }

    #[test]
    fn nothing_is_due_on_a_young_connection_however_quiet() {
        let mut life = life();
        assert_eq!(due(&mut life, secs(1), secs(539), |_| QUIET_NOW), None);
    }

    #[test]
    fn a_go_away_is_obeyed_once_it_has_been_quiet_for_a_moment() {
        let mut life = life();
        life.going_away(secs(10), Some(secs(50)));
        let quiet_from = Nanos::from_ms(12_345);
        let seen = |now| if now >= quiet_from { QUIET_NOW } else { BUSY };
        let (at, due) = due(&mut life, secs(10), secs(99), seen).unwrap();
        assert_eq!(due, Due { cause: SwitchCause::GoAway, quiet: true });
        assert!(at >= quiet_from + QUIET && at <= quiet_from + QUIET + LOOK + LOOK, "{at:?}");
    }

    #[test]
    fn without_quiet_it_is_obeyed_five_seconds_before_the_end() {
        for (left, expected) in
            [(Some(50), 55_000), (Some(6), 11_000), (Some(2), 11_000), (None, 15_000)]
        {
            let mut life = life();
            life.going_away(secs(10), left.map(secs));
            let (at, due) = due(&mut life, secs(10), secs(99), |_| BUSY).unwrap();
            assert_eq!((at, due.quiet), (Nanos::from_ms(expected), false), "{left:?}");
        }
    }

    #[test]
    fn a_pause_shorter_than_a_moment_is_not_quiet() {
        let mut life = life();
        life.going_away(secs(10), Some(secs(50)));
        let seen =
            |now: Nanos| if (now.0 / 200_000_000).is_multiple_of(2) { QUIET_NOW } else { BUSY };
        let (at, due) = due(&mut life, secs(10), secs(99), seen).unwrap();
        assert_eq!((at, due.quiet), (secs(55), false));
    }

    #[test]
    fn the_sooner_of_two_go_aways_counts_and_the_next_connection_starts_anew() {
        let mut life = life();
        life.going_away(secs(10), Some(secs(20)));
        life.going_away(secs(11), Some(secs(60)));
        assert_eq!(due(&mut life, secs(11), secs(99), |_| BUSY).unwrap().0, secs(25));
        life.ended();
        assert_eq!((life.next_look(), life.look(secs(99), QUIET_NOW)), (None, None));
        life.began(secs(100));
        assert_eq!(due(&mut life, secs(100), secs(639), |_| QUIET_NOW), None);
    }

    #[test]
    fn an_old_connection_is_left_at_the_first_quiet_moment_or_before_ten_minutes() {
        let mut life_of_quiet = life();
        let (at, quiet) = due(&mut life_of_quiet, secs(1), secs(700), |_| QUIET_NOW).unwrap();
        assert_eq!((at, quiet), (secs(540), Due { cause: SwitchCause::Age, quiet: true }));
        let (at, forced) = due(&mut life(), secs(1), secs(700), |_| BUSY).unwrap();
        assert_eq!((at, forced), (secs(580), Due { cause: SwitchCause::Age, quiet: false }));
    }

    #[test]
    fn age_is_no_reason_where_nothing_can_be_resumed_or_it_is_switched_off() {
        let lost = Seen { quiet: true, resumable: false };
        assert_eq!(due(&mut life(), secs(1), secs(4_000), |_| lost), None);
        let settings = LinkSettings { connection_age_s: 0, ..LinkSettings::default() };
        let mut life = Life::new(&settings);
        life.began(Nanos::ZERO);
        assert_eq!(due(&mut life, secs(1), secs(4_000), |_| QUIET_NOW), None);
    }
}
