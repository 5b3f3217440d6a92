//! Standard output and standard error, of which either may be closed.

use std::{
    fmt::Write as _,
    io::{ErrorKind, Write as _, stderr, stdout},
};

use serde_json::Value;

use super::exit::{Exit, Failure};
use crate::measure::report::{plain_lines, steers};

/// Writes text to standard output. Whatever it quotes, from a server, a file or
/// a device's name, cannot steer the terminal.
///
/// # Errors
/// A reader that went away (`| head`) ends the program quietly and well; any
/// other error is told.
pub fn print(text: &str) -> Result<(), Failure> {
    draw(&plain_lines(text))
}

/// Writes an object in a line of its own.
///
/// # Errors
/// As [`print()`].
pub fn print_json(object: &Value) -> Result<(), Failure> {
    draw(&format!("{}\n", json_line(object)))
}

/// An object in one line, in which everything that could steer a terminal is
/// escaped: JSON itself asks for that only below the space.
pub fn json_line(object: &Value) -> String {
    let mut out = String::new();
    for c in object.to_string().chars() {
        if steers(c) {
            // Such a character can only stand in a string. Writing into a String
            // cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Writes text and control codes of our own.
///
/// # Errors
/// As [`print()`].
pub fn draw(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::new(Exit::Ok, ""),
        _ => Failure::new(Exit::Internal, format!("standard output: {error}")),
    })
}

/// Writes a line to standard error, if anybody reads it; as [`print()`], it cannot
/// steer the terminal.
pub fn complain(text: &str) {
    let _ = writeln!(stderr().lock(), "{}", plain_lines(text.trim_end()));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_escaped_in_json_and_read_back_as_it_was() {
        let text = "a\u{1b}[2J\u{9b}31m\u{202e}\u{7f}\u{85}é世\u{1f600}\"\\";
        let line = json_line(&json!({ "text": text }));
        assert!(!line.chars().any(steers), "{line}");
        let back: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(back["text"], text);
    }
}
