//! The whole service in virtual time.

mod faults;
mod properties;
mod recordings;
mod refusals;
mod resumption;
mod sequences;
mod spoken;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    Event, Memory, PartSizes, Refusal, Service, ServiceSettings, Transmit, UpgradeRequest, Voice,
};
use crate::audio::Nanos;

/// A client's side of one connection: says what it is told to, notes what
/// comes and when.
pub(super) struct Call {
    pub service: Service,
    pub now: Nanos,
    /// `"<ms> <what>"`, as [`summary`] has it.
    pub lines: Vec<String>,
    pub messages: Vec<Value>,
    pub audio: Vec<u8>,
    pub end: Option<Transmit>,
}

impl Call {
    /// An upgraded connection, with nothing said yet.
    pub(super) fn open(settings: &ServiceSettings, memory: &Memory, now: Nanos) -> Self {
        let request = UpgradeRequest::with_key("k");
        let service = Service::open(settings, memory, &request, now).unwrap();
        let (lines, messages, audio) = (Vec::new(), Vec::new(), Vec::new());
        Self { service, now, lines, messages, audio, end: None }
    }

    /// A connection whose setup has `more` next to the model, and was accepted.
    pub(super) fn set_up(settings: &ServiceSettings, more: Value) -> Self {
        let mut call = Self::open(settings, &Memory::new(), Nanos::ZERO);
        call.say(setup(more));
        assert_eq!(call.take(), ["0 setupComplete"]);
        call
    }

    pub(super) fn say(&mut self, message: Value) {
        self.service.receive(self.now, message.to_string().as_bytes());
        self.hear();
    }

    /// Sends samples at 16 kHz in chunks of 20 ms, as time goes by.
    pub(super) fn speak(&mut self, samples: &[i16]) {
        for chunk in samples.chunks(320) {
            self.run(self.now + Nanos::from_ms(20));
            self.say(audio(chunk));
        }
    }

    /// Lets time go by, deadline by deadline.
    pub(super) fn run(&mut self, until: Nanos) {
        self.hear();
        while let Some(at) = self.service.next_deadline().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.service.handle_deadline(self.now);
            self.hear();
        }
        self.now = self.now.max(until);
    }

    pub(super) fn run_ms(&mut self, ms: u64) {
        self.run(self.now + Nanos::from_ms(ms));
    }

    /// The lines since the last time.
    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.service.poll_event()).map(|(_, event)| event).collect()
    }

    fn hear(&mut self) {
        while let Some(transmit) = self.service.poll_transmit(self.now) {
            assert_eq!(self.end, None, "nothing follows the end");
            let ms = self.now.as_ms().round();
            match &transmit {
                Transmit::Message(bytes) => match serde_json::from_slice::<Value>(bytes) {
                    Ok(message) => {
                        assert!(bytes.ends_with(b"\n"));
                        self.lines.extend(
                            summary(&message).into_iter().map(|what| format!("{ms} {what}")),
                        );
                        self.audio.extend(audio_of(&message));
                        self.messages.push(message);
                    }
                    Err(_) => self.lines.push(format!("{ms} garbage")),
                },
                Transmit::Close { code, .. } => self.lines.push(format!("{ms} close {code}")),
                Transmit::Abort => self.lines.push(format!("{ms} abort")),
            }
            if !matches!(transmit, Transmit::Message(_)) {
                self.end = Some(transmit);
            }
        }
    }
}

/// A setup for `gemini-3.8-live` with `more` fields.
pub(super) fn setup(more: Value) -> Value {
    let mut setup = json!({"model": "models/gemini-3.8-live"});
    if let (Value::Object(setup), Value::Object(more)) = (&mut setup, more) {
        setup.extend(more);
    }
    json!({"setup": setup})
}

/// Manual activity.
pub(super) fn manual() -> Value {
    json!({"realtimeInputConfig": {"automaticActivityDetection": {"disabled": true}}})
}

pub(super) fn audio(samples: &[i16]) -> Value {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let data = STANDARD.encode(bytes);
    json!({"realtimeInput": {"audio": {"data": data, "mimeType": "audio/pcm;rate=16000"}}})
}

pub(super) fn realtime(field: &str) -> Value {
    json!({"realtimeInput": {field: if field == "audioStreamEnd" { json!(true) } else { json!({}) }}})
}

pub(super) fn text_turn(text: &str) -> Value {
    let turns = json!([{"role": "user", "parts": [{"text": text}]}]);
    json!({"clientContent": {"turns": turns, "turnComplete": true}})
}

/// A loud vowel of sorts, `ms` long at 16 kHz.
pub(super) fn vowel(ms: usize) -> Vec<i16> {
    let at = |n: usize| {
        let t = n as f64 / 16_000.0;
        3_000.0 * (800.0 * t).sin() + 2_000.0 * (1_700.0 * t).sin()
    };
    (0..16 * ms).map(|n| at(n) as i16).collect()
}

/// A service whose replies are one second of distinct samples each.
pub(super) fn scripted() -> ServiceSettings {
    ServiceSettings {
        voice: Voice::script(vec![(0..24_000).map(|n| n as i16).collect()]),
        ..ServiceSettings::default()
    }
}

fn audio_of(message: &Value) -> Vec<u8> {
    let data = &message["serverContent"]["modelTurn"]["parts"][0]["inlineData"]["data"];
    data.as_str().map(|data| STANDARD.decode(data).unwrap()).unwrap_or_default()
}

/// What a message says, each thing in its own words.
fn summary(message: &Value) -> Vec<String> {
    let mut all = Vec::new();
    let content = &message["serverContent"];
    let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if message.get("setupComplete").is_some() {
        all.push("setupComplete".to_owned());
    }
    if content.get("modelTurn").is_some() {
        match audio_of(message).len() {
            0 => all.push(format!("text {}", content["modelTurn"]["parts"][0]["text"])),
            bytes => all.push(format!("audio {bytes}")),
        }
    }
    for (field, name) in [("inputTranscription", "in"), ("outputTranscription", "out")] {
        if let Some(text) = content.get(field) {
            all.push(format!("{name}:{}", string(&text["text"])));
        }
    }
    for field in ["interrupted", "generationComplete", "turnComplete"] {
        if content[field] == json!(true) {
            let details =
                match (field, &content["turnCompleteReason"], &content["interactionStatus"]) {
                    ("turnComplete", Value::String(reason), _) => format!(" {reason}"),
                    ("turnComplete", _, Value::String(status)) => format!(" {status}"),
                    _ => String::new(),
                };
            let usage = if message.get("usageMetadata").is_some() { " +usage" } else { "" };
            all.push(format!("{field}{details}{usage}"));
        }
    }
    if let Some(update) = message.get("sessionResumptionUpdate") {
        all.push(
            if update["resumable"] == json!(true) { "handle" } else { "no handle" }.to_owned(),
        );
    }
    if let Some(going) = message.get("goAway") {
        all.push(format!("goAway {}", string(&going["timeLeft"])));
    }
    if let Some(calls) = message.get("toolCall") {
        all.push(format!("toolCall {}", string(&calls["functionCalls"][0]["id"])));
    }
    if let Some(cancelled) = message.get("toolCallCancellation") {
        all.push(format!("cancelled {}", string(&cancelled["ids"][0])));
    }
    if let Some(activity) = message.get("voiceActivity") {
        all.push(format!("{} {}", string(&activity["type"]), string(&activity["audioOffset"])));
    }
    all
}

/// Whether `settings` admit a request for `path` with a key.
fn door(settings: &ServiceSettings, path: &str) -> Result<Service, Refusal> {
    let request = UpgradeRequest { path: path.to_owned(), ..UpgradeRequest::with_key("k") };
    Service::open(settings, &Memory::new(), &request, Nanos::ZERO)
}

/// The handle of the last update that had one.
pub(super) fn handle(call: &Call) -> String {
    let mut handles = call.messages.iter().rev();
    handles
        .find_map(|message| message["sessionResumptionUpdate"]["newHandle"].as_str())
        .expect("a handle came")
        .to_owned()
}

#[test]
fn a_reply_is_whole_whatever_its_parts() {
    for parts in [PartSizes::Observed, PartSizes::Ragged, PartSizes::Fixed(1_001)] {
        let mut call = Call::set_up(&ServiceSettings { parts, ..scripted() }, json!({}));
        call.say(text_turn("go"));
        call.run_ms(5_000);
        let expected: Vec<u8> = (0..24_000u16).flat_map(u16::to_le_bytes).collect();
        assert!(call.audio == expected, "{parts:?}");
    }
}

#[test]
fn a_long_reply_can_come_in_a_fraction_of_its_time() {
    let voice = Voice::script(vec![vec![5; 24_000 * 120]]);
    let mut call = Call::set_up(&ServiceSettings { voice, burst: 40.0, ..scripted() }, json!({}));
    call.say(text_turn("tell me everything"));
    call.run_ms(3_400);
    assert_eq!(call.audio.len(), 48_000 * 120);
}
