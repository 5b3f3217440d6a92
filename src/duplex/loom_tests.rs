//! Every order in which callbacks, worker and others may meet in the hand-offs
//! of this layer, tried by loom: `make prove`. An operation of a ring is one
//! step there.

use std::sync::{Arc, atomic::AtomicUsize as Uncounted};

use loom::{model, model::Builder, thread};

use super::{
    frames::{Taken, frames},
    gauges::{LevelGauge, ModeWish},
    opinion, render,
};
use crate::audio::{Doorbell, Nanos, NoteKind, Rate, TurnMode, Wait, atomic::Ordering::Relaxed};

fn bell() -> Arc<Doorbell> {
    Arc::new(Doorbell::unanswered())
}

/// A callback makes many steps: two switches between the threads at any of
/// them, instead of all.
fn bounded(body: impl Fn() + Sync + Send + 'static) {
    let mut model = Builder::new();
    (model.preemption_bound, model.max_branches) = (Some(2), 10_000);
    model.check(body);
}

const OLD: f32 = 0.5;
const NEW: f32 = 0.25;

#[test]
fn a_cut_silences_what_was_pushed_before_it_and_nothing_after() {
    bounded(|| {
        let (mut half, mut end) = render(Rate::DOWNLINK, 0.0, bell());
        // As much as the callback takes, so that it never runs dry and fades.
        end.push(&[OLD; 8]);
        let callback = thread::spawn(move || {
            let mut out = [0.0f32; 8];
            for part in out.chunks_mut(4) {
                half.process(part, 1, Nanos::ZERO, 0);
            }
            (half, out.to_vec())
        });
        end.cut();
        end.push(&[NEW; 3]);
        let (mut half, mut heard) = callback.join().unwrap();
        let before = heard.iter().filter(|sample| **sample == OLD).count();
        let mut rest = [0.0f32; 8];
        half.process(&mut rest, 1, Nanos::ZERO, 0);
        heard.extend(rest);
        let news: Vec<usize> = (0..heard.len()).filter(|i| heard[*i] == NEW).collect();
        assert_eq!(news.len(), 3, "the next reply is whole: {heard:?}");
        assert_eq!(news[2] - news[0], 2, "and in one piece: {heard:?}");
        let after = heard.iter().skip(news[0]).filter(|sample| **sample == OLD).count();
        assert_eq!(after, 0, "nothing of the old one after it: {heard:?}");
        assert!(before <= 8 && end.played() == 11, "{} played", end.played());
    });
}

#[test]
fn a_reply_is_not_called_heard_before_it_was() {
    bounded(|| {
        let (mut half, mut end) = render(Rate::DOWNLINK, 0.0, bell());
        let position = end.push(&[OLD; 4]);
        let begun = Arc::new(Uncounted::new(0));
        let callback = {
            let begun = begun.clone();
            thread::spawn(move || {
                for _ in 0..3 {
                    begun.fetch_add(1, Relaxed);
                    half.process(&mut [0.0f32; 4], 1, Nanos::ZERO, 4);
                }
            })
        };
        // Four frames, and a latency of four: when the device asks for a third
        // block, they have been heard.
        for _ in 0..2 {
            let (is_heard, begun) = (end.is_heard(position, 4), begun.load(Relaxed));
            assert!(!is_heard || begun == 3, "in callback {begun}");
        }
        callback.join().unwrap();
        assert!(end.is_heard(position, 4));
    });
}

#[test]
fn frames_and_the_gaps_between_them_come_in_order() {
    bounded(|| {
        let (mut callback, mut worker) = frames(2);
        let thread = thread::spawn(move || {
            for period in 0..3u8 {
                let admitted = callback.admit(2);
                callback.push(&[f32::from(period); 2][..admitted]);
            }
            callback
        });
        let mut heard = Vec::new();
        let mut take = |worker: &mut super::frames::FramesOut| {
            let mut out = [0.0f32; 4];
            match worker.take(&mut out) {
                Taken::Frames(count) => heard.extend(out[..count].iter().map(|s| Some(*s))),
                Taken::Gap(count) => {
                    heard.extend((0..count).map(|_| None));
                    worker.pass(count);
                }
                Taken::Nothing => return false,
            }
            true
        };
        for _ in 0..2 {
            take(&mut worker);
        }
        let mut callback = thread.join().unwrap();
        while take(&mut worker) {}
        // What is still missing is told with the next frame.
        let admitted = callback.admit(2);
        callback.push(&[3.0; 2][..admitted]);
        while take(&mut worker) {}
        let place = |at: usize| Some((at / 2) as f32);
        assert_eq!(heard.len(), 8, "{heard:?}");
        let wrong = (0..8).find(|at| heard[*at].is_some() && heard[*at] != place(*at));
        assert_eq!(wrong, None, "a frame out of its place: {heard:?}");
    });
}

const PAUSE: NoteKind = NoteKind::SpeechOff(Wait { ms: 0, reasons_ms: [0; 10] });

#[test]
fn an_opinion_never_counts_in_another_pause() {
    bounded(|| {
        let (mut opinion, mut questions) = opinion(bell());
        opinion.follow(PAUSE);
        let model = thread::spawn(move || {
            // The answer is the number of the pause it is about.
            if let Some(pause) = questions.next_pause() {
                questions.answer(pause, pause as f32);
            }
        });
        let mut taken = Vec::from_iter(opinion.take().map(|answer| (1.0, answer)));
        opinion.follow(NoteKind::SpeechOn);
        assert_eq!(opinion.take(), None, "no pause goes on");
        opinion.follow(PAUSE);
        taken.extend(opinion.take().map(|answer| (3.0, answer)));
        model.join().unwrap();
        taken.extend(opinion.take().map(|answer| (3.0, answer)));
        assert!(taken.len() <= 1, "one answer counted twice: {taken:?}");
        assert!(taken.iter().all(|(pause, answer)| pause == answer), "{taken:?}");
    });
}

#[test]
fn of_two_wishes_the_newest_is_taken_last_and_none_twice() {
    model(|| {
        let wish = Arc::new(ModeWish::default());
        let control = {
            let wish = wish.clone();
            thread::spawn(move || {
                wish.ask(TurnMode::Server);
                wish.ask(TurnMode::Hybrid);
            })
        };
        let mut taken: Vec<TurnMode> = [0; 2].iter().filter_map(|_| wish.take()).collect();
        control.join().unwrap();
        taken.extend(wish.take());
        assert!(
            taken == [TurnMode::Hybrid] || taken == [TurnMode::Server, TurnMode::Hybrid],
            "{taken:?}"
        );
    });
}

#[test]
fn the_loudest_block_is_shown_once_whenever_somebody_looks() {
    model(|| {
        let gauge = Arc::new(LevelGauge::default());
        let worker = {
            let gauge = gauge.clone();
            thread::spawn(move || [0.1, 1.0, 0.01].map(|amplitude| gauge.raise(amplitude)))
        };
        let mut seen: Vec<f32> = [0; 2].iter().filter_map(|_| gauge.take()).map(|l| l.0).collect();
        worker.join().unwrap();
        seen.extend(gauge.take().map(|level| level.0));
        assert_eq!(seen.iter().filter(|level| level.abs() < 1e-3).count(), 1, "{seen:?}");
    });
}
