//! The conversation while it goes: events are told, orders obeyed, the status
//! line kept, the microphone watched.

use std::time::Duration;

use super::{
    orders::{Order, Orders},
    phase::Phase,
    pulse::{self, Pulse},
    silence::{self, SilenceWatch},
    story::Story,
    tell::rounded,
    teller::Teller,
    terminal::{Terminal, columns},
};
use crate::{
    audio::{Nanos, NoteKind},
    cli::{exit::Failure, signals::Signals},
    config::Plan,
    device::Clock,
    dialog::TurnMode,
    engine::{Engine, EngineEvent, Recorder},
};

/// How often orders and signals are looked for.
const LOOK: Duration = Duration::from_millis(20);
/// How often the status line and the microphone's level are looked at.
const STATUS: Nanos = Nanos::from_ms(100);
/// A key that went down within this time belongs to the next window.
const HELD_MIN: Nanos = Nanos::from_secs(1);
/// A file as microphone has ended: so long after the last event, and so long
/// after a turn that is not answered, the conversation is over.
const QUIET_S: f64 = 3.0;
const UNANSWERED_S: f64 = 20.0;

/// Everything that takes part in it.
pub(in crate::cli) struct Conversation<'a> {
    pub(in crate::cli) engine: &'a mut Engine,
    pub(in crate::cli) story: &'a mut Story,
    pub(in crate::cli) teller: &'a mut Teller,
    pub(in crate::cli) signals: &'a Signals,
    pub(in crate::cli) terminal: Option<&'a Terminal>,
    pub(in crate::cli) orders: &'a mut Orders,
    pub(in crate::cli) clock: Clock,
    pub(in crate::cli) plan: &'a Plan,
}

/// What is kept between two events.
struct State {
    phase: Phase,
    silence: SilenceWatch,
    pulse: Pulse,
    status_at: Nanos,
    /// When the talk key went down.
    pressed_at: Nanos,
}

impl Conversation<'_> {
    /// Until the user, the service or the microphone's file ends it.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub(in crate::cli) fn hold(mut self) -> Result<(), Failure> {
        if self.terminal.is_some() {
            self.teller.open_screen();
        }
        let ended = self.go_on();
        self.teller.close_screen();
        ended
    }

    fn go_on(&mut self) -> Result<(), Failure> {
        let mut state = State {
            phase: Phase::new(self.plan.turn.mode),
            silence: SilenceWatch::default(),
            pulse: Pulse::default(),
            status_at: Nanos::ZERO,
            pressed_at: Nanos::ZERO,
        };
        while !self.signals.stop_asked() {
            let event = self.engine.next_event(LOOK);
            state.phase.hear(&event, self.clock.now());
            self.story.hear(&event);
            self.teller.tell(self.story, &event, self.engine.recorder())?;
            if self.take_orders(&mut state)? {
                return Ok(());
            }
            self.look(&mut state)?;
            match event {
                EngineEvent::LinkEnded => return Ok(()),
                EngineEvent::Note(told) if told.note.kind == NoteKind::WindowClosed => {
                    // A window open for too long was closed: the key is up
                    // again, unless it went down just now.
                    let held = self.clock.now().since(state.pressed_at);
                    self.engine.talk(self.engine.is_talking() && held < HELD_MIN);
                }
                _ => {}
            }
            if self.engine.microphone_ended() && is_over(self.story) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The status line, and a microphone that gives nothing.
    fn look(&mut self, state: &mut State) -> Result<(), Failure> {
        let now = self.clock.now();
        if now < state.status_at {
            return Ok(());
        }
        state.status_at = now + STATUS;
        let level = self.engine.gauges().level.take();
        let none = self.plan.device.input == "null" || self.engine.microphone_ended();
        if none || self.engine.is_muted() {
            state.silence.forget();
        } else if let Some(loudest) = state.silence.hear(now, level) {
            let words = silence::words(&self.engine.offer().capture_name, loudest, "5 s");
            self.teller.warn(&format!("chinwag: {words}"));
        }
        if let Some(problem) = self.engine.recorder().and_then(Recorder::take_problem) {
            self.teller.warn(&format!("chinwag: {problem}; the recording ends here"));
        }
        if let Some(terminal) = self.terminal {
            terminal.resume();
        }
        let (at_s, far) = (rounded(self.story.now_s()), &self.engine.gauges().far);
        if let Some(object) = self.story.echo.take(now, at_s, far) {
            self.teller.reading(object, at_s, self.engine.recorder())?;
        }
        if self.teller.is_json() && state.pulse.is_due(now) {
            let figures = self.engine.meter().read();
            self.teller.emit(pulse::object(&figures, at_s, false))?;
        }
        if self.teller.has_screen() {
            let echo = self.story.echo.badge();
            self.teller.show(state.phase.line(level, echo.as_deref(), now, columns()))?;
        }
        Ok(())
    }

    /// Does what keys, lines and signals ask for; `true` where that is to end.
    fn take_orders(&mut self, state: &mut State) -> Result<bool, Failure> {
        if self.signals.take_toggle() {
            self.press(state, !self.engine.is_talking());
        }
        while let Some(order) = self.orders.next() {
            match order {
                Order::Talk => self.press(state, true),
                Order::Send => self.press(state, false),
                Order::Toggle => self.press(state, !self.engine.is_talking()),
                Order::Mute => self.engine.mute(true),
                Order::Unmute => self.engine.mute(false),
                Order::ToggleMute => self.engine.mute(!self.engine.is_muted()),
                Order::Stop => self.engine.interrupt(),
                Order::Mode(mode) => self.change_mode(mode)?,
                Order::NextMode => self.take_next_mode()?,
                Order::Say(text) => {
                    state.phase.asked(self.clock.now());
                    let _ = self.engine.say(&text);
                }
                Order::Quit => return Ok(true),
                Order::Unknown(line) => self.teller.say(&format!(
                    "\"{line}\" is no order; there are: talk, send, mute, unmute, stop, say TEXT, \
                     mode server|hybrid|client|push-to-talk, quit"
                ))?,
            }
        }
        Ok(false)
    }

    /// Takes turns in another way, or says why that cannot be.
    fn change_mode(&mut self, mode: TurnMode) -> Result<(), Failure> {
        match self.engine.change_mode(mode) {
            Ok(()) => Ok(()),
            Err(why) => self.teller.say(&why),
        }
    }

    /// Takes turns in the next way that the profile goes with.
    fn take_next_mode(&mut self) -> Result<(), Failure> {
        let mode = self.engine.turn_mode();
        let others = [mode.next(), mode.next().next(), mode.next().next().next()];
        let next = others.into_iter().find(|mode| self.plan.in_mode(*mode).is_ok());
        next.map_or(Ok(()), |mode| self.change_mode(mode))
    }

    fn press(&mut self, state: &mut State, down: bool) {
        if down {
            state.pressed_at = self.clock.now();
        }
        self.engine.talk(down);
    }
}

/// Whether nothing more will come of a microphone that has ended.
fn is_over(story: &Story) -> bool {
    let waits = story.turns.last().is_some_and(|t| t.audible_s.is_none());
    let speaks = story.turns.iter().any(|t| t.audible_s.is_some() && t.silent_s.is_none());
    let patience = if waits { UNANSWERED_S } else { QUIET_S };
    !speaks && story.now_s() - story.last_news_s() > patience
}
