//! Levels and gains in decibels.
//!
//! Runs on: any thread. Never allocates, locks, logs or fails.

/// A level in decibels below full scale: 0 is a full-scale square wave.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Dbfs(pub f32);

impl Dbfs {
    /// What is shown for digital silence.
    pub const FLOOR: Self = Self(-120.0);

    /// The level of an RMS or peak amplitude, not under −120 dBFS.
    pub fn of_amplitude(amplitude: f32) -> Self {
        if amplitude > 1e-6 { Self(20.0 * amplitude.log10()) } else { Self::FLOOR }
    }

    /// The amplitude of this level.
    pub fn amplitude(self) -> f32 {
        10f32.powf(self.0 / 20.0)
    }

    /// The RMS level of `samples`; the floor for none.
    pub fn rms_of(samples: &[f32]) -> Self {
        if samples.is_empty() {
            return Self::FLOOR;
        }
        let sum: f32 = samples.iter().map(|s| s * s).sum();
        Self::of_amplitude((sum / samples.len() as f32).sqrt())
    }
}

/// A factor on amplitudes.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Gain(pub f32);

impl Gain {
    /// Leaves everything as it is.
    pub const UNITY: Self = Self(1.0);

    /// The factor of `db` decibels.
    pub fn from_db(db: f32) -> Self {
        Self(10f32.powf(db / 20.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_and_amplitudes_are_inverse() {
        assert!((Dbfs::of_amplitude(0.5).0 + 6.02).abs() < 0.01);
        assert!((Dbfs(-20.0).amplitude() - 0.1).abs() < 1e-6);
        assert!((Gain::from_db(6.0).0 - 1.995).abs() < 1e-3);
        assert_eq!(Dbfs::rms_of(&[]), Dbfs::FLOOR);
        assert!((Dbfs::rms_of(&[0.5, -0.5]).0 + 6.02).abs() < 0.01);
    }
}
