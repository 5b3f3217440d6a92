//! One dial with the time of each stage, for `doctor`.

use std::{io, sync::Arc};

use super::{
    dial::{Dialer, Progress},
    error::{DialError, DialStage},
    poll::{self, Interest},
    waker::Waker,
};
use crate::audio::Nanos;

/// How a dial went.
#[derive(Debug)]
pub struct Probed {
    /// The stages that were passed and how long each took, in order.
    pub stages: Vec<(DialStage, Nanos)>,
    /// The server's `Date`, where it sent one.
    pub date: Option<String>,
    /// What ended it before the upgrade.
    pub error: Option<DialError>,
}

/// Dials once and hangs up. Waits for up to the dialer's timeout.
///
/// # Errors
/// No file descriptor is left.
pub fn probe(dialer: &Dialer, clock: impl Fn() -> Nanos) -> io::Result<Probed> {
    let waker = Arc::new(Waker::new()?);
    let start = clock();
    let mut dial = dialer.dial(start, &waker);
    let error = loop {
        match dial.advance(clock()) {
            Progress::Done(_) => break None,
            Progress::Failed(error) => break Some(error),
            Progress::Pending => {}
        }
        let mut sources = vec![(waker.as_fd(), Interest::READ)];
        sources.extend(dial.sources());
        poll::wait(&sources, Some(dial.next_deadline().since(clock())))?;
        waker.clear();
    };
    let mut before = start;
    let stages = dial.passed().iter().map(|&(stage, at)| {
        let took = at.since(before);
        before = at;
        (stage, took)
    });
    Ok(Probed { stages: stages.collect(), date: dial.date().map(str::to_owned), error })
}
