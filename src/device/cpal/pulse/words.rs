//! Why a PulseAudio that runs cannot be used, in words with the next step.

use std::{io, path::Path};

use cpal::{Error, ErrorKind};

use super::super::words::plain;
use crate::device::DeviceError;

/// PulseAudio wants a cookie, and there is none.
pub(super) fn no_cookie(path: &Path, why: &str) -> DeviceError {
    let path = path.display();
    DeviceError(format!(
        "PulseAudio runs, but its cookie \"{path}\" cannot be made: {why}; \
         make that folder writable, or name a cookie: PULSE_COOKIE=FILE"
    ))
}

/// The cookie is somebody else's.
pub(super) fn unread_cookie(path: &Path, error: &io::Error) -> DeviceError {
    let path = path.display();
    DeviceError(format!(
        "PulseAudio runs, but its cookie \"{path}\" cannot be read: {error}; \
         make it yours (sudo chown $USER {path}), or name another: PULSE_COOKIE=FILE"
    ))
}

/// What is there is no cookie.
pub(super) fn odd_cookie(path: &Path, bytes: usize, expected: usize) -> DeviceError {
    let path = path.display();
    DeviceError(format!(
        "PulseAudio runs, but its cookie \"{path}\" has {bytes} bytes, not {expected}; \
         remove it: a new one is made"
    ))
}

/// The server at `socket` was shown `cookie`.
pub(super) fn server_refused(socket: &Path, cookie: &Path, error: &Error) -> DeviceError {
    let (socket, cookie) = (socket.display(), cookie.display());
    DeviceError(match error.kind() {
        ErrorKind::PermissionDenied => format!(
            "PulseAudio runs at {socket}, but refuses the cookie \"{cookie}\"; \
             copy there the ~/.config/pulse/cookie of the user who runs it"
        ),
        _ => format!(
            "PulseAudio runs at {socket}, but does not answer: {}; restart it",
            plain(error)
        ),
    })
}
