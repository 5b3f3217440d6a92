//! Any client of the simulator: an upgrade request and what it says, in time.
//!
//! Records end with 0x1e. The first is the request: a path, and a header in
//! each further line. Then `t` and digits let so many milliseconds pass, and
//! everything else is a message.

use chinwag::{
    audio::Nanos,
    sim::service::{Memory, Service, ServiceSettings, Transmit, UpgradeRequest},
};

/// What is sent within one record is no more.
const STEPS_MAX: usize = 5_000;

/// Lets the client talk, and judges all that it is told.
pub fn run(bytes: &[u8]) {
    let mut records = bytes.split(|byte| *byte == 0x1e);
    let request = String::from_utf8_lossy(records.next().unwrap_or_default()).into_owned();
    let mut lines = request.lines();
    let path = lines.next().unwrap_or_default().to_owned();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap_or((line, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let request = UpgradeRequest { path, headers };
    let settings = ServiceSettings { accept_media_chunks: true, ..ServiceSettings::default() };
    let mut now = Nanos::ZERO;
    let mut service = match Service::open(&settings, &Memory::new(), &request, now) {
        Ok(service) => service,
        Err(refusal) => {
            assert!((400..500).contains(&refusal.http_status) && !refusal.reason.is_empty());
            return;
        }
    };
    let mut over = false;
    for record in records {
        let ms =
            record.strip_prefix(b"t").and_then(|ms| std::str::from_utf8(ms).ok()?.parse().ok());
        match ms {
            Some(ms) => now = pass(&mut service, now, ms, &mut over),
            None => service.receive(now, record),
        }
        told(&mut service, now, &mut over);
    }
    service.client_closed(now, 1_000);
    told(&mut service, now, &mut over);
    assert!(service.is_closed());
}

/// Goes from deadline to deadline, a minute at most.
fn pass(service: &mut Service, now: Nanos, ms: u32, over: &mut bool) -> Nanos {
    let end = now + Nanos::from_ms(ms.min(60_000).into());
    for _ in 0..STEPS_MAX {
        let Some(due) = service.next_deadline().filter(|due| *due <= end) else { return end };
        service.handle_deadline(due);
        told(service, due, over);
    }
    panic!("the service wants to be called for ever");
}

fn told(service: &mut Service, now: Nanos, over: &mut bool) {
    for _ in 0..STEPS_MAX {
        let Some(transmit) = service.poll_transmit(now) else {
            while service.poll_event().is_some() {}
            return;
        };
        assert!(!*over, "{transmit:?} after the end");
        match transmit {
            Transmit::Message(bytes) => {
                let message: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
                assert!(message.is_object(), "{message}");
            }
            Transmit::Close { reason, .. } => {
                assert!(reason.len() <= 123, "{reason}");
                *over = true;
            }
            Transmit::Abort => *over = true,
        }
    }
    panic!("the service has messages without end");
}
