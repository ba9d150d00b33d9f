//! How much memory an input costs, and how much work (bytes allocated in all, which repeats exactly where
//! time does not).

#![allow(
    unsafe_code,
    reason = "a counting allocator has to be one; it only forwards to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
    static TOTAL: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; the counters are plain cells without a
// destructor, so that they can be used at any time of a thread's life and allocate nothing themselves.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(size(layout.size()));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(size(layout.size()));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - size(layout.size()));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        LIVE.set(LIVE.get() - size(layout.size()));
        count(size(new_size));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn count(bytes: i64) {
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
    TOTAL.set(TOTAL.get() + bytes);
}

/// What a target may cost: so much, and so much more for each byte of its input.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Bytes held at one time: for any input, and for each of its bytes.
    pub memory: (usize, usize),
    /// Bytes allocated in all, freed or not: the same. What grows with the square of the input breaks it.
    pub work: (usize, usize),
}

/// What an input did cost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Use {
    /// The most bytes held at one time.
    pub memory: usize,
    /// Bytes allocated in all.
    pub work: usize,
}

impl Use {
    /// Runs something on this thread and measures it.
    pub fn of(run: impl FnOnce()) -> Self {
        let (before, total) = (LIVE.get(), TOTAL.get());
        PEAK.set(before);
        run();
        let used = |bytes: i64| usize::try_from(bytes).unwrap_or(0);
        Self {
            memory: used(PEAK.get() - before),
            work: used(TOTAL.get() - total),
        }
    }
}

impl Budget {
    /// Whether an input of so many bytes may cost that.
    pub fn allows(&self, input: usize, used: Use) -> bool {
        let allowed = |(any, each): (usize, usize)| any + each * input;
        used.memory <= allowed(self.memory) && used.work <= allowed(self.work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_and_what_is_churned_are_told_apart() {
        let used = Use::of(|| {
            for _ in 0..10 {
                drop(std::hint::black_box(vec![1_u8; 1000]));
            }
        });
        assert_eq!((used.memory, used.work), (1000, 10_000));
        let grown = Use::of(|| {
            let mut bytes = Vec::with_capacity(10);
            bytes.resize(30_usize, 1_u8);
            std::hint::black_box(bytes);
        });
        assert_eq!((grown.memory, grown.work), (30, 40));
    }

    #[test]
    fn the_square_of_an_input_breaks_a_budget() {
        let budget = Budget {
            memory: (1000, 10),
            work: (1000, 100),
        };
        let churn = |bytes: usize| Use {
            memory: bytes,
            work: bytes * bytes,
        };
        assert!(budget.allows(100, churn(100)));
        assert!(!budget.allows(1000, churn(1000)));
        assert!(!budget.allows(
            10,
            Use {
                memory: 1101,
                work: 0
            }
        ));
    }
}
