//! What is counted between the devices and the worker.

use std::sync::atomic::Ordering::Relaxed;

use super::super::SoundTotals;
use crate::{
    audio::{Nanos, histogram::Snapshot},
    device::Faults,
    duplex::{FarGauges, Meters, WorkerGauges},
    measure::figures::{Figures, Unit},
};

/// What a block lasts.
const BLOCK: Nanos = Nanos::from_ms(10);

/// The worker's time, and each stage's.
pub(super) fn work(list: &mut Figures, meters: &Meters) {
    let block_time = meters.worker.block_time.snapshot();
    let share = share(&block_time);
    list.add_times("worker_block", "the worker's time for a block of 10 ms", block_time);
    list.add_now(
        "worker_block",
        Unit::Ratio,
        "the worker's time for a block over what the block lasts, on average",
        share,
    );
    let stages = ["capture", "playback"].into_iter().zip(&meters.stages);
    let stages = stages.flat_map(|(chain, stages)| {
        stages.iter().enumerate().map(move |(place, stage)| {
            let place = ("place", (place + 1).to_string());
            (vec![("chain", chain.to_owned()), place, ("stage", stage.name.clone())], stage)
        })
    });
    let stages: Vec<_> = stages.collect();
    for (labels, stage) in &stages {
        let help = "a stage's time for a block";
        list.add_times_of("stage", help, labels.clone(), stage.time.snapshot());
    }
    for (labels, stage) in stages {
        let help = "how much later a sound leaves a stage";
        list.add_length_of("stage_latency", help, labels, stage.latency());
    }
}

fn share(block_time: &Snapshot) -> Option<f64> {
    Some(block_time.mean()?.as_secs() / BLOCK.as_secs())
}

/// The far end beside the microphone.
pub(super) fn far(list: &mut Figures, far: &FarGauges) {
    let FarGauges { missing_frames, realignments, drift_ppb, margin_us } = far;
    list.add_now(
        "clock_drift",
        Unit::Ppm,
        "how much faster the speaker's clock runs than the microphone's",
        f64::from(drift_ppb.load(Relaxed)) / 1e3,
    );
    list.add_now(
        "far_margin",
        Unit::Seconds,
        "how much later than the speaker was given it the canceller's reference is",
        f64::from(margin_us.load(Relaxed)) / 1e6,
    );
    list.add_count(
        "far_realignments",
        "times that a stream had lost time and the reference was aligned anew",
        realignments.load(Relaxed),
    );
    list.add_frames(
        "far_missing",
        "frames of the reference that were not known when they were needed, at the capture rate",
        missing_frames.load(Relaxed),
    );
}

/// What became of the streams, those before these too.
pub(super) fn devices(list: &mut Figures, sound: &SoundTotals) {
    let SoundTotals {
        outages: [(mic_times, mic_without), (speaker_times, speaker_without)],
        capture_lost_frames,
        capture_missing_frames,
        underruns,
        far_lost_frames,
        device_latency,
        faults:
            Faults { capture_xruns, render_xruns, errors, last: _, ordinary, unburied, is_broken: _ },
        has_ended: _,
    } = sound;
    list.add_now(
        "device_latency",
        Unit::Seconds,
        "a render callback -> its first frame audible, as the sound system says",
        device_latency.map(Nanos::as_secs),
    );
    let xruns = "times that the sound system lost what was captured, or had nothing to play";
    list.add_count_of("xruns", xruns, ("side", "capture"), *capture_xruns);
    list.add_count_of("xruns", xruns, ("side", "playback"), *render_xruns);
    let help = "times that the render ring ran dry in the middle of sound";
    list.add_count("underruns", help, *underruns);
    list.add_count("device_errors", "errors of the sound system but xruns", *errors);
    list.add_frames(
        "capture_lost",
        "captured frames that found no room in the capture ring, at the capture rate",
        *capture_lost_frames,
    );
    list.add_frames(
        "capture_missing",
        "frames that by the clock were captured and never reached us, at the capture rate",
        *capture_missing_frames,
    );
    list.add_frames(
        "far_lost",
        "played frames that found no room in the far-end ring, at the render rate",
        *far_lost_frames,
    );
    let help = "times that a device was lost and came back";
    list.add_count_of("devices_back", help, ("side", "capture"), (*mic_times).into());
    list.add_count_of("devices_back", help, ("side", "playback"), (*speaker_times).into());
    for (side, without) in [("capture", mic_without), ("playback", speaker_without)] {
        let help = "how long there was no such device, all together";
        list.add_length_of("device_outage", help, vec![("side", side.to_owned())], *without);
    }
    let help = "streams whose callbacks were refused real-time priority";
    list.add_count("streams_without_priority", help, (*ordinary).into());
    let help = "streams whose threads hang in the sound system";
    list.add_count("streams_hanging", help, (*unburied).into());
}

/// What the worker counts.
pub(super) fn worker(list: &mut Figures, worker: &WorkerGauges) {
    let WorkerGauges {
        wire_to_ring: _,
        block_time: _,
        slow_blocks,
        wake_up: _,
        onset_to_decided: _,
        end_to_decided: _,
        steps,
        blocks,
        heard_frames: _,
        swap_lost_capture_frames,
        swap_lost_render_frames,
        uplink_lost_frames,
        far: _,
        playout_refused_frames,
        block_notes_refused,
        stamps_refused,
        staged_frames,
        render_pending_frames,
        level: _,
    } = worker;
    list.add_count("worker_steps", "steps of the worker", steps.load(Relaxed));
    list.add_count("worker_blocks", "blocks of the microphone processed", blocks.load(Relaxed));
    list.add_count(
        "worker_slow_blocks",
        "blocks that took the worker longer than they last",
        slow_blocks.load(Relaxed),
    );
    for (name, help, frames) in [
        (
            "swap_lost_capture",
            "captured frames that were not heard any more when a microphone was opened anew",
            swap_lost_capture_frames,
        ),
        (
            "swap_lost_render",
            "frames of replies that were not played any more when a speaker was opened anew",
            swap_lost_render_frames,
        ),
        (
            "uplink_lost",
            "frames at 16 kHz that found no room in the uplink ring",
            uplink_lost_frames,
        ),
        (
            "playout_refused",
            "frames at 24 kHz that found no room in the playout",
            playout_refused_frames,
        ),
    ] {
        list.add_frames(name, help, frames.load(Relaxed));
    }
    list.add_count(
        "block_notes_refused",
        "notes that found no room within their block",
        block_notes_refused.load(Relaxed),
    );
    list.add_count(
        "stamps_refused",
        "times and marks of callbacks that found no room: what is timed by them is missing",
        stamps_refused.load(Relaxed),
    );
    waiting(list, staged_frames.load(Relaxed), render_pending_frames.load(Relaxed));
}

/// What of replies waits at the worker.
fn waiting(list: &mut Figures, staged_frames: usize, pending_frames: usize) {
    for (name, help, frames) in [
        ("playout", "frames at 24 kHz that wait in the playout", staged_frames),
        (
            "render_ring",
            "frames in the render ring just after it was topped up, at the render rate",
            pending_frames,
        ),
    ] {
        list.add_now(name, Unit::Frames, help, frames as f64);
    }
}
