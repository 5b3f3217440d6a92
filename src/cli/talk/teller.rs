//! Who tells the conversation, as it goes, to standard output: a screen with
//! a status line, plain lines, captions only, or JSON lines.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    screen::{Screen, wrap},
    story::{Line, Story},
    tell::{line_object, line_words, object_of, rounded},
    terminal::columns,
};
use crate::{
    cli::{
        exit::Failure,
        output::{complain, draw, json_line, print, print_json},
    },
    engine::{EngineEvent, Recorder},
    measure::report::plain_lines,
};

/// The version of the JSON lines.
pub(in crate::cli) const JSON_VERSION: u32 = 1;

/// Writes the conversation to standard output as it goes.
#[derive(Default)]
pub(in crate::cli) struct Teller {
    json: bool,
    quiet: bool,
    verbose: bool,
    screen: Option<Screen>,
}

impl Teller {
    pub(in crate::cli) fn new(json: bool) -> Self {
        Self { json, ..Self::default() }
    }

    /// Captions only; diagnostics besides.
    pub(in crate::cli) fn with_detail(self, quiet: bool, verbose: bool) -> Self {
        Self { quiet, verbose, ..self }
    }

    /// From now on there is a status line.
    pub(in crate::cli) fn open_screen(&mut self) {
        if !self.json && !self.quiet {
            self.screen = Some(Screen::default());
        }
    }

    /// The status line goes away.
    pub(in crate::cli) fn close_screen(&mut self) {
        if let Some(mut screen) = self.screen.take() {
            let _ = draw(&screen.erase(columns()));
        }
    }

    /// Whether machines listen.
    pub(in crate::cli) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether people want to know what happens inside.
    pub(in crate::cli) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Whether there is a status line to be shown.
    pub(in crate::cli) fn has_screen(&self) -> bool {
        self.screen.is_some()
    }

    /// Shows this status.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub(in crate::cli) fn show(&mut self, status: String) -> Result<(), Failure> {
        let Some(screen) = &mut self.screen else { return Ok(()) };
        screen.show(status, columns()).map_or(Ok(()), |out| draw(&out))
    }

    /// One line of text; nothing in JSON, and nothing to who wants captions.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub(in crate::cli) fn say(&mut self, text: &str) -> Result<(), Failure> {
        if self.json || self.quiet { Ok(()) } else { self.put(text) }
    }

    /// A line on standard error, whoever listens.
    pub(in crate::cli) fn warn(&mut self, text: &str) {
        if let Some(screen) = &mut self.screen {
            let _ = draw(&screen.erase(columns()));
        }
        complain(text);
    }

    /// A line on standard error for who wants to know what happens inside.
    pub(in crate::cli) fn diagnose(&mut self, text: &str) {
        if self.verbose {
            self.warn(text);
        }
    }

    /// One JSON object; nothing in text.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub(in crate::cli) fn emit(&mut self, object: Value) -> Result<(), Failure> {
        if self.json { print_json(&versioned(object)) } else { Ok(()) }
    }

    /// Tells an event, which the story has already heard, and adds it to the
    /// recording.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub(in crate::cli) fn tell(
        &mut self,
        story: &mut Story,
        event: &EngineEvent,
        recorder: Option<&Recorder>,
    ) -> Result<(), Failure> {
        let at_s = rounded(story.now_s());
        let for_machines = self.json || self.verbose || recorder.is_some();
        if let Some(object) = for_machines.then(|| object_of(event, at_s)).flatten() {
            self.reading(object, at_s, recorder)?;
        }
        while let Some(line) = story.next_line() {
            if self.json || recorder.is_some() {
                self.pass(line_object(&line, at_s), recorder)?;
            }
            if !self.json {
                self.write(&line, at_s)?;
            }
        }
        Ok(())
    }

    /// Tells what only machines and the curious want to know.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub(in crate::cli) fn reading(
        &mut self,
        object: Value,
        at_s: f64,
        recorder: Option<&Recorder>,
    ) -> Result<(), Failure> {
        self.diagnose(&diagnostic(&object, at_s));
        self.pass(object, recorder)
    }

    fn pass(&mut self, object: Value, recorder: Option<&Recorder>) -> Result<(), Failure> {
        if let Some(recorder) = recorder {
            recorder.event(json_line(&versioned(object.clone())));
        }
        self.emit(object)
    }

    fn write(&mut self, line: &Line, at_s: f64) -> Result<(), Failure> {
        let (head, text) = line_words(line);
        match (&self.screen, self.quiet) {
            (_, true) if !matches!(line, Line::User(_) | Line::Model(_)) => Ok(()),
            (_, true) => self.put(&format!("{head}{text}")),
            (Some(_), false) => self.put(&wrap(head, &text, columns().saturating_sub(1))),
            (None, false) => self.put(&format!("{at_s:7.2} s  {head}{text}")),
        }
    }

    fn put(&mut self, text: &str) -> Result<(), Failure> {
        match &mut self.screen {
            Some(screen) => draw(&screen.above(&plain_lines(text), columns())),
            None => print(&format!("{text}\n")),
        }
    }
}

fn versioned(mut object: Value) -> Value {
    object["v"] = JSON_VERSION.into();
    object
}

/// `   1.23 s  onset at=1.1 decided_at=1.2`.
fn diagnostic(object: &Value, at_s: f64) -> String {
    let mut text = format!("{at_s:7.2} s  {}", object["event"].as_str().unwrap_or_default());
    let details = object.as_object().into_iter().flatten();
    for (name, value) in details.filter(|(name, _)| !matches!(name.as_str(), "event" | "t")) {
        // Writing into a String cannot fail.
        let _ = write!(text, " {name}={value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_diagnostic_is_the_object_in_one_line() {
        let object = json!({"event": "gap", "t": 1.5, "at": 1.25, "detail": 480});
        assert_eq!(diagnostic(&object, 1.5), "   1.50 s  gap at=1.25 detail=480");
        assert_eq!(versioned(object)["v"], JSON_VERSION);
    }
}
