//! A stage's own description: its documentation and its example.

use super::super::{
    Param, StageEntry, Value, Values,
    param::{ParamDefault, ParamKind},
};

/// Whether every line about the stage reads like the others and every default
/// is within its bounds.
///
/// # Errors
/// The first line that does not, or the first default that is not.
pub fn documented(entry: &StageEntry) -> Result<(), String> {
    one_line("summary", entry.summary)?;
    for param in entry.params {
        one_line(param.name, param.doc)?;
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if param.name.is_empty() || !param.name.chars().all(word) {
            return Err(format!("{:?}: expected a name such as hold_ms", param.name));
        }
        if param.default.value().is_some_and(|value| !fits(param, &value)) {
            return Err(format!("{}: its default is out of its own bounds", param.name));
        }
    }
    Ok(())
}

fn one_line(name: &str, text: &str) -> Result<(), String> {
    let capital = text.chars().next().is_none_or(char::is_uppercase);
    if capital || text.ends_with('.') || text.contains('\n') {
        return Err(format!("{name}: expected one line, lower case, no full stop: {text:?}"));
    }
    Ok(())
}

/// The values that the stage's example gives, over its defaults. Reads the part
/// of TOML that an example needs: one `key = value` to a line.
///
/// # Errors
/// The first line that is not such, names no parameter or is out of bounds; or
/// a required parameter that is missing.
pub fn example_values(entry: &StageEntry) -> Result<Values, String> {
    let mut values = Values::defaults(entry.params);
    for line in entry.example.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, text) =
            line.split_once('=').ok_or_else(|| format!("{line:?}: expected key = value"))?;
        let param = entry
            .params
            .iter()
            .find(|param| param.name == key.trim())
            .ok_or_else(|| format!("{line:?}: expected one of the stage's own parameters"))?;
        let value = literal(text.trim())
            .filter(|value| fits(param, value))
            .ok_or_else(|| format!("{line:?}: expected a value of {:?}", param.kind))?;
        values.set(param.name, value);
    }
    match entry.params.iter().find(|param| required(param) && values.get(param.name).is_none()) {
        Some(param) => Err(format!("the example must give {}", param.name)),
        None => Ok(values),
    }
}

fn required(param: &Param) -> bool {
    matches!(param.default, ParamDefault::Required)
}

fn literal(text: &str) -> Option<Value> {
    match text {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .map(|inner| Value::Text(inner.to_owned()))
            .or_else(|| text.parse().ok().map(Value::Int))
            .or_else(|| text.parse().ok().map(Value::Float)),
    }
}

fn fits(param: &Param, value: &Value) -> bool {
    match (param.kind, value) {
        (ParamKind::Bool, Value::Bool(_)) | (ParamKind::Text, Value::Text(_)) => true,
        (ParamKind::Int { min, max }, Value::Int(v)) => (min..=max).contains(v),
        (ParamKind::Float { min, max }, Value::Int(v)) => (min..=max).contains(&(*v as f64)),
        (ParamKind::Float { min, max }, Value::Float(v)) => (min..=max).contains(v),
        (ParamKind::Choice(words), Value::Text(v)) => words.contains(&v.as_str()),
        _ => false,
    }
}
