//! What a PulseAudio server asks of who connects, and why it will not have us.
//!
//! Runs on: set-up.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::{
        fs::{DirBuilderExt, OpenOptionsExt},
        net::UnixStream,
    },
    path::PathBuf,
};

use super::{wire::Wire, words};
use crate::device::DeviceError;

const COOKIE_BYTES: usize = 256;

/// Makes the cookie that a server asks for, as its own library does: who has
/// none is hung up on, though a server knows its own user without.
pub(in super::super) fn make_cookie() -> io::Result<()> {
    let Some(file) = own_cookie() else { return Ok(()) };
    if pulseaudio::socket_path_from_env().is_none() || pulseaudio::cookie_path_from_env().is_some()
    {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut cookie = [0; COOKIE_BYTES];
    fs::File::open("/dev/urandom")?.read_exact(&mut cookie)?;
    let mut new = fs::OpenOptions::new();
    new.write(true).create_new(true).mode(0o600).open(file)?.write_all(&cookie)
}

fn own_cookie() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".config/pulse/cookie"))
}

/// Goes to the server as a talk would. All is well too where none runs.
///
/// # Errors
/// Where one runs that will not have us.
pub(in super::super) fn try_out() -> Result<(), DeviceError> {
    let Some(socket) = pulseaudio::socket_path_from_env() else { return Ok(()) };
    let left_behind = [io::ErrorKind::ConnectionRefused, io::ErrorKind::NotFound];
    if UnixStream::connect(&socket).is_err_and(|e| left_behind.contains(&e.kind())) {
        return Ok(());
    }
    let cookie = cookie();
    let refused = |error| match cookie {
        Ok(cookie) => words::server_refused(&socket, &cookie, &error),
        Err(trouble) => trouble,
    };
    Wire::connect().map(|_| ()).map_err(refused)
}

/// Where the cookie is.
///
/// # Errors
/// Where there is none that could be shown.
fn cookie() -> Result<PathBuf, DeviceError> {
    let made = make_cookie();
    let Some(path) = pulseaudio::cookie_path_from_env() else {
        let path = own_cookie().unwrap_or_default();
        let why = made.err().map_or_else(|| "there is no home".to_owned(), |e| e.to_string());
        return Err(words::no_cookie(&path, &why));
    };
    match fs::read(&path) {
        Ok(bytes) if bytes.len() == COOKIE_BYTES => Ok(path),
        Ok(bytes) => Err(words::odd_cookie(&path, bytes.len(), COOKIE_BYTES)),
        Err(error) => Err(words::unread_cookie(&path, &error)),
    }
}
