//! From what was written to a [`Value`] of the kind that a [`Param`] wants.

use toml::de::{DeArray, DeValue};

use super::nearest::nearest;
use crate::pipeline::{
    Param, Value,
    param::{ParamDefault, ParamKind},
};

/// Why a value does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// What is wrong, after the parameter's name: `is a text`.
    pub message: String,
    /// The next step, or empty.
    pub next: String,
}

impl Mistake {
    fn new(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self { message: message.into(), next: next.into() }
    }
}

/// What a parameter accepts, in words: `a whole number from 10 to 100`.
pub fn accepted(kind: &ParamKind) -> String {
    match kind {
        ParamKind::Bool => "true or false".to_owned(),
        ParamKind::Int { min, max } => format!("a whole number from {min} to {max}"),
        ParamKind::Float { min, max } => format!("a number from {min} to {max}"),
        ParamKind::Choice(words) => listed(words),
        ParamKind::Text => "a text".to_owned(),
        ParamKind::TextList => "a list of texts, [\"a\", \"b\"]".to_owned(),
    }
}

/// `a, b or c`, in quotes.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [word] => format!("\"{word}\""),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(|w| format!("\"{w}\"")).collect();
            format!("{} or \"{last}\"", first.join(", "))
        }
    }
}

/// A TOML value as one of `param`'s kind and within its bounds.
pub(super) fn from_toml(param: &Param, found: &DeValue<'_>) -> Result<Value, Mistake> {
    let value = match (param.kind, found) {
        (ParamKind::Bool, DeValue::Boolean(value)) => Value::Bool(*value),
        (ParamKind::Int { .. } | ParamKind::Float { .. }, DeValue::Integer(integer)) => {
            let parsed = i64::from_str_radix(integer.as_str(), integer.radix());
            Value::Int(parsed.map_err(|_| Mistake::new("is beyond 64 bits", ""))?)
        }
        (ParamKind::Int { .. } | ParamKind::Float { .. }, DeValue::Float(float)) => {
            let parsed = float.as_str().parse();
            Value::Float(parsed.map_err(|_| Mistake::new("is no number", ""))?)
        }
        (ParamKind::Choice(_), DeValue::Integer(integer)) => {
            Value::Text(integer.as_str().to_owned())
        }
        (ParamKind::Choice(_) | ParamKind::Text, DeValue::String(text)) => {
            Value::Text(text.clone().into_owned())
        }
        (ParamKind::TextList, DeValue::Array(array)) => Value::TextList(texts(array)?),
        (_, other) => return Err(wrong_type(param, other)),
    };
    within(param, value)
}

fn texts(array: &DeArray<'_>) -> Result<Vec<String>, Mistake> {
    let text = |item: &toml::Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned);
    let texts: Option<Vec<_>> = array.iter().map(text).collect();
    texts.ok_or_else(|| Mistake::new("holds something that is no text", ""))
}

/// What was typed after `=` on the command line, as a value of `param`'s kind.
pub(super) fn from_argument(param: &Param, text: &str) -> Result<Value, Mistake> {
    let is = || Mistake::new(format!("is \"{text}\""), "");
    let value = match param.kind {
        ParamKind::Bool => Value::Bool(text.parse().map_err(|_| is())?),
        ParamKind::Int { .. } | ParamKind::Float { .. } => match text.parse::<i64>() {
            Ok(int) => Value::Int(int),
            Err(_) => Value::Float(text.parse().map_err(|_| is())?),
        },
        ParamKind::Choice(_) | ParamKind::Text => Value::Text(text.to_owned()),
        ParamKind::TextList => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::TextList(items.map(str::to_owned).collect())
        }
    };
    within(param, value)
}

/// Checks kind and bounds; a whole number for a `Float` becomes one.
pub(super) fn within(param: &Param, value: Value) -> Result<Value, Mistake> {
    match (param.kind, value) {
        (ParamKind::Int { min, max }, Value::Int(int)) => {
            if (min..=max).contains(&int) {
                return Ok(Value::Int(int));
            }
            let nearest = int.clamp(min, max);
            Err(Mistake::new(
                format!("is {int}"),
                format!("the nearest that is allowed is {nearest}"),
            ))
        }
        (ParamKind::Int { min, max }, Value::Float(float)) => {
            let whole = float.fract() == 0.0 && (min as f64..=max as f64).contains(&float);
            let next =
                if whole { format!("write {} = {float:.0}", param.name) } else { String::new() };
            Err(Mistake::new(format!("is {float:?}"), next))
        }
        (ParamKind::Float { min, max }, Value::Int(int)) => bounded(int as f64, min, max),
        (ParamKind::Float { min, max }, Value::Float(float)) => bounded(float, min, max),
        (ParamKind::Choice(words), Value::Text(text)) => match words.iter().find(|w| **w == text) {
            Some(_) => Ok(Value::Text(text)),
            None => Err(unknown_choice(words, &text)),
        },
        (ParamKind::Text, Value::Text(text)) if text.is_empty() && !may_be_unset(param) => {
            Err(Mistake::new("is empty", ""))
        }
        (_, value) => Ok(value),
    }
}

fn bounded(float: f64, min: f64, max: f64) -> Result<Value, Mistake> {
    if (min..=max).contains(&float) {
        return Ok(Value::Float(float));
    }
    let next = if float.is_nan() {
        String::new()
    } else {
        format!("the nearest that is allowed is {}", float.clamp(min, max))
    };
    Err(Mistake::new(format!("is {float}"), next))
}

/// Whether writing nothing into the parameter means "none".
pub(super) fn may_be_unset(param: &Param) -> bool {
    param.default == ParamDefault::Unset
}

fn unknown_choice(words: &[&str], text: &str) -> Mistake {
    let next = nearest(text, words.iter().copied());
    let next = next.map_or_else(String::new, |word| format!("did you mean \"{word}\"?"));
    Mistake::new(format!("knows no \"{text}\""), next)
}

fn wrong_type(param: &Param, found: &DeValue<'_>) -> Mistake {
    let next = match (param.kind, found) {
        (ParamKind::Text, DeValue::Boolean(value)) => {
            format!("write it in quotes: {} = \"{value}\"", param.name)
        }
        (ParamKind::Text, DeValue::Integer(number)) => {
            format!("write it in quotes: {} = \"{}\"", param.name, number.as_str())
        }
        (ParamKind::TextList, DeValue::String(text)) => {
            format!("write it in brackets: {} = [{:?}]", param.name, text.as_ref())
        }
        (
            ParamKind::Bool | ParamKind::Int { .. } | ParamKind::Float { .. },
            DeValue::String(text),
        ) => match from_argument(param, text) {
            Ok(_) => format!("write it without quotes: {} = {text}", param.name),
            Err(_) => String::new(),
        },
        _ => String::new(),
    };
    Mistake::new(format!("is {}", type_of(found)), next)
}

/// The type of a TOML value, with its article.
pub(super) fn type_of(found: &DeValue<'_>) -> &'static str {
    match found {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(kind: ParamKind) -> Param {
        Param { name: "p", kind, default: ParamDefault::Required, doc: "" }
    }

    const INT: ParamKind = ParamKind::Int { min: 10, max: 100 };
    const FLOAT: ParamKind = ParamKind::Float { min: -1.0, max: 1.0 };
    const CHOICE: ParamKind = ParamKind::Choice(&["mix", "1", "2"]);

    fn toml(kind: ParamKind, written: &str) -> Result<Value, String> {
        let found = DeValue::parse(written).unwrap();
        from_toml(&param(kind), found.get_ref()).map_err(|m| format!("{}; {}", m.message, m.next))
    }

    #[test]
    fn a_value_of_the_right_kind_is_taken() {
        assert_eq!(toml(INT, "0x14"), Ok(Value::Int(20)));
        assert_eq!(toml(INT, "1_0"), Ok(Value::Int(10)));
        assert_eq!(toml(FLOAT, "1"), Ok(Value::Float(1.0)));
        assert_eq!(toml(FLOAT, "-1e-1"), Ok(Value::Float(-0.1)));
        assert_eq!(toml(CHOICE, "2"), Ok(Value::Text("2".into())));
        assert_eq!(toml(ParamKind::TextList, "['a']"), Ok(Value::TextList(vec!["a".into()])));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_with_the_way_out() {
        let wrong = |kind, written| toml(kind, written).unwrap_err();
        assert_eq!(wrong(INT, "'20'"), "is a text; write it without quotes: p = 20");
        assert_eq!(wrong(INT, "20.0"), "is 20.0; write p = 20");
        assert_eq!(wrong(INT, "5"), "is 5; the nearest that is allowed is 10");
        assert_eq!(wrong(INT, "99999999999999999999"), "is beyond 64 bits; ");
        assert_eq!(wrong(FLOAT, "nan"), "is NaN; ");
        assert_eq!(wrong(FLOAT, "inf"), "is inf; the nearest that is allowed is 1");
        assert_eq!(wrong(CHOICE, "'max'"), "knows no \"max\"; did you mean \"mix\"?");
        assert_eq!(
            wrong(ParamKind::TextList, "'a'"),
            "is a text; write it in brackets: p = [\"a\"]"
        );
        assert_eq!(wrong(ParamKind::Bool, "1"), "is a whole number; ");
    }

    #[test]
    fn an_argument_is_read_as_its_parameter_wants_it() {
        let read = |kind, text| from_argument(&param(kind), text).map_err(|m| m.message);
        assert_eq!(read(INT, "20"), Ok(Value::Int(20)));
        assert_eq!(read(ParamKind::Text, "20"), Ok(Value::Text("20".into())));
        assert_eq!(
            read(ParamKind::TextList, "a, b"),
            Ok(Value::TextList(vec!["a".into(), "b".into()]))
        );
        assert_eq!(read(ParamKind::Bool, "yes"), Err("is \"yes\"".into()));
        assert_eq!(read(ParamKind::Text, ""), Err("is empty".into()));
    }

    #[test]
    fn what_is_accepted_reads_as_a_sentence() {
        assert_eq!(accepted(&CHOICE), "\"mix\", \"1\" or \"2\"");
        assert_eq!(accepted(&INT), "a whole number from 10 to 100");
        assert_eq!(accepted(&FLOAT), "a number from -1 to 1");
    }
}
