//! `turns`: how soon a turn ends and how soon a reply is interrupted, by recorded
//! speech through the machines that run live, in virtual time: the same on every
//! machine.

use super::{
    Bench,
    speech::{self, Utterance, step_s, utterances},
};
use crate::{
    audio::{
        NoteKind, TurnMode,
        convert::{from_wire, to_wire},
    },
    cli::exit::Failure,
    config::Plan,
    dialog::{BargeIn, Duplex},
    measure::results::{Measurement, Spread, Unit},
    sim::{
        replay::{Replayed, Told, replay, replay_beside},
        room::{RoomSettings, microphone},
        seed::Seed,
    },
};

/// The part's name in the results.
pub(super) const PART: &str = "turns";
/// About: the four sentences that come with chinwag, twice.
pub(super) const EXPECTED_S: f64 = 6.0;

/// Quiet before an utterance and after it: longer than any wait for its end.
const BEFORE_S: f64 = 1.0;
const AFTER_S: f64 = 4.0;
/// The model speaks so long before it is interrupted.
const OVER_S: f64 = 4.0;
/// A turn was cut in a pause if speech goes on within so long.
const PAUSE_S: f64 = 1.5;
/// Speech that begins again within so long is the same stretch.
const GAP_STEPS: usize = 50;
/// The quiet is not digital: white noise of this peak, −66 dBFS.
const NOISE: f32 = 0.0009;

/// What was found in all recordings, in milliseconds.
#[derive(Debug, Default)]
struct Found {
    ends: Vec<f64>,
    onsets: Vec<f64>,
    ducks: Vec<f64>,
    cuts: Vec<f64>,
    /// Turns that ended in a pause, utterances that no turn ended after,
    /// interruptions that were not heard, and replies cut before anybody spoke.
    cut_pauses: u32,
    missed_ends: u32,
    missed_cuts: u32,
    false_cuts: u32,
}

/// Every recording, first alone and then over the model.
pub(super) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let plan = match bench.plan.in_mode(TurnMode::Client) {
        Ok(plan) => plan,
        Err(why) => {
            bench.remark(format!("turns: not measured; {why}"));
            return Ok(());
        }
    };
    if bench.plan.turn.mode != TurnMode::Client {
        let mode = bench.plan.turn.mode.name();
        bench
            .remark(format!("turns: measured as with --turn client; the profile's mode is {mode}"));
    }
    let interrupts = plan.turn.duplex == Duplex::Full && plan.turn.barge_in == BargeIn::Local;
    if !interrupts {
        bench.remark("turns: with this profile no voice interrupts the model here");
    }
    let all = utterances(&bench.asked.speech, plan.device_rate())?;
    let (many, mut found, mut unclear) = (all.len() as f64, Found::default(), Vec::new());
    for (number, utterance) in all.into_iter().enumerate() {
        let share = number as f64 / many;
        if !bench.goes_on(share, &format!("turns: {}", utterance.name))? {
            break;
        }
        let Some(loud) = utterance.loud() else {
            unclear.push(utterance.name);
            continue;
        };
        let failed = |e| Failure::usage(format!("{}: {e}", utterance.name));
        found.alone(&plan, &utterance, &loud).map_err(failed)?;
        if interrupts && bench.goes_on(share + 0.5 / many, &format!("turns: {}", utterance.name))? {
            found.over_the_model(&plan, &utterance, &loud)?;
        }
    }
    if !unclear.is_empty() {
        bench.remark(format!(
            "turns: left out, as speech does not stand 20 dB over the noise: {}",
            unclear.join(", ")
        ));
    }
    bench.results.measurements.extend(found.measured());
    Ok(())
}

impl Found {
    /// An utterance to which the model listens.
    fn alone(
        &mut self,
        plan: &Plan,
        utterance: &Utterance,
        loud: &[bool],
    ) -> Result<(), crate::pipeline::PrepareError> {
        let hz = f64::from(utterance.rate.hz());
        let quiet = |seconds: f64| vec![0.0; (seconds * hz) as usize];
        let mut sound = [quiet(BEFORE_S), utterance.samples.clone(), quiet(AFTER_S)].concat();
        add_noise(&mut sound);
        let replayed = replay(plan, &sound, utterance.rate, &[])?;
        let ends: Vec<f64> = replayed.ends().map(|end| end - BEFORE_S).collect();
        for end in &ends {
            let spoken = loud.iter().take((end / step_s(1)).max(0.0) as usize);
            let spoken: Vec<bool> = spoken.copied().collect();
            let Some(last) = spoken.iter().rposition(|loud| *loud) else { continue };
            self.ends.push(1e3 * (end - step_s(last + 1)));
            let after = loud.iter().enumerate().skip(last + 1).find(|(_, loud)| **loud);
            let goes_on = after.is_some_and(|(step, _)| step_s(step) < end + PAUSE_S);
            self.cut_pauses += u32::from(goes_on);
        }
        self.missed_ends += u32::from(ends.is_empty());
        for onset in replayed.onsets() {
            let first = begin_of(loud, onset - BEFORE_S);
            self.onsets.extend(first.map(|first| 1e3 * (onset - BEFORE_S - first)));
        }
        Ok(())
    }

    /// The same utterance over a reply that goes on and on.
    fn over_the_model(
        &mut self,
        plan: &Plan,
        utterance: &Utterance,
        loud: &[bool],
    ) -> Result<(), Failure> {
        let Some(first) = loud.iter().position(|loud| *loud) else { return Ok(()) };
        let spoken_s = OVER_S + step_s(first);
        let replayed = interrupted(plan, utterance)?;
        let after = |kind: fn(&NoteKind) -> bool| {
            let mut times = replayed.told.iter().filter(|told| kind(&told.note.kind));
            times.find(|told| told.heard_s >= spoken_s).map(|told| 1e3 * (told.heard_s - spoken_s))
        };
        let is_cut = |told: &&Told| matches!(told.note.kind, NoteKind::ReplyCut { .. });
        let early = replayed.told.iter().filter(is_cut).filter(|told| told.heard_s < spoken_s);
        self.false_cuts += early.count() as u32;
        self.ducks.extend(after(|kind| *kind == NoteKind::Ducked(true)));
        let cut = after(|kind| matches!(kind, NoteKind::ReplyCut { .. }));
        // What is cut after the utterance was cut by something else.
        let cut = cut.filter(|ms| *ms <= 1e3 * step_s(loud.len() - first) + 500.0);
        self.missed_cuts += u32::from(cut.is_none());
        self.cuts.extend(cut);
        Ok(())
    }

    fn measured(self) -> Vec<Measurement> {
        let spreads = [
            ("end_of_turn", "your last sound → the turn is over", self.ends),
            ("onset", "your first sound → speech decided", self.onsets),
            ("duck", "your first sound over the model → it is turned down", self.ducks),
            ("barge_in", "your first sound over the model → it is cut", self.cuts),
        ];
        let counts = [
            ("cut_pauses", "turns that ended in a pause", self.cut_pauses),
            ("missed_ends", "utterances that no turn ended after", self.missed_ends),
            ("missed_cuts", "interruptions that were not heard", self.missed_cuts),
            ("false_cuts", "replies cut before anybody spoke", self.false_cuts),
        ];
        let case = "recorded speech";
        let spread = |(name, what, values)| {
            let spread = Spread::of_values(values)?;
            Some(Measurement::spread([PART, case, name, what], Unit::Ms, spread))
        };
        let measured: Vec<_> = spreads.into_iter().filter_map(spread).collect();
        if measured.is_empty() {
            return measured;
        }
        let count = |(name, what, many): (&str, &str, u32)| {
            Measurement::number([PART, case, name, what], Unit::Count, many)
        };
        measured.into_iter().chain(counts.into_iter().map(count)).collect()
    }
}

/// Where the stretch of speech began that was going on at `decided_s`, in seconds.
fn begin_of(loud: &[bool], decided_s: f64) -> Option<f64> {
    let until = ((decided_s / step_s(1)).max(0.0) as usize).min(loud.len());
    let mut begin = loud[..until].iter().rposition(|loud| *loud)?;
    while let Some(earlier) =
        loud[begin.saturating_sub(GAP_STEPS)..begin].iter().position(|loud| *loud)
    {
        begin = begin.saturating_sub(GAP_STEPS) + earlier;
    }
    Some(step_s(begin))
}

/// The utterance after four seconds of a reply; in a room where the profile cancels
/// echoes.
fn interrupted(plan: &Plan, utterance: &Utterance) -> Result<Replayed, Failure> {
    let rate = utterance.rate;
    let frames = |seconds: f64| (seconds * f64::from(rate.hz())) as usize;
    let far = speech::model(rate, frames(OVER_S + 1.0) + utterance.samples.len())?;
    let mut near = vec![0i16; frames(OVER_S)];
    near.extend(utterance.samples.iter().map(|sample| to_wire(*sample)));
    let room = RoomSettings::named(if plan.guards_echo() { "laptop" } else { "headset" });
    let room = room.ok_or_else(|| Failure::internal("there is no such room"))?;
    let heard = microphone(&room, rate, &far, &near, Seed::new(1));
    let floats = |sound: &[i16]| sound.iter().map(|sample| from_wire(*sample)).collect::<Vec<_>>();
    let failed = |e| Failure::usage(format!("{}: {e}", utterance.name));
    replay_beside(plan, &floats(&heard), &floats(&far), rate, None).map_err(failed)
}

fn add_noise(sound: &mut [f32]) {
    let mut state = 0x2545_f491_u32;
    for sample in sound {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *sample += NOISE * (state as f32 / u32::MAX as f32 * 2.0 - 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audio::Rate, config::ConfigFile, pipeline::Registry};

    #[test]
    fn a_stretch_begins_after_the_last_long_gap() {
        let mut loud = vec![false; 400];
        loud[10..20].fill(true);
        loud[100..150].fill(true);
        loud[180..200].fill(true);
        assert_eq!(begin_of(&loud, 1.95), Some(1.0));
        assert_eq!(begin_of(&loud, 0.15), Some(0.1));
        assert_eq!(begin_of(&loud, 0.05), None);
    }

    #[test]
    fn sentences_end_as_turns_and_interrupt_the_model() {
        let file = ConfigFile::shipped(&Registry::shipped());
        let plan = file.plan(Some("speakers"), &[]).unwrap();
        let rate = Rate::UPLINK;
        let all = utterances(&[], rate).unwrap();
        let (mut found, utterance) = (Found::default(), &all[1]);
        let loud = utterance.loud().unwrap();
        found.alone(&plan, utterance, &loud).unwrap();
        found.over_the_model(&plan, utterance, &loud).unwrap();
        let bounds = [plan.turn.hangover_min_ms, plan.turn.hangover_max_ms].map(f64::from);
        assert!(matches!(found.ends[..], [ms] if ms > bounds[0] - 100.0 && ms < bounds[1] + 300.0));
        let confirm = f64::from(plan.turn.confirm_ms);
        assert!(matches!(found.cuts[..], [ms] if ms >= confirm && ms < 1_000.0), "{found:?}");
        assert!(found.ducks[0] <= found.cuts[0], "{found:?}");
        let odd = [found.cut_pauses, found.missed_ends, found.missed_cuts, found.false_cuts];
        assert_eq!(odd, [0; 4]);
        assert_eq!(found.measured().len(), 8);
    }
}
