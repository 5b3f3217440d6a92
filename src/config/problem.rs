//! What is wrong, where exactly, and what to do about it.

use std::{
    fmt::{self, Write},
    ops::Range,
};

use super::source::Source;

/// A place in one of the sources.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Which source: 0 is the file, the arguments follow.
    pub source: usize,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl At {
    /// A place in the file.
    pub fn file(span: Range<usize>) -> Self {
        Self { source: 0, start: span.start, end: span.end }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub at: At,
    /// What.
    pub message: String,
    /// What was expected there; may be empty.
    pub expected: String,
    /// The next step; may be empty. Lines after the first are meant to be
    /// copied.
    pub next: String,
}

impl Problem {
    /// A problem at `at`.
    pub fn new(at: &At, message: impl Into<String>) -> Self {
        let (expected, next) = (String::new(), String::new());
        Self { at: at.clone(), message: message.into(), expected, next }
    }

    /// Says what was expected.
    pub fn expected(self, expected: impl Into<String>) -> Self {
        Self { expected: expected.into(), ..self }
    }

    /// Says what to do.
    pub fn next(self, next: impl Into<String>) -> Self {
        Self { next: next.into(), ..self }
    }
}

/// Everything that is wrong, in the order in which it is written.
#[derive(Clone, Debug)]
pub struct Problems {
    sources: Vec<Source>,
    problems: Vec<Problem>,
}

/// A problem with its position in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<'a> {
    /// The file, or `command line`.
    pub source: &'a str,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The column after the last marked character of the line.
    pub column_end: usize,
    /// The line, secrets masked.
    pub text: &'a str,
    /// What is wrong.
    pub problem: &'a Problem,
}

impl Problems {
    /// Sorts `problems`; the same one twice is one.
    pub fn new(sources: Vec<Source>, mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| (&a.at, &a.message).cmp(&(&b.at, &b.message)));
        problems.dedup_by(|a, b| (&a.at, &a.message) == (&b.at, &b.message));
        Self { sources, problems }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Each with its position.
    pub fn iter(&self) -> impl Iterator<Item = Located<'_>> {
        self.problems.iter().map(|problem| self.locate(problem))
    }

    fn locate<'a>(&'a self, problem: &'a Problem) -> Located<'a> {
        let source = &self.sources[problem.at.source];
        let span = source.clamp(problem.at.start..problem.at.end);
        let (line, column) = source.position(span.start);
        let text = source.line_at(span.start);
        let marked = &source.text()[span];
        let marked = marked.lines().next().unwrap_or("").chars().count();
        let room = (text.chars().count() + 1).saturating_sub(column);
        let column_end = column + marked.min(room).max(1);
        Located { source: source.name(), line, column, column_end, text, problem }
    }

    /// Whether a problem lies on the command line and not in the file.
    fn is_argument(&self, problem: &Problem) -> bool {
        self.sources[problem.at.source].is_argument()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, at) in self.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            if self.is_argument(at.problem) {
                writeln!(f, "{}: {}", at.source, visible(&at.problem.message))?;
                excerpt(f, "", &at)?;
            } else {
                let Located { source, line, column, problem, .. } = &at;
                writeln!(f, "{source}:{line}:{column}: {}", visible(&problem.message))?;
                excerpt(f, &line.to_string(), &at)?;
            }
        }
        Ok(())
    }
}

/// The source line, carets under what is meant, what was expected, what next.
fn excerpt(f: &mut fmt::Formatter<'_>, number: &str, at: &Located<'_>) -> fmt::Result {
    let margin = " ".repeat(number.len());
    let line = visible(at.text);
    let indent = " ".repeat(at.column - 1);
    let carets = "^".repeat(at.column_end - at.column);
    writeln!(f, "{margin} |")?;
    writeln!(f, "{number} | {line}")?;
    let marks = format!("{margin} | {indent}{carets} {}", visible(&at.problem.expected));
    writeln!(f, "{}", marks.trim_end())?;
    let mut next = at.problem.next.lines();
    if let Some(first) = next.next() {
        writeln!(f, "{margin} = {}", visible(first))?;
    }
    next.try_for_each(|line| match line {
        "" => writeln!(f),
        _ => writeln!(f, "{margin}   {}", visible(line)),
    })
}

/// As many characters, but none that steers a terminal.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_line_and_marks_the_exact_span() {
        let source = Source::file("p.toml", "a = 1\nmöde = \"x\"\n");
        let problem =
            Problem::new(&At::file(14..17), "no \"x\"").expected("expected y").next("do\n\nz");
        let shown = Problems::new(vec![source], vec![problem]).to_string();
        let expected = "p.toml:2:8: no \"x\"\n  |\n2 | möde = \"x\"\n  |        ^^^ expected y\n  = do\n\n    z\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn problems_come_in_the_order_of_the_file_and_once() {
        let source = Source::file("p", "abc");
        let at = |start| Problem::new(&At::file(start..start + 1), "no");
        let problems = Problems::new(vec![source], vec![at(2), at(0), at(2)]);
        assert_eq!(problems.iter().map(|p| p.column).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn a_span_over_lines_or_beyond_the_end_still_has_a_caret() {
        let source = Source::file("p", "ab\ncd");
        let spans = [At::file(1..5), At::file(90..95), At::file(0..0)];
        let problems = spans.iter().map(|at| Problem::new(at, "no")).collect();
        let problems = Problems::new(vec![source], problems);
        let columns: Vec<_> = problems.iter().map(|p| (p.line, p.column, p.column_end)).collect();
        assert_eq!(columns, [(1, 1, 2), (1, 2, 3), (2, 3, 4)]);
    }
}
