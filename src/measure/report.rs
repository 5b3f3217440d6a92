//! Tables of text for a terminal: aligned columns, numbers to the right.

use std::fmt::{self, Write as _};

/// What stands in a cell that has no value.
pub const NONE: &str = "-";

/// A table of text. A column whose cells are all numbers (with a sign, a
/// decimal point, a unit) is aligned to the right, every other to the left.
#[derive(Clone, Debug, Default)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads and no rows.
    pub fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Self { head: head.into_iter().map(|cell| plain(&cell.into())).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty, surplus ones are dropped.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        let mut row: Vec<String> = cells.into_iter().map(|cell| plain(&cell.into())).collect();
        row.resize(self.head.len(), String::new());
        self.rows.push(row);
        self
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn width(&self, column: usize) -> usize {
        let rows = self.rows.iter().map(|row| row[column].chars().count());
        rows.chain([self.head[column].chars().count()]).max().unwrap_or(0)
    }

    fn is_numeric(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().map(|row| row[column].as_str()).filter(|c| !c.is_empty());
        !self.rows.is_empty() && cells.all(|cell| cell == NONE || starts_as_number(cell))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<(usize, bool)> =
            (0..self.head.len()).map(|c| (self.width(c), self.is_numeric(c))).collect();
        let rule: Vec<String> = columns.iter().map(|&(width, _)| "-".repeat(width)).collect();
        for cells in [&self.head, &rule].into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (cell, &(width, right)) in cells.iter().zip(&columns) {
                if right {
                    write!(line, "{cell:>width$}  ")?;
                } else {
                    write!(line, "{cell:<width$}  ")?;
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Milliseconds for people: three digits, and [`NONE`] where there is no value.
pub fn ms(value: impl Into<Option<f64>>) -> String {
    match value.into() {
        None => NONE.to_owned(),
        Some(ms) if ms.abs() < 10.0 => format!("{ms:.2} ms"),
        Some(ms) if ms.abs() < 100.0 => format!("{ms:.1} ms"),
        Some(ms) => format!("{ms:.0} ms"),
    }
}

/// Seconds for people, to the hundredth, and [`NONE`] where there is no value.
pub fn seconds(value: impl Into<Option<f64>>) -> String {
    value.into().map_or_else(|| NONE.to_owned(), |s| format!("{s:.2} s"))
}

/// `text` without what could steer a terminal: a caption comes from a server.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if steers(c) { ' ' } else { c }).collect()
}

/// The same of several lines, which they stay.
pub fn plain_lines(text: &str) -> String {
    text.chars().map(|c| if c != '\n' && steers(c) { ' ' } else { c }).collect()
}

/// Whether `c` moves the cursor, begins an escape sequence or turns the direction
/// of what follows.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

fn starts_as_number(cell: &str) -> bool {
    cell.trim_start_matches(['+', '-', '<', '≤']).starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_words_left_under_their_heads() {
        let mut table = Table::new(["turn", "who", "heard after"]);
        table.row(["1", "user", &ms(3.1459)]).row(["12", "model", &ms(412.3)]);
        table.row(["13", "é", &ms(None)]);
        let expected = "\
turn  who    heard after
----  -----  -----------
   1  user       3.15 ms
  12  model       412 ms
  13  é                -
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn a_table_without_rows_is_its_head() {
        let table = Table::new(["a", "long head"]);
        assert!(table.is_empty());
        assert_eq!(table.to_string(), "a  long head\n-  ---------\n");
    }

    #[test]
    fn ragged_rows_keep_their_columns() {
        let mut table = Table::new(["a", "b"]);
        table.row(["x"]).row(["y", "z", "surplus"]);
        assert_eq!(table.to_string(), "a  b\n-  -\nx\ny  z\n");
    }

    #[test]
    fn a_caption_cannot_steer_the_terminal() {
        let mut table = Table::new(["said"]);
        table.row(["\u{1b}[2Jhello\nthere\u{202e}"]);
        assert!(table.to_string().ends_with(" [2Jhello there\n"));
    }

    #[test]
    fn values_keep_three_digits() {
        assert_eq!([ms(0.1234), ms(45.67), ms(1234.5)], ["0.12 ms", "45.7 ms", "1234 ms"]);
        assert_eq!([seconds(1.005), seconds(None)], ["1.00 s", "-"]);
    }
}
