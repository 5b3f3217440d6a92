//! What the official SDKs put on the wire is understood.

use std::{fs, path::Path};

use serde_json::Value;

use super::{
    super::{Memory, Nanos, Service, ServiceSettings, Transmit, UpgradeRequest},
    scripted,
};

/// How the connection ends on which a recording is played: its close code,
/// `None` where it stays open.
fn play(settings: &ServiceSettings, recording: &Value) -> Option<u16> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let headers = recording["request_headers"].as_array().unwrap().iter();
    let request = UpgradeRequest {
        path: text(&recording["request_path"]),
        headers: headers.map(|header| (text(&header[0]), text(&header[1]))).collect(),
    };
    let mut service = Service::open(settings, &Memory::new(), &request, Nanos::ZERO).unwrap();
    for frame in recording["frames"].as_array().unwrap() {
        service.receive(Nanos::ZERO, frame["raw"].as_str().unwrap().as_bytes());
    }
    std::iter::from_fn(|| service.poll_transmit(Nanos::ZERO)).find_map(|transmit| match transmit {
        Transmit::Close { code, .. } => Some(code),
        _ => None,
    })
}

#[test]
fn every_recording_is_taken_but_for_what_the_service_refuses_today() {
    let settings = ServiceSettings {
        any_model: true,
        accept_media_chunks: true,
        gateway_path: Some("/my/gateway/path".to_owned()),
        ..scripted()
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/protocol/recordings");
    let mut refused: Vec<(String, u16)> = Vec::new();
    let mut played = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let recording: Value = serde_json::from_str(&text).unwrap();
        if recording["frames"].as_array().is_none_or(Vec::is_empty) {
            continue;
        }
        played += 1;
        let name = recording["scenario"].as_str().unwrap();
        refused.extend(play(&settings, &recording).map(|code| (name.to_owned(), code)));
    }
    refused.sort();
    assert!(played > 50, "{played}");
    let expected = [
        // An answer to no call.
        ("messages", 1008),
        ("msg_09_tool_response", 1008),
        // activityStart with automatic detection.
        ("msg_30_vertex_messages", 1007),
        // A handle that this server never gave.
        ("setup_14_resumption_handle", 1008),
        ("setup_31_everything_voice_client", 1008),
        // thinkingConfig on gemini-3.8-live.
        ("setup_full", 1007),
    ];
    assert_eq!(refused, expected.map(|(name, code)| (name.to_owned(), code)));
}
