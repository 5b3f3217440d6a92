//! What a server remembers across connections: the sessions, and the handles
//! that resume them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::setup::Closing;

const SESSIONS_MAX: usize = 64;
const HANDLES_MAX: usize = 8;

/// The sessions of one server. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Sessions>>);

#[derive(Debug, Default)]
struct Sessions {
    opened: u64,
    collisions: u64,
    known: VecDeque<Session>,
}

#[derive(Debug)]
struct Session {
    id: u64,
    model: String,
    is_open: bool,
    turns: usize,
    handles: VecDeque<String>,
}

impl Memory {
    /// A server that has met nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets every session, as an expired handle is forgotten.
    pub fn forget(&self) {
        self.sessions().known.clear();
    }

    /// Connections that were ever opened.
    pub fn connections(&self) -> u64 {
        self.sessions().opened
    }

    /// How often a session was to be resumed whose old connection was open.
    pub fn collisions(&self) -> u64 {
        self.sessions().collisions
    }

    /// Counts a connection and returns its ordinal.
    pub(super) fn connect(&self) -> u64 {
        let mut memory = self.sessions();
        memory.opened += 1;
        memory.opened
    }

    /// Begins a session; the oldest beyond 64 is forgotten.
    pub(super) fn begin(&self, id: u64, model: &str) -> Seat {
        let mut memory = self.sessions();
        if memory.known.len() == SESSIONS_MAX {
            memory.known.pop_front();
        }
        let (model, handles) = (model.to_owned(), VecDeque::new());
        memory.known.push_back(Session { id, model, is_open: true, turns: 0, handles });
        Seat { memory: self.clone(), session: id, turns: 0 }
    }

    /// Takes up the session that `handle` stands for.
    ///
    /// # Errors
    /// 1008 where no session has it, 1011 while its old connection is open,
    /// 1007 with another model.
    pub(super) fn resume(&self, handle: &str, model: &str) -> Result<Seat, Closing> {
        let mut memory = self.sessions();
        let Sessions { known: sessions, collisions, .. } = &mut *memory;
        let known = |session: &&mut Session| session.handles.iter().any(|known| known == handle);
        let session = sessions.iter_mut().find(known).ok_or_else(Closing::not_found)?;
        if session.is_open {
            *collisions += 1;
            return Err(Closing::new(1011, "Internal error encountered."));
        }
        if session.model != model {
            return Err(Closing::invalid());
        }
        session.is_open = true;
        Ok(Seat { memory: self.clone(), session: session.id, turns: session.turns })
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's hold on its session; dropped, the session can be resumed.
#[derive(Debug)]
pub(super) struct Seat {
    memory: Memory,
    session: u64,
    /// Turns that were finished when the session was left.
    pub turns: usize,
}

impl Seat {
    /// From now on `handle` resumes the session after `turns` turns.
    pub(super) fn remember(&self, handle: String, turns: usize) {
        let mut memory = self.memory.sessions();
        let mine = memory.known.iter_mut().find(|session| session.id == self.session);
        let Some(session) = mine else { return };
        session.turns = turns;
        if session.handles.len() == HANDLES_MAX {
            session.handles.pop_front();
        }
        session.handles.push_back(handle);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut memory = self.memory.sessions();
        for session in &mut memory.known {
            session.is_open &= session.id != self.session;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_resumed_where_it_was_left_once_its_connection_is_gone() {
        let memory = Memory::new();
        let seat = memory.begin(memory.connect(), "m");
        seat.remember("h".to_owned(), 3);
        assert_eq!(memory.resume("h", "m").unwrap_err().code, 1011);
        assert_eq!((memory.collisions(), memory.connections()), (1, 1));
        drop(seat);
        assert_eq!(memory.resume("h", "other").unwrap_err().code, 1007);
        assert_eq!(memory.resume("h", "m").unwrap().turns, 3);
        assert_eq!(memory.resume("x", "m").unwrap_err().code, 1008);
        memory.forget();
        assert_eq!(memory.resume("h", "m").unwrap_err().code, 1008);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let memory = Memory::new();
        for n in 0..2 * SESSIONS_MAX {
            let seat = memory.begin(memory.connect(), "m");
            (0..2 * HANDLES_MAX).for_each(|h| seat.remember(format!("{n}-{h}"), 0));
        }
        let sessions = memory.sessions();
        assert_eq!(sessions.known.len(), SESSIONS_MAX);
        assert!(sessions.known.iter().all(|session| session.handles.len() == HANDLES_MAX));
    }
}
