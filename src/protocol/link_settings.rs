//! How a connection is made and kept, as plain data. `config` fills it.

/// Everything about the connection that is not about the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSettings {
    /// Where to connect instead of the service: `wss://…`, or `ws://` on this
    /// machine.
    pub url: Option<String>,
    /// A file of certificates (PEM) to trust besides the system's.
    pub ca_file: Option<String>,
    /// Audio in one message, in milliseconds, 10 to 100.
    pub chunk_ms: u32,
    /// The longest that all addresses together may take to connect, TLS and
    /// upgrade included, in milliseconds.
    pub connect_timeout_ms: u32,
    /// The longest from `setup` to `setupComplete`, in milliseconds.
    pub setup_timeout_ms: u32,
    /// A ping goes out after so long without sending, or without receiving, in
    /// milliseconds.
    pub ping_ms: u32,
    /// A connection on which nothing came for so long, not even a pong, is
    /// left, in milliseconds. Pongs of 30 s were seen.
    pub silence_timeout_ms: u32,
    /// A connection that takes nothing for so long is left, in milliseconds.
    pub stall_timeout_ms: u32,
    /// So long after the end of our turn without an answer the model is nudged,
    /// and after as long again the turn is taken to another connection, in
    /// milliseconds. 0: never.
    pub reply_timeout_ms: u32,
    /// Captured audio kept while there is no connection, in milliseconds; the
    /// oldest goes first and is counted.
    pub outage_ms: u32,
    /// Captured audio that may wait on a connection that stands, in
    /// milliseconds; the oldest goes first and is counted.
    pub live_queue_ms: u32,
    /// The speech of a turn that is not over or not answered that is sent again
    /// on a new connection, in milliseconds; the oldest goes first and is
    /// counted. 0: none.
    pub resend_ms: u32,
    /// From this age on a connection is left for a new one at the first quiet
    /// moment, in seconds. 0: never.
    pub connection_age_s: u32,
    /// What to do where there is no network, or no device, at the start, and
    /// about an outage of hours.
    pub start: StartPolicy,
    /// The pause before the first new attempt, in milliseconds.
    pub retry_ms_min: u32,
    /// The longest pause between attempts, in milliseconds.
    pub retry_ms_max: u32,
}

/// What a start without network or device leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartPolicy {
    /// An error, after a few attempts, or two hours once it had begun: somebody
    /// is there to read it.
    #[default]
    Fail,
    /// Further attempts, for ever: nobody is there.
    Retry,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            url: None,
            ca_file: None,
            chunk_ms: 20,
            connect_timeout_ms: 10_000,
            setup_timeout_ms: 10_000,
            ping_ms: 25_000,
            silence_timeout_ms: 75_000,
            stall_timeout_ms: 10_000,
            reply_timeout_ms: 15_000,
            outage_ms: 2_000,
            live_queue_ms: 1_000,
            resend_ms: 15_000,
            connection_age_s: 540,
            start: StartPolicy::Fail,
            retry_ms_min: 500,
            retry_ms_max: 4_000,
        }
    }
}
