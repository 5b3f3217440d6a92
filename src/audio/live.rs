//! One number that a control thread sets and a real-time thread reads.
//!
//! Runs on: any thread. Never allocates, locks, logs or fails.

use std::sync::Arc;

use super::atomic::{AtomicU32, Ordering::Relaxed};

/// A shared `f32`: control → real-time, newest value wins.
#[derive(Clone, Debug)]
pub struct LiveValue(Arc<AtomicU32>);

impl LiveValue {
    /// A value that starts as `value`. Allocates once.
    pub fn new(value: f32) -> Self {
        Self(Arc::new(AtomicU32::new(value.to_bits())))
    }

    /// Sets it; NaN and infinities are ignored.
    pub fn set(&self, value: f32) {
        if value.is_finite() {
            self.0.store(value.to_bits(), Relaxed);
        }
    }

    /// What it is now.
    pub fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_sees_what_was_set_and_never_a_nan() {
        let value = LiveValue::new(1.0);
        let reader = value.clone();
        value.set(-3.5);
        value.set(f32::NAN);
        assert_eq!(reader.get(), -3.5);
    }
}
