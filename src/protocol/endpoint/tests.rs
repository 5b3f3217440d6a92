//! Tests of the endpoint and its credentials.

use super::*;

fn at(url: &str) -> Result<Endpoint, EndpointError> {
    Endpoint::new(Some(url), ApiVersion::V1Beta, &Credential::none())
}

fn secret(text: &str) -> Credential {
    Credential::from_secret(text).unwrap()
}

#[test]
fn an_ephemeral_token_dials_the_constrained_method() {
    let token = secret("auth_tokens/abc");
    let endpoint = Endpoint::new(None, ApiVersion::V1Alpha, &token).unwrap();
    assert!(endpoint.path.ends_with("v1alpha.GenerativeService.BidiGenerateContentConstrained"));
    assert_eq!(token.header(), Some(("Authorization", "Token auth_tokens/abc".to_owned())));
}

#[test]
fn a_url_without_a_path_gets_the_services_path() {
    let service = Endpoint::new(None, ApiVersion::V1Beta, &Credential::none()).unwrap().path;
    for url in ["ws://127.0.0.1:8765", "ws://127.0.0.1:8765/"] {
        assert_eq!(at(url).unwrap().path, service);
    }
    assert_eq!(at("wss://host?a=b").unwrap().path, format!("{service}?a=b"));
}

#[test]
fn a_url_with_a_path_is_taken_as_it_stands() {
    let url = "wss://us-central1-aiplatform.googleapis.com/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent";
    let endpoint = at(url).unwrap();
    assert_eq!(endpoint.url(), url);
    assert_eq!((endpoint.port, endpoint.secure), (443, true));
    assert_eq!(at("WSS://host:8443//ws/x?y=z").unwrap().url(), "wss://host:8443//ws/x?y=z");
}

#[test]
fn plain_text_goes_to_this_machine_only() {
    for ours in ["ws://localhost:1", "ws://127.1.2.3", "ws://[::1]:9/x", "ws://LOCALHOST/"] {
        assert!(at(ours).is_ok(), "{ours}");
    }
    assert_eq!(at("ws://[::1]:9/x").unwrap().url(), "ws://[::1]:9/x");
    for theirs in
        ["ws://example.com", "ws://192.168.0.1/", "ws://localhost.evil.com", "ws://0.0.0.0"]
            .into_iter()
            .chain(DISGUISED)
    {
        let error = at(theirs).unwrap_err().to_string();
        assert!(error.contains("wss://"), "{error}");
    }
}

/// What looks like this machine and is not, or not surely.
const DISGUISED: [&str; 9] = [
    "ws://127.0.0.1.evil.com/",
    "ws://localhost.:80/",
    "ws://[::ffff:10.0.0.1]/",
    "ws://[::ffff:127.0.0.1]/",
    "ws://[::]/",
    "ws://2130706433/",
    "ws://127.1/",
    "ws://0177.0.0.1/",
    "ws://loca\u{131}host/",
];

#[test]
fn what_stands_before_an_at_sign_or_behind_a_backslash_is_no_host() {
    for url in [
        "ws://localhost@evil.com/",
        "ws://localhost:80@evil.com/",
        "ws://127.0.0.1%40evil.com/",
        "ws://localhost\\@evil.com/",
        "ws://localhost\\.evil.com/",
        "ws://localhost:80:80/",
        "ws://localhost#@evil.com/",
        "ws://localhost\t/",
    ] {
        assert!(at(url).is_err(), "{url}");
    }
    assert_eq!(at("ws://localhost/@evil.com").unwrap().authority(), "localhost");
    assert_eq!(at("ws://localhost?@evil.com").unwrap().authority(), "localhost");
}

#[test]
fn a_secret_in_a_url_is_refused_and_not_repeated() {
    for url in [
        "wss://host/x?key=SECRET",
        "wss://host/x?a=b&Access_Token=SECRET",
        "wss://user:SECRET@host/x",
    ] {
        let error = at(url).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SECRET"), "{error}");
    }
}

#[test]
fn what_is_not_a_url_is_refused_with_the_form_expected() {
    for url in [
        "host",
        "",
        "://",
        "http://host",
        "wss://",
        "wss://host:0",
        "wss://host:99999",
        "wss://[::1",
        "wss://[nonsense]/",
        "wss://a b/",
        "wss://host/#x",
        "wss://::1/",
        "wss://f[th0]/",
        "wss://m\u{fc}nchen.example/",
        "wss://a%2eb/",
    ] {
        let error = at(url).expect_err(url).to_string();
        assert!(error.contains("wss://host"), "{error}");
    }
}

#[test]
fn a_secret_never_shows_in_debug() {
    for text in ["AIzaSECRET", "auth_tokens/SECRET", "Bearer SECRET", "ya29.SECRET"] {
        let credential = secret(text);
        let again = credential.header().unwrap().1;
        let message = credential.redacted(format!("S{again}E{again}").as_bytes()).unwrap();
        assert!(!String::from_utf8(message).unwrap().contains("SECRET"), "{text}");
        assert_eq!(credential.redacted(b"SECRE SSECR AIza"), None);
        assert!(!format!("{credential:?}").contains("SECRET"));
        let header = credential.header().unwrap();
        assert!(header.1.contains("SECRET"));
        assert!(!credential.redact(&format!("sent {}", header.1)).contains("SECRET"));
    }
    assert_eq!(secret("ya29.x").header(), Some(("Authorization", "Bearer ya29.x".to_owned())));
    assert_eq!(secret(" AIza \n").header(), Some(("x-goog-api-key", "AIza".to_owned())));
    assert_eq!(Credential::none().header(), None);
}

#[test]
fn a_broken_secret_is_refused_without_repeating_it() {
    for text in ["", "  ", "SEC RET", "SECRET\r\nevil: 1", "SECRÉT", "Bearer  "] {
        let error = Credential::from_secret(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SEC"), "{error}");
    }
}
