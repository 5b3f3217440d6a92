//! `--save DIR`: the results as a page and as JSON.

use std::{fs, path::Path};

use super::{engine, verdict::spread};
use crate::{
    cli::{exit::Failure, output::json_line},
    config::{
        Plan,
        latency::{Delay, Latencies},
    },
    measure::results::{Results, Step, Waterfall, page},
};

/// Writes `bench.html` and `bench.json` there; tells where.
///
/// # Errors
/// A folder or file that cannot be written.
pub(super) fn save(folder: &Path, plan: &Plan, results: &Results) -> Result<String, Failure> {
    fs::create_dir_all(folder).map_err(|e| Failure::file(folder, &e))?;
    let [html, json] = ["bench.html", "bench.json"].map(|name| folder.join(name));
    let page = page(results, &ways(plan, results));
    fs::write(&html, page).map_err(|e| Failure::file(&html, &e))?;
    let line = format!("{}\n", json_line(&results.to_json()));
    fs::write(&json, line).map_err(|e| Failure::file(&json, &e))?;
    Ok(format!("\nlook:    {}\ncompare: --compare {}", html.display(), json.display()))
}

/// What follows from the settings, and in its place what was measured at the
/// profile's own period and chunk, first of all on an idle machine.
fn ways(plan: &Plan, results: &Results) -> Vec<Waterfall> {
    let measured = |name: &str, what: &str| {
        let spread = spread(results, engine::PART, name)?;
        Some(Step { name: what.to_owned(), ms: spread.p50, is_measured: true })
    };
    let settings = |delays: &[Delay]| {
        let step =
            |d: &Delay| Step { name: d.name.clone(), ms: d.mean.as_ms(), is_measured: false };
        delays.iter().map(step).collect::<Vec<_>>()
    };
    let Latencies { uplink, downlink, .. } = Latencies::of(plan);
    let mut up = settings(&uplink);
    up.extend(measured("capture_to_wire", "the device has the chunk → the socket has it"));
    let down = match measured("wire_to_ring", "first byte read → render ring") {
        None => settings(&downlink),
        Some(ring) => {
            let stages = downlink.iter().filter(|delay| delay.name.starts_with("playback."));
            let stages: Vec<_> = stages.cloned().collect();
            let audible = measured("ring_to_audible", "render ring → audible, by the device");
            [vec![ring], settings(&stages), audible.into_iter().collect()].concat()
        }
    };
    let turn = [
        ("end_to_decided", "your last sound → the end is decided"),
        ("end_to_wire", "decided → our end of turn is sent"),
        ("end_to_reply", "sent → first byte of the reply; the simulator thinks"),
        ("wire_to_ring", "first byte read → render ring"),
        ("ring_to_audible", "render ring → audible"),
    ];
    let turn: Vec<_> = turn.into_iter().filter_map(|(name, what)| measured(name, what)).collect();
    let way = |title: &str, steps| Waterfall { title: title.to_owned(), steps };
    let mut ways = vec![way("lips → wire", up), way("wire → ear", down)];
    if turn.len() > 2 {
        ways.push(way("your last sound → the answer", turn));
    }
    ways
}
