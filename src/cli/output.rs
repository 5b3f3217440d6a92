//! Standard output and standard error, of which either may be closed.

use std::io::{ErrorKind, Write, stderr, stdout};

use super::exit::{Exit, Failure};

/// Writes to standard output.
///
/// # Errors
/// A reader that went away (`| head`) ends the program quietly and well; any
/// other error is told.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::new(Exit::Ok, ""),
        _ => Failure::new(Exit::Internal, format!("standard output: {error}")),
    })
}

/// Writes a line to standard error, if anybody reads it.
pub fn complain(text: &str) {
    let _ = writeln!(stderr().lock(), "{}", text.trim_end());
}
