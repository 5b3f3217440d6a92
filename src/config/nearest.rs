//! The known name that was probably meant.

/// The closest of `known` to `name`, where it is close enough to be a slip:
/// at most a third of the letters wrong, missing, extra or swapped.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = folded(name);
    known
        .into_iter()
        .map(|candidate| {
            let expected = folded(candidate);
            let starts = written.len() >= 3 && expected.starts_with(&written[..]);
            let distance = if starts { 1 } else { distance(&written, &expected) };
            (distance, written.len().max(expected.len()) / 3, candidate)
        })
        .filter(|(distance, limit, _)| distance <= limit)
        .min_by_key(|(distance, ..)| *distance)
        .map(|(_, _, candidate)| candidate)
}

/// Letters without case, and `-` as `_`. Long names are cut: nothing known is
/// longer, and the distance is quadratic.
fn folded(name: &str) -> Vec<char> {
    name.chars().take(64).map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// Edits from `a` to `b`: insert, delete, replace, swap two neighbours
/// (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut edits = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                edits = edits.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = edits;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = ["mode", "duplex", "barge_in", "hangover_ms", "threshold"];

    #[test]
    fn a_slip_finds_what_was_meant() {
        for (slip, meant) in [
            ("mdoe", "mode"),
            ("Duplex", "duplex"),
            ("barge-in", "barge_in"),
            ("hangover", "hangover_ms"),
            ("treshhold", "threshold"),
        ] {
            assert_eq!(nearest(slip, KEYS), Some(meant), "{slip}");
        }
    }

    #[test]
    fn something_else_entirely_finds_nothing() {
        assert_eq!(nearest("volume", KEYS), None);
        assert_eq!(nearest("", KEYS), None);
        assert_eq!(nearest(&"x".repeat(10_000), KEYS), None);
    }
}
