//! RealtimeSanitizer watches whatever is marked `nonblocking`, and both
//! callbacks and the worker are: `make prove` runs all of this binary so.
//! Here, that it would tell.

use std::{env, process::Command};

const THIS: &str = "rtsan::real_time_code_that_allocates_is_caught";
const CARELESS: &str = "CHINWAG_CARELESS";

#[sanitize(realtime = "nonblocking")]
fn callback() {
    drop(std::hint::black_box(vec![0u8; 64]));
}

#[test]
fn real_time_code_that_allocates_is_caught() {
    if env::var_os(CARELESS).is_some() {
        return callback();
    }
    let output = Command::new(env::current_exe().unwrap())
        .args([THIS, "--exact", "--nocapture"])
        .env(CARELESS, "yes")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("RealtimeSanitizer: unsafe-library-call"));
}
