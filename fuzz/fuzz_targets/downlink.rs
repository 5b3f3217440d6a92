//! See `tests/it/fuzz/downlink.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chinwag_fuzz::downlink::run(bytes));
