//! FLAC files in, as mono samples.

use std::path::Path;

use claxon::{Error, FlacReader};

use super::wave_file::{Wave, WaveError, mono, rate_of};

/// Reads the FLAC file at `path`: any number of channels, averaged, and any
/// depth. A file cut short keeps what it has.
///
/// # Errors
/// What is wrong with the file, and what was expected instead.
pub fn read(path: &Path) -> Result<Wave, WaveError> {
    let name = path.display().to_string();
    let mut reader = FlacReader::open(path).map_err(|e| WaveError::new(&name, explain(&e)))?;
    let info = reader.streaminfo();
    let rate = rate_of(&name, info.sample_rate)?;
    let full_scale = (1_u64 << (info.bits_per_sample - 1)) as f32;
    let stopped = |e: Error| match &e {
        Error::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => None,
        _ => Some(explain(&e)),
    };
    let samples = reader.samples().map(|s| s.map(|s| s as f32 / full_scale).map_err(stopped));
    Ok(Wave { samples: mono(&name, rate, info.channels as usize, samples)?, rate })
}

fn explain(error: &Error) -> String {
    match error {
        Error::IoError(e) => format!("cannot read: {e}"),
        Error::FormatError(why) => format!("is not a FLAC file that can be read ({why})"),
        Error::Unsupported(why) => format!("is FLAC of an unknown kind ({why})"),
    }
}
