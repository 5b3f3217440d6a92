//! One connection to a PulseAudio server: commands and their answers, sound,
//! and what the server says by itself. The messages are the `pulseaudio`
//! crate's; its client is not used: it clears 1 MiB before each read, and
//! ignores that a stream ran dry.
//!
//! Runs on: the thread of the stream. Sound and what comes with it never
//! allocate there, nor lock or log; errors, answers and other news may. The
//! socket is waited for.

use std::{
    ffi::CString,
    io::{BufReader, Cursor, Read, Write},
    os::unix::net::UnixStream,
};

use cpal::{Error, ErrorKind};
use pulseaudio::{
    ClientError,
    protocol::{
        self, Command, CommandReply, Descriptor, DescriptorFlags, ProtocolError, TagStructReader,
    },
};

/// Sound comes in parts of at most 64 KiB, a list of ports may be longer.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
const SOUND_BYTES: usize = 1 << 16;

pub(super) struct Wire {
    socket: BufReader<UnixStream>,
    version: u16,
    sequence: u32,
    /// The last message that came; `read_bytes` of it are read.
    message: Vec<u8>,
    read_bytes: usize,
    out: Vec<u8>,
}

/// What came from the server.
pub(super) enum Said {
    /// Sound, which [`Wire::sound`] holds.
    Sound,
    /// So many bytes of sound are wanted.
    Wants(usize),
    /// Our sound came too late.
    RanDry,
    /// The answer to the command of that number.
    Answer(u32),
    Other,
}

impl Wire {
    /// Connects to the server that the environment names, as `chinwag`.
    ///
    /// # Errors
    /// Where there is none or it refuses.
    pub(super) fn connect() -> Result<Self, Error> {
        let path = pulseaudio::socket_path_from_env()
            .ok_or_else(|| Error::new(ErrorKind::HostUnavailable))?;
        let mut wire = Self::over(UnixStream::connect(path).map_err(ClientError::Io)?);
        let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok());
        let auth = protocol::AuthParams {
            version: protocol::MAX_VERSION,
            cookie: cookie.unwrap_or_default(),
            ..Default::default()
        };
        let server: protocol::AuthReply = wire.ask(&Command::Auth(auth))?;
        wire.version = server.version.min(protocol::MAX_VERSION);
        let mut props = protocol::Props::new();
        props.set(protocol::Prop::ApplicationName, c"chinwag");
        if let Ok(id) = CString::new(std::process::id().to_string()) {
            props.set(protocol::Prop::ApplicationProcessId, id);
        }
        let _: protocol::SetClientNameReply = wire.ask(&Command::SetClientName(props))?;
        Ok(wire)
    }

    fn over(socket: UnixStream) -> Self {
        Self {
            socket: BufReader::with_capacity(SOUND_BYTES, socket),
            version: protocol::MAX_VERSION,
            sequence: 0,
            message: Vec::with_capacity(SOUND_BYTES),
            read_bytes: 0,
            out: Vec::with_capacity(SOUND_BYTES),
        }
    }

    /// From now on an answer is waited for no longer than this.
    pub(super) fn limit(&self, patience: std::time::Duration) -> Result<(), Error> {
        let limited = self.socket.get_ref().set_read_timeout(Some(patience));
        Ok(limited.map_err(ClientError::Io)?)
    }

    /// Another handle of the socket, to end it with.
    pub(super) fn handle(&self) -> Result<UnixStream, Error> {
        Ok(self.socket.get_ref().try_clone().map_err(ClientError::Io)?)
    }

    /// Sends a command; its number.
    pub(super) fn send(&mut self, command: &Command) -> Result<u32, Error> {
        self.sequence = self.sequence.wrapping_add(1);
        self.out.clear();
        protocol::encode_command_message(&mut self.out, self.sequence, command, self.version)
            .map_err(ClientError::Protocol)?;
        self.flush()?;
        Ok(self.sequence)
    }

    /// Sends a command and waits for its answer. Nothing else may be expected:
    /// what comes before is dropped.
    pub(super) fn ask<R: CommandReply>(&mut self, command: &Command) -> Result<R, Error> {
        let number = self.send(command)?;
        loop {
            if matches!(self.next()?, Said::Answer(answered) if answered == number) {
                return self.answer();
            }
        }
    }

    /// What the answer that came last holds.
    pub(super) fn answer<R: CommandReply>(&mut self) -> Result<R, Error> {
        let mut rest = &self.message[self.read_bytes..];
        let answer = TagStructReader::new(&mut rest, self.version).read();
        Ok(answer.map_err(ClientError::Protocol)?)
    }

    /// Sends sound to a stream: little-endian floats.
    pub(super) fn put(&mut self, channel: u32, samples: &[f32]) -> Result<(), Error> {
        let head = descriptor(size_of_val(samples) as u32, channel);
        self.out.clear();
        protocol::write_descriptor(&mut self.out, &head).map_err(ClientError::Protocol)?;
        self.out.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.flush()
    }

    /// The sound that came last.
    pub(super) fn sound(&self) -> &[u8] {
        &self.message
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// Where the server or the stream is gone, or a command was refused.
    pub(super) fn next(&mut self) -> Result<Said, Error> {
        let head = protocol::read_descriptor(&mut self.socket).map_err(ClientError::Protocol)?;
        let length = head.length as usize;
        if length > MESSAGE_BYTES_MAX {
            let what = format!("a message of {length} bytes");
            return Err(ClientError::Protocol(ProtocolError::Invalid(what)).into());
        }
        self.message.resize(length, 0);
        self.socket.read_exact(&mut self.message).map_err(ClientError::Io)?;
        if head.channel != u32::MAX {
            return Ok(Said::Sound);
        }
        let mut message = Cursor::new(&self.message[..]);
        let (number, command) = Command::read_tag_prefixed(&mut message, self.version)
            .map_err(ClientError::Protocol)?;
        self.read_bytes = message.position() as usize;
        match command {
            Command::Reply => Ok(Said::Answer(number)),
            Command::Error(error) => Err(ClientError::ServerError(error).into()),
            Command::Request(wanted) => Ok(Said::Wants(wanted.length as usize)),
            Command::Underflow(_) => Ok(Said::RanDry),
            Command::PlaybackStreamKilled(_) | Command::RecordStreamKilled(_) => {
                Err(Error::new(ErrorKind::DeviceNotAvailable))
            }
            _ => Ok(Said::Other),
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(self.socket.get_mut().write_all(&self.out).map_err(ClientError::Io)?)
    }
}

fn descriptor(length: u32, channel: u32) -> Descriptor {
    Descriptor { length, channel, offset: 0, flags: DescriptorFlags::empty() }
}

#[cfg(test)]
mod tests {
    use protocol::{Request, Underflow};

    use super::*;

    fn pair() -> (Wire, UnixStream) {
        let (ours, server) = UnixStream::pair().unwrap();
        (Wire::over(ours), server)
    }

    #[test]
    fn a_server_wants_sound_and_tells_that_it_ran_dry_and_that_the_stream_is_gone() {
        let (mut wire, mut server) = pair();
        let mut say = |command| {
            protocol::write_command_message(&mut server, 0, &command, protocol::MAX_VERSION)
        };
        say(Command::Request(Request { channel: 3, length: 1_920 })).unwrap();
        say(Command::Underflow(Underflow { channel: 3, offset: 0 })).unwrap();
        say(Command::PlaybackStreamKilled(3)).unwrap();
        assert!(matches!(wire.next(), Ok(Said::Wants(1_920))));
        assert!(matches!(wire.next(), Ok(Said::RanDry)));
        assert!(wire.next().is_err_and(|e| e.kind() == ErrorKind::DeviceNotAvailable));
    }

    #[test]
    fn sound_goes_and_comes_as_it_is() {
        let (mut wire, server) = pair();
        let mut other = Wire::over(server);
        wire.put(3, &[0.5, -1.0]).unwrap();
        assert!(matches!(other.next(), Ok(Said::Sound)));
        assert_eq!(other.sound(), [0.5_f32.to_le_bytes(), (-1.0_f32).to_le_bytes()].concat());
    }

    #[test]
    fn an_endless_message_and_a_server_that_is_gone_are_errors() {
        let (mut wire, mut server) = pair();
        protocol::write_descriptor(&mut server, &descriptor(u32::MAX, 3)).unwrap();
        assert!(wire.next().is_err_and(|e| e.kind() == ErrorKind::InvalidInput));
        drop(server);
        assert!(wire.next().is_err_and(|e| e.kind() == ErrorKind::StreamInvalidated));
    }
}
