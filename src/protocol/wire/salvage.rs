//! Keeps what can be read of a message in which something has a wrong type.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{FunctionCall, Part, ServerContent, ServerMessage};

/// Takes out of `message` whatever would stop it from being read: single
/// parts, single calls, single fields, from the inside out.
pub(super) fn prune(message: &mut Value) {
    for content in children(message, ["serverContent", "server_content"]) {
        for turn in children(content, ["modelTurn", "model_turn"]) {
            for parts in children(turn, ["parts", "parts"]) {
                keep_items(parts, |part| Part::deserialize(part).is_ok());
            }
        }
        keep_fields(content, |one| ServerContent::deserialize(one).is_ok());
    }
    for call in children(message, ["toolCall", "tool_call"]) {
        for calls in children(call, ["functionCalls", "function_calls"]) {
            keep_items(calls, |call| FunctionCall::deserialize(call).is_ok());
        }
    }
    keep_fields(message, |one| ServerMessage::deserialize(one).is_ok());
}

fn children<'a>(value: &'a mut Value, names: [&str; 2]) -> Vec<&'a mut Value> {
    let Value::Object(fields) = value else { return Vec::new() };
    fields
        .iter_mut()
        .filter(|(name, _)| names.contains(&name.as_str()))
        .map(|(_, value)| value)
        .collect()
}

fn keep_items(value: &mut Value, fits: impl Fn(&Value) -> bool) {
    if let Value::Array(items) = value {
        items.retain(|item| fits(item));
    }
}

/// Keeps each field that fits alone, then, where two spellings of one field
/// exclude each other, only the camelCase ones.
fn keep_fields(value: &mut Value, fits: impl Fn(&Value) -> bool) {
    let Value::Object(fields) = value else { return };
    let kept = std::mem::take(fields).into_iter().filter_map(|(name, field)| {
        let mut alone = Value::Object(Map::from_iter([(name.clone(), field)]));
        if !fits(&alone) {
            return None;
        }
        let field = alone.get_mut(&name).map(Value::take)?;
        Some((name, field))
    });
    *value = Value::Object(kept.collect());
    if !fits(value)
        && let Value::Object(fields) = value
    {
        fields.retain(|name, _| !name.contains('_'));
    }
}
