//! What people read when their file is wrong: each `tests/data/config/*.toml`
//! with the text that it gets. `BLESS=1 cargo test goldens` writes the texts
//! anew; read them before you commit.

use std::{fs, path::Path};

use super::*;

/// What `check` says of a file.
fn said(text: &str) -> String {
    config(text).plans(None, &[]).map_or_else(|problems| problems.to_string(), |_| "right\n".into())
}

#[test]
fn every_wrong_file_gets_the_text_that_stands_next_to_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config");
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let said = said(&fs::read_to_string(&path).unwrap());
            let golden = path.with_extension("txt");
            if std::env::var_os("BLESS").is_some() {
                fs::write(&golden, &said).unwrap();
            }
            let expected = fs::read_to_string(&golden).unwrap_or_default();
            assert_eq!(said, expected, "{}", path.display());
            count += 1;
        }
    }
    assert_eq!(count, 13);
}

#[test]
fn carets_stand_exactly_under_what_is_wrong() {
    let text = "[profile.'ä']\nturn = { 'möde' = 1, duplex = \"hälf\" }\n\
                capture = [{ stage = \"resample\" }]";
    let problems = config(text).plan(None, &[]);
    let problems = problems.unwrap_err();
    let spans: Vec<_> = problems.iter().map(|p| (p.line, p.column, p.column_end)).collect();
    assert_eq!(spans, [(2, 10, 16), (2, 31, 37)]);
}

#[test]
fn a_secret_is_never_shown() {
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config/secrets.toml"),
    );
    let said = said(&text.unwrap());
    assert!(!said.contains("opensesame") && !said.contains("NotARealKey"), "{said}");
    assert_eq!(said.matches("secrets never live in this file").count(), 4);
}

#[test]
fn bytes_that_are_no_text_are_placed_too() {
    let origin = Origin::File("p.toml".into());
    let file = ConfigFile::parse_bytes(origin, b"# ok\nx = \"\xff\"", &Registry::shipped());
    let problems = file.plan(None, &[]).unwrap_err();
    let at = problems.iter().next().map(|p| (p.line, p.column));
    assert_eq!(at, Some((2, 6)));
    assert_eq!(message(&problems), "this is not UTF-8");
}
