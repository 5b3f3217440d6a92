//! Reading what clients send as a proto3 JSON parser does: camelCase and
//! snake_case at every level, either base64 alphabet with or without padding,
//! 64-bit numbers as numbers or strings, `null` as absent.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::Value;

const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The field that is called `camel` in camelCase, in either spelling.
pub(super) fn field<'a>(value: &'a Value, camel: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object.get(camel).or_else(|| object.get(&snake(camel))).filter(|value| !value.is_null())
}

/// Follows `path`, camelCase names separated by dots.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, field)
}

/// Whether `key`, in either spelling, is among the camelCase `names`.
pub(super) fn is_one_of(key: &str, names: &[&str]) -> bool {
    names.iter().any(|name| *name == key || snake(name) == key)
}

/// Whether the field is there and true.
pub(super) fn is_true(value: &Value, path: &str) -> bool {
    at(value, path).and_then(Value::as_bool) == Some(true)
}

/// The text at `path`, empty where there is none.
pub(super) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at `path`: a number, or a string that holds one.
pub(super) fn whole(value: &Value, path: &str) -> Option<i64> {
    match at(value, path)? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|f| f as i64)),
        Value::String(string) => string.parse().ok(),
        _ => None,
    }
}

/// The bytes that `text` encodes; `None` where it is no base64.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    if text.contains(['-', '_']) {
        FORGIVING.decode(text.replace('-', "+").replace('_', "/")).ok()
    } else {
        FORGIVING.decode(text).ok()
    }
}

fn snake(camel: &str) -> String {
    let mut snake = String::with_capacity(camel.len() + 4);
    for c in camel.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_spellings_are_read_at_every_level() {
        let mixed = json!({"realtime_input": {"activityEnd": {}, "media_chunks": null}});
        assert!(at(&mixed, "realtimeInput.activityEnd").is_some());
        assert!(at(&mixed, "realtimeInput.mediaChunks").is_none(), "null is absent");
        assert!(is_one_of("top_k", &["topK"]) && is_one_of("topK", &["topK"]));
    }

    #[test]
    fn both_base64_alphabets_are_read_padded_or_not() {
        for text in ["+/+//g==", "-_-__g==", "+/+//g", "-_-__g"] {
            assert_eq!(bytes(text).as_deref(), Some(&[0xFB, 0xFF, 0xBF, 0xFE][..]), "{text}");
        }
        assert_eq!(bytes("not base64!"), None);
    }

    #[test]
    fn whole_numbers_come_as_numbers_or_strings() {
        let setup = json!({"a": "25600", "b": 25600, "c": 40.0, "d": true});
        assert_eq!(
            ["a", "b", "c", "d"].map(|name| whole(&setup, name)),
            [Some(25_600), Some(25_600), Some(40), None]
        );
    }
}
