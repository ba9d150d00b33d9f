//! One thing that reads what the network sends.

use crate::meter::{Budget, Use};

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As typed in `cargo xtask fuzz NAME`, and the name of its folders.
    pub name: &'static str,
    /// What a person reads in the list.
    pub about: &'static str,
    /// Folders with more seeds, from the checkout's root: what the other tests have.
    pub seeds: &'static [&'static str],
    /// A file of `dictionaries/`, without its ending.
    pub dictionary: Option<&'static str>,
    /// The longest input worth trying, in bytes.
    pub longest: usize,
    /// What it may cost.
    pub budget: Budget,
    /// Tries one input; panics if something that must hold does not.
    pub check: fn(&[u8]),
}

impl Target {
    /// Tries one input, and what it costs.
    ///
    /// # Panics
    /// If anything that must hold does not.
    pub fn run(&self, input: &[u8]) {
        let used = Use::of(|| (self.check)(input));
        assert!(
            self.budget.allows(input.len(), used),
            "{} bytes cost {} bytes of memory and {} bytes of work: more than {:?}",
            input.len(),
            used.memory,
            used.work,
            self.budget
        );
    }
}
