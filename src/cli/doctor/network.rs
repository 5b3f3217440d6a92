//! The way to the service: name, connection, TLS, upgrade, clock, and a
//! session that is accepted.

use std::{
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use super::{date::unix_seconds, findings::Finding};
use crate::{
    audio::{
        Doorbell, Flow, Nanos,
        packet::{DOWNLINK_PACKETS, UPLINK_PACKETS},
        ring::ring,
    },
    cli::{exit::Failure, run::dialer},
    config::Plan,
    device::Clock,
    link::{Control, LinkEnds, LinkEvent},
    net::{DialError, DialStage, Dialer, Wiring, client, probe},
    protocol::{Credential, Event, Verdict},
    sim::machines,
};

/// A clock that is further off may be refused.
const SKEW_SECS_MAX: u64 = 60;
/// More than all attempts together take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Tells what it finds on the way.
pub(super) fn examine(
    plan: &Plan,
    credential: Credential,
    key_is_known: bool,
    clock: Clock,
    tell: &mut impl FnMut(Finding) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let dialer = match dialer(plan, credential) {
        Ok(dialer) => dialer,
        Err(failure) => return tell(Finding::bad("connect", &failure)),
    };
    let probed = probe(&dialer, || clock.now()).map_err(Failure::internal)?;
    for (stage, took) in &probed.stages {
        let found = format!("{} in {:.1} ms", dialer.endpoint().host, took.as_ms());
        tell(Finding::ok(check_of(*stage), found))?;
    }
    if let Some(date) = &probed.date {
        tell(clock_of(date))?;
    }
    if let Some(error) = probed.error {
        let refused = matches!(error, DialError::Http { .. });
        let failure = Failure::of_verdict(&error.verdict(&plan.session));
        return if refused && !key_is_known {
            tell(Finding::odd("upgrade", "refused, as there is no key", ""))
        } else {
            tell(Finding::bad("connect", &failure))
        };
    }
    if !key_is_known {
        return Ok(());
    }
    match accepted(plan, dialer, clock).map_err(Failure::internal)? {
        Ok(took) => {
            let found = format!("{} accepted in {:.0} ms", plan.session.model, took.as_ms());
            tell(Finding::ok("session", found))
        }
        Err(verdict) => tell(Finding::bad("session", &Failure::of_verdict(&verdict))),
    }
}

fn check_of(stage: DialStage) -> &'static str {
    match stage {
        DialStage::Resolve => "name",
        DialStage::Connect => "connect",
        DialStage::Tls => "tls",
        DialStage::Upgrade => "upgrade",
    }
}

fn clock_of(date: &str) -> Finding {
    let ours = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    match unix_seconds(date).map(|theirs| theirs.abs_diff(ours.as_secs() as i64)) {
        None => Finding::odd("clock", &format!("the server's date is no date: \"{date}\""), ""),
        Some(secs) if secs > SKEW_SECS_MAX => Finding::odd(
            "clock",
            &format!("{secs} s off the server's"),
            "set this machine's clock: certificates and keys depend on it",
        ),
        Some(secs) => Finding::ok("clock", format!("within {} s of the server's", secs + 1)),
    }
}

/// Has the service accept a session, and ends it: how long it took, or why not.
fn accepted(plan: &Plan, dialer: Dialer, clock: Clock) -> std::io::Result<Result<Nanos, Verdict>> {
    let (_, uplink) = ring(UPLINK_PACKETS);
    let (downlink, _) = ring(DOWNLINK_PACKETS);
    let worker_bell = Arc::new(Doorbell::unanswered());
    let ends = LinkEnds { uplink, downlink, flow: Arc::new(Flow::default()), worker_bell };
    let link = machines::link(plan, ends, clock.now().0);
    let (wiring, control, events) = Wiring::new(64)?;
    let start = clock.now();
    let thread = thread::Builder::new()
        .name("chinwag-link".to_owned())
        .spawn(move || client::run(link, &dialer, &wiring, || clock.now()))?;
    let mut took = None;
    while let Ok(event) = events.recv_timeout(PATIENCE) {
        if let LinkEvent::Session(Event::Ready { .. }) = event {
            took = Some(clock.now().since(start));
            break;
        }
    }
    control.send(Control::Close);
    let gave_up = thread.join().ok().and_then(|report| report.gave_up);
    Ok(match (took, gave_up) {
        (Some(took), _) => Ok(took),
        (None, Some(verdict)) => Err(verdict),
        (None, None) => Err(DialError::Timeout(DialStage::Upgrade).verdict(&plan.session)),
    })
}
