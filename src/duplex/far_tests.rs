//! Two devices with clocks of their own, a sine from the loudspeaker's, and
//! how late it is in the reference, by the true time of the microphone.

use std::{f64::consts::TAU, sync::Arc};

use super::*;
use crate::{
    audio::{Doorbell, Nanos, NoStopwatch, convert::InputChannel, ring::Reader, ring::ring},
    duplex::{
        capture::{CaptureHalf, capture},
        listen::{Heard, Listener},
        render::{RenderHalf, render},
    },
    pipeline::{Chain, Format},
};

/// Whole numbers below `bound`, always the same.
struct Dice(u64);
impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound.max(1)
    }
}

/// One stream of a device.
struct Device {
    rate: Rate,
    true_hz: f64,
    /// Frames per callback, drawn from here.
    sizes: [u64; 2],
    jitter_ms: f64,
    /// So often, in callbacks, four of them come at once; never where 0.
    bursts: u64,
    /// Seconds that the stream has stood still.
    stood: f64,
    is_speaker: bool,
    frames: u64,
    size: u64,
    at: f64,
    calls: u64,
    dice: Dice,
}

impl Device {
    fn new(hz: u32, ppm: f64, size: u64, is_speaker: bool) -> Self {
        Self {
            rate: Rate::new(hz).unwrap(),
            true_hz: f64::from(hz) * (1.0 + ppm * 1e-6),
            sizes: [size, size],
            jitter_ms: 0.0,
            bursts: 0,
            stood: 0.0,
            is_speaker,
            frames: 0,
            size,
            at: 0.0,
            calls: 0,
            dice: Dice(7 + u64::from(is_speaker)),
        }
    }

    /// When the next callback comes.
    fn plan(&mut self) {
        let [least, most] = self.sizes;
        self.size = least + self.dice.below(most - least + 1);
        let passed = self.frames + if self.is_speaker { 0 } else { self.size };
        let late = self.dice.below(1_000) as f64 / 1_000.0 * self.jitter_ms * 1e-3;
        // A burst: the first three come when the fourth does.
        let held = match self.bursts {
            0 => 0,
            every => 3_u64.saturating_sub(self.calls % every) * u64::from(self.calls > every),
        };
        let held = held as f64 * self.size as f64 / self.true_hz;
        let due = self.stood + passed as f64 / self.true_hz + late.max(held);
        self.at = self.at.max(due);
    }

    fn advance(&mut self) {
        self.frames += self.size;
        self.calls += 1;
        self.plan();
    }
}

struct Rig {
    microphone: Device,
    speaker: Device,
    capture: CaptureHalf,
    render: RenderHalf,
    render_end: RenderEnd,
    listener: Listener,
    far: FarEnd,
    gauges: FarGauges,
    sine_hz: f64,
    tap: Reader<f32>,
    reference: Vec<f32>,
    /// The worker does nothing before.
    stalled_until: f64,
}

impl Rig {
    fn new(mut microphone: Device, mut speaker: Device) -> Self {
        let rates = [microphone.rate, speaker.rate];
        let bell = Arc::new(Doorbell::unanswered());
        let (half, capture_end) = capture(rates[0], 0, InputChannel::Mix, bell.clone());
        let (render, render_end) = render(rates[1], 6.0, bell);
        let chain = Chain::prepare(std::iter::empty(), Format::of(rates[0])).unwrap();
        let (tap_in, tap) = ring(4 * rates[0].hz() as usize);
        let mut listener = Listener::new(capture_end, chain);
        listener.record(None, Some(tap_in));
        microphone.plan();
        speaker.plan();
        Self {
            microphone,
            speaker,
            capture: half,
            render,
            render_end,
            listener,
            far: FarEnd::new(rates[0], rates[1]),
            gauges: FarGauges::default(),
            sine_hz: 25.0,
            tap,
            reference: Vec::new(),
            stalled_until: 0.0,
        }
    }

    fn run(&mut self, until: f64) {
        while self.microphone.at.min(self.speaker.at) < until {
            if self.speaker.at <= self.microphone.at {
                self.play();
            } else {
                self.record();
            }
        }
    }

    /// The loudspeaker plays a sine by its own clock.
    fn play(&mut self) {
        let device = &self.speaker;
        let turns = self.sine_hz / device.true_hz;
        let sine = |n: u64| (TAU * (turns * n as f64).fract()).sin() as f32;
        let sound: Vec<f32> = (0..device.size).map(|i| sine(device.frames + i)).collect();
        self.render_end.push(&sound);
        let mut out = vec![0.0f32; sound.len()];
        self.render.process(&mut out, 1, Nanos((device.at * 1e9) as u64), 0);
        self.speaker.advance();
    }

    fn record(&mut self) {
        let device = &self.microphone;
        let silence = vec![0.0f32; device.size as usize];
        self.capture.process(&silence, 1, Nanos((device.at * 1e9) as u64));
        if device.at >= self.stalled_until {
            self.work();
        }
        self.microphone.advance();
    }

    fn work(&mut self) {
        self.far.take(&mut self.render_end);
        loop {
            match self.listener.next(&mut self.far, &NoStopwatch) {
                Heard::Nothing => break,
                Heard::Restart => {
                    let to = self.listener.capture().position().frames as usize;
                    self.reference.resize(to, 0.0);
                }
                Heard::Block(_) => {
                    let from = self.reference.len();
                    self.reference.resize(from + self.tap.len(), 0.0);
                    self.tap.pop_slice(&mut self.reference[from..]);
                }
            }
        }
        self.far.show(&self.gauges);
    }

    fn drift_ppm(&self) -> f64 {
        f64::from(self.gauges.drift_ppb.load(Relaxed)) / 1e3
    }

    fn missing(&self) -> u64 {
        self.gauges.missing_frames.load(Relaxed)
    }

    fn realignments(&self) -> u64 {
        self.gauges.realignments.load(Relaxed)
    }

    /// How many milliseconds the reference is late, for each period of the
    /// sine that begins within these seconds of the microphone's frames.
    fn late_ms(&self, from: f64, to: f64) -> Vec<f64> {
        let period = (self.microphone.true_hz / self.sine_hz).round() as usize;
        let first = (from * self.microphone.true_hz) as usize;
        let last = ((to * self.microphone.true_hz) as usize).min(self.reference.len() - period);
        let late = |first: &usize| {
            let (mut s, mut c) = (0.0, 0.0);
            for n in *first..*first + period {
                // Where the loudspeaker stands by the true time.
                let stood = self.microphone.stood - self.speaker.stood;
                let time = n as f64 / self.microphone.true_hz + stood;
                let angle = TAU * (self.sine_hz * time).fract();
                s += f64::from(self.reference[n]) * angle.sin();
                c += f64::from(self.reference[n]) * angle.cos();
            }
            // Only a whole sine has a place.
            let whole = (2.0 * s.hypot(c) / period as f64 - 1.0).abs() < 0.002;
            whole.then(|| -c.atan2(s) / TAU / self.sine_hz * 1e3)
        };
        let periods: Vec<usize> = (first..last).step_by(period).collect();
        let late: Vec<f64> = periods.iter().filter_map(late).collect();
        assert!(late.len() * 20 > periods.len() * 17, "{} of {}", late.len(), periods.len());
        late
    }

    /// The least and the most of them.
    fn span_ms(&self, from: f64, to: f64) -> [f64; 2] {
        let late = self.late_ms(from, to);
        let fold = |f: fn(f64, f64) -> f64| late.iter().copied().reduce(f).unwrap();
        [fold(f64::min), fold(f64::max)]
    }
}

fn rig(ppm: [f64; 2]) -> Rig {
    Rig::new(Device::new(16_000, ppm[0], 160, false), Device::new(24_000, ppm[1], 240, true))
}

#[test]
fn clocks_that_are_500_ppm_apart_stay_aligned_for_minutes() {
    for ppm in [[0.0, 500.0], [0.0, -500.0], [250.0, -250.0], [-30.0, 40.0]] {
        let mut rig = rig(ppm);
        rig.microphone.jitter_ms = 2.0;
        rig.speaker.jitter_ms = 2.0;
        rig.run(180.0);
        let [least, most] = rig.span_ms(20.0, 180.0);
        let true_ppm = ((1.0 + ppm[1] * 1e-6) / (1.0 + ppm[0] * 1e-6) - 1.0) * 1e6;
        assert!((rig.drift_ppm() - true_ppm).abs() < 3.0, "{ppm:?}: {} ppm", rig.drift_ppm());
        assert!(
            most - least < 0.2 && least > 0.0 && most < 6.0,
            "{ppm:?}: {least:.3} to {most:.3} ms"
        );
        assert_eq!((rig.realignments(), rig.missing()), (0, 0), "{ppm:?}");
    }
}

#[test]
fn jitter_of_5_ms_and_bursts_of_four_periods_move_nothing() {
    for (jitter_ms, bursts) in [(10.0, 0), (0.0, 500), (10.0, 500), (10.0, 37)] {
        let mut rig = rig([-60.0, 85.0]);
        for device in [&mut rig.microphone, &mut rig.speaker] {
            (device.jitter_ms, device.bursts) = (jitter_ms, bursts);
        }
        rig.run(90.0);
        let [least, most] = rig.span_ms(20.0, 90.0);
        assert!(most - least < 0.2, "{jitter_ms} ms, {bursts}: {least:.3} to {most:.3} ms");
        assert_eq!(rig.realignments(), 0);
    }
}

#[test]
fn any_rates_and_any_callback_sizes_are_aligned() {
    for rates in
        [[8_000, 192_000], [192_000, 8_000], [44_100, 48_000], [48_000, 16_000], [16_000, 44_100]]
    {
        for sizes in [[1, 4_096], [1, 8], [4_096, 4_096], [480, 480]] {
            let [mic, speaker] = rates;
            let mut rig =
                Rig::new(Device::new(mic, -35.0, 1, false), Device::new(speaker, 120.0, 1, true));
            for device in [&mut rig.microphone, &mut rig.speaker] {
                (device.sizes, device.jitter_ms) = (sizes, 1.0);
            }
            rig.run(12.0);
            let [least, most] = rig.span_ms(4.0, 11.0);
            assert!(
                most - least < 1.0 && least > 0.0 && most < 9.0,
                "{rates:?} {sizes:?}: {least:.3} to {most:.3} ms"
            );
        }
    }
}

#[test]
fn a_stream_that_stood_still_is_aligned_anew_and_only_once() {
    for (microphone, seconds) in [(false, 0.064), (true, 0.064), (false, 0.7), (true, 3.0)] {
        let mut rig = rig([0.0, 300.0]);
        rig.microphone.jitter_ms = 3.0;
        rig.speaker.jitter_ms = 3.0;
        rig.run(20.0);
        let [least, most] = rig.span_ms(12.0, 19.5);
        let device = if microphone { &mut rig.microphone } else { &mut rig.speaker };
        device.stood += seconds;
        device.plan();
        rig.run(40.0);
        let [after_least, after_most] = rig.span_ms(30.0, 39.0);
        assert_eq!(rig.realignments(), 1, "{microphone} {seconds}");
        assert!((after_most - most).abs() < 0.3 && (after_least - least).abs() < 0.3);
        let soon = rig.span_ms(22.5, 24.0);
        assert!((soon[0] - least).abs() < 0.5 && (soon[1] - most).abs() < 0.5, "{soon:?}");
    }
}

#[test]
fn what_found_no_room_is_silent_and_moves_nothing() {
    for seconds in [0.3, 0.8, 2.5] {
        let mut rig = rig([100.0, -100.0]);
        rig.run(10.0);
        let before = rig.span_ms(5.0, 9.5);
        rig.stalled_until = 10.0 + seconds;
        rig.run(20.0);
        let after = rig.span_ms(10.1 + seconds, 19.0);
        assert!((after[0] - before[0]).abs() < 0.2 && (after[1] - before[1]).abs() < 0.2);
        assert_eq!(rig.realignments(), 0);
    }
}

#[test]
fn the_first_sound_is_aligned() {
    let mut rig = rig([0.0, 0.0]);
    rig.run(1.0);
    let [least, most] = rig.span_ms(0.05, 0.9);
    assert!(least > 0.0 && most < 3.0, "{least:.3} to {most:.3} ms");
}

#[test]
fn while_the_ratio_moves_a_sine_has_no_spurs() {
    let mut microphone = Device::new(48_000, -500.0, 480, false);
    let mut speaker = Device::new(48_000, 0.0, 480, true);
    (microphone.jitter_ms, speaker.jitter_ms) = (8.0, 8.0);
    let mut rig = Rig::new(microphone, speaker);
    rig.sine_hz = 1_000.0;
    rig.run(8.0);
    for at in [3, 5] {
        let spur = spur_db(&rig.reference[at * 48_000..][..1 << 15], 1_000.0 / 48_000.0);
        assert!(spur < -80.0, "at {at} s: {spur:.1} dB");
    }
}

/// The strongest line of the spectrum farther than 40 Hz from the sine.
fn spur_db(signal: &[f32], turns: f64) -> f64 {
    let length = signal.len() as f64;
    let window = |i: usize| {
        let at = TAU * i as f64 / length;
        0.35875 - 0.48829 * at.cos() + 0.14128 * (2.0 * at).cos() - 0.01168 * (3.0 * at).cos()
    };
    let shaped: Vec<f64> =
        signal.iter().enumerate().map(|(i, x)| window(i) * f64::from(*x)).collect();
    let power = |turns: f64| {
        let (mut s, mut c) = (0.0, 0.0);
        for (i, x) in shaped.iter().enumerate() {
            let (sin, cos) = (TAU * turns * i as f64).sin_cos();
            (s, c) = (s + x * sin, c + x * cos);
        }
        s * s + c * c
    };
    let sine = (-20..=20).map(|i| power(turns + f64::from(i) * 1e-5)).fold(0.0, f64::max);
    let lines = (1..400).map(|i| f64::from(i) / 800.0).filter(|line| (line - turns).abs() > 1e-3);
    10.0 * (lines.map(power).fold(0.0, f64::max) / sine).log10()
}
