//! Figures as one JSON object.

use serde_json::{Map, Value as Json, json};

use super::{Figure, Figures, Value};
use crate::audio::{Nanos, histogram::Snapshot};

impl Figures {
    /// An object with a member for each name: a number (`null` where it is not
    /// known); of times an object with `count`, `sum`, `p50`, `p90`, `p99` and
    /// `max`; of several of one name an array of objects with their labels, and
    /// with those members or `value`.
    pub fn to_json(&self) -> Json {
        let mut out = Map::new();
        for figure in self.iter() {
            if figure.labels.is_empty() {
                out.insert(figure.name.clone(), value(figure));
            } else {
                let of_name = out.entry(figure.name.clone()).or_insert_with(|| json!([]));
                if let Json::Array(of_name) = of_name {
                    of_name.push(labelled(figure));
                }
            }
        }
        Json::Object(out)
    }
}

fn value(figure: &Figure) -> Json {
    match &figure.value {
        Value::Times(times) => Json::Object(members(times)),
        Value::Count(count) => json!(count),
        Value::Now(now) => json!(now),
    }
}

fn labelled(figure: &Figure) -> Json {
    let labels = figure.labels.iter().map(|(name, of)| ((*name).to_owned(), json!(of)));
    let members = match value(figure) {
        Json::Object(members) => members,
        value => Map::from_iter([("value".to_owned(), value)]),
    };
    Json::Object(labels.chain(members).collect())
}

fn members(times: &Snapshot) -> Map<String, Json> {
    let seconds = |nanos: Option<Nanos>| json!(nanos.map(Nanos::as_secs));
    let some = (times.count() > 0).then_some(times.max());
    let members = [
        ("count", json!(times.count())),
        ("sum", seconds(Some(times.sum()))),
        ("p50", seconds(times.p50())),
        ("p90", seconds(times.quantile(0.9))),
        ("p99", seconds(times.p99())),
        ("max", seconds(some)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
