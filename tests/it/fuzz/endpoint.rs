//! Any text as the address of a server, and any as the secret: whatever is
//! taken goes where it says, and unencrypted to this machine only.

use chinwag::protocol::{ApiVersion, Credential, Endpoint};
use tungstenite::client::IntoClientRequest as _;

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The first line is the address, the second the secret.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (url, secret) = text.split_once('\n').unwrap_or((&text, ""));
    let credential = match Credential::from_secret(secret) {
        Ok(credential) => {
            let (_, value) = credential.header().expect("a secret has a header");
            assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{value:?}");
            credential
        }
        Err(_) => Credential::none(),
    };
    let Ok(endpoint) = Endpoint::new(Some(url), ApiVersion::default(), &credential) else { return };
    let again = Endpoint::new(Some(&endpoint.url()), ApiVersion::default(), &credential);
    assert_eq!(again.as_ref(), Ok(&endpoint), "{url:?}");
    if !endpoint.secure {
        let address = endpoint.host.parse::<std::net::IpAddr>();
        let is_loopback = address.is_ok_and(|address| address.is_loopback());
        assert!(is_loopback || endpoint.host.eq_ignore_ascii_case("localhost"), "{url:?}");
    }
    // The Host header and the certificate's name must mean whom we dial.
    if let Ok(request) = endpoint.url().into_client_request() {
        let (uri, host) = (request.uri(), endpoint.host.as_str());
        assert_eq!(uri.host().map(without_brackets), Some(host), "{url:?}");
        let usual = if endpoint.secure { 443 } else { 80 };
        assert_eq!(uri.port_u16().unwrap_or(usual), endpoint.port, "{url:?}");
    }
}
