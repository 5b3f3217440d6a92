//! Lines on standard input, read without a thread and without waiting.

use std::io;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Order {
    /// Press the talk key.
    Talk,
    /// Let it go.
    Send,
    /// Mute the microphone.
    Mute,
    /// Make it live again.
    Unmute,
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
            "say" => Self::Say(rest.trim().to_owned()),
            "quit" | "q" => Self::Quit,
            _ => Self::Unknown(line.to_owned()),
        })
    }
}

/// A line may be so long; the rest of a longer one is dropped.
const LINE_BYTES_MAX: usize = 16_384;

/// Standard input, as far as it has come.
#[derive(Debug, Default)]
pub(in crate::cli) struct Orders {
    pending: Vec<u8>,
    ended: bool,
}

impl Orders {
    /// The next order, if a whole line is there.
    pub(in crate::cli) fn next(&mut self) -> Option<Order> {
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
        let mut orders = Orders { pending: text.as_bytes().to_vec(), ended: true };
        std::iter::from_fn(|| orders.next()).collect()
    }

    #[test]
    fn each_whole_line_is_an_order() {
        let say = Order::Say("hello there".to_owned());
        assert_eq!(orders("talk\n\n send \nsay  hello there\nq"), [Order::Talk, Order::Send, say]);
        assert_eq!(orders("dance\n"), [Order::Unknown("dance".to_owned())]);
        assert_eq!(orders("mute\nunmute\nquit\n"), [Order::Mute, Order::Unmute, Order::Quit]);
    }
}
