//! Messages of the session's own that wait to be sent, bounded.

use std::collections::VecDeque;

use crate::protocol::uplink::FunctionResponse;

/// Texts that may wait for the connection.
pub const TEXTS_MAX: usize = 32;
/// Answers to tool calls that may wait.
const TOOL_RESPONSES_MAX: usize = 64;

/// What waits, in the order of its urgency.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) setup_due: bool,
    /// The model is asked to go on.
    pub(super) nudge_due: bool,
    /// The text that the session begins with.
    pub(super) seed_due: bool,
    /// Messages that are still due to silence the model.
    pub(super) stops_due: u8,
    tool_responses: Vec<FunctionResponse>,
    texts: VecDeque<String>,
}

impl Outbox {
    /// What belongs to the old connection goes; texts of the user stay.
    pub(super) fn start_connection(&mut self) {
        self.setup_due = true;
        (self.seed_due, self.nudge_due) = (false, false);
        self.stops_due = 0;
        self.tool_responses.clear();
    }

    pub(super) fn end_connection(&mut self) {
        self.setup_due = false;
        self.tool_responses.clear();
    }

    /// False where it did not fit.
    pub(super) fn push_tool_response(&mut self, response: FunctionResponse) -> bool {
        let fits = self.tool_responses.len() < TOOL_RESPONSES_MAX;
        if fits {
            self.tool_responses.push(response);
        }
        fits
    }

    /// Nothing is sent for calls that were taken back.
    pub(super) fn cancel(&mut self, ids: &[String]) {
        self.tool_responses.retain(|one| !one.id.as_ref().is_some_and(|id| ids.contains(id)));
    }

    /// Whether something waits that a session which is ready may send.
    pub(super) fn wants_transmit(&self) -> bool {
        self.seed_due
            || self.nudge_due
            || self.stops_due > 0
            || !self.tool_responses.is_empty()
            || !self.texts.is_empty()
    }

    pub(super) fn take_tool_responses(&mut self) -> Vec<FunctionResponse> {
        std::mem::take(&mut self.tool_responses)
    }

    /// False where it did not fit.
    pub(super) fn push_text(&mut self, text: &str) -> bool {
        let fits = self.texts.len() < TEXTS_MAX;
        if fits {
            self.texts.push_back(text.to_owned());
        }
        fits
    }

    pub(super) fn take_text(&mut self) -> Option<String> {
        self.texts.pop_front()
    }
}
