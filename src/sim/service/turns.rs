//! Turns: what the beginning and the end of one set off, and each step of the
//! reply as it falls due.

use super::{
    Answer, Event, HeardTurn, Reply, Service, UserTurn,
    messages::{self, Usage},
    reply::{Step, words},
};
use crate::audio::{Nanos, Rate};

/// Turns that may wait for a reply that is not to be cut.
const WAITING_MAX: usize = 8;
/// Words of the user's in one transcription.
const WORDS_PER_CAPTION: usize = 4;

impl Service {
    /// The user began to speak: that cuts a reply, unless the setup says not.
    pub(super) fn turn_began(&mut self, now: Nanos) {
        self.events.push(now, Event::TurnBegan);
        let Some(session) = &self.session else { return };
        let interrupts = session.setup.interrupts;
        if session.setup.explicit_vad {
            let offset = Rate::UPLINK.duration_of(self.heard.samples);
            self.outbox.tell(now, messages::voice_activity(true, offset));
        }
        if interrupts {
            self.interrupt(now);
        }
    }

    /// The user's turn ended: a reply is due, now or after the one under way.
    pub(super) fn turn_ended(&mut self, now: Nanos, turn: UserTurn) {
        let speech_secs = turn.speech_secs();
        let text = turn.text.clone();
        self.events.push(now, Event::TurnEnded { speech_secs, text: text.clone() });
        let heard = HeardTurn {
            began: turn.began,
            ended: now,
            samples: turn.start..turn.start + turn.pcm.len() as u64,
            pcm: turn.pcm.clone().into(),
            rate: turn.rate,
            speech_secs,
            text,
        };
        self.heard.turn(heard, self.settings.turns_kept);
        let Some(session) = &self.session else { return };
        if session.setup.explicit_vad && !turn.pcm.is_empty() {
            let offset = Rate::UPLINK.duration_of(self.heard.samples);
            self.outbox.tell(now, messages::voice_activity(false, offset));
        }
        self.transcribe(now, &turn);
        if self.session.as_ref().is_some_and(|session| session.setup.interrupts) {
            self.interrupt(now);
        }
        let Some(session) = &mut self.session else { return };
        if session.reply.is_none() {
            self.begin_reply(now, &turn);
        } else if session.waiting.len() < WAITING_MAX {
            session.waiting.push_back(turn);
        } else {
            self.heard.violations.refused_turns += 1;
            let refused = messages::turn_complete(
                Some("RESPONSE_REJECTED"),
                None,
                Usage::default(),
                self.caller.vertex,
            );
            self.outbox.tell(now, refused);
            self.heard.turns_completed += 1;
        }
    }

    /// Cuts the reply, if there is one, wherever it is: before its first part,
    /// between parts, or all sent and not yet played.
    pub(super) fn interrupt(&mut self, now: Nanos) {
        let Some(session) = &mut self.session else { return };
        let Some(reply) = session.reply.take() else { return };
        if let Some((id, _)) = &reply.call {
            self.outbox.tell(now, messages::tool_call_cancellation(id));
        }
        self.heard.interruptions += 1;
        self.outbox.tell(now, messages::interrupted());
        self.events.push(now, Event::Interrupted);
        let status = session.setup.interaction_status.then_some("IDLE");
        self.complete(now, &reply, None, status);
        self.next_turn(now);
    }

    /// Does the reply's next step, which is due at `now`.
    pub(super) fn step(&mut self, now: Nanos) {
        let vertex = self.caller.vertex;
        let Some(session) = &mut self.session else { return };
        let Some(reply) = &mut session.reply else { return };
        let first = reply.parts_sent == 0;
        match reply.step(now) {
            Some(Step::Begin) => {
                if session.setup.resumable {
                    self.outbox.tell(now, messages::resumption(None, None));
                }
            }
            Some(Step::Part(bytes)) => {
                self.outbox.tell(now, messages::audio(&bytes, vertex));
                if first {
                    self.events.push(now, Event::ReplyBegan);
                }
            }
            Some(Step::Caption(text)) => self.outbox.tell(now, messages::model_caption(&text)),
            Some(Step::Text(text)) => self.outbox.tell(now, messages::written(&text)),
            Some(Step::Call { id, name, args, .. }) => {
                self.outbox.tell(now, messages::tool_call(&id, &name, &args));
                session.calls.push(id);
            }
            Some(Step::GenerationComplete) => {
                self.outbox.tell(now, messages::generation_complete());
            }
            Some(Step::TurnComplete { status: Some("IN_PROGRESS"), .. }) => {
                let part = messages::turn_complete(None, Some("IN_PROGRESS"), reply.usage, vertex);
                self.outbox.tell(now, part);
            }
            Some(Step::TurnComplete { reason, status }) => {
                if let Some(reply) = session.reply.take() {
                    self.complete(now, &reply, reason, status);
                    self.next_turn(now);
                }
            }
            Some(Step::AwaitAnswer) | None => {}
        }
    }

    fn begin_reply(&mut self, now: Nanos, turn: &UserTurn) {
        let Some(session) = &mut self.session else { return };
        let nth = session.replies;
        session.replies += 1;
        let answer = self.settings.script.get(nth).map_or(Answer::Spoken, |turn| turn.answer);
        if answer == Answer::Nothing {
            return;
        }
        let (settings, setup) = (&self.settings, &session.setup);
        session.reply = Some(Reply::plan(settings, setup, turn, nth, &mut self.seed, now));
    }

    /// Sends what ends a turn: turnComplete with usage, then a new handle.
    fn complete(&mut self, now: Nanos, reply: &Reply, reason: Option<&str>, status: Option<&str>) {
        let vertex = self.caller.vertex;
        self.heard.turns_completed += 1;
        self.outbox.tell(now, messages::turn_complete(reason, status, reply.usage, vertex));
        let reply_secs = reply.bytes_sent as f64 / 48_000.0;
        let parts = reply.parts_sent;
        self.events.push(now, Event::TurnCompleted { reply_secs, parts });
        let Some(session) = &mut self.session else { return };
        session.turns += 1;
        if session.setup.resumable {
            let handle = format!("{:016x}{:016x}", self.seed.bits(), self.seed.bits());
            session.seat.remember(handle.clone(), session.turns);
            let consumed = vertex.then_some(self.heard.messages.total);
            self.outbox.tell(now, messages::resumption(Some(&handle), consumed));
        }
    }

    /// A turn that waited is replied to.
    fn next_turn(&mut self, now: Nanos) {
        let waiting = self.session.as_mut().and_then(|session| session.waiting.pop_front());
        if let Some(turn) = waiting {
            self.begin_reply(now, &turn);
        }
    }

    /// Sends what the user said, as the script has it or by its length.
    fn transcribe(&mut self, now: Nanos, turn: &UserTurn) {
        let Some(session) = &self.session else { return };
        if !session.setup.input_transcription
            || !self.settings.transcripts
            || turn.speech.is_empty()
        {
            return;
        }
        let nth = session.replies + session.waiting.len();
        let scripted = self.settings.script.get(nth).and_then(|script| script.user.clone());
        let said = scripted.unwrap_or_else(|| format!("({:.1} s of speech)", turn.speech_secs()));
        for piece in words(&said).chunks(WORDS_PER_CAPTION) {
            self.outbox.tell(now, messages::user_caption(&piece.concat()));
        }
    }
}
