//! How a simulated service behaves: its voice, its pace, what it admits.

use std::sync::Arc;

use super::fault::Fault;
use crate::audio::Nanos;

/// Everything that a server can be told before it starts.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// Where handles and ragged sizes come from.
    pub seed: u64,
    /// What replies sound like.
    pub voice: Voice,
    /// How much faster than real time a reply is sent, 3.0 as observed.
    pub burst: f64,
    /// From the end of a user's turn to the first part of the reply.
    pub think_ms: u32,
    /// Silence that ends a turn when the setup does not say, 800 ms.
    pub silence_ms: u32,
    /// Speech that begins a turn when the setup does not say.
    pub prefix_padding_ms: u32,
    /// Ends turns after `silence_ms` whatever the setup says, as users report
    /// of gemini-3.1 (reference 0, fact 9).
    pub ignores_silence_duration: bool,
    /// Says goAway when a connection is this old.
    pub go_away_after: Option<Nanos>,
    /// How long a goAway leaves the client, 50 s as observed.
    pub go_away_left: Nanos,
    /// Answers a window in which nothing was said as if something had been; otherwise
    /// it asks for more.
    pub answers_silence: bool,
    /// Sends transcriptions where the setup asks for them.
    pub transcripts: bool,
    /// How a reply is cut into messages.
    pub parts: PartSizes,
    /// Admits the `mediaChunks` of 2024, which current models refuse.
    pub accept_media_chunks: bool,
    /// Admits any model name.
    pub any_model: bool,
    /// The one key that is valid; any is when absent.
    pub key: Option<String>,
    /// Refuses the upgrade of a request that carries no credentials.
    pub require_key: bool,
    /// A path that is served besides those of the Live API, as a gateway does.
    pub gateway_path: Option<String>,
    /// What is peculiar to each turn of a session, in order; a turn beyond
    /// the last has nothing peculiar.
    pub script: Vec<TurnScript>,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// Turns of the user that `Heard::turns` keeps, with their sound.
    pub turns_kept: usize,
    /// Keeps every received sample in `Heard::uplink` (30 minutes at most).
    pub record_uplink: bool,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            seed: 0,
            voice: Voice::Echo,
            burst: 3.0,
            think_ms: 300,
            silence_ms: 800,
            prefix_padding_ms: 60,
            ignores_silence_duration: false,
            go_away_after: None,
            go_away_left: Nanos::from_secs(50),
            answers_silence: false,
            transcripts: true,
            parts: PartSizes::Observed,
            accept_media_chunks: false,
            any_model: false,
            key: None,
            require_key: true,
            gateway_path: None,
            script: Vec::new(),
            faults: Vec::new(),
            turns_kept: 64,
            record_uplink: false,
        }
    }
}

/// What a reply sounds like: PCM at 24 kHz, mono.
#[derive(Clone, Debug)]
pub enum Voice {
    /// The user's own words of that turn; a written turn gets a short tone.
    Echo,
    /// These replies in turn, and again from the first.
    Script(Arc<[Vec<i16>]>),
    /// A sine at −12 dBFS.
    Tone {
        /// Its frequency.
        hz: f64,
        /// Its length.
        ms: u32,
    },
}

impl Voice {
    /// A voice that speaks `replies` (24 kHz, mono) in turn.
    pub fn script(replies: Vec<Vec<i16>>) -> Self {
        Self::Script(replies.into())
    }
}

/// How a reply's bytes are cut into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartSizes {
    /// 9,600 bytes, then 11,520 each (200 ms, 240 ms), as recorded.
    Observed,
    /// 2, 2,400, 7,680, 9,600, 15,360 and odd numbers of bytes, as reported of
    /// gemini-3.1, in an order that the seed gives.
    Ragged,
    /// The same number of bytes each; 0 counts as 1.
    Fixed(usize),
}

/// What is peculiar to one turn.
#[derive(Clone, Debug, Default)]
pub struct TurnScript {
    /// What the user is written to have said.
    pub user: Option<String>,
    /// What the model is written to say.
    pub model: Option<String>,
    /// A function that the model calls when half of its reply is sent.
    pub tool: Option<ToolScript>,
    /// Whether it is answered at all.
    pub answer: Answer,
    /// Ends the first half of the reply with a turnComplete whose
    /// interaction is still in progress, as extended thinking does.
    pub in_two: bool,
}

/// How a turn is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// With a reply.
    #[default]
    Spoken,
    /// With a turnComplete and nothing before it.
    Empty,
    /// Never.
    Nothing,
}

/// A function call in the middle of a reply.
#[derive(Clone, Debug)]
pub struct ToolScript {
    /// The function's name.
    pub name: String,
    /// Its arguments.
    pub args: serde_json::Value,
    /// Audio that arrives before the answer closes the connection with 1008.
    pub blocking: bool,
}
