//! See `tests/it/fuzz/endpoint.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chinwag_fuzz::endpoint::run(bytes));
