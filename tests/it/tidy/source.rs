//! Just enough of Rust's syntax for the house rules: what is code, what is a
//! comment, what is a test, where functions end and what paths name.

use std::ops::Range;

/// One Rust file.
pub(super) struct Source {
    /// From the repository's root, with forward slashes.
    pub(super) path: String,
    /// As it is.
    pub(super) raw: String,
    /// The same length and lines, strings and comments replaced by spaces.
    pub(super) code: String,
    /// Byte ranges of items under `#[cfg(test)]`, or all of a test file.
    tests: Vec<Range<usize>>,
    /// Byte ranges of the bodies of inline modules.
    modules: Vec<Range<usize>>,
}

impl Source {
    pub(super) fn new(path: &str, raw: &str) -> Self {
        let code = masked(raw);
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_test =
            name.ends_with("tests.rs") || path.starts_with("tests/") || path.contains("/tests/");
        let tests =
            if is_test { std::iter::once(0..code.len()).collect() } else { test_items(&code) };
        let modules = words(&code, "mod").filter_map(|at| body(&code, at)).collect();
        Self { path: path.to_owned(), raw: raw.to_owned(), code, tests, modules }
    }

    pub(super) fn line_of(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    pub(super) fn is_test(&self, at: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&at))
    }

    /// The raw text of a line, counted from 1.
    pub(super) fn raw_line(&self, line: usize) -> &str {
        self.raw.lines().nth(line.wrapping_sub(1)).unwrap_or("")
    }

    /// Where `word` stands in the code as a whole identifier.
    pub(super) fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        words(&self.code, word)
    }

    /// The leading `//!` lines as one line of words.
    pub(super) fn header(&self) -> String {
        let lines = self.raw.lines().map_while(|line| line.strip_prefix("//!"));
        lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
    }

    /// Name, first line and number of lines of each function with a body.
    pub(super) fn functions(&self) -> Vec<(String, usize, usize, usize)> {
        let one = |at: usize| {
            let range = body(&self.code, at)?;
            let name = identifier(self.code[at + 2..].trim_start());
            let (first, last) = (self.line_of(at), self.line_of(range.end - 1));
            Some((name.to_owned(), at, first, last - first + 1))
        };
        words(&self.code, "fn").filter_map(one).collect()
    }

    /// Each path into the crate as its first two names below the root, with its
    /// place: `crate::a::b`, `super::a` and every branch of `crate::{a, b::c}`.
    pub(super) fn crate_paths(&self) -> Vec<(usize, Vec<String>)> {
        let mut found = Vec::new();
        for at in words(&self.code, "crate") {
            if self.code[..at].ends_with('$') || self.code[..at].ends_with("pub(") {
                continue;
            }
            expand(at, &self.code[at + 5..], Vec::new(), &mut found);
        }
        for at in words(&self.code, "super") {
            let chained = self.code[..at].trim_end().ends_with("::");
            let in_path = self.code[at + 5..].trim_start().starts_with("::");
            if chained || !in_path {
                continue;
            }
            let mut ups = 1;
            let mut rest = self.code[at + 5..].trim_start();
            while let Some(after) = rest.strip_prefix("::").map(str::trim_start)
                && identifier(after) == "super"
            {
                ups += 1;
                rest = after[5..].trim_start();
            }
            let inline = self.modules.iter().filter(|module| module.contains(&at)).count();
            let mut base = self.module();
            base.truncate((base.len() + inline).saturating_sub(ups).min(base.len()));
            expand(at, rest, base, &mut found);
        }
        found
    }

    /// The module that the file is: `src/a/b.rs` is `a::b`.
    fn module(&self) -> Vec<String> {
        let inner = self.path.split_once("src/").map_or(&*self.path, |(_, inner)| inner);
        let inner = inner.trim_end_matches(".rs").trim_end_matches("/mod");
        let root = matches!(inner, "lib" | "main");
        if root { Vec::new() } else { inner.split('/').map(str::to_owned).collect() }
    }
}

/// Follows a path from the text after `crate` or `super` and notes its first two
/// names for each of its branches.
fn expand(at: usize, rest: &str, base: Vec<String>, found: &mut Vec<(usize, Vec<String>)>) {
    let Some(rest) = rest.trim_start().strip_prefix("::").filter(|_| base.len() < 2) else {
        if !base.is_empty() {
            found.push((at, base));
        }
        return;
    };
    let rest = rest.trim_start();
    if let Some(group) = rest.strip_prefix('{') {
        for branch in branches(group) {
            expand(at, &format!("::{branch}"), base.clone(), found);
        }
        return;
    }
    let name = identifier(rest);
    let mut longer = base;
    if name != "self" && !name.is_empty() {
        longer.push(name.to_owned());
    }
    expand(at, &rest[name.len()..], longer, found);
}

/// The text of each branch of `a, b::{c, d}, e}...`.
fn branches(group: &str) -> Vec<&str> {
    let (mut out, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                out.push(group[from..at].trim());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                out.push(group[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    out.retain(|branch| !branch.is_empty());
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn identifier(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        !code[..at].ends_with(is_word) && !code[at + word.len()..].starts_with(is_word)
    })
}

/// The braces that follow `at`, unless a semicolon comes first.
fn body(code: &str, at: usize) -> Option<Range<usize>> {
    let (mut depth, mut nested) = (0, 0);
    let mut open = None;
    for (i, c) in code[at..].char_indices() {
        match c {
            '(' | '[' if open.is_none() => nested += 1,
            ')' | ']' if open.is_none() => nested -= 1,
            ';' if open.is_none() && nested == 0 => return None,
            '{' if open.is_some() || nested == 0 => {
                open = open.or(Some(at + i));
                depth += 1;
            }
            '}' if open.is_some() => {
                depth -= 1;
                if depth == 0 {
                    return open.map(|open| open..at + i + 1);
                }
            }
            '}' => return None,
            _ => {}
        }
        if nested < 0 {
            return None;
        }
    }
    None
}

fn test_items(code: &str) -> Vec<Range<usize>> {
    let attribute = "#[cfg(test)]";
    let item = |(at, _): (usize, &str)| {
        let after = at + attribute.len();
        let end = body(code, after).map(|range| range.end);
        at..end.or_else(|| code[after..].find(';').map(|i| after + i)).unwrap_or(code.len())
    };
    code.match_indices(attribute).map(item).collect()
}

/// `raw` with every comment, string and character literal as spaces, byte for
/// byte, line for line.
fn masked(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut out = bytes.to_vec();
    let mut i = 0;
    while i < bytes.len() {
        let end = match bytes[i] {
            b'/' if bytes[i..].starts_with(b"//") => {
                raw[i..].find('\n').map_or(bytes.len(), |n| i + n)
            }
            b'/' if bytes[i..].starts_with(b"/*") => block_comment(bytes, i),
            b'"' => string(bytes, i + 1),
            b'r' | b'b' | b'c' if !is_word_byte(bytes, i) => literal(bytes, i),
            b'\'' => character(bytes, i),
            _ => i,
        };
        if end == i {
            i += 1;
            continue;
        }
        for byte in &mut out[i..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        i = end;
    }
    // Only whole characters were replaced, or bytes of one by as many spaces.
    String::from_utf8_lossy(&out).into_owned()
}

fn is_word_byte(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn block_comment(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i < bytes.len() {
        if bytes[i..].starts_with(b"/*") {
            depth += 1;
            i += 2;
        } else if bytes[i..].starts_with(b"*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    bytes.len()
}

/// After the closing quote of a string whose text begins at `i`.
fn string(bytes: &[u8], mut i: usize) -> usize {
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

/// After a literal with a prefix (`r#""#`, `b""`, `br""`, `b'x'`), or `start`.
fn literal(bytes: &[u8], start: usize) -> usize {
    let prefix = bytes[start..].iter().take_while(|b| matches!(b, b'r' | b'b' | b'c')).count();
    let after = start + prefix;
    let hashes = bytes[after..].iter().take_while(|&&b| b == b'#').count();
    let is_raw = bytes[start..after].contains(&b'r');
    match bytes.get(after + hashes) {
        Some(b'"') if is_raw => {
            let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
            let text = after + hashes + 1;
            let end = bytes[text..].windows(close.len()).position(|window| window == close);
            end.map_or(bytes.len(), |n| text + n + close.len())
        }
        Some(b'"') if hashes == 0 => string(bytes, after + 1),
        Some(b'\'') if hashes == 0 && !is_raw => character(bytes, after),
        _ => start,
    }
}

/// After a character literal that begins at `start`; a lifetime is none.
fn character(bytes: &[u8], start: usize) -> usize {
    if bytes.get(start + 1) == Some(&b'\\') {
        let close = bytes[start + 3..].iter().position(|&b| b == b'\'');
        return close.map_or(bytes.len(), |n| start + 3 + n + 1);
    }
    // A character has up to four bytes.
    let close = (2..=5).find(|&n| bytes.get(start + n) == Some(&b'\''));
    match close {
        Some(n) if n == 2 || !bytes[start + 1].is_ascii() => start + n + 1,
        _ => start,
    }
}
