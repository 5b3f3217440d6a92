//! Lines on standard input, or keys of a terminal, read without waiting: on
//! Unix systems without a thread either.

use std::io;

use crate::dialog::TurnMode;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Order {
    /// Press the talk key.
    Talk,
    /// Let it go.
    Send,
    /// Press the talk key, or let it go.
    Toggle,
    /// Mute the microphone.
    Mute,
    /// Make it live again.
    Unmute,
    /// One or the other.
    ToggleMute,
    /// Silence the model.
    Stop,
    /// Take turns in this way from now on.
    Mode(TurnMode),
    /// Take turns in the next way.
    NextMode,
    /// Say this to the model in writing.
    Say(String),
    /// End the conversation.
    Quit,
    /// Something else.
    Unknown(String),
}

impl Order {
    fn of(line: &str) -> Option<Self> {
        let line = line.trim();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        Some(match word {
            "" => return None,
            "talk" => Self::Talk,
            "send" => Self::Send,
            "mute" => Self::Mute,
            "unmute" => Self::Unmute,
            "stop" => Self::Stop,
            "mode" => match TurnMode::of_name(rest.trim()) {
                Some(mode) => Self::Mode(mode),
                None => Self::Unknown(line.to_owned()),
            },
            "say" => Self::Say(rest.trim().to_owned()),
            "quit" | "q" => Self::Quit,
            _ => Self::Unknown(line.to_owned()),
        })
    }

    fn of_key(key: u8) -> Option<Self> {
        Some(match key {
            b' ' => Self::Toggle,
            b'm' => Self::ToggleMute,
            b's' => Self::Stop,
            b't' => Self::NextMode,
            b'q' | END_OF_INPUT => Self::Quit,
            _ => return None,
        })
    }
}

/// Ctrl-D, and what begins an arrow key.
const END_OF_INPUT: u8 = 4;
const ESCAPE: u8 = 27;

/// A line may be so long; the rest of a longer one is dropped.
const LINE_BYTES_MAX: usize = 16_384;

/// Standard input, as far as it has come.
#[derive(Debug, Default)]
pub(in crate::cli) struct Orders {
    pending: Vec<u8>,
    ended: bool,
    keys: bool,
    input: Input,
}

impl Orders {
    /// Orders by keys.
    pub(in crate::cli) fn by_keys() -> Self {
        Self { keys: true, ..Self::default() }
    }

    /// The next order, if a key or a whole line is there.
    pub(in crate::cli) fn next(&mut self) -> Option<Order> {
        if self.keys {
            return self.next_key();
        }
        loop {
            if let Some(end) = self.pending.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                match Order::of(&String::from_utf8_lossy(&line)) {
                    Some(order) => return Some(order),
                    None => continue,
                }
            }
            if self.ended || !self.read() {
                return None;
            }
        }
    }

    /// Whether to end is among what waits; the rest of it is forgotten.
    pub(in crate::cli) fn take_quit(&mut self) -> bool {
        std::iter::from_fn(|| self.next()).any(|order| order == Order::Quit)
    }

    fn next_key(&mut self) -> Option<Order> {
        loop {
            while !self.pending.is_empty() {
                let key = self.pending.remove(0);
                if key == ESCAPE {
                    // The rest of what came with it belongs to it.
                    self.pending.clear();
                }
                if let Some(order) = Order::of_key(key) {
                    return Some(order);
                }
            }
            if self.ended || !self.read() {
                return None;
            }
        }
    }

    /// Reads what is there; `false` where nothing is.
    fn read(&mut self) -> bool {
        let mut bytes = [0u8; 1_024];
        match self.input.read(&mut bytes) {
            Ok(None) => false,
            Ok(Some(0)) | Err(_) => {
                self.ended = true;
                false
            }
            Ok(Some(count)) => {
                let room = LINE_BYTES_MAX.saturating_sub(self.pending.len());
                self.pending.extend_from_slice(&bytes[..count.min(room)]);
                if room == 0 {
                    self.pending.clear();
                }
                true
            }
        }
    }
}

/// Standard input.
#[cfg(unix)]
#[derive(Debug, Default)]
struct Input;

#[cfg(unix)]
impl Input {
    /// What is there now; `None` where it would have to be waited for.
    #[allow(clippy::unused_self)] // Elsewhere it is a thread's.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        if !super::terminal::is_foreground() {
            return Ok(None);
        }
        let stdin = io::stdin();
        let mut wanted = [PollFd::new(&stdin, PollFlags::IN)];
        if poll(&mut wanted, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0 {
            return Ok(None);
        }
        Ok(Some(rustix::io::read(&stdin, bytes)?))
    }
}

/// Standard input, which only a thread can wait for: it ends with the program.
#[cfg(not(unix))]
#[derive(Debug, Default)]
struct Input(Option<std::sync::mpsc::Receiver<u8>>);

#[cfg(not(unix))]
impl Input {
    #[allow(clippy::unnecessary_wraps)] // As the other one.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        use std::{
            io::Read,
            sync::mpsc::{TryRecvError, sync_channel},
            thread,
        };
        let input = self.0.get_or_insert_with(|| {
            let (sender, input) = sync_channel(LINE_BYTES_MAX);
            // Refused, it leaves an input that has ended.
            let _ = thread::Builder::new().name("chinwag-input".to_owned()).spawn(move || {
                let mut bytes = io::stdin().lock().bytes();
                while bytes.next().is_some_and(|b| b.is_ok_and(|b| sender.send(b).is_ok())) {}
            });
            input
        });
        match input.try_recv() {
            Ok(byte) => {
                bytes[0] = byte;
                Ok(Some(1))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Ok(Some(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(text: &str) -> Vec<Order> {
        let pending = text.as_bytes().to_vec();
        let mut orders = Orders { pending, ended: true, ..Orders::default() };
        std::iter::from_fn(|| orders.next()).collect()
    }

    #[test]
    fn each_whole_line_is_an_order() {
        let say = Order::Say("hello there".to_owned());
        assert_eq!(orders("talk\n\n send \nsay  hello there\nq"), [Order::Talk, Order::Send, say]);
        assert_eq!(orders("dance\n"), [Order::Unknown("dance".to_owned())]);
        assert_eq!(orders("mute\nunmute\nquit\n"), [Order::Mute, Order::Unmute, Order::Quit]);
        assert_eq!(orders("stop\n"), [Order::Stop]);
        assert_eq!(orders("mode push-to-talk\n"), [Order::Mode(TurnMode::PushToTalk)]);
        assert_eq!(orders("mode cleint\n"), [Order::Unknown("mode cleint".to_owned())]);
    }

    #[test]
    fn keys_need_no_line_and_an_arrow_is_none() {
        let keys = |text: &str| {
            let pending = text.as_bytes().to_vec();
            let mut orders = Orders { pending, ended: true, ..Orders::by_keys() };
            std::iter::from_fn(|| orders.next()).collect::<Vec<_>>()
        };
        assert_eq!(keys(" mxs"), [Order::Toggle, Order::ToggleMute, Order::Stop]);
        assert_eq!(keys("t"), [Order::NextMode]);
        assert_eq!(keys("q\u{4}"), [Order::Quit, Order::Quit]);
        assert_eq!(keys("m\u{1b}[1;5q"), [Order::ToggleMute]);
    }
}
