//! Where and when a benchmark runs.

use std::{
    env, fs, thread,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    config::Plan,
    measure::results::{Machine, Results},
};

/// Results of nothing yet, of this machine, now.
pub(super) fn results(plan: &Plan) -> Results {
    let program = format!("chinwag {}", env!("CARGO_PKG_VERSION"));
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let new = Results::new(program, date(since.as_secs()), machine());
    Results { profile: plan.profile.clone(), origin: plan.origin.to_string(), ..new }
}

fn machine() -> Machine {
    let load = fs::read_to_string("/proc/loadavg").ok();
    Machine {
        processor: fs::read_to_string("/proc/cpuinfo").map_or_else(|_| String::new(), processor),
        cores: thread::available_parallelism().map_or(1, usize::from),
        system: format!("{} {}", env::consts::OS, env::consts::ARCH),
        load: load.and_then(|text| text.split(' ').next()?.parse().ok()),
        optimised: !cfg!(debug_assertions),
    }
}

/// What Linux knows of the processor; a board's own name where there is none.
fn processor(cpuinfo: String) -> String {
    let value = |key: &str| {
        let of_key = |line: &str| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == key).then(|| value.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        cpuinfo.lines().find_map(of_key)
    };
    value("model name").or_else(|| value("Model")).unwrap_or_default()
}

/// Seconds since 1970 as `2026-11-22T22:31:44Z`.
fn date(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March, of eras of 400; 719,468 days lie between
    // 0000-03-01 and 1970-01-01.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_that_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }

    #[test]
    fn a_processor_is_called_what_the_system_calls_it() {
        let intel = "processor\t: 0\nmodel name\t: Some  CPU @ 2 GHz\n";
        assert_eq!(processor(intel.to_owned()), "Some CPU @ 2 GHz");
        assert_eq!(
            processor("processor\t: 0\nModel\t: Raspberry Pi 5\n".to_owned()),
            "Raspberry Pi 5"
        );
        assert_eq!(processor(String::new()), "");
    }
}
