//! Where the process may die: between any two things the store does to its files.
//!
//! In a program [`strike`] is nothing. In the tests of this crate it can kill the process it runs in.

#[cfg(not(test))]
pub(crate) const fn strike() {}

/// Aborts the process when it comes by for the n-th time, n from the environment.
#[cfg(test)]
pub(crate) fn strike() {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static FATAL: OnceLock<Option<u64>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);

    let fatal = FATAL.get_or_init(|| std::env::var(STRIKE_AT).ok()?.parse().ok());
    let passed = PASSED.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    if *fatal == Some(passed) {
        std::process::abort();
    }
}

/// The variable that says at which strike a child process of a test dies.
#[cfg(test)]
pub(crate) const STRIKE_AT: &str = "TANDEM_STORE_STRIKE_AT";
