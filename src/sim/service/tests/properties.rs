//! What holds whatever a client says.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::{Memory, Nanos, PartSizes, ServiceSettings},
    Call, audio, manual, realtime, scripted, setup, text_turn, vowel,
};

/// What a client of either kind may do.
#[derive(Clone, Debug)]
enum Act {
    Start,
    End,
    StreamEnd,
    Speech(usize),
    Silence(usize),
    Write,
    Content(bool),
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => Just(Act::Start),
        3 => Just(Act::End),
        1 => Just(Act::StreamEnd),
        4 => (1..60usize).prop_map(|n| Act::Speech(10 * n)),
        3 => (1..60usize).prop_map(|n| Act::Silence(10 * n)),
        1 => Just(Act::Write),
        1 => any::<bool>().prop_map(Act::Content),
        4 => (0..1_500u64).prop_map(Act::Wait),
    ];
    prop::collection::vec(act, 0..40)
}

fn perform(call: &mut Call, act: &Act, is_manual: bool) {
    match act {
        Act::Start if is_manual => call.say(realtime("activityStart")),
        Act::End if is_manual => call.say(realtime("activityEnd")),
        Act::StreamEnd => call.say(realtime("audioStreamEnd")),
        Act::Start | Act::End => {}
        Act::Speech(ms) => call.speak(&vowel(*ms)),
        Act::Silence(ms) => call.speak(&vec![0; 16 * ms]),
        Act::Write => call.say(json!({"realtimeInput": {"text": "and"}})),
        Act::Content(true) => call.say(text_turn("so")),
        Act::Content(false) => call.say(json!({"clientContent": {"turnComplete": false}})),
        Act::Wait(ms) => call.run_ms(*ms),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_turn_of_the_user_is_completed_exactly_once(
        acts in acts(),
        is_manual in any::<bool>(),
        interrupts in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut config = if is_manual { manual() } else { json!({"realtimeInputConfig": {}}) };
        if !interrupts {
            config["realtimeInputConfig"]["activityHandling"] = json!("NO_INTERRUPTION");
        }
        let settings = ServiceSettings { seed, parts: PartSizes::Ragged, ..scripted() };
        let mut call = Call::set_up(&settings, config);
        for act in &acts {
            perform(&mut call, act, is_manual);
        }
        call.run_ms(60_000);
        prop_assert_eq!(&call.end, &None);
        let completes =
            call.lines.iter().filter(|line| line.contains("turnComplete")).count() as u64;
        prop_assert_eq!(completes, call.service.heard().turns_total);
        prop_assert_eq!(completes, call.service.heard().turns_completed);
        prop_assert_eq!(call.service.next_deadline(), None, "nothing is left to do");
    }

    #[test]
    fn no_message_whatever_makes_it_panic(messages in prop::collection::vec(
        prop_oneof![any::<Vec<u8>>().boxed(), strange().prop_map(|v| v.to_string().into()).boxed()],
        0..20,
    )) {
        let mut call = Call::open(&scripted(), &Memory::new(), Nanos::ZERO);
        call.say(setup(json!({})));
        for message in messages {
            call.service.receive(call.now, &message);
            call.run_ms(100);
        }
    }

    #[test]
    fn a_seed_gives_the_same_conversation_again(acts in acts(), seed in any::<u64>()) {
        let settings = ServiceSettings { seed, parts: PartSizes::Ragged, ..scripted() };
        let hold = || {
            let mut call = Call::set_up(&settings, json!({"sessionResumption": {}}));
            for act in &acts {
                perform(&mut call, act, false);
            }
            call.run_ms(10_000);
            (call.lines, call.messages)
        };
        prop_assert!(hold() == hold());
    }
}

/// Messages that are nearly right.
fn strange() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "setup",
        "realtimeInput",
        "realtime_input",
        "clientContent",
        "toolResponse",
        "audio",
        "turns",
        "parts",
        "text",
        "data",
        "mimeType",
        "turnComplete",
        "audioStreamEnd",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        "[A-Za-z+/_-]{0,8}={0,2}".prop_map(|s| json!(s)),
        Just(audio(&[1, 2, 3])["realtimeInput"]["audio"].clone()),
    ];
    leaf.prop_recursive(4, 24, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..3).prop_map(|fields| {
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}
