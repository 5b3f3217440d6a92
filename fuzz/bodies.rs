//! What the targets do: the very bodies that `cargo test` runs.

#[path = "../tests/it/fuzz/audio.rs"]
pub mod audio;
#[path = "../tests/it/fuzz/config.rs"]
pub mod config;
#[path = "../tests/it/fuzz/downlink.rs"]
pub mod downlink;
#[path = "../tests/it/fuzz/endpoint.rs"]
pub mod endpoint;
#[path = "../tests/it/fuzz/recorded.rs"]
pub mod recorded;
#[path = "../tests/it/fuzz/simulator.rs"]
pub mod simulator;
