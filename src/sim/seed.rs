//! Chance that repeats: every random choice of the virtual world comes from a
//! seed, so that a failure can be run again.

/// A small generator of pseudo-random numbers: splitmix64 (Steele, Lea and
/// Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
///
/// Any thread; never allocates or fails. Not for secrets.
#[derive(Clone, Debug)]
pub struct Seed(u64);

impl Seed {
    /// The generator that `seed` starts; equal seeds give equal numbers.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, not including, `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// A number from 0 up to, not including, 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A generator of its own, for a part that must not disturb the others.
    pub fn split(&mut self) -> Self {
        Self(self.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_numbers_and_others_do_not() {
        let draw = |seed| {
            let mut seed = Seed::new(seed);
            std::array::from_fn::<u64, 8, _>(|_| seed.bits())
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn the_first_numbers_are_those_of_the_published_algorithm() {
        let mut seed = Seed::new(1234567);
        assert_eq!(seed.bits(), 6457827717110365317);
        assert_eq!(seed.bits(), 3203168211198807973);
    }

    #[test]
    fn a_bounded_draw_stays_below_its_end_and_reaches_every_value() {
        let mut seed = Seed::new(1);
        let mut seen = [0; 5];
        for _ in 0..1_000 {
            seen[seed.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| count > 100), "{seen:?}");
        assert_eq!(seed.below(0), 0);
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&seed.unit())));
    }
}
