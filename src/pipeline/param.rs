//! What a table of `pipeline.toml` may hold: named, typed, bounded parameters
//! with their defaults and one line of documentation each.
//!
//! One description feeds the parser, `check --explain` and the reference.

/// One key of a table. The unit stands last in its name: `hangover_ms`.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// The key.
    pub name: &'static str,
    /// What it may be.
    pub kind: ParamKind,
    /// What it is when it is not written.
    pub default: ParamDefault,
    /// One line: what it does, lower case, no full stop.
    pub doc: &'static str,
}

/// The type and the bounds of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParamKind {
    /// `true` or `false`.
    Bool,
    /// A whole number, bounds included.
    Int {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A number, bounds included.
    Float {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text. An empty one unsets what may be unset.
    Text,
    /// Texts; none of them unsets.
    TextList,
}

/// What a missing key means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParamDefault {
    /// It must be written.
    Required,
    /// It stays unset.
    Unset,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text or a choice.
    Text(&'static str),
}

/// What was written, or the default.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text or a choice.
    Text(String),
    /// Texts.
    TextList(Vec<String>),
}

impl ParamDefault {
    /// As a value; `None` for required and unset.
    pub fn value(self) -> Option<Value> {
        match self {
            Self::Required | Self::Unset => None,
            Self::Bool(v) => Some(Value::Bool(v)),
            Self::Int(v) => Some(Value::Int(v)),
            Self::Float(v) => Some(Value::Float(v)),
            Self::Text(v) => Some(Value::Text(v.to_owned())),
        }
    }
}

/// The values of one table, checked against its parameters: every parameter
/// that has a default or is required has a value of its kind, within bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Vec<(&'static str, Value)>);

impl Values {
    /// All defaults of `params`; required ones are missing.
    pub fn defaults(params: &[Param]) -> Self {
        Self(params.iter().filter_map(|p| Some((p.name, p.default.value()?))).collect())
    }

    /// Sets one value.
    pub fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((name, value)),
        }
    }

    /// One value, if it has one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// A truth value; `false` when unset.
    pub fn bool(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Bool(true)))
    }

    /// A whole number; 0 when unset.
    pub fn int(&self, name: &str) -> i64 {
        match self.get(name) {
            Some(Value::Int(v)) => *v,
            Some(Value::Float(v)) => *v as i64,
            _ => 0,
        }
    }

    /// A number; 0 when unset.
    pub fn float(&self, name: &str) -> f32 {
        match self.get(name) {
            Some(Value::Float(v)) => *v as f32,
            Some(Value::Int(v)) => *v as f32,
            _ => 0.0,
        }
    }

    /// A text or choice, if set.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(v)) => Some(v),
            _ => None,
        }
    }

    /// Texts; none when unset.
    pub fn texts(&self, name: &str) -> &[String] {
        match self.get(name) {
            Some(Value::TextList(v)) => v,
            _ => &[],
        }
    }

    /// Leaves a value unset.
    pub fn unset(&mut self, name: &str) {
        self.0.retain(|(n, _)| *n != name);
    }

    /// All of them; where every set one has a default or was required, in the
    /// order of the parameters.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(n, v)| (*n, v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: &[Param] = &[
        Param {
            name: "gain_db",
            kind: ParamKind::Float { min: -60.0, max: 30.0 },
            default: ParamDefault::Float(0.0),
            doc: "",
        },
        Param { name: "weights", kind: ParamKind::Text, default: ParamDefault::Unset, doc: "" },
    ];

    #[test]
    fn defaults_fill_what_has_one_and_leave_the_rest_unset() {
        let mut values = Values::defaults(PARAMS);
        assert_eq!(values.get("gain_db"), Some(&Value::Float(0.0)));
        assert_eq!(values.text("weights"), None);
        values.set("gain_db", Value::Int(3));
        assert_eq!(values.float("gain_db"), 3.0);
        assert_eq!(values.iter().count(), 1);
    }
}
