//! `pipeline.toml`: what is accepted, what is refused and how, and that what is
//! explained is what runs.

use chinwag::{
    config::{ConfigFile, Override, Plan, Problems},
    pipeline::Registry,
};

mod shipped;

fn shipped_plan(profile: &str, overrides: &[&str]) -> Result<Plan, Problems> {
    let overrides: Vec<_> = overrides.iter().map(|o| Override::set(o)).collect();
    ConfigFile::shipped(&Registry::shipped()).plan(Some(profile), &overrides)
}
