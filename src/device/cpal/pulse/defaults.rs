//! Whether the server still has a source or sink, and what it calls its
//! defaults: it moves streams from one to another without a word.
//!
//! Runs on: set-up, and the thread that holds the devices.

use std::{ffi::CStr, time::Duration};

use cpal::Error;
use pulseaudio::protocol::{self, Command, ServerInfo};

use super::{MONITOR, c_name, wire::Wire};
use crate::device::{Direction, Whereabouts};

/// A server that takes longer for an answer has other troubles.
const PATIENCE: Duration = Duration::from_secs(1);

/// A connection to ask over, made when it is needed.
#[derive(Default)]
pub(in super::super) struct Defaults {
    wire: Option<Wire>,
}

impl Defaults {
    /// Where the device is that was opened, as the default where it `follows`
    /// that. A server that does not answer says nothing.
    pub(in super::super) fn look_for(
        &mut self,
        side: Direction,
        opened: &str,
        follows: bool,
    ) -> Whereabouts {
        let found = self.ask(side, opened, follows);
        if found.is_err() {
            self.wire = None;
        }
        found.unwrap_or_default()
    }

    fn ask(&mut self, side: Direction, opened: &str, follows: bool) -> Result<Whereabouts, Error> {
        if self.wire.is_none() {
            let wire = Wire::connect()?;
            wire.limit(PATIENCE)?;
            self.wire = Some(wire);
        }
        let Some(wire) = &mut self.wire else { return Ok(Whereabouts::Here) };
        let name = Some(c_name(opened)?);
        let is_there = match side {
            Direction::Input => {
                let source = protocol::GetSourceInfo { index: None, name };
                wire.ask::<protocol::SourceInfo>(&Command::GetSourceInfo(source)).is_ok()
            }
            Direction::Output => {
                let sink = protocol::GetSinkInfo { index: None, name };
                wire.ask::<protocol::SinkInfo>(&Command::GetSinkInfo(sink)).is_ok()
            }
        };
        // A server that is gone, or will not answer, fails here too.
        let info: ServerInfo = wire.ask(&Command::GetServerInfo)?;
        let default = match side {
            Direction::Input => info.default_source_name,
            Direction::Output => info.default_sink_name,
        };
        let default = default.as_deref().map(CStr::to_bytes).unwrap_or_default();
        let is_other = !default.is_empty() && default != opened.as_bytes();
        let is_speaker = side == Direction::Input && default.ends_with(MONITOR.as_bytes());
        Ok(match is_there {
            _ if follows && is_other && !is_speaker => Whereabouts::Moved,
            true => Whereabouts::Here,
            false => Whereabouts::Gone,
        })
    }
}
