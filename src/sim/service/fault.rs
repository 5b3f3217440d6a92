//! What can go wrong on purpose (protocol reference 5 and 7): when, and what.

use serde_json::Value;

use crate::audio::Nanos;

/// One mishap, which happens once.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// When it happens.
    pub when: When,
    /// What happens.
    pub what: Mishap,
}

/// The moment of a mishap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// After this many messages of the service.
    Sent(u64),
    /// When this many messages of the client have come, before the last of
    /// them is read.
    Received(u64),
    /// After this many turnComplete.
    TurnComplete(u64),
    /// When the connection is this old.
    Age(Nanos),
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Mishap {
    /// A close frame.
    Close {
        /// Its code.
        code: u16,
        /// Its reason.
        reason: String,
    },
    /// The connection goes away without a close frame.
    Abort,
    /// A message of these bytes, whatever they are.
    Garbage(Vec<u8>),
    /// The next message ends in its middle.
    Truncate,
    /// Nothing is sent for this long; then everything at once.
    Stall(Nanos),
    /// An `interrupted` that nobody caused: a phantom, or after a turnComplete
    /// the notice that comes late.
    Interrupted,
    /// This message.
    Say(Value),
    /// From now on some messages carry fields and enum values that nobody
    /// knows.
    Strangers,
}
