//! What goes wrong around a conversation, and when: drawn from a seed, printed
//! so that it can be read, and each trouble scriptable alone.

use std::fmt;

use serde_json::json;

use super::device::{DeviceLoss, HowLost, LostSides};
use crate::{
    audio::{Nanos, Rate},
    sim::{seed::Seed, service::Mishap},
};

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// The connection breaks; both ends notice at once.
    Break,
    /// The client's end of the connection breaks; the service notices so much
    /// later and holds the session until then.
    HalfOpen(Nanos),
    /// Nothing passes in either direction for this long; then it breaks.
    Vanish(Nanos),
    /// Nothing that the client sends arrives for this long.
    StallUp(Nanos),
    /// Nothing that the service sends arrives for this long.
    StallDown(Nanos),
    /// For this long everything takes up to so much longer.
    Slow {
        /// For how long.
        time: Nanos,
        /// Up to how much longer.
        extra: Nanos,
    },
    /// The connection breaks, and the next attempts find no way there.
    NoNetwork {
        /// How many attempts fail.
        attempts: u32,
    },
    /// The connection breaks, and the next attempts are refused.
    Refused {
        /// How many attempts are refused.
        attempts: u32,
        /// With which HTTP status.
        http_status: u16,
    },
    /// The connection breaks, and the next one's setup is not answered.
    Unanswered,
    /// From now on no session is resumed: a handle is answered with this close.
    NotResumed {
        /// Its code.
        code: u16,
        /// Its reason.
        reason: &'static str,
    },
    /// Something that a service does.
    Service(Mishap),
    /// The worker's thread gets no time for this long.
    WorkerStall(Nanos),
    /// The link's thread gets no time for this long.
    LinkStall(Nanos),
    /// The microphone's callbacks come this late, all at once.
    CaptureStall(Nanos),
    /// The speaker's callbacks come this late, all at once.
    RenderStall(Nanos),
    /// A device is lost, and comes back.
    Device(DeviceLoss),
    /// The user mutes the microphone for this long.
    Mute(Nanos),
    /// The user writes something.
    Text,
    /// The user asks the model to be silent.
    Stop,
}

/// Troubles in the order in which they come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weather(Vec<(Nanos, Trouble)>);

/// A close frame of the service after which the conversation goes on.
const CLOSES: [(u16, &str); 9] = [
    (1000, ""),
    (1001, "going away"),
    (1006, ""),
    (1008, "Operation is not implemented, or supported, or enabled."),
    (1008, "The operation was aborted."),
    (1011, "Internal error encountered."),
    (1011, "The service is currently unavailable."),
    (1011, "Deadline expired before operation could complete."),
    (1012, "service restart"),
];

/// How a handle is refused.
const REFUSALS: [(u16, &str); 3] = [
    (1007, "Request contains an invalid argument."),
    (1008, "Requested entity was not found"),
    (1011, "Internal error encountered."),
];

/// What the service says that nobody asked for.
const SAYINGS: [&str; 7] = [
    "{}",
    r#"{"serverContent": {}}"#,
    r#"{"goAway": {}}"#,
    r#"{"sessionResumptionUpdate": {"resumable": false}}"#,
    r#"{"usageMetadata": {"totalTokenCount": "12"}}"#,
    r#"{"serverContent": {"turnComplete": true}}"#,
    r#"{"serverContent": {"generationComplete": true}}"#,
];

impl Weather {
    /// A sky without a cloud.
    pub const fn fair() -> Self {
        Self(Vec::new())
    }

    /// The same with one trouble more.
    #[must_use]
    pub fn and(mut self, at: Nanos, trouble: Trouble) -> Self {
        let index = self.0.partition_point(|(when, _)| *when <= at);
        self.0.insert(index, (at, trouble));
        self
    }

    /// So many troubles before `end`, by the seed.
    pub fn draw(seed: &mut Seed, end: Nanos, count: usize) -> Self {
        (0..count).fold(Self::fair(), |weather, _| {
            let at = Nanos(seed.below(end.0));
            weather.and(at, Trouble::draw(seed))
        })
    }

    /// Each trouble and its time, in order.
    pub fn troubles(&self) -> &[(Nanos, Trouble)] {
        &self.0
    }
}

impl Trouble {
    /// Any of them that a conversation survives.
    pub fn draw(seed: &mut Seed) -> Self {
        let mut ms = |most: u64| Nanos::from_ms(1 + seed.below(most));
        let (short, long, extra) = (ms(2_500), ms(9_000), ms(400));
        let attempts = 1 + seed.below(3) as u32;
        match seed.below(24) {
            0 => Self::Break,
            1 => Self::HalfOpen(long),
            2 => Self::Vanish(short),
            3 | 4 => Self::StallUp(short),
            5 | 6 => Self::StallDown(short),
            7 => Self::Slow { time: long, extra },
            8 => Self::NoNetwork { attempts },
            9 => Self::Refused {
                attempts,
                http_status: [409, 429, 500, 503][seed.below(4) as usize],
            },
            10 => Self::Unanswered,
            11 => {
                let (code, reason) = REFUSALS[seed.below(REFUSALS.len() as u64) as usize];
                Self::NotResumed { code, reason }
            }
            12 => Self::WorkerStall(short),
            13 => Self::LinkStall(short),
            14 => Self::CaptureStall(extra),
            15 => Self::RenderStall(extra),
            16 => Self::Mute(short),
            17 => Self::Text,
            18 => Self::Stop,
            19 | 20 => Self::Device(device_loss(seed, long)),
            _ => Self::Service(mishap(seed, short, long)),
        }
    }

    /// Whether the microphone may have to be opened anew.
    pub fn loses_microphone(&self) -> bool {
        matches!(self, Self::Device(_) | Self::CaptureStall(_))
    }

    /// Whether the words of the user, or the model's, may be lost to it.
    pub fn loses_words(&self) -> bool {
        !matches!(self, Self::Slow { .. } | Self::Text)
    }
}

fn device_loss(seed: &mut Seed, most: Nanos) -> DeviceLoss {
    let sides = [LostSides::Microphone, LostSides::Speaker, LostSides::Both];
    let how = [HowLost::Silent, HowLost::Broken, HowLost::Storm, HowLost::Moved];
    let rates = [16_000, 44_100, 48_000].map(Rate::new);
    DeviceLoss {
        sides: sides[seed.below(3) as usize],
        how: how[seed.below(4) as usize],
        lasts: Nanos(seed.below(most.0)),
        rate: if seed.below(2) == 0 { None } else { rates[seed.below(3) as usize] },
    }
}

fn mishap(seed: &mut Seed, short: Nanos, long: Nanos) -> Mishap {
    match seed.below(11) {
        0 | 1 => {
            let (code, reason) = CLOSES[seed.below(CLOSES.len() as u64) as usize];
            Mishap::Close { code, reason: reason.to_owned() }
        }
        2 => Mishap::Abort,
        3 => Mishap::GoAway(long),
        4 => Mishap::Garbage(b"\xff\x00{".to_vec()),
        5 => Mishap::Truncate,
        6 => Mishap::Repeat,
        7 => Mishap::Late(short),
        8 => Mishap::Stall(short),
        9 => Mishap::Interrupted,
        _ => {
            let said = SAYINGS[seed.below(SAYINGS.len() as u64) as usize];
            Mishap::Say(serde_json::from_str(said).unwrap_or_else(|_| json!({})))
        }
    }
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("fair weather\n");
        }
        for (at, trouble) in &self.0 {
            writeln!(f, "{:9.3}  {trouble}", at.as_secs())?;
        }
        Ok(())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = |time: &Nanos| format!("{:.3} s", time.as_secs());
        match self {
            Self::Break => f.write_str("the connection breaks"),
            Self::HalfOpen(time) => write!(f, "the service hears {} late of a break", s(time)),
            Self::Vanish(time) => write!(f, "nothing passes for {}, then a break", s(time)),
            Self::StallUp(time) => write!(f, "nothing goes up for {}", s(time)),
            Self::StallDown(time) => write!(f, "nothing comes down for {}", s(time)),
            Self::Slow { time, extra } => write!(f, "up to {} slower for {}", s(extra), s(time)),
            Self::NoNetwork { attempts } => write!(f, "no network for {attempts} attempts"),
            Self::Refused { attempts, http_status } => {
                write!(f, "{attempts} attempts are refused with HTTP {http_status}")
            }
            Self::Unanswered => f.write_str("a break, and the next setup is not answered"),
            Self::NotResumed { code, reason } => {
                write!(f, "from now on handles are refused: {code} {reason}")
            }
            Self::Service(mishap) => write!(f, "the service: {mishap:?}"),
            Self::WorkerStall(time) => write!(f, "the worker gets no time for {}", s(time)),
            Self::LinkStall(time) => write!(f, "the link gets no time for {}", s(time)),
            Self::CaptureStall(time) => write!(f, "the microphone calls {} late", s(time)),
            Self::RenderStall(time) => write!(f, "the speaker calls {} late", s(time)),
            Self::Device(loss) => {
                write!(f, "{:?} lost, {:?}, for {}", loss.sides, loss.how, s(&loss.lasts))
            }
            Self::Mute(time) => write!(f, "the microphone is muted for {}", s(time)),
            Self::Text => f.write_str("the user writes"),
            Self::Stop => f.write_str("the user wants silence"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, mem::discriminant};

    use super::*;

    #[test]
    fn a_seed_gives_the_same_weather_again_in_the_order_of_time() {
        let draw = |seed| Weather::draw(&mut Seed::new(seed), Nanos::from_secs(60), 30);
        assert_eq!(draw(4), draw(4));
        assert_ne!(draw(4), draw(5));
        let times: Vec<Nanos> = draw(4).troubles().iter().map(|(at, _)| *at).collect();
        assert!(times.is_sorted() && times.len() == 30);
    }

    #[test]
    fn every_trouble_is_drawn_and_told_in_words_of_its_own() {
        let mut seed = Seed::new(1);
        let drawn: Vec<Trouble> = (0..2_000).map(|_| Trouble::draw(&mut seed)).collect();
        let kinds: HashSet<_> = drawn.iter().map(discriminant).collect();
        assert_eq!(kinds.len(), 19);
        let mishaps = drawn.iter().filter_map(|trouble| match trouble {
            Trouble::Service(mishap) => Some(discriminant(mishap)),
            _ => None,
        });
        assert_eq!(mishaps.collect::<HashSet<_>>().len(), 10);
        let break_and_mute = Weather::fair()
            .and(Nanos::from_secs(20), Trouble::Mute(Nanos::from_ms(1_500)))
            .and(Nanos::from_secs(2), Trouble::Break);
        assert_eq!(
            break_and_mute.to_string(),
            "    2.000  the connection breaks\n   20.000  the microphone is muted for 1.500 s\n"
        );
    }

    #[test]
    fn what_the_service_may_say_is_json() {
        for said in SAYINGS {
            assert!(serde_json::from_str::<serde_json::Value>(said).unwrap().is_object());
        }
    }
}
