//! Troubles, each done to the world at its time.

use std::collections::VecDeque;

use super::{
    World,
    weather::{Trouble, Weather},
};
use crate::{
    audio::Nanos,
    link::Control,
    protocol::{Close, Reaction, Verdict, close::judge_http},
    sim::service::{Fault, Mishap, Service, When},
};

/// How the next attempts to connect fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nobody is reached.
    NoNetwork,
    /// By the service, with this HTTP status.
    Http(u16),
}

/// What lasts of the troubles.
#[derive(Debug, Default)]
pub(super) struct Aftermath {
    /// The next attempts to connect.
    pub(super) refused: VecDeque<Refused>,
    /// Services that have not noticed yet that their client is gone, and when
    /// they will.
    pub(super) lingering: Vec<(Nanos, Service)>,
    /// How long the service of the connection that ends next lingers.
    pub(super) lingers: Nanos,
}

impl World {
    /// Lets all of it happen, each trouble at its time.
    pub fn suffer(&mut self, weather: &Weather) {
        for (at, trouble) in weather.troubles().iter().cloned() {
            self.at(at, move |world| world.befall(trouble));
        }
    }

    /// Lets `trouble` happen now.
    pub fn befall(&mut self, trouble: Trouble) {
        self.done(trouble.to_string());
        let now = self.now;
        match trouble {
            Trouble::Break => self.break_connection(),
            Trouble::HalfOpen(time) => {
                self.aftermath.lingers = time;
                self.break_connection();
                self.aftermath.lingers = Nanos::ZERO;
            }
            Trouble::Vanish(time) => {
                self.hold_uplink(now + time);
                self.hold_downlink(now + time);
                self.at(now + time, Self::break_connection);
            }
            Trouble::StallUp(time) => self.hold_uplink(now + time),
            Trouble::StallDown(time) => self.hold_downlink(now + time),
            Trouble::Slow { time, extra } => {
                self.up.slow_down(now + time, extra);
                self.down.slow_down(now + time, extra);
            }
            Trouble::NoNetwork { attempts } => self.refuse(attempts, Refused::NoNetwork),
            Trouble::Refused { attempts, http_status } => {
                self.refuse(attempts, Refused::Http(http_status));
            }
            Trouble::Unanswered => {
                let next = self.memory.connections() + 1;
                let never = Mishap::Stall(Nanos::from_secs(3_600));
                self.service_settings.faults.push(Fault::new(When::Received(1), never).on(next));
                self.break_connection();
            }
            Trouble::NotResumed { code, reason } => {
                let close = Mishap::Close { code, reason: reason.to_owned() };
                self.service_settings.faults.push(Fault::new(When::Resumption, close));
            }
            Trouble::Service(mishap) => {
                if matches!(mishap, Mishap::Truncate | Mishap::Repeat | Mishap::Late(_)) {
                    self.invariants.forget_replies();
                }
                if let Some(service) = &mut self.service {
                    service.befall(now, mishap);
                }
                self.collect_service();
            }
            Trouble::WorkerStall(time) => self.stall_worker(now + time),
            Trouble::LinkStall(time) => {
                self.link_task.stall(now + time);
                self.hold_downlink(now + time);
            }
            Trouble::CaptureStall(time) => self.microphone.stall(now + time),
            Trouble::RenderStall(time) => self.speaker.stall(now + time),
            Trouble::Device(loss) => self.lose_device(loss),
            Trouble::Mute(time) => {
                self.mute(true);
                self.at(now + time, |world| world.mute(false));
            }
            Trouble::Text => self.control(Control::Text("go on".to_owned())),
            Trouble::Stop => self.interrupt(),
        }
    }

    fn refuse(&mut self, attempts: u32, how: Refused) {
        self.aftermath.refused.extend((0..attempts).map(|_| how));
        self.break_connection();
    }

    /// The next attempt fails where a trouble says so: what that means.
    pub(super) fn failing_dial(&mut self) -> Option<Verdict> {
        let settings = self.link.session().settings();
        Some(match self.aftermath.refused.pop_front()? {
            Refused::Http(status) => judge_http(status, "", settings),
            Refused::NoNetwork => Verdict {
                reaction: Reaction::Retry,
                by_service: false,
                explanation: "there is no way to the service".to_owned(),
                next_step: "check that this machine is online".to_owned(),
            },
        })
    }

    /// The service of a connection that is over: it may not know yet.
    pub(super) fn bury(&mut self, mut service: Service, code: u16) {
        let lingers = self.aftermath.lingers;
        if lingers == Nanos::ZERO {
            service.client_closed(self.now, code);
            self.ended_services.push(service);
            return;
        }
        let until = self.now + lingers;
        self.aftermath.lingering.push((until, service));
        self.at(until, |world| {
            let now = world.now;
            let lingering = std::mem::take(&mut world.aftermath.lingering);
            for (until, mut service) in lingering {
                if until <= now {
                    service.client_closed(now, Close::NO_FRAME);
                    world.ended_services.push(service);
                } else {
                    world.aftermath.lingering.push((until, service));
                }
            }
        });
    }
}
