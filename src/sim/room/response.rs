//! What a room makes of a click: the click itself, its reflections from the
//! nearest surfaces, and noise that dies away. The high half of the noise dies
//! twice as fast, as it does in air and in curtains.

use super::settings::RoomSettings;
use crate::sim::seed::Seed;

/// When the reflections come after the direct sound: each half as late again
/// as the one before, give or take a tenth.
const FIRST_REFLECTION_SECS: f64 = 0.0015;
const REFLECTIONS: i32 = 8;
/// When the noise begins, and where its two halves part.
const DIFFUSE_SECS: f64 = 0.004;
const PARTED_HZ: f64 = 2_000.0;

/// The response at a rate, over its whole reverberation time; the direct sound
/// is its first frame, of amplitude 1.
pub(super) fn respond(settings: &RoomSettings, hz: f64, seed: &mut Seed) -> Vec<f32> {
    let rt60_s = settings.rt60.as_secs();
    let frames = ((rt60_s * hz) as usize).max(1);
    let mut reflected = vec![0.0; frames];
    for nth in 0..REFLECTIONS {
        let late_s = FIRST_REFLECTION_SECS * 1.5f64.powi(nth) * (0.9 + 0.2 * seed.unit());
        let sign = if seed.below(2) == 0 { 1.0 } else { -1.0 };
        if let Some(slot) = reflected.get_mut((late_s * hz) as usize) {
            // The direct way takes a millisecond.
            *slot = sign * dying(late_s, rt60_s) / (1.0 + late_s * 1e3);
        }
    }
    let mut diffuse = vec![0.0; frames];
    let (parting, mut low) = (1.0 - (-std::f64::consts::TAU * PARTED_HZ / hz).exp(), 0.0);
    for (frame, slot) in diffuse.iter_mut().enumerate().skip((DIFFUSE_SECS * hz) as usize) {
        let noise = 2.0 * seed.unit() - 1.0;
        low += parting * (noise - low);
        let left = dying(frame as f64 / hz, rt60_s);
        *slot = low * left + (noise - low) * left * left;
    }
    // Reflections and noise have equal parts in what is not direct.
    let power = 0.5 * 10f64.powf(-f64::from(settings.direct_db) / 10.0);
    let [reflected_gain, diffuse_gain] = [&reflected, &diffuse].map(|part| {
        let has: f64 = part.iter().map(|x| x * x).sum();
        if has > 0.0 { (power / has).sqrt() } else { 0.0 }
    });
    let pairs = reflected.iter().zip(&diffuse);
    let mut taps: Vec<f32> =
        pairs.map(|(r, d)| (reflected_gain * r + diffuse_gain * d) as f32).collect();
    taps[0] = 1.0;
    taps
}

/// What is left of an amplitude after so long.
fn dying(secs: f64, rt60_s: f64) -> f64 {
    10f64.powf(-3.0 * secs / rt60_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(name: &str, hz: f64) -> (RoomSettings, Vec<f32>) {
        let settings: RoomSettings = name.parse().unwrap();
        let taps = respond(&settings, hz, &mut Seed::new(3));
        (settings, taps)
    }

    #[test]
    fn it_dies_away_in_its_time_at_every_rate() {
        for (name, hz) in [("laptop", 16e3), ("speakerphone", 44.1e3), ("kiosk", 48e3)] {
            let (settings, taps) = response(name, hz);
            // Schroeder's integral: what is left to come.
            let mut left: Vec<f64> = taps
                .iter()
                .rev()
                .scan(0.0, |sum, tap| {
                    *sum += f64::from(tap * tap);
                    Some(*sum)
                })
                .collect();
            left.reverse();
            let under = |db: f64| {
                let at = left.iter().position(|x| 10.0 * (x / left[0]).log10() < db).unwrap();
                at as f64 / hz
            };
            let rt60_s = 3.0 * (under(-35.0) - under(-15.0));
            let off = rt60_s / settings.rt60.as_secs();
            assert!((0.75..1.15).contains(&off), "{name}: {rt60_s} s");
        }
    }

    #[test]
    fn the_direct_sound_stands_as_far_over_the_rest_as_stated() {
        let (settings, taps) = response("laptop", 48e3);
        let rest: f32 = taps[1..].iter().map(|tap| tap * tap).sum();
        assert_eq!(taps[0], 1.0);
        assert!((-10.0 * rest.log10() - settings.direct_db).abs() < 0.5);
    }
}
