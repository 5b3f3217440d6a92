//! Texts that problems point into: a file, or an argument.

use std::ops::Range;

/// How the service's secrets start: API keys, ephemeral tokens, OAuth tokens.
const SECRET_STARTS: [&str; 3] = ["AIza", "auth_tokens/", "ya29."];
/// Fewer characters after the start are no key.
const KEY_TAIL_MIN: usize = 20;

/// One text, with secrets masked wherever it is shown.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    shown: String,
    is_argument: bool,
}

impl Source {
    /// The text of a file called `name`.
    pub fn file(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(name.into(), text.into(), false)
    }

    /// An argument as it was typed.
    pub fn argument(text: impl Into<String>) -> Self {
        Self::new("command line".to_owned(), text.into(), true)
    }

    fn new(name: String, text: String, is_argument: bool) -> Self {
        let mut source = Self { name, shown: text.clone(), text, is_argument };
        for key in source.keys() {
            source.mask(key.start + "AIza".len()..key.end);
        }
        for secret in secrets_of_urls(&source.text) {
            source.mask(secret);
        }
        source
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it was typed on the command line.
    pub fn is_argument(&self) -> bool {
        self.is_argument
    }

    /// Where something stands that looks like an API key or a token.
    pub fn keys(&self) -> Vec<Range<usize>> {
        let is_key = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let found = SECRET_STARTS.iter().flat_map(|start| self.text.match_indices(start));
        let keys = found.map(|(at, start)| {
            let tail = &self.text[at + start.len()..];
            (at..at + start.len() + tail.find(|c| !is_key(c)).unwrap_or(tail.len()), start.len())
        });
        keys.filter(|(key, start_len)| key.len() >= start_len + KEY_TAIL_MIN)
            .map(|(key, _)| key)
            .collect()
    }

    /// Never shows what stands in `range`.
    pub fn mask(&mut self, range: Range<usize>) {
        let range = self.clamp(range);
        let stars = "*".repeat(range.len());
        self.shown.replace_range(range, &stars);
    }

    /// The same range, within the text and on character bounds.
    pub fn clamp(&self, range: Range<usize>) -> Range<usize> {
        let start = floor(&self.text, range.start);
        start..floor(&self.text, range.end).max(start)
    }

    /// Line and column of a byte, in characters, counted from 1.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..floor(&self.text, offset)];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The line around a byte as it may be shown, without its end.
    pub fn line_at(&self, offset: usize) -> &str {
        let offset = floor(&self.shown, offset);
        let start = self.shown[..offset].rfind('\n').map_or(0, |i| i + 1);
        let end = self.shown[offset..].find('\n').map_or(self.shown.len(), |i| offset + i);
        self.shown[start..end].trim_end_matches('\r')
    }
}

/// The start of the character that a byte belongs to, or the end.
fn floor(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    (0..=offset).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

/// User and password, and the query, of everything that looks like a URL.
fn secrets_of_urls(text: &str) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    for (found, _) in text.match_indices("://") {
        let start = found + 3;
        let url = text[start..].split(['"', '\'', ' ', '\n']).next().unwrap_or("");
        let host_end = url.find('/').unwrap_or(url.len());
        if let Some(user_len) = url[..host_end].find('@') {
            secrets.push(start..start + user_len);
        }
        if let Some(query) = url.find('?') {
            secrets.push(start + query + 1..start + url.len());
        }
    }
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::file("f", "a\nüb\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(4), (2, 2));
        assert_eq!(source.position(5), (2, 3));
        assert_eq!(source.position(99), (3, 1));
        assert_eq!(source.line_at(3), "üb");
        assert_eq!(source.line_at(99), "");
    }

    #[test]
    fn a_key_is_found_and_never_shown() {
        let key = format!("AIza{}", "Sy0_-".repeat(7));
        let source = Source::file("f", format!("# {key}\nurl = \"{key}x\""));
        assert_eq!(source.keys().len(), 2);
        assert_eq!(source.line_at(0), format!("# AIza{}", "*".repeat(35)));
        assert!(!source.line_at(50).contains("Sy0"));
        assert!(Source::file("f", "AIza is how a key starts").keys().is_empty());
        let token = format!("auth_tokens/{}", "0a".repeat(20));
        assert_eq!(Source::file("f", token).keys().first(), Some(&(0..52)));
    }

    #[test]
    fn a_url_is_shown_without_its_user_and_query() {
        let source = Source::argument("--url wss://me:pw@host/path?key=k x");
        assert_eq!(source.line_at(0), "--url wss://*****@host/path?***** x");
    }
}
