//! Ends streams on a thread of its own: dropping one whose sound server died
//! was seen never to return. Such a thread is left alone, and counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

/// Ends what is given to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Undertaker {
    unburied: Arc<AtomicU32>,
}

impl Undertaker {
    /// Drops `remains` on a thread, and waits for that up to `patience`.
    pub(super) fn bury<T: Send + 'static>(&self, remains: T, patience: Duration) {
        let (done, ended) = channel::<()>();
        let unburied = self.unburied.clone();
        unburied.fetch_add(1, Relaxed);
        let buried =
            thread::Builder::new().name("chinwag-undertaker".to_owned()).spawn(move || {
                drop(remains);
                unburied.fetch_sub(1, Relaxed);
                drop(done);
            });
        if buried.is_err() {
            // Without a thread it was dropped right here.
            self.unburied.fetch_sub(1, Relaxed);
        } else if ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            // The count says so.
        }
    }

    /// How many have not ended yet.
    pub(super) fn unburied(&self) -> u32 {
        self.unburied.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::Receiver;

    /// Its end waits for a word.
    struct Stuck(Receiver<()>);

    impl Drop for Stuck {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }

    #[test]
    fn what_does_not_end_is_left_behind_and_counted() {
        let undertaker = Undertaker::default();
        undertaker.bury(vec![1], Duration::from_mins(1));
        assert_eq!(undertaker.unburied(), 0);
        let (word, waits) = channel();
        undertaker.bury(Stuck(waits), Duration::ZERO);
        assert_eq!(undertaker.unburied(), 1);
        drop(word);
    }
}
