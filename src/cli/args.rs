//! Flags: one table for the parser and for the help; and what the flags that
//! verbs share mean.

use std::{ffi::OsString, path::PathBuf};

use lexopt::{Arg, Parser};

use super::{exit::Failure, help::Verb, output::print};
use crate::config::{Override, nearest};

/// One flag.
#[derive(Debug, PartialEq, Eq)]
pub struct Flag {
    /// Without the dashes.
    pub name: &'static str,
    /// One letter that means the same.
    pub short: Option<char>,
    /// What its value is called; `None` where it takes none.
    pub value: Option<&'static str>,
    /// The value, a number, may be left out.
    pub optional: bool,
    /// One line, lower case, no full stop.
    pub doc: &'static str,
    /// The key of the profile that it is short for.
    pub sets: Option<&'static str>,
}

impl Flag {
    /// A flag without a value.
    pub const fn plain(name: &'static str, doc: &'static str) -> Self {
        Self { name, short: None, value: None, optional: false, doc, sets: None }
    }

    /// A flag with a value.
    pub const fn with(name: &'static str, value: &'static str, doc: &'static str) -> Self {
        Self { name, short: None, value: Some(value), optional: false, doc, sets: None }
    }

    /// The same with a letter.
    #[must_use]
    pub const fn short(self, letter: char) -> Self {
        Self { short: Some(letter), ..self }
    }

    /// The same whose value, a number, may be left out: it is then empty.
    #[must_use]
    pub const fn optionally(self) -> Self {
        Self { optional: true, ..self }
    }

    const fn sets(
        name: &'static str,
        value: &'static str,
        path: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, short: None, value: Some(value), optional: false, doc, sets: Some(path) }
    }
}

/// Which file to read.
pub const CONFIG: Flag =
    Flag::with("config", "FILE", "read this instead of ./pipeline.toml and its like");
/// Which profile to run.
pub const PROFILE: Flag =
    Flag::with("profile", "NAME", "the profile of pipeline.toml; default_profile otherwise");
/// Who takes turns.
pub const TURN: Flag = Flag::sets(
    "turn",
    "MODE",
    "turn.mode",
    "who finds your turns: server, hybrid, client or push-to-talk",
);
/// The model.
pub const MODEL: Flag = Flag::sets("model", "NAME", "session.model", "the model to talk with");
/// Its voice.
pub const VOICE: Flag = Flag::sets("voice", "NAME", "session.voice", "its voice, such as Puck");
/// Its instruction.
pub const SYSTEM: Flag =
    Flag::sets("system", "TEXT", "session.system_instruction", "what it is told to be");
/// The microphone.
pub const MIC: Flag = Flag::sets(
    "mic",
    "DEVICE",
    "device.input",
    "the microphone: a name, part of one, or a WAV file",
);
/// The speaker.
pub const SPEAKER: Flag = Flag::sets("speaker", "DEVICE", "device.output", "the speaker: likewise");
/// Audio per message.
pub const CHUNK_MS: Flag =
    Flag::sets("chunk-ms", "MS", "link.chunk_ms", "audio in one message, 10 to 100");
/// Where to connect.
pub const URL: Flag = Flag::sets(
    "url",
    "URL",
    "link.url",
    "connect here instead of to the service, such as ws://127.0.0.1:8765",
);
/// Whom to trust besides.
pub const CA_FILE: Flag = Flag::sets(
    "ca-file",
    "FILE",
    "link.ca_file",
    "trust the certificates in this file (PEM) too, as of a proxy or chinwag sim --tls",
);
/// Any key of the profile.
pub const SET: Flag =
    Flag::with("set", "KEY=VALUE", "any key of the profile, such as turn.patience=0.8; repeatable");
/// For programs.
pub const JSON: Flag = Flag::plain("json", "print JSON, one object per line");
/// Less.
pub const QUIET: Flag = Flag::plain("quiet", "print captions only").short('q');
/// More.
pub const VERBOSE: Flag =
    Flag::plain("verbose", "print what happens inside to standard error").short('v');
/// What is kept.
pub const RECORD: Flag = Flag::with(
    "record",
    "DIR",
    "write mic.wav, far.wav (what was played, beside it) and events.jsonl there while talking",
);
/// Where files go.
pub const SAVE: Flag = Flag::with("save", "DIR", "write recordings and reports there");
/// The key.
pub const KEY_FILE: Flag = Flag::with("key-file", "FILE", "read the API key from this file");
/// Help.
pub const HELP: Flag = Flag::plain("help", "this");

/// What every verb takes that makes a plan.
pub const PLAN_FLAGS: [&Flag; 11] =
    [&CONFIG, &PROFILE, &TURN, &MODEL, &VOICE, &SYSTEM, &MIC, &SPEAKER, &CHUNK_MS, &URL, &SET];

/// What was typed.
#[derive(Debug, Default)]
pub struct Given {
    flags: Vec<(&'static Flag, OsString)>,
    /// What is no flag, in order.
    pub operands: Vec<String>,
}

impl Given {
    /// Whether a flag was given.
    pub fn has(&self, flag: &Flag) -> bool {
        self.flags.iter().any(|(given, _)| *given == flag)
    }

    /// The value of a flag; the last one counts.
    pub fn path(&self, flag: &Flag) -> Option<PathBuf> {
        let mut given = self.flags.iter().rev();
        given.find(|(given, _)| *given == flag).map(|(_, value)| PathBuf::from(value))
    }

    /// All values of a flag that may be repeated, in order.
    ///
    /// # Errors
    /// A value that is not UTF-8.
    pub fn texts(&self, flag: &Flag) -> Result<Vec<String>, Failure> {
        let given = self.flags.iter().filter(|(given, _)| *given == flag);
        given.map(|(_, value)| utf8(flag, value.clone())).collect()
    }

    /// The same as text.
    ///
    /// # Errors
    /// A value that is not UTF-8.
    pub fn text(&self, flag: &Flag) -> Result<Option<String>, Failure> {
        self.path(flag).map(|value| utf8(flag, value.into_os_string())).transpose()
    }
}

fn utf8(flag: &Flag, value: OsString) -> Result<String, Failure> {
    value
        .into_string()
        .map_err(|_| Failure::usage(format!("--{}: expected text in UTF-8", flag.name)))
}

/// Parses what follows the verb. `None` where help was asked for and printed.
///
/// # Errors
/// A flag that the verb does not have, or a value that is missing or surplus.
pub fn parse(verb: &Verb, parser: &mut Parser) -> Result<Option<Given>, Failure> {
    let mut given = Given::default();
    let wrong = |error: lexopt::Error| {
        Failure::usage(format!("{error}; chinwag {} --help shows what there is", verb.name))
    };
    while let Some(arg) = parser.next().map_err(wrong)? {
        let name = match arg {
            Arg::Long("help") | Arg::Short('h') => {
                print(&verb.help())?;
                return Ok(None);
            }
            Arg::Value(operand) => {
                let operand = operand.into_string();
                given.operands.push(operand.map_err(|_| Failure::usage("expected text in UTF-8"))?);
                continue;
            }
            Arg::Long(name) => name.to_owned(),
            Arg::Short(letter) => letter.to_string(),
        };
        let is_letter = matches!(arg, Arg::Short(_));
        let is_meant = |flag: &&Flag| {
            if is_letter {
                flag.short.is_some_and(|letter| name.starts_with(letter))
            } else {
                flag.name == name
            }
        };
        let Some(flag) = verb.flags().find(is_meant) else {
            return Err(unknown_flag(&name, verb.name, verb.flags().map(|flag| flag.name)));
        };
        let value = match flag.value {
            Some(_) if flag.optional => number(parser)?,
            Some(_) => parser.value().map_err(wrong)?,
            None => OsString::new(),
        };
        given.flags.push((flag, value));
    }
    Ok(Some(given))
}

/// The number that follows a flag, after `=` or as the next argument; else nothing.
fn number(parser: &mut Parser) -> Result<OsString, Failure> {
    if let Some(value) = parser.optional_value() {
        return Ok(value);
    }
    let mut rest = parser.raw_args().map_err(|error| Failure::usage(error.to_string()))?;
    let is_number = |text: &std::ffi::OsStr| {
        text.to_str().is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    Ok(rest.next_if(is_number).unwrap_or_default())
}

/// A flag that a verb does not have, with the one that was probably meant.
pub fn unknown_flag<'a>(
    name: &str,
    verb: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Failure {
    let dashes = if name.chars().count() == 1 { "-" } else { "--" };
    let next = match nearest(name, known) {
        Some(near) => format!("did you mean --{near}?"),
        None => format!("chinwag {verb} --help lists them"),
    };
    Failure::usage(format!("{verb} has no flag {dashes}{name}; {next}"))
}

/// What the flags that verbs share mean.
#[derive(Debug, Default)]
pub struct Common {
    /// The file to read.
    pub config: Option<PathBuf>,
    /// The profile.
    pub profile: Option<String>,
    /// What the command line says over the profile, in order.
    pub overrides: Vec<Override>,
    /// Print JSON.
    pub json: bool,
    /// Where files go.
    pub save: Option<PathBuf>,
    /// The file with the key.
    pub key_file: Option<PathBuf>,
}

impl Common {
    /// From what was typed.
    ///
    /// # Errors
    /// A value that is not UTF-8 where text is needed.
    pub fn of(given: &Given) -> Result<Self, Failure> {
        let mut overrides = Vec::new();
        for (flag, value) in &given.flags {
            if **flag == SET {
                overrides.push(Override::set(&utf8(flag, value.clone())?));
            } else if let Some(path) = flag.sets {
                let value = utf8(flag, value.clone())?;
                overrides.push(Override::flag(&format!("--{}", flag.name), path, &value));
            }
        }
        Ok(Self {
            config: given.path(&CONFIG),
            profile: given.text(&PROFILE)?,
            overrides,
            json: given.has(&JSON),
            save: given.path(&SAVE),
            key_file: given.path(&KEY_FILE),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    const PORT: Flag = Flag::with("port", "PORT", "a port").optionally();

    const VERB: Verb = Verb {
        name: "try",
        summary: "",
        operands: "",
        about: "",
        flags: &[&[&PROFILE, &TURN, &SET, &PORT], &[&JSON, &HELP]],
        examples: &[],
    };

    fn given(args: &[&str]) -> Result<Given, Failure> {
        parse(&VERB, &mut Parser::from_args(args)).map(Option::unwrap)
    }

    #[test]
    fn the_last_value_of_a_flag_counts_and_what_is_no_flag_is_kept() {
        let given = given(&["one", "--profile", "a", "--profile=b", "two", "--json"]).unwrap();
        assert_eq!(given.text(&PROFILE).unwrap().as_deref(), Some("b"));
        assert_eq!(given.operands, ["one", "two"]);
        assert!(given.has(&JSON) && !given.has(&SET));
    }

    #[test]
    fn a_number_that_may_be_left_out_is_taken_where_it_is_one() {
        let port = |args: &[&str]| given(args).unwrap().text(&PORT).unwrap();
        assert_eq!(port(&["--json"]), None);
        for none in [&["--port"][..], &["--port", "--json"], &["--port", "word"]] {
            assert_eq!(port(none).as_deref(), Some(""), "{none:?}");
        }
        for some in [&["--port", "80"][..], &["--port=80", "--json"]] {
            assert_eq!(port(some).as_deref(), Some("80"), "{some:?}");
        }
        assert_eq!(given(&["--port", "word"]).unwrap().operands, ["word"]);
    }

    #[test]
    fn short_ways_and_set_keep_their_order() {
        let given = given(&["--set", "turn.mode=server", "--turn", "client"]).unwrap();
        assert_eq!(Common::of(&given).unwrap().overrides.len(), 2);
    }

    #[test]
    fn a_wrong_flag_names_the_nearest_one() {
        let failure = given(&["--profil", "a"]).unwrap_err();
        assert_eq!(failure, Failure::usage("try has no flag --profil; did you mean --profile?"));
        let failure = given(&["-x"]).unwrap_err();
        assert_eq!(failure.message, "try has no flag -x; chinwag try --help lists them");
        assert_eq!(given(&["--json=yes"]).unwrap_err().exit, Exit::Usage);
        assert_eq!(given(&["--turn"]).unwrap_err().exit, Exit::Usage);
    }
}
