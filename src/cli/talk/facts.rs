//! The figures of a conversation that has ended.

use std::sync::atomic::Ordering::Relaxed;

use super::{echo::drift_ppm, sound, story::Story};
use crate::{
    audio::Rate,
    device::Faults,
    duplex::FarGauges,
    engine::{Recorded, Report},
    link::{LinkCounters, QueueCounters},
    protocol::SessionCounters,
};

/// Names and values, for people.
pub(in crate::cli) fn facts(report: &Report, story: &Story) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let count = |name| report.figures.count(name).unwrap_or_default();
    let mut fact = |name: &str, value: String| facts.push((name.to_owned(), value));
    if let Some(link) = &report.link {
        fact("connections", connections(&link.counters));
        if let Some(odd) = odd_messages(&link.counters.session) {
            fact("messages of the server", odd);
        }
    }
    fact(
        "lost",
        format!(
            "{} captured frames, {} before they reached us, {} uplink frames, {} far-end frames, \
             {} notes",
            report.sound.capture_lost_frames,
            report.sound.capture_missing_frames,
            count("uplink_lost_frames_total"),
            report.sound.far_lost_frames,
            count("notes_refused_total")
        ),
    );
    if let Some(echo) = story.echo.fact() {
        fact("echo", echo);
    }
    fact("echo reference", reference(&report.gauges.far));
    if let Some(outages) = sound::fact(&report.sound, &report.gauges) {
        fact("sound outages", outages);
    }
    fact("speaker ran dry", format!("{} times", report.sound.underruns));
    fact("sound system", complaints(report.sound.faults));
    fact("worker's priority", report.priority.to_string());
    if let Some(recorded) = &report.recorded {
        fact("recorded", told_of(recorded));
    }
    if story.tokens > 0 {
        fact("tokens", story.tokens.to_string());
    }
    facts
}

/// How often the connection changed, and what that cost.
fn connections(link: &LinkCounters) -> String {
    let (opened, planned, rescues) = (link.session.connections, link.switches, link.rescues);
    if opened <= 1 {
        return "1".to_owned();
    }
    let secs = |frames: u64| Rate::UPLINK.duration_of(frames).as_secs();
    let QueueCounters { overflow_frames, stale_frames, resent_frames, forgotten_frames, .. } =
        link.queue;
    format!(
        "{opened}, {planned} left by plan, {rescues} by a watchdog; at most {:.2} s without one; {:.1} s of speech sent \
         again, {:.1} s lost",
        link.gap_max.as_secs(),
        secs(resent_frames),
        secs(overflow_frames + stale_frames + forgotten_frames + link.refused_frames),
    )
}

/// What the server said that could not be used as it was; none where all could.
fn odd_messages(session: &SessionCounters) -> Option<String> {
    let kinds = [
        (session.garbage_messages, "not understood"),
        (session.unknown_messages, "about nothing we know"),
        (session.salvaged_messages, "used in part"),
        (session.bad_audio_parts, "with sound that is none"),
        (session.overlong_fields, "texts too long to keep whole"),
    ];
    let odd: Vec<_> = kinds
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    (!odd.is_empty()).then(|| format!("{}, of {}", odd.join(", "), session.messages))
}

fn told_of(recorded: &Recorded) -> String {
    let Recorded { mic_frames, far_frames, lost_frames, lost_events, problem } = recorded;
    let problem = problem.as_ref().map_or_else(String::new, |problem| format!("; {problem}"));
    format!(
        "{mic_frames} frames of the microphone, {far_frames} of the speaker; \
         lost {lost_frames} frames, {lost_events} events{problem}"
    )
}

/// How well what was played is aligned with what was captured.
fn reference(far: &FarGauges) -> String {
    let drift_ppm = drift_ppm(far);
    let margin_ms = f64::from(far.margin_us.load(Relaxed)) / 1e3;
    let (again, missing) = (far.realignments.load(Relaxed), far.missing_frames.load(Relaxed));
    format!(
        "the speaker's clock runs {drift_ppm:+.1} ppm off the microphone's; {margin_ms:.1} ms of \
         margin, aligned anew {again} times, {missing} frames missing"
    )
}

fn complaints(faults: Faults) -> String {
    let Faults { capture_xruns, render_xruns, errors, last, ordinary, unburied, is_broken: _ } =
        faults;
    let last = last.map_or_else(String::new, |last| format!(" (last: {last})"));
    let refused = match ordinary {
        0 => String::new(),
        n => format!(", real-time priority refused to {n} streams"),
    };
    let hangs = if unburied > 0 { format!(", {unburied} streams hang") } else { String::new() };
    format!(
        "{capture_xruns} capture overruns, {render_xruns} playback underruns, \
         {errors} errors{last}{refused}{hangs}"
    )
}
