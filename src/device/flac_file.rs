//! FLAC files in, as mono samples.

use std::{
    fs::File,
    io::{BufReader, Cursor, Read},
    path::Path,
};

use claxon::{Error, FlacReader};

use super::wave_file::{FILE_BYTES_MAX, Wave, WaveError, mono, rate_of};

/// Reads the FLAC file at `path`: any number of channels, averaged, and any
/// depth. A file cut short keeps what it has.
///
/// # Errors
/// What is wrong with the file, and what was expected instead.
pub fn read(path: &Path) -> Result<Wave, WaveError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|e| WaveError::new(&name, explain(&e.into())))?;
    decode(&name, BufReader::new(file).take(FILE_BYTES_MAX))
}

/// Reads the bytes of a FLAC file; `name` is for the error.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(name: &str, bytes: &[u8]) -> Result<Wave, WaveError> {
    decode(name, Cursor::new(bytes))
}

fn decode(name: &str, source: impl Read) -> Result<Wave, WaveError> {
    let refused = |e: Error| WaveError::new(name, explain(&e));
    let mut reader = FlacReader::new(source).map_err(refused)?;
    let info = reader.streaminfo();
    let rate = rate_of(name, info.sample_rate)?;
    let full_scale = (1_u64 << (info.bits_per_sample - 1)) as f32;
    let stopped = |e: Error| match &e {
        Error::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => None,
        _ => Some(explain(&e)),
    };
    let samples = reader.samples().map(|s| s.map(|s| s as f32 / full_scale).map_err(stopped));
    Ok(Wave { samples: mono(name, rate, info.channels as usize, samples)?, rate })
}

fn explain(error: &Error) -> String {
    match error {
        Error::IoError(e) => format!("cannot read: {e}"),
        Error::FormatError(why) => format!("is not a FLAC file that can be read ({why})"),
        Error::Unsupported(why) => format!("is FLAC of an unknown kind ({why})"),
    }
}
