//! `chinwag sim`: the Live API on this machine, for trying clients without a
//! key, a bill or the Internet.

mod faults;

use std::{
    error::Error,
    fs,
    io::{Write, stdout},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
    thread,
    time::Duration,
};

use lexopt::{Arg, Parser, ValueExt as _};
use serde_json::{Value, json};

use super::{output::json_line, signals::Signals};
use crate::{
    audio::{Nanos, Rate, convert::to_wire},
    device::wave_file,
    measure::report::plain,
    net::{
        certificate::ServerTls,
        serve::{Server, ServerEvent, ServerNews},
    },
    sim::service::{Event, PartSizes, ServiceSettings, Voice, resample},
};

/// What `chinwag sim --help` prints.
pub const HELP: &str = "\
chinwag sim: serve the Gemini Live API on this machine, to try clients against

usage: chinwag sim [options]

  --listen ADDR:PORT   where to listen (127.0.0.1:8765; port 0: any free one)
  --tls                speak TLS, with a certificate made for localhost
  --cert F --key F     speak TLS with this certificate and key (PEM)
  --cert-out FILE      write the certificate that clients have to trust
  --voice VOICE        echo (your own words; the default), tone, or WAV files,
                       which are the replies in turn
  --think-ms N         from your end of turn to the reply (300)
  --silence-ms N       silence that ends your turn, unless the client says (800)
  --burst X            send replies at X times real time (3)
  --ragged             send replies in parts of odd sizes
  --go-away-after S    tell clients to go after S seconds
  --faults FILE        misbehave as this file says: see below
  --seed N             the seed of all that is random (0)
  --json               one JSON object per line
  --help               this

Any key is valid. SIGINT or SIGTERM ends it.

examples:
  chinwag sim
  chinwag sim --voice hello.wav goodbye.wav --ragged
  chinwag sim --tls --cert-out sim.pem     then, for the official Python SDK:
    SSL_CERT_FILE=sim.pem GOOGLE_GEMINI_BASE_URL=https://localhost:8765
";

/// How often a signal is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Runs the verb: serves until a signal comes.
///
/// # Errors
/// What is wrong with the arguments or the files they name: exit code 2.
pub fn run(args: &mut Parser) -> Result<ExitCode, Box<dyn Error>> {
    let options = parse(args)?;
    let Some(options) = options else {
        let _ = write!(stdout(), "{HELP}{}", faults::HELP);
        return Ok(ExitCode::SUCCESS);
    };
    let signals = Signals::new(None)?;
    let tls = options.tls()?;
    if let Some(file) = &options.cert_out {
        let tls = tls.as_ref().ok_or("--cert-out: there is no certificate; add --tls")?;
        fs::write(file, tls.trusted_pem()).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    let is_json = options.json;
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let server = Server::start(options.listen, tls, options.settings, move |event| {
        print(&if is_json { json_line(&as_json(&event)) } else { plain(&as_line(&event)) });
    })
    .map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
    let addr = server.addr();
    let host = if scheme == "wss" && addr.ip().is_loopback() {
        format!("localhost:{}", addr.port())
    } else {
        addr.to_string()
    };
    print(&if is_json {
        json!({"v": 1, "event": "listening", "url": format!("{scheme}://{host}")}).to_string()
    } else {
        format!("listening on {scheme}://{host}")
    });
    while !signals.stop_asked() {
        thread::sleep(LOOK);
    }
    server.stop();
    Ok(ExitCode::SUCCESS)
}

/// What the command line asks for.
struct Options {
    listen: SocketAddr,
    tls: bool,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    cert_out: Option<PathBuf>,
    json: bool,
    settings: ServiceSettings,
}

impl Options {
    /// The certificate to serve, if any.
    fn tls(&self) -> Result<Option<ServerTls>, Box<dyn Error>> {
        match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => {
                let read = |path: &Path| {
                    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
                };
                Ok(Some(ServerTls::from_pem(&read(cert)?, &read(key)?)?))
            }
            (None, None) if self.tls => Ok(Some(ServerTls::self_signed()?)),
            (None, None) => Ok(None),
            _ => Err("--cert and --key go together; give both, or --tls alone".into()),
        }
    }
}

/// The options, or `None` where help is asked for.
fn parse(args: &mut Parser) -> Result<Option<Options>, Box<dyn Error>> {
    let mut options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 8765)),
        tls: false,
        cert: None,
        key: None,
        cert_out: None,
        json: false,
        settings: ServiceSettings { require_key: false, ..ServiceSettings::default() },
    };
    let settings = &mut options.settings;
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("listen") => options.listen = number(args, "listen", "127.0.0.1:8765")?,
            Arg::Long("tls") => options.tls = true,
            Arg::Long("cert") => options.cert = Some(args.value()?.into()),
            Arg::Long("key") => options.key = Some(args.value()?.into()),
            Arg::Long("cert-out") => options.cert_out = Some(args.value()?.into()),
            Arg::Long("voice") => settings.voice = voice(args)?,
            Arg::Long("think-ms") => settings.think_ms = number(args, "think-ms", "300")?,
            Arg::Long("silence-ms") => settings.silence_ms = number(args, "silence-ms", "800")?,
            Arg::Long("burst") => settings.burst = positive(args, "burst")?,
            Arg::Long("go-away-after") => {
                let s = positive(args, "go-away-after")?;
                settings.go_away_after = Some(Nanos((s * 1e9) as u64));
            }
            Arg::Long("ragged") => settings.parts = PartSizes::Ragged,
            Arg::Long("faults") => faults::read(Path::new(&args.value()?), settings)?,
            Arg::Long("seed") => settings.seed = number(args, "seed", "0")?,
            Arg::Long("json") => options.json = true,
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Some(options))
}

/// The value of an option that is written as a number or an address.
fn number<T: FromStr>(args: &mut Parser, name: &str, example: &str) -> Result<T, Box<dyn Error>> {
    let value = args.value()?.string()?;
    let expected = || format!("--{name}: {value:?}; expected a value such as {example}").into();
    value.parse().map_err(|_| expected())
}

/// The value of an option that is a number over zero.
fn positive(args: &mut Parser, name: &str) -> Result<f64, Box<dyn Error>> {
    let value: f64 = number(args, name, "3")?;
    if value > 0.0 && value.is_finite() {
        Ok(value)
    } else {
        Err(format!("--{name}: {value}; expected a number over 0").into())
    }
}

/// The voice: a name, or the files that are its replies.
fn voice(args: &mut Parser) -> Result<Voice, Box<dyn Error>> {
    let values: Vec<PathBuf> = args.values()?.map(PathBuf::from).collect();
    match values.as_slice() {
        [name] if name.as_os_str() == "echo" => Ok(Voice::Echo),
        [name] if name.as_os_str() == "tone" => Ok(Voice::Tone { hz: 440.0, ms: 2_000 }),
        files => {
            let replies = files.iter().map(|file| reply(file)).collect::<Result<_, _>>()?;
            Ok(Voice::script(replies))
        }
    }
}

/// A WAV file as a reply: 24 kHz, 16 bits.
fn reply(file: &Path) -> Result<Vec<i16>, Box<dyn Error>> {
    let wave = wave_file::read(file)?;
    let samples: Vec<i16> = wave.samples.iter().map(|&sample| to_wire(sample)).collect();
    Ok(resample(&samples, wave.rate, Rate::DOWNLINK)
        .map_err(|error| format!("{}: {error}", file.display()))?)
}

/// One line on stdout; a reader that went away is no reason to stop serving.
fn print(line: &str) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// An event for people.
fn as_line(event: &ServerEvent) -> String {
    let what = match &event.what {
        ServerNews::Connected { peer, path } => format!("connected from {peer}, {path}"),
        ServerNews::Refused { reason } => format!("refused: {reason}"),
        ServerNews::Service(event) => match event {
            Event::Ready { model, resumed: false } => format!("ready: {model}"),
            Event::Ready { model, resumed: true } => format!("resumed: {model}"),
            Event::TurnBegan => "user speaks".to_owned(),
            Event::TurnEnded { text, .. } if !text.is_empty() => format!("user wrote {text:?}"),
            Event::TurnEnded { speech_secs, .. } => format!("user spoke {speech_secs:.2} s"),
            Event::ReplyBegan => "model speaks".to_owned(),
            Event::Interrupted => "interrupted".to_owned(),
            Event::TurnCompleted { reply_secs, parts } => {
                format!("turn complete: {reply_secs:.2} s sent in {parts} parts")
            }
            Event::GoingAway { left: None } => "goAway".to_owned(),
            Event::GoingAway { left: Some(left) } => {
                format!("goAway: {:.0} s left", left.as_secs())
            }
            Event::Closed { code, reason, by_client } => {
                let by = if *by_client { "by the client" } else { "by the service" };
                format!("closed {by}: {code} {reason}").trim_end().to_owned()
            }
        },
    };
    format!("{:9.3} s  #{}  {what}", event.at.as_secs(), event.connection)
}

/// An event for programs.
fn as_json(event: &ServerEvent) -> Value {
    let (name, mut line) = match &event.what {
        ServerNews::Connected { peer, path } => {
            ("connected", json!({"peer": peer.to_string(), "path": path}))
        }
        ServerNews::Refused { reason } => ("refused", json!({"reason": reason})),
        ServerNews::Service(event) => match event {
            Event::Ready { model, resumed } => {
                ("ready", json!({"model": model, "resumed": resumed}))
            }
            Event::TurnBegan => ("turn_began", json!({})),
            Event::TurnEnded { speech_secs, text } => {
                ("turn_ended", json!({"speech_s": speech_secs, "text": text}))
            }
            Event::ReplyBegan => ("reply_began", json!({})),
            Event::Interrupted => ("interrupted", json!({})),
            Event::TurnCompleted { reply_secs, parts } => {
                ("turn_complete", json!({"reply_s": reply_secs, "parts": parts}))
            }
            Event::GoingAway { left } => ("go_away", json!({"left_s": left.map(Nanos::as_secs)})),
            Event::Closed { code, reason, by_client } => {
                ("closed", json!({"code": code, "reason": reason, "by_client": by_client}))
            }
        },
    };
    line["v"] = json!(1);
    line["event"] = json!(name);
    line["at_ms"] = json!(event.at.as_ms());
    line["connection"] = json!(event.connection);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Option<Options>, String> {
        parse(&mut Parser::from_args(args)).map_err(|error| error.to_string())
    }

    #[test]
    fn options_change_the_settings_they_name() {
        let args = ["--listen", "127.0.0.1:0", "--voice", "tone", "--burst=40", "--ragged"];
        let options = parsed(&args).unwrap().unwrap();
        assert_eq!(options.listen.port(), 0);
        assert_eq!((options.settings.burst, options.settings.parts), (40.0, PartSizes::Ragged));
        assert!(matches!(options.settings.voice, Voice::Tone { .. }));
        assert!(parsed(&["--help"]).unwrap().is_none());
    }

    #[test]
    fn a_wrong_value_is_named_with_an_example() {
        let error = parsed(&["--listen", "here"]).err().unwrap();
        assert_eq!(error, "--listen: \"here\"; expected a value such as 127.0.0.1:8765");
        assert!(parsed(&["--burst", "0"]).err().unwrap().contains("over 0"));
        assert!(parsed(&["--voice", "/nowhere.wav"]).err().unwrap().contains("/nowhere.wav"));
        assert!(parsed(&["talk"]).err().unwrap().contains("talk"));
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let options = parsed(&["--cert", "a.pem"]).unwrap().unwrap();
        assert!(options.tls().unwrap_err().to_string().contains("--key"));
    }

    #[test]
    fn every_event_names_its_connection_and_time() {
        let left = Nanos::from_secs(50);
        let what = ServerNews::Service(Event::GoingAway { left: Some(left) });
        let event = ServerEvent { at: Nanos::from_ms(1_500), connection: 2, what };
        assert_eq!(as_line(&event), "    1.500 s  #2  goAway: 50 s left");
        let json = as_json(&event);
        assert_eq!((&json["event"], &json["left_s"]), (&json!("go_away"), &json!(50.0)));
        assert_eq!((&json["connection"], &json["at_ms"]), (&json!(2), &json!(1_500.0)));
    }
}
