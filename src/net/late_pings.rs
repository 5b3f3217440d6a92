//! A client's bytes with its pings held back, so that they are answered late,
//! as the real service was seen to do (8 to 30 s): the WebSocket library
//! answers a ping as soon as it reads one.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
};

use crate::audio::Nanos;

const PING: u8 = 0x9;
/// What is read of the stream at once.
const READ_BYTES: usize = 16 << 10;
/// Pings that may wait; further ones come through at once.
const HELD_MAX: usize = 64;

/// A stream whose pings may come later. The frame headers are those of a
/// client: masked, and whole pings are at most 131 bytes.
#[derive(Debug)]
pub(super) struct LatePings<S> {
    stream: S,
    now: Nanos,
    delay: Nanos,
    /// The header of the frame under way, or the whole of it where it is a ping.
    frame: Vec<u8>,
    /// Bytes of that frame that are still to come, its header being complete.
    left: Option<u64>,
    held: VecDeque<(Nanos, Vec<u8>)>,
    ready: VecDeque<u8>,
}

impl<S> LatePings<S> {
    /// From the first frame on.
    pub(super) fn new(stream: S) -> Self {
        let (frame, held, ready) = (Vec::new(), VecDeque::new(), VecDeque::new());
        let (now, delay, left) = (Nanos::ZERO, Nanos::ZERO, None);
        Self { stream, now, delay, frame, left, held, ready }
    }

    /// What time it is, and how late pings come that arrive from now on.
    pub(super) fn set(&mut self, now: Nanos, delay: Nanos) {
        (self.now, self.delay) = (now, delay);
    }

    /// When the next ping is due.
    pub(super) fn next_at(&self) -> Option<Nanos> {
        self.held.front().map(|(at, _)| *at)
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }

    pub(super) fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Lets the pings through that are due, between two frames.
    fn release(&mut self) {
        while self.frame.is_empty()
            && self.left.is_none()
            && self.next_at().is_some_and(|at| at <= self.now)
            && let Some((_, ping)) = self.held.pop_front()
        {
            self.ready.extend(ping);
        }
    }

    fn take(&mut self, byte: u8) {
        if let Some(left) = self.left {
            if self.frame.is_empty() {
                self.ready.push_back(byte);
            } else {
                self.frame.push(byte);
            }
            self.left = Some(left - 1).filter(|left| *left > 0);
        } else {
            self.frame.push(byte);
            let Some(payload) = payload_len(&self.frame) else { return };
            self.left = Some(payload).filter(|left| *left > 0);
            if !self.holds() {
                self.ready.extend(self.frame.drain(..));
            }
        }
        if self.left.is_none() {
            if !self.frame.is_empty() {
                self.held.push_back((self.now + self.delay, std::mem::take(&mut self.frame)));
            }
            self.release();
        }
    }

    /// Whether the frame whose header is complete is a ping to be held back.
    fn holds(&self) -> bool {
        let is_ping = self.frame.first().is_some_and(|first| first & 0x0f == PING);
        is_ping && self.delay > Nanos::ZERO && self.held.len() < HELD_MAX
    }
}

/// How many bytes follow a header, once it is complete.
fn payload_len(header: &[u8]) -> Option<u64> {
    let second = *header.get(1)?;
    let mask_bytes = if second & 0x80 == 0 { 0 } else { 4 };
    let (len, header_bytes) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(header.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(header.get(2..10)?.try_into().ok()?), 10),
        len => (u64::from(len), 2),
    };
    (header.len() >= header_bytes + mask_bytes).then_some(len)
}

impl<S: Read> Read for LatePings<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.release();
        while self.ready.is_empty() {
            let mut bytes = [0; READ_BYTES];
            let count = self.stream.read(&mut bytes)?;
            if count == 0 {
                return Ok(0);
            }
            bytes[..count].iter().for_each(|byte| self.take(*byte));
        }
        self.ready.read(buffer)
    }
}

impl<S: Write> Write for LatePings<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A client's frame of this many bytes.
    fn frame(opcode: u8, len: usize) -> Vec<u8> {
        let mut bytes = vec![0x80 | opcode];
        match len {
            0..126 => bytes.push(0x80 | len as u8),
            126..65_536 => {
                bytes.push(0xfe);
                bytes.extend((len as u16).to_be_bytes());
            }
            _ => {
                bytes.push(0xff);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        bytes.extend([1, 2, 3, 4]);
        // Payloads that look like headers of pings.
        bytes.extend(std::iter::repeat_n(0x89, len));
        bytes
    }

    fn read_all(pings: &mut LatePings<&[u8]>) -> Vec<u8> {
        let mut all = Vec::new();
        pings.read_to_end(&mut all).unwrap();
        all
    }

    #[test]
    fn a_ping_comes_late_and_what_follows_it_does_not_wait() {
        let (ping, text) = (frame(PING, 5), frame(1, 200));
        let wire = [&text[..], &ping, &text].concat();
        let mut late = LatePings::new(&wire[..]);
        late.set(Nanos::from_secs(1), Nanos::from_secs(30));
        assert_eq!(read_all(&mut late), [&text[..], &text].concat());
        assert_eq!(late.next_at(), Some(Nanos::from_secs(31)));
        late.set(Nanos::from_secs(30), Nanos::from_secs(30));
        assert!(read_all(&mut late).is_empty());
        late.set(Nanos::from_secs(31), Nanos::from_secs(30));
        assert_eq!(read_all(&mut late), ping);
        assert_eq!(late.next_at(), None);
    }

    #[test]
    fn pings_that_are_many_come_through() {
        let wire = frame(PING, 0).repeat(1_000);
        let mut late = LatePings::new(&wire[..]);
        late.set(Nanos::ZERO, Nanos::from_secs(30));
        assert_eq!(read_all(&mut late).len(), wire.len() - HELD_MAX * 6);
    }

    proptest! {
        #[test]
        fn nothing_changes_where_nothing_is_late(
            frames in prop::collection::vec((0u8..16, prop_oneof![0..300usize, 65_000..66_000usize]), 0..8),
        ) {
            let wire: Vec<u8> = frames.iter().flat_map(|(opcode, len)| frame(*opcode, *len)).collect();
            prop_assert_eq!(read_all(&mut LatePings::new(&wire[..])), wire);
        }
    }
}
