//! What can go wrong on purpose (protocol reference 5 and 7): when, and what.

use serde_json::Value;

use crate::audio::Nanos;

/// One mishap, which happens once on each connection that it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Which connection of the server, counted from 1; each where absent.
    pub connection: Option<u64>,
    /// When it happens.
    pub when: When,
    /// What happens.
    pub what: Mishap,
}

impl Fault {
    /// `what` on every connection.
    pub const fn new(when: When, what: Mishap) -> Self {
        Self { connection: None, when, what }
    }

    /// The same on this connection only, counted from 1.
    #[must_use]
    pub fn on(self, connection: u64) -> Self {
        Self { connection: Some(connection), ..self }
    }

    /// Whether it is for the connection of this ordinal.
    pub(super) fn is_for(&self, connection: u64) -> bool {
        self.connection.is_none_or(|only| only == connection)
    }
}

/// The moment of a mishap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At the upgrade: the moment of [`Mishap::Refuse`], and of nothing else.
    Upgrade,
    /// When a setup with a handle comes, before it is answered.
    Resumption,
    /// After this many messages of the service.
    Sent(u64),
    /// When this many messages of the client have come, before the last of
    /// them is read.
    Received(u64),
    /// After this many generationComplete.
    GenerationComplete(u64),
    /// After this many turnComplete.
    TurnComplete(u64),
    /// When the connection is this old.
    Age(Nanos),
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Mishap {
    /// The upgrade is refused with this HTTP status.
    Refuse(u16),
    /// A close frame.
    Close {
        /// Its code.
        code: u16,
        /// Its reason.
        reason: String,
    },
    /// The connection goes away without a close frame.
    Abort,
    /// A goAway; the connection ends after this long.
    GoAway(Nanos),
    /// A message of these bytes, whatever they are.
    Garbage(Vec<u8>),
    /// The next message ends in its middle.
    Truncate,
    /// The next message is sent twice.
    Repeat,
    /// The next message is sent this much later; others overtake it.
    Late(Nanos),
    /// Nothing is sent for this long; then everything at once.
    Stall(Nanos),
    /// Nothing of the client is read for this long.
    Deaf(Nanos),
    /// From now on a ping is answered this much later.
    SlowPong(Nanos),
    /// An `interrupted` that nobody caused: a phantom, or after a turnComplete
    /// the notice that comes late.
    Interrupted,
    /// The next `interrupted` carries audio, which is as stale as all before it.
    Bundle,
    /// This message.
    Say(Value),
    /// From now on some messages carry fields and enum values that nobody
    /// knows.
    Strangers,
}
