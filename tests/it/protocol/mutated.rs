//! Broken messages: they cost nothing but themselves.

use chinwag::{audio::Nanos, protocol::SessionSettings};

use serde_json::Value;

use super::{
    brief::{events, ready},
    json_lines,
};

/// Marsaglia's xorshift: the same mutations on every machine.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}

fn examples() -> Vec<Vec<u8>> {
    json_lines(include_str!("../../data/protocol/server_examples.jsonl"))
        .iter()
        .filter_map(|line| match &line["wire"] {
            Value::Null => line["wire_raw"].as_str().map(|raw| raw.as_bytes().to_vec()),
            wire => Some(wire.to_string().into_bytes()),
        })
        .collect()
}

/// Puts a random piece of one example in the place of a random piece of another.
fn graft(examples: &[Vec<u8>], random: &mut Xorshift) -> Option<Vec<u8>> {
    let mut pick = || serde_json::from_slice(&examples[random.below(examples.len())]).ok();
    let (mut into, mut from): (Value, Value) = (pick()?, pick()?);
    let piece = descend(&mut from, random).take();
    *descend(&mut into, random) = piece;
    Some(into.to_string().into_bytes())
}

fn descend<'a>(value: &'a mut Value, random: &mut Xorshift) -> &'a mut Value {
    let depth = random.below(6);
    (0..depth).fold(value, |value, _| {
        let children =
            value.as_object().map(serde_json::Map::len).or(value.as_array().map(Vec::len));
        let at = random.below(children.unwrap_or(0));
        match (children, value) {
            (Some(1..), Value::Object(fields)) => fields.values_mut().nth(at).expect("in range"),
            (Some(1..), Value::Array(items)) => &mut items[at],
            (_, value) => value,
        }
    })
}

fn mutate(examples: &[Vec<u8>], random: &mut Xorshift) -> Vec<u8> {
    if random.below(2) == 0
        && let Some(grafted) = graft(examples, random)
    {
        return grafted;
    }
    let mut bytes = examples[random.below(examples.len())].clone();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            2 if !bytes.is_empty() => bytes[at] = random.below(256) as u8,
            3 => {
                let other = &examples[random.below(examples.len())];
                bytes.truncate(at);
                bytes.extend_from_slice(&other[random.below(other.len())..]);
            }
            _ => {
                let (from, to) = (at, at + random.below(bytes.len() - at.min(bytes.len())));
                let piece = bytes[from.min(bytes.len())..to.min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

#[test]
fn after_each_of_1000_broken_messages_a_good_one_is_understood() {
    let examples = examples();
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    let mut session = ready(SessionSettings::default());
    let mut out = String::new();
    for round in 0..1_000u64 {
        let broken = mutate(&examples, &mut random);
        let now = Nanos::from_ms(round);
        session.receive(now, &broken);
        session.receive(now, br#"{"serverContent":{"turnComplete":true}}"#);
        events(&mut session);
        while session.poll_transmit(&mut out) {
            serde_json::from_str::<Value>(&out).unwrap();
        }
        session.receive(
            now,
            br#"{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"data":"AQACAA=="}}]}}}"#,
        );
        let heard = events(&mut session);
        assert_eq!(heard.len(), 1, "after {:?}", String::from_utf8_lossy(&broken));
        assert!(heard[0].ends_with(" [1, 2] 24000"), "{heard:?}");
    }
    let counters = session.counters();
    assert_eq!(counters.messages, 3_001);
    assert!(counters.garbage_messages > 100, "{counters:?}");
    assert!(counters.unknown_messages > 10, "{counters:?}");
    assert!(counters.salvaged_messages > 10, "{counters:?}");
}

#[test]
fn a_field_of_the_wrong_type_costs_that_field_only() {
    for (broken, expected) in [
        (r#"{"serverContent":{"turnComplete":true,"interrupted":"yes"}}"#, "turn 0"),
        (r#"{"serverContent":{"turnComplete":true},"goAway":7}"#, "turn 0"),
        (r#"{"serverContent":{"turnComplete":true,"turn_complete":true}}"#, "turn 0"),
        (
            r#"{"serverContent":{"modelTurn":{"parts":[3,{"inlineData":9},{"text":"x"}]}}}"#,
            "text 0 x",
        ),
        (r#"{"serverContent":{"modelTurn":5,"turnComplete":true}}"#, "turn 0"),
        (r#"{"toolCall":{"functionCalls":[1,{"id":2},{"id":"a","name":"f"}]}}"#, "call f a"),
        (
            r#"{"usageMetadata":{"totalTokenCount":[]},"goAway":{"timeLeft":"1s"}}"#,
            "going away 1000",
        ),
    ] {
        let mut session = ready(SessionSettings::default());
        session.receive(Nanos::ZERO, broken.as_bytes());
        assert_eq!(events(&mut session), [expected], "{broken}");
        assert_eq!(session.counters().salvaged_messages, 1, "{broken}");
    }
}

#[test]
fn deep_nesting_and_huge_numbers_are_garbage_and_no_more() {
    let mut session = ready(SessionSettings::default());
    let deep = format!("{{\"serverContent\":{}", "[".repeat(100_000));
    for broken in [deep.as_str(), r#"{"goAway":{"timeLeft":1e999}}"#, "{\"a\":\"\u{0}\"}", "{}{}"] {
        session.receive(Nanos::ZERO, broken.as_bytes());
        assert!(events(&mut session).is_empty());
    }
    assert_eq!(session.counters().garbage_messages, 4);
}
