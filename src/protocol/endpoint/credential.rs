//! A secret, and the header it travels in.

use std::fmt;

use super::{EndpointError, Problem};

/// A shorter secret is none that anybody was given: it is not looked for, or
/// half of all words would be blacked out.
const REDACTED_BYTES_MIN: usize = 6;
const BLACK: &str = "…";

/// What proves who we are. Its `Debug` shows the kind and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    kind: Kind,
    secret: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    None,
    ApiKey,
    EphemeralToken,
    Bearer,
}

impl Credential {
    /// No secret, as for the simulator.
    pub const fn none() -> Self {
        Self { kind: Kind::None, secret: String::new() }
    }

    /// A secret as people have it: an API key, an ephemeral token
    /// (`auth_tokens/…`) or an OAuth access token (`Bearer …` or `ya29.…`).
    /// Space around it is ignored.
    ///
    /// # Errors
    /// An empty secret, or one with characters that no header may carry.
    pub fn from_secret(secret: &str) -> Result<Self, EndpointError> {
        let secret = secret.trim();
        let (kind, secret) = match secret.strip_prefix("Bearer ") {
            Some(token) => (Kind::Bearer, token.trim()),
            None if secret == "Bearer" => (Kind::Bearer, ""),
            None if secret.starts_with("auth_tokens/") => (Kind::EphemeralToken, secret),
            None if secret.starts_with("ya29.") => (Kind::Bearer, secret),
            None => (Kind::ApiKey, secret),
        };
        if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(EndpointError { url: String::new(), problem: Problem::BadCredential });
        }
        Ok(Self { kind, secret: secret.to_owned() })
    }

    /// Name and value of the header that carries it.
    pub fn header(&self) -> Option<(&'static str, String)> {
        match self.kind {
            Kind::None => None,
            Kind::ApiKey => Some(("x-goog-api-key", self.secret.clone())),
            Kind::EphemeralToken => Some(("Authorization", format!("Token {}", self.secret))),
            Kind::Bearer => Some(("Authorization", format!("Bearer {}", self.secret))),
        }
    }

    /// Whether it is an ephemeral token, which has a method of its own.
    pub fn is_ephemeral(&self) -> bool {
        self.kind == Kind::EphemeralToken
    }

    /// `text` with the secret blacked out wherever it occurs.
    pub fn redact(&self, text: &str) -> String {
        if self.is_worth_it() { text.replace(&self.secret, BLACK) } else { text.to_owned() }
    }

    /// The same of a message; `None` where the secret does not occur in it.
    pub fn redacted(&self, message: &[u8]) -> Option<Vec<u8>> {
        let secret = self.secret.as_bytes();
        let first = *secret.first().filter(|_| self.is_worth_it())?;
        let mut out = Vec::new();
        let (mut done, mut at) = (0, 0);
        while let Some(next) = message[at..].iter().position(|byte| *byte == first) {
            at += next;
            if message[at..].starts_with(secret) {
                out.extend_from_slice(&message[done..at]);
                out.extend_from_slice(BLACK.as_bytes());
                at += secret.len();
                done = at;
            } else {
                at += 1;
            }
        }
        (done > 0).then(|| {
            out.extend_from_slice(&message[done..]);
            out
        })
    }

    fn is_worth_it(&self) -> bool {
        self.secret.len() >= REDACTED_BYTES_MIN
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({:?})", self.kind)
    }
}
