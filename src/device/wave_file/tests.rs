//! Tests of WAV reading and writing.

use super::*;

fn scratch(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("chinwag-wave-{}-{name}.wav", std::process::id()))
}

fn file_of(spec: WavSpec, write: impl Fn(&mut WavWriter<&mut Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    write(&mut writer);
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn spec(channels: u16, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
    WavSpec { channels, sample_rate: 16_000, bits_per_sample, sample_format }
}

fn message(bytes: &[u8]) -> String {
    read_bytes("talk.wav", bytes).unwrap_err().to_string()
}

#[test]
fn every_sample_width_reads_as_the_same_level() {
    for bits in [8, 16, 24, 32] {
        let half = 1_i32 << (bits - 2);
        let bytes = file_of(spec(1, bits, SampleFormat::Int), |writer| {
            for sample in [half, -half, 0] {
                writer.write_sample(sample).unwrap();
            }
        });
        let wave = read_bytes("x", &bytes).unwrap();
        assert_eq!(wave.samples, [0.5, -0.5, 0.0], "{bits} bit");
        assert_eq!(wave.rate, Rate::UPLINK);
    }
    let bytes = file_of(spec(1, 32, SampleFormat::Float), |writer| {
        for sample in [0.5_f32, f32::NAN] {
            writer.write_sample(sample).unwrap();
        }
    });
    assert_eq!(read_bytes("x", &bytes).unwrap().samples, [0.5, 0.0]);
}

#[test]
fn channels_are_averaged() {
    let bytes = file_of(spec(6, 16, SampleFormat::Int), |writer| {
        for sample in [16_384_i16, 0, 0, 0, 0, 8_192] {
            writer.write_sample(sample).unwrap();
        }
    });
    assert_eq!(read_bytes("x", &bytes).unwrap().samples, [0.125]);
}

#[test]
fn what_is_no_wave_file_is_named_with_what_was_expected() {
    assert!(message(b"#!/bin/sh\necho hello, this is long enough").contains("not a WAV file"));
    assert!(message(b"").starts_with("talk.wav: ends before its first sample"));
    let empty = file_of(spec(1, 16, SampleFormat::Int), |_| {});
    assert!(message(&empty).contains("holds no sound"));
    let odd = WavSpec { sample_rate: 4_000, ..spec(1, 16, SampleFormat::Int) };
    let odd = file_of(odd, |writer| writer.write_sample(1_i16).unwrap());
    assert!(message(&odd).contains("4000 Hz; expected 8000 to 192000 Hz"));
    let missing = read(Path::new("/nowhere/talk.wav")).unwrap_err().to_string();
    assert!(missing.starts_with("/nowhere/talk.wav: cannot open: "), "{missing}");
}

#[test]
fn a_file_cut_short_keeps_what_it_has() {
    let bytes = file_of(spec(1, 16, SampleFormat::Int), |writer| {
        (0..100).for_each(|i| writer.write_sample(i as i16).unwrap());
    });
    let wave = read_bytes("x", &bytes[..bytes.len() - 51]).unwrap();
    assert_eq!(wave.samples.len(), 74);
}

#[test]
fn more_than_an_hour_is_refused() {
    let rate = WavSpec { sample_rate: 8_000, ..spec(1, 8, SampleFormat::Int) };
    let mut bytes = file_of(rate, |writer| writer.write_sample(0_i8).unwrap());
    let header = bytes.len() - 1;
    bytes.truncate(header);
    bytes[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    bytes.resize(header + 8_000 * SECONDS_MAX as usize, 128);
    assert!(read_bytes("x", &bytes).is_ok());
    bytes.push(128);
    assert!(message(&bytes).contains("longer than 60 minutes"));
}

#[test]
fn two_hundred_mutated_headers_never_panic() {
    let good = file_of(spec(2, 16, SampleFormat::Int), |writer| {
        (0..200).for_each(|i| writer.write_sample(i as i16).unwrap());
    });
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    let mut refused = 0;
    for _ in 0..200 {
        let mut bytes = good.clone();
        for _ in 0..=random() % 4 {
            bytes[random() % 44] = [0, 1, 0x7f, 0xff, (random() % 256) as u8][random() % 5];
        }
        refused += usize::from(read_bytes("x", &bytes).is_err());
    }
    assert!(refused > 50, "{refused}");
    for length in 0..good.len() {
        let _ = read_bytes("x", &good[..length]);
    }
}

#[test]
fn what_is_written_reads_back() {
    let path = scratch("back");
    let mut writer = WaveWriter::create(&path, Rate::DOWNLINK, Channels::Mono).unwrap();
    writer.write(&[0.25, -0.25, 2.0, -2.0, f32::NAN]).unwrap();
    assert_eq!(writer.frames(), 5);
    writer.finish().unwrap();
    let wave = read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(wave.samples, [0.25, -0.25, 32_767.0 / 32_768.0, -1.0, 0.0]);
    assert_eq!(wave.rate, Rate::DOWNLINK);
}

#[test]
fn a_killed_process_leaves_a_valid_file_of_all_but_the_last_second() {
    let path = scratch("killed");
    let mut writer = WaveWriter::create(&path, Rate::UPLINK, Channels::Stereo).unwrap();
    assert!(read(&path).unwrap_err().to_string().contains("holds no sound"));
    for _ in 0..250 {
        writer.write(&[0.1; 2 * 160]).unwrap();
    }
    let on_disk = read(&path).unwrap().samples.len();
    std::mem::forget(writer);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(on_disk, 32_000);
}

#[test]
fn a_file_that_never_ends_is_left_after_an_hour_of_sound() {
    let mut header = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    // 8 kHz, a byte each, and as many as a header can claim.
    header.extend(b"\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\xff\xff\xff\xff");
    let endless = Cursor::new(header).chain(std::io::repeat(1));
    let error = decode("f", endless).unwrap_err().to_string();
    assert_eq!(error, "f: is longer than 60 minutes; cut it into parts");
}
