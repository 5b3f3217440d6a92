//! What `--help` prints, from the same tables that are parsed.

use std::fmt::Write;

use super::{args::Flag, exit::Exit};

/// A verb and everything its help says.
#[derive(Debug)]
pub struct Verb {
    /// `chinwag NAME`.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What may follow besides flags, such as `[PROFILE]`.
    pub operands: &'static str,
    /// What it does, in sentences; may be empty.
    pub about: &'static str,
    /// Its flags in groups, in the order they are shown.
    pub flags: &'static [&'static [&'static Flag]],
    /// Commands to copy, and what each does.
    pub examples: &'static [(&'static str, &'static str)],
}

impl Verb {
    /// Its flags, in the order they are shown.
    pub fn flags(&self) -> impl Iterator<Item = &'static Flag> {
        self.flags.iter().flat_map(|group| group.iter().copied())
    }

    /// The whole help.
    pub fn help(&self) -> String {
        let Self { name, summary, operands, .. } = self;
        let usage = format!("chinwag {name} [options] {operands}");
        let mut out = format!("chinwag {name}: {summary}\n\nusage: {}\n\n", usage.trim_end());
        for flag in self.flags() {
            let value = flag.value.map_or_else(String::new, |value| {
                if flag.optional { format!(" [{value}]") } else { format!(" {value}") }
            });
            let letter = flag.short.map_or_else(String::new, |letter| format!("-{letter}, "));
            let left = format!("{letter}--{}{value}", flag.name);
            put(&mut out, &left, flag.doc);
        }
        if !self.about.is_empty() {
            let _ = writeln!(out, "\n{}", self.about);
        }
        if !self.examples.is_empty() {
            out += "\nexamples:\n";
        }
        for (command, what) in self.examples {
            let _ = writeln!(out, "  {command}\n      {what}");
        }
        out
    }
}

/// The help of the program: its verbs and exit codes.
pub fn program<'a>(verbs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::from(
        "chinwag: talk with the Gemini Live API from any machine with a microphone and a speaker\n\n\
         usage: chinwag VERB [options]\n\n",
    );
    for (name, summary) in verbs {
        put(&mut out, name, summary);
    }
    out +=
        "\nchinwag VERB --help shows its options with examples; chinwag --version the version.\n";
    out += "\nexit codes:\n";
    for exit in Exit::ALL {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "  {:>3}  {}", exit.code(), exit.meaning());
    }
    out
}

fn put(out: &mut String, left: &str, right: &str) {
    let _ = writeln!(out, "  {left:<20} {right}");
}
