//! Callbacks of any size, at any rate: what reaches the uplink is what was
//! captured, to the bit.

use std::sync::Arc;

use chinwag::{
    audio::{
        Doorbell, Flow, NoStopwatch, Uplink, UplinkPacket,
        convert::{InputChannel, to_wire},
        packet::{DOWNLINK_PACKETS, UPLINK_PACKETS},
        ring::{Reader, ring},
    },
    duplex::{CaptureHalf, Worker, WorkerControls, WorkerParts, capture, render},
    pipeline::Format,
    sim::seed::Seed,
};

use super::*;

/// The capture callback's half, and a worker that streams everything.
fn machines(plan: &Plan, rate: Rate) -> (CaptureHalf, Worker, Reader<UplinkPacket>) {
    let bell = Arc::new(Doorbell::unanswered());
    let (half, capture_end) = capture(rate, 0, InputChannel::Mix, bell.clone());
    let (_, render_end) = render(Rate::DOWNLINK, 6.0, bell.clone());
    let (uplink, sent) = ring(UPLINK_PACKETS);
    let (_, downlink) = ring(DOWNLINK_PACKETS);
    let worker = Worker::new(WorkerParts {
        capture: capture_end,
        render: render_end,
        capture_chain: plan.capture_chain(Format::of(rate)).unwrap(),
        playback_chain: plan.playback_chain(Rate::DOWNLINK).unwrap(),
        uplink,
        downlink,
        flow: Arc::new(Flow::default()),
        link: bell,
        notes: ring(64).0,
        controls: Arc::new(WorkerControls::default()),
        turn: plan.turn,
        playout: plan.playout,
        guard_echo: false,
        chunk_ms: 20,
        period_frames: 480,
    });
    (half, worker, sent)
}

/// What goes up of `signal` in callbacks of these sizes, until it is over.
fn uplink(plan: &Plan, rate: Rate, signal: &[f32], sizes: &[usize]) -> Vec<i16> {
    let (mut half, mut worker, mut sent) = machines(plan, rate);
    let mut samples = Vec::new();
    let mut rest = signal;
    for size in sizes.iter().cycle() {
        let (now, later) = rest.split_at((*size).min(rest.len()));
        half.process(now, 1, Nanos::ZERO);
        rest = later;
        if rest.is_empty() {
            worker.finish(Nanos::ZERO, &NoStopwatch);
        } else {
            worker.step(Nanos::ZERO, &NoStopwatch);
        }
        while let Some(packet) = sent.pop() {
            if let Uplink::Audio(audio) = packet.payload {
                samples.extend(audio.as_slice());
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    samples
}

/// A quarter of a second of noise, and not a whole number of blocks of it.
fn noise(rate: Rate) -> Vec<f32> {
    let mut seed = Seed::new(u64::from(rate.hz()));
    let frames = rate.hz() as usize / 4 + 7;
    (0..frames).map(|_| seed.unit() as f32 - 0.5).collect()
}

/// The signal at 16 kHz by the resampler alone, all at once.
fn converted(signal: &[f32], rate: Rate) -> Vec<i16> {
    let frames = signal.len() as u64 * 16_000 / u64::from(rate.hz());
    if rate == Rate::UPLINK {
        return signal.iter().map(|sample| to_wire(*sample)).collect();
    }
    let padded = [signal, &vec![0.0; rate.hz() as usize / 10]].concat();
    let quality = Quality::default();
    let mut resampler = Resampler::new(rate, Rate::UPLINK, quality, padded.len()).unwrap();
    let mut out = vec![0.0; resampler.push(&padded)];
    resampler.take(&mut out);
    let late = resampler.latency_frames();
    out[late..late + frames as usize].iter().map(|sample| to_wire(*sample)).collect()
}

fn check(plan: &Plan, hz: u32, sizes: impl Iterator<Item = usize>) {
    let rate = Rate::new(hz).unwrap();
    let signal = noise(rate);
    let whole = uplink(plan, rate, &signal, &[signal.len()]);
    assert_eq!(whole, converted(&signal, rate), "{hz} Hz in one block");
    for size in sizes {
        let sent = uplink(plan, rate, &signal, &[size]);
        assert!(sent == whole, "{hz} Hz in callbacks of {size}");
    }
}

#[test]
fn every_callback_size_at_48_khz_sends_the_samples_of_the_one_block_run() {
    let plan = plan("server", "full", &[]);
    std::thread::scope(|scope| {
        for part in 0..2 {
            let plan = &plan;
            scope.spawn(move || check(plan, 48_000, (1 + part..=4_096).step_by(2)));
        }
    });
}

#[test]
fn sixty_four_sizes_at_every_other_rate_send_the_samples_of_the_one_block_run() {
    let plan = plan("server", "full", &[]);
    let mut sizes: Vec<usize> = (0..=12).map(|power| 1 << power).collect();
    sizes.extend([3, 7, 79, 80, 81, 159, 160, 161, 219, 220, 221, 239, 240, 241, 319, 320, 321]);
    sizes.extend([439, 440, 441, 442, 479, 480, 481, 959, 960, 961, 999, 1_000, 1_023, 1_025]);
    let mut seed = Seed::new(64);
    while sizes.len() < 64 {
        sizes.push(1 + seed.below(8_192) as usize);
    }
    std::thread::scope(|scope| {
        for rates in [&[8_000, 22_050, 44_100][..], &[16_000, 24_000, 32_000, 96_000]] {
            let (plan, sizes) = (&plan, &sizes);
            scope.spawn(move || {
                for hz in rates {
                    check(plan, *hz, sizes.iter().copied());
                }
            });
        }
    });
}

#[test]
fn sizes_that_change_from_call_to_call_send_the_same() {
    let plan = plan("server", "full", &[]);
    let mut seed = Seed::new(5);
    for hz in [44_100, 48_000] {
        let rate = Rate::new(hz).unwrap();
        let signal = noise(rate);
        let whole = uplink(&plan, rate, &signal, &[signal.len()]);
        for _ in 0..20 {
            let sizes: Vec<usize> = (0..50).map(|_| 1 + seed.below(2_000) as usize).collect();
            assert_eq!(uplink(&plan, rate, &signal, &sizes), whole, "{hz} {sizes:?}");
        }
    }
}
