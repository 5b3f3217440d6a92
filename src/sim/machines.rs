//! From a plan to the machines and the queues between them. Nothing runs yet:
//! the world runs them on one thread in virtual time, the engine on several.

use std::sync::Arc;

use crate::{
    audio::{
        Doorbell, Flow, Rate, TurnMode,
        packet::{DOWNLINK_PACKETS, UPLINK_PACKETS},
        ring::{Reader, ring},
    },
    config::Plan,
    duplex::{
        CaptureHalf, Ends, Exchange, Meters, RenderHalf, Taps, Worker, WorkerControls, WorkerNote,
        WorkerParts, capture, exchange, render,
    },
    link::{Link, LinkEnds},
    pipeline::{Chain, Format, PrepareError},
    protocol::Session,
};

/// Notes that may wait for the supervisor: 20 s of all that a talk leaves.
const NOTES: usize = 4_096;

/// Who is woken by what.
#[derive(Clone, Debug)]
pub struct Bells {
    /// Rung by the callbacks: the worker's, or one that nobody answers.
    pub callbacks: Arc<Doorbell>,
    /// Wakes the worker.
    pub worker: Arc<Doorbell>,
    /// Wakes the link.
    pub link: Arc<Doorbell>,
}

/// All of a conversation but its link.
pub struct Machines {
    /// For the capture callback.
    pub capture: CaptureHalf,
    /// For the render callback.
    pub render: RenderHalf,
    /// For the worker's thread.
    pub worker: Worker,
    /// The worker's values.
    pub controls: Arc<WorkerControls>,
    /// What the worker says.
    pub notes: Reader<WorkerNote>,
    /// What is counted of the sound.
    pub meters: Meters,
    /// What the link is connected to.
    pub ends: LinkEnds,
    /// Where the ends of streams that are opened anew come from.
    pub renewal: Renewal,
}

impl Machines {
    /// Builds the machines of `plan` for these device rates.
    ///
    /// # Errors
    /// A stage that cannot run at them.
    pub fn build(
        plan: &Plan,
        [capture_rate, render_rate]: [Rate; 2],
        bells: &Bells,
    ) -> Result<Self, PrepareError> {
        let channel = plan.device.input_channel;
        let (capture, capture_end) = capture(capture_rate, 0, channel, bells.callbacks.clone());
        let (render, render_end) =
            render(render_rate, plan.playout.fade_ms, bells.callbacks.clone());
        let (uplink, uplink_end) = ring(UPLINK_PACKETS);
        let (downlink, downlink_end) = ring(DOWNLINK_PACKETS);
        let (notes_in, notes) = ring(NOTES);
        let flow = Arc::new(Flow::default());
        let controls = Arc::new(WorkerControls::default());
        let mut worker = Worker::new(WorkerParts {
            capture: capture_end,
            render: render_end,
            capture_chain: plan.capture_chain(Format::of(capture_rate))?,
            playback_chain: plan.playback_chain(render_rate)?,
            uplink,
            downlink: downlink_end,
            flow: flow.clone(),
            link: bells.link.clone(),
            notes: notes_in,
            controls: controls.clone(),
            turn: plan.turn,
            playout: plan.playout,
            guard_echo: plan.guards_echo(),
            chunk_ms: plan.link.chunk_ms,
            period_frames: plan.device.period_frames as usize,
        });
        let meters = Meters {
            worker: worker.gauges(),
            audible: Arc::default(),
            stages: worker.chains().map(Chain::gauges),
        };
        let render = render.counting_into(&meters.audible);
        let (exchange, swaps) = exchange();
        worker.swap_from(swaps);
        let renewal = Renewal {
            meters: meters.clone(),
            plan: plan.clone(),
            bells: bells.clone(),
            rates: [capture_rate, render_rate],
            epoch: 0,
            exchange,
        };
        let worker_bell = bells.worker.clone();
        let ends = LinkEnds { uplink: uplink_end, downlink, flow, worker_bell };
        Ok(Self { capture, render, worker, controls, notes, meters, ends, renewal })
    }
}

/// Makes the halves of a stream that is opened anew, and hands its other end to
/// the worker.
pub struct Renewal {
    meters: Meters,
    plan: Plan,
    bells: Bells,
    /// Of the microphone and the speaker that the worker has, or will have.
    rates: [Rate; 2],
    epoch: u32,
    exchange: Exchange,
}

impl Renewal {
    /// A microphone at `rate`, copied to `taps`. Allocates.
    ///
    /// # Errors
    /// A stage of the plan that cannot run at that rate.
    pub fn microphone(&self, rate: Rate, taps: Taps) -> Result<(CaptureHalf, Ends), PrepareError> {
        let chain = self.plan.capture_chain(Format::of(rate))?;
        let chain = chain.counting_on(&self.meters.stages[0]);
        let channel = self.plan.device.input_channel;
        let (half, end) =
            capture(rate, self.epoch.wrapping_add(1), channel, self.bells.callbacks.clone());
        Ok((half, Ends::microphone(end, chain, self.rates[1], taps)))
    }

    /// A speaker at `rate`. Allocates.
    ///
    /// # Errors
    /// A stage of the plan that cannot run at that rate.
    pub fn speaker(&self, rate: Rate) -> Result<(RenderHalf, Ends), PrepareError> {
        let chain = self.plan.playback_chain(rate)?;
        let chain = chain.counting_on(&self.meters.stages[1]);
        let (half, end) = render(rate, self.plan.playout.fade_ms, self.bells.callbacks.clone());
        let half = half.rising().counting_into(&self.meters.audible);
        Ok((half, Ends::speaker(end, chain, self.rates[0])))
    }

    /// Hands the ends over, whose stream at `rate` runs. `false` where the worker
    /// takes none.
    pub fn give(&mut self, ends: Ends, rate: Rate) -> bool {
        let is_microphone = matches!(ends, Ends::Microphone(_));
        let given = self.exchange.give(ends);
        if given {
            self.rates[usize::from(!is_microphone)] = rate;
            self.epoch = self.epoch.wrapping_add(u32::from(is_microphone));
            self.bells.worker.ring();
        }
        given
    }

    /// Drops what the worker does not need any more.
    pub fn collect(&mut self) {
        self.exchange.collect();
    }
}

/// The link of `plan` between these ends.
pub fn link(plan: &Plan, ends: LinkEnds, seed: u64) -> Link {
    let in_mode = |mode| Some((mode, plan.in_mode(mode).ok()?.session));
    let modes = TurnMode::ALL.into_iter().filter_map(in_mode).collect();
    Link::new(Session::new(plan.session.clone()), &plan.link, ends, seed).with_modes(modes)
}
