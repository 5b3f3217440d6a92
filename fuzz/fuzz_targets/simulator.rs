//! See `tests/it/fuzz/simulator.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chinwag_fuzz::simulator::run(bytes));
