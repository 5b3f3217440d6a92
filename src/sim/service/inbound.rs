//! What the client says, and what it means in the state the session is in
//! (protocol reference 2 and 4.1).

use serde_json::Value;

use super::{
    Closing, Detection, Event, Service, Session, UserTurn,
    ear::{Ear, Notice, append},
    lenient::{at, bytes, field, is_one_of, is_true, text},
    messages, setup,
};
use crate::audio::{Nanos, Rate};

/// A message of 16 MiB can hold eight million values, which as a tree would take
/// half a gigabyte; no client has reason for more than these.
const VALUES_MAX: usize = 1 << 16;
const KINDS: [&str; 5] =
    ["setup", "clientContent", "realtimeInput", "toolResponse", "contextUpdate"];
const REALTIME: [&str; 7] =
    ["audio", "video", "text", "mediaChunks", "activityStart", "activityEnd", "audioStreamEnd"];

impl Service {
    /// Reads one message: exactly one of the five kinds.
    pub(super) fn read(&mut self, now: Nanos, message: &[u8]) -> Result<(), Closing> {
        let opens_value = |byte: &&u8| matches!(byte, b',' | b'[' | b'{');
        if message.iter().filter(opens_value).count() > VALUES_MAX {
            return Err(Closing::invalid());
        }
        let message: Value = serde_json::from_slice(message).map_err(|_| Closing::invalid())?;
        let object = message.as_object().ok_or_else(Closing::invalid)?;
        let mut fields = object.iter().filter(|(_, value)| !value.is_null());
        let (Some((key, value)), None) = (fields.next(), fields.next()) else {
            return Err(Closing::invalid());
        };
        let kind = KINDS.into_iter().find(|kind| is_one_of(key, &[kind]));
        match (kind, &self.session) {
            (Some("setup"), None) => self.on_setup(now, value),
            (Some("clientContent"), Some(_)) => self.on_content(now, value),
            (Some("realtimeInput"), Some(_)) => self.on_realtime(now, value),
            (Some("toolResponse"), Some(_)) => self.on_tool_response(now, value),
            (Some("contextUpdate"), Some(_)) => {
                self.heard.messages.context_update += 1;
                Ok(())
            }
            _ => Err(Closing::invalid()),
        }
    }

    fn on_setup(&mut self, now: Nanos, value: &Value) -> Result<(), Closing> {
        let setup = setup::read(&self.settings, &self.caller, value)?;
        let resumed = setup.handle.is_some();
        if resumed {
            self.outbox.resuming(now);
            if self.is_closed() {
                return Ok(());
            }
        }
        let seat = match &setup.handle {
            Some(handle) => self.memory.resume(handle, &setup.model)?,
            None => self.memory.begin(self.connection, &setup.model),
        };
        let session_id = self.caller.vertex.then(|| {
            let (high, low) = (self.seed.bits(), self.seed.bits());
            format!("{high:016x}{low:016x}")
        });
        self.outbox.tell(now, messages::setup_complete(session_id));
        self.events.push(now, Event::Ready { model: setup.model.clone(), resumed });
        self.session = Some(Session {
            ear: Ear::new(setup.detection),
            seeding: setup.seeding && !resumed,
            reply: None,
            waiting: std::collections::VecDeque::new(),
            replies: seat.turns,
            turns: seat.turns,
            calls: Vec::new(),
            history: String::new(),
            seat,
            setup,
        });
        Ok(())
    }

    fn on_content(&mut self, now: Nanos, value: &Value) -> Result<(), Closing> {
        self.heard.messages.content += 1;
        let Some(session) = &mut self.session else { return Ok(()) };
        let turns = field(value, "turns").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for turn in turns {
            let parts =
                field(turn, "parts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            if parts.iter().any(|part| {
                field(part, "functionCall").or_else(|| field(part, "functionResponse")).is_some()
            }) {
                return Err(Closing::invalid());
            }
            let by_model = match text(turn, "role") {
                "model" => true,
                "" | "user" => false,
                _ => return Err(Closing::invalid()),
            };
            if session.seeding {
                let said = parts.iter().map(|part| text(part, "text")).collect();
                self.heard.seeded.push((by_model, said));
            }
            if !by_model {
                for part in parts {
                    append(&mut session.history, text(part, "text"));
                }
            }
        }
        let is_complete = is_true(value, "turnComplete");
        if session.seeding {
            if is_complete {
                session.seeding = false;
                session.history.clear();
            }
            return Ok(());
        }
        self.interrupt(now);
        if is_complete {
            let said = self.session.as_mut().map(|s| std::mem::take(&mut s.history));
            self.turn_ended(now, UserTurn::written(&said.unwrap_or_default(), now));
        }
        Ok(())
    }

    fn on_realtime(&mut self, now: Nanos, value: &Value) -> Result<(), Closing> {
        let object = value.as_object().ok_or_else(Closing::invalid)?;
        if object.keys().any(|key| !is_one_of(key, &REALTIME)) {
            return Err(Closing::invalid());
        }
        let Some(session) = &self.session else { return Ok(()) };
        if session.seeding {
            self.heard.violations.during_seeding += 1;
            return Ok(());
        }
        let blocked = session.reply.as_ref().and_then(|reply| reply.call.as_ref());
        if blocked.is_some_and(|(_, blocking)| *blocking) {
            return Err(Closing::new(1008, "The operation was aborted."));
        }
        if field(value, "activityStart").is_some() {
            self.on_activity_start(now)?;
        }
        if let Some(chunks) = field(value, "mediaChunks") {
            let first = chunks.as_array().and_then(|chunks| chunks.first());
            let admitted = first.filter(|_| self.settings.accept_media_chunks);
            self.on_audio(now, admitted.ok_or_else(Closing::invalid)?)?;
        }
        if let Some(audio) = field(value, "audio") {
            self.on_audio(now, audio)?;
        }
        if let Some(said) = field(value, "text") {
            self.on_text(now, said.as_str().ok_or_else(Closing::invalid)?);
        }
        self.heard.messages.video += u64::from(field(value, "video").is_some());
        if field(value, "activityEnd").is_some() {
            self.on_activity_end(now)?;
        }
        if is_true(value, "audioStreamEnd") {
            self.on_stream_end(now);
        }
        Ok(())
    }

    fn on_audio(&mut self, now: Nanos, blob: &Value) -> Result<(), Closing> {
        self.heard.messages.audio += 1;
        let rate = pcm_rate(text(blob, "mimeType")).ok_or_else(Closing::invalid)?;
        let data = bytes(text(blob, "data")).ok_or_else(Closing::invalid)?;
        self.heard.violations.odd_bytes += (data.len() % 2) as u64;
        let samples: Vec<i16> =
            data.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        self.heard.samples += samples.len() as u64;
        if self.settings.record_uplink {
            self.heard.keep(&samples);
        }
        let Some(session) = &mut self.session else { return Ok(()) };
        let notices = session.ear.hear(now, &samples, rate);
        self.heard.violations.discarded_samples = session.ear.discarded;
        for notice in notices {
            match notice {
                Notice::Began => self.turn_began(now),
                Notice::Ended(turn) => self.turn_ended(now, turn),
            }
        }
        Ok(())
    }

    fn on_text(&mut self, now: Nanos, said: &str) {
        self.heard.messages.text += 1;
        let Some(session) = &mut self.session else { return };
        if session.ear.is_manual() {
            let within = session.ear.write(said);
            self.heard.violations.discarded_texts += u64::from(!within);
            return;
        }
        if session.setup.interrupts {
            self.interrupt(now);
        }
        self.turn_ended(now, UserTurn::written(said, now));
    }

    fn on_activity_start(&mut self, now: Nanos) -> Result<(), Closing> {
        self.heard.messages.activity_start += 1;
        let Some(session) = &mut self.session else { return Ok(()) };
        if session.setup.detection != Detection::Manual {
            return Err(Closing::invalid());
        }
        if session.ear.begin(now) {
            self.turn_began(now);
        } else {
            self.heard.violations.double_starts += 1;
        }
        Ok(())
    }

    fn on_activity_end(&mut self, now: Nanos) -> Result<(), Closing> {
        self.heard.messages.activity_end += 1;
        let Some(session) = &mut self.session else { return Ok(()) };
        if session.setup.detection != Detection::Manual {
            return Err(Closing::invalid());
        }
        match session.ear.end() {
            Some(turn) => self.turn_ended(now, turn),
            None => self.heard.violations.stray_ends += 1,
        }
        Ok(())
    }

    fn on_stream_end(&mut self, now: Nanos) {
        self.heard.messages.stream_end += 1;
        let Some(session) = &mut self.session else { return };
        if session.ear.is_manual() {
            self.heard.violations.stream_ends_in_manual += 1;
        } else if let Some(turn) = session.ear.end() {
            self.turn_ended(now, turn);
        }
    }

    fn on_tool_response(&mut self, now: Nanos, value: &Value) -> Result<(), Closing> {
        self.heard.messages.tool_response += 1;
        let Some(session) = &mut self.session else { return Ok(()) };
        let responses = at(value, "functionResponses").and_then(Value::as_array);
        for response in responses.ok_or_else(Closing::invalid)? {
            let id = text(response, "id");
            // Vertex takes an answer without an id for the call that waits.
            let waiting = session.reply.as_ref().and_then(|reply| reply.call.clone());
            let id = match (id, waiting) {
                ("", Some((waiting, _))) if self.caller.vertex => waiting,
                _ => id.to_owned(),
            };
            if !session.calls.contains(&id) {
                return Err(Closing::not_found());
            }
            if let Some(reply) = &mut session.reply {
                reply.answer(&id, now);
            }
        }
        Ok(())
    }
}

/// The rate of a PCM type, 16 kHz where it does not say; `None` for others.
/// A rate is from 8 to 48 kHz and, so that it can be converted, a whole
/// multiple of 25 Hz.
fn pcm_rate(mime_type: &str) -> Option<Rate> {
    let mut fields = mime_type.split(';').map(str::trim);
    if !fields.next()?.eq_ignore_ascii_case("audio/pcm") {
        return None;
    }
    let Some(rate) = fields.find_map(|field| field.strip_prefix("rate=")) else {
        return Some(Rate::UPLINK);
    };
    let hz = rate.parse().ok().filter(|hz| *hz <= 48_000 && hz % 25 == 0)?;
    Rate::new(hz)
}
