//! A status line at the bottom that is drawn again in its place, and lines of
//! text that pass above it. Plain: widths in, text and control codes out.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The status line as it stands on the terminal.
#[derive(Debug, Default)]
pub(in crate::cli) struct Screen {
    status: String,
    /// Columns that are covered just now.
    drawn: usize,
    /// The terminal's width when they were drawn.
    width: usize,
}

impl Screen {
    /// What puts `text` above the status line.
    pub(in crate::cli) fn above(&mut self, text: &str, width: usize) -> String {
        let mut out = self.erase(width);
        out += text;
        if !text.ends_with('\n') {
            out.push('\n');
        }
        self.draw(&mut out, width);
        out
    }

    /// What shows another status; none where it stands there already.
    pub(in crate::cli) fn show(&mut self, status: String, width: usize) -> Option<String> {
        if status == self.status && width == self.width && self.drawn > 0 {
            return None;
        }
        let mut out = self.erase(width);
        self.status = status;
        self.draw(&mut out, width);
        Some(out)
    }

    /// What takes the status line away.
    pub(in crate::cli) fn erase(&mut self, width: usize) -> String {
        // A terminal made narrower has wrapped the line.
        let wrapped = self.drawn.saturating_sub(1) / width.max(1);
        let covered = std::mem::take(&mut self.drawn) > 0;
        match (covered, wrapped) {
            (false, _) => String::new(),
            (true, 0) => "\r\x1b[J".to_owned(),
            (true, rows) => format!("\r\x1b[{rows}A\x1b[J"),
        }
    }

    /// One column stays free, so that no terminal wraps.
    fn draw(&mut self, out: &mut String, width: usize) {
        let line = cut(&self.status, width.saturating_sub(1));
        self.drawn = line.width();
        self.width = width;
        out.push_str(line);
    }
}

/// The longest start of `text` that covers at most `columns`.
pub(super) fn cut(text: &str, columns: usize) -> &str {
    let mut covered = 0;
    for (index, c) in text.char_indices() {
        covered += c.width().unwrap_or(0);
        if covered > columns {
            return &text[..index];
        }
    }
    text
}

/// `head` and `text` in lines of at most `width` columns, broken between
/// words where that is possible; what follows the first stands under the text.
pub(super) fn wrap(head: &str, text: &str, width: usize) -> String {
    // On a narrow terminal the text needs the room more than the order.
    let indent = if width >= 4 * head.width() { head.width() } else { 2 };
    let width = width.max(indent + 2);
    let mut out = head.to_owned();
    let mut covered = head.width();
    let mut fresh = true;
    for word in text.split_whitespace() {
        let space = usize::from(!fresh);
        if !fresh && covered + space + word.width() > width {
            break_line(&mut out, indent);
            (covered, fresh) = (indent, true);
        }
        if !fresh {
            out.push(' ');
            covered += 1;
        }
        for c in word.chars() {
            let columns = c.width().unwrap_or(0);
            if covered + columns > width {
                break_line(&mut out, indent);
                covered = indent;
            }
            out.push(c);
            covered += columns;
        }
        fresh = false;
    }
    out
}

fn break_line(out: &mut String, indent: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_passes_above_and_the_status_stands_again_below_it() {
        let mut screen = Screen::default();
        assert_eq!(screen.show("listening".to_owned(), 40).unwrap(), "listening");
        assert_eq!(screen.show("listening".to_owned(), 40), None);
        assert_eq!(screen.above("you  hello", 40), "\r\x1b[Jyou  hello\nlistening");
        assert_eq!(screen.erase(40), "\r\x1b[J");
        assert_eq!(screen.erase(40), "");
    }

    #[test]
    fn a_narrower_terminal_cuts_the_status_and_takes_its_wrapped_rows_away() {
        let mut screen = Screen::default();
        screen.show("0123456789".to_owned(), 40);
        let out = screen.show("0123456789".to_owned(), 4).unwrap();
        assert_eq!(out, "\r\x1b[2A\x1b[J012");
        assert_eq!(screen.show("説明".to_owned(), 4).unwrap(), "\r\x1b[J説");
    }

    #[test]
    fn captions_are_broken_between_words_and_stand_under_each_other() {
        let out = wrap("you  ", "one two three four five six", 20);
        assert_eq!(out, "you  one two three\n     four five six");
        assert_eq!(wrap("you  ", "one two", 12), "you  one two");
        assert_eq!(wrap("you  ", "abcdefghijkl", 8), "you  abc\n  defghi\n  jkl");
        assert_eq!(wrap("you  ", "こんにちは世界", 20), "you  こんにちは世界");
        assert_eq!(wrap("you  ", "こんにちは世界です", 20), "you  こんにちは世界\n     です");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal_and_no_word_is_lost(
            text in "[a-zé世界 ]{0,80}", width in 10usize..60
        ) {
            let out = wrap("you  ", &text, width);
            for line in out.lines() {
                prop_assert!(line.width() <= width, "{line:?} in {width}");
            }
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(bare(&out["you  ".len()..]), bare(&text));
            prop_assert!(cut(&text, width).width() <= width);
        }
    }
}
