//! WAV files: any PCM or float file in as mono samples, 16 bit or float out.

use std::{
    fmt,
    fs::File,
    io::{BufReader, BufWriter, Cursor, Read},
    path::Path,
};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use crate::audio::Rate;

/// A longer file is refused: an hour at 48 kHz is 690 MB of samples.
pub const SECONDS_MAX: u64 = 3_600;
/// And one of more frames than an hour at 48 kHz has, whatever its rate.
pub const FRAMES_MAX: usize = SECONDS_MAX as usize * 48_000;
/// Not more is read of what may never end, such as a pipe: an hour of seven
/// channels at 48 kHz in 32 bits.
pub(super) const FILE_BYTES_MAX: u64 = 5 << 30;
/// The sizes in a WAV header have 32 bits; this leaves room for the header.
const DATA_BYTES_MAX: u64 = u32::MAX as u64 - 4_096;

/// The samples of a WAV file, mixed down to mono.
#[derive(Clone, Debug, PartialEq)]
pub struct Wave {
    /// Full scale is -1 to 1.
    pub samples: Vec<f32>,
    /// The rate of the file.
    pub rate: Rate,
}

/// Why a WAV file could not be read or written, in words for a person.
#[derive(Debug)]
pub struct WaveError {
    name: String,
    what: String,
}

impl WaveError {
    pub(super) fn new(name: &str, what: impl Into<String>) -> Self {
        Self { name: name.to_owned(), what: what.into() }
    }
}

impl fmt::Display for WaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)
    }
}

impl std::error::Error for WaveError {}

/// Reads the WAV file at `path`: 8, 16, 24 or 32 bit integers or 32 bit floats,
/// any number of channels, averaged. A file cut short keeps what it has.
///
/// # Errors
/// What is wrong with the file, and what was expected instead.
pub fn read(path: &Path) -> Result<Wave, WaveError> {
    let name = path.display().to_string();
    let cannot =
        |e| WaveError::new(&name, format!("cannot open: {e}; check the path and its permissions"));
    let file = File::open(path).map_err(cannot)?;
    decode(&name, BufReader::new(file).take(FILE_BYTES_MAX))
}

/// Reads the bytes of a WAV file, such as one compiled into the program;
/// `name` is for the error.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(name: &str, bytes: &[u8]) -> Result<Wave, WaveError> {
    decode(name, Cursor::new(bytes))
}

fn decode(name: &str, source: impl Read) -> Result<Wave, WaveError> {
    let refused = |e: hound::Error| WaveError::new(name, explain(&e));
    let reader = WavReader::new(source).map_err(refused)?;
    let spec = reader.spec();
    let rate = rate_of(name, spec.sample_rate)?;
    let channels = usize::from(spec.channels.max(1));
    let stopped = |e: hound::Error| match &e {
        hound::Error::IoError(io) if is_end(io) => None,
        _ => Some(explain(&e)),
    };
    let samples = match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Float, 32) => {
            let samples = reader.into_samples::<f32>();
            mono(name, rate, channels, samples.map(|s| s.map_err(stopped)))
        }
        (SampleFormat::Int, bits @ (8 | 16 | 24 | 32)) => {
            let full_scale = (1_u64 << (bits - 1)) as f32;
            let samples = reader.into_samples::<i32>();
            let scaled = |s: i32| s as f32 / full_scale;
            mono(name, rate, channels, samples.map(|s| s.map(scaled).map_err(stopped)))
        }
        (format, bits) => {
            let kind = if format == SampleFormat::Float { "float" } else { "integer" };
            let what = "expected 8, 16, 24 or 32 bit integers or 32 bit floats";
            Err(WaveError::new(name, format!("holds {bits} bit {kind} samples; {what}")))
        }
    }?;
    Ok(Wave { samples, rate })
}

pub(super) fn rate_of(name: &str, hz: u32) -> Result<Rate, WaveError> {
    let (min, max) = (Rate::MIN_HZ, Rate::MAX_HZ);
    let refused = || format!("has a rate of {hz} Hz; expected {min} to {max} Hz");
    Rate::new(hz).ok_or_else(|| WaveError::new(name, refused()))
}

/// Averages the channels of each frame and ends at the first that is not whole,
/// or at an error without words: the file is shorter than it says.
pub(super) fn mono(
    name: &str,
    rate: Rate,
    channels: usize,
    samples: impl Iterator<Item = Result<f32, Option<String>>>,
) -> Result<Vec<f32>, WaveError> {
    let frames_max = FRAMES_MAX.min(SECONDS_MAX as usize * rate.hz() as usize);
    let mut out = Vec::new();
    // The sum of two finite floats may be none.
    let (mut sum, mut filled) = (0.0_f64, 0);
    for sample in samples {
        match sample {
            Ok(sample) if sample.is_finite() => sum += f64::from(sample),
            Ok(_) => {}
            Err(None) => break,
            Err(Some(why)) => return Err(WaveError::new(name, why)),
        }
        filled += 1;
        if filled == channels {
            if out.len() == frames_max {
                let minutes = frames_max / rate.hz() as usize / 60;
                let what = format!("is longer than {minutes} minutes; cut it into parts");
                return Err(WaveError::new(name, what));
            }
            out.push((sum / channels as f64) as f32);
            (sum, filled) = (0.0, 0);
        }
    }
    if out.is_empty() {
        return Err(WaveError::new(name, "holds no sound; expected at least one frame"));
    }
    Ok(out)
}

/// hound reports the end of a file that is shorter than its header says as an
/// error of kind `Other` without an operating system code.
fn is_end(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::UnexpectedEof || error.raw_os_error().is_none()
}

fn explain(error: &hound::Error) -> String {
    match error {
        hound::Error::IoError(e) if is_end(e) => {
            "ends before its first sample; expected a whole WAV file".to_owned()
        }
        hound::Error::IoError(e) => format!("cannot read: {e}"),
        hound::Error::FormatError(why) => {
            format!("is not a WAV file that can be read ({why}); expected RIFF/WAVE with PCM")
        }
        hound::Error::Unsupported => {
            "is compressed or of an unknown kind; expected PCM: sox IN.wav -b 16 OUT.wav".to_owned()
        }
        hound::Error::TooWide => "has samples of more than 32 bit; expected 8 to 32".to_owned(),
        other => format!("cannot be read: {other}"),
    }
}

/// Writes WAV as the sound comes. The header on disk is brought up to
/// date once per second of sound, so a killed process leaves a valid file.
pub struct WaveWriter {
    writer: WavWriter<BufWriter<File>>,
    name: String,
    channels: u16,
    frames_since_flush: u64,
    frames_written: u64,
    rate: Rate,
    format: SampleFormat,
}

impl WaveWriter {
    /// Creates the file, or empties it, with one channel or two of 16 bit.
    ///
    /// # Errors
    /// Where the file cannot be created.
    pub fn create(path: &Path, rate: Rate, channels: Channels) -> Result<Self, WaveError> {
        Self::with_format(path, rate, channels, SampleFormat::Int)
    }

    /// The same with one channel of 32 bit floats: to the bit what is written.
    ///
    /// # Errors
    /// Where the file cannot be created.
    pub fn create_exact(path: &Path, rate: Rate) -> Result<Self, WaveError> {
        Self::with_format(path, rate, Channels::Mono, SampleFormat::Float)
    }

    fn with_format(
        path: &Path,
        rate: Rate,
        channels: Channels,
        format: SampleFormat,
    ) -> Result<Self, WaveError> {
        let name = path.display().to_string();
        let channels = channels as u16;
        let spec = WavSpec {
            channels,
            sample_rate: rate.hz(),
            bits_per_sample: bits(format),
            sample_format: format,
        };
        let failed = |e: hound::Error| WaveError::new(&name, cannot_write(e));
        let mut writer = WavWriter::create(path, spec).map_err(failed)?;
        writer.flush().map_err(failed)?;
        Ok(Self { writer, name, channels, frames_since_flush: 0, frames_written: 0, rate, format })
    }

    /// Appends whole frames, interleaved where there are two channels. In 16
    /// bit, what exceeds full scale is clipped, and what is no number is silence.
    ///
    /// # Errors
    /// Where the disk refuses, or the file would exceed 4 GB.
    pub fn write(&mut self, interleaved: &[f32]) -> Result<(), WaveError> {
        let bytes_after = (self.frames_written * u64::from(self.channels)
            + interleaved.len() as u64)
            * u64::from(bits(self.format) / 8);
        if bytes_after > DATA_BYTES_MAX {
            return Err(WaveError::new(&self.name, "is full: a WAV file holds at most 4 GB"));
        }
        let frames = (interleaved.len() / usize::from(self.channels)) as u64;
        let whole = frames as usize * usize::from(self.channels);
        for &sample in &interleaved[..whole] {
            let result = match self.format {
                SampleFormat::Int => self.writer.write_sample((sample * 32_768.0).round() as i16),
                SampleFormat::Float => self.writer.write_sample(sample),
            };
            result.map_err(|e| WaveError::new(&self.name, cannot_write(e)))?;
        }
        self.frames_written += frames;
        self.frames_since_flush += frames;
        if self.frames_since_flush >= u64::from(self.rate.hz()) {
            self.flush()?;
        }
        Ok(())
    }

    /// Brings the file on disk up to date.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn flush(&mut self) -> Result<(), WaveError> {
        self.frames_since_flush = 0;
        self.writer.flush().map_err(|e| WaveError::new(&self.name, cannot_write(e)))
    }

    /// Frames written so far.
    pub fn frames(&self) -> u64 {
        self.frames_written
    }

    /// Ends the file. Dropping does the same but hides an error.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn finish(self) -> Result<(), WaveError> {
        let name = self.name;
        self.writer.finalize().map_err(|e| WaveError::new(&name, cannot_write(e)))
    }
}

fn bits(format: SampleFormat) -> u16 {
    match format {
        SampleFormat::Int => 16,
        SampleFormat::Float => 32,
    }
}

/// How many channels a [`WaveWriter`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// One.
    Mono = 1,
    /// Two: left, right.
    Stereo = 2,
}

fn cannot_write(error: hound::Error) -> String {
    match error {
        hound::Error::IoError(e) => format!("cannot write: {e}"),
        other => format!("cannot write: {other}"),
    }
}

#[cfg(test)]
mod tests;
