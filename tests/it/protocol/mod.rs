//! The protocol against recordings of the official SDKs, and against what a
//! server may do.

mod brief;
mod client_recordings;
mod endpoint_recordings;
mod mutated;
mod server_examples;
mod timelines;
mod wishes;

use serde_json::Value;

/// The lines of a file of JSON objects.
fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().expect("a text")
}
