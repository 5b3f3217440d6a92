//! The README's table of faults: each row names the test that proves it.

use std::{collections::HashSet, fs, path::Path};

/// The rows of the table below `heading`, cell by cell.
fn rows(readme: &str, heading: &str) -> Vec<Vec<String>> {
    let section = readme.split(heading).nth(1).unwrap_or_default();
    let table = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    table
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// Whether `file::name` in backticks is a test, or a check that a script names.
fn is_test(cell: &str, root: &Path) -> bool {
    let Some((file, name)) = cell.trim_matches('`').rsplit_once("::") else { return false };
    let Ok(source) = fs::read_to_string(root.join(file)) else { return false };
    if Path::new(file).extension().is_none_or(|extension| extension != "rs") {
        return source.contains(name);
    }
    let function = format!("fn {name}()");
    source.match_indices(&function).any(|(at, _)| source[..at].trim_end().ends_with("#[test]"))
}

#[test]
fn every_fault_in_the_readme_is_proven_by_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let rows = rows(&readme, "## When something breaks\n");
    assert!(!rows.is_empty());
    let mut faults = HashSet::new();
    for row in &rows {
        assert_eq!(row.len(), 4, "{row:?}");
        assert!(faults.insert(&row[0]), "\"{}\" stands there twice", row[0]);
        assert!(is_test(&row[3], root), "no such test: {}", row[3]);
    }
}

/// Everything below `folder` that is Rust.
fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_promise_of_security_md_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let security = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let mut code = String::new();
    for folder in ["src", "tests/it", "tests/realtime"] {
        sources(&root.join(folder), &mut code);
    }
    let promises = security.split("## What is defended").nth(1).unwrap();
    let promises = promises.split("## What is not").next().unwrap();
    let rows =
        promises.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| test |"));
    let mut count = 0;
    for row in rows {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "no test in {row}");
        for name in names {
            let exists = code.contains(&format!("fn {name}()")) || root.join(name).exists();
            assert!(exists, "no such test: {name}");
        }
        count += 1;
    }
    assert!(count > 15, "only {count} promises found");
}

#[test]
fn a_test_that_does_not_exist_is_not_taken_for_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(!is_test("`tests/it/faults.rs::nobody_wrote_this`", root));
    assert!(!is_test("`tests/it/faults.rs::rows`", root));
    assert!(is_test("`tests/it/faults.rs::a_test_that_does_not_exist_is_not_taken_for_one`", root));
}
