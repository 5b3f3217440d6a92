//! Lines on standard input, or keys of a terminal, read without a thread and
//! without waiting.

use std::io;

use super::terminal::is_foreground;

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
        match read_stdin(&mut bytes) {
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

/// What standard input has now; `None` where it would have to be waited for.
#[cfg(unix)]
fn read_stdin(bytes: &mut [u8]) -> io::Result<Option<usize>> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    if !is_foreground() {
        return Ok(None);
    }
    let stdin = io::stdin();
    let mut wanted = [PollFd::new(&stdin, PollFlags::IN)];
    if poll(&mut wanted, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0 {
        return Ok(None);
    }
    Ok(Some(rustix::io::read(&stdin, bytes)?))
}

/// What standard input has now: nothing, where it cannot be looked at.
#[cfg(not(unix))]
fn read_stdin(_bytes: &mut [u8]) -> io::Result<Option<usize>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(text: &str) -> Vec<Order> {
        let mut orders = Orders { pending: text.as_bytes().to_vec(), ended: true, keys: false };
        std::iter::from_fn(|| orders.next()).collect()
    }

    #[test]
    fn each_whole_line_is_an_order() {
        let say = Order::Say("hello there".to_owned());
        assert_eq!(orders("talk\n\n send \nsay  hello there\nq"), [Order::Talk, Order::Send, say]);
        assert_eq!(orders("dance\n"), [Order::Unknown("dance".to_owned())]);
        assert_eq!(orders("mute\nunmute\nquit\n"), [Order::Mute, Order::Unmute, Order::Quit]);
        assert_eq!(orders("stop\n"), [Order::Stop]);
    }

    #[test]
    fn keys_need_no_line_and_an_arrow_is_none() {
        let keys = |text: &str| {
            let pending = text.as_bytes().to_vec();
            let mut orders = Orders { pending, ended: true, keys: true };
            std::iter::from_fn(|| orders.next()).collect::<Vec<_>>()
        };
        assert_eq!(keys(" mxs"), [Order::Toggle, Order::ToggleMute, Order::Stop]);
        assert_eq!(keys("q\u{4}"), [Order::Quit, Order::Quit]);
        assert_eq!(keys("m\u{1b}[1;5q"), [Order::ToggleMute]);
    }
}
