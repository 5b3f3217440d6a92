//! The model's audio: base64 parts of any size to samples.

use super::{base64, wire::Blob};
use crate::audio::Rate;

/// What a part held.
#[derive(Debug, PartialEq)]
pub enum Decoded {
    /// Samples and their rate; none where the part was at most half a sample.
    Samples(Vec<i16>, Rate),
    /// Not PCM, such as an image.
    OtherMedia,
    /// Not base64.
    Bad,
}

/// Turns parts into samples. A part may end in the middle of a sample: its
/// last byte waits for the next part.
#[derive(Debug, Default)]
pub struct PcmParts {
    carry: Option<u8>,
    bytes: Vec<u8>,
}

impl PcmParts {
    /// The samples of one part, a waiting byte of the last one first.
    pub fn push(&mut self, blob: &Blob<'_>) -> Decoded {
        let Some(rate) = pcm_rate(&blob.mime_type) else { return Decoded::OtherMedia };
        if !base64::decode(&blob.data, &mut self.bytes) {
            return Decoded::Bad;
        }
        let mut bytes = self.bytes.as_slice();
        let mut samples = Vec::with_capacity(bytes.len().div_ceil(2));
        if let (Some(low), Some((high, rest))) = (self.carry, bytes.split_first()) {
            samples.push(i16::from_le_bytes([low, *high]));
            self.carry = None;
            bytes = rest;
        }
        let (pairs, odd) = bytes.as_chunks::<2>();
        samples.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
        self.carry = odd.first().copied().or(self.carry);
        Decoded::Samples(samples, rate)
    }

    /// Forgets a waiting byte: the next part starts another stream.
    pub fn reset(&mut self) {
        self.carry = None;
    }
}

/// The rate of a PCM type, 24 kHz where it names none that we can play;
/// `None` for other media. `audio/L16` is read as the same little-endian PCM.
pub fn pcm_rate(mime_type: &str) -> Option<Rate> {
    let mut fields = mime_type.split(';').map(str::trim);
    let kind = fields.next().unwrap_or_default();
    let is_pcm = kind.is_empty()
        || kind.eq_ignore_ascii_case("audio/pcm")
        || kind.eq_ignore_ascii_case("audio/l16");
    is_pcm.then(|| {
        fields
            .filter_map(|field| field.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("rate"))
            .and_then(|(_, hz)| hz.trim().parse().ok())
            .and_then(Rate::new)
            .unwrap_or(Rate::DOWNLINK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(bytes: &[u8]) -> Blob<'static> {
        let mut data = String::new();
        base64::append(bytes, &mut data);
        Blob { mime_type: "audio/pcm;rate=24000".into(), data: data.into() }
    }

    fn samples_of(parts: &mut PcmParts, bytes: &[u8]) -> Vec<i16> {
        match parts.push(&part(bytes)) {
            Decoded::Samples(samples, _) => samples,
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn however_the_bytes_are_split_the_samples_are_the_same(
            samples: Vec<i16>, cuts in prop::collection::vec(0usize..9, 0..40),
        ) {
            let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            let mut parts = PcmParts::default();
            let mut heard = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                heard.extend(samples_of(&mut parts, now));
                rest = later;
            }
            heard.extend(samples_of(&mut parts, rest));
            prop_assert_eq!(heard, samples);
        }
    }

    #[test]
    fn a_waiting_byte_does_not_leak_into_another_stream() {
        let mut parts = PcmParts::default();
        assert_eq!(samples_of(&mut parts, &[1, 0, 2]), [1]);
        parts.reset();
        assert_eq!(samples_of(&mut parts, &[3, 0]), [3]);
    }

    #[test]
    fn the_rate_is_what_the_type_says_or_24_khz() {
        let hz = |text| pcm_rate(text).map(Rate::hz);
        assert_eq!(hz("audio/pcm;rate=24000"), Some(24_000));
        assert_eq!(hz("audio/pcm; channels=1; RATE = 16000"), Some(16_000));
        assert_eq!(hz("Audio/L16;rate=48000"), Some(48_000));
        for bare in ["audio/pcm", "", "audio/pcm;rate=", "audio/pcm;rate=7", "audio/pcm;;=;rate"] {
            assert_eq!(hz(bare), Some(24_000), "{bare}");
        }
        assert_eq!(hz("image/png"), None);
        assert_eq!(hz("audio/mpeg"), None);
    }

    #[test]
    fn what_is_not_base64_is_said_to_be_bad_and_keeps_the_waiting_byte() {
        let mut parts = PcmParts::default();
        assert!(samples_of(&mut parts, &[7]).is_empty());
        let bad = Blob { mime_type: "audio/pcm".into(), data: "?".into() };
        assert_eq!(parts.push(&bad), Decoded::Bad);
        assert_eq!(samples_of(&mut parts, &[1]), [0x0107]);
    }
}
