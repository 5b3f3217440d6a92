//! A microphone that gives nothing: said once, with its name.

use crate::audio::{Nanos, level::Dbfs};

/// Any room is louder.
pub(in crate::cli) const SILENT: Dbfs = Dbfs(-80.0);
/// So long.
const PATIENCE: Nanos = Nanos::from_secs(5);

/// Waits for a silence that cannot be.
#[derive(Debug, Default)]
pub(in crate::cli) struct SilenceWatch {
    since: Option<Nanos>,
    loudest: Option<Dbfs>,
    told: bool,
}

impl SilenceWatch {
    /// The loudest since the last call, at `now`; none where nothing was
    /// captured. Returns the loudest of a silence that has lasted too long,
    /// once.
    pub(in crate::cli) fn hear(&mut self, now: Nanos, level: Option<Dbfs>) -> Option<Dbfs> {
        let level = level?;
        if level >= SILENT {
            self.forget();
            return None;
        }
        let since = *self.since.get_or_insert(now);
        let loudest = self.loudest.map_or(level, |l| if level > l { level } else { l });
        self.loudest = Some(loudest);
        if self.told || now.since(since) < PATIENCE {
            return None;
        }
        self.told = true;
        Some(loudest)
    }

    /// What was until now does not count: the microphone was muted here.
    pub(in crate::cli) fn forget(&mut self) {
        self.since = None;
        self.loudest = None;
    }
}

/// The words for it.
pub(in crate::cli) fn words(device: &str, loudest: Dbfs, time: &str) -> String {
    let what = if loudest <= Dbfs::FLOOR {
        "digital silence".to_owned()
    } else {
        format!("silence (at most {:.0} dBFS)", loudest.0)
    };
    format!(
        "only {what} has come from the microphone \"{device}\" for {time}; \
         unmute it in the system's settings, or choose another with --mic"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_seconds_of_silence_are_said_once() {
        let mut watch = SilenceWatch::default();
        let mut heard = |tenths: u64, db: f32| {
            watch.hear(Nanos::from_ms(tenths * 100), Some(Dbfs(db))).map(|level| level.0)
        };
        assert!((0..50).all(|tenths| heard(tenths, -120.0).is_none()));
        assert_eq!(heard(50, -95.0), Some(-95.0));
        assert!((51..200).all(|tenths| heard(tenths, -120.0).is_none()));
    }

    #[test]
    fn any_sound_and_a_mute_begin_anew() {
        let mut watch = SilenceWatch::default();
        for tenths in 0..40 {
            assert_eq!(watch.hear(Nanos::from_ms(tenths * 100), Some(Dbfs(-90.0))), None);
        }
        watch.hear(Nanos::from_secs(4), Some(Dbfs(-70.0)));
        assert_eq!(watch.hear(Nanos::from_secs(8), Some(Dbfs(-90.0))), None);
        watch.forget();
        assert_eq!(watch.hear(Nanos::from_secs(14), Some(Dbfs(-90.0))), None);
        assert_eq!(watch.hear(Nanos::from_secs(16), None), None, "nothing was captured");
        assert!(watch.hear(Nanos::from_secs(19), Some(Dbfs(-90.0))).is_some());
    }

    #[test]
    fn the_words_name_the_device_and_the_next_step() {
        let text = words("USB Audio", Dbfs::FLOOR, "5 s");
        assert!(text.contains("digital silence") && text.contains("\"USB Audio\""), "{text}");
        assert!(words("USB", Dbfs(-84.2), "5 s").contains("at most -84 dBFS"));
    }
}
