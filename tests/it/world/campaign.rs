//! Conversations of a minute, drawn from seeds, in any weather: every promise
//! is kept at every step, and at the end the world comes to rest.
//!
//! `make campaign` holds as many as fit into five minutes, `make soak` a given
//! number; what fails says how to hold it again.

mod drawn;
mod marks;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use self::drawn::{Conversation, Kind, LENGTH, loses_words};
use super::*;

/// Steps from the last words until nothing is under way: a minute of them, at
/// the most callbacks that are drawn.
const SETTLE_STEPS_MAX: u64 = 400_000;
/// Failures after which nobody needs more.
const FAILURES_MAX: usize = 8;
/// How many conversations go by from one sign of life to the next.
const PROGRESS: u64 = 1_000;

/// What came of a conversation.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    turns: u64,
    connections: u64,
    settle_steps: u64,
}

/// Holds a conversation; panics where a promise is broken.
fn hold(conversation: Conversation) -> Outcome {
    let drawn = conversation.draw();
    let mut world = World::new(drawn.settings).unwrap();
    for (from, to) in drawn.talks {
        world.at(from, |world| world.talk(true));
        world.at(to, |world| world.talk(false));
    }
    for (at, mode) in drawn.modes {
        // In half duplex some modes do not go with what cuts a reply.
        world.at(at, move |world| _ = world.change_mode(mode));
    }
    world.suffer(&drawn.weather);
    world.run_until(LENGTH);
    let what = &drawn.what;
    assert_eq!(world.gave_up(), None, "{what}\n{}", last_lines(&world));
    let settled = world.settle(SETTLE_STEPS_MAX);
    let settle_steps =
        settled.unwrap_or_else(|why| panic!("{what}\n{why}\n{}", last_lines(&world)));
    world.finish();
    if !drawn.weather.troubles().iter().any(|(_, trouble)| trouble.loses_microphone()) {
        let heard = world.gauges().heard_frames.load(Relaxed) as u64;
        assert_eq!(heard, world.captured_frames(), "captured and heard: {what}");
    }
    let turns = world.turns_completed();
    if !loses_words(&drawn.weather) {
        assert!(turns > 0, "nobody answered: {what}\n{}", last_lines(&world));
    }
    Outcome { turns, connections: world.link_counters().session.connections, settle_steps }
}

fn last_lines(world: &World) -> String {
    let text = world.transcript().to_string();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// Conversations of both kinds in turn, from this seed on.
fn nth(first: u64, n: u64) -> Conversation {
    let kind = if n.is_multiple_of(2) { Kind::Chain } else { Kind::Scripted };
    Conversation { kind, seed: first + n / 2 }
}

/// Holds one conversation after the other on every core, as long as `goes_on`
/// says so of the next one's number.
fn campaign(first: u64, goes_on: impl Fn(u64) -> bool + Sync) {
    let (next, failed) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let held = Mutex::new([(0, Outcome::default()); 2]);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        loop {
            let n = next.fetch_add(1, Relaxed);
            if !goes_on(n) || failed.lock().unwrap().len() >= FAILURES_MAX {
                return;
            }
            let conversation = nth(first, n);
            if let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| hold(conversation))) {
                let (count, all) = &mut held.lock().unwrap()[(n % 2) as usize];
                *count += 1;
                all.turns += outcome.turns;
                all.connections += outcome.connections;
                all.settle_steps = all.settle_steps.max(outcome.settle_steps);
            } else {
                println!("broken: make replay CONVERSATION={conversation}");
                failed.lock().unwrap().push(conversation);
            }
            if (n + 1).is_multiple_of(PROGRESS) {
                println!("{} conversations begun", n + 1);
            }
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
    for ((count, all), kind) in held.into_inner().unwrap().iter().zip(["chain", "scripted"]) {
        println!(
            "{kind}: {count} conversations of {} s, {} turns, {} connections; at rest within {} steps",
            LENGTH.as_secs(),
            all.turns,
            all.connections,
            all.settle_steps
        );
    }
    let failed = failed.into_inner().unwrap();
    let replays: Vec<String> =
        failed.iter().map(|it| format!("make replay CONVERSATION={it}")).collect();
    assert!(failed.is_empty(), "promises were broken; to see it again:\n{}", replays.join("\n"));
}

/// A whole number from the environment.
fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

#[test]
fn twenty_conversations_in_any_weather_keep_every_promise() {
    campaign(0, |n| n < 20);
}

#[test]
#[ignore = "takes as long as CHINWAG_SECS or CHINWAG_SEEDS say: make campaign, make soak"]
fn a_campaign() {
    let first = number("CHINWAG_FIRST_SEED").unwrap_or(1_000);
    let begun = Instant::now();
    let time = number("CHINWAG_SECS").map(Duration::from_secs);
    let count = number("CHINWAG_SEEDS").map(|seeds| 2 * seeds);
    assert!(time.is_some() || count.is_some(), "set CHINWAG_SECS or CHINWAG_SEEDS");
    let goes_on = |n| count.is_none_or(|count| n < count);
    campaign(first, |n| goes_on(n) && time.is_none_or(|time| begun.elapsed() < time));
}

#[test]
#[ignore = "holds the conversation of CHINWAG_CONVERSATION: make replay"]
fn one_conversation() {
    let name = env::var("CHINWAG_CONVERSATION").expect("CHINWAG_CONVERSATION=chain:17");
    let conversation: Conversation = name.parse().unwrap();
    println!("{}", conversation.draw().what);
    println!("{:?}", hold(conversation));
}
