//! The rules, each a function from a file to what it breaks.

use super::source::Source;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const MAIN_LINES_MAX: usize = 60;

/// The folders below the edge and what each may import besides itself. A name
/// with a second part allows only that part.
const IMPORTS: [(&str, &[&str]); 14] = [
    ("audio", &[]),
    ("error", &["audio"]),
    ("pipeline", &["audio"]),
    ("dialog", &["audio"]),
    ("protocol", &["audio"]),
    ("config", &["audio", "pipeline", "dialog", "protocol"]),
    ("duplex", &["audio", "pipeline", "dialog"]),
    ("link", &["audio", "protocol"]),
    ("sim", &["audio", "pipeline", "dialog", "protocol", "config", "duplex", "link"]),
    ("measure", &["audio"]),
    ("device", &["audio", "duplex", "sim::clock", "sim::room"]),
    ("net", &["audio", "protocol", "link", "sim::service"]),
    ("engine", &["*"]),
    ("cli", &["*"]),
];

/// What runs within a sound callback or the worker.
const REAL_TIME: [&str; 5] =
    ["src/pipeline/stages/", "src/pipeline/chain", "src/dialog/", "src/duplex/", "src/audio/"];
const EDGE: [&str; 4] = ["src/engine/", "src/device/", "src/net/", "src/cli/"];
const CONTRACT: &str = "Never allocates, locks";
/// What runs before the sound begins may allocate, and says so.
const SET_UP: &str = "Runs on: set-up";

/// Every rule on one file, as `file:line: what is wrong`.
pub(super) fn violations(source: &Source) -> Vec<String> {
    let everywhere: [Rule; 4] = [length, opening, leftovers, name];
    let in_sources: [Rule; 6] = [functions, contract, panics, imports, foreign_crates, clocks];
    let mut broken: Vec<(usize, String)> = everywhere.iter().flat_map(|r| r(source)).collect();
    if source.path.starts_with("src/") || source.path.starts_with("ffi/src/") {
        broken.extend(in_sources.iter().flat_map(|rule| rule(source)));
    }
    broken.into_iter().map(|(line, what)| format!("{}:{line}: {what}", source.path)).collect()
}

type Rule = fn(&Source) -> Vec<(usize, String)>;
type Broken = Vec<(usize, String)>;

fn length(source: &Source) -> Broken {
    let lines = source.raw.lines().count();
    let max = if source.path == "src/main.rs" { MAIN_LINES_MAX } else { FILE_LINES_MAX };
    if lines <= max {
        return Vec::new();
    }
    vec![(lines, format!("a file of {lines} lines; at most {max}: split it by what it does"))]
}

fn opening(source: &Source) -> Broken {
    if source.raw.starts_with("//! ") {
        return Vec::new();
    }
    vec![(1, "does not open with a `//!` line that says what it is".to_owned())]
}

fn leftovers(source: &Source) -> Broken {
    // Put together, so that this file does not hold them.
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat()];
    let mut broken = Vec::new();
    for (index, line) in source.raw.lines().enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        if words.any(|word| marks.iter().any(|mark| mark == word)) {
            broken
                .push((index + 1, "a note to do something later: do it, or open an issue".into()));
        }
    }
    let dbg = source.words("dbg").filter(|at| source.code[at + 3..].starts_with('!'));
    broken.extend(dbg.map(|at| (source.line_of(at), "dbg! left behind".to_owned())));
    broken
}

fn name(source: &Source) -> Broken {
    let vague = ["utils", "util", "helpers", "misc", "common"];
    let is_vague = |part: &str| vague.contains(&part.trim_end_matches(".rs"));
    if !source.path.split('/').any(is_vague) {
        return Vec::new();
    }
    vec![(1, "a name that says nothing; name it after what it does".to_owned())]
}

fn functions(source: &Source) -> Broken {
    let long = |(name, at, line, lines): (String, usize, usize, usize)| {
        (lines > FUNCTION_LINES_MAX && !source.is_test(at)).then(|| {
            let max = FUNCTION_LINES_MAX;
            (line, format!("fn {name} has {lines} lines; at most {max}"))
        })
    };
    source.functions().into_iter().filter_map(long).collect()
}

fn contract(source: &Source) -> Broken {
    let real_time = REAL_TIME.iter().any(|folder| source.path.starts_with(folder));
    let runs = source.functions().iter().any(|&(_, at, ..)| !source.is_test(at));
    let header = source.header();
    if !real_time || !runs || header.contains(CONTRACT) || header.contains(SET_UP) {
        return Vec::new();
    }
    let what = "runs in real time, but its header says neither";
    vec![(1, format!("{what} \"{CONTRACT} ...\" nor \"{SET_UP}\""))]
}

fn panics(source: &Source) -> Broken {
    let mut broken = Vec::new();
    for word in ["unwrap", "expect", "panic", "unreachable", "unimplemented", "todo"] {
        for at in source.words(word) {
            let (before, after) = (&source.code[..at], &source.code[at + word.len()..]);
            let called = match word {
                "unwrap" | "expect" => before.ends_with('.') && after.starts_with('('),
                _ => after.starts_with('!'),
            };
            // On the command line an `expect` says why in its text.
            let said = word == "expect" && source.path.starts_with("src/cli/");
            if called && !said && !source.is_test(at) && !is_proven(source, source.line_of(at)) {
                let why = "outside tests; handle it, or prove it with `// proven: why`";
                broken.push((source.line_of(at), format!("{word} {why}")));
            }
        }
    }
    broken
}

/// Whether a line, or the comment right above it, says `// proven:`.
fn is_proven(source: &Source, line: usize) -> bool {
    let mark = "// proven:";
    let above = (1..line).rev().map(|above| source.raw_line(above).trim_start());
    let mut above = above.take_while(|text| text.starts_with("//"));
    source.raw_line(line).contains(mark) || above.any(|text| text.starts_with(mark))
}

fn imports(source: &Source) -> Broken {
    let Some(inner) = source.path.strip_prefix("src/") else { return Vec::new() };
    let layer = inner.split(['/', '.']).next().unwrap_or(inner);
    if matches!(inner, "lib.rs" | "main.rs") {
        return Vec::new();
    }
    let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == layer) else {
        return vec![(1, format!("layer {layer} has no import rule; give it one"))];
    };
    let forbidden = |(at, path): (usize, Vec<String>)| {
        let first = path.first()?;
        let both = path.iter().take(2).map(String::as_str).collect::<Vec<_>>().join("::");
        let is_layer = IMPORTS.iter().any(|(name, _)| name == first);
        let free = !is_layer || first == layer || first == "error" || allowed.contains(&"*");
        let fine = free || allowed.iter().any(|allow| allow == first || *allow == both);
        (!fine).then(|| (source.line_of(at), format!("{layer} may not import {both}")))
    };
    source.crate_paths().into_iter().filter_map(forbidden).collect()
}

fn foreign_crates(source: &Source) -> Broken {
    let mut broken = Vec::new();
    for (name, home) in [
        ("tungstenite", "src/net/"),
        ("rustls", "src/net/"),
        ("rustls_platform_verifier", "src/net/"),
        ("cpal", "src/device/cpal"),
        ("pulseaudio", "src/device/cpal"),
    ] {
        if source.path.starts_with(home) {
            continue;
        }
        for at in source.words(name) {
            let before = source.code[..at].trim_end();
            let own_module = before.ends_with("mod")
                || ["self::", "super::", "device::"].iter().any(|own| before.ends_with(own));
            if !own_module {
                let what = format!("names {name}; only {home} does");
                broken.push((source.line_of(at), what));
            }
        }
    }
    broken
}

fn clocks(source: &Source) -> Broken {
    if EDGE.iter().any(|edge| source.path.starts_with(edge)) {
        return Vec::new();
    }
    let outside = source.words("disallowed_methods").filter(|&at| !source.is_test(at));
    let what = "allows clocks and waiting; only engine, device, net and cli do";
    outside.map(|at| (source.line_of(at), what.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> Vec<String> {
        violations(&Source::new(path, text))
    }

    fn lines(path: &str, text: &str) -> Vec<String> {
        let rest = |line: &String| line[path.len() + 1..].to_owned();
        broken(path, &format!("//! What it is.\n{text}")).iter().map(rest).collect()
    }

    #[test]
    fn a_good_file_breaks_nothing() {
        let good = "//! A stage.\n//!\n//! Runs on: worker. Never allocates,\n//! locks, logs or fails.\n\
            use crate::audio::{Block, note::Notes};\nfn f<'a>(x: &'a str) -> char { '{' }\n";
        assert_eq!(broken("src/pipeline/stages/gain.rs", good), Vec::<String>::new());
    }

    #[test]
    fn a_layer_may_not_look_up() {
        assert_eq!(
            lines("src/protocol/wire.rs", "use crate::net::dial;"),
            ["2: protocol may not import net::dial"]
        );
        let grouped = "use crate::{\n    audio::{Rate, time},\n    link::{self, body},\n};";
        assert_eq!(
            lines("src/config/plan.rs", grouped),
            ["2: config may not import link", "2: config may not import link::body",]
        );
        assert_eq!(
            lines("src/measure/report.rs", "fn f() { super::super::engine::start() }"),
            ["2: measure may not import engine::start"]
        );
        assert_eq!(
            lines("src/link/mod.rs", "fn f() -> super::sim::World { g() }"),
            ["2: link may not import sim::World"]
        );
        assert_eq!(lines("src/new/mod.rs", ""), ["1: layer new has no import rule; give it one"]);
    }

    #[test]
    fn a_layer_may_look_at_itself_and_down() {
        let fine = "pub(super) fn f() { super::sibling::g(); crate::link::h(); crate::error::E; }\n\
            mod inner { use super::super::outage::Outage; }\n\
            // use crate::engine;\nconst S: &str = \"crate::engine\";\n";
        assert_eq!(lines("src/link/body.rs", fine), Vec::<String>::new());
        assert_eq!(lines("src/cli/run.rs", "use crate::engine::Engine;"), Vec::<String>::new());
    }

    #[test]
    fn only_the_named_part_of_the_simulator_is_open_to_the_edge() {
        let two = "use crate::sim::clock::Clock;\nuse crate::sim::world::World;";
        assert_eq!(lines("src/device/card.rs", two), ["3: device may not import sim::world"]);
    }

    #[test]
    fn what_is_too_long_is_named_with_its_length() {
        let long = format!("//! x\n{}", "\n".repeat(500));
        assert!(broken("src/cli/a.rs", &long)[0].starts_with("src/cli/a.rs:501: a file of 501"));
        let body = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(69));
        assert_eq!(lines("src/cli/a.rs", &body), ["2: fn f has 71 lines; at most 70"]);
        let in_test = format!("#[cfg(test)]\nmod tests {{ {body} }}");
        assert_eq!(lines("src/cli/a.rs", &in_test), Vec::<String>::new());
        let braces = format!("fn f() {{ let s = \"{{\"; }}\n{}", "// }\n".repeat(90));
        assert_eq!(lines("src/cli/a.rs", &braces), Vec::<String>::new());
    }

    #[test]
    fn real_time_files_carry_their_contract() {
        assert_eq!(lines("src/duplex/worker.rs", "fn f() {}").len(), 1);
        assert_eq!(lines("src/duplex/mod.rs", "pub mod worker;"), Vec::<String>::new());
        let set_up = "//! Runs on: set-up. Allocates.\nfn f() {}";
        assert_eq!(lines("src/audio/filter.rs", set_up), Vec::<String>::new());
        assert_eq!(lines("src/engine/mod.rs", "fn f() {}"), Vec::<String>::new());
    }

    #[test]
    fn a_panic_needs_its_proof() {
        let bad = "fn f() { x.unwrap(); y.expect(\"why\"); panic!(); }";
        assert_eq!(lines("src/net/a.rs", bad).len(), 3);
        assert_eq!(lines("src/cli/a.rs", "fn f() { y.expect(\"why\"); }"), Vec::<String>::new());
        let good = "fn f() {\n    // proven: checked above,\n    // twice\n    x.unwrap();\n    \
            y.unwrap(); // proven: too\n    z.unwrap_or(0); expect(1);\n}\n\
            #[cfg(test)]\nfn g() { x.unwrap(); }\n";
        assert_eq!(lines("src/net/a.rs", good), Vec::<String>::new());
        let documented = "/// ```\n/// x.unwrap();\n/// ```\nfn f() {}";
        assert_eq!(lines("src/net/a.rs", documented), Vec::<String>::new());
    }

    #[test]
    fn foreign_crates_stay_at_home() {
        assert_eq!(lines("src/engine/a.rs", "use rustls::ClientConfig;").len(), 1);
        assert_eq!(lines("src/device/mod.rs", "use cpal::traits;").len(), 1);
        let own = "pub mod cpal;\nfn f() { self::cpal::open() }";
        assert_eq!(lines("src/device/mod.rs", own), Vec::<String>::new());
        assert_eq!(lines("src/net/dial.rs", "use tungstenite::Message;"), Vec::<String>::new());
    }

    #[test]
    fn the_ban_on_clocks_is_lifted_at_the_edge_only() {
        let allow = "#![allow(clippy::disallowed_methods)]";
        assert_eq!(lines("src/sim/world.rs", allow).len(), 1);
        assert_eq!(lines("src/net/mod.rs", allow), Vec::<String>::new());
    }

    #[test]
    fn leftovers_and_vague_names_are_found() {
        let later = format!("// {}: later", ["TO", "DO"].concat());
        assert_eq!(lines("tests/it/a.rs", &later).len(), 1);
        assert_eq!(lines("src/cli/a.rs", "fn f() { dbg!(1); }").len(), 1);
        assert_eq!(lines("src/cli/utils.rs", "").len(), 1);
        assert_eq!(broken("src/cli/a.rs", "// not a doc comment\n").len(), 1);
    }
}
