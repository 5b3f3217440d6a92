//! A room as plain data, and as one writes it:
//! `laptop,delay_ms=120,echo_db=6,distortion=small`.

use std::{fmt, str::FromStr};

use super::loudspeaker::Loudspeaker;
use crate::{
    audio::{Dbfs, Nanos},
    config::nearest,
};

/// What a user's voice has at the microphone while it is active, RMS.
pub const USER_LEVEL: Dbfs = Dbfs(-26.0);
/// What the model's voice has as it is played while it is active, RMS.
pub const MODEL_LEVEL: Dbfs = Dbfs(-24.0);

/// The way from a loudspeaker to a microphone, and what else is heard there.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomSettings {
    /// What it is called.
    pub name: &'static str,
    /// From the frame that is played to its direct sound at the microphone; at
    /// least 1 ms, for 34 cm of air.
    pub delay: Nanos,
    /// When the response has died away by 60 dB.
    pub rt60: Nanos,
    /// The direct sound over all that the room adds, in decibels.
    pub direct_db: f32,
    /// The level at the microphone of a voice that is played at [`MODEL_LEVEL`].
    pub echo: Dbfs,
    /// What it is played with.
    pub loudspeaker: Loudspeaker,
    /// When the response becomes another one, as when somebody walks by.
    pub change_at: Option<Nanos>,
    /// When the echo becomes later at once, as after an underrun, and by how much.
    pub jump: Option<(Nanos, Nanos)>,
    /// How much later the echo becomes as time passes, in parts per million,
    /// beyond what the clocks of the devices do.
    pub drift_ppm: f64,
    /// Pink noise of this level, RMS.
    pub noise: Option<Dbfs>,
}

impl RoomSettings {
    /// The rooms that have names.
    pub const NAMES: [&'static str; 4] = ["laptop", "kiosk", "speakerphone", "headset"];
    const KEYS: [&'static str; 10] = [
        "delay_ms",
        "rt60_ms",
        "direct_db",
        "echo_db",
        "distortion",
        "change_at_s",
        "jump_at_s",
        "jump_ms",
        "drift_ppm",
        "noise_dbfs",
    ];

    /// A room by its name.
    pub fn named(name: &str) -> Option<Self> {
        let room = |name, delay_ms, rt60_ms, direct_db, echo_db, loudspeaker, noise| Self {
            name,
            delay: Nanos::from_ms(delay_ms),
            rt60: Nanos::from_ms(rt60_ms),
            direct_db,
            echo: Dbfs(USER_LEVEL.0 + echo_db),
            loudspeaker,
            change_at: None,
            jump: None,
            drift_ppm: 0.0,
            noise: Some(Dbfs(noise)),
        };
        let rooms = [
            room("laptop", 20, 250, 6.0, 0.0, Loudspeaker::Soft, -66.0),
            room("kiosk", 60, 550, 0.0, 6.0, Loudspeaker::Soft, -56.0),
            room("speakerphone", 40, 400, 3.0, 6.0, Loudspeaker::Small, -66.0),
            // A leak of −35 dB.
            room("headset", 20, 100, 12.0, -33.0, Loudspeaker::Linear, -66.0),
        ];
        rooms.into_iter().find(|room| room.name == name)
    }

    /// The echo over the user's voice, both while active, in decibels.
    pub fn echo_db(&self) -> f32 {
        self.echo.0 - USER_LEVEL.0
    }

    fn set(&mut self, key: &str, text: &str) -> Result<(), RoomError> {
        let number = |least: f64, most: f64| {
            let wrong = || RoomError(format!("{key}={text}: expected {least} to {most}"));
            let value = text.parse::<f64>().map_err(|_| wrong())?;
            if (least..=most).contains(&value) { Ok(value) } else { Err(wrong()) }
        };
        let ms = |least, most| number(least, most).map(|ms| Nanos((ms * 1e6).round() as u64));
        let secs = || number(0.0, 36_000.0).map(|s| Nanos((s * 1e9).round() as u64));
        match key {
            "delay_ms" => self.delay = ms(0.0, 350.0)?,
            "rt60_ms" => self.rt60 = ms(10.0, 1_000.0)?,
            "direct_db" => self.direct_db = number(-20.0, 40.0)? as f32,
            "echo_db" => self.echo = Dbfs(USER_LEVEL.0 + number(-60.0, 24.0)? as f32),
            "distortion" => self.loudspeaker = loudspeaker(text)?,
            "change_at_s" => self.change_at = Some(secs()?),
            "jump_at_s" => self.jump = Some((secs()?, self.jump.map_or(DEFAULT_JUMP, |j| j.1))),
            "jump_ms" => {
                self.jump = Some((self.jump.map_or(Nanos::ZERO, |j| j.0), ms(0.0, 500.0)?));
            }
            "drift_ppm" => self.drift_ppm = number(0.0, 1_000.0)?,
            "noise_dbfs" => self.noise = Some(Dbfs(number(-120.0, -10.0)? as f32)),
            _ => return Err(unknown("room setting", key, &Self::KEYS)),
        }
        Ok(())
    }
}

/// A delay jump where its time alone is given.
const DEFAULT_JUMP: Nanos = Nanos::from_ms(64);

fn loudspeaker(name: &str) -> Result<Loudspeaker, RoomError> {
    let names = Loudspeaker::NAMES.map(|(name, _)| name);
    let found = Loudspeaker::NAMES.iter().find(|(known, _)| *known == name);
    found.map(|(_, kind)| *kind).ok_or_else(|| unknown("distortion", name, &names))
}

/// What is wrong with a room as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomError(String);

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RoomError {}

fn unknown(what: &str, name: &str, known: &[&'static str]) -> RoomError {
    let near = nearest(name, known.iter().copied());
    let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    RoomError(format!("{what} \"{name}\": expected one of {}{near}", known.join(", ")))
}

impl FromStr for RoomSettings {
    type Err = RoomError;

    /// A name, then settings over it.
    fn from_str(text: &str) -> Result<Self, RoomError> {
        let (name, rest) = text.split_once(',').unwrap_or((text, ""));
        let mut room =
            Self::named(name.trim()).ok_or_else(|| unknown("room", name.trim(), &Self::NAMES))?;
        for setting in rest.split(',').map(str::trim).filter(|setting| !setting.is_empty()) {
            let Some((key, value)) = setting.split_once('=') else {
                let what = "expected KEY=VALUE, such as delay_ms=120";
                return Err(RoomError(format!("room setting \"{setting}\": {what}")));
            };
            room.set(key.trim(), value.trim())?;
        }
        Ok(room)
    }
}

/// In words, everything.
impl fmt::Display for RoomSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (delay, rt60) = (self.delay.as_ms(), self.rt60.as_ms());
        write!(f, "{}: echo {:+.0} dB over the user", self.name, self.echo_db())?;
        write!(f, " after {delay:.0} ms")?;
        write!(f, ", {rt60:.0} ms long, {} loudspeaker", self.loudspeaker.name())?;
        if let Some(noise) = self.noise {
            write!(f, ", noise {:.0} dBFS", noise.0)?;
        }
        if self.drift_ppm != 0.0 {
            write!(f, ", drift {:.0} ppm", self.drift_ppm)?;
        }
        if let Some(at) = self.change_at {
            write!(f, ", another response at {:.1} s", at.as_secs())?;
        }
        if let Some((at, later)) = self.jump {
            write!(f, ", {:.0} ms later at {:.1} s", later.as_ms(), at.as_secs())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_room_and_every_key_a_setting() {
        for name in RoomSettings::NAMES {
            assert_eq!(name.parse::<RoomSettings>().ok(), RoomSettings::named(name));
        }
        let text = "kiosk,delay_ms=120.5, rt60_ms=300,direct_db=3,echo_db=12,distortion=small,\
            change_at_s=20,jump_at_s=5,jump_ms=32,drift_ppm=300,noise_dbfs=-60";
        let room: RoomSettings = text.parse().unwrap();
        assert!(RoomSettings::KEYS.iter().all(|key| text.contains(key)));
        assert_eq!(room.jump, Some((Nanos::from_secs(5), Nanos::from_ms(32))));
        assert_eq!(
            room.to_string(),
            "kiosk: echo +12 dB over the user after 120 ms, 300 ms long, small loudspeaker, \
             noise -60 dBFS, drift 300 ppm, another response at 20.0 s, 32 ms later at 5.0 s"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        let wrong = |text: &str| text.parse::<RoomSettings>().unwrap_err().to_string();
        assert_eq!(
            wrong("kisok"),
            "room \"kisok\": expected one of laptop, kiosk, speakerphone, headset; \
             did you mean kiosk?"
        );
        assert_eq!(wrong("laptop,delay_ms=400"), "delay_ms=400: expected 0 to 350");
        assert_eq!(wrong("laptop,echo_db=loud"), "echo_db=loud: expected -60 to 24");
        assert!(wrong("laptop,delay=4").ends_with("did you mean delay_ms?"));
        assert!(wrong("laptop,small").contains("expected KEY=VALUE"));
        assert!(wrong("laptop,distortion=hard").contains("expected one of linear, soft, small"));
    }
}
