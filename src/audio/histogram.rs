//! How long things took: a histogram of durations with fixed buckets.
//!
//! Buckets are log-linear: 32 equal steps to each doubling, so that a quantile
//! is at most 1/32 (3.1 %) above the truth, from nanoseconds to two minutes.
//! The scheme is that of Gil Tene's `HdrHistogram`, with 5 bits of precision.
//!
//! Runs on: any thread. Never allocates, locks, logs or fails, but for
//! [`Histogram::new`] and [`Histogram::snapshot`], which allocate.

use super::{
    Nanos,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

const STEP_BITS: u32 = 5;
const STEPS: usize = 1 << STEP_BITS;
/// Durations from 2^37 ns (137 s) on share the last bucket.
const VALUE_BITS: u32 = 37;
const BUCKETS: usize = STEPS * (VALUE_BITS - STEP_BITS + 1) as usize;

/// Counts durations; any number of threads may record at once.
///
/// A bucket holds up to 2^32 - 1 records: 1.3 years of a hundred a second.
pub struct Histogram {
    buckets: Box<[AtomicU32]>,
    nanos_sum: AtomicU64,
    nanos_max: AtomicU64,
}

impl Histogram {
    /// An empty histogram of 4 KiB, which never grows.
    pub fn new() -> Self {
        let buckets = (0..BUCKETS).map(|_| AtomicU32::new(0)).collect();
        Self { buckets, nanos_sum: AtomicU64::new(0), nanos_max: AtomicU64::new(0) }
    }

    /// Counts one duration: three relaxed atomic operations.
    ///
    /// # Realtime safety
    /// Wait-free where one thread records, as everywhere in a talk: the
    /// compare-and-swap of a new maximum fails only against another's.
    pub fn record(&self, duration: Nanos) {
        if let Some(bucket) = self.buckets.get(bucket_of(duration.0)) {
            bucket.fetch_add(1, Relaxed);
        }
        self.nanos_sum.fetch_add(duration.0, Relaxed);
        if duration.0 > self.nanos_max.load(Relaxed) {
            self.nanos_max.fetch_max(duration.0, Relaxed);
        }
    }

    /// What has been counted until now; records that arrive meanwhile may be
    /// in it or not.
    pub fn snapshot(&self) -> Snapshot {
        let counts = self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        let [sum, max] = [&self.nanos_sum, &self.nanos_max].map(|nanos| Nanos(nanos.load(Relaxed)));
        Snapshot { counts, sum, max }
    }

    /// The longest duration so far.
    pub fn max(&self) -> Nanos {
        Nanos(self.nanos_max.load(Relaxed))
    }

    /// All durations together.
    pub fn sum(&self) -> Nanos {
        Nanos(self.nanos_sum.load(Relaxed))
    }
}

impl std::fmt::Debug for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Histogram").field("sum", &self.sum()).field("max", &self.max()).finish()
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// The counts of a [`Histogram`] at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    counts: Box<[u32]>,
    sum: Nanos,
    max: Nanos,
}

impl Snapshot {
    /// How many durations were recorded.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }

    /// All durations together, exactly.
    pub fn sum(&self) -> Nanos {
        self.sum
    }

    /// The longest duration, exactly; zero if nothing was recorded.
    pub fn max(&self) -> Nanos {
        self.max
    }

    /// The mean duration; `None` if nothing was recorded.
    pub fn mean(&self) -> Option<Nanos> {
        self.sum.0.checked_div(self.count()).map(Nanos)
    }

    /// How many durations were shorter than `2^exponent` ns, and how many than
    /// one and a half times that: both exactly, as buckets begin there.
    /// `exponent` from 5 to 36.
    pub fn shorter_than(&self, exponent: u32) -> [u64; 2] {
        let exponent = exponent.clamp(STEP_BITS, VALUE_BITS - 1);
        let first = bucket_of(1 << exponent);
        let below = |end: usize| self.counts[..end].iter().map(|&count| u64::from(count)).sum();
        [below(first), below(first + STEPS / 2)]
    }

    /// The duration that half of the records do not exceed.
    pub fn p50(&self) -> Option<Nanos> {
        self.quantile(0.50)
    }

    /// The duration that 99 % of the records do not exceed.
    pub fn p99(&self) -> Option<Nanos> {
        self.quantile(0.99)
    }

    /// The duration that the share `q` (0 to 1) of the records does not exceed,
    /// rounded up by 3.1 % at most; `None` if nothing was recorded.
    pub fn quantile(&self, q: f64) -> Option<Nanos> {
        let total = self.count();
        let rank = ((q.clamp(0.0, 1.0) * total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, &count) in self.counts.iter().enumerate() {
            seen += u64::from(count);
            if seen >= rank {
                let last = index + 1 == BUCKETS;
                return Some(if last { self.max } else { Nanos(upper_of(index)).min(self.max) });
            }
        }
        None
    }

    /// The buckets that hold anything: the longest duration of each, and how many
    /// it holds.
    pub fn bars(&self) -> impl Iterator<Item = (Nanos, u64)> {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(index, &count)| {
            let last = index + 1 == BUCKETS;
            let upper = if last { self.max } else { Nanos(upper_of(index)).min(self.max) };
            (upper, u64::from(count))
        })
    }

    /// What was recorded after `earlier`, a snapshot of the same histogram. The
    /// longest is known as the others are: up to 3.1 % too long.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = self.counts.iter().zip(&earlier.counts);
        let counts: Box<[u32]> = pairs.map(|(now, then)| now.saturating_sub(*then)).collect();
        let last = counts.iter().rposition(|count| *count > 0);
        let max = match last {
            None => Nanos::ZERO,
            Some(last) if last + 1 == BUCKETS => self.max,
            Some(last) => Nanos(upper_of(last)).min(self.max),
        };
        Self { counts, sum: self.sum.since(earlier.sum), max }
    }

    /// Adds the records of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }
}

/// The bucket of `nanos`: itself below 32, then the leading five bits after the
/// first one within each doubling.
fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.min((1 << VALUE_BITS) - 1);
    if nanos < STEPS as u64 {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - STEP_BITS;
    (shift as usize) * STEPS + (nanos >> shift) as usize
}

/// The longest duration of a bucket, in nanoseconds.
fn upper_of(index: usize) -> u64 {
    if index < STEPS {
        return index as u64;
    }
    let shift = (index / STEPS - 1) as u32;
    let lead = (index % STEPS + STEPS) as u64;
    ((lead + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_each_other_without_gap_or_overlap() {
        for index in 0..BUCKETS - 1 {
            let upper = upper_of(index);
            assert_eq!(bucket_of(upper), index, "upper edge {upper}");
            assert_eq!(bucket_of(upper + 1), index + 1, "next after {upper}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        let snapshot = Histogram::new().snapshot();
        assert_eq!((snapshot.count(), snapshot.max(), snapshot.p50()), (0, Nanos::ZERO, None));
    }

    #[test]
    fn quantiles_are_those_of_the_recorded_values() {
        let histogram = Histogram::new();
        for ms in 1..=100 {
            histogram.record(Nanos::from_ms(ms));
        }
        let snapshot = histogram.snapshot();
        let near = |got: Option<Nanos>, ms: f64| {
            let got = got.unwrap().as_ms();
            assert!(got >= ms && got <= ms * (1.0 + 1.0 / 32.0), "{got} for {ms}");
        };
        near(snapshot.p50(), 50.0);
        near(snapshot.p99(), 99.0);
        near(snapshot.quantile(0.0), 1.0);
        assert_eq!(snapshot.quantile(1.0), Some(Nanos::from_ms(100)));
    }

    #[test]
    fn the_mean_is_exact_and_so_are_the_counts_below_the_edges() {
        let histogram = Histogram::new();
        for nanos in [1_023, 1_024, 1_535, 1_536, 2_047, 2_048] {
            histogram.record(Nanos(nanos));
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.shorter_than(10), [1, 3]);
        assert_eq!(snapshot.shorter_than(11), [5, 6]);
        assert_eq!((snapshot.sum(), snapshot.mean()), (Nanos(9_213), Some(Nanos(1_535))));
        assert_eq!(Histogram::new().snapshot().mean(), None);
    }

    #[test]
    fn the_bars_are_all_records_in_their_order() {
        let histogram = Histogram::new();
        for ms in [3, 1, 3, 200_000] {
            histogram.record(Nanos::from_ms(ms));
        }
        let bars: Vec<_> = histogram.snapshot().bars().collect();
        assert_eq!(bars.iter().map(|bar| bar.1).collect::<Vec<_>>(), [1, 2, 1]);
        assert!(bars.is_sorted(), "{bars:?}");
        assert_eq!(bars[2].0, Nanos::from_secs(200));
    }

    #[test]
    fn what_exceeds_the_range_keeps_its_maximum() {
        let histogram = Histogram::new();
        histogram.record(Nanos::from_secs(1_000));
        assert_eq!(histogram.snapshot().p50(), Some(Nanos::from_secs(1_000)));
    }

    #[test]
    fn threads_record_at_once_and_nothing_is_lost() {
        let histogram = Histogram::new();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let histogram = &histogram;
                scope.spawn(move || {
                    (0..1_000).for_each(|i| histogram.record(Nanos(thread * 1_000 + i)));
                });
            }
        });
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count(), snapshot.max()), (4_000, Nanos(3_999)));
    }

    proptest! {
        #[test]
        fn what_came_after_a_snapshot_is_as_if_nothing_had_been_before(
            before in proptest::collection::vec(0_u64..1 << 40, 0..50),
            after in proptest::collection::vec(0_u64..1 << 40, 0..50),
        ) {
            let (all, alone) = (Histogram::new(), Histogram::new());
            for value in &before {
                all.record(Nanos(*value));
            }
            let earlier = all.snapshot();
            for value in &after {
                all.record(Nanos(*value));
                alone.record(Nanos(*value));
            }
            let (since, alone) = (all.snapshot().since(&earlier), alone.snapshot());
            prop_assert_eq!(&since.counts, &alone.counts);
            prop_assert_eq!(since.sum, alone.sum);
            prop_assert!(since.max >= alone.max);
        }

        #[test]
        fn a_merge_equals_recording_everything_in_one(
            left in proptest::collection::vec(0_u64..1 << 40, 0..50),
            right in proptest::collection::vec(0_u64..1 << 40, 0..50),
        ) {
            let of = |values: &[u64]| {
                let histogram = Histogram::new();
                for &value in values {
                    histogram.record(Nanos(value));
                }
                histogram.snapshot()
            };
            let mut merged = of(&left);
            merged.merge(&of(&right));
            let all: Vec<u64> = left.into_iter().chain(right).collect();
            prop_assert_eq!(merged, of(&all));
        }
    }
}
