//! The figures of a conversation, for machines: once a second and at its end.

use serde_json::{Value, json};

use crate::{audio::Nanos, measure::figures::Figures};

/// How often they are told.
const TOLD_EACH: Nanos = Nanos::from_secs(1);

/// When they were told last.
#[derive(Debug, Default)]
pub(in crate::cli) struct Pulse(Option<Nanos>);

impl Pulse {
    /// Whether they are due again.
    pub(in crate::cli) fn is_due(&mut self, now: Nanos) -> bool {
        let due = self.0.is_none_or(|told| now.since(told) >= TOLD_EACH);
        if due {
            self.0 = Some(now);
        }
        due
    }
}

/// All figures, the last time perhaps.
pub(in crate::cli) fn object(figures: &Figures, at_s: f64, is_last: bool) -> Value {
    json!({ "event": "figures", "t": at_s, "last": is_last, "figures": figures.to_json() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_due_at_once_and_then_each_second() {
        let mut pulse = Pulse::default();
        let due = (0..35).filter(|tenth| pulse.is_due(Nanos::from_ms(100 * tenth)));
        assert_eq!(due.collect::<Vec<_>>(), [0, 10, 20, 30]);
    }
}
