//! The turn mode changes in the middle of a conversation: in place where the
//! service knows nothing of it, otherwise over a new connection.

use super::{Link, SwitchCause};
use crate::{
    audio::{Nanos, TurnMode, note::FloorState},
    protocol::SessionSettings,
};

/// What the service is in the middle of may take so long to end.
const PATIENCE: Nanos = Nanos::from_secs(10);

/// What the session asks for in each turn mode.
pub type ModeSettings = Vec<(TurnMode, SessionSettings)>;

impl Link {
    /// The same link for a worker that may change its turn mode to these.
    #[must_use]
    pub fn with_modes(self, modes: ModeSettings) -> Self {
        Self { modes, ..self }
    }

    /// When a change of the mode is made whatever the service does. Without a
    /// connection there is nothing to leave: the change waits for the next.
    pub(super) fn mode_deadline(&self) -> Option<Nanos> {
        let can_leave = self.session.is_ready() && self.leave.is_none() && !self.closing;
        self.mode_since.filter(|_| can_leave).map(|since| since + PATIENCE)
    }

    /// Changes the mode where all that was said in the old one has been sent.
    /// Where that takes a new connection it waits for what the service is in
    /// the middle of, but not once the user speaks.
    pub(super) fn change_mode(&mut self, now: Nanos, floor: FloorState) {
        let Some(mode) = self.queue.next_mode() else { return };
        let known = self.modes.iter().find(|(known, _)| *known == mode);
        let Some((_, settings)) = known else {
            self.counters.refused_items += 1;
            self.queue.pass_mode();
            return;
        };
        if !self.session.has_to_tell(settings) {
            self.reconfigure(settings.clone());
            return;
        }
        let since = *self.mode_since.get_or_insert(now);
        let speaks = matches!(floor, FloorState::User | FloorState::Overlap)
            || (settings.is_manual() && self.queue.frames() > 0);
        let is_new = self.session.counters().turns == 0;
        let quiet = self.is_settled() || (is_new && self.owes_nothing());
        if quiet || speaks || now >= since + PATIENCE {
            self.reconfigure(settings.clone());
            self.switch(now, SwitchCause::TurnMode, quiet);
        }
    }

    fn reconfigure(&mut self, settings: SessionSettings) {
        self.mode_since = None;
        self.queue.pass_mode();
        self.resend.change_mode(settings.is_manual());
        self.session.reconfigure(settings);
    }
}
