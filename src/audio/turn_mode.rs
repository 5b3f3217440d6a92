//! Who finds the bounds of the user's speech: worker and link have to agree on
//! it, packet by packet.
//!
//! Runs on: any thread. Never allocates, locks, logs or fails.

/// Who finds the bounds of the user's speech.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TurnMode {
    /// The service; everything is streamed.
    Server,
    /// The service finds the start, we the end (`audioStreamEnd`).
    Hybrid,
    /// We find both (`activityStart`, `activityEnd`).
    #[default]
    Client,
    /// The user, with a key.
    PushToTalk,
}

impl TurnMode {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Server, Self::Hybrid, Self::Client, Self::PushToTalk];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Hybrid => "hybrid",
            Self::Client => "client",
            Self::PushToTalk => "push-to-talk",
        }
    }

    /// The mode that people call so.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// The one after it, and after the last the first.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Server => Self::Hybrid,
            Self::Hybrid => Self::Client,
            Self::Client => Self::PushToTalk,
            Self::PushToTalk => Self::Server,
        }
    }

    /// Whether we mark the bounds of speech ourselves.
    pub const fn is_manual(self) -> bool {
        matches!(self, Self::Client | Self::PushToTalk)
    }

    /// Whether turns cannot end without a voice detector of our own.
    pub const fn needs_detector(self) -> bool {
        matches!(self, Self::Hybrid | Self::Client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_modes_that_find_an_end_by_voice_need_a_detector() {
        assert_eq!(TurnMode::ALL.map(TurnMode::needs_detector), [false, true, true, false]);
        assert_eq!(TurnMode::ALL.map(TurnMode::is_manual), [false, false, true, true]);
    }

    #[test]
    fn a_mode_is_found_by_its_name_and_next_goes_round() {
        for (index, mode) in TurnMode::ALL.into_iter().enumerate() {
            assert_eq!(TurnMode::of_name(mode.name()), Some(mode));
            assert_eq!(mode.next(), TurnMode::ALL[(index + 1) % 4]);
        }
        assert_eq!(TurnMode::of_name("Server"), None);
    }
}
