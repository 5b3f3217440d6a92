//! What a session makes of one message from the server.

use serde_json::Value;

use super::{HANDLE_BYTES_MAX, Session, State, TEXT_BYTES_MAX, reply::Interruption};
use crate::{
    audio::Nanos,
    protocol::{
        downlink::Decoded,
        event::{Event, Speaker, Usage},
        settings::Handle,
        uplink::FunctionResponse,
        wire::{
            self, Blob, Content, Reading, RpcError, ServerContent, ServerMessage,
            SessionResumptionUpdate, ToolCall, Transcript, UsageMetadata,
        },
    },
};

impl Session {
    /// One message from the server, of a text or a binary frame alike. What
    /// cannot be read is counted and costs only itself.
    pub fn receive(&mut self, now: Nanos, message: &[u8]) {
        self.counters.messages += 1;
        if self.state == State::Disconnected {
            self.counters.unexpected_messages += 1;
            return;
        }
        let mut spare = Value::Null;
        match wire::read(message, &mut spare) {
            Reading::Message(message) => self.understood(now, message),
            Reading::Salvaged(message) => {
                self.counters.salvaged_messages += 1;
                self.understood(now, message);
            }
            Reading::Empty => {}
            Reading::Unknown => self.counters.unknown_messages += 1,
            Reading::Garbage => self.counters.garbage_messages += 1,
        }
    }

    fn understood(&mut self, now: Nanos, message: ServerMessage<'_>) {
        if let Some(complete) = message.setup_complete {
            self.setup_complete(complete.session_id);
        }
        if let Some(update) = message.session_resumption_update {
            self.resumption(update);
        }
        if let Some(cancelled) = message.tool_call_cancellation {
            self.outbox.cancel(&cancelled.ids);
            self.calls = 0;
            let ids = self.kept_ids(cancelled.ids);
            self.emit(Event::ToolCancelled { ids });
        }
        if let Some(activity) = message.voice_activity {
            let offset = activity.audio_offset;
            self.voice_activity(activity.kind.as_deref(), offset);
        }
        if let Some(signal) = message.voice_activity_detection_signal {
            self.voice_activity(signal.vad_signal_type.as_deref(), None);
        }
        if let Some(content) = message.server_content {
            self.content(now, content);
        }
        if let Some(call) = message.tool_call {
            self.tool_call(call);
        }
        if let Some(usage) = message.usage_metadata {
            self.usage(&usage);
        }
        if let Some(RpcError { code, message, status }) = message.error {
            self.server_error(code, status, message);
        } else if message.code.is_some() {
            self.server_error(message.code, message.status, message.message);
        }
        if let Some(go_away) = message.go_away {
            self.emit(Event::GoingAway { time_left: go_away.time_left });
        }
    }

    fn setup_complete(&mut self, session_id: Option<String>) {
        if !matches!(self.state, State::SettingUp { .. }) {
            self.counters.unexpected_messages += 1;
            return;
        }
        self.state = State::Ready;
        self.refusals = 0;
        self.resumable_now = self.resuming;
        self.outbox.seed_due = self.seeding;
        self.counters.resumed += u64::from(self.resuming);
        let session_id = session_id.map(|id| self.kept(id));
        self.emit(Event::Ready { session_id, resumed: self.resuming });
    }

    fn server_error(&mut self, code: Option<i64>, status: Option<String>, text: Option<String>) {
        let status = status.map(|status| self.kept(status));
        let message = self.kept(text.unwrap_or_default());
        self.emit(Event::ServerError { code, status, message });
    }

    /// `text` as far as it is kept.
    fn kept(&mut self, mut text: String) -> String {
        if text.len() > TEXT_BYTES_MAX {
            text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
            text.shrink_to_fit();
            self.counters.overlong_fields += 1;
        }
        self.without_handle(text)
    }

    /// As many as are kept, by their lengths together.
    fn kept_ids(&mut self, mut ids: Vec<String>) -> Vec<String> {
        let mut bytes = 0;
        let fits = |id: &&String| {
            bytes += id.len();
            bytes <= TEXT_BYTES_MAX
        };
        let kept = ids.iter().take_while(fits).count();
        self.counters.overlong_fields += (ids.len() - kept) as u64;
        ids.truncate(kept);
        ids
    }

    /// A handle counts where it is said to be resumable; otherwise the one
    /// before it stays the newest.
    fn resumption(&mut self, update: SessionResumptionUpdate) {
        let handle = update.new_handle.filter(|handle| !handle.is_empty());
        let fits = |handle: &String| handle.len() <= HANDLE_BYTES_MAX;
        self.counters.overlong_fields += u64::from(!handle.iter().all(fits));
        let handle = handle.filter(fits);
        self.resumable_now = update.resumable == Some(true) && handle.is_some();
        if self.resumable_now {
            self.handle = handle.map(Handle::new);
        }
        self.emit(Event::Resumable { handle_known: self.handle.is_some() });
    }

    fn voice_activity(&mut self, kind: Option<&str>, offset: Option<Nanos>) {
        let start = match kind {
            Some("ACTIVITY_START" | "VAD_SIGNAL_TYPE_SOS") => true,
            Some("ACTIVITY_END" | "VAD_SIGNAL_TYPE_EOS") => false,
            _ => return,
        };
        self.emit(Event::VoiceActivity { start, offset });
    }

    fn content(&mut self, now: Nanos, content: ServerContent<'_>) {
        let idle = content.is_idle();
        let interrupted = content.interrupted == Some(true);
        if interrupted {
            self.interrupted(now);
        }
        self.caption(Speaker::User, content.interim_input_transcription, true);
        self.caption(Speaker::User, content.input_transcription, false);
        if let Some(turn) = content.model_turn {
            self.calls = 0;
            self.model_turn(now, turn, interrupted);
        }
        self.caption(Speaker::Model, content.output_transcription, false);
        if content.generation_complete == Some(true) {
            self.generated = true;
            let reply = self.replies.current();
            self.emit(Event::GenerationComplete { reply });
        }
        if content.waiting_for_input == Some(true) {
            self.emit(Event::WaitingForInput);
        }
        if content.turn_complete == Some(true) {
            self.turn_complete(idle, content.turn_complete_reason);
        } else if idle {
            self.in_progress = false;
            self.emit(Event::Idle);
        }
    }

    fn interrupted(&mut self, now: Nanos) {
        let reply = match self.replies.interrupted(now) {
            Interruption::Current(reply) => {
                self.counters.interruptions += 1;
                Some(reply)
            }
            Interruption::Late(reply) => {
                self.counters.late_interruptions += 1;
                Some(reply)
            }
            Interruption::Phantom(reply) => {
                self.counters.phantom_interruptions += 1;
                reply
            }
        };
        if let Some(reply) = reply {
            self.emit(Event::Interrupted { reply });
        }
    }

    fn model_turn(&mut self, now: Nanos, turn: Content<'_>, interrupted: bool) {
        for part in turn.parts {
            if let Some(text) = part.text.filter(|text| !text.is_empty()) {
                if part.thought == Some(true) {
                    self.counters.thought_parts += 1;
                } else if self.replies.is_stale(now) || interrupted {
                    self.counters.stale_text_parts += 1;
                } else {
                    let (reply, text) = (self.replies.content(), self.kept(text));
                    self.memory.hear(Speaker::Model, &text);
                    self.emit(Event::Text { reply, text });
                }
            }
            if let Some(blob) = part.inline_data {
                self.audio(now, &blob, interrupted);
            }
        }
    }

    fn audio(&mut self, now: Nanos, blob: &Blob<'_>, interrupted: bool) {
        let is_stale = self.replies.is_stale(now) || interrupted;
        // What is stale may end between two samples, and its rest be played.
        match self.parts.push(blob) {
            _ if is_stale => self.counters.stale_audio_parts += 1,
            Decoded::Samples(samples, rate) => {
                self.counters.audio_parts += 1;
                if !samples.is_empty() {
                    let reply = self.replies.content();
                    self.emit(Event::Audio { reply, samples, rate });
                }
            }
            Decoded::OtherMedia => self.counters.other_media_parts += 1,
            Decoded::Bad => self.counters.bad_audio_parts += 1,
        }
    }

    fn caption(&mut self, speaker: Speaker, transcript: Option<Transcript>, interim: bool) {
        let Some(transcript) = transcript else { return };
        let text = self.kept(transcript.text.unwrap_or_default());
        let finished = transcript.finished == Some(true);
        if finished || !text.is_empty() {
            if !interim {
                self.memory.hear(speaker, &text);
            }
            self.emit(Event::Caption { speaker, text, interim, finished });
        }
    }

    fn turn_complete(&mut self, idle: bool, reason: Option<String>) {
        self.turns += 1;
        (self.in_progress, self.calls) = (!idle, 0);
        self.counters.turns += 1;
        self.memory.turn_complete();
        // A turn may be called complete in the middle of its sound, which then
        // goes on between two samples.
        if std::mem::take(&mut self.generated) || self.replies.is_cut() {
            self.parts.reset();
        }
        let (reply, had_content) = self.replies.turn_complete();
        self.counters.empty_turns += u64::from(!had_content);
        let reason = reason.map(|reason| self.kept(reason));
        self.emit(Event::TurnComplete { reply, idle, reason });
    }

    /// Answers at once: audio while a blocking call is unanswered would end
    /// the connection with 1008.
    fn tool_call(&mut self, call: ToolCall) {
        for one in call.function_calls {
            self.counters.tool_calls += 1;
            self.calls += 1;
            let name = self.kept(one.name.unwrap_or_default());
            let id = one.id.map(|id| self.kept(id));
            let response = FunctionResponse::no_handler(name.clone(), id.clone());
            if !self.outbox.push_tool_response(response) {
                self.counters.tool_responses_refused += 1;
            }
            self.emit(Event::ToolCall { name, id });
        }
    }

    fn usage(&mut self, metadata: &UsageMetadata) {
        let count = |count: Option<i64>| count.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let usage = Usage {
            prompt_tokens: count(metadata.prompt_token_count),
            cached_tokens: count(metadata.cached_content_token_count),
            response_tokens: count(metadata.response_token_count),
            tool_prompt_tokens: count(metadata.tool_use_prompt_token_count),
            thought_tokens: count(metadata.thoughts_token_count),
            total_tokens: count(metadata.total_token_count),
        };
        self.counters.usage.add(&usage);
        self.emit(Event::Usage(usage));
    }
}
