//! See `tests/it/fuzz/audio.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| chinwag_fuzz::audio::run(bytes));
