//! See `tests/it/fuzz/config.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chinwag_fuzz::config::run(bytes));
