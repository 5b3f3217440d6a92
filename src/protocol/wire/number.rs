//! Integers that may be strings, and durations that are.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};

use crate::audio::Nanos;

/// An integer: a number, a string of one (int64 in protobuf JSON), or `null`.
pub(super) fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    from.deserialize_any(Integer)
}

/// A duration in seconds with the suffix `s`, or `null`. What cannot be read
/// is `None`: a date that is not understood is no reason to lose a message.
pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Nanos>, D::Error> {
    from.deserialize_any(Duration)
}

struct Integer;

impl Visitor<'_> for Integer {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer, or a string of one")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(value).ok())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value as i64))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(value.parse().ok())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

struct Duration;

impl Visitor<'_> for Duration {
    type Value = Option<Nanos>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"9.250s\"")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        let seconds = value.strip_suffix('s').and_then(|number| number.parse().ok());
        Ok(seconds.and_then(nanos))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(nanos(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(nanos(value as f64))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(nanos(value as f64))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Below zero is no time left; not a number is nothing said.
fn nanos(seconds: f64) -> Option<Nanos> {
    (!seconds.is_nan()).then(|| Nanos((seconds.max(0.0) * 1e9).round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Both {
        #[serde(default, deserialize_with = "integer")]
        count: Option<i64>,
        #[serde(default, deserialize_with = "duration")]
        left: Option<Nanos>,
    }

    fn count(json: &str) -> Option<i64> {
        serde_json::from_str::<Both>(&format!("{{\"count\":{json}}}")).unwrap().count
    }

    fn left(json: &str) -> Option<Nanos> {
        serde_json::from_str::<Both>(&format!("{{\"left\":{json}}}")).unwrap().left
    }

    #[test]
    fn an_integer_is_read_as_a_number_or_as_a_string() {
        assert_eq!(count("42"), Some(42));
        assert_eq!(count("\"42\""), Some(42));
        assert_eq!(count("-1"), Some(-1));
        assert_eq!(count("42.0"), Some(42));
        for nothing in ["null", "\"many\"", "18446744073709551615"] {
            assert_eq!(count(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_duration_is_read_with_and_without_a_fraction() {
        assert_eq!(left("\"50s\""), Some(Nanos::from_secs(50)));
        assert_eq!(left("\"9.250s\""), Some(Nanos::from_ms(9_250)));
        assert_eq!(left("3"), Some(Nanos::from_secs(3)));
        assert_eq!(left("\"-1s\""), Some(Nanos::ZERO));
        for nothing in ["null", "\"soon\"", "\"NaNs\"", "\"\""] {
            assert_eq!(left(nothing), None, "{nothing}");
        }
    }
}
