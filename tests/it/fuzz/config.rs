//! Any bytes as `pipeline.toml`: refused with places, or a plan that explains
//! itself.

use chinwag::{
    config::{ConfigFile, Origin, explain},
    pipeline::Registry,
};

/// Reads them, and what is made of them again.
pub fn run(bytes: &[u8]) {
    let registry = Registry::shipped();
    let file = ConfigFile::parse_bytes(Origin::Shipped, bytes, &registry);
    let plans = match file.plans(None, &[]) {
        Ok(plans) => plans,
        Err(problems) => {
            assert!(!problems.is_empty() && !problems.to_string().is_empty());
            let lines = bytes.split(|byte| *byte == b'\n').count();
            assert!(problems.iter().all(|problem| (1..=lines).contains(&problem.line)));
            return;
        }
    };
    for plan in plans {
        let text = explain(&plan);
        let again = ConfigFile::parse(Origin::Shipped, &text, &registry).plan(None, &[]);
        let again = again.unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        assert_eq!(again, plan, "{text}");
    }
}
