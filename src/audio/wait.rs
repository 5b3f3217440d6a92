//! How long a pause may last before it ends a turn, and why.
//!
//! Runs on: worker. Never allocates, locks, logs or fails.

use std::fmt;

/// What makes a wait longer or shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The patience that was asked for, or the fixed hangover.
    Patience,
    /// How much the user has said in this turn.
    Talk,
    /// Pauses in this turn after which the user went on.
    Pauses,
    /// The loudness of the last words, against the user's own.
    Level,
    /// How long the voice took to die away.
    Fade,
    /// A vowel or an "uhm" that was held.
    Held,
    /// The pitch of the last words, against the bottom of the user's voice.
    Pitch,
    /// Noise, in which faint last words are missed.
    Noise,
    /// A word or two, and nothing before them.
    Short,
    /// What a model that was asked says of whether the turn is over.
    Model,
}

impl Reason {
    /// All of them, in the order of [`Wait::reasons_ms`].
    pub const ALL: [Self; 10] = [
        Self::Patience,
        Self::Talk,
        Self::Pauses,
        Self::Level,
        Self::Fade,
        Self::Held,
        Self::Pitch,
        Self::Noise,
        Self::Short,
        Self::Model,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patience => "patience",
            Self::Talk => "talk",
            Self::Pauses => "pauses",
            Self::Level => "level",
            Self::Fade => "fade",
            Self::Held => "held",
            Self::Pitch => "pitch",
            Self::Noise => "noise",
            Self::Short => "short",
            Self::Model => "model",
        }
    }
}

/// A wait and its reasons, in milliseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Wait {
    /// Silence after the last speech that ends the turn: the sum of the
    /// reasons, held between the least and the longest hangover before the
    /// model's is added.
    pub ms: u16,
    /// What each of [`Reason::ALL`] added or took away.
    pub reasons_ms: [i16; Reason::ALL.len()],
}

impl Wait {
    /// The same wait whatever was heard.
    pub fn fixed(ms: u32) -> Self {
        let ms = u16::try_from(ms).unwrap_or(u16::MAX);
        let mut reasons_ms = [0; Reason::ALL.len()];
        reasons_ms[Reason::Patience as usize] = i16::try_from(ms).unwrap_or(i16::MAX);
        Self { ms, reasons_ms }
    }

    /// The reasons that count, in their order.
    pub fn reasons(&self) -> impl Iterator<Item = (Reason, i16)> + '_ {
        Reason::ALL.into_iter().zip(self.reasons_ms).filter(|(_, ms)| *ms != 0)
    }
}

/// `800 ms: patience 1000, talk -200`.
impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.ms)?;
        for (place, (reason, ms)) in self.reasons().enumerate() {
            write!(f, "{}{} {ms}", if place == 0 { ": " } else { ", " }, reason.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_at_their_own_places() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{}", reason.name());
        }
        let fixed = Wait::fixed(800);
        assert_eq!(fixed.reasons().collect::<Vec<_>>(), [(Reason::Patience, 800)]);
        assert_eq!(format!("{fixed:?}"), "800 ms: patience 800");
    }
}
