//! Wait-free rings between two threads, each with a count of what it refused.
//!
//! Runs on: callbacks, worker, link. Never allocates, locks, logs or fails,
//! but for `ring`.

use std::sync::Arc;

use rtrb::{Consumer, Producer, RingBuffer, chunks::ChunkError};

use super::atomic::{AtomicU64, Ordering::Relaxed};

/// A ring for `capacity` items: its writing and its reading end. Allocates.
pub fn ring<T>(capacity: usize) -> (Writer<T>, Reader<T>) {
    let (producer, consumer) = RingBuffer::new(capacity);
    let refused = Arc::new(AtomicU64::new(0));
    (Writer { producer, refused: refused.clone() }, Reader { consumer, refused })
}

/// What a ring refuses, for whoever has neither of its ends.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<AtomicU64>);

impl Refusals {
    /// Items refused so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Makes an operation of a ring one step of loom's, which does not look into
/// `rtrb`: both ends meet in `refused`.
#[cfg(loom)]
fn step(refused: &AtomicU64) {
    refused.fetch_add(0, super::atomic::Ordering::AcqRel);
}

#[cfg(not(loom))]
fn step(_refused: &AtomicU64) {}

/// The end that writes.
#[derive(Debug)]
pub struct Writer<T> {
    producer: Producer<T>,
    refused: Arc<AtomicU64>,
}

impl<T> Writer<T> {
    /// Free slots: at least so many pushes succeed.
    pub fn room(&self) -> usize {
        step(&self.refused);
        self.producer.slots()
    }

    /// How many items the ring can hold.
    pub fn capacity(&self) -> usize {
        self.producer.buffer().capacity()
    }

    /// Pushes one item.
    ///
    /// # Errors
    /// The item, which is counted, where there is no room.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        step(&self.refused);
        self.producer.push(item).map_err(|rtrb::PushError::Full(item)| {
            self.count_refused(1);
            item
        })
    }

    /// Counts `items` as refused that were not even offered.
    pub fn count_refused(&self, items: usize) {
        self.refused.fetch_add(items as u64, Relaxed);
    }

    /// Items refused so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Whether the reading end is gone.
    pub fn is_abandoned(&self) -> bool {
        self.producer.is_abandoned()
    }
}

impl<T: Copy + Default> Writer<T> {
    /// Writes as many of the items as fit, in order, counts the rest as
    /// refused, and returns how many fitted.
    pub fn push_slice(&mut self, items: &[T]) -> usize {
        let fit = items.len().min(self.room());
        step(&self.refused);
        let written = match self.producer.write_chunk_uninit(fit) {
            Ok(chunk) => chunk.fill_from_iter(items[..fit].iter().copied()),
            Err(ChunkError::TooFewSlots(_)) => 0,
        };
        if written < items.len() {
            self.count_refused(items.len() - written);
        }
        written
    }
}

/// The end that reads.
#[derive(Debug)]
pub struct Reader<T> {
    consumer: Consumer<T>,
    refused: Arc<AtomicU64>,
}

impl<T> Reader<T> {
    /// How many items wait: at least so many pops succeed.
    pub fn len(&self) -> usize {
        step(&self.refused);
        self.consumer.slots()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the oldest item.
    pub fn pop(&mut self) -> Option<T> {
        step(&self.refused);
        self.consumer.pop().ok()
    }

    /// The oldest item, left where it is.
    pub fn peek(&self) -> Option<&T> {
        step(&self.refused);
        self.consumer.peek().ok()
    }

    /// Throws away up to `items`, in one step where they need no drop, and
    /// returns how many there were.
    pub fn skip(&mut self, items: usize) -> usize {
        let items = items.min(self.len());
        step(&self.refused);
        match self.consumer.read_chunk(items) {
            Ok(chunk) => {
                chunk.commit_all();
                items
            }
            Err(ChunkError::TooFewSlots(_)) => 0,
        }
    }

    /// Items refused by the writing end so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// The same for others.
    pub fn refusals(&self) -> Refusals {
        Refusals(self.refused.clone())
    }

    /// Whether the writing end is gone.
    pub fn is_abandoned(&self) -> bool {
        self.consumer.is_abandoned()
    }
}

impl<T: Copy> Reader<T> {
    /// Fills the front of `items` with what waits and returns how many.
    pub fn pop_slice(&mut self, items: &mut [T]) -> usize {
        let n = items.len().min(self.len());
        step(&self.refused);
        let Ok(chunk) = self.consumer.read_chunk(n) else { return 0 };
        let (first, second) = chunk.as_slices();
        items[..first.len()].copy_from_slice(first);
        items[first.len()..n].copy_from_slice(second);
        chunk.commit_all();
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_fit_is_counted_on_both_ends() {
        let (mut writer, mut reader) = ring::<f32>(4);
        assert_eq!(writer.push_slice(&[1.0, 2.0, 3.0]), 3);
        assert_eq!(writer.push_slice(&[4.0, 5.0, 6.0]), 1);
        assert_eq!(writer.push(7.0), Err(7.0));
        assert_eq!((writer.refused(), reader.refused()), (3, 3));
        let mut out = [0.0; 8];
        assert_eq!(reader.pop_slice(&mut out), 4);
        assert_eq!(out[..4], [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn skipping_leaves_what_comes_after() {
        let (mut writer, mut reader) = ring::<i16>(8);
        writer.push_slice(&[1, 2, 3, 4]);
        assert_eq!(reader.skip(3), 3);
        assert_eq!(reader.peek(), Some(&4));
        assert_eq!(reader.skip(9), 1);
        assert!(reader.is_empty());
    }

    #[test]
    fn what_one_thread_writes_another_reads_whole_and_in_order() {
        const ITEMS: usize = 200;
        let (mut writer, mut reader) = ring::<[usize; 4]>(8);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for number in 0..ITEMS {
                    while writer.push([number; 4]).is_err() {
                        std::thread::yield_now();
                    }
                }
            });
            for number in 0..ITEMS {
                let item = std::iter::repeat_with(|| reader.pop()).find_map(|item| {
                    item.or_else(|| {
                        std::thread::yield_now();
                        None
                    })
                });
                assert_eq!(item, Some([number; 4]));
            }
        });
    }

    proptest! {
        #[test]
        fn samples_come_out_once_and_in_order_across_the_seam(
            sizes in prop::collection::vec((1usize..40, 1usize..40), 1..60)
        ) {
            let (mut writer, mut reader) = ring::<f32>(32);
            let (mut next, mut expected) = (0.0f32, 0.0f32);
            for (push, pop) in sizes {
                let items: Vec<f32> = (0..push).map(|i| next + i as f32).collect();
                next += writer.push_slice(&items) as f32;
                let mut out = vec![0.0; pop];
                let n = reader.pop_slice(&mut out);
                for sample in &out[..n] {
                    prop_assert_eq!(*sample, expected);
                    expected += 1.0;
                }
            }
        }
    }
}
