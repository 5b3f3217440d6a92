//! `--metrics`: the port on which a Prometheus server reads the figures.

use super::{
    args::{Flag, Given},
    exit::Failure,
};
use crate::{
    engine::Meter,
    net::metrics::{MetricsListener, MetricsPort},
};

/// Where applications mostly show their own.
pub const PORT: u16 = 9_464;

/// The flag.
pub const METRICS: Flag = Flag::with(
    "metrics",
    "PORT",
    "show all figures at http://127.0.0.1:PORT/metrics for Prometheus; 9464, 0 takes a free one",
)
.optionally();

/// Listens where that is wanted.
///
/// # Errors
/// A port that is none, or is taken.
pub fn open(given: &Given) -> Result<Option<MetricsListener>, Failure> {
    let Some(text) = given.text(&METRICS)? else { return Ok(None) };
    let port = match text.as_str() {
        "" => PORT,
        text => text.parse().map_err(|_| {
            Failure::usage(format!("--metrics: expected a port, 0 to 65535, not \"{text}\""))
        })?,
    };
    let refused = |error: std::io::Error| {
        Failure::usage(format!(
            "--metrics: cannot listen on 127.0.0.1:{port}: {error}; choose another port, or 0 for \
             any that is free"
        ))
    };
    MetricsListener::open(port).map(Some).map_err(refused)
}

/// Answers there from now on.
///
/// # Errors
/// No thread can be started.
pub fn serve(
    listener: Option<MetricsListener>,
    meter: &Meter,
) -> Result<Option<MetricsPort>, Failure> {
    let Some(listener) = listener else { return Ok(None) };
    let meter = meter.clone();
    let port = listener.serve(move || meter.read().to_prometheus());
    port.map(Some).map_err(Failure::internal)
}

/// Where it is, for people.
pub fn url(port: Option<&MetricsPort>) -> Option<String> {
    port.map(|port| format!("http://{}/metrics", port.addr()))
}
