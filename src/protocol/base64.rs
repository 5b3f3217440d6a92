//! Base64 as protobuf JSON has it: written standard and padded, read in the
//! standard or the URL-safe alphabet, padded or not.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Samples encoded per step: their bytes are a multiple of three, so that no
/// step but the last is padded.
const STEP_SAMPLES: usize = 384;

/// Appends `samples` as little-endian PCM in base64, without another buffer.
/// Allocates only where `out` has to grow.
pub fn append_pcm(samples: &[i16], out: &mut String) {
    out.reserve((samples.len() * 2).div_ceil(3) * 4);
    let mut bytes = [0u8; STEP_SAMPLES * 2];
    for step in samples.chunks(STEP_SAMPLES) {
        for (pair, sample) in bytes.chunks_exact_mut(2).zip(step) {
            pair.copy_from_slice(&sample.to_le_bytes());
        }
        STANDARD.encode_string(&bytes[..step.len() * 2], out);
    }
}

/// Appends `bytes` in base64.
pub fn append(bytes: &[u8], out: &mut String) {
    STANDARD.encode_string(bytes, out);
}

/// Replaces `out` by the bytes of `text`; false, and `out` empty, where it is
/// not base64.
pub fn decode(text: &str, out: &mut Vec<u8>) -> bool {
    out.clear();
    if LENIENT.decode_vec(text, out).is_ok() {
        return true;
    }
    out.clear();
    let standard: String = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    let understood = LENIENT.decode_vec(standard, out).is_ok();
    if !understood {
        out.clear();
    }
    understood
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_alphabet_and_padding_round_trips(bytes: Vec<u8>) {
            let mut out = Vec::new();
            for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
                prop_assert!(decode(&engine.encode(&bytes), &mut out));
                prop_assert_eq!(&out, &bytes);
            }
        }

        #[test]
        fn samples_are_the_base64_of_their_little_endian_bytes(samples: Vec<i16>) {
            let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            let mut out = String::new();
            append_pcm(&samples, &mut out);
            prop_assert_eq!(out, STANDARD.encode(bytes));
        }

        #[test]
        fn any_text_is_read_or_refused_and_never_panics(text: String) {
            let mut out = vec![1];
            if !decode(&text, &mut out) {
                prop_assert!(out.is_empty());
            }
        }
    }

    #[test]
    fn a_long_chunk_has_no_padding_in_its_middle() {
        let samples: Vec<i16> = (0..5_000).map(|i| i as i16).collect();
        let mut out = String::new();
        append_pcm(&samples, &mut out);
        assert_eq!(out.find('='), Some(out.trim_end_matches('=').len()));
        let mut bytes = Vec::new();
        assert!(decode(&out, &mut bytes));
        assert_eq!(bytes.len(), 10_000);
    }

    #[test]
    fn mixed_alphabets_and_line_breaks_are_understood() {
        let mut out = Vec::new();
        assert!(decode("-/_+\n_g==", &mut out));
        assert_eq!(out, [0xfb, 0xff, 0xfe, 0xfe]);
        assert!(!decode("not base64!", &mut out));
    }
}
