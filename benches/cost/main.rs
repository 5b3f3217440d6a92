//! What everything costs: `make bench` times it with criterion, `make
//! bench-count` counts its instructions and compares with `baseline.json`.

mod cases;
mod count;
mod worlds;

use std::{env, time::Duration};

use criterion::Criterion;

/// Something whose cost is worth knowing.
struct Case {
    name: String,
    /// How often it is called when instructions are counted.
    times: u32,
    make: Box<dyn Fn() -> Body>,
}

/// One call of it.
type Body = Box<dyn FnMut()>;

impl Case {
    fn new(name: impl Into<String>, times: u32, make: impl Fn() -> Body + 'static) -> Self {
        Self { name: name.into(), times, make: Box::new(make) }
    }
}

fn all() -> Vec<Case> {
    cases::all().chain(worlds::all()).collect()
}

fn time(cases: &[Case], worlds: bool) {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for case in cases {
        // Made only where it is asked for by its name.
        let mut body: Option<Body> = None;
        criterion.bench_function(&case.name, |bencher| {
            let body = body.get_or_insert_with(|| (case.make)());
            bencher.iter(body);
        });
    }
    criterion.final_summary();
    if worlds {
        worlds::print_speeds();
    }
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    if has("--counted") {
        count::run(&all());
    } else if has("--count") {
        std::process::exit(count::compare(&all()));
    } else {
        // Without `--bench`, as `cargo test` calls it, each runs once.
        time(&all(), has("--bench"));
    }
}
