//! `pipeline.toml`: what is accepted, what is refused and how, and that what is
//! explained is what runs.

use chinwag::{
    config::{ConfigFile, Origin, Override, Plan, Problems, SHIPPED, explain},
    pipeline::Registry,
};

mod explained;
mod goldens;
mod inherited;
mod mutated;
mod overridden;
mod shipped;

/// A configuration of this text, as from a file `pipeline.toml`.
fn config(text: &str) -> ConfigFile {
    ConfigFile::parse(Origin::File("pipeline.toml".into()), text, &Registry::shipped())
}

fn shipped_plan(profile: &str, overrides: &[&str]) -> Result<Plan, Problems> {
    let overrides: Vec<_> = overrides.iter().map(|o| Override::set(o)).collect();
    ConfigFile::shipped(&Registry::shipped()).plan(Some(profile), &overrides)
}

/// The only problem's message.
fn message(problems: &Problems) -> &str {
    assert_eq!(problems.len(), 1, "{problems}");
    problems.iter().next().map(|p| p.problem.message.as_str()).unwrap_or_default()
}
