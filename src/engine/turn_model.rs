//! A model of one's own that says whether a turn is over, on a thread where it
//! may take its time. None is shipped.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::worker_thread::ThreadWaker;
use crate::{
    audio::Doorbell,
    duplex::{
        Opinion,
        opinion::{OpinionGauges, opinion},
    },
};

/// How often what was heard is taken while nothing is asked.
const LOOK: Duration = Duration::from_secs(1);
/// How long a model may go on with an answer that nobody wants any more.
const PATIENCE: Duration = Duration::from_millis(250);

/// Says whether the user has finished, by more than how it sounds: by words.
///
/// It is asked once in each pause of the user's, on a thread of its own, and
/// moves the wait of `turn.endpoint = "adaptive"` from what the signal told
/// towards `hangover_min_ms` or `hangover_max_ms`; in the turn modes `client`
/// and `hybrid`, in which we end turns. It may take as long as it
/// likes: nobody waits for it, and an answer after the pause counts for nothing.
/// Its word is told as [`NoteKind::WaitChanged`](crate::audio::NoteKind) with
/// the reason `model`.
///
/// When an answer comes depends on the machine, so a talk with a model is not
/// replayed decision by decision: `chinwag replay` has none.
///
/// ```
/// use chinwag::engine::TurnModel;
///
/// /// Whoever was heard for less than two seconds wants to say more.
/// struct ByLength;
///
/// impl TurnModel for ByLength {
///     fn judge(&mut self, audio: &[f32]) -> f32 {
///         if audio.len() < 2 * 16_000 { 0.2 } else { 0.8 }
///     }
/// }
/// # assert_eq!(ByLength.judge(&[0.0; 16_000]), 0.2);
/// ```
///
/// A model that panics is not asked again; one that hangs is left behind when
/// the talk ends. [`Consulted`] tells.
pub trait TurnModel: Send {
    /// How probable it is, from 0 to 1, that the turn is over; .5 and what is
    /// no such number leave the wait as it is. `audio` are the last 8 s at most
    /// of what the capture chain made of the user, at 16 kHz in -1 to 1, up to
    /// the pause that has just begun or a little further.
    fn judge(&mut self, audio: &[f32]) -> f32;
}

/// What became of a turn model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consulted {
    /// Pauses in which it was wanted.
    pub asked: u32,
    /// Answers that came within their pause.
    pub used: u32,
    /// Frames at 16 kHz that it had no time for.
    pub lost_frames: u64,
    /// It panicked.
    pub panicked: bool,
    /// It was still judging at the end; its thread was left behind.
    pub hangs: bool,
}

/// A model at work.
pub(super) struct ModelThread {
    stop: Arc<AtomicBool>,
    ended: Receiver<()>,
    thread: JoinHandle<()>,
    gauges: Arc<OpinionGauges>,
}

impl ModelThread {
    /// Starts the thread; the worker gets the other end.
    pub(super) fn spawn(mut model: Box<dyn TurnModel>) -> std::io::Result<(Self, Opinion)> {
        let waker = ThreadWaker::default();
        let bell = Arc::new(Doorbell::new(waker.clone()));
        let (opinion, mut questions) = opinion(bell.clone());
        let stop = Arc::new(AtomicBool::new(false));
        let (done, ended) = channel::<()>();
        let (stopped, gauges) = (stop.clone(), opinion.gauges());
        let thread = thread::Builder::new().name("chinwag-turn".to_owned()).spawn(move || {
            // Dropped at the end, by a panic too.
            let _done = done;
            waker.wakes_me();
            while !stopped.load(Relaxed) && !questions.is_abandoned() {
                bell.arm();
                if let Some(pause) = questions.next_pause() {
                    bell.disarm();
                    questions.answer(pause, model.judge(questions.recent()));
                } else {
                    thread::park_timeout(LOOK);
                    bell.disarm();
                }
            }
        })?;
        Ok((Self { stop, ended, thread, gauges }, opinion))
    }

    /// What others may see of it.
    pub(super) fn gauges(&self) -> Arc<OpinionGauges> {
        self.gauges.clone()
    }

    /// Ends the thread, unless it hangs.
    pub(super) fn stop(self) -> Consulted {
        self.stop.store(true, Relaxed);
        self.thread.thread().unpark();
        let hangs = self.ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
        Consulted {
            asked: self.gauges.asked(),
            used: self.gauges.used.load(Relaxed),
            lost_frames: self.gauges.lost_frames.load(Relaxed),
            panicked: !hangs && self.thread.join().is_err(),
            hangs,
        }
    }
}
