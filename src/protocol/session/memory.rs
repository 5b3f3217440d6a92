//! What was said, as text: all that a new session can be told of an old one
//! that cannot be resumed. Bounded; the oldest turns go first.

use std::collections::VecDeque;

use crate::protocol::{event::Speaker, uplink::Turn};

/// Turns kept, of either side.
const TURNS_MAX: usize = 32;
/// Text kept, in bytes: some 4,000 tokens.
const BYTES_MAX: usize = 16 << 10;

#[derive(Debug)]
struct Said {
    by_model: bool,
    text: String,
}

/// See the top of the file.
#[derive(Debug, Default)]
pub(super) struct Memory {
    turns: VecDeque<Said>,
    bytes: usize,
    /// Of the turn under way.
    user: String,
    model: String,
}

impl Memory {
    /// A piece of a caption, or of a reply in writing.
    pub(super) fn hear(&mut self, speaker: Speaker, piece: &str) {
        let words = match speaker {
            Speaker::User => &mut self.user,
            Speaker::Model => &mut self.model,
        };
        words.push_str(piece);
        keep_end(words, BYTES_MAX);
    }

    /// What the user wrote.
    pub(super) fn wrote(&mut self, text: &str) {
        self.push(false, text.to_owned());
    }

    /// The turn is over.
    pub(super) fn turn_complete(&mut self) {
        let (user, model) = (std::mem::take(&mut self.user), std::mem::take(&mut self.model));
        self.push(false, user);
        self.push(true, model);
    }

    /// The connection is gone. A turn that was not answered is said again.
    pub(super) fn connection_lost(&mut self) {
        if self.model.is_empty() {
            self.user.clear();
        } else {
            self.turn_complete();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// The turns for a model of this name: those of 2.5 want the user's last.
    pub(super) fn turns(&self, model: &str) -> Vec<Turn<'_>> {
        let said = |said: &Said| said.by_model;
        let closing = model.contains("2.5") && self.turns.back().is_some_and(said);
        let turns =
            self.turns.iter().map(|said| Turn { by_model: said.by_model, text: &said.text });
        turns.chain(closing.then_some(Turn { by_model: false, text: " " })).collect()
    }

    fn push(&mut self, by_model: bool, mut text: String) {
        if text.trim().is_empty() {
            return;
        }
        keep_end(&mut text, BYTES_MAX);
        self.bytes += text.len();
        self.turns.push_back(Said { by_model, text });
        while (self.turns.len() > TURNS_MAX || self.bytes > BYTES_MAX)
            && let Some(oldest) = self.turns.pop_front()
        {
            self.bytes -= oldest.text.len();
        }
    }
}

/// Drops the beginning of what is longer than `bytes_max`.
fn keep_end(text: &mut String, bytes_max: usize) {
    let surplus = text.len().saturating_sub(bytes_max);
    let cut = (surplus..=text.len()).find(|&at| text.is_char_boundary(at));
    text.drain(..cut.unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(memory: &Memory) -> Vec<(bool, &str)> {
        memory.turns("gemini-3.8-live").iter().map(|turn| (turn.by_model, turn.text)).collect()
    }

    #[test]
    fn pieces_become_turns_of_the_user_and_the_model() {
        let mut memory = Memory::default();
        memory.hear(Speaker::User, "How");
        memory.hear(Speaker::Model, "Fine,");
        memory.hear(Speaker::User, " are you?");
        memory.hear(Speaker::Model, " thanks.");
        assert!(memory.is_empty(), "the turn is not over");
        memory.turn_complete();
        memory.wrote("Good.");
        memory.turn_complete();
        assert_eq!(
            texts(&memory),
            [(false, "How are you?"), (true, "Fine, thanks."), (false, "Good.")]
        );
    }

    #[test]
    fn what_was_not_answered_is_forgotten_with_its_connection_and_what_was_is_not() {
        let mut memory = Memory::default();
        memory.hear(Speaker::User, "one");
        memory.connection_lost();
        memory.hear(Speaker::User, "two");
        memory.hear(Speaker::Model, "half an ans");
        memory.connection_lost();
        assert_eq!(texts(&memory), [(false, "two"), (true, "half an ans")]);
    }

    #[test]
    fn models_of_2_5_get_the_users_turn_last() {
        let mut memory = Memory::default();
        memory.hear(Speaker::Model, "hello");
        memory.turn_complete();
        assert_eq!(memory.turns("gemini-3.8-live").len(), 1);
        let turns = memory.turns("gemini-2.5-flash-native-audio-latest");
        assert_eq!((turns.len(), turns[1].by_model, turns[1].text), (2, false, " "));
    }

    proptest! {
        #[test]
        fn it_is_bounded_and_keeps_the_newest(texts in prop::collection::vec(".{0,40}", 0..60), times in 1..200_usize) {
            let mut memory = Memory::default();
            for text in &texts {
                memory.wrote(&text.repeat(times));
            }
            prop_assert!(memory.turns.len() <= TURNS_MAX);
            let bytes: usize = memory.turns.iter().map(|said| said.text.len()).sum();
            prop_assert!(bytes == memory.bytes && bytes <= BYTES_MAX);
            if let Some(last) = texts.iter().rfind(|text| !text.trim().is_empty()) {
                let kept = &memory.turns.back().unwrap().text;
                prop_assert!(last.repeat(times).ends_with(kept.as_str()));
            }
        }
    }
}
