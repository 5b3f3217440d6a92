//! Where to connect, and with what secret. Source: reference §1.1 and §1.2.
//!
//! A secret travels in a header and never in a URL, and no `Debug` shows it.

mod credential;

use std::{fmt, net::IpAddr};

pub use self::credential::Credential;

const HOST: &str = "generativelanguage.googleapis.com";

/// The version in the service's path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApiVersion {
    /// What the documentation uses.
    #[default]
    V1Beta,
    /// Features in preview, and ephemeral tokens.
    V1Alpha,
    /// What the newest Python SDK dials.
    V1,
}

impl ApiVersion {
    /// Every version.
    pub const ALL: [Self; 3] = [Self::V1Beta, Self::V1Alpha, Self::V1];

    /// As it stands in the path.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1Beta => "v1beta",
            Self::V1Alpha => "v1alpha",
            Self::V1 => "v1",
        }
    }
}

/// The address of a server, taken apart for whoever dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `wss`; otherwise `ws`, which only ever means this machine.
    pub secure: bool,
    /// A name or an address, an IPv6 one without brackets.
    pub host: String,
    /// Where it listens.
    pub port: u16,
    /// From the slash on, query included.
    pub path: String,
}

impl Endpoint {
    /// The service itself, or `url` where one is given. A URL without a path
    /// gets the service's path; one with a path is taken as it stands.
    ///
    /// # Errors
    /// A URL that is not `wss://`, or `ws://` to this machine; that carries a
    /// secret; or that is not a URL.
    pub fn new(
        url: Option<&str>,
        version: ApiVersion,
        credential: &Credential,
    ) -> Result<Self, EndpointError> {
        let path = service_path(version, credential);
        match url {
            None => Ok(Self { secure: true, host: HOST.to_owned(), port: 443, path }),
            Some(url) => Self::parse(url, path),
        }
    }

    fn parse(url: &str, service_path: String) -> Result<Self, EndpointError> {
        let fail = |problem| EndpointError { url: without_query(url).to_owned(), problem };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| fail(Problem::Scheme))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "wss" => true,
            "ws" => false,
            _ => return Err(fail(Problem::Scheme)),
        };
        if rest.bytes().any(|b| b.is_ascii_whitespace() || b.is_ascii_control()) {
            return Err(fail(Problem::Malformed));
        }
        let split = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(split);
        if authority.contains('@') || carries_secret(path) {
            let url = format!("{scheme}://…");
            return Err(EndpointError { url, problem: Problem::Secret });
        }
        if path.contains('#') {
            return Err(fail(Problem::Malformed));
        }
        let (host, port) = split_port(authority).ok_or_else(|| fail(Problem::Malformed))?;
        if !secure && !is_loopback(host) {
            return Err(fail(Problem::PlainText));
        }
        let path = match path {
            "" | "/" => service_path,
            query if query.starts_with('?') => format!("{service_path}{query}"),
            path => path.to_owned(),
        };
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { secure, host: host.to_owned(), port, path })
    }

    /// The whole address, port included where it is not the scheme's own.
    pub fn url(&self) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.authority(), self.path)
    }

    /// Host and port as in a `Host` header.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

fn service_path(version: ApiVersion, credential: &Credential) -> String {
    let method = if credential.is_ephemeral() {
        "BidiGenerateContentConstrained"
    } else {
        "BidiGenerateContent"
    };
    let version = version.name();
    format!("/ws/google.ai.generativelanguage.{version}.GenerativeService.{method}")
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url)
}

fn carries_secret(path: &str) -> bool {
    path.split(['?', '&', '#']).skip(1).any(|field| {
        let name = field.split('=').next().unwrap_or_default();
        ["key", "api_key", "access_token", "token"].iter().any(|n| name.eq_ignore_ascii_case(n))
    })
}

fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        match after {
            "" => (host, None),
            _ => (host, Some(after.strip_prefix(':')?)),
        }
    } else {
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        // Of anything else two readers may think differently whom it names.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if !host.bytes().all(is_name) {
            return None;
        }
        (host, port)
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
        None => None,
    };
    (!host.is_empty()).then_some((host, port))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Why a URL or a secret cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointError {
    url: String,
    problem: Problem,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Scheme,
    PlainText,
    Secret,
    Malformed,
    BadCredential,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.url;
        match self.problem {
            Problem::Scheme => {
                write!(f, "the url \"{url}\" has no scheme we speak; write wss://host/path")
            }
            Problem::PlainText => write!(
                f,
                "the url \"{url}\" would send speech and key unencrypted; write wss://, ws:// goes to 127.0.0.1 only"
            ),
            Problem::Secret => write!(
                f,
                "the url \"{url}\" carries a secret, and urls end up in logs; give the key by file or environment instead"
            ),
            Problem::Malformed => {
                write!(f, "\"{url}\" is not a url; write wss://host:port/path")
            }
            Problem::BadCredential => f.write_str(
                "the api key holds a character that no key has, or is empty; copy it again without spaces or quotes",
            ),
        }
    }
}

impl std::error::Error for EndpointError {}

#[cfg(test)]
mod tests;
