//! The program itself: verbs, flags, help, exit codes.

use std::{
    fs,
    process::{Output, Stdio},
};

use serde_json::Value;

use super::program::{Folder, command, err, out};

/// The program in a folder, without the user's configuration.
fn chinwag(folder: &Folder, args: &[&str]) -> Output {
    command(folder).args(args).output().unwrap()
}

#[test]
fn help_and_version_go_to_standard_output_and_are_no_error() {
    let folder = Folder::new("cli-help");
    let help = chinwag(&folder, &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for word in
        ["run", "demo", "doctor", "devices", "sim", "check", "stages", "bench", "exit codes", "130"]
    {
        assert!(out(&help).contains(word), "{word}");
    }
    for verb in ["run", "demo", "doctor", "devices", "sim", "check", "stages", "bench"] {
        let help = chinwag(&folder, &[verb, "--help"]);
        assert_eq!(help.status.code(), Some(0), "{verb}");
        assert!(out(&help).contains("examples:\n"), "{verb}");
    }
    let version = chinwag(&folder, &["--version"]);
    assert_eq!(out(&version), format!("chinwag {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_exit_code_2_with_the_way_out() {
    let folder = Folder::new("cli-usage");
    for (args, told) in [
        (&[][..], "usage: chinwag VERB"),
        (&["chekc"], "did you mean check?"),
        (&["--json"], "expected a verb before --json"),
        (&["check", "--profil", "x"], "did you mean --profile?"),
        (&["check", "--profile"], "chinwag check --help"),
        (&["check", "a", "b"], "what is \"b\"?"),
        (&["check", "--profile", "hedset"], "did you mean \"headset\"?"),
        (&["check", "--turn", "clint"], "did you mean \"client\"?"),
        (&["check", "--config", "none.toml"], "there is no file none.toml"),
        (&["check", "--config", "."], "cannot read ."),
        (&["stages", "vat"], "did you mean vad?"),
        (&["sim", "--lissten", "x"], "did you mean --listen?"),
    ] {
        let output = chinwag(&folder, args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(err(&output).contains(told), "{args:?}: {}", err(&output));
        assert_eq!(out(&output), "", "{args:?}");
    }
}

#[test]
fn check_says_which_file_it_read_and_where_the_time_goes() {
    let folder = Folder::new("cli-check");
    let text = out(&chinwag(&folder, &["check"]));
    assert!(text.starts_with("the built-in pipeline.toml: nothing wrong"), "{text}");
    for word in ["profile speakers", "lips to wire", "wire to ear", "worst ms", "together"] {
        assert!(text.contains(word), "{word}");
    }
    fs::create_dir_all(folder.0.join("xdg/chinwag")).unwrap();
    let explained = out(&chinwag(&folder, &["check", "--explain", "pi"]));
    fs::write(folder.0.join("xdg/chinwag/pipeline.toml"), &explained).unwrap();
    let text = out(&chinwag(&folder, &["check"]));
    assert!(
        text.contains("xdg/chinwag/pipeline.toml: nothing wrong") && text.contains("profile pi")
    );
    fs::write(folder.0.join("pipeline.toml"), &explained).unwrap();
    assert!(out(&chinwag(&folder, &["check"])).starts_with("./pipeline.toml: nothing wrong"));
}

#[test]
fn what_check_explains_it_accepts_and_explains_alike() {
    let folder = Folder::new("cli-explain");
    for profile in ["headset", "half-duplex", "push-to-talk"] {
        let first = out(&chinwag(&folder, &["check", "--explain", profile, "--chunk-ms", "60"]));
        fs::write(folder.0.join("again.toml"), &first).unwrap();
        let again = out(&chinwag(&folder, &["check", "--explain", "--config", "again.toml"]));
        let body = |text: &str| text.split_once('\n').map(|(_, body)| body.to_owned());
        assert_eq!(body(&first), body(&again));
        assert!(first.contains("chunk_ms = 60"));
    }
}

#[test]
fn check_tells_programs_what_it_tells_people() {
    let folder = Folder::new("cli-json");
    let output = chinwag(&folder, &["check", "--json", "--profile", "half-duplex"]);
    let right: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&right["v"], &right["ok"]), (&Value::from(1), &Value::from(true)));
    assert_eq!(right["plan"]["link"]["chunk_ms"], 32);
    assert!(right["plan"]["lips_to_wire"]["worst_ms"].as_f64() > Some(32.0));
    fs::write(folder.0.join("pipeline.toml"), "[profile.a.turn]\nmode = 'x'\n").unwrap();
    let output = chinwag(&folder, &["check", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let wrong: Value = serde_json::from_slice(&output.stdout).unwrap();
    let problem = &wrong["problems"].as_array().unwrap().last().unwrap();
    assert_eq!((&problem["line"], &problem["column"]), (&Value::from(2), &Value::from(8)));
    assert_eq!(wrong["ok"], false);
}

#[test]
fn a_wrong_file_is_told_with_carets_on_standard_error() {
    let folder = Folder::new("cli-carets");
    fs::write(folder.0.join("pipeline.toml"), "[profile.a]\ncapture = [{ stage = 'resampel' }]\n")
        .unwrap();
    let output = chinwag(&folder, &["check"]);
    assert_eq!(output.status.code(), Some(2));
    let told = err(&output);
    assert!(
        told.starts_with("chinwag: 1 problem in the configuration\n\n./pipeline.toml:2:22:"),
        "{told}"
    );
    assert!(told.contains("^^^^^^^^^^") && told.contains("did you mean \"resample\"?"), "{told}");
}

#[test]
fn stages_lists_every_stage_in_three_forms() {
    let folder = Folder::new("cli-stages");
    let text = out(&chinwag(&folder, &["stages"]));
    let markdown = out(&chinwag(&folder, &["stages", "--markdown"]));
    let json = out(&chinwag(&folder, &["stages", "--json"]));
    for line in json.lines() {
        let stage: Value = serde_json::from_str(line).unwrap();
        let name = stage["name"].as_str().unwrap();
        assert!(text.contains(&format!("{name}: ")), "{name}");
        assert!(markdown.contains(&format!("### `{name}`")), "{name}");
    }
    assert!(json.lines().count() >= 7);
    assert!(out(&chinwag(&folder, &["stages", "vad"])).starts_with("vad: "));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new("cli-pipe");
    let mut child = command(&folder)
        .args(["check", "--explain"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""));
}
