//! A secret, and the header it travels in.

use std::fmt;

use super::{EndpointError, Problem};

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

    /// `text` with the secret blacked out wherever it occurs, for logs.
    pub fn redact(&self, text: &str) -> String {
        if self.secret.is_empty() { text.to_owned() } else { text.replace(&self.secret, "…") }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({:?})", self.kind)
    }
}
