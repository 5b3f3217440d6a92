//! Every order in which two threads may meet in the hand-offs of this layer,
//! tried by loom: `make prove`.

use std::sync::{Arc, atomic::AtomicUsize as Uncounted};

use loom::{model, thread};

use super::{
    Doorbell, Flow, LiveValue, Nanos, Wake,
    atomic::{AtomicUsize, Ordering::Relaxed},
    flow::PLAYOUT_FRAMES,
    histogram::Histogram,
    reply::ReplyId,
    ring::ring,
};

/// Unparks the thread that sleeps.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(&self) {
        self.0.unpark();
    }
}

struct Count(Arc<Uncounted>);

impl Wake for Count {
    fn wake(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_thread_that_armed_its_bell_sees_the_queue_or_is_woken() {
    // The worker's loop. A lost wake would leave it parked for ever, which loom
    // reports as a deadlock.
    model(|| {
        let bell = Arc::new(Doorbell::new(Unpark(thread::current())));
        let queue = Arc::new(AtomicUsize::new(0));
        let ringer = {
            let (bell, queue) = (bell.clone(), queue.clone());
            thread::spawn(move || {
                for _ in 0..2 {
                    queue.fetch_add(1, Relaxed);
                    bell.ring();
                }
            })
        };
        while queue.load(Relaxed) < 2 {
            bell.arm();
            if queue.load(Relaxed) < 2 {
                thread::park();
            }
            bell.disarm();
        }
        ringer.join().unwrap();
    });
}

#[test]
fn two_that_ring_an_armed_bell_wake_its_thread_once() {
    model(|| {
        let wakes = Arc::new(Uncounted::new(0));
        let bell = Arc::new(Doorbell::new(Count(wakes.clone())));
        let queues = [0; 2].map(|n| Arc::new(AtomicUsize::new(n)));
        let ringers = queues.each_ref().map(|queue| {
            let (bell, queue) = (bell.clone(), queue.clone());
            thread::spawn(move || {
                queue.store(1, Relaxed);
                bell.ring()
            })
        });
        bell.arm();
        let seen = queues.each_ref().map(|queue| queue.load(Relaxed));
        let woke = ringers.map(|ringer| ringer.join().unwrap());
        assert!(wakes.load(Relaxed) <= 1, "{woke:?}");
        assert_eq!(woke.iter().filter(|woke| **woke).count(), wakes.load(Relaxed));
        // Whatever was not seen has rung.
        assert!(seen == [1, 1] || wakes.load(Relaxed) == 1, "saw {seen:?}, woke {woke:?}");
    });
}

#[test]
fn the_time_that_a_sleeper_learns_is_that_of_the_ring_that_woke_it() {
    // The first sleep ends by itself, while somebody may be ringing; the second by
    // the first ring that finds the bell armed.
    model(|| {
        let bell = Arc::new(Doorbell::new(Count(Arc::default())));
        let late = {
            let bell = bell.clone();
            thread::spawn(move || bell.ring_at(Nanos(1)))
        };
        bell.arm();
        let first = bell.take_rung_at();
        bell.disarm();
        let first = first.or_else(|| bell.take_rung_at());
        bell.arm();
        let expected = if bell.ring_at(Nanos(2)) { Nanos(2) } else { Nanos(1) };
        assert_eq!(bell.take_rung_at(), Some(expected));
        bell.disarm();
        let rang = late.join().unwrap();
        assert_eq!(rang, first.is_some() || expected == Nanos(1));
        assert_eq!(bell.take_rung_at(), None);
    });
}

#[test]
fn the_link_never_sends_more_than_the_playout_holds() {
    const PART: usize = PLAYOUT_FRAMES / 2 + 1;
    model(|| {
        let (flow, (mut sent, mut heard)) = (Arc::new(Flow::default()), ring::<usize>(4));
        let worker = {
            let flow = flow.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    if let Some(frames) = heard.pop() {
                        // Out of the playout first, and only then released.
                        flow.release(frames);
                    }
                }
                heard
            })
        };
        let mut total = 0usize;
        for _ in 0..3 {
            let part = flow.room(total).min(PART);
            total += part;
            if part > 0 {
                sent.push(part).unwrap();
            }
        }
        let mut heard = worker.join().unwrap();
        let mut held = 0;
        while let Some(frames) = heard.pop() {
            held += frames;
        }
        assert!(held <= PLAYOUT_FRAMES, "{held} frames wait");
        assert_eq!(flow.room(total), PLAYOUT_FRAMES - held);
    });
}

#[test]
fn a_reply_that_was_cut_stays_cut_for_whoever_saw_it() {
    model(|| {
        let flow = Arc::new(Flow::default());
        let worker = {
            let flow = flow.clone();
            thread::spawn(move || (0..2).for_each(|reply| flow.cut(ReplyId(reply))))
        };
        let seen = [0; 2].map(|_| flow.is_cut(ReplyId(0)));
        assert!(!seen[0] || seen[1], "cut, and then not: {seen:?}");
        worker.join().unwrap();
        assert!(flow.is_cut(ReplyId(1)) && !flow.is_cut(ReplyId(2)));
    });
}

#[test]
fn of_a_live_value_only_whole_values_are_seen_and_the_newest_at_last() {
    model(|| {
        let value = LiveValue::new(1.0);
        let control = value.clone();
        let control = thread::spawn(move || {
            control.set(0.5);
            control.set(0.1);
        });
        let order = [1.0, 0.5, 0.1];
        let seen = [0; 2].map(|_| {
            let seen = value.get();
            order.iter().position(|known| *known == seen).expect("a value that was set")
        });
        assert!(seen[0] <= seen[1], "an older value after a newer one");
        control.join().unwrap();
        assert_eq!(value.get(), 0.1);
    });
}

#[test]
fn two_that_record_at_once_lose_no_count_and_no_maximum() {
    // Its buckets alone are a thousand atomics.
    let mut model = loom::model::Builder::new();
    model.max_branches = 20_000;
    model.check(|| {
        let histogram = Arc::new(Histogram::new());
        let other = {
            let histogram = histogram.clone();
            thread::spawn(move || histogram.record(Nanos(9)))
        };
        histogram.record(Nanos(7));
        other.join().unwrap();
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count(), snapshot.max()), (2, Nanos(9)));
    });
}
