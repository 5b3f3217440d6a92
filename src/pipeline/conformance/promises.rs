//! The promises, one function each: what is wrong, or nothing.

use super::{
    BLOCKS, Format, RATES_HZ, Subject,
    rig::{Rig, describe},
    signals::{Dice, Signal, Voice, mixed, nasty},
};
use crate::audio::Rate;

/// Prepares for every rate of [`RATES_HZ`] and every block of [`BLOCKS`], or
/// refuses with a text that says what was expected; takes one rate at least.
///
/// # Errors
/// An unclear refusal, or that nothing is taken.
pub fn prepares(subject: &Subject) -> Result<(), String> {
    let mut taken = 0;
    for format in all_formats() {
        match subject.prepare(format) {
            Ok(_) => taken += 1,
            Err(e) => {
                let capital = e.0.chars().next().is_none_or(char::is_uppercase);
                if capital || !e.0.contains("expected") {
                    return Err(format!(
                        "{}: expected a refusal in lower case that says what was expected: {e}",
                        describe(format)
                    ));
                }
            }
        }
    }
    if taken == 0 { Err("it takes no rate and no block at all".to_owned()) } else { Ok(()) }
}

fn all_formats() -> impl Iterator<Item = Format> {
    RATES_HZ.iter().filter_map(|&hz| Rate::new(hz)).flat_map(formats_at)
}

fn formats_at(rate: Rate) -> impl Iterator<Item = Format> {
    let of = move |&block_frames_max| Format { rate, block_frames_max };
    BLOCKS.iter().map(of).chain([Format::of(rate)])
}

/// No block is longer than the output's bound or at another rate than the
/// output's; a long run makes as many frames as the rates say, less at most
/// 100 ms that the stage may hold; every note finds room.
///
/// # Errors
/// What is too long, too short or refused.
pub fn length(subject: &Subject) -> Result<(), String> {
    for rate in RATES_HZ.iter().filter_map(|&hz| Rate::new(hz)) {
        let signal = mixed(rate, 11);
        for format in formats_at(rate) {
            if let Ok(rig) = Rig::new(subject, format) {
                length_of(rig, &signal).map_err(|e| format!("{}: {e}", describe(format)))?;
            }
        }
    }
    Ok(())
}

fn length_of(mut rig: Rig, signal: &Signal) -> Result<(), String> {
    let (rate, output) = (rig.at.rate, rig.prepared.output);
    let heard = rig.run_whole(signal);
    let wrong = heard
        .blocks
        .iter()
        .find(|(start, frames)| *frames > output.block_frames_max || start.rate != output.rate);
    if let Some((start, frames)) = wrong {
        let bound = describe(output);
        return Err(format!("a block of {frames} at {}, expected at most {bound}", start.rate));
    }
    let (given, made) = (signal.near.len() as f64, heard.near.len() as f64);
    let expected = given * f64::from(output.rate.hz()) / f64::from(rate.hz());
    if made < expected - f64::from(output.rate.hz()) / 10.0 || made >= expected + 1.0 {
        return Err(format!("{given} frames made {made}, expected {expected}"));
    }
    match heard.refused {
        0 => Ok(()),
        refused => Err(format!("{refused} notes found no room")),
    }
}

/// The first block starts as much earlier as the stage claims to be late, and
/// each next one where the one before ended.
///
/// # Errors
/// The first block that starts elsewhere.
pub fn contiguous(subject: &Subject) -> Result<(), String> {
    for format in subject.formats() {
        let mut rig = Rig::new(subject, format)?;
        let (output, latency) = (rig.prepared.output, rig.prepared.latency_frames as i64);
        rig.at = rig.at.plus(i64::from(format.rate.hz()));
        let mut expected = rig.at.at_rate(output.rate).plus(-latency);
        let mut dice = Dice::new(21);
        let heard = rig.run(&mixed(format.rate, 12), || dice.up_to(format.block_frames_max));
        for (i, (start, frames)) in heard.blocks.into_iter().enumerate() {
            if start != expected {
                return Err(format!(
                    "{}: block {i} starts with frame {} of epoch {}, expected {} of {}",
                    describe(format),
                    start.frames,
                    start.epoch,
                    expected.frames,
                    expected.epoch
                ));
            }
            expected = start.plus(frames as i64);
        }
    }
    Ok(())
}

/// NaN, infinities, a constant, full scale, subnormals, the greatest floats and
/// random bits, near-end and far-end, make finite sound, then and afterwards. A
/// far-end that the stage does not look at may pass as it is.
///
/// # Errors
/// The first frame that is not finite and what was given.
pub fn finite(subject: &Subject) -> Result<(), String> {
    for format in subject.formats() {
        let clean = mixed(format.rate, 13);
        for (name, given) in nasty(format.rate) {
            let mut rig = Rig::new(subject, format)?;
            let nasty = Signal { near: given.clone(), far: given };
            let during = rig.run_whole(&nasty);
            let after = rig.run_whole(&clean);
            let sounds = [("during", during.near), ("after", after.near), ("after", after.far)];
            for (when, sound) in sounds {
                if let Some(sample) = sound.iter().find(|sample| !sample.is_finite()) {
                    return Err(format!("{}: {sample} {when} {name}", describe(format)));
                }
            }
        }
    }
    Ok(())
}

/// Blocks of one frame, of random lengths with empty ones between, and as long
/// as they may be give the same sound and the same notes, to the bit.
///
/// # Errors
/// The first difference.
pub fn invariant(subject: &Subject) -> Result<(), String> {
    for format in subject.formats() {
        let signal = mixed(format.rate, 14);
        let whole = Rig::new(subject, format)?.run_whole(&signal);
        let mut dice = Dice::new(22);
        let one = Rig::new(subject, format)?.run(&signal, || 1);
        let random =
            Rig::new(subject, format)?.run(&signal, || dice.up_to(format.block_frames_max));
        for (cut, heard) in [("one by one", one), ("cut at random", random)] {
            if let Some(difference) = whole.differs(&heard) {
                return Err(format!("{} and {cut}: {difference}", describe(format)));
            }
        }
    }
    Ok(())
}

/// After a reset it does what a new one does, to the bit.
///
/// # Errors
/// The first difference.
pub fn resets(subject: &Subject) -> Result<(), String> {
    for format in subject.formats() {
        let signal = mixed(format.rate, 15);
        let fresh = Rig::new(subject, format)?.run_whole(&signal);
        let mut rig = Rig::new(subject, format)?;
        let mut dice = Dice::new(23);
        let mut before = mixed(format.rate, 16);
        // It is reset in the midst of a voice.
        before.near.truncate(before.near.len() * 7 / 10);
        rig.run(&before, || dice.up_to(format.block_frames_max));
        rig.reset();
        if let Some(difference) = fresh.differs(&rig.run_whole(&signal)) {
            return Err(format!("{}: new and reset: {difference}", describe(format)));
        }
    }
    Ok(())
}

/// A voice leaves it as much later as it claims, within one output frame, by
/// the peak of the correlation of what came out with what went in.
///
/// # Errors
/// The latency that was measured and the one that is claimed.
pub fn latency(subject: &Subject) -> Result<(), String> {
    for format in subject.formats() {
        let mut rig = Rig::new(subject, format)?;
        let (output, claimed) = (rig.prepared.output, rig.prepared.latency_frames);
        let lower_hz = f64::from(format.rate.hz().min(output.rate.hz()));
        let voice = Voice::new(17, 0.35 * lower_hz);
        let near = voice.frames(format.rate, format.rate.frames_in_ms(400));
        let far = vec![0.0; near.len()];
        let heard = rig.run_whole(&Signal { near, far }).near;
        let lags = claimed + output.rate.frames_in_ms(40);
        let Some((lag, correlation)) = best_lag(&heard, &voice, output.rate, lags) else {
            return Err(format!("{}: it swallows a voice", describe(format)));
        };
        if correlation < 0.5 || lag.abs_diff(claimed) > 1 {
            return Err(format!(
                "{}: {lag} frames late (correlation {correlation:.2}), claims {claimed}",
                describe(format)
            ));
        }
    }
    Ok(())
}

/// By how many frames the voice is late in `heard`, at most `lags`, and how
/// alike the two then are, 0 to 1. `None` for silence.
fn best_lag(heard: &[f32], voice: &Voice, rate: Rate, lags: usize) -> Option<(usize, f32)> {
    const LONGEST: usize = 2_048;
    let heard = &heard[lags.min(heard.len())..];
    let heard = &heard[..heard.len().min(LONGEST)];
    let given = voice.frames(rate, lags + heard.len());
    let energy = |signal: &[f32]| signal.iter().map(|s| s * s).sum::<f32>();
    let heard_energy = energy(heard);
    let scores = (0..=lags).map(|lag| {
        let then = &given[lags - lag..lags - lag + heard.len()];
        let product: f32 = then.iter().zip(heard).map(|(a, b)| a * b).sum();
        (lag, product.abs() / (heard_energy * energy(then)).sqrt())
    });
    scores.filter(|(_, score)| score.is_finite()).max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Five seconds after the last sound nothing but exact zeros leaves it, with
/// subnormals as the processor has them: no tail lingers in state.
///
/// # Errors
/// The first sample that is not zero.
pub fn settles(subject: &Subject) -> Result<(), String> {
    for format in subject.formats() {
        let mut rig = Rig::new(subject, format)?;
        rig.run_whole(&mixed(format.rate, 18));
        let silence = vec![0.0; 5 * format.rate.hz() as usize];
        let heard = rig.run_whole(&Signal { near: silence.clone(), far: silence });
        for signal in [heard.near, heard.far] {
            let end = &signal[signal.len() * 9 / 10..];
            if let Some(sample) = end.iter().find(|sample| **sample != 0.0) {
                return Err(format!(
                    "{}: {sample:e} after 4.5 s of silence, expected 0",
                    describe(format)
                ));
            }
        }
    }
    Ok(())
}

/// `process` and `reset` allocate no more often than the entry declares, which
/// for most stages is never. `count` reads how often the calling thread has
/// allocated so far, from a counting global allocator.
///
/// # Errors
/// How often it allocated, where it should not.
pub fn allocations(subject: &Subject, count: &dyn Fn() -> u64) -> Result<(), String> {
    for format in subject.formats() {
        let mut rig = Rig::new(subject, format)?;
        let signal = mixed(format.rate, 19);
        let block = format.block_frames_max;
        let blocks = signal.near.len() / block;
        let before = count();
        for i in 0..blocks {
            rig.notes.clear();
            rig.step(&signal, i * block, block);
        }
        rig.reset();
        for i in 0..block {
            rig.step(&signal, i, 1);
        }
        rig.step(&signal, 0, 0);
        rig.reset();
        let counted = count() - before;
        let calls = blocks + block + 3;
        let allowed = u64::from(subject.allocates) * calls as u64;
        if counted > allowed {
            return Err(format!(
                "{}: {counted} allocations in {calls} calls, expected {allowed} at most",
                describe(format)
            ));
        }
    }
    Ok(())
}
