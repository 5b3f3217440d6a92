//! Lists that end: a message of 16 MiB holds five million empty parts, which as
//! structures would take a gigabyte.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize,
    de::{Deserializer, Error, SeqAccess, Visitor},
};

/// No message of the service was seen with more than a few items in a list.
pub(super) const ITEMS_MAX: usize = 4_096;

/// A list of at most [`ITEMS_MAX`]; a longer one is a field of a wrong type.
pub(super) fn items<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    from.deserialize_seq(Items(PhantomData))
}

struct Items<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {ITEMS_MAX}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == ITEMS_MAX {
                return Err(A::Error::invalid_length(ITEMS_MAX + 1, &self));
            }
            items.push(item);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{super::*, *};

    #[test]
    fn a_list_is_read_up_to_its_bound_and_a_longer_one_costs_its_field() {
        let parts = |count: usize| {
            let parts = vec!["{}"; count].join(",");
            let text = format!(
                "{{\"serverContent\":{{\"turnComplete\":true,\"modelTurn\":{{\"parts\":[{parts}]}}}}}}"
            );
            let mut spare = Value::Null;
            match read(text.as_bytes(), &mut spare) {
                Reading::Message(message) | Reading::Salvaged(message) => {
                    let content = message.server_content.unwrap();
                    assert_eq!(content.turn_complete, Some(true));
                    content.model_turn.map(|turn| turn.parts.len())
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(parts(ITEMS_MAX), Some(ITEMS_MAX));
        assert_eq!(parts(ITEMS_MAX + 1), None);
    }

    #[test]
    fn a_long_message_that_would_have_to_be_salvaged_is_garbage() {
        let filler = "0,".repeat(SALVAGE_BYTES_MAX / 2);
        let text = format!("{{\"goAway\":7,\"x\":[{filler}0]}}");
        let mut spare = Value::Null;
        assert!(matches!(read(text.as_bytes(), &mut spare), Reading::Garbage));
    }
}
