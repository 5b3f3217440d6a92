//! One thing that was looked at.

use serde_json::{Value, json};

use crate::cli::exit::{Exit, Failure};

/// What was thought of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    /// A talk works, but perhaps not well.
    Odd,
    /// A talk would not work.
    Bad,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Odd => "odd",
            Self::Bad => "BAD",
        }
    }
}

/// What was found, and the next step where there is one.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    found: String,
    next_step: String,
    /// What a talk would end with.
    pub(super) exit: Exit,
}

impl Finding {
    pub(super) fn ok(check: &'static str, found: String) -> Self {
        Self { check, verdict: Verdict::Ok, found, next_step: String::new(), exit: Exit::Ok }
    }

    pub(super) fn odd(check: &'static str, found: &str, next_step: &str) -> Self {
        let (found, next_step) = (found.to_owned(), next_step.to_owned());
        Self { check, verdict: Verdict::Odd, found, next_step, exit: Exit::Ok }
    }

    /// What a talk would say as it ends.
    pub(super) fn bad(check: &'static str, failure: &Failure) -> Self {
        let (found, next_step) = failure.message.split_once("; ").unwrap_or((&failure.message, ""));
        let (found, next_step) = (found.to_owned(), next_step.to_owned());
        Self { check, verdict: Verdict::Bad, found, next_step, exit: failure.exit }
    }

    /// For people.
    pub(super) fn line(&self) -> String {
        let Self { check, found, next_step, .. } = self;
        let line = format!("{:<4}{check:<12}{found}", self.verdict.word());
        if next_step.is_empty() { line } else { format!("{line}\n{:16}→ {next_step}", "") }
    }

    /// For machines.
    pub(super) fn object(&self) -> Value {
        json!({
            "event": "finding",
            "check": self.check,
            "verdict": self.verdict.word().to_lowercase(),
            "found": self.found,
            "next_step": self.next_step,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_becomes_what_was_found_and_the_next_step() {
        let failure = Failure::new(Exit::Link, "nobody listens at ::1; check the url; or not");
        let finding = Finding::bad("connect", &failure);
        let line = "BAD connect     nobody listens at ::1\n                → check the url; or not";
        assert_eq!(finding.line(), line);
        assert_eq!((finding.verdict, finding.exit), (Verdict::Bad, Exit::Link));
        assert_eq!(Finding::ok("key", "there".to_owned()).object()["verdict"], "ok");
    }
}
