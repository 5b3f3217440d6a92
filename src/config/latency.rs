//! Where a plan's time goes, before anything runs: what is known from the
//! settings alone. The network and the service come on top.

use super::plan::{Plan, steps};
use crate::{
    audio::{Nanos, Rate},
    dialog::EndpointKind,
    pipeline::Format,
};

/// One thing that takes time.
#[derive(Clone, Debug, PartialEq)]
pub struct Delay {
    /// What it is.
    pub name: String,
    /// On average.
    pub mean: Nanos,
    /// At worst.
    pub worst: Nanos,
}

impl Delay {
    fn fixed(name: impl Into<String>, latency: Nanos) -> Self {
        Self { name: name.into(), mean: latency, worst: latency }
    }

    /// Sound arrives at any moment of the time that is waited for.
    fn waited(name: impl Into<String>, whole: Nanos) -> Self {
        Self { name: name.into(), mean: Nanos(whole.0 / 2), worst: whole }
    }
}

/// The two ways of the sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Latencies {
    /// The devices' rate that this is worked out for.
    pub rate: Rate,
    /// From lips to wire.
    pub uplink: Vec<Delay>,
    /// From wire to ear.
    pub downlink: Vec<Delay>,
    /// The least and the longest silence after which a turn of the user ends,
    /// where we end it.
    pub hangover: Option<[Nanos; 2]>,
}

impl Latencies {
    /// Those of a plan.
    pub fn of(plan: &Plan) -> Self {
        let rate = plan.device_rate();
        let period = rate.duration_of(u64::from(plan.device.period_frames));
        let period_name = format!("device period, {} frames", plan.device.period_frames);
        let mut uplink = vec![Delay::waited(period_name.clone(), period)];
        uplink.extend(stages(&plan.capture, Format::of(rate), "capture"));
        let chunk = Nanos::from_ms(u64::from(plan.link.chunk_ms));
        uplink.push(Delay::waited("chunk, link.chunk_ms", chunk));
        let start = Nanos::from_ms(u64::from(plan.playout.start_ms));
        let mut downlink = vec![Delay {
            name: "start, playout.start_ms (0 for parts as long)".to_owned(),
            mean: Nanos::ZERO,
            worst: start,
        }];
        let playback = plan.playback_to(rate).unwrap_or_default();
        downlink.extend(stages(&playback, Format::of(Rate::DOWNLINK), "playback"));
        downlink.push(Delay::waited(period_name, period));
        let device = Nanos::from_ms(u64::from(plan.playout.device_latency_ms));
        if device > Nanos::ZERO {
            downlink.push(Delay::fixed("device, playout.device_latency_ms", device));
        }
        let turn = &plan.turn;
        let hangover_ms = match turn.endpoint {
            EndpointKind::Fixed => [turn.hangover_ms; 2],
            EndpointKind::Adaptive => [turn.hangover_min_ms, turn.hangover_max_ms],
        };
        let hangover = hangover_ms.map(|ms| Nanos::from_ms(u64::from(ms)));
        Self { rate, uplink, downlink, hangover: turn.mode.needs_detector().then_some(hangover) }
    }

    /// Mean and worst of a way.
    pub fn sum(way: &[Delay]) -> (Nanos, Nanos) {
        way.iter().fold((Nanos::ZERO, Nanos::ZERO), |(mean, worst), delay| {
            (mean + delay.mean, worst + delay.worst)
        })
    }

    /// As lines of a table, without a margin.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (title, way) in [("lips to wire", &self.uplink), ("wire to ear", &self.downlink)] {
            let title = format!("{title} at {}", self.rate);
            lines.push(format!("{title:<48}{:>9}{:>9}", "mean ms", "worst ms"));
            let row = |name: &str, mean: Nanos, worst: Nanos| {
                format!("  {name:<46}{:>9.1}{:>9.1}", mean.as_ms(), worst.as_ms())
            };
            lines.extend(way.iter().map(|delay| row(&delay.name, delay.mean, delay.worst)));
            let (mean, worst) = Self::sum(way);
            lines.push(row("together", mean, worst));
        }
        match self.hangover.map(|bounds| bounds.map(Nanos::as_ms)) {
            Some([least, longest]) if least == longest => lines
                .push(format!("a turn ends {least:.0} ms after your last word (turn.hangover_ms)")),
            Some([least, longest]) => lines.push(format!(
                "a turn ends {least:.0} to {longest:.0} ms after your last word, by how it was \
                 said (turn.patience)"
            )),
            None => {}
        }
        lines
    }
}

fn stages(stages: &[super::PlannedStage], input: Format, list: &str) -> Vec<Delay> {
    // A plan's chain is known to prepare; another rate could not be asked for.
    let steps = steps(stages, input).unwrap_or_default();
    let named = steps.iter().zip(stages);
    named
        .map(|(step, stage)| Delay::fixed(format!("{list}.{}", stage.name()), step.latency))
        .collect()
}
