//! The system's allocator, counting how often each thread asks it, and for how much.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// Counts, then does what the system does.
pub(crate) struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static FREES: Cell<u64> = const { Cell::new(0) };
    /// Bytes that this thread has taken more than given back, and the most ever.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// How often the calling thread has allocated or reallocated so far.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

/// As [`allocations`], and how often it has freed, which may take the
/// allocator's lock just as well: what must stay the same in real-time code.
pub(crate) fn heap_calls() -> u64 {
    allocations() + FREES.with(Cell::get)
}

/// Bytes that the calling thread has taken more than given back.
pub(crate) fn live_bytes() -> isize {
    HELD.with(Cell::get)
}

/// The most bytes that `work` held at once on this thread, besides what was there
/// before it.
pub(crate) fn peak_bytes<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.with(Cell::get);
    PEAK.with(|peak| peak.set(before));
    let made = work();
    (made, (PEAK.with(Cell::get) - before) as usize)
}

fn hold(bytes: isize) {
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

fn count(calls: &'static std::thread::LocalKey<Cell<u64>>) {
    // A thread that is ending has no counter any more.
    let _ = calls.try_with(|n| n.set(n.get() + 1));
}

// SAFETY: every call goes to the system's allocator unchanged; counting in a
// thread-local without a destructor allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(&ALLOCATIONS);
        hold(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(&ALLOCATIONS);
        hold(layout.size() as isize);
        // SAFETY: as above, of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(&ALLOCATIONS);
        // Where it moves, both are there for a moment.
        hold(new_size as isize);
        hold(-(layout.size() as isize));
        // SAFETY: as above, of `realloc`.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(&FREES);
        hold(-(layout.size() as isize));
        // SAFETY: as above, of `dealloc`.
        unsafe { System.dealloc(ptr, layout) }
    }
}
