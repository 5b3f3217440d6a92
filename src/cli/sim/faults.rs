//! The file of `chinwag sim --faults`: TOML that says how the service behaves,
//! what is peculiar to each turn, and what goes wrong when.

use std::{fs, path::Path};

use serde::Deserialize;

use crate::{
    audio::Nanos,
    sim::service::{
        Answer, Fault, Mishap, PartSizes, ServiceSettings, ToolScript, TurnScript, When,
    },
};

/// What `chinwag sim --help` says of it.
pub(super) const HELP: &str = r#"
A file of faults is TOML; every key may be left out:

  think_ms = 300                  # and silence_ms, prefix_padding_ms, burst,
  go_away_after_s = 540           # go_away_left_s, transcripts
  parts = "ragged"                # or "observed", or a number of bytes
  ignores_silence_duration = true # as users report of gemini-3.1
  accept_media_chunks = true      # which is refused with 1007 otherwise
  any_model = true                # unknown models are refused with 1008
  key = "k"                       # any other key is refused

  [[turn]]                        # the first turn of a session; then the next
  user = "Is it on?"              # what you are written to have said
  model = "It is."                # what the model is written to say
  answer = "spoken"               # or "empty" (a bare turnComplete), "nothing"
  in_two = true                   # a turnComplete with IN_PROGRESS half-way
  tool = { name = "lamp", args = { on = true }, blocking = true }

  [[fault]]
  connection = 2                  # which one of the server; each if left out
  age_s = 8.5                     # when: this, or one of upgrade = true,
                                  #   resumption = true (a handle came),
                                  #   sent = 3, received = 1 (messages),
                                  #   generation_complete = 1, turn_complete = 1
  what = "close"                  # see below
  code = 1011
  reason = "Internal error encountered."

  what = "refuse" (with http_status; only at an upgrade), "close" (code, reason),
  "abort" (no close frame), "go_away" (left_s), "garbage" (bytes), "truncate",
  "repeat", "late" (s), "stall" (s), "deaf" (s), "slow_pong" (s), "interrupted",
  "bundle" (the next interrupted carries audio), "say" (message: JSON), "strangers"
  (from then on: unknown fields and enum values)
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    think_ms: Option<u32>,
    silence_ms: Option<u32>,
    prefix_padding_ms: Option<u32>,
    burst: Option<f64>,
    go_away_after_s: Option<f64>,
    go_away_left_s: Option<f64>,
    transcripts: Option<bool>,
    parts: Option<Parts>,
    ignores_silence_duration: Option<bool>,
    accept_media_chunks: Option<bool>,
    any_model: Option<bool>,
    key: Option<String>,
    #[serde(default)]
    turn: Vec<Turn>,
    #[serde(default)]
    fault: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Parts {
    Named(NamedParts),
    Bytes(usize),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NamedParts {
    Observed,
    Ragged,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    user: Option<String>,
    model: Option<String>,
    #[serde(default)]
    answer: NamedAnswer,
    #[serde(default)]
    in_two: bool,
    tool: Option<Tool>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NamedAnswer {
    #[default]
    Spoken,
    Empty,
    Nothing,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool {
    name: String,
    #[serde(default)]
    args: serde_json::Value,
    #[serde(default)]
    blocking: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    connection: Option<u64>,
    upgrade: Option<bool>,
    resumption: Option<bool>,
    sent: Option<u64>,
    received: Option<u64>,
    generation_complete: Option<u64>,
    turn_complete: Option<u64>,
    age_s: Option<f64>,
    what: What,
    code: Option<u16>,
    reason: Option<String>,
    http_status: Option<u16>,
    left_s: Option<f64>,
    s: Option<f64>,
    bytes: Option<String>,
    message: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Refuse,
    Close,
    Abort,
    GoAway,
    Garbage,
    Truncate,
    Repeat,
    Late,
    Stall,
    Deaf,
    SlowPong,
    Interrupted,
    Bundle,
    Say,
    Strangers,
}

/// Changes `settings` as the file says.
///
/// # Errors
/// What is wrong with it, with its line where that is known.
pub(super) fn read(file: &Path, settings: &mut ServiceSettings) -> Result<(), String> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    apply(&text, settings).map_err(|error| format!("{name}: {error}"))
}

fn apply(text: &str, settings: &mut ServiceSettings) -> Result<(), String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let set = |to: &mut u32, value: Option<u32>| *to = value.unwrap_or(*to);
    set(&mut settings.think_ms, file.think_ms);
    set(&mut settings.silence_ms, file.silence_ms);
    set(&mut settings.prefix_padding_ms, file.prefix_padding_ms);
    if let Some(burst) = file.burst {
        settings.burst = over_0(burst, "burst")?;
    }
    if let Some(age) = file.go_away_after_s {
        settings.go_away_after = Some(seconds(age, "go_away_after_s")?);
    }
    if let Some(left) = file.go_away_left_s {
        settings.go_away_left = seconds(left, "go_away_left_s")?;
    }
    let switch = |to: &mut bool, value: Option<bool>| *to = value.unwrap_or(*to);
    switch(&mut settings.transcripts, file.transcripts);
    switch(&mut settings.ignores_silence_duration, file.ignores_silence_duration);
    switch(&mut settings.accept_media_chunks, file.accept_media_chunks);
    switch(&mut settings.any_model, file.any_model);
    settings.key = file.key.or(settings.key.take());
    settings.parts = match file.parts {
        None => settings.parts,
        Some(Parts::Named(NamedParts::Observed)) => PartSizes::Observed,
        Some(Parts::Named(NamedParts::Ragged)) => PartSizes::Ragged,
        Some(Parts::Bytes(bytes)) => PartSizes::Fixed(bytes),
    };
    settings.script.extend(file.turn.into_iter().map(turn));
    for (nth, entry) in file.fault.into_iter().enumerate() {
        let fault = fault(entry).map_err(|error| format!("fault {}: {error}", nth + 1))?;
        settings.faults.push(fault);
    }
    Ok(())
}

fn turn(Turn { user, model, answer, in_two, tool }: Turn) -> TurnScript {
    let answer = match answer {
        NamedAnswer::Spoken => Answer::Spoken,
        NamedAnswer::Empty => Answer::Empty,
        NamedAnswer::Nothing => Answer::Nothing,
    };
    let tool = tool.map(|Tool { name, args, blocking }| ToolScript { name, args, blocking });
    TurnScript { user, model, tool, answer, in_two }
}

fn fault(mut entry: Entry) -> Result<Fault, String> {
    let connection = entry.connection;
    let when = when(&entry)?;
    let what = mishap(&mut entry)?;
    if (when == When::Upgrade) != matches!(what, Mishap::Refuse(_)) {
        return Err("upgrade = true and what = \"refuse\" go together".to_owned());
    }
    let left = [
        ("code", entry.code.is_some()),
        ("reason", entry.reason.is_some()),
        ("http_status", entry.http_status.is_some()),
        ("left_s", entry.left_s.is_some()),
        ("s", entry.s.is_some()),
        ("bytes", entry.bytes.is_some()),
        ("message", entry.message.is_some()),
    ];
    match left.iter().find(|(_, is_left)| *is_left) {
        Some((name, _)) => Err(format!("{name} says nothing here; leave it out")),
        None => Ok(Fault { connection, when, what }),
    }
}

/// The one moment that is named.
fn when(entry: &Entry) -> Result<When, String> {
    let age = entry.age_s.map(|age| seconds(age, "age_s")).transpose()?;
    let moments = [
        entry.upgrade.filter(|is| *is).map(|_| When::Upgrade),
        entry.resumption.filter(|is| *is).map(|_| When::Resumption),
        entry.sent.map(When::Sent),
        entry.received.map(When::Received),
        entry.generation_complete.map(When::GenerationComplete),
        entry.turn_complete.map(When::TurnComplete),
        age.map(When::Age),
    ];
    let mut named = moments.into_iter().flatten();
    match (named.next(), named.next()) {
        (Some(when), None) => Ok(when),
        _ => Err("expected one moment, such as age_s = 8.5 or turn_complete = 1".to_owned()),
    }
}

/// What happens; takes the values that it needs out of the entry.
fn mishap(entry: &mut Entry) -> Result<Mishap, String> {
    let needs = |name: &str| format!("{:?} needs {name}", entry.what);
    let mut time = || seconds(entry.s.take().ok_or_else(|| needs("s = 1.5"))?, "s");
    Ok(match entry.what {
        What::Refuse => {
            Mishap::Refuse(entry.http_status.take().ok_or_else(|| needs("http_status = 503"))?)
        }
        What::Close => Mishap::Close {
            code: entry.code.take().ok_or_else(|| needs("code = 1011"))?,
            reason: entry.reason.take().unwrap_or_default(),
        },
        What::Abort => Mishap::Abort,
        What::GoAway => {
            let left = entry.left_s.take().ok_or_else(|| needs("left_s = 50.0"))?;
            Mishap::GoAway(seconds(left, "left_s")?)
        }
        What::Garbage => Mishap::Garbage(entry.bytes.take().unwrap_or_default().into_bytes()),
        What::Truncate => Mishap::Truncate,
        What::Repeat => Mishap::Repeat,
        What::Late => Mishap::Late(time()?),
        What::Stall => Mishap::Stall(time()?),
        What::Deaf => Mishap::Deaf(time()?),
        What::SlowPong => Mishap::SlowPong(time()?),
        What::Interrupted => Mishap::Interrupted,
        What::Bundle => Mishap::Bundle,
        What::Say => {
            let message = entry.message.take().ok_or_else(|| needs("message = '{}'"))?;
            Mishap::Say(serde_json::from_str(&message).map_err(|e| format!("message: {e}"))?)
        }
        What::Strangers => Mishap::Strangers,
    })
}

fn over_0(value: f64, name: &str) -> Result<f64, String> {
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(format!("{name}: {value}; expected a number over 0"))
    }
}

/// A time of at most a day.
fn seconds(value: f64, name: &str) -> Result<Nanos, String> {
    if (0.0..=86_400.0).contains(&value) {
        Ok(Nanos((value * 1e9) as u64))
    } else {
        Err(format!("{name}: {value}; expected seconds from 0 to 86400"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ServiceSettings, String> {
        let mut settings = ServiceSettings::default();
        apply(text, &mut settings).map(|()| settings)
    }

    #[test]
    fn the_example_of_the_help_is_read() {
        let example: Vec<&str> = HELP.lines().skip(2).collect();
        let end = example.iter().position(|line| line.contains("\"refuse\" (with")).unwrap();
        let settings = read(&example[..end].join("\n")).unwrap();
        assert_eq!((settings.parts, settings.any_model), (PartSizes::Ragged, true));
        assert_eq!(settings.go_away_after, Some(Nanos::from_secs(540)));
        let turn = &settings.script[0];
        assert!(turn.in_two && turn.tool.as_ref().unwrap().blocking);
        let reason = "Internal error encountered.".to_owned();
        let close = Mishap::Close { code: 1011, reason };
        assert_eq!(settings.faults, [Fault::new(When::Age(Nanos::from_ms(8_500)), close).on(2)]);
    }

    #[test]
    fn every_moment_and_every_mishap_can_be_written() {
        let moments = [
            ("resumption = true", When::Resumption),
            ("sent = 3", When::Sent(3)),
            ("received = 1", When::Received(1)),
            ("generation_complete = 2", When::GenerationComplete(2)),
            ("turn_complete = 1", When::TurnComplete(1)),
            ("age_s = 0.5", When::Age(Nanos::from_ms(500))),
        ];
        for (text, when) in moments {
            let settings = read(&format!("[[fault]]\n{text}\nwhat = \"abort\"")).unwrap();
            assert_eq!(settings.faults, [Fault::new(when, Mishap::Abort)]);
        }
        let second = Nanos::from_secs(1);
        let mishaps = [
            ("go_away\"\nleft_s = 1", Mishap::GoAway(second)),
            ("garbage\"\nbytes = \"{\"", Mishap::Garbage(b"{".to_vec())),
            ("truncate\"", Mishap::Truncate),
            ("repeat\"", Mishap::Repeat),
            ("late\"\ns = 1.0", Mishap::Late(second)),
            ("stall\"\ns = 1.0", Mishap::Stall(second)),
            ("deaf\"\ns = 1.0", Mishap::Deaf(second)),
            ("slow_pong\"\ns = 1.0", Mishap::SlowPong(second)),
            ("interrupted\"", Mishap::Interrupted),
            ("bundle\"", Mishap::Bundle),
            ("say\"\nmessage = '{\"a\": 1}'", Mishap::Say(serde_json::json!({"a": 1}))),
            ("strangers\"", Mishap::Strangers),
        ];
        for (text, what) in mishaps {
            let settings = read(&format!("[[fault]]\nsent = 1\nwhat = \"{text}")).unwrap();
            assert_eq!(settings.faults, [Fault::new(When::Sent(1), what)], "{text}");
        }
        let refused = "[[fault]]\nupgrade = true\nwhat = \"refuse\"\nhttp_status = 503";
        let refused = read(refused).unwrap();
        assert_eq!(refused.faults, [Fault::new(When::Upgrade, Mishap::Refuse(503))]);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_was_expected() {
        let wrong = |text: &str| read(text).unwrap_err();
        assert!(wrong("[[fault]]\nwhat = \"abort\"").contains("fault 1: expected one moment"));
        let two = "[[fault]]\nsent = 1\nage_s = 2.0\nwhat = \"abort\"";
        assert!(wrong(two).contains("expected one moment"));
        assert!(wrong("[[fault]]\nsent = 1\nwhat = \"close\"").contains("needs code"));
        assert!(
            wrong("[[fault]]\nsent = 1\nwhat = \"abort\"\ncode = 1").contains("code says nothing")
        );
        assert!(wrong("[[fault]]\nsent = 1\nwhat = \"vanish\"").contains("unknown variant"));
        assert!(wrong("[[fault]]\nupgrade = true\nwhat = \"abort\"").contains("go together"));
        assert!(wrong("[[fault]]\nage_s = -1.0\nwhat = \"abort\"").contains("from 0 to 86400"));
        assert!(wrong("burst = 0.0").contains("over 0"));
        assert!(wrong("thinkms = 3").contains("unknown field"));
    }
}
