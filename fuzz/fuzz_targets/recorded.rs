//! See `tests/it/fuzz/recorded.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chinwag_fuzz::recorded::run(bytes));
