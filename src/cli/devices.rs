//! `chinwag devices`: what microphones and speakers there are.

use std::fmt::Write;

use lexopt::Parser;
use serde_json::{Value as Json, json};

use super::{
    args::{self, Flag},
    exit::{Exit, Failure},
    help::Verb,
    output::{print, print_json},
};
use crate::device::{
    Direction, Listing,
    listing::{self, Mode},
};

const ALL: Flag = Flag::plain("all", "of every sound system, not only of the one that is used");

/// The verb.
pub const VERB: Verb = Verb {
    name: "devices",
    summary: "list microphones and speakers, with their rates and formats",
    operands: "",
    about: "--mic and --speaker take either name, or a part of it in any case; * marks what default\n\
            is. HOST:NAME asks a certain sound system, such as alsa:default.",
    flags: &[&[&ALL, &args::JSON, &args::HELP]],
    examples: &[
        ("chinwag devices", "what --mic and --speaker may name"),
        ("chinwag run --mic usb --speaker default", "a name is found by a part of it"),
        ("chinwag devices --json | jq .id", "for programs: one object per device"),
    ],
};

/// Runs the verb.
///
/// # Errors
/// A wrong command line, or a sound system that does not answer.
pub fn run(parser: &mut Parser) -> Result<Exit, Failure> {
    let Some(given) = args::parse(&VERB, parser)? else { return Ok(Exit::Ok) };
    if let Some(surplus) = given.operands.first() {
        return Err(Failure::usage(format!("devices takes flags only; what is \"{surplus}\"?")));
    }
    let listings = listing::list(given.has(&ALL)).map_err(Failure::device)?;
    if given.has(&args::JSON) {
        listings.iter().try_for_each(|listing| print_json(&as_json(listing)))?;
    } else {
        print(&as_text(&listings))?;
    }
    Ok(Exit::Ok)
}

// Writing into a String cannot fail.
fn as_text(listings: &[Listing]) -> String {
    let mut out = String::new();
    for (direction, flag) in [(Direction::Input, "--mic"), (Direction::Output, "--speaker")] {
        let _ = writeln!(out, "{direction} devices ({flag})");
        let of: Vec<_> = listings.iter().filter(|l| l.direction == direction).collect();
        if of.is_empty() {
            let _ = writeln!(out, "  none; a WAV file or null may stand in: {flag} FILE.wav");
        }
        for listing in of {
            put(&mut out, listing);
        }
        out.push('\n');
    }
    let _ = writeln!(out, "* is what default means; a part of a name suffices");
    out
}

fn put(out: &mut String, listing: &Listing) {
    let Listing { host, name, id, .. } = listing;
    let mark = if listing.is_default { '*' } else { ' ' };
    let _ = writeln!(out, "{mark} {}", one_line(name));
    let _ = writeln!(out, "      {host}:{id}");
    match &listing.own {
        Ok(own) => {
            let _ = writeln!(out, "      {own}{}", abilities(listing));
        }
        Err(why) => {
            let _ = writeln!(out, "      cannot be used now: {why}");
        }
    }
}

/// What it takes besides its own mode.
fn abilities(listing: &Listing) -> String {
    let mut parts = Vec::new();
    if let Some((min, max)) = listing.rates_hz {
        parts.push(if min == max { format!("{min} Hz") } else { format!("{min} to {max} Hz") });
    }
    if let Some((min, max)) = listing.channels {
        parts.push(if min == max { format!("{min} ch") } else { format!("{min} to {max} ch") });
    }
    if !listing.formats.is_empty() {
        parts.push(listing.formats.join(" "));
    }
    if parts.is_empty() { String::new() } else { format!("  (takes {})", parts.join(", ")) }
}

/// ALSA describes a device in several lines.
fn one_line(name: &str) -> String {
    name.lines().collect::<Vec<_>>().join(", ")
}

fn as_json(listing: &Listing) -> Json {
    let own = listing.own.as_ref().ok().map(|Mode { rate_hz, channels, format }| {
        json!({ "rate_hz": rate_hz, "channels": channels, "format": format })
    });
    json!({
        "v": 1,
        "event": "device",
        "direction": listing.direction.to_string(),
        "host": listing.host,
        "name": listing.name,
        "id": listing.id,
        "default": listing.is_default,
        "own": own,
        "trouble": listing.own.as_ref().err(),
        "rates_hz": listing.rates_hz.map(|(min, max)| [min, max]),
        "channels": listing.channels.map(|(min, max)| [min, max]),
        "formats": listing.formats,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn microphone() -> Listing {
        let own = Mode { rate_hz: 48_000, channels: 2, format: "i16".to_owned() };
        Listing {
            direction: Direction::Input,
            host: "alsa".to_owned(),
            name: "USB Audio\nMic".to_owned(),
            id: "plughw:CARD=1".to_owned(),
            is_default: true,
            own: Ok(own),
            rates_hz: Some((8_000, 48_000)),
            channels: Some((1, 1)),
            formats: vec!["i16".to_owned(), "f32".to_owned()],
        }
    }

    #[test]
    fn a_device_is_shown_with_what_can_be_typed() {
        let text = as_text(&[microphone()]);
        let expected = "input devices (--mic)\n\
            * USB Audio, Mic\n      alsa:plughw:CARD=1\n      \
            48000 Hz, 2 ch, i16  (takes 8000 to 48000 Hz, 1 ch, i16 f32)\n\n\
            output devices (--speaker)\n  none; ";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn a_device_that_does_not_answer_says_why() {
        let busy = Listing { own: Err("busy".to_owned()), ..microphone() };
        assert!(as_text(std::slice::from_ref(&busy)).contains("cannot be used now: busy"));
        let json = as_json(&busy);
        assert_eq!((&json["trouble"], &json["own"]), (&json!("busy"), &Json::Null));
        assert_eq!(json["default"], json!(true));
    }
}
