//! Which reply a piece of model audio belongs to.
//!
//! Runs on: any thread. Never allocates, locks, logs or fails.

/// The number of a reply within a conversation; it advances when the model's
/// turn is over, and wraps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReplyId(pub u32);

impl ReplyId {
    /// The reply after this one.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// The reply before this one.
    pub const fn previous(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }

    /// Whether this reply came later than `other`, across the wrap.
    pub const fn is_after(self, other: Self) -> bool {
        (self.0.wrapping_sub(other.0) as i32) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_holds_across_the_wrap() {
        let last = ReplyId(u32::MAX);
        assert!(last.next().is_after(last));
        assert!(!last.is_after(last));
        assert!(!last.is_after(last.next()));
        assert_eq!(last.next().previous(), last);
    }
}
