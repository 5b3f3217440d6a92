//! From a resolved profile to the plan: stages are built, rules are kept.

use super::{
    plan::{Origin, Plan, PlannedStage, resample_lines, steps},
    problem::Problem,
    resolve::{Resolved, values_of},
    rules::{Judge, split},
    tables::{self, TableId},
    written::{ListId, WrittenList, WrittenStage},
};
use crate::{
    audio::Rate,
    pipeline::{Format, param::ParamDefault},
};

/// What a device's rate is taken to be where the profile does not say.
pub(super) const USUAL_RATE_HZ: u32 = 48_000;

/// Builds the plan, or says everything that keeps it from being built. Where
/// a key was wrong, `None` without another word: it was reported.
pub(super) fn build(
    profile: &Resolved,
    origin: &Origin,
    problems: &mut Vec<Problem>,
) -> Option<Plan> {
    let before = problems.len();
    let values = TableId::ALL.map(|id| profile.values(id));
    let [session, device, link, turn, playout, _] = &values;
    let turn_settings = tables::turn::settings(turn);
    let mut plan = Plan {
        profile: profile.name.clone(),
        origin: origin.clone(),
        session: tables::session::settings(session, &turn_settings),
        device: tables::device::settings(device),
        link: tables::link::settings(link),
        turn: turn_settings,
        playout: tables::playout::settings(playout),
        capture: Vec::new(),
        playback: Vec::new(),
        values: values.clone(),
    };
    let mut judge = Judge { profile, problems };
    judge.turn(turn, &turn_settings);
    judge.playout(playout);
    judge.link(link, &plan.link, &plan.session);
    judge.session(session, &plan.session);
    let lacks_detector = judge.detector(&turn_settings);
    let capture = planned(profile.list(ListId::Capture), problems);
    let playback = planned(profile.list(ListId::Playback), problems);
    if let Some(capture) = &capture {
        judge_capture(profile, capture, plan.device_rate(), !lacks_detector, problems);
    }
    if let Some(playback) = &playback {
        let input = Format::of(Rate::DOWNLINK);
        judge_steps(profile, ListId::Playback, playback, input, problems);
    }
    let is_sound = profile.tables.iter().all(|keys| !keys.broken) && problems.len() == before;
    plan.capture = capture?;
    plan.playback = playback?;
    is_sound.then_some(plan)
}

/// Every stage of a list, or `None` where one of them is not right.
fn planned(list: &WrittenList, problems: &mut Vec<Problem>) -> Option<Vec<PlannedStage>> {
    let stages: Vec<_> = list.stages.iter().map(|stage| planned_stage(stage, problems)).collect();
    let stages: Option<Vec<_>> = stages.into_iter().collect();
    stages.filter(|_| !list.broken)
}

fn planned_stage(stage: &WrittenStage, problems: &mut Vec<Problem>) -> Option<PlannedStage> {
    let name = stage.entry.name;
    let mut is_whole = !stage.keys.broken;
    for param in stage.entry.params {
        let is_missing =
            param.default == ParamDefault::Required && stage.keys.at(param.name).is_none();
        if is_missing && !stage.keys.broken {
            is_whole = false;
            let message = format!("{name} needs {}", param.name);
            let expected = format!("expected {} = …", param.name);
            problems.push(Problem::new(&stage.at, message).expected(expected).next(param.doc));
        }
    }
    if !is_whole {
        return None;
    }
    let built = PlannedStage::new(stage.entry, values_of(stage.entry.params, &stage.keys));
    built
        .map_err(|message| {
            let (what, next) = split(&message);
            problems.push(Problem::new(&stage.at, format!("{name}: {what}")).next(next));
        })
        .ok()
}

/// Prepares the chain for the device's rate: each stage must run where it
/// stands, and the last must make what the service hears.
fn judge_capture(
    profile: &Resolved,
    stages: &[PlannedStage],
    device: Rate,
    judges_end: bool,
    problems: &mut Vec<Problem>,
) {
    let list = profile.list(ListId::Capture);
    let end = judge_steps(profile, ListId::Capture, stages, Format::of(device), problems);
    let end = end.filter(|end| *end != Rate::UPLINK && judges_end);
    if let Some(end) = end {
        let at = list.stages.last().map_or(&profile.at, |stage| &stage.at);
        let lines = resample_lines(profile.owner(ListId::Capture));
        problems.push(
            Problem::new(at, format!("the capture chain ends at {end}"))
                .expected(format!("the service hears {}", Rate::UPLINK))
                .next(format!("add these lines to the file:\n\n{lines}")),
        );
    }
}

/// The rate that the list ends at, or `None` where a stage cannot run.
fn judge_steps(
    profile: &Resolved,
    id: ListId,
    stages: &[PlannedStage],
    input: Format,
    problems: &mut Vec<Problem>,
) -> Option<Rate> {
    let (place, error) = match steps(stages, input) {
        Ok(steps) => return Some(steps.last().map_or(input.rate, |step| step.output.rate)),
        Err(failed) => failed,
    };
    let stage = &stages[place];
    let (what, mut next) = split(&error.0);
    if id == ListId::Capture && stage.config().prepare(Format::of(Rate::UPLINK)).is_ok() {
        let lines = resample_lines(profile.owner(id));
        next = format!("put these lines before it:\n\n{lines}");
    }
    problems.push(
        Problem::new(
            &profile.list(id).stages[place].at,
            format!("{} cannot run here: {what}", stage.name()),
        )
        .expected(format!("place {} of {}", place + 1, id.name()))
        .next(next),
    );
    None
}
