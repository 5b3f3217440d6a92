//! The door: which upgrade requests become connections.

use std::fmt;

use super::settings::ServiceSettings;

/// What an HTTP upgrade request says, as far as the service reads it.
#[derive(Clone, Default)]
pub struct UpgradeRequest {
    /// Path with its query, as in the request line.
    pub path: String,
    /// Name and value of each header.
    pub headers: Vec<(String, String)>,
}

impl UpgradeRequest {
    /// What a client of the Developer API sends: `v1beta`, the key in the
    /// header.
    pub fn with_key(key: &str) -> Self {
        Self {
            path: "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
                .to_owned(),
            headers: vec![("x-goog-api-key".to_owned(), key.to_owned())],
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

/// Without the values and the query: keys travel there.
impl fmt::Debug for UpgradeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("UpgradeRequest").field("path", &path).field("headers", &names).finish()
    }
}

/// Why an upgrade was refused, before there was a connection to close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status to answer with.
    pub http_status: u16,
    /// Why, for people.
    pub reason: String,
}

/// Whom a connection speaks as, and in which dialect.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// The API version in the path.
    pub version: String,
    /// Vertex AI's dialect: session ids, `candidatesTokenCount`.
    pub vertex: bool,
    /// A gateway's path, where names are passed on untouched.
    pub gateway: bool,
    /// The key or token, where one was sent.
    pub key: Option<String>,
}

/// Without the key.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({}, vertex: {})", self.version, self.vertex)
    }
}

/// Admits `request`, or says with which HTTP status it is refused
/// (protocol reference 1.1 and 1.2).
pub(super) fn admit(
    settings: &ServiceSettings,
    request: &UpgradeRequest,
) -> Result<Caller, Refusal> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let mut caller = if settings.gateway_path.as_deref() == Some(path) {
        let version = "v1beta".to_owned();
        return Ok(Caller {
            version,
            vertex: false,
            gateway: true,
            key: credentials(request, query),
        });
    } else {
        endpoint(path).ok_or_else(|| Refusal {
            http_status: 404,
            reason: format!(
                "no such path: {path}; expected /ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
            ),
        })?
    };
    caller.key = credentials(request, query);
    let token = caller.key.as_deref().is_some_and(|key| key.starts_with("auth_tokens/"));
    let constrained = path.ends_with("Constrained");
    if caller.key.is_none() && settings.require_key {
        return Err(Refusal {
            http_status: 403,
            reason: "no key: expected the header x-goog-api-key".to_owned(),
        });
    }
    if caller.key.is_some() && token != constrained {
        return Err(Refusal {
            http_status: 401,
            reason: "an ephemeral token and BidiGenerateContentConstrained go together".to_owned(),
        });
    }
    Ok(caller)
}

/// The dialect and version of a path of the Live API; `None` for others.
fn endpoint(path: &str) -> Option<Caller> {
    let method = path.strip_prefix("//ws/").or_else(|| path.strip_prefix("/ws/"))?;
    let (vertex, version) = if let Some(rest) = method.strip_prefix("google.cloud.aiplatform.") {
        (true, rest.strip_suffix(".LlmBidiService/BidiGenerateContent")?)
    } else {
        let rest = method.strip_prefix("google.ai.generativelanguage.")?;
        let rest = rest.strip_suffix("Constrained").unwrap_or(rest);
        (false, rest.strip_suffix(".GenerativeService.BidiGenerateContent")?)
    };
    let served: &[&str] = if vertex { &["v1beta1", "v1"] } else { &["v1beta", "v1alpha", "v1"] };
    served.contains(&version).then(|| Caller {
        version: version.to_owned(),
        vertex,
        gateway: false,
        key: None,
    })
}

/// The key or token: from the header, `Authorization`, or the query.
fn credentials(request: &UpgradeRequest, query: &str) -> Option<String> {
    let bearer = request.header("authorization").and_then(|value| {
        value.strip_prefix("Token ").or_else(|| value.strip_prefix("Bearer ")).map(str::trim)
    });
    let in_query =
        |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    bearer
        .or_else(|| request.header("x-goog-api-key"))
        .or_else(|| in_query("key"))
        .or_else(|| in_query("access_token"))
        .filter(|key| !key.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: &str = "GenerativeService.BidiGenerateContent";

    fn ask(path: &str, headers: &[(&str, &str)]) -> Result<Caller, u16> {
        let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let request = UpgradeRequest { path: path.to_owned(), headers };
        admit(&ServiceSettings::default(), &request).map_err(|refusal| refusal.http_status)
    }

    #[test]
    fn every_version_is_served_with_one_slash_or_two() {
        for version in ["v1", "v1alpha", "v1beta"] {
            for slashes in ["/", "//"] {
                let path = format!("{slashes}ws/google.ai.generativelanguage.{version}.{METHOD}");
                let caller = ask(&path, &[("X-Goog-Api-Key", "k")]).unwrap();
                assert_eq!((caller.version.as_str(), caller.vertex), (version, false));
            }
        }
    }

    #[test]
    fn a_key_is_found_wherever_the_sdks_put_it() {
        let base = format!("/ws/google.ai.generativelanguage.v1beta.{METHOD}");
        assert_eq!(ask(&format!("{base}?key=k1"), &[]).unwrap().key.as_deref(), Some("k1"));
        let token = format!("{base}Constrained?access_token=auth_tokens/t");
        assert_eq!(ask(&token, &[]).unwrap().key.as_deref(), Some("auth_tokens/t"));
        let headers = [("authorization", "Token auth_tokens/t"), ("x-goog-api-key", "other")];
        let caller = ask(&format!("{base}Constrained"), &headers).unwrap();
        assert_eq!(caller.key.as_deref(), Some("auth_tokens/t"));
    }

    #[test]
    fn vertex_speaks_its_own_dialect() {
        let path = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent";
        assert!(ask(path, &[("Authorization", "Bearer b")]).unwrap().vertex);
    }

    #[test]
    fn what_is_no_live_api_request_is_refused_with_its_status() {
        let base = format!("/ws/google.ai.generativelanguage.v1beta.{METHOD}");
        assert_eq!(ask("/", &[]), Err(404));
        assert_eq!(ask(&base.replace("v1beta", "v2"), &[("x-goog-api-key", "k")]), Err(404));
        assert_eq!(ask(&base, &[]), Err(403));
        assert_eq!(ask(&base, &[("x-goog-api-key", "auth_tokens/t")]), Err(401));
        assert_eq!(ask(&format!("{base}Constrained"), &[("x-goog-api-key", "k")]), Err(401));
    }

    #[test]
    fn a_gateway_path_asks_for_nothing() {
        let gateway_path = Some("/proxy/live".to_owned());
        let settings = ServiceSettings { gateway_path, ..ServiceSettings::default() };
        let request = UpgradeRequest { path: "/proxy/live".to_owned(), headers: Vec::new() };
        assert!(admit(&settings, &request).unwrap().gateway);
    }
}
