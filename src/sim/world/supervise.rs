//! The supervisor's part of a world: it carries out what the watches decide.

use super::{DeviceLoss, World};
use crate::{
    audio::{Nanos, ring::ring},
    duplex::{
        Taps,
        watch::{Deed, Loss},
    },
};

/// Which of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Microphone,
    Speaker,
}

impl Side {
    const BOTH: [Self; 2] = [Self::Microphone, Self::Speaker];

    fn name(self) -> &'static str {
        match self {
            Self::Microphone => "microphone",
            Self::Speaker => "speaker",
        }
    }
}

impl World {
    /// Fault: the device, or one side of it, is lost now and comes back. What
    /// cannot be opened is tried again, as the engine does.
    pub fn lose_device(&mut self, loss: DeviceLoss) {
        let now = self.now;
        let [microphone, speaker] = loss.hits();
        if microphone {
            self.capture.fate.lose(now, &loss);
        }
        if speaker {
            self.render.fate.lose(now, &loss);
        }
        self.done(format!("{:?} lost: {:?}", loss.sides, loss.how));
        self.supervise();
    }

    /// How often sound was back, of both sides, and for how long there was none.
    pub fn outages(&self) -> [(u32, Nanos); 2] {
        [&self.capture.fate, &self.render.fate].map(|fate| fate.watch.outages(self.now))
    }

    /// Whether both sides work.
    pub fn has_sound(&self) -> bool {
        [&self.capture.fate, &self.render.fate].iter().all(|fate| fate.watch.is_running())
    }

    pub(super) fn supervised_at(&self) -> Option<Nanos> {
        let capture = self.capture.fate.watch.next_deadline(&self.capture.vitals());
        let render = self.render.fate.watch.next_deadline(&self.render.vitals());
        capture.into_iter().chain(render).min()
    }

    pub(super) fn supervise(&mut self) {
        for side in Side::BOTH {
            while let Some(deed) = self.look(side) {
                self.carry_out(side, deed);
            }
        }
    }

    fn look(&mut self, side: Side) -> Option<Deed> {
        let now = self.now;
        match side {
            Side::Microphone => {
                let vitals = self.capture.vitals();
                self.capture.fate.watch.look(now, &vitals)
            }
            Side::Speaker => {
                let vitals = self.render.vitals();
                self.render.fate.watch.look(now, &vitals)
            }
        }
    }

    fn carry_out(&mut self, side: Side, deed: Deed) {
        match deed {
            Deed::Drop { loss, .. } => {
                match side {
                    Side::Microphone => self.capture.drop_stream(),
                    Side::Speaker => self.render.drop_stream(),
                }
                let name = side.name();
                self.done(format!("the {name} is gone: {}", Loss::name(loss)));
            }
            Deed::Open => self.open(side),
            Deed::Back(after) => {
                let name = side.name();
                self.done(format!("the {name} is back after {:.3} s", after.as_secs()));
            }
        }
    }

    fn open(&mut self, side: Side) {
        let now = self.now;
        let fate = match side {
            Side::Microphone => &mut self.capture.fate,
            Side::Speaker => &mut self.render.fate,
        };
        if now < fate.back_at {
            return fate.watch.refused(now);
        }
        let rate = fate.next_rate;
        let renewed = match side {
            Side::Microphone => {
                let room = self.microphone.rate();
                let (tap, far) = ring(super::build::FAR_SECS * rate.hz() as usize);
                let far_tap = self.record_sound.then_some(tap);
                let taps = Taps { far: far_tap, ..Taps::default() };
                self.renewal.microphone(rate, taps).map(|(half, ends)| {
                    self.capture.attach(half, now, room);
                    self.far.push(far);
                    ends
                })
            }
            Side::Speaker => {
                let room = self.speaker.rate();
                self.renewal.speaker(rate).map(|(half, ends)| {
                    self.render.attach(half, now, room);
                    ends
                })
            }
        };
        match renewed {
            Ok(ends) => {
                let given = self.renewal.give(ends, rate);
                self.invariants.require(given, || "the worker takes no new ends".to_owned());
            }
            Err(error) => self.invariants.require(false, || format!("{rate}: {error}")),
        }
    }
}
