//! Files that went wrong on their way: never a panic, every problem in place.

use super::*;

/// Marsaglia's xorshift64: the same files every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

fn mutated(random: &mut Random) -> Vec<u8> {
    let mut bytes = SHIPPED.as_bytes().to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => drop(bytes.drain(at..(at + random.below(40)).min(bytes.len()))),
            2 => bytes.insert(at, b"=[]\"'.#\n{}\x00\xc3"[random.below(12)]),
            3 => without_a_line(&mut bytes, random),
            4 => with_a_slip(&mut bytes, random),
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

fn without_a_line(bytes: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<_> = bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    lines.remove(random.below(lines.len()));
    *bytes = lines.join(&b'\n');
}

/// Swaps two letters of a key.
fn with_a_slip(bytes: &mut [u8], random: &mut Random) {
    let keys: Vec<_> = (2..bytes.len().saturating_sub(3))
        .filter(|i| bytes[i - 1] == b'\n' && bytes[*i].is_ascii_lowercase())
        .collect();
    if !keys.is_empty() {
        let at = keys[random.below(keys.len())];
        bytes.swap(at, at + 1);
    }
}

#[test]
fn three_hundred_damaged_files_are_refused_in_place_or_right() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut refused = 0;
    for number in 0..300 {
        let bytes = mutated(&mut random);
        let lines = String::from_utf8_lossy(&bytes)
            .split('\n')
            .map(|l| l.chars().count())
            .collect::<Vec<_>>();
        let file = ConfigFile::parse_bytes(Origin::Shipped, &bytes, &Registry::shipped());
        let Err(problems) = file.plans(None, &[]) else { continue };
        refused += 1;
        assert!(!problems.is_empty() && !problems.to_string().is_empty(), "file {number}");
        for at in problems.iter() {
            let line = lines.get(at.line - 1);
            assert!(line.is_some_and(|len| at.column <= len + 1), "file {number}: {problems}");
            assert!(at.column < at.column_end && !at.problem.message.is_empty(), "file {number}");
        }
    }
    assert!(refused > 150, "only {refused} of the files were wrong");
}

#[test]
fn every_beginning_of_the_shipped_file_is_read_without_a_panic() {
    for end in (0..SHIPPED.len()).step_by(7) {
        let file = ConfigFile::parse_bytes(
            Origin::Shipped,
            &SHIPPED.as_bytes()[..end],
            &Registry::shipped(),
        );
        let _ = file.plans(None, &[]).map_err(|problems| problems.to_string());
    }
}

#[test]
fn a_thousand_problems_are_a_thousand_lines_not_a_crash() {
    let keys: Vec<_> = (0..1_000).map(|i| format!("k{i} = 1\n")).collect();
    let problems =
        config(&format!("[profile.a.turn]\n{}", keys.concat())).plan(None, &[]).unwrap_err();
    assert!(problems.len() >= 1_000);
    let deep = "[".repeat(10_000);
    assert!(config(&format!("a = {deep}")).plan(None, &[]).is_err());
}
