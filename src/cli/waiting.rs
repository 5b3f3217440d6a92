//! Waiting for a device that is not there yet: when to look again, and when to
//! say so again.

use crate::{audio::Nanos, protocol::LinkSettings};

/// A device that is still missing is told again after so long.
const TELL_AGAIN: Nanos = Nanos::from_secs(60);

/// Pauses that double up to a limit.
#[derive(Debug)]
pub(super) struct Waiting {
    pause: Nanos,
    pause_max: Nanos,
    told_at: Option<Nanos>,
}

impl Waiting {
    pub(super) fn new(settings: &LinkSettings) -> Self {
        Self {
            pause: Nanos::from_ms(settings.retry_ms_min.into()),
            pause_max: Nanos::from_ms(settings.retry_ms_max.into()),
            told_at: None,
        }
    }

    /// It is missing at `now`: whether that is to be said, and when to look
    /// again.
    pub(super) fn missed(&mut self, now: Nanos) -> (bool, Nanos) {
        let tell = self.told_at.is_none_or(|told| now.since(told) >= TELL_AGAIN);
        if tell {
            self.told_at = Some(now);
        }
        let next_at = now + self.pause;
        self.pause = Nanos(self.pause.0 * 2).min(self.pause_max).max(self.pause);
        (tell, next_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_device_is_looked_for_ever_more_slowly_and_said_once_a_minute() {
        let settings = LinkSettings::default();
        let pause_max = Nanos::from_ms(settings.retry_ms_max.into());
        let mut waiting = Waiting::new(&settings);
        let (mut now, mut told, mut pauses) = (Nanos::from_secs(5), Vec::new(), Vec::new());
        while now < Nanos::from_secs(605) {
            let (tell, next_at) = waiting.missed(now);
            if tell {
                told.push(now);
            }
            pauses.push(next_at.since(now));
            now = next_at;
        }
        assert_eq!(told[0], Nanos::from_secs(5), "at once");
        for pair in told.windows(2) {
            let between = pair[1].since(pair[0]);
            assert!(between >= TELL_AGAIN && between < TELL_AGAIN + pause_max, "{between:?}");
        }
        assert!((9..=10).contains(&told.len()), "{told:?}");
        assert_eq!(pauses[0], Nanos::from_ms(settings.retry_ms_min.into()));
        assert!(pauses.is_sorted() && *pauses.last().unwrap() == pause_max, "{pauses:?}");
    }
}
