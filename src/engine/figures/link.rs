//! What the link counts.

use std::sync::atomic::Ordering::Relaxed;

use crate::{
    audio::Nanos,
    link::{LinkCounters, LinkGauges, QueueCounters, StagingCounters},
    measure::figures::{Figures, Unit},
};

/// The link itself.
pub(super) fn link(list: &mut Figures, gauges: &LinkGauges, counters: &LinkCounters) {
    let LinkCounters {
        queue: _,
        queued_frames,
        staging: _,
        held_frames,
        session: _,
        uplink_packets_refused,
        refused_items,
        refused_frames,
        late_frames,
        rescues,
        nudges,
        windows_left,
        switches,
        returns,
        gap_max,
        messages_sent,
        packets_delivered,
        events_refused,
    } = counters;
    waiting(list, *queued_frames, *held_frames);
    let busy = gauges.resolvers_busy.load(Relaxed) as f64;
    let help = "threads that wait for the system's resolver";
    list.add_now("resolvers_busy", Unit::Things, help, busy);
    list.add_now(
        "link_gap_max",
        Unit::Seconds,
        "the longest time without a service that takes audio, after the first",
        Nanos::as_secs(*gap_max),
    );
    for (name, help, count) in [
        (
            "uplink_packets_refused",
            "packets that found no room in the uplink ring",
            *uplink_packets_refused,
        ),
        ("uplink_items_refused", "items that the session refused to send", *refused_items),
        ("link_rescues", "connections left because of a watchdog", *rescues),
        ("link_nudges", "times that the model was asked to go on", *nudges),
        (
            "link_windows_left",
            "windows closed by the link because the worker left them",
            *windows_left,
        ),
        ("link_switches", "connections left by plan", *switches),
        ("link_returns", "times that the service took audio again", *returns),
        ("link_messages_sent", "messages given to a socket", *messages_sent),
        ("downlink_packets", "packets put into the downlink ring", *packets_delivered),
        ("link_events_refused", "events of the link that nobody polled in time", *events_refused),
        (
            "link_events_untaken",
            "events of the link that the supervisor did not take in time",
            gauges.events_untaken.load(Relaxed),
        ),
    ] {
        list.add_count(name, help, count);
    }
    list.add_frames(
        "uplink_refused",
        "frames at 16 kHz that the session refused to send",
        *refused_frames,
    );
    list.add_frames(
        "reply_late",
        "frames that came for a reply that had been cut, at the service's rate",
        *late_frames,
    );
}

/// What waits at the link.
fn waiting(list: &mut Figures, queued_frames: u64, held_frames: u64) {
    for (name, help, frames) in [
        ("queue", "frames at 16 kHz that wait in the link's queue", queued_frames),
        ("reply", "frames at 24 kHz of replies that wait for the worker's room", held_frames),
    ] {
        list.add_now(name, Unit::Frames, help, frames as f64);
    }
}

/// The microphone on its way to the socket.
pub(super) fn queue(list: &mut Figures, counters: &QueueCounters) {
    let QueueCounters {
        pushed_frames,
        taken_frames,
        overflow_frames,
        stale_frames,
        resent_frames,
        forgotten_frames,
        windows_reopened,
        windows_cut,
        windows_dropped,
        pauses_merged,
    } = counters;
    for (name, help, frames) in [
        ("queue_pushed", "frames at 16 kHz that the worker handed to the link", pushed_frames),
        ("queue_taken", "frames at 16 kHz taken from the queue to be sent", taken_frames),
        ("queue_overflow", "frames at 16 kHz dropped because too many waited", overflow_frames),
        ("queue_stale", "frames at 16 kHz dropped because they were too old to send", stale_frames),
        ("queue_resent", "frames at 16 kHz sent once more on another connection", resent_frames),
        ("queue_forgotten", "frames at 16 kHz too old to be sent once more", forgotten_frames),
    ] {
        list.add_frames(name, help, *frames);
    }
    for (name, help, count) in [
        ("windows_reopened", "windows opened again on another connection", windows_reopened),
        ("windows_cut", "windows whose connection ended with nothing left to send", windows_cut),
        ("windows_dropped", "windows dropped with all of their audio", windows_dropped),
        ("pauses_merged", "ends of the stream said twice with nothing between", pauses_merged),
    ] {
        list.add_count(name, help, *count);
    }
}

/// Replies on their way to the worker.
pub(super) fn staging(list: &mut Figures, counters: &StagingCounters) {
    let StagingCounters {
        staged_frames,
        delivered_frames,
        interrupted_frames,
        cut_frames,
        overflow_frames,
        staged_frames_max,
    } = counters;
    for (name, help, frames) in [
        ("reply_staged", "frames at 24 kHz of replies that came", staged_frames),
        ("reply_delivered", "frames at 24 kHz of replies given to the worker", delivered_frames),
        (
            "reply_interrupted",
            "frames at 24 kHz dropped as the service interrupted",
            interrupted_frames,
        ),
        ("reply_cut", "frames at 24 kHz dropped as the worker cut their reply", cut_frames),
        (
            "reply_overflow",
            "frames at 24 kHz dropped because replies were too long",
            overflow_frames,
        ),
    ] {
        list.add_frames(name, help, *frames);
    }
    list.add_now(
        "reply_staged_max",
        Unit::Frames,
        "the most frames at 24 kHz of replies that waited at once",
        *staged_frames_max as f64,
    );
}
