//! Where the official SDKs dial and what they show there, against our
//! endpoint and credential.

use std::{fs, path::Path};

use chinwag::protocol::{ApiVersion, Credential, Endpoint};
use serde_json::Value;

use super::{json_lines, text};

/// Recordings without a connection: the SDK refused the settings itself.
const NO_CONNECTION: [&str; 2] =
    ["setup_15_resumption_transparent_mldev_rejected", "setup_29_explicit_vad_mldev_rejected"];

fn recordings() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/protocol/recordings");
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        })
        .collect();
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    all
}

fn header<'a>(recording: &'a Value, name: &str) -> Option<&'a str> {
    let headers = recording["request_headers"].as_array().unwrap();
    let same = |header: &&Value| header[0].as_str().unwrap().eq_ignore_ascii_case(name);
    headers.iter().find(same).map(|header| header[1].as_str().unwrap())
}

/// The secret that a recording shows, whichever way it travelled.
fn secret(recording: &Value, path: &str) -> Option<String> {
    let in_query = path.split_once('?').map(|(_, query)| query.split_once('=').unwrap().1);
    let bearer = header(recording, "Authorization").filter(|value| value.starts_with("Bearer "));
    bearer.or(header(recording, "x-goog-api-key")).or(in_query).map(str::to_owned)
}

#[test]
fn every_recording_dials_where_we_dial_with_the_secret_where_we_put_it() {
    for (name, recording) in recordings() {
        let Some(recorded) = recording["request_path"].as_str() else {
            assert!(NO_CONNECTION.contains(&name.as_str()), "{name} has no path");
            continue;
        };
        let secret = secret(&recording, recorded);
        let credential = secret
            .as_deref()
            .map_or(Credential::none(), |secret| Credential::from_secret(secret).unwrap());
        // The JavaScript SDK writes two slashes, and puts the secret into the query.
        let path = recorded.split('?').next().unwrap().replace("//", "/");
        let is_developer_api = path.contains("google.ai.generativelanguage");
        let ours = if is_developer_api {
            let named =
                |v: &ApiVersion| path.contains(&format!("generativelanguage.{}.", v.name()));
            let version = ApiVersion::ALL.into_iter().find(named).unwrap();
            Endpoint::new(None, version, &credential).unwrap()
        } else {
            let url = format!("wss://host.example{path}");
            Endpoint::new(Some(&url), ApiVersion::default(), &credential).unwrap()
        };
        assert_eq!(ours.path, path, "{name}");
        if let Some((ours, value)) = credential.header() {
            let recorded = header(&recording, ours);
            let in_query_only = name.starts_with("js_");
            assert_eq!(recorded, (!in_query_only).then_some(value.as_str()), "{name}");
        }
        assert!(secret.is_none_or(|secret| !ours.url().contains(&secret)), "{name}");
    }
}

#[test]
fn no_frame_of_a_recording_is_missing_from_the_canonical_ones() {
    let canonical = json_lines(include_str!("../../data/protocol/canonical.jsonl"));
    for (name, recording) in recordings() {
        let frames = recording["frames"].as_array().unwrap().len();
        let listed = canonical.iter().filter(|line| text(line, "fixture") == name).count();
        assert_eq!(frames, listed, "{name}");
    }
}
