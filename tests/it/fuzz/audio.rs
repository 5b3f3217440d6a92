//! Any bytes as a sound file: refused, or samples that are numbers and no more
//! of them than the bytes can hold.

use chinwag::device::{
    flac_file,
    wave_file::{self, FRAMES_MAX, Wave, WaveError},
};

/// Reads them as the kind that they begin as.
pub fn run(bytes: &[u8]) {
    if bytes.starts_with(b"fLaC") {
        // Silence is packed: the bytes are no bound.
        judge(flac_file::read_bytes("f", bytes), FRAMES_MAX);
    } else {
        judge(wave_file::read_bytes("f", bytes), bytes.len());
    }
}

fn judge(read: Result<Wave, WaveError>, frames_max: usize) {
    match read {
        Ok(wave) => {
            assert!((1..=frames_max).contains(&wave.samples.len()));
            assert!(wave.samples.iter().all(|sample| sample.is_finite()));
        }
        Err(error) => assert!(error.to_string().starts_with("f: ")),
    }
}
