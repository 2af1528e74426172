//! An allocator that counts what one thread allocates.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// The system's allocator with a count of the allocations of the threads that have called
/// [`Counting::this_thread`].
pub struct Counting {
    allocations: AtomicU64,
    bytes: AtomicU64,
}

thread_local! {
    /// Without a destructor, so that it can be read while a thread ends.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

impl Counting {
    /// Counts nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { allocations: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// Counts the allocations of this thread from now on.
    pub fn this_thread(&self) {
        COUNTED.set(true);
    }

    /// The number of allocations so far, including reallocations, and their bytes.
    #[must_use]
    pub fn total(&self) -> (u64, u64) {
        (self.allocations.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    fn count(&self, bytes: usize) {
        if COUNTED.get() {
            self.allocations.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }
}

impl Default for Counting {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: all calls are forwarded to `System`, which upholds the contract; the counting neither allocates nor
// unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size());
        // SAFETY: the caller upholds the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size());
        // SAFETY: the caller upholds the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.count(size);
        // SAFETY: the caller upholds the contract of `realloc`.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller upholds the contract of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }
}
